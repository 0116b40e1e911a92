"""Runs of ours in ZenML: every record once, equal when read back, whatever was sent again."""

from __future__ import annotations

from typing import Any

import pytest
import zenml_pipelines as pipelines
from zenml_servers import NEW, Persistent, ZenML

import artifact_plugins as ap
from artifact_integrations.zenml.backend import ZenMLBackend
from artifact_plugins import Session
from artifact_plugins.records import LinkQuery, RunQuery, TaskQuery, VersionQuery, every
from artifact_plugins.testing.backend_driver import Notes, drive, drive_one

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


def records_of(session: Session) -> tuple[int, int, int]:
    """Return how many runs, steps and versions there should be."""
    ledger = session.ledger
    tasks = [task for task in every(ledger.tasks, TaskQuery()) if task.type == "RUNTIME"]
    return (
        len(list(every(ledger.runs, RunQuery()))),
        len(tasks),
        len(list(every(ledger.versions, VersionQuery()))),
    )


def counted(server: ZenML, project: str) -> tuple[int, int, int]:
    """Return how many runs, steps and versions the server has."""
    return (
        server.count("/runs", project=project),
        server.count("/steps", project=project),
        server.count("/artifact_versions", project=project),
    )


def assert_equal_records(session: Session, backend: ZenMLBackend, notes: Notes) -> None:
    for version in every(session.ledger.versions, VersionQuery()):
        external = notes.external("version", version.id)["external_id"]
        assert backend.version(external).record == version
    for run in every(session.ledger.runs, RunQuery()):
        links = every(session.ledger.links, LinkQuery(run_id=run.id))
        assert list(backend.links(run.id)) == sorted(links, key=lambda link: link.id)


def test_run_arrives_once_and_equal(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str
) -> None:
    """A mapped run has one run, its steps and versions there; records read back are equal."""
    pipelines.delays(months=[1, 2])

    notes = drive(session, backend)

    assert counted(server, project) == records_of(session) == (1, 5, 5)
    assert_equal_records(session, backend, notes)


def test_delivered_again_nothing_changes(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str
) -> None:
    """The same records with their notes send nothing; without notes they are found again."""
    pipelines.chain()
    notes = drive(session, backend)
    before = counted(server, project)

    drive(session, backend, notes=notes)
    lost = drive(session, backend, is_first=False)

    assert counted(server, project) == before
    for kind in ("run", "task", "version"):
        assert ids_of(lost, kind) == ids_of(notes, kind)
    assert_equal_records(session, backend, lost)


def test_without_looking_rows_double(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str
) -> None:
    """Negative control: a backend that takes everything for new makes versions a second time.

    ZenML itself keeps runs and steps unique, and repeats an answer for 300
    seconds by its key: only an artifact of another name escapes both.
    """
    version = ap.save(1, "one")
    drive(session, backend)
    ap_name = {
        "artifact_name": "another",
        "project": server.ask("GET", f"/projects/{project}")["id"],
    }
    body = server.ask("GET", "/artifact_versions", project=project, hydrate=True)["items"][0]

    server.ask("POST", "/artifact_versions", copied(body) | ap_name)

    found = server.count(
        "/artifact_versions",
        project=project,
        run_metadata=f"artifact_plugins.version_id:{version.id}",
    )
    assert found == 2


def test_producers_are_the_steps_that_made(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str
) -> None:
    """ZenML computes each version's producer from the outputs of completed steps."""
    pipelines.chain()
    notes = drive(session, backend)

    for version in every(session.ledger.versions, VersionQuery()):
        item = server.ask("GET", f"/artifact_versions/{external(notes, 'version', version.id)}")
        assert item["resources"]["producer_step_run_id"] == external(notes, "task", version.task_id)
        assert item["resources"]["producer_pipeline_run_id"] == external(
            notes, "run", version.run_id
        )


def test_inputs_are_wired_to_steps_of_the_run(
    session: Session, backend: ZenMLBackend, server: ZenML
) -> None:
    """What a step of the run made is an input of type step_output, lists in their order."""
    pipelines.delays(months=[1, 2])
    notes = drive(session, backend)

    step = step_named(server, notes, "rank")

    inputs = step["resources"]["inputs"]["delays"]
    means = [
        version.id
        for version in every(session.ledger.versions, VersionQuery(), newest_first=False)
        if version.artifact == "mean_delay"
    ]
    assert [one["id"] for one in inputs] == [external(notes, "version", one) for one in means]
    wired = "step_output" if server.version == NEW else "manual"  # no lists in 0.91
    assert {one["input_type"] for one in inputs} == {wired}
    single = step_named(server, notes, "mean_delay[0]")["resources"]["inputs"]["flights"]
    assert [one["input_type"] for one in single] == ["step_output"]


def test_failed_step_says_why_and_keeps_what_it_logged(
    session: Session, backend: ZenMLBackend, server: ZenML
) -> None:
    """A failed task is a failed step with its error and what it logged; the run failed."""
    with pytest.raises(RuntimeError, match="no such carrier"):
        pipelines.failing()

    notes = drive(session, backend)

    step = step_named(server, notes, "log_then_fail")
    assert step["body"]["status"] == "failed"
    assert step["metadata"]["exception_info"]["traceback"] == "RuntimeError: no such carrier"
    assert list(step["resources"]["outputs"]) == ["auto/seen"]
    run = server.ask("GET", f"/runs/{next(iter(notes.of('run').values()))['external_id']}")
    assert run["body"]["status"] == "failed"
    assert_equal_records(session, backend, notes)


def test_run_keeps_its_times_and_parameters(
    session: Session, backend: ZenMLBackend, server: ZenML
) -> None:
    """A run that was delivered after its end has our times there, and its arguments."""
    pipelines.delays(months=[1], carrier="AA")
    notes = drive(session, backend)
    run = next(every(session.ledger.runs, RunQuery()))

    found = server.ask("GET", f"/runs/{external(notes, 'run', run.id)}")

    assert found["body"]["status"] == "completed"
    assert found["metadata"]["start_time"] == naive(run.started_at)
    assert found["metadata"]["end_time"] == naive(run.ended_at)
    assert found["metadata"]["run_metadata"]["artifact_plugins.parameters"] == run.parameters


def test_running_run_ends_later(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str
) -> None:
    """A run that is delivered while it goes on is running there, and completed at its end."""
    notes = Notes()
    with ap.start_run("by hand"):
        made = pipelines.make()
        assert ap.value(made) == 1
        drive(session, backend, notes=notes)
        run_id = next(iter(notes.of("run")))
        external_id = external(notes, "run", run_id)
        assert server.ask("GET", f"/runs/{external_id}")["body"]["status"] == "running"
        pipelines.use(made)

    drive(session, backend, notes=notes, is_first=False)

    assert server.ask("GET", f"/runs/{external_id}")["body"]["status"] == "completed"
    assert counted(server, project) == records_of(session)
    assert_equal_records(session, backend, notes)


def test_cached_step_links_the_old_version(
    session: Session, backend: ZenMLBackend, server: ZenML
) -> None:
    """A cache hit is a cached step with the old version as output; its producer is the first."""

    @ap.step(cache=True)
    def constant() -> int:
        return 3

    @ap.pipeline
    def cached() -> Any:
        return pipelines.use(constant())

    cached()
    cached()
    notes = drive(session, backend)

    hits = [task for task in every(session.ledger.tasks, TaskQuery()) if task.state == "CACHED"]
    assert len(hits) == 1
    step = server.ask("GET", f"/steps/{external(notes, 'task', hits[0].id)}")
    assert step["body"]["status"] == "cached"
    (output,) = step["resources"]["outputs"]["Output"]
    item = server.ask("GET", f"/artifact_versions/{output['id']}")
    first = [
        task.id for task in every(session.ledger.tasks, TaskQuery()) if task.name == "constant"
    ]
    assert item["resources"]["producer_step_run_id"] == external(notes, "task", first[0])
    assert_equal_records(session, backend, notes)


def test_same_step_in_two_pipelines_has_two_names(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str
) -> None:
    """A name that is taken in the run becomes the path of the task."""

    @ap.pipeline
    def pair() -> Any:
        return pipelines.use(pipelines.make())

    @ap.pipeline
    def twice() -> None:
        pair()
        pair()

    twice()
    notes = drive(session, backend)

    steps = server.ask("GET", "/steps", project=project, size=100)["items"]
    names = sorted(step["name"] for step in steps)
    assert names == sorted(["make", "use", "pair-2/make", "pair-2/use"])
    assert_equal_records(session, backend, notes)


def test_same_version_twice_in_a_list(
    session: Session, backend: ZenMLBackend, server: ZenML
) -> None:
    """One version at two places of a list arrives, and its two links read back."""

    @ap.step
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    @ap.pipeline
    def doubled() -> Any:
        made = pipelines.make()
        return total([made, made])

    doubled()

    assert_equal_records(session, backend, drive(session, backend))


def test_versions_outside_of_runs(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str
) -> None:
    """A version saved by hand is an artifact version of the same number and kind, with its tags."""
    ap.save({"a": 1}, "report", tags=["x", "team:y"], metadata={"score": 0.5}, description="what")
    version = ap.save({"a": 2}, "report", artifact_type="Model")

    notes = drive(session, backend)

    items = server.ask("GET", "/artifact_versions", project=project, hydrate=True)["items"]
    newest, oldest = sorted(items, key=lambda item: item["body"]["version"], reverse=True)
    assert (newest["body"]["version"], newest["body"]["type"]) == ("2", "ModelArtifact")
    assert newest["body"]["save_type"] == "manual"
    assert newest["body"]["content_hash"] == version.content_hash
    assert sorted(tag["name"] for tag in oldest["resources"]["tags"]) == ["team:y", "x"]
    assert oldest["metadata"]["run_metadata"]["score"] == 0.5
    assert oldest["metadata"]["run_metadata"]["artifact_plugins.description"] == "what"
    assert_equal_records(session, backend, notes)


def test_number_that_is_taken(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str
) -> None:
    """A version whose number another ledger used gets the next one there; the record keeps its own."""
    ap.save(1, "shared")
    drive(session, backend)
    body = server.ask("GET", "/artifact_versions", project=project, hydrate=True)["items"][0]
    project_id = server.ask("GET", f"/projects/{project}")["id"]
    other = copied(body) | {"project": project_id, "artifact_name": "shared", "version": 2}
    server.ask("POST", "/artifact_versions", other | {"metadata": {}})

    mine = ap.save(2, "shared")
    notes = drive(session, backend)

    item = server.ask("GET", f"/artifact_versions/{external(notes, 'version', mine.id)}")
    assert item["body"]["version"] == "3"
    assert_equal_records(session, backend, notes)


def test_records_longer_than_a_value(session: Session, backend: ZenMLBackend) -> None:
    """A record of more than 65,535 characters arrives in parts and reads back equal."""
    metadata = {f"key {n}": 'äöü"\\ ' * 500 for n in range(40)} | {"big": "x" * 100_000}
    ap.save([1, 2], "long", metadata=metadata)

    assert_equal_records(session, backend, drive(session, backend))


def test_previews_are_shown_by_the_server(
    session: Session, backend: ZenMLBackend, server: ZenML
) -> None:
    """A preview of a stored value is a visualization that the server renders."""
    with ap.start_run("shown"):
        pipelines.load_flights(month=1)
    notes = drive(session, backend)
    (version,) = every(session.ledger.versions, VersionQuery())

    shown = server.ask(
        "GET", f"/artifact_versions/{external(notes, 'version', version.id)}/visualize", index=0
    )

    assert shown["type"] == "markdown"
    assert "delay" in shown["value"]
    assert server.count("/artifacts", name="contains:probe") == 0


def test_delivery_of_one_task_brings_what_it_needs(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str
) -> None:
    """A task that is delivered first waits for its run and for the versions it read."""
    pipelines.chain()
    notes = Notes()
    task = next(task for task in every(session.ledger.tasks, TaskQuery()) if task.name == "use")

    drive_one(session, backend, "task", task.id, notes=notes)
    drive(session, backend, notes=notes)

    assert counted(server, project) == records_of(session)
    assert_equal_records(session, backend, notes)


def test_persistent_deliverer_sends_nothing_twice(
    session: Session, backend: ZenMLBackend, persistent: Persistent, server: ZenML, project: str
) -> None:
    """Further runs of a pipeline share its pipeline and its one snapshot."""
    for _ in range(3):
        pipelines.chain()
        persistent.deliver(session, backend)

    assert counted(server, project) == records_of(session) == (3, 6, 6)
    assert server.count("/pipelines", project=project) == 1
    assert server.count("/pipeline_snapshots", project=project) == 1


def external(notes: Notes, kind: str, key: str | None) -> str:
    assert key is not None
    found: str = notes.external(kind, key)["external_id"]
    return found


def ids_of(notes: Notes, kind: str) -> dict[str, Any]:
    return {key: note.get("external_id") for key, note in notes.of(kind).items()}


def step_named(server: ZenML, notes: Notes, name: str) -> Any:
    (found,) = [note for note in notes.of("task").values() if note.get("name") == name]
    return server.ask("GET", f"/steps/{found['external_id']}")


def naive(when: Any) -> str:
    text: str = when.replace(tzinfo=None).isoformat()
    return text


def copied(item: dict[str, Any]) -> dict[str, Any]:
    """Return the request that makes the like of an artifact version."""
    body = item["body"]
    kept = ("uri", "type", "materializer", "data_type", "save_type")
    return {
        **{name: body[name] for name in kept},
        "has_custom_name": True,
        "metadata": item["metadata"]["run_metadata"],
    }
