"""Workers and schedulers that die or say nothing: named errors in bounded time, a complete run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import artifact_plugins as ap
from artifact_integrations.dask.runtime import DaskRuntime
from artifact_plugins.errors import RuntimeUnavailableError, WorkerLostError
from artifact_plugins.records import RunQuery, RunState, TaskQuery, TaskState

QUICK = "connect_seconds=0.5"


@ap.step
def make(x: int) -> int:
    return x


@ap.step
def slowly(x: int, folder: str) -> int:
    """Leave a file per call, named by the process that makes it."""
    (Path(folder) / f"{x}-{os.getpid()}").touch()
    time.sleep(1.0)
    return x


@ap.step
def forever(x: int, folder: str) -> int:
    (Path(folder) / f"{x}-{os.getpid()}").touch()
    time.sleep(100)
    return x


@ap.step
def dies(x: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return x


@ap.pipeline
def deadly():
    first = make(1)
    ap.value(first)
    dies(first)
    total([make(2), make(3)])


@ap.pipeline
def endless(folder: str, calls: int):
    ap.value(make(1))
    total([forever(i, folder) for i in range(int(ap.value(calls)))])


@ap.step
def total(numbers: list[int]) -> int:
    return sum(numbers)


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """A folder for the marks that calls leave."""
    folder = tmp_path / "seen"
    folder.mkdir()
    return folder


def wait_for(folder: Path, count: int) -> list[str]:
    """Return the marks when there are so many."""
    for _ in range(600):
        found = sorted(path.name for path in folder.iterdir())
        if len(found) >= count:
            return found
        time.sleep(0.05)
    raise TimeoutError(folder)


def newest(session: ap.Session) -> tuple[RunState, Counter[TaskState]]:
    """Return the state of the newest run and how many of its tasks are in each state."""
    run = session.ledger.runs(RunQuery())[0]
    tasks = session.ledger.tasks(TaskQuery(run_id=run.id))
    return run.state, Counter(task.state for task in tasks if task.name != "ROOT")


@contextmanager
def later(action) -> Iterator[None]:
    """Do something in another thread while the block waits for the cluster."""
    thread = threading.Thread(target=action)
    thread.start()
    yield
    thread.join()


@contextmanager
def listening(answer: bytes | None) -> Iterator[int]:
    """A server that is no scheduler: it accepts, and answers so much."""
    accepted = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            accepted.append(connection)
            if answer is not None:
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
        for connection in accepted:
            connection.close()


@pytest.mark.parametrize("answer", [None, b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9, b"\0" * 999])
def test_a_server_that_is_no_scheduler_is_named(answer):
    """One that says nothing, and one that says something else, end in the same error, soon."""
    before = set(threading.enumerate())
    with listening(answer) as port:
        started = time.monotonic()
        with pytest.raises(RuntimeUnavailableError, match=f"tcp://127.0.0.1:{port} cannot be used"):
            _ = DaskRuntime(f"dask://127.0.0.1:{port}?{QUICK}").workers

    assert time.monotonic() - started < 15
    assert not {t.name for t in set(threading.enumerate()) - before} & {"IO loop"}


def test_a_scheduler_that_is_not_there_fails_the_run(opened):
    """The run is FAILED, with the address in its error; nothing waits for Dask's own 30 s."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with opened(f"dask://127.0.0.1:{port}?{QUICK}") as session:
        started = time.monotonic()
        with pytest.raises(RuntimeUnavailableError, match=f":{port}"), ap.start_run("dead"):
            total([make(1), make(2)])
        run = session.ledger.runs(RunQuery())[0]

    assert time.monotonic() - started < 15
    assert run.state is RunState.FAILED
    assert "RuntimeUnavailableError" in run.error


def test_a_scheduler_is_waited_for_ten_seconds_by_default():
    """A third of Dask's own patience."""
    assert DaskRuntime("dask://host")._cluster.connect_seconds == 10


@pytest.mark.server
def test_a_killed_worker_loses_nothing(opened, own_cluster, seen):
    """Dask calls its task again elsewhere; every task has one version in the end."""
    cluster = own_cluster()
    with opened(cluster.url()) as session:

        def kill() -> None:
            wait_for(seen, 2)
            cluster.workers[0].kill()

        with later(kill), ap.start_run("killed") as run:
            calls = slowly.partial(folder=str(seen)).map(x=list(range(6)))
            assert ap.value(total(calls)) == 15

        links = list(run.links())
        versions = session.versions('artifact == "slowly"').items
    called = Counter(path.name.split("-")[0] for path in seen.iterdir())

    assert max(called.values()) == 2  # the control: one call was made twice
    assert len(versions) == 6
    assert sorted(version.version for version in versions) == [1, 2, 3, 4, 5, 6]
    assert len({version.task_id for version in versions}) == 6
    for version in versions:
        made = [x for x in links if (x.version_id, x.task_id) == (version.id, version.task_id)]
        assert len(made) == 1


@pytest.mark.server
def test_a_step_that_kills_every_worker_is_named(opened, own_cluster):
    """When Dask gives up on a task, that task is FAILED and the others go on."""
    cluster = own_cluster(2, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    with opened(cluster.url()) as session:
        with pytest.raises(WorkerLostError, match="died") as caught:
            deadly()
        state, tasks = newest(session)

    assert "ROOT/dies" in "\n".join(caught.value.__notes__)
    assert state is RunState.FAILED
    assert tasks == {TaskState.SUCCEEDED: 4, TaskState.FAILED: 1}


@pytest.mark.server
def test_a_cluster_without_workers_is_named(opened, own_cluster, seen):
    """The calls end after the bound; when a worker joins, a later run works."""
    cluster = own_cluster(1)
    with opened(cluster.url(worker_seconds=3, connect_seconds=2)) as session:
        with (
            later(lambda: wait_for(seen, 1) and cluster.workers[0].kill()),
            pytest.raises(RuntimeUnavailableError, match="no worker for 3 s"),
        ):
            endless(str(seen), 9)
        state, tasks = newest(session)

        assert state is RunState.FAILED
        assert tasks == {TaskState.SUCCEEDED: 1, TaskState.FAILED: 9, TaskState.SKIPPED: 1}
        cluster.add_worker()
        cluster.workers.pop(0).wait()
        cluster.wait()
        time.sleep(2)  # for so long the refusal is remembered
        with ap.start_run("again"):
            assert ap.value(make(2)) == 2


@pytest.mark.server
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_a_scheduler_that_dies_is_named(opened, own_cluster, seen, sent):
    """What ran is FAILED, what had ended is committed, what waited is SKIPPED; soon."""
    cluster = own_cluster()
    ended = []

    def kill() -> None:
        wait_for(seen, 2)
        ended.append(time.monotonic())
        cluster.scheduler.send_signal(sent)

    with opened(cluster.url(connect_seconds=2, worker_seconds=6)) as session:
        with (
            later(kill),
            pytest.raises((WorkerLostError, RuntimeUnavailableError)) as caught,
        ):
            endless(str(seen), 2)
        state, tasks = newest(session)

    assert time.monotonic() - ended[0] < 25
    assert "tcp://127.0.0.1" in str(caught.value)
    assert state is RunState.FAILED
    assert tasks == {TaskState.SUCCEEDED: 1, TaskState.FAILED: 2, TaskState.SKIPPED: 1}


@pytest.mark.server
def test_a_worker_that_joins_is_counted(own_cluster):
    """`workers` follows the cluster."""
    cluster = own_cluster(1)
    runtime = DaskRuntime(cluster.url())
    assert runtime.workers == 1

    cluster.add_worker()
    for _ in range(300):
        if runtime.workers == 2:
            break
        time.sleep(0.1)
    found = runtime.workers
    runtime.close()

    assert found == 2


INTERRUPTED = """
import sys, time
import artifact_plugins as ap

@ap.step
def quick(x: int) -> int:
    return x

@ap.step
def slow(x: int) -> int:
    time.sleep(60)
    return x

store, ledger, runtime = sys.argv[1:]
settings = ap.Settings(store_url=store, ledger_url=ledger, durability="process", runtime=runtime)
with ap.open_session(settings), ap.start_run("cut"):
    first = quick(1)
    ap.value(first)
    slow(first)
    late = quick(slow(first))
    print("ready", flush=True)
    ap.value(late)
"""


@pytest.mark.server
def test_ctrl_c_leaves_a_failed_run_with_what_had_ended(opened, own_cluster, tmp_path):
    """SIGINT: no task stays RUNNING, nobody waits for the step, the exit code is Python's."""
    cluster = own_cluster(1)
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(INTERRUPTED))
    home = tmp_path / "home"
    home.mkdir()
    ledger = f"sqlite:///{home / 'ledger.sqlite'}"
    child = subprocess.Popen(
        [sys.executable, str(script), str(home / "store"), ledger, cluster.url()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.5)

    started = time.monotonic()
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)

    assert time.monotonic() - started < 20
    assert "KeyboardInterrupt" in errors
    assert child.returncode == -signal.SIGINT or child.returncode == 130
    with opened() as session:
        run = session.ledger.runs(RunQuery())[0]
        tasks = session.ledger.tasks(TaskQuery(run_id=run.id))
    assert run.state is RunState.FAILED
    assert {task.name: task.state for task in tasks} == {
        "ROOT": TaskState.FAILED,
        "quick": TaskState.SUCCEEDED,
        "slow": TaskState.FAILED,
        "slow-2": TaskState.FAILED,
        "quick-2": TaskState.SKIPPED,
    }
