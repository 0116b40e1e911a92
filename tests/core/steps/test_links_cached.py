"""Links of tasks that the cache served: rows 49 and 76 of the table of link types."""

from __future__ import annotations

from typing import Annotated

import pytest
from link_table import links_of, states_of, use, uselist

import artifact_plugins as ap

pytestmark = pytest.mark.usefixtures("session")


def test_cache_hit():
    """Row 49: the old version is an output of the new task, and goes on as any output does."""

    @ap.step(cache=True)
    def train(i: int) -> Annotated[int, "o"]:
        return i + 1

    @ap.pipeline
    def part():
        return train(4)

    @ap.pipeline
    def whole():
        one = part()
        use(one)
        return one

    first, second = whole(), whole()
    links = links_of(second)

    assert states_of(first)["part/train"] == "SUCCEEDED"
    assert states_of(second)["part/train"] == "CACHED"
    assert links["part/train"] == (
        ["RUNTIME_VALUE_INPUT 4 none i [0]"],
        ["OUTPUT o@1 train o [0]"],
    )
    assert links["part"].made == ["OUTPUT o@1 train Output [0]"]
    assert links["use"].given[0] == "TASK_OUTPUT_INPUT o@1 train i [0]"
    assert links["ROOT"].made == ["OUTPUT o@1 part Output [0]"]
    assert [v.run_id == second.id for v in second.versions("o")] == [False, True]
    assert second.value() == 5


def test_cache_hits_in_a_loop():
    """Row 76: each iteration is CACHED, with the old version and its own index."""

    @ap.step(cache=True)
    def train(i: int) -> Annotated[int, "o"]:
        return i + 1

    @ap.pipeline
    def whole():
        return uselist(train.map(i=[1, 2]))

    whole()
    run = whole()
    links, states = links_of(run), states_of(run)

    for index in (0, 1):
        path = f"for-loop-1/train#{index}"
        assert states[path] == "CACHED"
        assert links[path].given == [f"COMPONENT_INPUT {index + 1} for-loop-1#{index} i [0]"]
        assert links[path].made == [f"ITERATOR_OUTPUT o@{index + 1} train#{index} o [0]"]
    assert links["for-loop-1"].made == [
        "ITERATOR_OUTPUT o@1 train#0 pipelinechannel--train-o [0]",
        "ITERATOR_OUTPUT o@2 train#1 pipelinechannel--train-o [1]",
    ]
    assert links["uselist"].given == [
        "COLLECTED_INPUTS o@1 for-loop-1 i [0]",
        "COLLECTED_INPUTS o@2 for-loop-1 i [1]",
    ]
    assert run.value() == 5
