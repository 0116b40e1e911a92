"""Which links a run leaves behind: rows of the table of link types, written as users write them."""

from __future__ import annotations

from typing import Annotated

import pytest

import artifact_plugins as ap
from artifact_plugins.records import TaskState, TaskType

pytestmark = pytest.mark.usefixtures("session")


@ap.step
def make(x: int = 3) -> Annotated[int, "o"]:
    return x


@ap.step
def use(i: int, factor: int = 2) -> Annotated[int, "o2"]:
    return i * factor


@ap.step
def numbers() -> list[int]:
    return [10, 20]


@ap.step
def uselist(i: list[int]) -> int:
    return sum(i)


def outputs(lines: list[str]) -> list[str]:
    """Keep the output links of leaf tasks out of the way of the inputs."""
    return [line for line in lines if "INPUT" not in line]


def inputs(lines: list[str], task: str) -> list[str]:
    """Keep the input links of one task."""
    return [
        line.split(" ", 1)[1] for line in lines if line.startswith(f"{task} ") and "INPUT" in line
    ]


def test_plain_output_and_its_consumer(shape):
    """Rows 1-3, 53 and 57: output, upstream input, default, pipeline result."""

    @ap.pipeline
    def chain():
        return use(make())

    lines = shape(chain())

    assert inputs(lines, "make") == ["COMPONENT_DEFAULT_INPUT 3 none x [0]"]
    assert inputs(lines, "use") == [
        "TASK_OUTPUT_INPUT o@1 make i [0]",
        "COMPONENT_DEFAULT_INPUT 2 none factor [0]",
    ]
    assert outputs(lines) == [
        "make OUTPUT o@1 make o [0]",
        "use OUTPUT o2@1 use o2 [0]",
        "ROOT OUTPUT o2@1 use Output [0]",
    ]


def test_pipeline_parameters_and_constants(shape):
    """Rows 51, 52, 53 and 55: run argument, pipeline default, parameter, constant."""

    @ap.pipeline
    def chain(a, b=7):
        use(use(a, factor=b), factor=5)

    lines = shape(chain(4))

    assert inputs(lines, "ROOT") == [
        "RUNTIME_VALUE_INPUT 4 none a [0]",
        "COMPONENT_DEFAULT_INPUT 7 none b [0]",
    ]
    assert inputs(lines, "use") == [
        "COMPONENT_INPUT 4 ROOT i [0]",
        "COMPONENT_INPUT 7 ROOT factor [0]",
    ]
    assert inputs(lines, "use-2") == [
        "TASK_OUTPUT_INPUT o2@1 use i [0]",
        "RUNTIME_VALUE_INPUT 5 none factor [0]",
    ]


def test_map_over_literals_then_over_artifacts_then_collect(shape):
    """Rows 13, 15, 16, 48 and 59: the worked example of the link document."""

    @ap.pipeline
    def fan():
        made = make.map(x=[1, 2])
        used = use.map(i=made)
        uselist(used)

    lines = shape(fan())

    assert lines == [
        "for-loop-1 ITERATOR_INPUT_RAW 1 #0 pipelinechannel--loop-item-param-1 [0]",
        "for-loop-1 ITERATOR_INPUT_RAW 2 #1 pipelinechannel--loop-item-param-1 [1]",
        "make#0 COMPONENT_INPUT 1 for-loop-1#0 x [0]",
        "make#0 ITERATOR_OUTPUT o@1 make#0 o [0]",
        "for-loop-1 ITERATOR_OUTPUT o@1 make#0 pipelinechannel--make-o [0]",
        "make#1 COMPONENT_INPUT 2 for-loop-1#1 x [0]",
        "make#1 ITERATOR_OUTPUT o@2 make#1 o [0]",
        "for-loop-1 ITERATOR_OUTPUT o@2 make#1 pipelinechannel--make-o [1]",
        "for-loop-2 COLLECTED_INPUTS o@1 for-loop-1 pipelinechannel--make-o [0]",
        "for-loop-2 COLLECTED_INPUTS o@2 for-loop-1 pipelinechannel--make-o [1]",
        "for-loop-2 ITERATOR_INPUT o@1 for-loop-2#0 pipelinechannel--make-o-loop-item [0]",
        "for-loop-2 ITERATOR_INPUT o@2 for-loop-2#1 pipelinechannel--make-o-loop-item [1]",
        "use#0 COMPONENT_INPUT o@1 for-loop-2#0 i [0]",
        "use#0 COMPONENT_DEFAULT_INPUT 2 none factor [0]",
        "use#0 ITERATOR_OUTPUT o2@1 use#0 o2 [0]",
        "for-loop-2 ITERATOR_OUTPUT o2@1 use#0 pipelinechannel--use-o2 [0]",
        "use#1 COMPONENT_INPUT o@2 for-loop-2#1 i [0]",
        "use#1 COMPONENT_DEFAULT_INPUT 2 none factor [0]",
        "use#1 ITERATOR_OUTPUT o2@2 use#1 o2 [0]",
        "for-loop-2 ITERATOR_OUTPUT o2@2 use#1 pipelinechannel--use-o2 [1]",
        "uselist COLLECTED_INPUTS o2@1 for-loop-2 i [0]",
        "uselist COLLECTED_INPUTS o2@2 for-loop-2 i [1]",
        "uselist OUTPUT uselist@1 uselist Output [0]",
    ]


def test_map_over_a_pipeline_parameter(shape):
    """Row 60: the list comes from ROOT, its items are not raw."""

    @ap.pipeline
    def fan(xs):
        make.map(x=xs)

    lines = shape(fan([5, 6]))

    assert inputs(lines, "for-loop-1") == [
        "COMPONENT_INPUT [5, 6] ROOT pipelinechannel--xs [0]",
        "ITERATOR_INPUT 5 for-loop-1#0 pipelinechannel--xs-loop-item [0]",
        "ITERATOR_INPUT 6 for-loop-1#1 pipelinechannel--xs-loop-item [1]",
    ]
    assert inputs(lines, "make#1") == ["COMPONENT_INPUT 6 for-loop-1#1 x [0]"]


def test_map_over_one_artifact_that_holds_a_list(shape):
    """Row 61: the list is an upstream output, its JSON elements are parameter values."""

    @ap.pipeline
    def fan():
        make.map(x=numbers())

    lines = shape(fan())

    assert inputs(lines, "for-loop-1") == [
        "TASK_OUTPUT_INPUT numbers@1 numbers pipelinechannel--numbers-Output [0]",
        "ITERATOR_INPUT 10 for-loop-1#0 pipelinechannel--numbers-Output-loop-item [0]",
        "ITERATOR_INPUT 20 for-loop-1#1 pipelinechannel--numbers-Output-loop-item [1]",
    ]


def test_broadcast_of_an_artifact_a_parameter_and_a_constant(shape):
    """Rows 11, 12, 54 and 56: handles pass through the loop, constants do not."""

    @ap.pipeline
    def fan(a):
        use.partial(i=make()).map(factor=[1])
        use.partial(i=a).map(factor=[1])
        use.partial(i=9).map(factor=[1])

    lines = shape(fan(8))

    assert "for-loop-1 TASK_OUTPUT_INPUT o@1 make pipelinechannel--make-o [0]" in lines
    assert "use#0 COMPONENT_INPUT o@1 make i [0]" in lines
    assert "for-loop-2 COMPONENT_INPUT 8 ROOT pipelinechannel--a [0]" in lines
    assert "use-2#0 COMPONENT_INPUT 8 ROOT i [0]" in lines
    assert "use-3#0 RUNTIME_VALUE_INPUT 9 none i [0]" in lines


def test_zip_over_several_lists(shape):
    """Row 62: one item port per list; item n of each goes to iteration n."""

    @ap.pipeline
    def fan():
        use.map(i=make.map(x=[1, 2]), factor=[3, 4])

    lines = shape(fan())

    assert inputs(lines, "use#1") == [
        "COMPONENT_INPUT o@2 for-loop-2#1 i [0]",
        "COMPONENT_INPUT 4 for-loop-2#1 factor [0]",
    ]


def test_lists_of_different_lengths_are_refused_before_the_loop(shape):
    """Row 62: unequal lengths are an error and no LOOP task exists."""

    @ap.pipeline
    def fan():
        use.map(i=[1, 2], factor=[3])

    with pytest.raises(ap.ArtifactPluginsError, match="different lengths"):
        fan()
    assert not [t for t in _tasks_of_newest_run() if t.type is TaskType.LOOP]


def test_map_over_nothing_is_a_skipped_loop(shape):
    """Row 21: no items, no links, and the consumer runs with an empty list."""

    @ap.pipeline
    def fan():
        return uselist(make.map(x=[]))

    run = fan()

    assert run.value() == 0
    assert [t.state for t in run.tasks() if t.type is TaskType.LOOP] == [TaskState.SKIPPED]
    assert inputs(shape(run), "uselist") == []


def test_list_put_together_and_one_element_picked(shape):
    """Rows 70 and 71: each element has its own producer; an element is not a fan-in."""

    @ap.pipeline
    def fan():
        mapped = make.map(x=[1, 2])
        uselist([make(x=5), mapped[1]])
        use(mapped[1])

    lines = shape(fan())

    assert inputs(lines, "uselist") == [
        "COLLECTED_INPUTS o@3 make-2 i [0]",
        "COLLECTED_INPUTS o@2 make#1 i [1]",
    ]
    assert inputs(lines, "use")[0] == "TASK_OUTPUT_INPUT o@2 make#1 i [0]"


def test_same_version_twice_in_one_list(shape):
    """Row 73: two links that differ by position."""

    @ap.pipeline
    def twice():
        one = make()
        return uselist([one, one])

    run = twice()

    assert run.value() == 6
    assert [line[-3:] for line in inputs(shape(run), "uselist")] == ["[0]", "[1]"]


def test_returned_fan_out(shape):
    """Row 20: the pipeline exposes each element of a fan-out."""

    @ap.pipeline
    def fan():
        return make.map(x=[1, 2])

    assert [line for line in shape(fan()) if line.startswith("ROOT")] == [
        "ROOT ITERATOR_OUTPUT o@1 for-loop-1#0 Output [0]",
        "ROOT ITERATOR_OUTPUT o@2 for-loop-1#1 Output [1]",
    ]


def test_existing_version_in_a_body_and_as_argument(shape):
    """Rows 81 and 82: an IMPORTER task in the body, a literal of ROOT as an argument."""
    old = ap.save(41, "answer")

    @ap.pipeline
    def again(d):
        use(old)
        use(d)

    run = again(old)

    lines = [line.replace(old.id, "OLD") for line in shape(run)]
    assert "importer OUTPUT OLD importer artifact [0]" in lines
    assert inputs(lines, "use")[0] == "TASK_OUTPUT_INPUT OLD importer i [0]"
    assert inputs(lines, "ROOT") == ["RUNTIME_VALUE_INPUT OLD none d [0]"]
    assert inputs(lines, "use-2")[0] == "COMPONENT_INPUT OLD ROOT i [0]"


def test_literal_that_is_not_json_becomes_an_external_version(shape):
    """Row 83: the link type stays that of a literal."""

    @ap.step
    def show(when: complex) -> str:
        return str(when)

    @ap.pipeline
    def literal():
        return show(1 + 2j)

    run = literal()

    assert run.value() == "(1+2j)"
    assert inputs(shape(run), "show") == ["RUNTIME_VALUE_INPUT show-when@1 none when [0]"]
    assert run["show-when"].save_type == "external"


def test_by_hand_links(shape):
    """Rows 77, 79 and 80: what a step logs and loads by hand is linked too."""
    ap.save(1, "elsewhere")

    @ap.step
    def hand(o: int) -> int:
        ap.log_artifact("plot", [1, 2])
        return ap.load_artifact("o") + ap.load_artifact("elsewhere") + o

    @ap.pipeline
    def by_hand():
        return hand(make())

    run = by_hand()

    assert run.value() == 7
    lines = shape(run)
    assert "hand OUTPUT plot@1 hand auto/plot [0]" in lines
    read = inputs(lines, "hand")
    assert "TASK_OUTPUT_INPUT o@1 make auto/o [0]" in read
    assert [line for line in read if line.startswith("RUNTIME_VALUE_INPUT")] != []


def test_failed_task_keeps_inputs_and_what_it_logged(shape):
    """Rows 75 and 78: no declared output, input links and hand-made versions stay."""

    @ap.step
    def breaks(i: int) -> int:
        ap.log_artifact("partial", i)
        raise ZeroDivisionError("no")

    @ap.pipeline
    def failing():
        breaks(make())

    with pytest.raises(ZeroDivisionError):
        failing()
    links = _links_of_newest_run()
    kinds = [(link.io_type.value, link.key) for link in links]
    assert ("TASK_OUTPUT_INPUT", "i") in kinds
    assert ("OUTPUT", "auto/partial") in kinds
    assert ("OUTPUT", "Output") not in kinds


def test_retry_links_inputs_once_and_outputs_of_the_attempt_that_worked(shape):
    """Row 74: attempt 2 succeeds; one input link, one output link."""
    calls = []

    @ap.step(retries=2)
    def flaky(i: int) -> int:
        calls.append(i)
        if len(calls) < 2:
            raise OSError("once")
        return i

    @ap.pipeline
    def retried():
        return flaky(make())

    run = retried()

    assert [t.attempt for t in run.tasks() if t.name == "flaky"] == [2]
    assert [line.split()[1] for line in shape(run) if line.startswith("flaky")] == [
        "TASK_OUTPUT_INPUT",
        "OUTPUT",
    ]


def _newest_run():
    from artifact_plugins.records import RunQuery
    from artifact_plugins.session import current_session
    from artifact_plugins.steps import PipelineRun

    session = current_session()
    return PipelineRun(session, session.ledger.runs(RunQuery(), limit=1)[0].id)


def _tasks_of_newest_run():
    return _newest_run().tasks()


def _links_of_newest_run():
    return _newest_run().links()
