import logging
import sys

import pytest

from artifact_plugins.errors import PluginError

OBSERVER = """
calls = []

@hookimpl
def after_run(run):
    calls.append(run)

@hookimpl
def before_run(run):
    calls.append(("before", run))
"""

RAISING = """
@hookimpl
def after_run(run):
    raise ValueError(f"cannot observe {run}")

@hookimpl
def before_run(run):
    raise KeyError("veto")
"""


@pytest.fixture
def registry(installer):
    """A raising plugin between two that work."""
    installer.install(
        "shop",
        plugins={"a": "observer_a", "b": "raising_b", "c": "observer_c"},
        modules={"observer_a": OBSERVER, "raising_b": RAISING, "observer_c": OBSERVER},
    )
    return installer.load()


def test_listens_tells_whether_anybody_implements_a_hook(registry):
    """Only hooks that a working plugin implements are worth calling."""
    assert registry.listens("after_run")
    assert not registry.listens("after_step_run")


def test_an_unknown_hook_is_refused_by_name(registry):
    """A misspelt hook is an error that lists the hooks."""
    with pytest.raises(PluginError, match="no hook 'after_step'; the hooks are"):
        registry.listens("after_step")


def test_a_raising_observer_is_isolated(registry, caplog):
    """What an observer raises is logged with plugin, hook and traceback; the others are called."""
    with caplog.at_level(logging.WARNING, "artifact_plugins"):
        registry.call("after_run", run="r1")

    (record,) = caplog.records
    assert record.getMessage() == (
        "plugin 'b' failed in after_run: ValueError: cannot observe r1; nothing else is affected"
    )
    assert record.exc_info[0] is ValueError
    assert sys.modules["observer_a"].calls == ["r1"]
    assert sys.modules["observer_c"].calls == ["r1"]


def test_one_failure_is_reported_once(registry, caplog):
    """The same message of the same plugin and hook is logged once, another one again."""
    with caplog.at_level(logging.WARNING, "artifact_plugins"):
        for run in ("r1", "r1", "r2"):
            registry.call("after_run", run=run)

    assert len(caplog.records) == 2


def test_the_memory_of_reports_is_bounded(registry, caplog):
    """A message that differs each time does not make the registry grow."""
    with caplog.at_level(logging.CRITICAL, "artifact_plugins"):
        for number in range(2500):
            registry.call("after_run", run=number)

    assert len(registry._reported) <= 1000


def test_a_veto_passes_through_unchanged(registry):
    """What a `before_*` hook raises reaches the caller as it is."""
    with pytest.raises(KeyError, match="veto"):
        registry.call_veto("before_run", run="r1")


def test_hooks_may_leave_arguments_out(installer):
    """An implementation names the arguments it wants; defaults take what is there."""
    source = """
    calls = []

    @hookimpl
    def after_step_run(task, duration_seconds=None):
        calls.append((task, duration_seconds))
    """
    installer.install("shop", plugins={"a": "short_mod"}, modules={"short_mod": source})

    installer.load().call("after_step_run", task="t", outputs={}, duration_seconds=1.5)

    assert sys.modules["short_mod"].calls == [("t", 1.5)]


def test_an_exception_that_cannot_be_printed_is_still_isolated(installer, caplog):
    """A broken `__str__` of an observer's exception does not escape."""
    source = """
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("mute")

    @hookimpl
    def after_run(run):
        raise Mute
    """
    installer.install("shop", plugins={"a": "mute_mod"}, modules={"mute_mod": source})
    registry = installer.load()

    with caplog.at_level(logging.WARNING, "artifact_plugins"):
        registry.call("after_run", run="r")

    assert "plugin 'a' failed in after_run: Mute" in caplog.text


def test_an_interrupt_is_not_an_observers_failure(installer):
    """Ctrl-C during an observer stops the program as anywhere else."""
    source = """
    @hookimpl
    def after_run(run):
        raise KeyboardInterrupt
    """
    installer.install("shop", plugins={"a": "stop_mod"}, modules={"stop_mod": source})

    registry = installer.load()

    with pytest.raises(KeyboardInterrupt):
        registry.call("after_run", run="r")
