"""Links of pipelines in pipelines: rows 6-10, 19 and 30 of the table of link types."""

from __future__ import annotations

import pytest
from link_table import links_of, make, newest_run, sink, states_of, tasks_of, use, uselist

import artifact_plugins as ap

pytestmark = pytest.mark.usefixtures("session")


@ap.pipeline
def inner(d):
    return use(d)


@ap.pipeline
def mid(d):
    return inner(d)


@ap.pipeline
def outer():
    sink(mid(make()))


def test_artifact_into_a_nested_pipeline():
    """Row 6: the pipeline is a DAG that reads the output of its sibling."""
    run = outer()

    assert tasks_of(run)["mid"].type == "DAG"
    assert links_of(run)["mid"].given == ["TASK_OUTPUT_INPUT o@1 make d [0]"]


def test_artifact_handed_down():
    """Row 7: pipelines and steps further in name the task that made it, however deep."""
    links = links_of(outer())

    assert links["mid/inner"].given == ["COMPONENT_INPUT o@1 make d [0]"]
    assert links["mid/inner/use"].given == [
        "COMPONENT_INPUT o@1 make i [0]",
        "COMPONENT_DEFAULT_INPUT 2 none factor [0]",
    ]


def test_output_leaves_the_inner_pipeline():
    """Row 8: what the body returns is an output of the DAG, made by the step."""
    links = links_of(outer())

    assert links["mid/inner/use"].made == ["OUTPUT o@2 use o [0]"]
    assert links["mid/inner"].made == ["OUTPUT o@2 use Output [0]"]


def test_output_leaves_the_outer_pipeline():
    """Row 9: one level further out, the inner pipeline made it."""
    assert links_of(outer())["mid"].made == ["OUTPUT o@2 inner Output [0]"]


def test_consumer_of_a_nested_pipeline():
    """Row 10: the consumer names the child that fed the output of the DAG."""
    assert links_of(outer())["sink"].given == ["TASK_OUTPUT_INPUT o@2 inner i [0]"]


def test_list_into_a_nested_pipeline():
    """Row 19: each element is a fan-in on the pipeline, and handed down to its step."""

    @ap.pipeline
    def inner18():
        return make.map(x=[1, 2])

    @ap.pipeline
    def wrap(l):  # noqa: E741  # the name of the table
        return uselist(l)

    @ap.pipeline
    def whole():
        return wrap(inner18())

    run = whole()
    links = links_of(run)

    assert links["wrap"].given == [
        "COLLECTED_INPUTS o@1 inner18 l [0]",
        "COLLECTED_INPUTS o@2 inner18 l [1]",
    ]
    assert links["wrap/uselist"].given == [
        "COMPONENT_INPUT o@1 inner18 i [0]",
        "COMPONENT_INPUT o@2 inner18 i [1]",
    ]
    assert run.value() == 3


def test_one_of_leaves_pipelines():
    """Row 30: it stays the output of a choice, on the nested pipeline and on ROOT."""

    @ap.pipeline
    def inner7():
        return ap.one_of("big", big=lambda: make(1), small=lambda: make(2))

    @ap.pipeline
    def whole():
        return inner7()

    links = links_of(whole())

    assert links["inner7"].made == ["ONE_OF_OUTPUT o@1 condition-branches-1 Output [0]"]
    assert links["ROOT"].made == ["ONE_OF_OUTPUT o@1 inner7 Output [0]"]


def test_several_outputs_of_a_nested_pipeline():
    """Each output of a nested pipeline has its own name, and its own link."""

    @ap.pipeline
    def two(d):
        return {"first": use(d), "second": sink(d)}

    @ap.pipeline
    def whole():
        both = two(make())
        uselist([both["first"], both["second"]])

    links = links_of(whole())

    assert links["two"].made == ["OUTPUT o@2 use first [0]", "OUTPUT o@3 sink second [0]"]
    assert links["uselist"].given == [
        "COLLECTED_INPUTS o@2 use i [0]",
        "COLLECTED_INPUTS o@3 sink i [1]",
    ]


def test_default_of_a_nested_pipeline():
    """A parameter that the caller leaves out is a default of the DAG; its tasks name the DAG."""

    @ap.pipeline
    def part(d=5):
        make(d)

    @ap.pipeline
    def whole():
        part()
        part(6)

    links = links_of(whole())

    assert links["part"].given == ["COMPONENT_DEFAULT_INPUT 5 none d [0]"]
    assert links["part/make"].given == ["COMPONENT_INPUT 5 part x [0]"]
    assert links["part-2"].given == ["RUNTIME_VALUE_INPUT 6 none d [0]"]
    assert links["part-2/make"].given == ["COMPONENT_INPUT 6 part-2 x [0]"]


def test_parameter_that_is_returned_has_no_output_link():
    """What a nested pipeline only passes on was made outside: the consumer names its maker."""

    @ap.pipeline
    def through(d):
        return d

    @ap.pipeline
    def whole():
        sink(through(make()))

    links = links_of(whole())

    assert links["through"].made == []
    assert links["sink"].given == ["TASK_OUTPUT_INPUT o@1 make i [0]"]


def test_captured_artifact_passes_through_every_group_once():
    """A body that uses what lies around it has one input link for it, however often it is used."""

    @ap.pipeline
    def whole():
        one = make()

        @ap.pipeline
        def captures():
            use(one)
            sink(one)

        captures()

    links = links_of(whole())

    assert links["captures"].given == ["TASK_OUTPUT_INPUT o@1 make pipelinechannel--make-o [0]"]
    assert links["captures/use"].given[0] == "COMPONENT_INPUT o@1 make i [0]"
    assert links["captures/sink"].given == ["COMPONENT_INPUT o@1 make i [0]"]


def test_names_count_within_a_body():
    """Two calls of one pipeline have names of their own; inside, each body counts anew."""

    @ap.pipeline
    def pair():
        make()
        make()
        make.map(x=[1])

    @ap.pipeline
    def whole():
        pair()
        pair()

    assert list(states_of(whole())) == [
        "ROOT",
        "pair",
        "pair/make",
        "pair/make-2",
        "pair/for-loop-1",
        "pair/for-loop-1/make-3#0",
        "pair-2",
        "pair-2/make",
        "pair-2/make-2",
        "pair-2/for-loop-1",
        "pair-2/for-loop-1/make-3#0",
    ]


def test_result_used_outside_its_pipeline_is_refused():
    """A handle that leaks out of a nested pipeline is refused; returning it is the way out."""
    leaked = []

    @ap.pipeline
    def leaks():
        leaked.append(make())

    @ap.pipeline
    def whole():
        leaks()
        use(leaked[0])

    with pytest.raises(ap.ArtifactPluginsError, match=r"made inside 'ROOT/leaks' .* return it"):
        whole()
    assert states_of(newest_run()) == {
        "ROOT": "FAILED",
        "leaks": "SUCCEEDED",
        "leaks/make": "SUCCEEDED",
    }
