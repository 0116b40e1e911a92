"""The hooks of a step call: in which order, with what, and what raising does."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import artifact_plugins as ap
from artifact_plugins.records import RunState, TaskState

EVENTS: list[tuple] = []


def _plugin(name: str, **hooks) -> types.ModuleType:
    module = types.ModuleType(name)
    for hook, function in hooks.items():
        setattr(module, hook, ap.hookimpl(function))
    return module


@pytest.fixture
def listening(tmp_path: Path, monkeypatch) -> Iterator:
    """Open a session with a plugin made of the functions given."""
    opened = []

    def start(**hooks):
        monkeypatch.setitem(sys.modules, "listening_plugin", _plugin("listening_plugin", **hooks))
        manager = ap.open_session(
            ap.Settings(
                store_url=str(tmp_path / "store"),
                ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}",
                durability="process",
                plugins=("listening_plugin",),
            )
        )
        opened.append(manager)
        return manager.__enter__()

    EVENTS.clear()
    yield start
    for manager in opened:
        manager.__exit__(None, None, None)


@ap.step
def one() -> int:
    EVENTS.append(("body",))
    return 1


@ap.step
def breaks() -> int:
    raise ZeroDivisionError


def test_hooks_run_in_the_order_of_the_stages(listening):
    """Success hooks fire after the commit and see the committed versions."""
    session = None

    def before_run(run):
        EVENTS.append(("before_run", run.state))

    def before_step_run(task, inputs):
        EVENTS.append(("before_step_run", task.state))

    def before_artifact_saved(artifact, value):
        EVENTS.append(("before_artifact_saved", artifact, value))

    def after_artifact_saved(version):
        visible = session.ledger.version(version.id).version
        EVENTS.append(("after_artifact_saved", version.version, visible))

    def after_step_run(task, outputs, duration_seconds):
        EVENTS.append(("after_step_run", task.state, list(outputs), duration_seconds >= 0))

    def after_run(run):
        EVENTS.append(("after_run", run.state))

    session = listening(
        before_run=before_run,
        before_step_run=before_step_run,
        before_artifact_saved=before_artifact_saved,
        after_artifact_saved=after_artifact_saved,
        after_step_run=after_step_run,
        after_run=after_run,
    )
    with ap.start_run("script"):
        one()

    assert EVENTS == [
        ("before_run", RunState.RUNNING),
        ("before_step_run", TaskState.RUNNING),
        ("body",),
        ("before_artifact_saved", "one", 1),
        ("after_artifact_saved", 1, 1),
        ("after_step_run", TaskState.SUCCEEDED, ["Output"], True),
        ("after_run", RunState.SUCCEEDED),
    ]


@pytest.mark.parametrize("hook", ["before_step_run", "before_artifact_saved"])
def test_before_hooks_veto_a_step(listening, hook):
    """A before hook that raises fails the task and nothing is registered."""

    def veto():
        raise PermissionError("not today")

    listening(**{hook: veto})

    with pytest.raises(PermissionError, match="not today"), ap.start_run("script") as run:
        one()
    assert run.versions() == []
    assert run.tasks()[-1].state is TaskState.FAILED


def test_before_run_vetoes_the_run(listening):
    """Nothing is recorded of a run that a hook did not allow."""
    from artifact_plugins.records import RunQuery

    def before_run():
        raise PermissionError("not today")

    session = listening(before_run=before_run)

    with pytest.raises(PermissionError), ap.start_run("script"):
        one()
    assert len(session.ledger.runs(RunQuery())) == 0


@pytest.mark.parametrize("hook", ["after_artifact_saved", "after_step_run", "after_run"])
def test_after_hooks_that_raise_change_nothing(listening, hook, caplog):
    """The work is committed already: the error is logged and the run succeeds."""

    def fails():
        raise RuntimeError("observer is broken")

    listening(**{hook: fails})

    with ap.start_run("script") as run:
        handle = one()

    assert ap.value(handle) == 1
    assert run.record.state is RunState.SUCCEEDED
    assert "observer is broken" in caplog.text


def test_on_step_error_gets_the_exception(listening):
    """A failing step, and a failing observer of it, leave the step's own exception."""

    def on_step_error(task, error):
        EVENTS.append((task.state, type(error)))
        raise RuntimeError("observer is broken")

    listening(on_step_error=on_step_error)

    with pytest.raises(ZeroDivisionError), ap.start_run("script"):
        breaks()
    assert [(TaskState.FAILED, ZeroDivisionError)] == EVENTS


def test_failing_materializer_is_a_step_error(listening):
    """Success hooks do not fire when the output could not be stored."""

    def on_step_error(error):
        EVENTS.append(("error", type(error).__name__))

    def after_step_run():
        EVENTS.append(("success",))

    listening(on_step_error=on_step_error, after_step_run=after_step_run)

    @ap.step
    def unstorable() -> object:
        return threading.Lock()

    with pytest.raises(ap.ArtifactPluginsError), ap.start_run("script") as run:
        unstorable()
    assert EVENTS == [("error", "NotSerializableError")]
    assert run.record.state is RunState.FAILED


def test_failing_commit_is_a_step_error(listening, monkeypatch):
    """A commit that fails fails the task, leaves no version and calls the error hook."""

    def on_step_error(error):
        EVENTS.append(("error", type(error).__name__))

    session = listening(on_step_error=on_step_error)
    write = session.ledger.write

    def refuses(batch, **options):
        if batch.versions:
            raise ap.ArtifactPluginsError("commit refused")
        return write(batch, **options)

    monkeypatch.setattr(session.ledger, "write", refuses)

    with (
        pytest.raises(ap.ArtifactPluginsError, match="commit refused"),
        ap.start_run("script") as run,
    ):
        one()
    assert ("error", "ArtifactPluginsError") in EVENTS
    assert run.versions() == []


def test_after_artifact_loaded_sees_the_value(listening):
    """Loading is observed with the materializer that did it."""

    def after_artifact_loaded(version, materializer, value):
        EVENTS.append((version.artifact, materializer, value))

    listening(after_artifact_loaded=after_artifact_loaded)
    ap.save(5, "five")

    ap.load("five")

    assert EVENTS == [("five", "python.document", 5)]
