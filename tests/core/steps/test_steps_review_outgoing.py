"""Records on their way: what is committed keeps its bytes, what is locked out comes later."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import pytest

import artifact_plugins as ap
from artifact_plugins import failpoints
from artifact_plugins.errors import LedgerBusyError
from artifact_plugins.records import RunState, TaskState, VersionQuery
from artifact_plugins.steps import PipelineRun, outgoing
from artifact_plugins.steps.active import active_run

INLINE_AND_THREADS = ["inline", "threads:2"]


@ap.step
def big() -> Annotated[bytes, "big"]:
    return b"x" * 100_000


@ap.step
def big_of(x: int) -> Annotated[bytes, "big"]:
    return bytes([x]) * 100_000


@ap.step(cache=True)
def kept() -> Annotated[bytes, "big"]:
    return b"x" * 100_000


@ap.step
def size(data: bytes) -> int:
    return len(data)


@ap.step
def nothing() -> None:
    """Make no version."""


@pytest.fixture
def opened(tmp_path: Path):
    """Return a function: a session with a short patience for locks."""

    def opening(runtime="inline", **more):
        return ap.open_session(
            ap.Settings(
                store_url=str(tmp_path / "store"),
                ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}",
                durability="process",
                runtime=runtime,
                **{"busy_timeout_seconds": 0.1, **more},
            )
        )

    return opening


@pytest.fixture
def failing():
    """Return a function that sets failpoints; they are gone after the test."""
    yield failpoints.configure
    failpoints.configure("")


@contextmanager
def locked(session: ap.Session) -> Iterator[None]:
    """Keep everybody else from writing the ledger."""
    path = session.settings.ledger_url.removeprefix("sqlite:///")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@pytest.mark.parametrize("step", [big, kept])
@pytest.mark.parametrize("action", ["interrupt", "error:EIO"])
def test_bytes_of_a_committed_version_stay(opened, failing, monkeypatch, step, action):
    """An interrupt right after the commit leaves version, bytes and a SUCCEEDED task."""
    monkeypatch.setattr(outgoing, "_MANY", 1)

    with opened() as session:
        failing(f"step.after_commit={action}")
        with pytest.raises((KeyboardInterrupt, OSError)), ap.start_run("script") as run:
            step()

        (version,) = session.ledger.versions(VersionQuery())
        assert session.store.has(version)
        assert ap.load("big") == b"x" * 100_000
        assert run.tasks()[-1].state is TaskState.SUCCEEDED
        assert run.record.state is RunState.FAILED


@pytest.mark.parametrize("step", [big, kept])
def test_bytes_of_a_commit_that_did_not_happen_go(opened, failing, monkeypatch, tmp_path, step):
    """Control: an interrupt right before the commit leaves no version and no bytes."""
    monkeypatch.setattr(outgoing, "_MANY", 1)

    with opened() as session:
        failing("step.before_commit=interrupt")
        with pytest.raises(KeyboardInterrupt), ap.start_run("script") as run:
            step()

        assert not session.ledger.versions(VersionQuery())
        assert run.tasks()[-1].state is TaskState.FAILED
    left = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and path.stat().st_size > 90_000 and "snapshots" not in path.parts
    ]
    assert [path for path in left if "ledger" not in path.name] == []


def test_task_without_versions_outlasts_a_locked_ledger(opened):
    """A record that makes no version is written when the lock is gone; the run succeeds."""
    with opened() as session:
        with ap.start_run("script") as run, locked(session):
            nothing()
            time.sleep(0.4)

        assert [(t.name, t.state.value) for t in run.tasks()] == [
            ("ROOT", "SUCCEEDED"),
            ("nothing", "SUCCEEDED"),
        ]


@pytest.mark.parametrize("runtime", INLINE_AND_THREADS)
def test_task_whose_version_is_given_up_has_a_record(opened, runtime):
    """However long the ledger is locked: each task that was called is in it in the end."""
    runs: list[PipelineRun] = []

    def body() -> None:
        with ap.start_run("script") as run, locked(session):
            runs.append(run)
            size(big())
            time.sleep(0.5)

    with opened(runtime) as session:
        with pytest.raises(LedgerBusyError):
            body()

        (run,) = runs
        states = {task.name: task.state.value for task in run.tasks()}
        assert states["ROOT"] == "FAILED"
        assert states["big"] == "FAILED"
        assert states["size"] == ("FAILED" if runtime == "inline" else "SKIPPED")
        assert run.versions() == []


def test_reader_elsewhere_does_not_take_the_error_of_the_run(opened):
    """Who reads in another thread is told, and so is the run: it is FAILED."""
    with opened() as session:
        told = []

        def read() -> None:
            try:
                session.versions()
            except LedgerBusyError as error:
                told.append(error)

        def body() -> None:
            with ap.start_run("script") as run, locked(session):
                runs.append(run)
                big()
                reader = threading.Thread(target=read)
                reader.start()
                reader.join()

        runs: list[PipelineRun] = []
        with pytest.raises(LedgerBusyError):
            body()

        (run,) = runs
        assert run.record.state is RunState.FAILED
        assert run.tasks()[-1].state is TaskState.FAILED


@pytest.mark.parametrize("many", [2, 64])
def test_calls_that_need_what_was_given_up_are_skipped(opened, failing, monkeypatch, many):
    """Under threads, a batch that fails in the middle takes along exactly its own followers."""
    monkeypatch.setattr(outgoing, "_MANY", many)
    monkeypatch.setattr(outgoing, "PATIENCE_SECONDS", 60)
    meet = threading.Barrier(8)

    @ap.step
    def together(x: int) -> Annotated[bytes, "big"]:
        meet.wait(20)
        return bytes([x]) * 100_000

    with opened("threads:8") as session:
        failing("step.before_commit=error:EIO")

        def body() -> None:
            with ap.start_run("script"):
                for x in range(8):
                    size(together(x))

        with pytest.raises(OSError, match="Input/output"):
            body()

        (record,) = session.runs()
        run = PipelineRun(session, record.id)
        tasks = {task.id: task for task in run.tasks()}
        made = {link.task_id for link in run.links() if link.io_type.is_output}
        lost = [t for t in tasks.values() if "Input/output" in (t.error or "") and t.name != "ROOT"]
        skipped = [task for task in tasks.values() if task.state is TaskState.SKIPPED]
        ended = [task for task in tasks.values() if task.state is TaskState.SUCCEEDED]
        assert lost
        assert len(skipped) == len(lost)
        assert len(tasks) == 1 + len(lost) + len(skipped) + len(ended) == 17
        assert {task.id for task in ended} == made
        assert all(session.store.has(version) for version in run.versions())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_forked_child_reads_although_its_parent_writes(opened):
    """A lock that another thread held when the process forked stops nobody in the child."""
    with opened() as session:
        with ap.start_run("script") as run:
            big()
            run_here = active_run.get()
            assert run_here is not None
            writer = run_here.outgoing
            is_held, is_over = threading.Event(), threading.Event()

            def hold() -> None:
                with writer._lock:
                    is_held.set()
                    is_over.wait()

            holder = threading.Thread(target=hold)
            holder.start()
            is_held.wait()
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                session.versions()
                os._exit(0)
            _, status = os.waitpid(child, 0)
            is_over.set()
            holder.join()

        assert status == 0
        assert [task.state.value for task in run.tasks()] == ["SUCCEEDED", "SUCCEEDED"]
        assert len(run.versions()) == 1


def test_observers_of_two_runs_that_read_do_not_wait_for_each_other(opened, monkeypatch):
    """A hook that reads while its run commits meets another run that does the same."""
    plugin = types.ModuleType("plugin_that_reads")
    sessions: list[ap.Session] = []
    meet = threading.Barrier(2)

    def after_artifact_saved(version: ap.ArtifactVersion) -> None:
        meet.wait(20)
        sessions[0].versions()

    plugin.after_artifact_saved = ap.hookimpl(after_artifact_saved)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "plugin_that_reads", plugin)
    ended = []

    def go() -> None:
        with ap.start_run("script"):
            big()
        ended.append(True)

    with opened(plugins=("plugin_that_reads",), busy_timeout_seconds=30) as session:
        sessions.append(session)
        threads = [threading.Thread(target=go, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

        assert ended == [True, True]


def test_interrupt_in_an_observer_of_the_commit_changes_nothing(opened, monkeypatch):
    """What an observer of `after_artifact_saved` interrupts is committed, and says so."""
    plugin = types.ModuleType("plugin_that_interrupts")

    def after_artifact_saved() -> None:
        raise KeyboardInterrupt

    plugin.after_artifact_saved = ap.hookimpl(after_artifact_saved)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "plugin_that_interrupts", plugin)

    with opened(plugins=("plugin_that_interrupts",)) as session:
        with pytest.raises(KeyboardInterrupt), ap.start_run("script") as run:
            big()

        (version,) = run.versions()
        assert session.store.has(version)
        assert [(t.name, t.state.value) for t in run.tasks()] == [
            ("ROOT", "FAILED"),
            ("big", "SUCCEEDED"),
        ]
        assert [link.version_id for link in run.links() if link.io_type.is_output] == [version.id]
