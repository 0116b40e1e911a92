"""Steps on two worker processes of a Dask cluster: the same run as inline, made elsewhere."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
import uuid
from pathlib import Path
from typing import Annotated, Any

import distributed
import pytest

import artifact_plugins as ap
from artifact_integrations.dask.runtime import DaskRuntime
from artifact_plugins.errors import StepNotSendableError, StoreCapabilityError
from artifact_plugins.records import RunQuery, RunState, TaskQuery, TaskState

pytestmark = pytest.mark.server


@ap.step
def make(x: int = 3) -> Annotated[int, "o"]:
    return x


@ap.step
def use(i: int, factor: int = 2) -> Annotated[int, "o2"]:
    return i * factor


@ap.step
def total(numbers: list[int]) -> int:
    return sum(numbers)


@ap.step
def picks(m: int) -> str:
    return "big" if m > 2 else "small"


@ap.step
def breaks(i: int) -> int:
    raise ZeroDivisionError(f"at {i}")


@ap.step
def where(i: int) -> int:
    time.sleep(0.3)
    return os.getpid()


@ap.step
def logs(x: int) -> int:
    ap.log_artifact("extra", x * 10)
    ap.log_metadata({"seen": x})
    return x


@ap.step(retries=2)
def third_time(counter: str) -> int:
    path = Path(counter)
    path.write_text(path.read_text() + "." if path.exists() else ".")
    if len(path.read_text()) < 3:
        raise OSError("not yet")
    return ap.current_task().attempt


@ap.step
async def echoes(x: int) -> int:
    return x


@ap.step
def makes_big(n: int) -> Annotated[list[int], "big"]:
    return list(range(n))


CONNECTED: list[str] = []


@ap.step
def listens(i: int) -> int:
    time.sleep(0.3)
    if not CONNECTED:
        CONNECTED.append("listening")
        sys.addaudithook(lambda event, _: event == "sqlite3.connect" and CONNECTED.append(event))
    return os.getpid()


@ap.step
def connects(i: int) -> int:
    time.sleep(0.3)
    sqlite3.connect(":memory:").close()
    return os.getpid()


@ap.step
def heard(i: int) -> dict[str, Any]:
    time.sleep(0.3)
    return {str(os.getpid()): list(CONNECTED)}


@ap.pipeline
def inner(d):
    return use(use(d))


@ap.pipeline
def everything(n=4):
    made = make.map(x=[1, 2, 3, n])
    deep = inner.map(d=made)
    chosen = ap.for_each(
        lambda m: ap.one_of(picks(m), big=lambda: use(m), small=lambda: make(m)), m=made
    )
    return {"deep": total(deep), "chosen": total(chosen), "all": total(use.map(i=made))}


@ap.pipeline
def half_broken():
    a = make(3)
    total([use(breaks(a)), use(a)])
    use(use(a))


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


def test_a_cluster_records_the_same_run(opened, cluster):
    """Values, task states and links do not depend on where the steps ran."""
    found = {}
    for runtime in ("inline", cluster.url()):
        with opened(runtime, folder=runtime[:4]):
            run = everything()
            states = sorted((t.scope_path, t.state.value) for t in run.tasks())
            found[runtime] = (ap.value(run.result), states, shape(run))

    assert found["inline"][0] == {"deep": 40, "chosen": 17, "all": 20}
    assert found[cluster.url()] == found["inline"]


def test_steps_run_in_the_workers_side_by_side(opened, cluster):
    """Both worker processes take part; this one runs nothing."""
    with opened(cluster.url()), ap.start_run("where"):
        pids = {ap.value(handle) for handle in [where(i) for i in range(6)]}

    assert pids == {worker.pid for worker in cluster.workers}


def test_workers_open_no_ledger(opened, cluster):
    """A worker connects to no database, though it makes, reads and passes on versions."""
    with opened(cluster.url(), folder="first"), ap.start_run("listen"):
        pids = {ap.value(handle) for handle in [listens(i) for i in range(6)]}
        assert pids == {worker.pid for worker in cluster.workers}

    # Other settings: the workers open a session for them, while they listen.
    with opened(cluster.url(), folder="second"):
        everything()
        with ap.start_run("hear"):
            calls = [heard(i) for i in range(6)]
            before = {pid: events for call in calls for pid, events in ap.value(call).items()}
        with ap.start_run("control"):
            pids = {ap.value(handle) for handle in [connects(i) for i in range(6)]}
            after = {
                p: e for call in [heard(i) for i in range(6)] for p, e in ap.value(call).items()
            }

    assert list(before.values()) == [["listening"]] * 2
    assert all("sqlite3.connect" in after[str(pid)] for pid in pids)


def test_upstream_failure_skips_what_depends_on_it_and_nothing_else(opened, cluster):
    """The step's own exception comes out, with the trace of the worker and the task."""
    with opened(cluster.url()) as session:
        with pytest.raises(ZeroDivisionError, match="at 3") as caught:
            half_broken()
        run = session.ledger.runs(RunQuery())[0]
        states = {t.name: t.state for t in session.ledger.tasks(TaskQuery(run_id=run.id))}

    notes = "\n".join(caught.value.__notes__)
    assert "in a worker process" in notes
    assert "ROOT/breaks" in notes
    assert run.state is RunState.FAILED
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


def test_what_a_step_does_by_hand_reaches_the_ledger(opened, cluster):
    """log_artifact, log_metadata, retries, async steps and values of many bytes work there."""
    with opened(cluster.url()), ap.start_run("hand") as run:
        assert ap.value(logs(5)) == 5
        assert ap.value(third_time(str(Path("counter").absolute()))) == 3
        assert ap.value(echoes(7)) == 7
        assert ap.value(total(makes_big(100_000))) == 4_999_950_000

    assert run["extra"].version == 1
    assert run["logs"].metadata["seen"] == 5
    assert {task.name: task.attempt for task in run.tasks()}["third_time"] == 3


def test_two_equal_calls_are_two_calls(cluster):
    """Dask's cache of pure functions takes no part."""
    runtime = DaskRuntime(cluster.url())

    first, second = (runtime.submit(uuid.uuid4).result(timeout=30) for _ in range(2))
    runtime.close()

    assert first != second


def test_closing_leaves_the_cluster_and_other_clients(opened, cluster):
    """Our client is nobody's default, another one goes on, and a later run connects again."""
    with distributed.Client(cluster.address, set_as_default=False) as other:
        for _ in range(2):
            with opened(cluster.url()) as session, ap.start_run("once"):
                assert ap.value(make(1)) == 1
                with pytest.raises(ValueError, match="No clients found"):
                    distributed.default_client()
                session.runtime.close()
                assert ap.value(make(2)) == 2

        assert other.submit(os.getpid).result(timeout=30) in {w.pid for w in cluster.workers}


def test_as_many_calls_run_as_the_cluster_has_threads(cluster):
    """`workers` counts the threads of both workers."""
    runtime = DaskRuntime(cluster.url())

    assert runtime.workers == 2
    runtime.close()


def test_a_module_that_the_workers_do_not_have_is_named(opened, cluster, tmp_path, monkeypatch):
    """A step of a package on the path of this process only: the error says which module."""
    (tmp_path / "only_here.py").write_text(
        "import artifact_plugins as ap\n\n@ap.step\ndef local(x: int) -> int:\n    return x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import only_here

    with opened(cluster.url()) as session:
        with (
            pytest.raises(StepNotSendableError, match="'only_here'") as caught,
            ap.start_run("local"),
        ):
            ap.value(only_here.local(1))
        run = session.ledger.runs(RunQuery())[0]

    assert caught.value.module == "only_here"
    assert "ROOT/local" in "\n".join(caught.value.__notes__)
    assert run.state is RunState.FAILED


def test_a_store_in_memory_is_refused(cluster):
    """No worker can reach it, so nothing is called."""
    settings = ap.Settings(
        store_url="memory://alone", ledger_url="sqlite://", runtime=cluster.url()
    )
    with (
        ap.open_session(settings),
        pytest.raises(StoreCapabilityError, match="cannot reach"),
        ap.start_run("memory"),
    ):
        make(1)


def test_a_given_up_call_ends(cluster):
    """`cancel` answers False, for nobody knows whether the call runs, and ends it."""
    from concurrent.futures import CancelledError

    runtime = DaskRuntime(cluster.url())
    call = runtime.submit(time.sleep, 3)

    assert not call.cancel()
    with pytest.raises(CancelledError):
        call.result(timeout=10)
    assert runtime.submit(len, "abc").result(timeout=30) == 3
    runtime.close()


def test_the_executor_of_a_client_can_be_handed_over(opened, cluster, tmp_path):
    """`open_session(runtime=client.get_executor())` runs the steps in the cluster as well."""
    settings = ap.Settings(
        store_url=str(tmp_path / "store"), ledger_url=f"sqlite:///{tmp_path / 'l.sqlite'}"
    )
    with distributed.Client(cluster.address, set_as_default=False) as client:
        executor = client.get_executor(pure=False)
        with ap.open_session(settings, runtime=executor), ap.start_run("handed"):
            assert ap.value(where(1)) in {worker.pid for worker in cluster.workers}
