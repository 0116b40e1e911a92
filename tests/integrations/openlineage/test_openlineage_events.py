"""Records of a run become OpenLineage events."""

from __future__ import annotations

import json
from typing import Any

import attr
import pytest
from openlineage.client import event_v2
from openlineage.client.generated import base
from openlineage.client.serde import Serde

from artifact_integrations.openlineage import collect, run_events
from artifact_integrations.openlineage.datasets import columns_of
from artifact_plugins.errors import InputError
from artifact_plugins.records import TaskState


def as_json(events: list[Any]) -> list[dict[str, Any]]:
    """Return the events as a server gets them."""
    return [json.loads(Serde.to_json(event)) for event in events]


@pytest.fixture
def events(session, run) -> list[dict[str, Any]]:
    return as_json(run_events(*collect(session, run.id)))


def ended(events: list[dict[str, Any]], job: str) -> list[dict[str, Any]]:
    """Return the last events of the runs of a job."""
    return [e for e in events if e["job"]["name"] == job and e["eventType"] != "START"]


def test_every_task_starts_and_ends_inside_the_run(events, run):
    """The run opens first and closes last; each task has one START and one COMPLETE."""
    ids = [event["run"]["runId"] for event in events]

    assert (ids[0], ids[-1]) == (run.id, run.id)
    assert (events[0]["eventType"], events[-1]["eventType"]) == ("START", "COMPLETE")
    tasks = {task.id for task in run.tasks() if task.type.value != "ROOT"}
    assert set(ids) == tasks | {run.id}
    for one in set(ids):
        kinds = [e["eventType"] for e in events if e["run"]["runId"] == one]
        assert kinds == ["START", "COMPLETE"]
    times = [event["eventTime"] for event in events]
    assert times == sorted(times)


def test_jobs_are_named_by_where_the_step_is(events):
    """Jobs have the namespace of the project; the iterations of a loop are runs of one job."""
    names = {event["job"]["name"] for event in events}

    assert {event["job"]["namespace"] for event in events} == {"shop"}
    assert names == {
        "bill",
        "bill.for-loop-1",
        "bill.for-loop-1.make",
        "bill.frame",
        "bill.total",
    }
    kinds = {e["job"]["name"]: e["job"]["facets"]["jobType"]["jobType"] for e in events}
    assert (kinds["bill"], kinds["bill.for-loop-1"], kinds["bill.total"]) == (
        "PIPELINE",
        "LOOP",
        "RUNTIME",
    )


def test_a_task_names_its_parent_and_its_run(events, run):
    """The parent facet is the loop for a step inside it, the run for others; the root is the run."""
    loop = ended(events, "bill.for-loop-1")[0]
    inside = ended(events, "bill.for-loop-1.make")[0]["run"]["facets"]["parent"]
    outside = ended(events, "bill.total")[0]["run"]["facets"]["parent"]

    assert inside["run"]["runId"] == loop["run"]["runId"]
    assert inside["job"]["name"] == "bill.for-loop-1"
    assert outside["run"]["runId"] == run.id
    assert inside["root"]["run"]["runId"] == outside["root"]["run"]["runId"] == run.id
    assert "parent" not in events[0]["run"]["facets"]


def test_datasets_are_artifacts_with_their_links(events, run):
    """What a task read and wrote are datasets; a fan-in is one of them with a link per element."""
    (total,) = ended(events, "bill.total")
    (read,) = total["inputs"]
    (written,) = total["outputs"]
    links = read["inputFacets"]["artifactPlugins_links"]["links"]

    assert (read["namespace"], read["name"]) == ("shop", "number")
    assert [(one["ioType"], one["key"], one["position"], one["version"]) for one in links] == [
        ("COLLECTED_INPUTS", "numbers", 0, 1),
        ("COLLECTED_INPUTS", "numbers", 1, 2),
    ]
    assert {one["producerTask"] for one in links} == {"for-loop-1"}
    assert "version" not in read["facets"]
    assert written["name"] == "total"
    assert written["facets"]["version"]["datasetVersion"] == "1"
    (made,) = written["outputFacets"]["artifactPlugins_links"]["links"]
    assert made["versionId"] == run["total"].id
    assert "producerIteration" not in made


def test_an_iteration_is_not_lost(events):
    """Links and tasks of a loop carry their iteration; 0 and none differ."""
    tasks = ended(events, "bill.for-loop-1.make")
    found = {
        (
            one["run"]["facets"]["artifactPlugins_task"]["iterationIndex"],
            one["outputs"][0]["outputFacets"]["artifactPlugins_links"]["links"][0][
                "producerIteration"
            ],
        )
        for one in tasks
    }

    assert found == {(0, 0), (1, 1)}


def test_groups_have_links_but_no_datasets(events):
    """A loop exposes versions of its steps: they are told, and not counted as read or written."""
    (loop,) = ended(events, "bill.for-loop-1")
    links = loop["run"]["facets"]["artifactPlugins_task"]["links"]

    assert loop["inputs"] == loop["outputs"] == []
    assert [(one["ioType"], one["producerIteration"]) for one in links] == [
        ("ITERATOR_OUTPUT", 0),
        ("ITERATOR_OUTPUT", 1),
    ]
    assert loop["run"]["facets"]["artifactPlugins_task"]["iterationCount"] == 2


def test_parameters_come_out_as_they_went_in(events):
    """Parameter values are JSON text, so that nothing inside of them is dropped on the way."""
    given = events[-1]["run"]["facets"]["artifactPlugins_parameters"]["parameters"]
    values = {one["key"]: json.loads(one["value"]) for one in given}

    assert values == {"months": [1, 2], "note": {"a": None, "b": {}, "c": [None]}}
    (total,) = ended(events, "bill.total")
    (rate,) = total["run"]["facets"]["artifactPlugins_parameters"]["parameters"]
    assert (rate["key"], rate["value"], rate["ioType"]) == (
        "rate",
        "1.5",
        "COMPONENT_DEFAULT_INPUT",
    )


def test_columns_become_a_schema(events):
    """A version whose metadata describe columns has the schema facet."""
    (made,) = ended(events, "bill.frame")
    schema = made["outputs"][0]["facets"]["schema"]

    assert [(one["name"], one["type"]) for one in schema["fields"]] == [
        ("carrier", "str"),
        ("delay", "float64"),
    ]


@pytest.mark.parametrize(
    ("metadata", "columns"),
    [
        ({}, []),
        ({"columns": 3}, []),
        ({"columns": ["a", 2, "b"]}, [("a", None), ("b", None)]),
        ({"columns": {"a": {"type": "int64"}}}, [("a", "int64")]),
        ({"columns": {"a": {"dtype": 5}, "b": "text"}}, [("a", None), ("b", "text")]),
    ],
)
def test_metadata_can_be_anything(metadata, columns):
    """What a user wrote under `columns` is a schema only where it looks like one."""
    assert columns_of(metadata) == columns


def test_a_failed_step_fails_with_its_message(session, failed):
    """The step and its run end with FAIL and the recorded error; inputs stay, outputs are none."""
    events = as_json(run_events(*collect(session, failed)))
    (broken,) = ended(events, "fails.broken")

    assert broken["eventType"] == "FAIL"
    assert broken["run"]["facets"]["errorMessage"]["message"] == "ValueError: no 7"
    assert [one["name"] for one in broken["inputs"]] == ["number"]
    assert broken["outputs"] == []
    assert events[-1]["eventType"] == "FAIL"
    assert ended(events, "fails.make")[0]["eventType"] == "COMPLETE"


def test_a_running_task_has_only_started(session, run):
    """Nothing ends that still runs; what it has read so far is in its START."""
    record, tasks, links, versions = collect(session, run.id)
    running = [
        task.model_copy(update={"state": TaskState.RUNNING, "ended_at": None})
        if task.name == "total"
        else task
        for task in tasks
    ]

    events = as_json(run_events(record, running, links, versions))

    own = [event for event in events if event["job"]["name"] == "bill.total"]
    assert [event["eventType"] for event in own] == ["START"]
    assert [one["name"] for one in own[0]["inputs"]] == ["number"]


def test_the_namespace_of_datasets_can_be_the_store(session, run):
    """A namespace is for datasets; jobs stay in that of the project."""
    events = as_json(run_events(*collect(session, run), namespace="s3://bucket"))

    found = {one["namespace"] for event in events for one in (*event["inputs"], *event["outputs"])}
    assert found == {"s3://bucket"}
    assert {event["job"]["namespace"] for event in events} == {"shop"}


def test_versions_of_other_runs_are_collected(session, run):
    """A version that the run read and did not make is among what is collected."""
    import artifact_plugins as ap

    @ap.step
    def double(number: float) -> float:
        return 2 * number

    with ap.start_run("later") as later:
        double(run["total"])

    events = as_json(run_events(*collect(session, later.id)))

    (importer,) = ended(events, "later.importer")
    assert [one["name"] for one in importer["outputs"]] == ["total"]


def test_a_version_that_is_missing_is_named(session, run):
    """Versions that were forgotten are an error, and not datasets without a name."""
    record, tasks, links, versions = collect(session, run.id)

    with pytest.raises(InputError, match="was not handed over"):
        run_events(record, tasks, links, versions[1:])


def test_events_are_what_openlineages_classes_hold(session, run):
    """Every event is rebuilt from its JSON by OpenLineage's own classes and validators."""
    for event in run_events(*collect(session, run.id)):
        again = Serde.to_dict(event)
        rebuilt = event_v2.RunEvent(
            eventType=event_v2.RunState(again["eventType"]),
            eventTime=again["eventTime"],
            producer=again["producer"],
            run=event_v2.Run(runId=again["run"]["runId"]),
            job=event_v2.Job(namespace=again["job"]["namespace"], name=again["job"]["name"]),
        )
        assert rebuilt.schemaURL == event.schemaURL
        for facet in facets_of(event):
            assert isinstance(facet, base.BaseFacet)
            attr.validate(facet)
            said = attr.asdict(facet)
            assert said["_producer"].startswith("pkg:pypi/artifact-plugins@")
            assert said["_schemaURL"].startswith("https://openlineage.io/spec/")


def facets_of(event) -> list[Any]:
    datasets = [*event.inputs, *event.outputs]
    own = [*event.run.facets.values(), *event.job.facets.values()]
    own += [facet for one in datasets for facet in one.facets.values()]
    own += [facet for one in event.inputs for facet in one.inputFacets.values()]
    return own + [facet for one in event.outputs for facet in one.outputFacets.values()]


def test_all_versions_and_parameters_are_told(session, run):
    """No link of the run is lost: each is in exactly one event."""
    record, tasks, links, versions = collect(session, run.id)

    events = as_json(run_events(record, tasks, links, versions))

    told = 0
    for event in events:
        facets = event["run"]["facets"]
        told += len(facets.get("artifactPlugins_parameters", {}).get("parameters", []))
        told += len(facets["artifactPlugins_task"].get("links", []))
        for one in event["inputs"]:
            told += len(one["inputFacets"]["artifactPlugins_links"]["links"])
        for one in event["outputs"]:
            told += len(one["outputFacets"]["artifactPlugins_links"]["links"])
    assert told == len(links)
