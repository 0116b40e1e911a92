"""The chaos of test_delivery_chaos.py between sessions and servers of other systems."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chaos_proxy import ChaosProxy, Fault, chaos_proxy
from kfp_server import KfpServer
from server_environments import ServerProcess, environment

import artifact_plugins as ap
from artifact_plugins.contracts.backend import RemoteQuery
from artifact_plugins.delivery.notes import UNSUPPORTED
from artifact_plugins.records import LinkQuery, RunQuery, TaskQuery, VersionQuery, every

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

SAVES, MAPPED = 40, 20
SHARES = {
    Fault.CUT_REQUEST: 0.12,
    Fault.CUT_ANSWER: 0.12,
    Fault.LOSE_ANSWER: 0.12,
    Fault.STATUS_502: 0.03,
    Fault.STATUS_503: 0.03,
    Fault.HTML: 0.02,
    Fault.TRUNCATED_JSON: 0.01,
}


@ap.step
def doubled(number: int) -> int:
    return 2 * number


@ap.step
def total(numbers: list[int]) -> int:
    return sum(numbers)


@contextlib.contextmanager
def kfp(folder: Path) -> Iterator[int]:
    """A KFP-compatible server; yields its port."""
    with KfpServer(folder) as server:
        yield server.port


@contextlib.contextmanager
def mlte(folder: Path) -> Iterator[int]:
    """A real MLTE backend that keeps everything in files; yields its port."""
    (folder / "store").mkdir(parents=True)
    programs = environment("mlte", ["mlte[backend,rdbs]==2.7.0"])
    command = [str(programs / "mlte"), "backend", "--host", "127.0.0.1", "--port", "{port}"]
    command += ["--store-uri", f"fs://{folder}/store", "--jwt-secret", "x" * 40]
    with ServerProcess(command, cwd=folder, ready="/api/healthz") as server:
        yield server.port


SERVERS: dict[str, Callable[[Path], Any]] = {"kfp": kfp, "mlte": mlte}


@pytest.fixture(params=SERVERS)
def opened(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    places: dict[str, Any],
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[ap.Session, ChaosProxy]]:
    """A session that delivers to a server through a proxy."""
    from artifact_plugins.delivery import deliverer

    # A task is a dozen requests there, and the pauses between tries are next to none here.
    policy = replace(deliverer.Policy(), tries=200)
    monkeypatch.setattr(deliverer, "Policy", lambda: policy)
    monkeypatch.setenv("ARTIFACT_PLUGINS_MLTE_USERNAME", "admin")
    monkeypatch.setenv("ARTIFACT_PLUGINS_MLTE_PASSWORD", "admin1234")
    with SERVERS[request.param](tmp_path / "server") as port, chaos_proxy(port, seed=9) as proxy:
        own = {"backends": (f"{request.param}+{proxy.url}/",), "project": "chaos", "plugins": ()}
        with ap.open_session(ap.Settings(**{**places, **own, "flush_seconds": 0.0})) as session:
            yield session, proxy


def there(session: ap.Session) -> Counter[str]:
    """Return how often the server lists each of our versions."""
    (backend,) = session.backends.values()
    found: Counter[str] = Counter()
    token = None
    while True:
        page = backend.versions(RemoteQuery(limit=100, page_token=token))
        found.update(one.record.id for one in page if one.record is not None)
        token = page.next_token
        if token is None:
            return found


def test_every_record_is_there_once(opened):
    """With 45 % of the traffic damaged, versions, tasks and links end at the server once."""
    session, proxy = opened
    proxy.shares = dict(SHARES)

    for number in range(SAVES):
        session.save({"number": number}, f"by-hand-{number % 5}")
    with ap.start_run("chaos") as run:
        total(doubled.map(number=list(range(MAPPED))))
    session.deliverer.sync(timeout_seconds=600)
    proxy.shares = {}
    session.deliverer.sync(timeout_seconds=60)

    (status,) = session.deliverer.status()
    assert (status.pending, status.dead) == (0, 0)
    assert 1 - proxy.counted["passed"] / proxy.counted.total() > 0.3
    ledger = session.ledger
    (backend,) = session.backends.values()
    # A system without artifacts outside of runs says so of what was saved by hand.
    versions = Counter(
        version.id
        for version in every(ledger.versions, VersionQuery())
        if UNSUPPORTED not in (ledger.outbox.external(1, "version", version.id) or {})
    )
    assert versions.total() == MAPPED + 1 + (SAVES if backend.scheme == "mlte" else 0)
    assert there(session) == versions
    sent = sorted(
        (link.task_id, link.io_type, link.key, link.version_id or "")
        for link in every(ledger.links, LinkQuery(run_id=run.id))
    )
    back = backend.links(run.id)
    assert sorted((x.task_id, x.io_type, x.key, x.version_id or "") for x in back) == sent
    for kind, ids in (
        ("run", [one.id for one in every(ledger.runs, RunQuery())]),
        ("task", [one.id for one in every(ledger.tasks, TaskQuery(run_id=run.id))]),
        ("version", list(versions)),
    ):
        noted = {one: ledger.outbox.external(1, kind, one) for one in ids}
        assert all(value is not None for value in noted.values()), kind
        assert backend.missing(kind, noted) == []
