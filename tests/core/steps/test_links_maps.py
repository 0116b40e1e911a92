"""Links of what a loop iterates over: rows 48 and 59-64 of the table of link types."""

from __future__ import annotations

from typing import Annotated

import pytest
from link_table import items, links_of, make, newest_run, sink, states_of, tasks_of, use, uselist

import artifact_plugins as ap

pytestmark = pytest.mark.usefixtures("session")

RAW = "pipelinechannel--loop-item-param-1"
MADE = "pipelinechannel--make-o"


@ap.pipeline
def over_artifacts():
    return sink.map(i=make.map(x=[1, 2]))


def test_list_of_artifacts():
    """Row 48a: the loop reads the list as a fan-in."""
    assert links_of(over_artifacts())["for-loop-2"].given[:2] == [
        f"COLLECTED_INPUTS o@1 for-loop-1 {MADE} [0]",
        f"COLLECTED_INPUTS o@2 for-loop-1 {MADE} [1]",
    ]


def test_items_of_a_list_of_artifacts():
    """Row 48b: one item per iteration; the producer is the loop with the index of the item."""
    assert links_of(over_artifacts())["for-loop-2"].given[2:] == [
        f"ITERATOR_INPUT o@1 for-loop-2#0 {MADE}-loop-item [0]",
        f"ITERATOR_INPUT o@2 for-loop-2#1 {MADE}-loop-item [1]",
    ]


def test_item_of_a_list_of_artifacts_in_an_iteration():
    """Row 48c: the task gets it from the loop, with its index."""
    run = over_artifacts()
    links = links_of(run)

    assert links["for-loop-2/sink#0"].given == ["COMPONENT_INPUT o@1 for-loop-2#0 i [0]"]
    assert links["for-loop-2/sink#1"].given == ["COMPONENT_INPUT o@2 for-loop-2#1 i [0]"]
    assert run.value() == [-1, -2]


def test_items_of_a_hard_coded_list():
    """Row 59a: they are raw: no producer, only the index; the list as a whole has no link."""

    @ap.pipeline
    def fan():
        make.map(x=[5, 5])

    assert links_of(fan())["for-loop-1"].given == [
        f"ITERATOR_INPUT_RAW 5 #0 {RAW} [0]",
        f"ITERATOR_INPUT_RAW 5 #1 {RAW} [1]",
    ]


def test_item_of_a_hard_coded_list_in_an_iteration():
    """Row 59b: the task gets it from the loop, with its index."""

    @ap.pipeline
    def fan():
        make.map(x=[5, 6])

    assert links_of(fan())["for-loop-1/make#1"].given == ["COMPONENT_INPUT 6 for-loop-1#1 x [0]"]


@ap.pipeline
def over_parameter(xs):
    return make.map(x=xs)


def test_list_that_is_a_pipeline_parameter():
    """Row 60a: the loop gets the whole list from ROOT."""
    assert links_of(over_parameter([5, 6]))["for-loop-1"].given[:1] == [
        "COMPONENT_INPUT [5, 6] ROOT pipelinechannel--xs [0]"
    ]


def test_items_of_a_pipeline_parameter():
    """Row 60b: its items are the loop's, one per iteration."""
    assert links_of(over_parameter([5, 6]))["for-loop-1"].given[1:] == [
        "ITERATOR_INPUT 5 for-loop-1#0 pipelinechannel--xs-loop-item [0]",
        "ITERATOR_INPUT 6 for-loop-1#1 pipelinechannel--xs-loop-item [1]",
    ]


def test_item_of_a_pipeline_parameter_in_an_iteration():
    """Row 60c: the task gets it from the loop, with its index."""
    run = over_parameter([5, 6])

    assert links_of(run)["for-loop-1/make#1"].given == ["COMPONENT_INPUT 6 for-loop-1#1 x [0]"]
    assert run.value() == [5, 6]


@ap.pipeline
def over_items():
    return make.map(x=items())


def test_one_artifact_that_holds_a_list():
    """Row 61a: the loop reads the one version from its sibling."""
    assert links_of(over_items())["for-loop-1"].given[:1] == [
        "TASK_OUTPUT_INPUT items@1 items pipelinechannel--items-Output [0]"
    ]


def test_elements_of_one_artifact():
    """Row 61b: small elements are parameter values, others become versions of their own."""

    @ap.step
    def pairs() -> Annotated[list[tuple[int, int]], "pairs"]:
        return [(1, 2)]

    @ap.step
    def total(pair: tuple[int, int]) -> int:
        return sum(pair)

    @ap.pipeline
    def over_pairs():
        return total.map(pair=pairs())

    assert links_of(over_items())["for-loop-1"].given[1:] == [
        "ITERATOR_INPUT 10 for-loop-1#0 pipelinechannel--items-Output-loop-item [0]",
        "ITERATOR_INPUT 20 for-loop-1#1 pipelinechannel--items-Output-loop-item [1]",
    ]
    run = over_pairs()
    assert links_of(run)["for-loop-1"].given[1:] == [
        "ITERATOR_INPUT total-pair@1 for-loop-1#0 pipelinechannel--pairs-pairs-loop-item [0]"
    ]
    assert run["total-pair"].save_type == "external"
    assert run.value() == [3]


def test_element_of_one_artifact_in_an_iteration():
    """Row 61c: the task gets it from the loop, with its index."""
    run = over_items()

    assert links_of(run)["for-loop-1/make#1"].given == ["COMPONENT_INPUT 20 for-loop-1#1 x [0]"]
    assert run.value() == [10, 20]


@ap.pipeline
def zipped():
    return use.map(i=make.map(x=[1, 2]), factor=make.map(x=[3, 4]))


def test_zip_over_several_outputs():
    """Row 62a: the loop has one port for each list, although both outputs are called alike."""
    assert links_of(zipped())["for-loop-3"].given == [
        f"COLLECTED_INPUTS o@1 for-loop-1 {MADE} [0]",
        f"COLLECTED_INPUTS o@2 for-loop-1 {MADE} [1]",
        f"ITERATOR_INPUT o@1 for-loop-3#0 {MADE}-loop-item [0]",
        f"ITERATOR_INPUT o@2 for-loop-3#1 {MADE}-loop-item [1]",
        "COLLECTED_INPUTS o@3 for-loop-2 pipelinechannel--make-2-o [0]",
        "COLLECTED_INPUTS o@4 for-loop-2 pipelinechannel--make-2-o [1]",
        "ITERATOR_INPUT o@3 for-loop-3#0 pipelinechannel--make-2-o-loop-item [0]",
        "ITERATOR_INPUT o@4 for-loop-3#1 pipelinechannel--make-2-o-loop-item [1]",
    ]


def test_items_of_a_zip():
    """Row 62b: item n of each list goes to iteration n; unequal lengths make no loop at all."""
    run = zipped()
    assert links_of(run)["for-loop-3/use#1"].given == [
        "COMPONENT_INPUT o@2 for-loop-3#1 i [0]",
        "COMPONENT_INPUT o@4 for-loop-3#1 factor [0]",
    ]
    assert run.value() == [3, 8]

    @ap.pipeline
    def unequal():
        use.map(i=make.map(x=[1, 2]), factor=[3])

    with pytest.raises(ap.ArtifactPluginsError, match="different lengths"):
        unequal()
    assert list(states_of(newest_run())) == [
        "ROOT",
        "for-loop-1",
        "for-loop-1/make#0",
        "for-loop-1/make#1",
    ]


def test_product_of_several_outputs():
    """Row 63: n counts with the last list fastest; an item occurs under several n."""

    @ap.pipeline
    def combined():
        return use.map_product(i=make.map(x=[1, 2]), factor=[5, 6])

    run = combined()
    links = links_of(run)

    assert tasks_of(run)["for-loop-2"].iteration_count == 4
    assert links["for-loop-2"].given == [
        f"COLLECTED_INPUTS o@1 for-loop-1 {MADE} [0]",
        f"COLLECTED_INPUTS o@2 for-loop-1 {MADE} [1]",
        f"ITERATOR_INPUT o@1 for-loop-2#0 {MADE}-loop-item [0]",
        f"ITERATOR_INPUT o@1 for-loop-2#1 {MADE}-loop-item [1]",
        f"ITERATOR_INPUT o@2 for-loop-2#2 {MADE}-loop-item [2]",
        f"ITERATOR_INPUT o@2 for-loop-2#3 {MADE}-loop-item [3]",
        "ITERATOR_INPUT_RAW 5 #0 pipelinechannel--loop-item-param-2 [0]",
        "ITERATOR_INPUT_RAW 6 #1 pipelinechannel--loop-item-param-2 [1]",
        "ITERATOR_INPUT_RAW 5 #2 pipelinechannel--loop-item-param-2 [2]",
        "ITERATOR_INPUT_RAW 6 #3 pipelinechannel--loop-item-param-2 [3]",
    ]
    assert links["for-loop-2/use#2"].given == [
        "COMPONENT_INPUT o@2 for-loop-2#2 i [0]",
        "COMPONENT_INPUT 5 for-loop-2#2 factor [0]",
    ]
    assert run.value() == [5, 6, 10, 12]


def test_broadcast():
    """Row 64: a handle passes through the loop; a constant is a literal of each iteration."""

    @ap.step
    def blend(a: int, b: int, c: int) -> Annotated[int, "o"]:
        return a + b + c

    @ap.pipeline
    def bound():
        return blend.partial(b=make(), c=8).map(a=[1, 2])

    run = bound()
    links = links_of(run)

    assert links["for-loop-1"].given[2:] == [f"TASK_OUTPUT_INPUT o@1 make {MADE} [0]"]
    assert links["for-loop-1/blend#1"].given == [
        "COMPONENT_INPUT 2 for-loop-1#1 a [0]",
        "COMPONENT_INPUT o@1 make b [0]",
        "RUNTIME_VALUE_INPUT 8 none c [0]",
    ]
    assert run.value() == [12, 13]


def test_worked_example():
    """A fan-out over literals, another over artifacts and a fan-in: every link of the run."""

    @ap.pipeline
    def fan():
        uselist(sink.map(i=make.map(x=[1, 2])))

    assert links_of(fan()) == {
        "ROOT": ([], []),
        "for-loop-1": (
            [f"ITERATOR_INPUT_RAW 1 #0 {RAW} [0]", f"ITERATOR_INPUT_RAW 2 #1 {RAW} [1]"],
            [f"ITERATOR_OUTPUT o@1 make#0 {MADE} [0]", f"ITERATOR_OUTPUT o@2 make#1 {MADE} [1]"],
        ),
        "for-loop-1/make#0": (
            ["COMPONENT_INPUT 1 for-loop-1#0 x [0]"],
            ["ITERATOR_OUTPUT o@1 make#0 o [0]"],
        ),
        "for-loop-1/make#1": (
            ["COMPONENT_INPUT 2 for-loop-1#1 x [0]"],
            ["ITERATOR_OUTPUT o@2 make#1 o [0]"],
        ),
        "for-loop-2": (
            [
                f"COLLECTED_INPUTS o@1 for-loop-1 {MADE} [0]",
                f"COLLECTED_INPUTS o@2 for-loop-1 {MADE} [1]",
                f"ITERATOR_INPUT o@1 for-loop-2#0 {MADE}-loop-item [0]",
                f"ITERATOR_INPUT o@2 for-loop-2#1 {MADE}-loop-item [1]",
            ],
            [
                "ITERATOR_OUTPUT o@3 sink#0 pipelinechannel--sink-o [0]",
                "ITERATOR_OUTPUT o@4 sink#1 pipelinechannel--sink-o [1]",
            ],
        ),
        "for-loop-2/sink#0": (
            ["COMPONENT_INPUT o@1 for-loop-2#0 i [0]"],
            ["ITERATOR_OUTPUT o@3 sink#0 o [0]"],
        ),
        "for-loop-2/sink#1": (
            ["COMPONENT_INPUT o@2 for-loop-2#1 i [0]"],
            ["ITERATOR_OUTPUT o@4 sink#1 o [0]"],
        ),
        "uselist": (
            ["COLLECTED_INPUTS o@3 for-loop-2 i [0]", "COLLECTED_INPUTS o@4 for-loop-2 i [1]"],
            ["OUTPUT o@5 uselist o [0]"],
        ),
    }


def test_one_list_under_two_inputs():
    """A list that two inputs iterate over is read once by the loop."""

    @ap.pipeline
    def squares():
        made = make.map(x=[1, 2])
        return use.map(i=made, factor=made)

    run = squares()

    assert links_of(run)["for-loop-2"].given == [
        f"COLLECTED_INPUTS o@1 for-loop-1 {MADE} [0]",
        f"COLLECTED_INPUTS o@2 for-loop-1 {MADE} [1]",
        f"ITERATOR_INPUT o@1 for-loop-2#0 {MADE}-loop-item [0]",
        f"ITERATOR_INPUT o@2 for-loop-2#1 {MADE}-loop-item [1]",
    ]
    assert run.value() == [1, 4]


def test_product_of_a_list_with_itself():
    """The same list has a port for each input when their items differ."""

    @ap.pipeline
    def squares():
        made = make.map(x=[1, 2])
        return use.map_product(i=made, factor=made)

    run = squares()

    assert links_of(run)["for-loop-2"].given[2:] == [
        f"ITERATOR_INPUT o@1 for-loop-2#0 {MADE}-loop-item [0]",
        f"ITERATOR_INPUT o@1 for-loop-2#1 {MADE}-loop-item [1]",
        f"ITERATOR_INPUT o@2 for-loop-2#2 {MADE}-loop-item [2]",
        f"ITERATOR_INPUT o@2 for-loop-2#3 {MADE}-loop-item [3]",
        f"ITERATOR_INPUT o@1 for-loop-2#0 {MADE}-loop-item-2 [0]",
        f"ITERATOR_INPUT o@2 for-loop-2#1 {MADE}-loop-item-2 [1]",
        f"ITERATOR_INPUT o@1 for-loop-2#2 {MADE}-loop-item-2 [2]",
        f"ITERATOR_INPUT o@2 for-loop-2#3 {MADE}-loop-item-2 [3]",
    ]
    assert run.value() == [1, 2, 2, 4]


def test_list_put_together_and_mapped():
    """A loop over handles of several tasks reads each from its own producer."""

    @ap.pipeline
    def fan():
        return sink.map(i=[make(1), use(2)])

    run = fan()

    assert links_of(run)["for-loop-1"].given == [
        "COLLECTED_INPUTS o@1 make pipelinechannel--sink-i [0]",
        "COLLECTED_INPUTS o@2 use pipelinechannel--sink-i [1]",
        "ITERATOR_INPUT o@1 for-loop-1#0 pipelinechannel--sink-i-loop-item [0]",
        "ITERATOR_INPUT o@2 for-loop-1#1 pipelinechannel--sink-i-loop-item [1]",
    ]
    assert run.value() == [-1, -4]
