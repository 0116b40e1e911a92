"""Sessions that deliver to a little registry through a chaos proxy, and what always holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from chaos_proxy import ChaosProxy, chaos_proxy
from little_registry import LittleRegistry

import artifact_plugins as ap
from artifact_plugins.delivery import Policy

Open = Callable[..., Any]


@ap.step
def numbers(count: int) -> list[int]:
    return list(range(count))


@ap.step
def total(values: list[int]) -> int:
    return sum(values)


@ap.pipeline
def sums(count: int) -> None:
    total(numbers(count))


@pytest.fixture
def proxy(registry: LittleRegistry) -> Iterator[ChaosProxy]:
    """A proxy before the registry that damages what creates records, when it is told to."""
    with chaos_proxy(registry.port, touches=lambda method, path: method == "POST") as found:
        yield found


@pytest.fixture
def policy(monkeypatch: pytest.MonkeyPatch, quick: None) -> Callable[..., None]:
    """Change numbers of the policy of the deliverers to come."""
    from artifact_plugins.delivery import deliverer

    made: Policy = vars(deliverer)["Policy"]()

    def change(**numbers: Any) -> None:
        monkeypatch.setattr(deliverer, "Policy", lambda: replace(made, **numbers))

    return change


@pytest.fixture
def start(places: dict[str, Any], proxy: ChaosProxy, quick: None) -> Iterator[Open]:
    """Open sessions that deliver through the proxy, or wherever they are told to."""
    with ExitStack() as stack:

        def begin(**others: Any) -> ap.Session:
            url = f"little+{proxy.url}/"
            given = {**places, "backends": (url,), "flush_seconds": 1.0, **others}
            return stack.enter_context(ap.open_session(ap.Settings(**given)))

        yield begin


def status_of(session: ap.Session) -> Any:
    (found,) = session.deliverer.status()
    return found


def once(session: ap.Session, registry: LittleRegistry, *saved: ap.ArtifactVersion) -> None:
    """Assert that the server has exactly what was saved, that it loads, and that nothing waits."""
    assert session.deliverer.flush(60)
    assert sorted(registry.ours("versions")) == sorted(version.id for version in saved)
    assert registry.duplicates() == {}
    assert (status_of(session).pending, status_of(session).dead) == (0, 0)
    for version in saved:
        session.load(version)


def row_of(session: ap.Session, version: ap.ArtifactVersion) -> Any:
    outbox = session.ledger.outbox
    return outbox.row(status_of(session).backend_id, "version", version.id)
