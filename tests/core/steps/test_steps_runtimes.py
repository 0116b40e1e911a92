"""Every runtime gives the same run: values, links, states, and what a step does by hand."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from runtime_steps import EVERY, inner, make, total, use

import artifact_plugins as ap
from artifact_plugins.records import RunQuery


@ap.step
def where() -> int:
    return os.getpid()


@ap.step
def logs(x: int) -> int:
    ap.log_artifact("extra", x * 10)
    ap.log_metadata({"seen": x})
    if x < 0:
        raise ValueError(x)
    return x


@ap.step(retries=2)
def third_time(counter: str) -> int:
    path = Path(counter)
    path.write_text(path.read_text() + "." if path.exists() else ".")
    if len(path.read_text()) < 3:
        raise OSError("not yet")
    return ap.current_task().attempt


@ap.step
def reads(name: str) -> int:
    return ap.load_artifact(name) + 1


@ap.step
def generates(n: int) -> Iterator[int]:
    yield from range(n)


@ap.step
def mutates(items: list[int]) -> int:
    items.append(99)
    return len(items)


AWAKE: set[int] = set()


@ap.step
async def meets(i: int) -> int:
    """Wait until twenty calls are there."""
    AWAKE.add(i)
    while len(AWAKE) < 20:
        await asyncio.sleep(0.01)
    return i


@ap.pipeline
def everything(n=4):
    made = make.map(x=[1, 2, 3, n])
    deep = inner.map(d=made)
    chosen = ap.for_each(
        lambda m: ap.one_of(picks(m), big=lambda: use(m), small=lambda: make(m)), m=made
    )
    return {"deep": total(deep), "chosen": total(chosen), "all": total(use.map(i=made))}


@ap.step
def picks(m: int) -> str:
    return "big" if m > 2 else "small"


def shape(run) -> list[tuple]:
    """Return the links of a run without ids, sorted."""
    tasks = {task.id: task for task in run.tasks()}
    return sorted(
        (
            tasks[link.task_id].scope_path,
            link.io_type.value,
            link.key,
            str(link.producer),
            link.position,
            repr(link.value),
        )
        for link in run.links()
    )


def test_every_runtime_records_the_same_run(opened):
    """Values, task states and links do not depend on where the steps ran."""
    found = {}
    for runtime in EVERY:
        with opened(runtime):
            run = everything()
            states = sorted((t.scope_path, t.state.value) for t in run.tasks())
            found[runtime] = (ap.value(run.result), states, shape(run))

    assert found["inline"][0] == {"deep": 40, "chosen": 17, "all": 20}
    assert found["threads:3"] == found["inline"]
    assert found["processes:2"] == found["inline"]


def test_processes_run_steps_elsewhere(opened):
    """A step under `processes` runs in another process, one under `threads` in this one."""
    with opened("processes:2"), ap.start_run("far"):
        assert ap.value(where()) != os.getpid()
    with opened("threads:2"), ap.start_run("near"):
        assert ap.value(where()) == os.getpid()


def test_an_executor_of_the_caller_runs_the_steps(opened):
    """Any `concurrent.futures.Executor` can be handed over, and stays open."""
    with ThreadPoolExecutor(2) as threads:
        with opened(threads), ap.start_run("threads"):
            assert ap.value(use(make(4))) == 8
        assert threads.submit(len, "abc").result() == 3
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes,
        opened(processes),
        ap.start_run("processes"),
    ):
        assert ap.value(where()) != os.getpid()


@pytest.mark.parametrize("runtime", EVERY)
def test_what_a_step_does_by_hand_reaches_the_ledger(opened, runtime):
    """log_artifact, log_metadata, load_artifact and retries work wherever the step runs."""
    with opened(runtime) as session:
        session.save(41, "answer")
        with ap.start_run("hand") as run:
            assert ap.value(reads("answer")) == 42
            assert ap.value(logs(5)) == 5
            assert ap.value(third_time(str(Path("counter").absolute()))) == 3
            assert list(ap.value(generates(4))) == [0, 1, 2, 3]
        links = {link.key: link.io_type.value for link in run.links()}
        attempts = {task.name: task.attempt for task in run.tasks()}

        assert run["extra"].version == 1
        assert run["logs"].metadata["seen"] == 5
        assert links["auto/extra"] == "OUTPUT"
        assert links["auto/answer"] == "RUNTIME_VALUE_INPUT"
        assert attempts["third_time"] == 3


@pytest.mark.parametrize("runtime", EVERY)
def test_what_a_failed_step_logged_stays(opened, runtime):
    """Row 78: a version logged by hand stays with its link when the step fails later."""
    with opened(runtime) as session:
        with pytest.raises(ValueError, match="-1"), ap.start_run("hand"):
            ap.value(logs(-1))

        assert session.load("extra") == -10
        run = session.ledger.runs(RunQuery())[0]
        assert "auto/extra" in {link.key for link in session.links(f'run_id == "{run.id}"')}


@pytest.mark.parametrize("runtime", EVERY)
def test_a_mutated_input_changes_nobody_elses(opened, runtime):
    """Each task gets its own copy of a value."""
    with opened(runtime), ap.start_run("isolated"):
        shared = numbers()
        handles = [mutates(shared) for _ in range(3)]
        assert [ap.value(handle) for handle in handles] == [3, 3, 3]
        assert ap.value(shared) == [1, 2]


@ap.step
def numbers() -> list[int]:
    return [1, 2]


@pytest.mark.parametrize("runtime", ["inline", "threads:2"])
def test_async_steps_run_side_by_side(opened, runtime):
    """Twenty calls that wait for each other end, so all of them run at a time."""
    AWAKE.clear()
    with opened(runtime), ap.start_run("meeting"):
        assert ap.value(total(meets.map(i=list(range(20))))) == 190
