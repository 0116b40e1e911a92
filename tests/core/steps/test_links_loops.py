"""Links of loops: rows 11-18, 20-22, 32-35 and 50 of the table of link types."""

from __future__ import annotations

import pytest
from link_table import links_of, make, newest_run, sink, states_of, tasks_of, use, uselist

import artifact_plugins as ap

pytestmark = pytest.mark.usefixtures("session")

RAW = "pipelinechannel--loop-item-param-1"


def test_loop_captures_an_artifact():
    """Row 11a: the loop reads it once, from the sibling that made it."""

    @ap.pipeline
    def fan():
        use.partial(i=make()).map(factor=[1, 2])

    run = fan()

    loop = tasks_of(run)["for-loop-1"]
    assert (loop.type, loop.iteration_index, loop.iteration_count) == ("LOOP", None, 2)
    assert links_of(run)["for-loop-1"].given == [
        f"ITERATOR_INPUT_RAW 1 #0 {RAW} [0]",
        f"ITERATOR_INPUT_RAW 2 #1 {RAW} [1]",
        "TASK_OUTPUT_INPUT o@1 make pipelinechannel--make-o [0]",
    ]


def test_loop_captures_an_input_of_its_pipeline():
    """Row 11b: what came in as a parameter is handed down, with the producer it had."""

    @ap.pipeline
    def mid(d):
        use.partial(i=d).map(factor=[1])

    @ap.pipeline
    def whole():
        mid(make())

    assert links_of(whole())["mid/for-loop-1"].given == [
        f"ITERATOR_INPUT_RAW 1 #0 {RAW} [0]",
        "COMPONENT_INPUT o@1 make pipelinechannel--d [0]",
    ]


def test_captured_artifact_in_an_iteration():
    """Row 12: its producer has no iteration, whichever iteration uses it."""

    @ap.pipeline
    def fan():
        use.partial(i=make()).map(factor=[5, 6])

    links = links_of(fan())

    assert links["for-loop-1/use#0"].given == [
        "COMPONENT_INPUT 5 for-loop-1#0 factor [0]",
        "COMPONENT_INPUT o@1 make i [0]",
    ]
    assert links["for-loop-1/use#1"].given == [
        "COMPONENT_INPUT 6 for-loop-1#1 factor [0]",
        "COMPONENT_INPUT o@1 make i [0]",
    ]


def test_output_in_an_iteration():
    """Row 13: a task inside a loop is the producer, with its index, also the first."""

    @ap.pipeline
    def fan():
        make.map(x=[1, 2])

    links = links_of(fan())

    assert links["for-loop-1/make#0"].made == ["ITERATOR_OUTPUT o@1 make#0 o [0]"]
    assert links["for-loop-1/make#1"].made == ["ITERATOR_OUTPUT o@2 make#1 o [0]"]


def test_sibling_in_the_same_iteration():
    """Row 14: it reads one value of its own iteration, no fan-in."""

    @ap.pipeline
    def fan():
        ap.for_each(lambda x: sink(make(x)), x=[1, 2])

    links = links_of(fan())

    assert links["for-loop-1/sink#0"].given == ["TASK_OUTPUT_INPUT o@1 make#0 i [0]"]
    assert links["for-loop-1/sink#1"].given == ["TASK_OUTPUT_INPUT o@3 make#1 i [0]"]


def test_loop_exposes_outputs():
    """Row 15: one link per iteration on the loop, made by the task that leaves the body."""

    @ap.pipeline
    def fan():
        make.map(x=[1, 2])
        ap.for_each(lambda x: sink(make(x)), x=[3, 4])

    links = links_of(fan())

    assert links["for-loop-1"].made == [
        "ITERATOR_OUTPUT o@1 make#0 pipelinechannel--make-o [0]",
        "ITERATOR_OUTPUT o@2 make#1 pipelinechannel--make-o [1]",
    ]
    assert links["for-loop-2"].made == [
        "ITERATOR_OUTPUT o@4 sink#0 pipelinechannel--sink-o [0]",
        "ITERATOR_OUTPUT o@6 sink#1 pipelinechannel--sink-o [1]",
    ]


def test_fan_in():
    """Row 16: one link per element, in order, from the loop without iteration."""

    @ap.pipeline
    def fan():
        return uselist(i=make.map(x=[1, 2, 3]))

    run = fan()

    assert links_of(run)["uselist"].given == [
        "COLLECTED_INPUTS o@1 for-loop-1 i [0]",
        "COLLECTED_INPUTS o@2 for-loop-1 i [1]",
        "COLLECTED_INPUTS o@3 for-loop-1 i [2]",
    ]
    assert run.value() == 6


def test_nested_pipeline_returns_a_fan_out():
    """Row 17: each element leaves the DAG as an iteration of the loop inside."""

    @ap.pipeline
    def inner5():
        return make.map(x=[1, 2])

    @ap.pipeline
    def whole():
        inner5()

    assert links_of(whole())["inner5"].made == [
        "ITERATOR_OUTPUT o@1 for-loop-1#0 Output [0]",
        "ITERATOR_OUTPUT o@2 for-loop-1#1 Output [1]",
    ]


def test_fan_in_from_a_nested_pipeline():
    """Row 18: a fan-in over what a DAG exposes names the DAG."""

    @ap.pipeline
    def inner5():
        return make.map(x=[1, 2])

    @ap.pipeline
    def whole():
        uselist(inner5())

    assert links_of(whole())["uselist"].given == [
        "COLLECTED_INPUTS o@1 inner5 i [0]",
        "COLLECTED_INPUTS o@2 inner5 i [1]",
    ]


def test_run_returns_a_fan_out():
    """Row 20: ROOT exposes each element, with the iteration that made it."""

    @ap.pipeline
    def fan():
        return make.map(x=[1, 2])

    assert links_of(fan())["ROOT"].made == [
        "ITERATOR_OUTPUT o@1 for-loop-1#0 Output [0]",
        "ITERATOR_OUTPUT o@2 for-loop-1#1 Output [1]",
    ]


def test_loop_over_an_empty_list():
    """Row 21: the loop is SKIPPED and has no items; the consumer runs with an empty list."""

    @ap.pipeline
    def fan(xs=[]):
        uselist(make.map(x=[]))
        uselist(ap.for_each(lambda x: make(x), x=[]))
        return uselist(make.map(x=xs))

    run = fan()
    links, states = links_of(run), states_of(run)

    assert states == {
        "ROOT": "SUCCEEDED",
        "for-loop-1": "SKIPPED",
        "uselist": "SUCCEEDED",
        "for-loop-2": "SKIPPED",
        "uselist-2": "SUCCEEDED",
        "for-loop-3": "SKIPPED",
        "uselist-3": "SUCCEEDED",
    }
    assert links["for-loop-1"] == links["for-loop-2"] == ([], [])
    assert links["for-loop-3"] == (["COMPONENT_INPUT [] ROOT pipelinechannel--xs [0]"], [])
    assert links["uselist"].given == links["uselist-2"].given == links["uselist-3"].given == []
    assert run.value() == 0


def test_fan_in_over_one_iteration():
    """Row 22: one element is a list of one."""

    @ap.pipeline
    def fan():
        return uselist(make.map(x=[5]))

    run = fan()

    assert links_of(run)["uselist"].given == ["COLLECTED_INPUTS o@1 for-loop-1 i [0]"]
    assert run.value() == 5


@ap.pipeline
def inner(d):
    return use(d)


@ap.pipeline
def mapped():
    return ap.for_each(lambda x: sink(inner(x)), x=[1, 2])


def test_leaf_of_a_nested_pipeline_in_a_loop():
    """Row 32: a step of a pipeline inside a loop has the index of the iteration."""
    run = mapped()

    assert tasks_of(run)["for-loop-1/inner#1/use"].iteration_index == 1
    assert links_of(run)["for-loop-1/inner#1/use"].made == ["ITERATOR_OUTPUT o@3 use#1 o [0]"]


def test_nested_pipeline_in_a_loop():
    """Row 33: the DAG keeps the index of what made its output."""
    run = mapped()

    assert tasks_of(run)["for-loop-1/inner#1"].iteration_index == 1
    assert links_of(run)["for-loop-1/inner#1"].given == ["COMPONENT_INPUT 2 for-loop-1#1 d [0]"]
    assert links_of(run)["for-loop-1/inner#1"].made == ["OUTPUT o@3 use#1 Output [0]"]


def test_mapped_pipeline():
    """Row 34: a loop over a pipeline exposes what each call returned."""

    @ap.pipeline
    def whole():
        return uselist(inner.map(d=make.map(x=[1, 2])))

    run = whole()
    links = links_of(run)

    assert links["for-loop-2"].given == [
        "COLLECTED_INPUTS o@1 for-loop-1 pipelinechannel--make-o [0]",
        "COLLECTED_INPUTS o@2 for-loop-1 pipelinechannel--make-o [1]",
        "ITERATOR_INPUT o@1 for-loop-2#0 pipelinechannel--make-o-loop-item [0]",
        "ITERATOR_INPUT o@2 for-loop-2#1 pipelinechannel--make-o-loop-item [1]",
    ]
    assert links["for-loop-2/inner#0"].given == ["COMPONENT_INPUT o@1 for-loop-2#0 d [0]"]
    assert links["for-loop-2"].made == [
        "ITERATOR_OUTPUT o@3 inner#0 pipelinechannel--inner-Output [0]",
        "ITERATOR_OUTPUT o@4 inner#1 pipelinechannel--inner-Output [1]",
    ]
    assert run.value() == 6


def test_sibling_of_a_nested_pipeline_in_a_loop():
    """Row 35: it names the step inside that made the value, of its own iteration."""
    links = links_of(mapped())

    assert links["for-loop-1/sink#0"].given == ["TASK_OUTPUT_INPUT o@1 use#0 i [0]"]
    assert links["for-loop-1/sink#1"].given == ["TASK_OUTPUT_INPUT o@3 use#1 i [0]"]


def test_importer_in_a_loop():
    """Row 50: each iteration brings the version in again, and its consumer names its own."""
    old = ap.save(41, "answer")

    @ap.pipeline
    def fan():
        ap.for_each(lambda n: use(i=old, factor=n), n=[1, 2])

    run = fan()
    links = links_of(run)

    assert tasks_of(run)["for-loop-1/importer#1"].type == "IMPORTER"
    for index in (0, 1):
        assert links[f"for-loop-1/importer#{index}"] == (
            [],
            [f"ITERATOR_OUTPUT answer@1 importer#{index} artifact [0]"],
        )
        assert links[f"for-loop-1/use#{index}"].given == [
            f"TASK_OUTPUT_INPUT answer@1 importer#{index} i [0]",
            f"COMPONENT_INPUT {index + 1} for-loop-1#{index} factor [0]",
        ]


def test_several_outputs_of_a_loop():
    """A body that returns several values makes one fan-out of each."""

    @ap.pipeline
    def whole():
        low, high = ap.for_each(lambda x: (make(x), use(x)), x=[1, 2])
        return uselist(low), uselist(high)

    run = whole()
    links = links_of(run)

    assert links["uselist"].given == [
        "COLLECTED_INPUTS o@1 for-loop-1 i [0]",
        "COLLECTED_INPUTS o@3 for-loop-1 i [1]",
    ]
    assert links["ROOT"].made == [
        "OUTPUT o@5 uselist Output_0 [0]",
        "OUTPUT o@6 uselist-2 Output_1 [0]",
    ]
    assert run.value() == (3, 6)


def test_result_used_outside_its_loop_is_refused():
    """A handle that leaks out of a loop body is refused, in the next iteration too."""
    leaked = []

    def body(x):
        if leaked:
            use(leaked[0])
        leaked.append(make(x))

    @ap.pipeline
    def fan():
        ap.for_each(body, x=[1, 2])

    with pytest.raises(ap.ArtifactPluginsError, match="made inside 'ROOT/for-loop-1'"):
        fan()
    assert states_of(newest_run()) == {
        "ROOT": "FAILED",
        "for-loop-1": "FAILED",
        "for-loop-1/make#0": "SUCCEEDED",
    }
