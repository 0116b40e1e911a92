"""Links of an output of several metrics: rows 45 and 46 of the table of link types."""

from __future__ import annotations

from typing import Annotated

import pytest
from link_table import tasks_of

import artifact_plugins as ap

pytestmark = pytest.mark.usefixtures("session")


@ap.step
def met() -> Annotated[dict[str, float], ap.Output("m", artifact_type="Metrics")]:
    return {"accuracy": 0.9, "loss": 0.1}


@ap.step
def usemet(m: dict[str, float]) -> float:
    return m["accuracy"] - m["loss"]


@ap.pipeline
def scored():
    return usemet(m=met())


def links_under_m(run, name):
    """Type, producer and position of the links of one task under the key m."""
    task = tasks_of(run)[name].id
    return [
        (link.io_type.value, str(link.producer), link.position)
        for link in run.links()
        if link.task_id == task and link.key == "m"
    ]


def test_output_of_several_metrics():
    """Row 45: each value is a Metric version of its own, in order."""
    run = scored()

    assert links_under_m(run, "met") == [("OUTPUT", "met", 0), ("OUTPUT", "met", 1)]
    kinds = [version.artifact_type for version in run.versions()]
    assert kinds.count("Metric") == 2


def test_consumer_of_several_metrics():
    """Row 46: it reads each of them and gets them together."""
    run = scored()

    assert links_under_m(run, "usemet") == [
        ("TASK_OUTPUT_INPUT", "met", 0),
        ("TASK_OUTPUT_INPUT", "met", 1),
    ]
    assert run.value() == pytest.approx(0.8)


def test_metrics_are_loaded_each_and_together():
    """Each metric has a history of its own; the handle gives all of them."""
    with ap.start_run("script"):
        handle = met()
        assert ap.value(handle) == {"accuracy": 0.9, "loss": 0.1}
        with pytest.raises(ap.ArtifactPluginsError, match="a version each"):
            _ = handle.version

    assert ap.load("m.accuracy") == 0.9


def test_metrics_are_served_from_the_cache_together():
    """A hit gives the same metrics with the links of the first task's versions."""
    cached = ap.step(cache=True)(met.function)
    runs = []
    for _ in range(2):
        with ap.start_run("script") as run:
            assert ap.value(cached()) == {"accuracy": 0.9, "loss": 0.1}
        runs.append(run)

    assert links_under_m(runs[1], "met") == links_under_m(runs[0], "met")
    assert [task.state.value for task in runs[1].tasks()] == ["SUCCEEDED", "CACHED"]
