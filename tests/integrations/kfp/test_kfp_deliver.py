"""Whole runs delivered to a KFP-compatible server over HTTP, and read back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from kfp_pipelines import everything, failing, make, small
from kfp_server import KfpServer
from kfp_there import in_both_dialects, pages, rows_there, tasks_there

import artifact_plugins as ap
from artifact_integrations.kfp.backend import KfpBackend
from artifact_integrations.kfp.links import row_key
from artifact_integrations.kfp.tasks import remote_task
from artifact_plugins.compat import render_kfp
from artifact_plugins.errors import BackendRejectedError, UnsupportedByBackendError
from artifact_plugins.records import (
    ArtifactTaskLink,
    IOType,
    LinkQuery,
    TaskQuery,
    TaskState,
    VersionQuery,
    every,
)
from artifact_plugins.testing.backend_driver import Notes, drive, drive_one

# Against a server of its own process.
pytestmark = pytest.mark.server

At = Callable[..., KfpBackend]


def links_of(session: ap.Session, run_id: str) -> list[ArtifactTaskLink]:
    return by_id(every(session.ledger.links, LinkQuery(run_id=run_id)))


def by_id(records: Iterable[Any]) -> list[Any]:
    return sorted(records, key=lambda one: one.id)


def assert_equal(session: ap.Session, backend: KfpBackend, run_id: str, notes: Notes) -> None:
    """Links, tasks and versions that are read back are those of the ledger."""
    assert by_id(backend.links(run_id)) == links_of(session, run_id)
    for version in every(session.ledger.versions, VersionQuery(run_id=run_id)):
        found = backend.version(notes.external("version", version.id)["external_id"])
        assert found.record == version


@in_both_dialects
def test_a_run_with_everything_comes_back_equal(session, server, backend):
    """Maps, fan-ins, nested pipelines, branches and exit steps: each record and link is equal."""
    run = everything(xs=[1, 2])

    notes = drive(session, backend, run.id)

    assert_equal(session, backend, run.id, notes)
    there = tasks_there(server, notes.external("run", run.id)["external_id"])
    records = [task.record for body in there if (task := remote_task(body))]
    assert by_id(records) == by_id(every(session.ledger.tasks, TaskQuery(run_id=run.id)))


def test_the_rows_there_are_the_links_here(session, server, backend):
    """Read without our records, KFP has one row per version, task, type, key and iteration."""
    run = everything(xs=[1, 2])
    notes = drive(session, backend, run.id)
    artifact_ids = {key: note["external_id"] for key, note in notes.of("version").items()}
    task_ids = {key: note["external_id"] for key, note in notes.of("task").items()}

    rows = rows_there(server, notes.external("run", run.id)["external_id"])

    said = Counter(
        (row["task_id"], *row_key(row), row.get("producer", {}).get("task_name", ""))
        for row in rows
    )
    ours = {
        (
            task_ids[link.task_id],
            artifact_ids[link.version_id],
            link.io_type.value,
            -1 if link.producer.iteration is None else link.producer.iteration,
            link.key,
            link.producer.task_name,
        )
        for link in links_of(session, run.id)
        if link.version_id is not None
    }
    assert set(said) == ours
    assert set(said.values()) == {1}
    assert {IOType.ITERATOR_INPUT, IOType.COLLECTED_INPUTS, IOType.ONE_OF_OUTPUT} <= {
        IOType(row["type"]) for row in rows
    }


def test_links_may_be_sent_as_kfp_records_them(session, server, backend_at):
    """With `?links=kfp` rows, parameters and task types are those that KFP itself would have made."""
    run = everything(xs=[1, 2])
    backend = backend_at(server.url, "?links=kfp")
    wanted = render_kfp(
        every(session.ledger.tasks, TaskQuery(run_id=run.id)),
        every(session.ledger.links, LinkQuery(run_id=run.id)),
    )

    notes = drive(session, backend, run.id)

    there = [one for one in backend.links(run.id) if one.version_id is not None]
    assert by_id(there) == by_id(wanted.links)
    bodies = {}
    for body in tasks_there(server, notes.external("run", run.id)["external_id"]):
        task = remote_task(body)
        assert task is not None
        assert task.record == session.ledger.task(task.record.id)
        bodies[task.record.id] = body
    for one in wanted.tasks:
        sides = [bodies[one.id][side].get("parameters", []) for side in ("inputs", "outputs")]
        said = [[(p["type"], p["parameter_key"], p["value"]) for p in side] for side in sides]
        ours = [
            [(p.io_type, p.parameter_key, p.value) for p in side]
            for side in (one.inputs, one.outputs)
        ]
        assert bodies[one.id]["type"] == one.type
        assert [sorted(side, key=str) for side in said] == [sorted(side, key=str) for side in ours]
    assert backend.missing("task", notes.of("task")) == []


@in_both_dialects
def test_states_and_parents_are_those_of_the_run(session, server, backend):
    """Each task there has the state, type and parent of ours, and the run ends as ours does."""
    run = everything(xs=[1, 2])
    notes = drive(session, backend, run.id)
    run_id = notes.external("run", run.id)["external_id"]

    there = {one["task_id"]: one for one in tasks_there(server, run_id)}

    tasks = list(every(session.ledger.tasks, TaskQuery(run_id=run.id)))
    assert len(there) == len(tasks)
    for task in tasks:
        found = there[notes.external("task", task.id)["external_id"]]
        parent = None if task.parent_id is None else notes.external("task", task.parent_id)
        assert (found["name"], found["state"], found["type"]) == (task.name, task.state, task.type)
        assert found.get("parent_task_id") == (parent and parent["external_id"])
    assert server.call("GET", f"/runs/{run_id}")["state"] == "SUCCEEDED"


@in_both_dialects
def test_a_failing_step_keeps_its_error_and_its_inputs(session, server, backend):
    """A failed task has its error, its input links and what it logged, and no declared output."""
    with pytest.raises(ZeroDivisionError):
        failing(x=1)
    run = ap.runs().items[0]

    notes = drive(session, backend, run.id)

    assert_equal(session, backend, run.id, notes)
    run_id = notes.external("run", run.id)["external_id"]
    (task,) = [one for one in tasks_there(server, run_id) if one["name"] == "breaks"]
    assert task["state"] == "FAILED"
    assert task["status_metadata"]["message"] == "ZeroDivisionError: it breaks"
    keys = {row["key"] for row in rows_there(server, run_id) if row["task_id"] == task["task_id"]}
    assert keys == {"i", "auto/before"}
    assert server.call("GET", f"/runs/{run_id}")["state"] == "FAILED"


@in_both_dialects
def test_a_cache_hit_links_the_old_artifact(session, server, backend):
    """A task from the cache has the artifacts of the first run, under its own name."""
    first, second = everything(xs=[3]), everything(xs=[3])

    notes = drive(session, backend)

    assert_equal(session, backend, first.id, notes)
    assert_equal(session, backend, second.id, notes)
    there = tasks_there(server, notes.external("run", second.id)["external_id"])
    cached = [one for one in there if one["state"] == "CACHED"]
    old = {
        row["artifact_id"]
        for row in rows_there(server, notes.external("run", first.id)["external_id"])
    }
    assert len(cached) == 3
    for task in cached:
        rows = pages(server, f"/artifact_tasks?task_ids={task['task_id']}", "artifact_tasks")
        assert {r["artifact_id"] for r in rows if "OUTPUT" in r["type"]} <= old


def test_the_first_run_is_sent_when_a_later_one_needs_it(session, backend):
    """Delivering only the second run brings what it read from the first."""
    first, second = everything(xs=[4]), everything(xs=[4])

    notes = drive(session, backend, second.id)

    assert_equal(session, backend, second.id, notes)
    assert notes.memory.external("run", first.id) is not None


def test_a_second_delivery_sends_nothing(session, server, backend, monkeypatch):
    """What is noted as delivered and has not changed costs no request."""
    run = small(x=1)
    notes = drive(session, backend, run.id)
    asked: list[str] = []
    send = backend._api.client.request
    monkeypatch.setattr(
        backend._api.client, "request", lambda *a, **k: (asked.append(a[1]), send(*a, **k))[1]
    )

    drive(session, backend, run.id, notes=notes)

    assert asked == []


def counts(server: KfpServer, run_id: str) -> tuple[int, int, int]:
    """Return how many tasks, rows and distinct artifacts a run has there."""
    rows = rows_there(server, run_id)
    return len(tasks_there(server, run_id)), len(rows), len({row["artifact_id"] for row in rows})


@in_both_dialects
def test_a_replay_without_notes_finds_everything(session, server, backend):
    """When the notes are lost, run, tasks, artifacts and links are found and none made twice."""
    run = everything(xs=[1, 2])
    notes = drive(session, backend, run.id)
    run_id = notes.external("run", run.id)["external_id"]
    before = counts(server, run_id)

    again = drive(session, backend, run.id, is_first=False)

    assert counts(server, run_id) == before
    ids = {
        kind: {k: n.get("external_id") for k, n in notes.of(kind).items()}
        for kind in ("run", "task", "version")
    }
    assert ids == {
        kind: {k: n.get("external_id") for k, n in again.of(kind).items()} for kind in ids
    }
    assert_equal(session, backend, run.id, again)


def test_without_looking_a_replay_doubles(session, server, backend):
    """Negative control: a replay that is told to be the first makes a second run."""
    run = failing_of(session)
    notes = drive(session, backend, run)

    again = drive(session, backend, run, is_first=True)

    assert again.external("run", run) != notes.external("run", run)


def failing_of(session: ap.Session) -> str:
    with ap.start_run("by_hand") as run:
        make(1)
    return str(run.id)


def test_a_running_task_is_there_before_it_ends(session, server, backend):
    """A task delivered while it runs is RUNNING there and is brought up to date when it ended."""
    with ap.start_run("open") as run:
        made = make(1)
        ap.value(made)
        notes = drive(session, backend, run.id)
        run_id = notes.external("run", run.id)["external_id"]
        states = {one["name"]: one["state"] for one in tasks_there(server, run_id)}
        make(2)
    drive(session, backend, run.id, notes=notes)

    after = {one["name"]: one["state"] for one in tasks_there(server, run_id)}
    assert states == {"ROOT": "RUNNING", "make": "SUCCEEDED"}
    assert after == {"ROOT": "SUCCEEDED", "make": "SUCCEEDED", "make-2": "SUCCEEDED"}
    assert_equal(session, backend, run.id, notes)


@in_both_dialects
def test_versions_from_outside_come_as_importers(session, server, backend):
    """What was saved by hand has no run; the task that reads it brings it in, once."""
    by_hand = ap.save({"x": 7}, "by_hand_kfp")

    @ap.step
    def reads(i: dict[str, int]) -> int:
        ap.load_artifact("by_hand_kfp")
        return len(i)

    @ap.pipeline
    def uses(d: dict[str, int], big: dict[str, int]):
        return reads(d), reads(big)

    run = uses(d=by_hand, big={str(n): n for n in range(2_000)})
    again = uses(d=by_hand, big={})
    notes = drive(session, backend)

    for one in (run, again):
        assert by_id(backend.links(one.id)) == links_of(session, one.id)
    found = backend.version(notes.external("version", by_hand.id)["external_id"])
    assert found.record == by_hand
    there = tasks_there(server, notes.external("run", run.id)["external_id"])
    importers = [one for one in there if one["type"] == "IMPORTER"]
    assert sum(one["name"] == f"import-{by_hand.id}" for one in importers) == 1
    assert {one["state"] for one in importers} == {"SUCCEEDED"}


def test_a_save_by_hand_needs_a_run(session, server, backend):
    """Outside of any run there is no place for a version, which is said and noted."""
    version = ap.save(1, "alone")

    notes = drive(session, backend)

    assert "without a run" in notes.external("version", version.id)["unsupported"]


@in_both_dialects
def test_a_run_may_be_attached_to_an_existing_one(session, server, backend_at):
    """In somebody else's run our ROOT is a DAG below its root; two of ours fit into one."""
    opened = server.open_run("theirs")
    backend = backend_at(server.url, f"?run_id={opened.run_id}")
    runs = [small(x=1), small(x=2)]

    notes = drive(session, backend)

    for run in runs:
        assert_equal(session, backend, run.id, notes)
    there = {one["task_id"]: one for one in tasks_there(server, opened.run_id)}
    ours = [one for one in there.values() if one.get("parent_task_id") == opened.root_id]
    assert sorted(one["name"] for one in ours) == sorted(
        session.ledger.run(run.id).name for run in runs
    )
    assert {one["type"] for one in ours} == {"DAG"}
    names = {r.get("producer", {}).get("task_name") for r in rows_there(server, opened.run_id)}
    assert "ROOT" not in names
    assert there[opened.root_id]["state"] == "RUNNING"


@in_both_dialects
def test_a_save_by_hand_goes_into_the_run_of_the_url(session, server, backend_at):
    """With a run in the URL a version saved by hand is an importer of that run, once."""
    opened = server.open_run("theirs")
    backend = backend_at(server.url, f"?run_id={opened.run_id}")
    version = ap.save({"a": 1}, "hand")

    notes = drive(session, backend)
    again = drive(session, backend, is_first=False)

    assert backend.version(notes.external("version", version.id)["external_id"]).record == version
    assert again.of("version") == notes.of("version")
    (row,) = rows_there(server, opened.run_id)
    assert (row["type"], row["key"]) == ("OUTPUT", "artifact")


@in_both_dialects
def test_below_the_task_of_a_pod(session, server, backend_at):
    """With a task in the URL our run is below it, and a save by hand is an output of it."""
    opened = server.open_run("theirs")
    body = {"name": "train", "type": "RUNTIME", "scope_path": "root.train", "state": "RUNNING"}
    task_id = server.new_task(opened, **body, parent_task_id=opened.root_id)
    backend = backend_at(server.url, f"?run_id={opened.run_id}&task_id={task_id}")
    version = ap.save({"a": 1}, "hand")
    run = small(x=1)

    notes = drive(session, backend)

    assert_equal(session, backend, run.id, notes)
    there = {one["task_id"]: one for one in tasks_there(server, opened.run_id)}
    name = session.ledger.run(run.id).name
    (root,) = [one for one in there.values() if one["name"] == name]
    assert root["parent_task_id"] == task_id
    assert root["scope_path"] == f"root.train.{name}"
    assert there[task_id]["state"] == "RUNNING"
    rows = [r for r in rows_there(server, opened.run_id) if r["task_id"] == task_id]
    assert [row["key"] for row in rows] == ["auto/hand"]
    assert rows[0]["artifact_id"] == notes.external("version", version.id)["external_id"]


@pytest.mark.parametrize("change", ["tags", "metadata", "description", "delete"])
def test_changes_of_a_version_are_refused_with_the_reason(session, backend, change):
    """What KFP has is never changed: the reason is said, and its reader still finds the version."""
    run = small(x=1)
    notes = drive(session, backend, run.id)
    version = run["total"]
    known = notes.external("version", version.id)
    drive_one(session, backend, "version", version.id, notes=notes)

    if change == "delete":
        session.delete(version, force=True)
    else:
        value = {"tags": ["new"], "metadata": {"a": 1}, "description": "d"}[change]
        session.update(version, **{change: value})

    with pytest.raises(UnsupportedByBackendError, match="KFP|Kubeflow"):
        backend.deliver_version(session.ledger.version(version.id), _delivery(session, notes))
    assert backend.version(known["external_id"]).record == version


def _delivery(session: ap.Session, notes: Notes) -> Any:
    from artifact_plugins.delivery.source import LedgerDelivery, Turns

    return LedgerDelivery(
        session.ledger, session.store, notes.memory, turns=Turns(), is_first=False
    )


@pytest.mark.parametrize("given", [{"tags": ["a"]}, {"metadata": {}}, {"description": "d"}])
def test_updates_and_deletes_are_unsupported(backend, given):
    """The operations that KFP has not name it and say why."""
    with pytest.raises(UnsupportedByBackendError, match="no update of artifacts"):
        backend.update_version("x", **given)
    with pytest.raises(UnsupportedByBackendError, match="no artifacts"):
        backend.delete_version("x")


@in_both_dialects
def test_what_is_gone_is_missing_and_comes_again(session, server, backend):
    """Tasks of a deleted run are missing, its artifacts are not; a new delivery makes them again."""
    run = small(x=1)
    notes = drive(session, backend, run.id)
    run_id = notes.external("run", run.id)["external_id"]
    there = {kind: notes.of(kind) for kind in ("run", "task", "version")}
    before = {kind: list(backend.missing(kind, noted)) for kind, noted in there.items()}

    server.call("DELETE", f"/runs/{run_id}")
    after = {kind: set(backend.missing(kind, noted)) for kind, noted in there.items()}
    for kind, keys in after.items():
        for key in keys:
            notes.memory.forget(kind, key)
    drive(session, backend, run.id, notes=notes, is_first=False)

    assert before == {"run": [], "task": [], "version": []}
    assert after == {"run": {run.id}, "task": set(there["task"]), "version": set()}
    assert notes.external("run", run.id)["external_id"] != run_id
    assert_equal(session, backend, run.id, notes)


@in_both_dialects
def test_links_deleted_by_a_retry_are_missing(session, server, backend):
    """KFP's own retry takes the links of failed tasks away: they are found and sent again."""
    with pytest.raises(ZeroDivisionError):
        failing(x=2)
    run = ap.runs().items[0]
    notes = drive(session, backend, run.id)
    run_id = notes.external("run", run.id)["external_id"]
    server.call("POST", f"/runs/{run_id}:retry", {})

    gone = backend.missing("task", notes.of("task"))
    for key in gone:
        notes.memory.forget("task", key)
    drive(session, backend, run.id, notes=notes, is_first=False)

    failed = {
        t.id
        for t in every(session.ledger.tasks, TaskQuery(run_id=run.id))
        if t.state is TaskState.FAILED
    }
    assert {task.id for task in map(session.ledger.task, gone)} <= failed
    assert gone
    assert backend.missing("task", notes.of("task")) == []
    assert_equal(session, backend, run.id, notes)


def test_an_address_that_is_too_long_sends_nothing_of_its_task(
    session, server, backend_at, tmp_path
):
    """A URI of over 2,048 characters is refused before a task is there."""
    notes = Notes()
    folder = tmp_path.joinpath(*["d" * 200] * 10)
    folder.mkdir(parents=True)
    (folder / "file").write_text("data")
    version = session.register(str(folder / "file"), "file")
    opened = server.open_run("theirs")
    backend = backend_at(server.url, f"?run_id={opened.run_id}")

    with pytest.raises(BackendRejectedError, match="2048 are allowed"):
        drive_one(session, backend, "version", version.id, notes=notes)
    assert len(tasks_there(server, opened.run_id)) == 1
