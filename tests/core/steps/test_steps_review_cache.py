"""A cached step is served however many links its task has."""

from __future__ import annotations

import pytest

import artifact_plugins as ap
from artifact_plugins.records import TaskState

pytestmark = pytest.mark.usefixtures("session")


@ap.step
def item(x: int) -> int:
    return x


@ap.step(cache=True)
def total(numbers: list[int]) -> int:
    return sum(numbers)


def test_fan_in_over_more_than_a_page_of_links_is_served():
    """The second call over 1,100 versions finds the output behind its 1,100 inputs."""
    states = []
    for _ in range(2):
        with ap.start_run("script") as run:
            found = total(item.map(x=list(range(1100))))
        states.append(run.tasks()[-1].state)

    assert states == [TaskState.SUCCEEDED, TaskState.CACHED]
    assert ap.value(found) == sum(range(1100))
