"""A little registry, and the settings of sessions that deliver to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chaos_sessions import policy, proxy, start  # noqa: F401  # fixtures of the rows C1 to C17
from little_registry import LittleRegistry, little_registry

import artifact_plugins as ap
from artifact_plugins.delivery import Policy

# Waits of seconds made waits of milliseconds: what is measured in them is measured in its own test.
QUICK = Policy(
    first_pause_seconds=0.01,
    longest_pause_seconds=0.05,
    longest_outage_pause_seconds=0.05,
    login_pause_seconds=0.05,
    longest_login_pause_seconds=0.1,
    lease_seconds=2.0,
    gather_seconds=0.001,
    poll_seconds=0.1,
    late_seconds=0.05,
    running_seconds=1.0,
)


@pytest.fixture
def registry() -> Iterator[LittleRegistry]:
    """Return a running registry."""
    with little_registry() as found:
        yield found


@pytest.fixture
def places(tmp_path: Path, registry: LittleRegistry) -> dict[str, Any]:
    """Return settings of a session on disk that delivers to the registry."""
    return {
        "store_url": str(tmp_path / "store"),
        "ledger_url": f"sqlite:///{tmp_path / 'ledger.sqlite'}",
        "durability": "process",
        "plugins": ("little_registry",),
        "backends": (registry.url,),
        "flush_seconds": 20.0,
    }


@pytest.fixture
def session(places: dict[str, Any], quick: None) -> Iterator[ap.Session]:
    """Open a session that delivers to the registry."""
    with ap.open_session(ap.Settings(**places)) as opened:
        yield opened


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the pauses of every deliverer short."""
    monkeypatch.setattr("artifact_plugins.delivery.deliverer.Policy", lambda: QUICK)
