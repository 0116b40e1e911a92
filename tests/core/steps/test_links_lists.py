"""Links of lists of values: rows 70-73 of the table of link types."""

from __future__ import annotations

import pytest
from link_table import is_even, links_of, make, newest_run, sink, states_of, use, uselist

import artifact_plugins as ap

pytestmark = pytest.mark.usefixtures("session")


def test_list_put_together():
    """Row 70: each element has its own producer, and its place in the list."""

    @ap.pipeline
    def whole():
        a, b = make(1), use(2)
        return uselist([a, b])

    run = whole()

    assert links_of(run)["uselist"].given == [
        "COLLECTED_INPUTS o@1 make i [0]",
        "COLLECTED_INPUTS o@2 use i [1]",
    ]
    assert run.value() == 5


def test_one_element_picked():
    """Row 71: it is one value of the task that made it, with its iteration."""

    @ap.pipeline
    def whole():
        mapped = make.map(x=[1, 2, 3])
        sink(mapped[2])
        return mapped[0]

    links = links_of(whole())

    assert links["sink"].given == ["TASK_OUTPUT_INPUT o@3 make#2 i [0]"]
    assert links["ROOT"].made == ["OUTPUT o@1 for-loop-1#0 Output [0]"]


def test_element_that_leaves_a_pipeline():
    """It is one output of the pipeline, which keeps the iteration that made it."""

    @ap.pipeline
    def second():
        return make.map(x=[1, 2])[1]

    @ap.pipeline
    def whole():
        sink(second())

    links = links_of(whole())

    assert links["second"].made == ["OUTPUT o@2 for-loop-1#1 Output [0]"]
    assert links["sink"].given == ["TASK_OUTPUT_INPUT o@2 for-loop-1#1 i [0]"]


def test_fan_in_with_gaps():
    """Row 72: positions of the fan-in are dense; iterations on the loop have gaps."""

    @ap.pipeline
    def whole():
        evens = ap.for_each(lambda n: ap.one_of(is_even(n), true=lambda: use(n)), n=[1, 2, 3, 4])
        return uselist(evens)

    run = whole()
    links = links_of(run)

    assert links["for-loop-1"].made == [
        "ITERATOR_OUTPUT o@1 condition-1#1 pipelinechannel--use-o [0]",
        "ITERATOR_OUTPUT o@2 condition-1#3 pipelinechannel--use-o [1]",
    ]
    assert links["uselist"].given == [
        "COLLECTED_INPUTS o@1 for-loop-1 i [0]",
        "COLLECTED_INPUTS o@2 for-loop-1 i [1]",
    ]
    assert run.value() == 12


def test_loop_in_which_every_iteration_was_skipped():
    """A fan-in over it is an empty list without links."""

    @ap.pipeline
    def whole():
        evens = ap.for_each(lambda n: ap.one_of(is_even(n), true=lambda: use(n)), n=[1, 3])
        return uselist(evens)

    run = whole()

    assert links_of(run)["uselist"].given == []
    assert run.value() == 0


def test_same_version_twice():
    """Row 73: a fan-out and a list may hold one version twice; only the positions differ."""

    @ap.pipeline
    def whole():
        one = make()
        again = ap.for_each(lambda n: one, n=[1, 2])
        return uselist(again), uselist([one, one])

    run = whole()
    links = links_of(run)

    assert links["uselist"].given == [
        "COLLECTED_INPUTS o@1 for-loop-1 i [0]",
        "COLLECTED_INPUTS o@1 for-loop-1 i [1]",
    ]
    assert links["uselist-2"].given == [
        "COLLECTED_INPUTS o@1 make i [0]",
        "COLLECTED_INPUTS o@1 make i [1]",
    ]
    assert run.value() == (6, 6)


def test_constant_among_handles():
    """A list of handles may hold constants; each is a literal in its place."""

    @ap.pipeline
    def whole():
        return uselist([make(1), 40])

    run = whole()

    assert links_of(run)["uselist"].given == [
        "COLLECTED_INPUTS o@1 make i [0]",
        "RUNTIME_VALUE_INPUT 40 none i [1]",
    ]
    assert run.value() == 41


def test_slice_of_a_fan_out():
    """Part of a fan-out is a list of its elements, each with its own producer."""

    @ap.pipeline
    def whole():
        return uselist(make.map(x=[1, 2, 3])[1:])

    run = whole()

    assert links_of(run)["uselist"].given == [
        "COLLECTED_INPUTS o@2 make#1 i [0]",
        "COLLECTED_INPUTS o@3 make#2 i [1]",
    ]
    assert run.value() == 5


@pytest.mark.parametrize("kind", [list, dict])
def test_list_that_holds_itself_is_refused(kind):
    """A cycle of handles is named, nothing is called, and the run is complete."""

    @ap.pipeline
    def whole():
        one = make()
        cycle = [one] if kind is list else {"one": one}
        if kind is list:
            cycle.append(cycle)
        else:
            cycle["again"] = cycle
        uselist(cycle)

    with pytest.raises(ap.ArtifactPluginsError, match="uselist-i"):
        whole()
    assert states_of(newest_run()) == {"ROOT": "FAILED", "make": "SUCCEEDED"}


def test_list_without_handles_that_holds_itself_is_refused():
    """The same for a cycle without handles, which is no literal that could be kept."""

    @ap.pipeline
    def whole():
        cycle = [1]
        cycle.append(cycle)
        uselist(cycle)

    with pytest.raises(ap.ArtifactPluginsError, match="uselist-i"):
        whole()
    assert states_of(newest_run()) == {"ROOT": "FAILED"}


def test_body_that_returns_a_cycle_is_refused():
    """A list that holds itself is no output of a pipeline."""

    @ap.pipeline
    def whole():
        cycle = [make()]
        cycle.append(cycle)
        return cycle

    with pytest.raises(ap.ArtifactPluginsError, match="itself"):
        whole()
    assert states_of(newest_run()) == {"ROOT": "FAILED", "make": "SUCCEEDED"}
