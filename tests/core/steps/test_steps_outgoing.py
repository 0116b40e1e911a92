"""A task that lasts is seen RUNNING; a short one is written once; a long run is read back."""

from __future__ import annotations

import json
import threading
import time

import pytest

import artifact_plugins as ap
from artifact_plugins.records import TaskQuery, TaskState
from artifact_plugins.steps import outgoing, story

pytestmark = pytest.mark.usefixtures("session")


def test_task_that_lasts_is_seen_running(session):
    """Another reader of the ledger sees the task while its function runs."""
    seen = []

    @ap.step
    def slow() -> int:
        until = time.monotonic() + 10
        while not seen and time.monotonic() < until:
            seen.extend(t.state for t in session.ledger.tasks(TaskQuery(name="slow")))
            time.sleep(0.01)
        return 1

    with ap.start_run("script") as run:
        slow()

    assert seen == [TaskState.RUNNING]
    assert run.tasks()[-1].state is TaskState.SUCCEEDED


def test_short_task_is_written_once(session, monkeypatch):
    """One commit per trivial step: its row, its version and its links together."""
    batches = []
    write = session.ledger.write

    def watched(batch, **options):
        batches.append(batch)
        return write(batch, **options)

    monkeypatch.setattr(session.ledger, "write", watched)
    monkeypatch.setattr(outgoing, "PATIENCE_SECONDS", 60)

    @ap.step
    def quick() -> int:
        return 1

    with ap.start_run("script"):
        quick()

    assert [len(b.tasks) for b in batches] == [1, 1, 1]
    assert [t.name for b in batches for t in b.tasks] == ["ROOT", "quick", "ROOT"]


def test_watching_ends_with_the_run():
    """No thread is left behind by a run, however it ends."""

    @ap.step
    def quick() -> int:
        return 1

    before = set(threading.enumerate())  # of other tests, too: they may end meanwhile

    @ap.step
    def breaks(x: int) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), ap.start_run("script"):
        breaks(quick())

    assert set(threading.enumerate()) <= before


def test_long_run_is_read_back_for_its_document(session, monkeypatch):
    """The document has the same records whether they were remembered or read back."""

    @ap.step
    def quick(x: int) -> int:
        return x

    documents = []
    for limit in (100_000, 3):
        monkeypatch.setattr(story, "_REMEMBERED", limit)
        with ap.start_run("script") as run:
            quick.map(x=[1, 2, 3])
        documents.append(json.loads(session.store.get_run(run.id)))

    remembered, read_back = documents
    for name in ("tasks", "versions", "links"):
        assert len(remembered[name]) == len(read_back[name]) > 0
        assert [sorted(item) for item in remembered[name]] == [
            sorted(item) for item in read_back[name]
        ]
    assert {task["state"] for task in remembered["tasks"]} == {"SUCCEEDED"}
