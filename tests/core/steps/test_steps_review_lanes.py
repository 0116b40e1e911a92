"""Steps beside the body: interrupts end a run, a plugin that exits hangs none, errors come back."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
import types
from pathlib import Path

import pytest

import artifact_plugins as ap
from artifact_plugins.errors import RunError, RuntimeUnavailableError
from artifact_plugins.records import RunState, TaskState
from artifact_plugins.steps import async_lane


class Elsewhere(Exception):
    """Comes back from a pickle as something that cannot be raised."""

    def __reduce__(self):
        return str, ("no exception",)


@ap.step
def elsewhere(x: int) -> int:
    raise Elsewhere("here")


@ap.step
def at_length(x: int) -> int:
    raise ValueError("long" * 250_000)


@ap.step
def one() -> int:
    return 1


class Course:
    """How far a step of those below is."""

    def __init__(self) -> None:
        self.runs, self.may_end, self.ended = (threading.Event() for _ in range(3))


courses: list[Course] = []  # of each test that interrupts one: the last is its own


@ap.step
async def never() -> int:
    courses[-1].runs.set()
    await asyncio.sleep(3600)
    return 1


@ap.step
async def stubborn() -> int:
    course = courses[-1]
    course.runs.set()
    while not course.may_end.is_set():
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            continue
    course.ended.set()
    return 1


@ap.step
async def blocking() -> int:
    course = courses[-1]
    course.runs.set()
    course.may_end.wait(60)
    course.ended.set()
    return 1


@pytest.fixture
def interrupted():
    """Interrupt this process soon after a step of those above began."""
    course = Course()
    courses.append(course)

    def interrupt() -> None:
        assert course.runs.wait(60)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    yield course
    thread.join()
    course.may_end.set()


@pytest.fixture
def opened(tmp_path: Path):
    """Return a function: open a session in the folder of the test with a runtime."""

    def opening(runtime="inline", **more):
        return ap.open_session(
            ap.Settings(
                store_url=str(tmp_path / "store"),
                ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}",
                durability="process",
                runtime=runtime,
                **more,
            )
        )

    return opening


@pytest.mark.parametrize("step", [never, stubborn, blocking])
def test_interrupted_async_step_is_failed(opened, monkeypatch, interrupted, step):
    """Ctrl-C ends a run whose async step runs, also one that does not let itself be cancelled."""
    monkeypatch.setattr(async_lane, "CLOSE_SECONDS", 0.3)

    with opened() as session:
        with pytest.raises(KeyboardInterrupt), ap.start_run("script"):
            step()

        (run,) = session.runs()
        states = {task.name: task.state for task in session.tasks()}
        assert run.state is RunState.FAILED
        assert states == {"ROOT": TaskState.FAILED, step.name: TaskState.FAILED}
        assert not interrupted.ended.is_set()


def test_async_step_that_was_not_started_is_skipped(opened, interrupted):
    """Control: what an interrupt finds waiting has not failed, it never happened."""

    @ap.step
    async def after(x: int) -> int:
        return x

    with opened() as session:
        with pytest.raises(KeyboardInterrupt), ap.start_run("script"):
            after(never())  # type: ignore[arg-type, unused-coroutine]  # a handle of an int

        states = {task.name: task.state for task in session.tasks()}
        assert states["never"] is TaskState.FAILED
        assert states["after"] is TaskState.SKIPPED


@pytest.mark.parametrize("hook", ["after_step_run", "after_artifact_saved", "on_step_error"])
def test_plugin_that_exits_does_not_hang_the_run(opened, monkeypatch, hook):
    """SystemExit of an observer under threads comes out of the run."""
    plugin = types.ModuleType("plugin_that_exits")

    def leave() -> None:
        raise SystemExit(3)

    leave.__name__ = hook
    setattr(plugin, hook, ap.hookimpl(leave))
    monkeypatch.setitem(sys.modules, "plugin_that_exits", plugin)
    raised: list[BaseException] = []

    @ap.step
    def breaks() -> int:
        raise ValueError

    def go() -> None:
        try:
            with ap.start_run("script"):
                ap.value(breaks() if hook == "on_step_error" else one())
        except BaseException as error:
            raised.append(error)

    with opened("threads:2", plugins=("plugin_that_exits",)) as session:
        thread = threading.Thread(target=go, daemon=True)
        thread.start()
        thread.join(20)

        assert not thread.is_alive()
        assert isinstance(raised[0], SystemExit | ValueError)
        (run,) = session.runs()
        assert run.state is RunState.FAILED


@pytest.mark.slow
def test_errors_that_do_not_travel_are_replaced(opened):
    """What unpickles to something else becomes a RunError; a long trace is cut in the note."""
    with opened("processes:1"):
        with pytest.raises(RunError, match="Elsewhere: here"), ap.start_run("script"):
            ap.value(elsewhere(1))
        with pytest.raises(ValueError, match="longlong") as caught, ap.start_run("script"):
            ap.value(at_length(1))

        assert len(str(caught.value)) == 1_000_000
        assert all(len(note) < 30_000 for note in caught.value.__notes__)


class Vanishing:
    """A runtime that was there when the run asked, and is gone when the scheduler does."""

    name = "vanishing"
    is_local = False

    @property
    def workers(self) -> int:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeUnavailableError("it is gone")
        return 1

    def submit(self, function, /, *args):
        raise RuntimeUnavailableError("it is gone")

    def close(self):
        pass


@pytest.mark.timeout(30)
def test_a_runtime_that_cannot_say_how_many_workers_it_has_hangs_no_run(opened, monkeypatch):
    """Every call that it does not take is FAILED with the reason, more of them than fit at once."""
    with opened() as session:
        monkeypatch.setitem(vars(session), "runtime", Vanishing())
        with pytest.raises(RuntimeUnavailableError, match="gone"), ap.start_run("script"):
            ap.value([one() for _ in range(9)][-1])
        (run,) = session.runs()
        states = [task.state for task in session.tasks()]

    assert run.state is RunState.FAILED
    assert states == [TaskState.FAILED] * 10
