"""Links of loops inside loops: rows 40, 41 and 65-68 of the table of link types."""

from __future__ import annotations

import pytest
from link_table import links_of, make, sink, tasks_of, use, uselist

import artifact_plugins as ap

pytestmark = pytest.mark.usefixtures("session")

RAW = "pipelinechannel--loop-item-param-1"
INNER_RAW = "pipelinechannel--loop-item-param-2"


@ap.pipeline
def nested():
    """Two outer iterations with three inner ones each, over one artifact of the outside."""
    one = make()
    return ap.for_each(lambda n: use.partial(i=one).map(factor=[5, 6, 7]), n=[1, 2])


def test_inner_loop_captures_an_outer_artifact():
    """Row 40a: the inner loop is a LOOP with an index and a count; the artifact is handed down."""
    run = nested()

    inner = tasks_of(run)["for-loop-1/for-loop-1#1"]
    assert (inner.type, inner.iteration_index, inner.iteration_count) == ("LOOP", 1, 3)
    assert links_of(run)["for-loop-1/for-loop-1#1"].given == [
        f"ITERATOR_INPUT_RAW 5 #0 {INNER_RAW} [0]",
        f"ITERATOR_INPUT_RAW 6 #1 {INNER_RAW} [1]",
        f"ITERATOR_INPUT_RAW 7 #2 {INNER_RAW} [2]",
        "COMPONENT_INPUT o@1 make pipelinechannel--make-o [0]",
    ]


def test_inner_loop_exposes_its_iterations():
    """Row 40b: one link per inner iteration, which is the iteration of the producer."""
    links = links_of(nested())

    assert links["for-loop-1/for-loop-1#1/use#2"].made == ["ITERATOR_OUTPUT o@7 use#2 o [0]"]
    assert links["for-loop-1/for-loop-1#1"].made == [
        "ITERATOR_OUTPUT o@5 use#0 pipelinechannel--use-o [0]",
        "ITERATOR_OUTPUT o@6 use#1 pipelinechannel--use-o [1]",
        "ITERATOR_OUTPUT o@7 use#2 pipelinechannel--use-o [2]",
    ]


def test_outer_loop_exposes_each_element():
    """Row 41: one link per element; the producer is the inner loop of its outer iteration."""
    run = nested()

    assert links_of(run)["for-loop-1"].made == [
        "ITERATOR_OUTPUT o@2 for-loop-1#0 pipelinechannel--use-o [0]",
        "ITERATOR_OUTPUT o@3 for-loop-1#0 pipelinechannel--use-o [1]",
        "ITERATOR_OUTPUT o@4 for-loop-1#0 pipelinechannel--use-o [2]",
        "ITERATOR_OUTPUT o@5 for-loop-1#1 pipelinechannel--use-o [3]",
        "ITERATOR_OUTPUT o@6 for-loop-1#1 pipelinechannel--use-o [4]",
        "ITERATOR_OUTPUT o@7 for-loop-1#1 pipelinechannel--use-o [5]",
    ]
    assert run.value() == [[15, 18, 21], [15, 18, 21]]


def test_outer_item_in_the_inner_loop():
    """Row 65: the inner loop and its tasks name the outer loop, with the outer index."""

    @ap.pipeline
    def whole():
        ap.for_each(lambda n: use.partial(i=n).map(factor=[5, 6]), n=[1, 2])

    links = links_of(whole())

    assert links["for-loop-1/for-loop-1#1"].given == [
        f"ITERATOR_INPUT_RAW 5 #0 {INNER_RAW} [0]",
        f"ITERATOR_INPUT_RAW 6 #1 {INNER_RAW} [1]",
        f"COMPONENT_INPUT 2 for-loop-1#1 {RAW} [0]",
    ]
    assert links["for-loop-1/for-loop-1#1/use#0"].given == [
        "COMPONENT_INPUT 5 for-loop-1#0 factor [0]",
        "COMPONENT_INPUT 2 for-loop-1#1 i [0]",
    ]


def test_artifact_of_the_outer_iteration_in_the_inner_loop():
    """Row 66: a sibling of the inner loop made it, with the index of the outer iteration."""

    @ap.pipeline
    def whole():
        ap.for_each(lambda n: use.partial(i=make(n)).map(factor=[5, 6]), n=[1, 2])

    links = links_of(whole())

    assert links["for-loop-1/for-loop-1#1"].given[2:] == [
        "TASK_OUTPUT_INPUT o@4 make#1 pipelinechannel--make-o [0]"
    ]
    for index in (0, 1):
        assert links[f"for-loop-1/for-loop-1#1/use#{index}"].given[1:] == [
            "COMPONENT_INPUT o@4 make#1 i [0]"
        ]


def test_fan_in_of_the_inner_loop():
    """Row 67: a fan-in inside an outer iteration names the inner loop of that iteration."""

    @ap.pipeline
    def whole():
        return ap.for_each(lambda n: uselist(use.partial(i=n).map(factor=[5, 6])), n=[1, 2])

    run = whole()

    assert links_of(run)["for-loop-1/uselist#1"].given == [
        "COLLECTED_INPUTS o@4 for-loop-1#1 i [0]",
        "COLLECTED_INPUTS o@5 for-loop-1#1 i [1]",
    ]
    assert run.value() == [11, 22]


def test_mapped_pipeline_that_returns_a_fan_out():
    """Row 68: the pipeline, its sibling and the outer loop, each with its own indices."""

    @ap.pipeline
    def inner5(d):
        return use.partial(i=d).map(factor=[5, 6])

    @ap.pipeline
    def whole():
        def body(n):
            fan_out = inner5(n)
            uselist(fan_out)
            return fan_out

        return ap.for_each(body, n=[1, 2])

    run = whole()
    links = links_of(run)

    assert tasks_of(run)["for-loop-1/inner5#1"].iteration_index == 1
    assert links["for-loop-1/inner5#1"].made == [
        "ITERATOR_OUTPUT o@4 for-loop-1#1 Output [0]",
        "ITERATOR_OUTPUT o@5 for-loop-1#1 Output [1]",
    ]
    assert links["for-loop-1/uselist#1"].given == [
        "COLLECTED_INPUTS o@4 inner5#1 i [0]",
        "COLLECTED_INPUTS o@5 inner5#1 i [1]",
    ]
    assert links["for-loop-1"].made == [
        "ITERATOR_OUTPUT o@1 inner5#0 pipelinechannel--inner5-Output [0]",
        "ITERATOR_OUTPUT o@2 inner5#0 pipelinechannel--inner5-Output [1]",
        "ITERATOR_OUTPUT o@4 inner5#1 pipelinechannel--inner5-Output [2]",
        "ITERATOR_OUTPUT o@5 inner5#1 pipelinechannel--inner5-Output [3]",
    ]
    assert run.value() == [[5, 6], [10, 12]]


def test_nested_fan_out_as_nested_lists():
    """A step that takes lists of lists gets the results of nested loops in their form."""

    @ap.step
    def widths(rows: list[list[int]]) -> int:
        return len(rows) * 100 + len(rows[0])

    @ap.pipeline
    def whole():
        one = make()
        rows = ap.for_each(lambda n: use.partial(i=one).map(factor=[5, 6, 7]), n=[1, 2])
        return widths(rows), uselist(rows)

    run = whole()

    assert links_of(run)["widths"].given == [
        f"COLLECTED_INPUTS o@{number + 2} for-loop-1 rows [{number}]" for number in range(6)
    ]
    assert run.value() == (203, 108)


def test_inner_fan_out_mapped_again():
    """A mapped result of one outer iteration is mapped there: the inner loops name each other."""

    @ap.pipeline
    def whole():
        return ap.for_each(lambda n: sink.map(i=use.partial(i=n).map(factor=[5, 6])), n=[1, 2])

    run = whole()
    links = links_of(run)

    assert links["for-loop-1/for-loop-2#1"].given == [
        "COLLECTED_INPUTS o@5 for-loop-1#1 pipelinechannel--use-o [0]",
        "COLLECTED_INPUTS o@6 for-loop-1#1 pipelinechannel--use-o [1]",
        "ITERATOR_INPUT o@5 for-loop-2#0 pipelinechannel--use-o-loop-item [0]",
        "ITERATOR_INPUT o@6 for-loop-2#1 pipelinechannel--use-o-loop-item [1]",
    ]
    assert run.value() == [[-5, -6], [-10, -12]]


def test_one_list_in_both_loops():
    """The item of the outer loop and the items of the inner one have ports of their own."""

    @ap.pipeline
    def square(xs):
        return ap.for_each(lambda n: use.partial(i=n).map(factor=xs), n=xs)

    run = square([1, 2])

    assert links_of(run)["for-loop-1/for-loop-1#1"].given == [
        "COMPONENT_INPUT [1, 2] ROOT pipelinechannel--xs [0]",
        "ITERATOR_INPUT 1 for-loop-1#0 pipelinechannel--xs-loop-item [0]",
        "ITERATOR_INPUT 2 for-loop-1#1 pipelinechannel--xs-loop-item [1]",
        "COMPONENT_INPUT 2 for-loop-1#1 pipelinechannel--xs-loop-item-2 [0]",
    ]
    assert run.value() == [[1, 2], [2, 4]]
