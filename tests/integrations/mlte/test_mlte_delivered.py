"""A session that names MLTE among its backends: records go there beside the steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from server_environments import ServerProcess

import artifact_plugins as ap
from artifact_plugins.contracts.backend import RemoteQuery
from artifact_plugins.records import LinkQuery, VersionQuery, every

pytestmark = pytest.mark.server


@ap.step
def make(number: int) -> int:
    return number * 1_000


@ap.step
def total(numbers: list[int]) -> dict[str, int]:
    return {"sum": sum(numbers)}


@ap.pipeline
def summing(numbers: list[int]) -> Any:
    return total(make.map(number=numbers))


def test_a_run_is_there_when_it_ends(
    server: ServerProcess, open_project: Callable[..., ap.Session]
) -> None:
    """With `wait`, a run that ended is on the server: versions, links, and its value by its id."""
    session = open_project(backends=[f"mlte+{server.url}"], delivery="wait", flush_seconds=120)

    run = summing([1, 2, 3])

    backend = session.backends["mlte"]
    page = backend.versions(RemoteQuery(run_id=run.id))
    found = {one.record.id: one.record for one in page if one.record is not None}
    in_ledger = every(session.ledger.versions, VersionQuery(run_id=run.id))
    assert found == {one.id: one for one in in_ledger}
    mine = sorted(every(session.ledger.links, LinkQuery(run_id=run.id)), key=lambda one: one.id)
    assert list(backend.links(run.id)) == mine
    last = next(one for one in page if one.name == "total")
    assert ap.load(f"mlte:{last.external_id}") == {"sum": 6_000}


def test_a_value_is_loaded_by_whoever_has_its_store(
    memory_server: ServerProcess, open_project: Callable[..., ap.Session]
) -> None:
    """Another ledger that never saw the version loads it by MLTE's id, from the shared store."""
    url = f"mlte+{memory_server.url}"
    session = open_project(backends=[url], delivery="wait", flush_seconds=120)
    value = [number / 7 for number in range(2_000)]  # too large to lie in the record
    version = ap.save(value, "flights")
    noted = next(iter(session.ledger.outbox.externals("version", version.id).values()))
    other = open_project(backends=[url], store_url=session.settings.store_url)

    found = other.load(f"mlte:{noted['external_id']}")

    assert found == value
    assert not tuple(every(other.ledger.versions, VersionQuery()))


def test_an_edit_is_done_with_a_reason(
    memory_server: ServerProcess, open_project: Callable[..., ap.Session]
) -> None:
    """An edit that MLTE cannot carry leaves nothing pending and nothing given up."""
    url = f"mlte+{memory_server.url}"
    session = open_project(backends=[url], delivery="wait", flush_seconds=120)
    version = ap.save([1], "flights")

    session.update(version, tags=["late"])
    assert session.deliverer.flush(120)

    status = session.deliverer.status()[0]
    assert (status.pending, status.dead) == (0, 0)
    noted = session.ledger.outbox.externals("version", version.id)
    found = next(iter(noted.values()))
    assert "tags" in found["unsupported"]
    assert session.backends["mlte"].version(found["external_id"]).record == version


def test_what_was_saved_during_an_outage_arrives_after_it(
    fs_server: ServerProcess, open_project: Callable[..., ap.Session]
) -> None:
    """Steps run while MLTE is dead; when it is back, everything is there once."""
    session = open_project(backends=[f"mlte+{fs_server.url}"], backend_timeout_seconds=60)
    first = summing([1])
    assert session.deliverer.flush(120)
    fs_server.kill()
    try:
        second = summing([4, 5])
    finally:
        fs_server.start()

    assert session.deliverer.flush(200)

    backend = session.backends["mlte"]
    for run in (first, second):
        mine = sorted(every(session.ledger.links, LinkQuery(run_id=run.id)), key=lambda one: one.id)
        assert list(backend.links(run.id)) == mine


def test_a_record_that_vanished_is_sent_again(
    memory_server: ServerProcess, open_project: Callable[..., ap.Session]
) -> None:
    """`reconcile` finds what somebody deleted on the server, and it is there again."""
    url = f"mlte+{memory_server.url}"
    session = open_project(backends=[url], delivery="wait", flush_seconds=120)
    version = ap.save([1], "flights")
    noted = next(iter(session.ledger.outbox.externals("version", version.id).values()))
    backend = session.backends["mlte"]
    backend.delete_version(noted["external_id"])

    session.deliverer.reconcile("mlte")
    assert session.deliverer.flush(120)

    assert backend.version(noted["external_id"]).record == version
