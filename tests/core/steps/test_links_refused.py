"""What a loop or a step refuses: named errors, and a record of the run that is complete."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from link_table import (
    assert_complete,
    flag,
    items,
    links_of,
    make,
    newest_run,
    states_of,
    use,
    uselist,
)

import artifact_plugins as ap
from artifact_plugins.steps import loop

pytestmark = pytest.mark.usefixtures("session")


@ap.pipeline
def part(x, y=1):
    return use(x, factor=y)


def map_step(**lists):
    return make.map(**lists)


def map_pipeline(**lists):
    return part.map(**lists)


def map_body(**lists):
    return ap.for_each(lambda x: make(x), **lists)


def refused(body, match):
    """Run `body` as a pipeline that fails; return the states of its tasks."""
    with pytest.raises(ap.ArtifactPluginsError, match=match):
        ap.pipeline(name="refused")(body)()
    run = newest_run()
    record = assert_complete(run)
    assert record.state == "FAILED"
    assert "HandleUsageError" in record.error
    return states_of(run)


MAPS = pytest.mark.parametrize("mapped", [map_step, map_pipeline, map_body])


@MAPS
def test_over_nothing(mapped):
    """A map without any list is refused; no loop is recorded."""

    def body():
        mapped()

    assert refused(body, "mapped over nothing") == {"ROOT": "FAILED"}


@MAPS
@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"a": 1}, "dict"),
        ({1, 2}, "set"),
        ("text", "str"),
        (iter([1]), "list_iterator"),
        (7, "int"),
    ],
    ids=["mapping", "set", "text", "iterator", "number"],
)
def test_over_something_that_is_no_list(mapped, wrong, name):
    """A mapping, a set, a text, an iterator and a number have no order to count by."""

    def body():
        mapped(x=wrong)

    assert refused(body, f"mapped over a {name} as 'x'") == {"ROOT": "FAILED"}


@MAPS
@pytest.mark.parametrize("many", [[7] * 100_001, range(1_000_000)], ids=["list", "range"])
def test_over_too_many_literals(mapped, many, monkeypatch):
    """More than 100,000 items are refused before the first of them is looked at."""
    monkeypatch.setattr(loop, "store_literal", pytest.fail)

    def body():
        mapped(x=many)

    assert refused(body, r"mapped over \d+ items, more than 100000") == {"ROOT": "FAILED"}


def test_over_too_many_combinations():
    """The combinations count, not the items of each list."""

    def body():
        use.map_product(i=range(1001), factor=range(100))

    assert refused(body, "100100 items, more than 100000") == {"ROOT": "FAILED"}


@MAPS
def test_over_too_many_elements_of_a_parameter(mapped, monkeypatch):
    """The same for a list that came as a run argument."""
    monkeypatch.setattr(loop, "MAX_ITERATIONS", 3)
    pipeline = ap.pipeline(name="long")(lambda xs: mapped(x=xs))

    with pytest.raises(ap.ArtifactPluginsError, match="4 items, more than 3"):
        pipeline([1, 2, 3, 4])
    assert states_of(newest_run()) == {"ROOT": "FAILED"}


def test_over_a_stream_that_is_too_long(monkeypatch):
    """A streamed output is read as far as may be mapped over, and then refused."""
    monkeypatch.setattr(loop, "MAX_ITERATIONS", 3)

    @ap.step
    def stream() -> Iterator[int]:
        yield from range(1000)

    def body():
        make.map(x=stream())

    assert refused(body, "4 items, more than 3") == {"ROOT": "FAILED", "stream": "SUCCEEDED"}


@pytest.mark.parametrize("mapped", [part.map, use.map, lambda **lists: ap.for_each(part, **lists)])
def test_over_unequal_lengths(mapped):
    """Lists of different lengths are named with their lengths; no loop is recorded."""

    def body():
        made = make.map(x=[1, 2])
        if mapped == use.map:
            mapped(i=made, factor=[1, 2, 3])
        else:
            mapped(x=made, y=[1, 2, 3])

    states = refused(body, r"different lengths: {'\w': 2, '\w+': 3}")

    assert [path for path in states if "/" not in path] == ["ROOT", "for-loop-1"]


@MAPS
def test_over_one_artifact_that_is_no_list(mapped):
    """An artifact that holds a number cannot be mapped over; its task stays."""

    def body():
        mapped(x=make())

    assert refused(body, "holds a int, which cannot be mapped over") == {
        "ROOT": "FAILED",
        "make": "SUCCEEDED",
    }


def test_list_for_an_input_that_takes_one_value():
    """A fan-out where one value is wanted is refused before the step is called."""

    def body():
        use(make.map(x=[1, 2]))

    states = refused(body, r"'use-i' takes one value but got 2.*\.map")

    assert "use" not in states


def test_iterations_with_different_outputs():
    """A loop whose iterations return different outputs has no fan-outs."""

    def body():
        ap.for_each(lambda n: make(n) if ap.value(n) == 1 else (make(n), make(n)), n=[1, 2])

    states = refused(
        body, r"iteration 1 .* \['Output_0', 'Output_1'\], those before it \['Output'\]"
    )

    assert states["for-loop-1"] == "FAILED"


def test_iteration_that_returns_a_plain_value():
    """A value that no step made cannot be collected; what the loop made before stays linked."""

    def body():
        ap.for_each(lambda n: make(n) if ap.value(n) == 1 else 5, n=[1, 2])

    states = refused(body, "iteration 1 .* returned 5, which no step made")

    assert states == {
        "ROOT": "FAILED",
        "for-loop-1": "FAILED",
        "for-loop-1/make#0": "SUCCEEDED",
    }
    assert links_of(newest_run())["for-loop-1"].made == [
        "ITERATOR_OUTPUT o@1 make#0 pipelinechannel--make-o [0]"
    ]


def test_no_branches():
    """A choice between nothing is refused."""

    def body():
        ap.one_of(flag())

    assert refused(body, "no branches") == {"ROOT": "FAILED", "flag": "SUCCEEDED"}


def test_selector_that_is_no_name():
    """A number selects no branch, and the branches are listed."""

    def body():
        ap.one_of(make(), big=lambda: make(), small=lambda: make())

    assert refused(body, r"was to run 3, but has the branches \['big', 'small'\]") == {
        "ROOT": "FAILED",
        "make": "SUCCEEDED",
    }


def test_caught_refusal_leaves_the_run_going():
    """A body that catches a refusal goes on; names and counters are those of what happened."""

    @ap.pipeline
    def whole():
        with pytest.raises(ap.ArtifactPluginsError):
            use.map(i=[1, 2], factor=[1])
        return uselist(make.map(x=items()))

    run = whole()

    assert list(states_of(run)) == [
        "ROOT",
        "items",
        "for-loop-1",
        "for-loop-1/make#0",
        "for-loop-1/make#1",
        "uselist",
    ]
    assert assert_complete(run).state == "SUCCEEDED"


def test_outside_a_run_a_map_refuses_the_same():
    """The plain function mapped over something else names it, too."""
    with pytest.raises(ap.ArtifactPluginsError, match="mapped over nothing"):
        make.map()
    with pytest.raises(ap.ArtifactPluginsError, match="mapped over a dict"):
        make.map(x={"a": 1})
    with pytest.raises(ap.ArtifactPluginsError, match="different lengths"):
        use.map(i=[1], factor=[1, 2])
    with pytest.raises(ap.ArtifactPluginsError, match="outside the body of a run"):
        part.map(x=[1])
