"""Links of exit steps: rows 42-44 of the table of link types; what happens when they fail."""

from __future__ import annotations

import pytest
from link_table import (
    assert_complete,
    breaks,
    links_of,
    make,
    newest_run,
    sink,
    states_of,
    tasks_of,
    use,
)

import artifact_plugins as ap
from artifact_plugins.records import FinalStatus

pytestmark = pytest.mark.usefixtures("session")

told: list[FinalStatus] = []


@ap.step
def status(s: ap.FinalStatus, title: str = "done") -> None:
    told.append(s)


@ap.step
def broken_status(s: ap.FinalStatus) -> None:
    raise OSError("no mail")


@pytest.fixture(autouse=True)
def _nobody_was_told():
    told.clear()


@ap.pipeline
def guarded():
    one = make()
    with ap.exit_handler(status):
        sink(use(i=one))


def status_link(run, path, producer, *, state):
    """The one link that an exit task has to what it watched."""
    (told_here,) = [
        link
        for link in run.links()
        if link.task_id == tasks_of(run)[path].id and link.io_type == "TASK_FINAL_STATUS_OUTPUT"
    ]
    return (
        told_here.key == "s"
        and str(told_here.producer) == producer
        and told_here.position == 0
        and told_here.version_id is None
        and told_here.value["state"] == state
        and FinalStatus(**told_here.value) == told[-1]
    )


def test_exit_handler_group():
    """Row 42: the group captures like any other; its steps are children of it."""
    run = guarded()
    links = links_of(run)

    assert tasks_of(run)["exit-handler-1"].type == "EXIT_HANDLER"
    assert links["exit-handler-1"] == (
        ["TASK_OUTPUT_INPUT o@1 make pipelinechannel--make-o [0]"],
        [],
    )
    assert links["exit-handler-1/use"].given[0] == "COMPONENT_INPUT o@1 make i [0]"
    assert links["exit-handler-1/sink"].given == ["TASK_OUTPUT_INPUT o@2 use i [0]"]


def test_exit_task_of_a_group():
    """Row 43a: it stands beside the group and reads its status, and nothing else of it."""
    run = guarded()

    assert status_link(run, "status", "exit-handler-1", state="SUCCEEDED")
    given = links_of(run)["status"].given
    assert [line.split()[0] for line in given] == [
        "TASK_FINAL_STATUS_OUTPUT",
        "COMPONENT_DEFAULT_INPUT",
    ]
    assert told[-1].task_name == "exit-handler-1"


def test_exit_step_of_a_pipeline():
    """Row 43b: it is a child of what is around it, and watches ROOT or the nested pipeline."""

    @ap.pipeline(on_exit=status)
    def part(d):
        return use(d)

    @ap.pipeline(on_exit=status)
    def whole():
        sink(part(make()))

    run = whole()

    assert list(states_of(run)) == [
        "ROOT",
        "make",
        "part",
        "part/use",
        "status",
        "sink",
        "status-2",
    ]
    assert [status.task_name for status in told] == ["part", "ROOT"]
    assert status_link(run, "status-2", "ROOT", state="SUCCEEDED")
    assert links_of(run)["status"].given[0].endswith(" part s [0]")


def test_result_of_an_exit_handler_used_outside():
    """Row 44: it is refused where it is used; the group and its exit step have run."""

    @ap.pipeline
    def leaks():
        with ap.exit_handler(status):
            one = make()
        use(one)

    with pytest.raises(
        ap.ArtifactPluginsError,
        match=r"made inside 'ROOT/exit-handler-1' was used outside of it.*nothing was called",
    ):
        leaks()
    run = newest_run()
    assert states_of(run) == {
        "ROOT": "FAILED",
        "exit-handler-1": "SUCCEEDED",
        "exit-handler-1/make": "SUCCEEDED",
        "status": "SUCCEEDED",
    }
    assert_complete(run)


def test_step_that_fails_in_an_exit_handler():
    """The exit step is told what failed; then the exception comes out unchanged."""

    @ap.pipeline
    def whole():
        with ap.exit_handler(status.partial(title="bad")):
            make()
            sink(breaks())
            sink(1)

    with pytest.raises(ZeroDivisionError):
        whole()
    run = newest_run()
    assert states_of(run) == {
        "ROOT": "FAILED",
        "exit-handler-1": "FAILED",
        "exit-handler-1/make": "SUCCEEDED",
        "exit-handler-1/breaks": "FAILED",
        "exit-handler-1/sink": "SKIPPED",
        "exit-handler-1/sink-2": "SUCCEEDED",
        "status": "SUCCEEDED",
    }
    assert status_link(run, "status", "exit-handler-1", state="FAILED")
    assert told[-1].error == "ZeroDivisionError: it breaks"
    assert links_of(run)["status"].given[1] == "RUNTIME_VALUE_INPUT 'bad' none title [0]"
    assert_complete(run)


def test_exit_step_runs_when_the_run_fails():
    """The exit step of a run is told which exception ended it; the run is FAILED."""

    @ap.pipeline(on_exit=status)
    def whole():
        breaks()

    with pytest.raises(ZeroDivisionError):
        whole()
    run = newest_run()
    assert states_of(run) == {"ROOT": "FAILED", "breaks": "FAILED", "status": "SUCCEEDED"}
    assert status_link(run, "status", "ROOT", state="FAILED")
    assert_complete(run)


@pytest.mark.parametrize("is_group", [True, False])
def test_exit_step_that_fails(is_group):
    """What the exit step raises ends the run, although everything before succeeded."""

    @ap.pipeline(on_exit=None if is_group else broken_status)
    def whole():
        if is_group:
            with ap.exit_handler(broken_status):
                make()
        else:
            make()

    with pytest.raises(OSError, match="no mail"):
        whole()
    run = newest_run()
    states = states_of(run)
    assert states.pop("ROOT") == "FAILED"
    assert states.pop("broken_status") == "FAILED"
    assert set(states.values()) == {"SUCCEEDED"}
    assert assert_complete(run).error == "OSError: no mail"
    assert links_of(run)["broken_status"].given[0].startswith("TASK_FINAL_STATUS_OUTPUT")


@pytest.mark.parametrize("is_group", [True, False])
def test_exit_step_that_fails_after_a_failure(is_group):
    """What failed first comes out, with a note about the exit step."""

    @ap.pipeline(on_exit=None if is_group else broken_status)
    def whole():
        if is_group:
            with ap.exit_handler(broken_status):
                breaks()
        else:
            breaks()

    with pytest.raises(ZeroDivisionError) as caught:
        whole()
    assert "exit step 'broken_status' failed as well: OSError: no mail" in caught.value.__notes__
    run = newest_run()
    assert set(states_of(run).values()) == {"FAILED"}
    assert assert_complete(run).error == "ZeroDivisionError: it breaks"


def test_nested_pipeline_with_a_broken_exit_step():
    """A run with a nested pipeline fails when the exit step of that one fails."""

    @ap.pipeline(on_exit=broken_status)
    def part():
        return make()

    @ap.pipeline
    def whole():
        use(part())

    with pytest.raises(OSError, match="no mail"):
        whole()
    run = newest_run()
    assert states_of(run) == {
        "ROOT": "FAILED",
        "part": "SUCCEEDED",
        "part/make": "SUCCEEDED",
        "broken_status": "FAILED",
    }
    assert_complete(run)


def test_exit_handler_in_a_loop():
    """Each iteration has its own group and exit task; the status names that iteration."""

    def body(n):
        with ap.exit_handler(status):
            make(n)

    @ap.pipeline
    def whole():
        ap.for_each(body, n=[1, 2])

    run = whole()

    assert list(states_of(run)) == [
        "ROOT",
        "for-loop-1",
        "for-loop-1/exit-handler-1#0",
        "for-loop-1/exit-handler-1#0/make",
        "for-loop-1/status#0",
        "for-loop-1/exit-handler-1#1",
        "for-loop-1/exit-handler-1#1/make",
        "for-loop-1/status#1",
    ]
    assert status_link(run, "for-loop-1/status#1", "exit-handler-1#1", state="SUCCEEDED")


def test_exit_step_needs_one_status():
    """A step without an input for the status is refused before anything is recorded."""
    with pytest.raises(ap.ArtifactPluginsError, match="0 inputs of type FinalStatus"):
        ap.pipeline(on_exit=make)(lambda: None)

    @ap.pipeline
    def whole():
        with ap.exit_handler(make):
            pass

    with pytest.raises(ap.ArtifactPluginsError, match="0 inputs of type FinalStatus"):
        whole()
    assert list(states_of(newest_run())) == ["ROOT"]


def test_exit_handler_outside_a_run():
    """There is nothing that it could watch."""
    with (
        pytest.raises(ap.ArtifactPluginsError, match="outside the body of a run"),
        ap.exit_handler(status),
    ):
        pass
