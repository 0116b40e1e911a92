"""What a backend reads and notes while it delivers."""

from __future__ import annotations

import hashlib
import json
import threading
import time

import pytest
from little_registry import LittleBackend

import artifact_plugins as ap
from artifact_plugins.content.manifest import sha256
from artifact_plugins.delivery.notes import MemoryNotes
from artifact_plugins.delivery.signals import NeededFirst
from artifact_plugins.delivery.source import LedgerDelivery, Turns
from artifact_plugins.errors import ArtifactMissingError, BackendContractError
from artifact_plugins.testing.backend_driver import Notes, drive, drive_one


@ap.step
def numbers(count: int) -> list[int]:
    return list(range(count))


@ap.step
def total(values: list[int]) -> int:
    ap.log_artifact("extra", {"sum": sum(values)})
    return sum(values)


@ap.pipeline
def sums(count: int):
    total(numbers(count))


@pytest.fixture
def plain(places):
    """Open a session without backends, in which a run and a save were made."""
    with ap.open_session(ap.Settings(**places | {"backends": ()})) as opened:
        yield opened


def delivery_of(session, *, is_first=True):
    notes = MemoryNotes()
    return LedgerDelivery(session.ledger, session.store, notes, turns=Turns(), is_first=is_first)


def test_records_are_those_of_now(plain):
    """A version is read as the ledger has it, edits and deletion included."""
    version = plain.save(1, "numbers")
    delivery = delivery_of(plain)
    plain.tag(version, add=["late"])
    assert delivery.version(version.id).tags == ("late",)

    plain.delete(version, force=True)

    assert delivery.version(version.id).deleted_at is not None
    assert list(delivery.versions(run_id=None, task_id=None)) == []


def test_a_run_is_read_whole(plain):
    """Tasks come by their ids, versions oldest first, links as they were written."""
    run = sums(2000)
    delivery = delivery_of(plain)

    tasks = list(delivery.tasks(run.id))
    assert [task.id for task in tasks] == sorted(task.id for task in tasks)
    assert delivery.run(run.id).id == run.id
    assert delivery.task(tasks[0].id) == tasks[0]
    versions = list(delivery.versions(run_id=run.id))
    assert versions[0].artifact == "numbers"
    by_task = [v.id for task in tasks for v in delivery.versions(task_id=task.id)]
    assert sorted(by_task) == sorted(version.id for version in versions if version.task_id)
    links = list(delivery.links(run_id=run.id))
    assert [link.id for link in links] == [link.id for link in run.links()]
    assert {link.task_id for link in delivery.links(task_id=tasks[1].id)} == {tasks[1].id}


def test_a_run_is_found_by_its_whole_id_only(plain):
    """The name of a run, or the beginning of its id, is no id."""
    run = sums(2)
    delivery = delivery_of(plain)

    with pytest.raises(ArtifactMissingError):
        delivery.run(run.id[:20])


def test_manifests_are_the_bytes_of_the_store(plain):
    """The manifest of a version in the store has the recorded digest; of one in its record it is whole."""
    large = plain.save(list(range(5000)), "large")
    small = plain.save([1], "small")
    delivery = delivery_of(plain)

    assert sha256(delivery.manifest(large)) == large.manifest_digest
    document = json.loads(delivery.manifest(small))
    assert document["version_id"] == small.id
    assert document["files"][0]["digest"] == small.content_hash


def test_files_are_verified(plain):
    """The payload files come with the recorded digest."""
    large = plain.save(list(range(5000)), "large")

    with delivery_of(plain).files(large) as files:
        assert set(files.names()) == {file.path for file in large.files}
        for file in large.files:
            assert len(files.buffer(file.path)) == file.size_bytes


def test_snapshots_are_there(plain):
    """The statement and the archives of a snapshot are what they are called by."""
    version = plain.save([1], "small")
    delivery = delivery_of(plain)
    assert version.plugin_snapshot is not None

    snapshot = delivery.snapshot(version.plugin_snapshot)

    statement = delivery.statement(snapshot.id)
    assert f"sha256:{hashlib.sha256(statement).hexdigest()}" == snapshot.id
    for archive in snapshot.archives:
        assert delivery.archive(archive.digest)


def test_notes_are_json_and_come_back(plain):
    """What was noted is there; what is no JSON is refused as a fault of the backend."""
    delivery = delivery_of(plain)

    delivery.note("pipeline", "p", {"external_id": 3, "more": [1, {"a": None}]})
    assert delivery.external("pipeline", "p") == {"external_id": 3, "more": [1, {"a": None}]}
    assert delivery.external("pipeline", "q") is None
    for wrong in ({"a": object()}, {"a": float("nan")}, {"a": {1, 2}}):
        with pytest.raises(BackendContractError):
            delivery.note("pipeline", "p", wrong)


def test_progress_is_what_was_not_noted_before(plain):
    """Noting the same again is no progress."""
    delivery = delivery_of(plain)
    delivery._notes.note("run", "r", {"external_id": 1})

    delivery.note("run", "r", {"external_id": 1})
    assert not delivery.has_progressed
    delivery.note("run", "r", {"external_id": 2})
    assert delivery.has_progressed


def test_a_need_leaves_the_backend(plain):
    """What is not there raises a signal that no `except Exception` catches."""
    delivery = delivery_of(plain)

    with pytest.raises(NeededFirst) as caught:
        delivery.need("run", "r")
    assert not isinstance(caught.value, Exception)
    assert (caught.value.kind, caught.value.key) == ("run", "r")
    delivery.note("run", "r", {"external_id": 1})
    assert delivery.need("run", "r") == {"external_id": 1}


def test_only_one_thread_makes_a_shared_thing():
    """`only` keeps threads with the same name apart, lets others pass, and forgets names."""
    turns = Turns()
    inside = []
    most = []

    def work(key):
        with turns.only("pipeline", key), turns.only("pipeline", key):
            inside.append(key)
            most.append(inside.count(key))
            time.sleep(0.01)
            inside.remove(key)

    threads = [threading.Thread(target=work, args=(f"k{n % 2}",)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert max(most) == 1
    assert turns._wanted == {}


def test_the_driver_delivers_as_the_outbox_would(plain, registry):
    """The driver of backend tests sends everything once, and again without a second record."""
    sums(2000)
    plain.save(1, "by-hand")
    backend = LittleBackend(registry.url)

    notes = drive(plain, backend)

    assert isinstance(notes, Notes)
    assert [kind for kind, _ in notes.sent][:2] == ["run", "task"]
    assert len(notes.of("task")) == 3
    drive(plain, backend, notes=notes)
    drive(plain, backend, is_first=False)  # without notes everything is looked for
    assert not registry.duplicates()
    drive(plain, backend)
    assert registry.duplicates(), "the control: what says that it is new is not looked for"
    backend.close()


def test_the_driver_sends_what_is_needed_first(plain, registry):
    """A record that needs another one has it delivered before; `is_first=False` looks everything up."""
    first = plain.save(1, "first")
    second = plain.save(1, f"needs-{first.id}")
    backend = LittleBackend(registry.url)
    notes = Notes()

    drive_one(plain, backend, "version", second.id, notes=notes)
    assert registry.ours("versions") == [first.id, second.id]
    drive(plain, backend, is_first=False)

    assert registry.ours("versions") == [first.id, second.id]
    backend.close()
