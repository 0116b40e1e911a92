"""Versions that a step logged before it ended: sent on their own, then with their task, and there once."""

from __future__ import annotations

import threading

import pytest
from little_registry import Fault, LittleBackend
from waiting import wait_until

import artifact_plugins as ap
from artifact_plugins.delivery.sending import Sender
from artifact_plugins.records import OutboxState, TaskState

LOGGED, GIVEN_UP = threading.Event(), threading.Event()


@ap.step
def logs() -> int:
    ap.log_artifact("extra", 5)
    LOGGED.set()
    assert GIVEN_UP.wait(30)
    return 1


@pytest.fixture(autouse=True)
def _tasks_are_sent_when_they_end(quick, monkeypatch):
    """Have the registry take a task when it has ended, as ZenML and Dioptra do."""
    LOGGED.clear()
    GIVEN_UP.clear()
    deliver_task = LittleBackend.deliver_task

    def when_ended(backend, task, delivery):
        if task.state is not TaskState.RUNNING:
            deliver_task(backend, task, delivery)

    monkeypatch.setattr(LittleBackend, "deliver_task", when_ended)


def given_up_and_there(session, registry, *, drops=False):
    """Run a step whose logged version is made with a lost answer and then refused; return its rows."""
    is_made, goes_through = threading.Event(), threading.Event()

    def fault(asked):
        if not asked.path.startswith("/versions") or goes_through.is_set():
            return None
        if is_made.is_set():
            return Fault(status=422)
        if asked.is_write:
            is_made.set()
            return Fault(cut="answer")
        return None

    registry.faults = fault

    def gives_up():
        LOGGED.wait(30)
        wait_until(lambda: session.deliverer.rows(state=OutboxState.DEAD))
        wait_until(lambda: not session.deliverer.rows(state=OutboxState.PENDING))
        if drops:
            session.deliverer.drop("little", state=OutboxState.DEAD)
        goes_through.set()
        GIVEN_UP.set()

    beside = threading.Thread(target=gives_up)
    beside.start()
    with ap.start_run("logging"):
        logs()
    beside.join()
    assert session.deliverer.flush(30)
    return [row for row in registry.tables["versions"] if row["name"] == "extra"]


@pytest.mark.parametrize("drops", [False, True], ids=["dead", "dropped"])
def test_a_logged_version_that_was_given_up_is_found_by_its_task(session, registry, drops):
    """What was made before its answer was lost is not made again when its task ends."""
    assert len(given_up_and_there(session, registry, drops=drops)) == 1


def test_without_the_note_it_is_made_twice(session, registry, monkeypatch):
    """Negative control: a task that does not know of the earlier try makes its version again."""
    monkeypatch.setattr(Sender, "_note_tried", lambda sender, row: None)

    assert len(given_up_and_there(session, registry)) == 2
