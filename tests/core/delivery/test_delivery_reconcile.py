"""What a backend has lost, or never got, is found and sent again."""

from __future__ import annotations

import pytest
from little_registry import Fault

import artifact_plugins as ap
from artifact_plugins.errors import BackendUnavailableError, InputError


@ap.step
def number(value: int) -> int:
    return value


@ap.pipeline
def two_tasks():
    number(number(1))


def test_a_restored_backup_gets_what_it_lost(session, registry):
    """Records that vanished from the server are there again, once, with what belongs to them."""
    run = two_tasks()
    other = two_tasks()
    by_hand = session.save(1, "by-hand")
    assert session.deliverer.flush(60)
    before = {table: sorted(registry.ours(table)) for table in registry.tables}
    registry.forget("runs", run.id)
    for task in run.tasks():
        registry.forget("tasks", task.id)
    registry.forget("versions", by_hand.id)

    found = session.deliverer.reconcile("little")

    assert found.lost == {"run": 1, "task": 3, "version": 1}
    assert found.unsent == 0
    assert session.deliverer.flush(60)
    assert {table: sorted(registry.ours(table)) for table in registry.tables} == before
    assert other.id in registry.ours("runs")


def test_a_new_backend_gets_everything(places, registry, quick):
    """A backend that is added later gets all earlier records by `reconcile`, in their order."""
    with ap.open_session(ap.Settings(**places | {"backends": ()})) as session:
        run = two_tasks()
        saved = session.save(1, "by-hand")

    with ap.open_session(ap.Settings(**places)) as session:
        found = session.deliverer.reconcile("little")
        assert found.unsent == 5  # a run, ROOT and two tasks, a version
        assert found.lost == {}
        assert session.deliverer.flush(60)
    assert registry.ours("runs") == [run.id]
    assert len(registry.ours("tasks")) == 3
    assert saved.id in registry.ours("versions")
    assert not registry.duplicates()


def test_reconciling_twice_sends_nothing(session, registry):
    """When nothing is lost, nothing is sent."""
    two_tasks()
    assert session.deliverer.flush(60)
    writes = len(registry.writes())

    found = session.deliverer.reconcile("little")

    assert (found.lost, found.unsent) == ({}, 0)
    assert found.compared > 0
    assert session.deliverer.flush(60)
    assert len(registry.writes()) == writes


def test_many_records_are_compared_in_pages(session, registry):
    """250 records are compared page by page, with progress."""
    for value in range(250):
        session.save(value, "numbers")
    assert session.deliverer.flush(100)
    lost = registry.ours("versions")[::50]
    for ours in lost:
        registry.forget("versions", ours)
    seen = []

    found = session.deliverer.reconcile("little", progress=seen.append)

    assert found.lost == {"version": len(lost)}
    assert [one.compared for one in seen] == [100, 200, 250]
    assert session.deliverer.flush(60)
    assert sorted(registry.ours("versions")) == sorted(
        version.id for version in session.versions(limit=1000)
    )


def test_a_backend_that_is_away_cannot_be_compared(session, registry):
    """`reconcile` raises what the backend raises, and forgets nothing."""
    session.save(1, "numbers")
    assert session.deliverer.flush(60)
    registry.faults = lambda asked: Fault(status=503)

    with pytest.raises(BackendUnavailableError):
        session.deliverer.reconcile("little")

    assert session.ledger.outbox.external_page(session.deliverer.backend_id("little"), "version")


def test_what_is_unsupported_is_not_missed(session, registry):
    """What a backend cannot have is not compared and not sent again."""
    session.save(1, "unsupported")
    assert session.deliverer.flush(60)

    found = session.deliverer.reconcile("little")

    assert (found.compared, found.lost, found.unsent) == (0, {}, 0)


def test_an_unknown_backend_is_named(session):
    """Asking for a backend that is not configured is an InputError that names the others."""
    with pytest.raises(InputError, match="no backend 'zenml'"):
        session.deliverer.reconcile("zenml")
