"""What goes wrong in a step, its worker or its runtime is named, and the run is complete."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from typing import Annotated

import pytest
from runtime_steps import EVERY, breaks, inner, last, make, total, use

import artifact_plugins as ap
from artifact_plugins.errors import (
    NotSerializableError,
    StepNotSendableError,
    StoreCapabilityError,
    WorkerLostError,
)
from artifact_plugins.records import RunQuery, RunState, TaskQuery, TaskState


@ap.step
def dies(i: int) -> int:
    os._exit(9)


@ap.pipeline
def half_broken():
    a = make(3)
    total([use(breaks(a)), use(a)])
    use(use(a))


@ap.pipeline
def asks():
    ap.value(use(breaks(make(1))))


@ap.pipeline
def loses_its_worker():
    first = make(1)
    ap.value(first)
    use(dies(first))


@pytest.mark.parametrize("runtime", EVERY)
def test_upstream_failure_skips_what_depends_on_it_and_nothing_else(opened, runtime):
    """The first exception comes out with its note; independent tasks are committed."""
    with opened(runtime) as session:
        with pytest.raises(ZeroDivisionError, match="at 3") as caught:
            half_broken()

        states = last(session)
        run = session.ledger.runs(RunQuery())[0]

    assert any("ROOT/breaks" in note for note in caught.value.__notes__)
    assert states == {
        "ROOT": TaskState.FAILED,
        "make": TaskState.SUCCEEDED,
        "breaks": TaskState.FAILED,
        "use": TaskState.SKIPPED,
        "total": TaskState.SKIPPED,
        "use-2": TaskState.SUCCEEDED,
        "use-3": TaskState.SUCCEEDED,
        "use-4": TaskState.SUCCEEDED,
    }
    assert run.state is RunState.FAILED
    assert run.error == "ZeroDivisionError: at 3"


@ap.step
def inverse(i: int) -> int:
    return 6 // i


@ap.pipeline
def part_broken():
    inverses = inverse.map(i=[1, 0, 2])
    ap.for_each(lambda i: use(inverse(i)), i=[0, 4])
    use.map(i=[breaks(7)])
    floors = inner.map(d=inverses)
    total(floors)
    inner(make(1))


@pytest.mark.parametrize("runtime", EVERY)
def test_a_failing_item_of_a_map_stops_no_other_item(opened, runtime):
    """The others run, also those of what is mapped over them; fan-ins are SKIPPED."""
    with opened(runtime) as session:
        with pytest.raises(ZeroDivisionError):
            part_broken()

        run = session.ledger.runs(RunQuery())[0]
        tasks = session.ledger.tasks(TaskQuery(run_id=run.id))

    assert {task.scope_path.removeprefix("ROOT/"): task.state.value for task in tasks} == {
        "ROOT": "FAILED",
        "for-loop-1": "FAILED",
        "for-loop-1/inverse#0": "SUCCEEDED",
        "for-loop-1/inverse#1": "FAILED",
        "for-loop-1/inverse#2": "SUCCEEDED",
        "for-loop-2": "FAILED",
        "for-loop-2/inverse#0": "FAILED",
        "for-loop-2/use#0": "SKIPPED",
        "for-loop-2/inverse#1": "SUCCEEDED",
        "for-loop-2/use#1": "SUCCEEDED",
        "breaks": "FAILED",
        "for-loop-3": "SKIPPED",
        "for-loop-3/use#0": "SKIPPED",
        "for-loop-4": "FAILED",
        "for-loop-4/inner#0": "SUCCEEDED",
        "for-loop-4/inner#0/use": "SUCCEEDED",
        "for-loop-4/inner#0/use-2": "SUCCEEDED",
        "for-loop-4/inner#1": "SKIPPED",
        "for-loop-4/inner#1/use": "SKIPPED",
        "for-loop-4/inner#1/use-2": "SKIPPED",
        "for-loop-4/inner#2": "SUCCEEDED",
        "for-loop-4/inner#2/use": "SUCCEEDED",
        "for-loop-4/inner#2/use-2": "SUCCEEDED",
        "total": "SKIPPED",
        "make": "SUCCEEDED",
        "inner": "SUCCEEDED",
        "inner/use": "SUCCEEDED",
        "inner/use-2": "SUCCEEDED",
    }


@pytest.mark.parametrize("runtime", EVERY[:2])
def test_a_body_may_catch_what_a_step_raised(opened, runtime):
    """It goes on, and the run is FAILED all the same, with the step's exception."""
    caught = []

    @ap.pipeline
    def patient():
        broken = breaks(1)
        try:
            ap.value(broken)
        except ZeroDivisionError as error:
            caught.append(error)
        make(2)

    with opened(runtime) as session:
        with pytest.raises(ZeroDivisionError) as raised:
            patient()
        states = last(session)

    assert caught == [raised.value]
    assert states["make"] is TaskState.SUCCEEDED
    assert states["ROOT"] is TaskState.FAILED


@ap.step
def two() -> tuple[Annotated[int, "first"], Annotated[object, "second"]]:
    return 1, threading.Lock()


@pytest.mark.parametrize("runtime", EVERY)
def test_an_output_that_cannot_be_saved_is_named(opened, runtime):
    """The error notes which output it is about; the other one is not there either (G12)."""
    with opened(runtime) as session:
        with pytest.raises(NotSerializableError, match="lock") as caught, ap.start_run("two"):
            two()

        assert "in output 'second'" in "\n".join(caught.value.__notes__)
        assert session.versions().items == ()


@ap.step
def interrupted(i: int) -> int:
    if i == 1:
        raise KeyboardInterrupt
    return i


def test_an_interrupt_ends_the_body_at_the_call(opened):
    """Ctrl-C in a step under `inline`: what was not called yet has no task."""
    with opened() as session:
        with pytest.raises(KeyboardInterrupt), ap.start_run("cut"):
            interrupted.map(i=[0, 1, 2])

        (run,) = session.ledger.runs(RunQuery())
        tasks = session.ledger.tasks(TaskQuery(run_id=run.id))

    assert {task.scope_path: task.state.value for task in tasks} == {
        "ROOT": "FAILED",
        "ROOT/for-loop-1": "FAILED",
        "ROOT/for-loop-1/interrupted#0": "SUCCEEDED",
        "ROOT/for-loop-1/interrupted#1": "FAILED",
    }


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_that_fails_does_not_go_on_with_the_body(opened, tmp_path):
    """What a child of a step raises ends the child, although calls that fail do not end a body."""
    seen = tmp_path / "seen"

    @ap.step
    def forks() -> int:
        child = os.fork()
        if child == 0:
            raise ZeroDivisionError
        os.waitpid(child, 0)
        return child

    with opened():
        parent = os.getpid()
        try:
            with ap.start_run("forks"):
                forks()
                with seen.open("a") as lines:
                    lines.write(f"{os.getpid()}\n")
        except BaseException:
            if os.getpid() != parent:
                os._exit(0)
            raise

    assert seen.read_text() == f"{parent}\n"


@pytest.mark.parametrize("runtime", EVERY)
def test_value_of_a_failed_task_raises_what_it_raised(opened, runtime):
    """Asking for a value waits, and raises the step's own exception."""
    with opened(runtime), pytest.raises(ZeroDivisionError):
        asks()


def test_a_worker_that_dies_is_named(opened):
    """What had ended is committed, the task is FAILED, and a later run works again."""
    with opened("processes:1") as session:
        with pytest.raises(WorkerLostError, match="worker process died"):
            loses_its_worker()
        states = last(session)

        assert states["make"] is TaskState.SUCCEEDED
        assert states["dies"] is TaskState.FAILED
        assert states["use"] is TaskState.SKIPPED
        with ap.start_run("again"):
            assert ap.value(make(2)) == 2


def test_a_worker_that_cannot_reach_the_store_is_named(opened, tmp_path):
    """The task fails with the store's own error, and the run is complete."""
    with opened("processes:1") as session:
        with ap.start_run("first"):
            ap.value(make(1))  # starts the worker
        big = session.save("x" * 100_000, "big")
        version_folder = next((tmp_path / "store").rglob(big.id))
        version_folder.rename(tmp_path / "gone")
        with pytest.raises(ap.ArtifactPluginsError, match="is not there"), ap.start_run("second"):
            lengths(big)

        assert last(session)["lengths"] is TaskState.FAILED
        (tmp_path / "gone").rename(version_folder)
        with ap.start_run("third"):
            assert ap.value(lengths(big)) == 100_000


@ap.step
def lengths(text: str) -> int:
    return len(text)


def test_a_store_in_memory_is_refused_for_workers(tmp_path):
    """Nobody else can reach it, so nothing is called."""
    settings = ap.Settings(
        store_url="memory://alone", ledger_url="sqlite://", runtime="processes:1"
    )
    with (
        ap.open_session(settings),
        pytest.raises(StoreCapabilityError, match="cannot reach"),
        ap.start_run("memory"),
    ):
        make(1)


def test_a_step_that_cannot_be_sent_is_named(opened):
    """A lock in the closure cannot go to another process: the error says which step."""
    lock = threading.Lock()

    @ap.step
    def holds() -> bool:
        return lock.locked()

    with opened("processes:1") as session:
        with pytest.raises(StepNotSendableError, match="holds"), ap.start_run("locked"):
            ap.value(holds())
        assert last(session)["holds"] is TaskState.FAILED


def test_an_unknown_runtime_is_named(opened):
    """The setting is refused where the runtime is first needed, with what there is."""
    for wrong in ("thread", "threads:0", "processes:many", "nowhere://host"):
        with opened(wrong), pytest.raises(ap.ArtifactPluginsError, match=wrong.split(":")[0]):
            ap.start_run("x").__enter__()


INTERRUPTED = """
import sys, time
import artifact_plugins as ap

@ap.step
def quick(x: int) -> int:
    return x

@ap.step
def slow(x: int) -> int:
    print("slow", flush=True)
    time.sleep(20)
    return x

store, ledger, runtime = sys.argv[1:]
settings = ap.Settings(store_url=store, ledger_url=ledger, durability="process", runtime=runtime)
with ap.open_session(settings), ap.start_run("cut"):
    first = quick(1)
    ap.value(first)
    late = quick(slow(first))
    print("ready", flush=True)
    ap.value(late)
"""


@pytest.mark.parametrize("runtime", ["processes:1"])
def test_ctrl_c_leaves_a_failed_run_with_what_had_ended(opened, tmp_path, runtime):
    """SIGINT: no task stays RUNNING, what had ended is there, the exit code is Python's."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(INTERRUPTED))
    ledger = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    child = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "store"), ledger, runtime],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert {child.stdout.readline() for _ in range(2)} == {"ready\n", "slow\n"}
    time.sleep(0.1)

    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)

    assert "KeyboardInterrupt" in errors
    with opened() as session:
        states = last(session)
        run = session.ledger.runs(RunQuery())[0]
    assert run.state is RunState.FAILED
    assert states["quick"] is TaskState.SUCCEEDED
    assert states["slow"] is TaskState.FAILED
    assert states["quick-2"] is TaskState.SKIPPED
