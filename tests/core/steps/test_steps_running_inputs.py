"""A task that lasts is seen with what it reads, and has each of its links once in the end."""

from __future__ import annotations

import threading
import time

import pytest

import artifact_plugins as ap
from artifact_plugins.records import LinkQuery, TaskQuery, TaskState

pytestmark = pytest.mark.usefixtures("session")


@ap.step
def made() -> int:
    return 1


def inputs_seen(session, name):
    """Return what another reader finds while a task of that name runs."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        tasks = [
            task for task in session.committed.tasks(TaskQuery(name=name)) if not task.ended_at
        ]
        if tasks:
            found = session.committed.links(LinkQuery(task_ids=(tasks[-1].id,)))
            return [link.key for link in found]
        time.sleep(0.01)
    raise AssertionError("the task was never seen")


def keys_of(run, name):
    """Return the keys of all links of the tasks of a name, and their states."""
    tasks = [task for task in run.tasks() if task.name == name]
    return [
        (task.state, sorted(link.key for link in run.links() if link.task_id == task.id))
        for task in tasks
    ]


@pytest.mark.parametrize("runtime", ["inline", "threads"])
def test_task_that_lasts_is_seen_with_its_inputs(session, runtime):
    """Its versions and parameters are linked while it runs, and once when it has ended."""
    seen = []

    @ap.step
    def lasts(number: int, k: int = 2) -> int:
        seen.extend(inputs_seen(session, "lasts"))
        return number + k

    settings = session.settings.model_copy(update={"runtime": runtime})
    with ap.open_session(settings), ap.start_run("script") as run:
        lasts(made())

    assert sorted(seen) == ["k", "number"]
    assert keys_of(run, "lasts") == [(TaskState.SUCCEEDED, ["Output", "k", "number"])]


def test_task_that_is_tried_again_has_its_inputs_once(session):
    """Attempts share the inputs, also when the last one fails."""
    seen = []

    @ap.step(retries=1)
    def breaks(number: int) -> int:
        seen.append(inputs_seen(session, "breaks"))
        raise ValueError

    with pytest.raises(ValueError), ap.start_run("script") as run:
        ap.value(breaks(made()))

    assert seen == [["number"], ["number"]]
    assert keys_of(run, "breaks") == [(TaskState.FAILED, ["number"])]


def test_task_whose_results_others_had_first_has_its_inputs_once(session, tmp_path):
    """A step that becomes CACHED after it was seen running keeps the links of its inputs."""
    called = tmp_path / "called"  # a list would be part of the cache key

    @ap.step(cache=True)
    def shared(number: int) -> int:
        if not called.exists():
            called.touch()
            assert inputs_seen(session, "shared") == ["number"]
            faster = threading.Thread(target=run_faster)
            faster.start()
            faster.join()
        return number

    def run_faster():
        with ap.open_session(session.settings), ap.start_run("faster"):
            ap.value(shared(3))

    with ap.start_run("script") as run:
        ap.value(shared(3))

    assert keys_of(run, "shared") == [(TaskState.CACHED, ["Output", "number"])]
