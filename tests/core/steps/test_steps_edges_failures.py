"""Failures on the way out of failures, retries, forks, foreign handles: the run says what was."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from edge_steps import kinds, make

import artifact_plugins as ap
from artifact_plugins.errors import HandleUsageError, InputError, LedgerBusyError, StoreFullError
from artifact_plugins.records import RunState, TaskState

pytestmark = pytest.mark.usefixtures("session")


class Unspeakable(Exception):
    """An exception that cannot be described."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def add_note(self, note: str) -> None:
        raise RuntimeError("no notes")


def test_exception_that_cannot_be_described_still_fails_the_task():
    """The user's exception comes out, task and run are FAILED."""

    @ap.step
    def breaks() -> int:
        raise Unspeakable

    with pytest.raises(Unspeakable), ap.start_run("script") as run:
        breaks()
    assert run.record.state is RunState.FAILED
    assert run.tasks()[-1].state is TaskState.FAILED


def test_failing_bookkeeping_does_not_hide_the_error(session, monkeypatch):
    """A busy ledger and a full disk on the way out are logged; the step's error comes out."""

    @ap.step
    def breaks(x: int) -> int:
        session.ledger.write = busy
        raise ZeroDivisionError

    def busy(batch, **options):
        raise LedgerBusyError("locked")

    def full(run_id, document):
        raise StoreFullError("full")

    monkeypatch.setattr(session.store, "put_run", full)
    with pytest.raises(ZeroDivisionError), ap.start_run("script"):
        breaks.map(x=[1])
    del session.ledger.write


def test_full_disk_after_the_last_commit_does_not_fail_the_run(session, monkeypatch, caplog):
    """The document of the run only helps to rebuild: its loss is a warning."""

    def full(run_id, document):
        raise StoreFullError("full")

    monkeypatch.setattr(session.store, "put_run", full)

    with ap.start_run("script") as run:
        make()

    assert run.record.state is RunState.SUCCEEDED
    assert "no document" in caplog.text


def test_handle_of_another_session_is_refused_before_the_step_runs(tmp_path):
    """Its version is not in this ledger."""
    with ap.start_run("first"):
        foreign = make()
    called = []

    @ap.step
    def use(x: int) -> int:
        called.append(x)
        return x

    other = ap.Settings(
        store_url=str(tmp_path / "b"), ledger_url=f"sqlite:///{tmp_path / 'b.sqlite'}"
    )
    with ap.open_session(other):
        with pytest.raises(HandleUsageError, match="another session"), ap.start_run("second"):
            use(foreign)
        assert ap.load(foreign) == 3
    assert called == []


def test_retry_forgets_what_the_failed_attempt_read_and_attached():
    """R12: links and metadata are those of the attempt that worked."""
    ap.save(1, "other")
    calls = []

    @ap.step(retries=2)
    def flaky() -> int:
        calls.append(1)
        ap.load_artifact("other")
        ap.log_metadata({f"attempt{len(calls)}": True})
        if len(calls) < 3:
            raise OSError("again")
        return 1

    with ap.start_run("script") as run:
        flaky()

    assert kinds(run, "flaky") == [("RUNTIME_VALUE_INPUT", "auto/other"), ("OUTPUT", "Output")]
    assert [k for k in run["flaky"].metadata if k.startswith("attempt")] == ["attempt3"]


def test_generator_is_retried_when_it_raises_itself():
    """A retry runs the generator again from its start."""
    calls = []

    @ap.step(retries=1)
    def rows() -> Iterator[int]:
        calls.append(1)
        yield 1
        if len(calls) == 1:
            raise OSError("once")
        yield 2

    with ap.start_run("script"):
        handle = rows()

    assert list(ap.value(handle)) == [1, 2]


def test_own_named_errors_of_a_step_are_retried_too():
    """An ArtifactPluginsError that the step raises is the step's own."""
    calls = []

    @ap.step(retries=1)
    def flaky() -> int:
        calls.append(1)
        if len(calls) == 1:
            ap.load_artifact("not there yet")
        return 1

    with ap.start_run("script"):
        assert ap.value(flaky()) == 1


def test_metadata_of_an_unknown_output_is_refused():
    """A typing mistake does not lose metadata."""

    @ap.step
    def logs() -> int:
        ap.log_metadata({"a": 1}, output="nope")
        return 1

    with pytest.raises(InputError, match="nope"), ap.start_run("script"):
        logs()


def test_chdir_inside_a_run_changes_nothing(tmp_path, monkeypatch):
    """The session of the run is used, wherever the process stands."""
    (tmp_path / "elsewhere").mkdir()

    @ap.step
    def wanders() -> int:
        os.chdir(tmp_path / "elsewhere")
        ap.log_artifact("logged", 5)
        return ap.load("logged")

    with ap.start_run("script") as run:
        assert ap.value(wanders()) == 5

    assert {v.artifact for v in run.versions()} == {"logged", "wanders"}
    assert not (tmp_path / "elsewhere" / ".artifact_plugins").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_forked_child_does_not_end_its_parents_run():
    """A child that exits inside a step leaves task and run to the parent."""

    @ap.step
    def forks() -> int:
        child = os.fork()
        if child == 0:
            sys.exit(0)
        os.waitpid(child, 0)
        return ap.current_task().attempt

    parent = os.getpid()
    try:
        with ap.start_run("script") as run:
            forks()
    except SystemExit:
        if os.getpid() != parent:
            os._exit(0)
        raise

    assert run.record.state is RunState.SUCCEEDED
    assert {t.state for t in run.tasks()} == {TaskState.SUCCEEDED}
