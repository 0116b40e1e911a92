"""What is there already: the same, an earlier state, somebody else's, or gone again."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import pytest
from server_environments import ServerProcess

import artifact_plugins as ap
from artifact_integrations.mlte.backend import MlteBackend
from artifact_integrations.mlte.documents import place_of_version, version_document
from artifact_plugins.contracts.backend import RemoteQuery
from artifact_plugins.delivery.notes import MemoryNotes
from artifact_plugins.delivery.source import LedgerDelivery, Turns, deliver
from artifact_plugins.errors import (
    ArtifactMissingError,
    BackendRejectedError,
    UnsupportedByBackendError,
)
from artifact_plugins.testing.backend_driver import Notes, drive, drive_one

pytestmark = pytest.mark.server
Raw = Callable[..., tuple[int, Any]]


def documents_by_hand(raw: Raw, session: ap.Session) -> list[dict[str, Any]]:
    """Return the values of what the project of a session has outside of runs."""
    project = session.settings.project
    groups = raw("GET", f"/model/{project}/version")[1]
    found = [
        raw("GET", f"/model/{project}/version/{group}/artifact?limit=1000")[1] for group in groups
    ]
    return [each["body"]["value"]["data"] for one in found for each in one]


def forced(raw: Raw, session: ap.Session, version: ap.ArtifactVersion) -> None:
    """Overwrite the document of a version, as anybody who may write there can."""
    place = place_of_version(version, None)
    changed = version.model_copy(update={"content_hash": "blake3:00"})
    artifact = version_document(changed, None, place).artifact()
    path = f"/model/{place.model}/version/{place.version}/artifact"
    assert raw("POST", path, {"artifact": artifact, "force": True, "parents": True})[0] == 200


def test_equal_content_that_is_there_is_ours(
    backend: MlteBackend, session: ap.Session, raw: Raw
) -> None:
    """A document that an earlier attempt left is taken for what it is, and noted."""
    version = ap.save([1], "flights")
    first = drive(session, backend)

    second = drive(session, backend, is_first=False)

    assert second.external("version", version.id) == first.external("version", version.id)
    assert len(documents_by_hand(raw, session)) == 1


def test_other_content_that_is_there_is_left_and_named(
    backend: MlteBackend, session: ap.Session, raw: Raw
) -> None:
    """Another document under our id is a conflict: it is not overwritten."""
    version = ap.save([1], "flights")
    forced(raw, session, version)

    with pytest.raises(BackendRejectedError, match="another document at") as caught:
        drive(session, backend)

    assert caught.value.status == 409
    assert documents_by_hand(raw, session)[0]["content_hash"] == "blake3:00"


def test_an_edit_is_refused_with_its_reason(
    quick_backend: MlteBackend, session: ap.Session, quick_raw: Raw
) -> None:
    """Documents are written once: what changed is named, the first state stays."""
    version = ap.save([1], "flights", tags=["raw"])
    notes = drive(session, quick_backend)
    session.update(version, tags=["raw", "checked"], description="by hand")

    drive_one(session, quick_backend, "version", version.id, notes=notes)

    assert "without the change of description, tags" in notes.external("version", version.id)["unsupported"]  # fmt: skip
    assert [one["record"]["tags"] for one in documents_by_hand(quick_raw, session)] == [["raw"]]


def test_an_edit_between_a_lost_answer_and_its_repetition_is_told_apart(
    quick_backend: MlteBackend, session: ap.Session, quick_raw: Raw
) -> None:
    """The document is ours although its tags are older; it is noted, and the edit refused."""
    version = ap.save([1], "flights")
    drive(session, quick_backend)  # its notes are lost
    session.update(version, tags=["late"])
    lost = Notes()
    noted: list[dict[str, Any]] = []
    lost.memory.note = lambda kind, key, value: noted.append(dict(value))  # type: ignore[method-assign]

    drive_one(session, quick_backend, "version", version.id, notes=lost, is_first=False)

    assert any("external_id" in one for one in noted)
    assert any("tags" in one.get("unsupported", "") for one in noted)
    assert len(documents_by_hand(quick_raw, session)) == 1


def test_a_new_name_makes_no_second_document(
    quick_backend: MlteBackend, session: ap.Session, quick_raw: Raw
) -> None:
    """An artifact that is renamed after a lost answer is found under its first name."""
    version = ap.save([1], "flights")
    notes = drive(session, quick_backend)
    notes.memory.forget("version", version.id)  # the answer was lost
    session.rename(artifact="flights", name="renamed")

    drive_one(session, quick_backend, "version", version.id, notes=notes, is_first=False)

    assert [one["artifact"] for one in documents_by_hand(quick_raw, session)] == ["flights"]
    assert "artifact" in notes.external("version", version.id)["unsupported"]


def test_what_the_ledger_deletes_stays_as_evidence(
    quick_backend: MlteBackend, session: ap.Session, quick_raw: Raw
) -> None:
    """A deleted version keeps its document, with the reason; one that was not sent never is."""
    sent, unsent = ap.save([1], "flights"), ap.save([2], "flights")
    notes = Notes()
    drive_one(session, quick_backend, "version", sent.id, notes=notes)
    session.delete(sent, force=True)
    session.delete(unsent, force=True)

    drive_one(session, quick_backend, "version", sent.id, notes=notes)
    drive_one(session, quick_backend, "version", unsent.id, notes=notes)

    assert "was deleted" in notes.external("version", sent.id)["unsupported"]
    assert notes.external("version", unsent.id) == {}
    assert [one["artifact_id"] for one in documents_by_hand(quick_raw, session)] == [sent.id]


def test_a_version_that_is_restored_before_it_was_sent_is_sent(
    quick_backend: MlteBackend, session: ap.Session
) -> None:
    """A version that was deleted, passed over and restored arrives like any other."""
    version = ap.save([1], "flights")
    session.delete(version, force=True)
    notes = Notes()
    drive_one(session, quick_backend, "version", version.id, notes=notes)
    session.restore(version)

    drive_one(session, quick_backend, "version", version.id, notes=notes)

    found = quick_backend.version(notes.external("version", version.id)["external_id"]).record
    assert found is not None and found.id == version.id


def test_what_was_deleted_behind_our_back_is_missing_and_sent_again(
    backend: MlteBackend, session: ap.Session
) -> None:
    """A document that is gone is reported; delivered again it is as it was."""
    versions = [ap.save([number], "flights") for number in range(10)]
    notes = drive(session, backend)
    noted = notes.of("version")
    gone = versions[3].id
    backend.delete_version(noted[gone]["external_id"])

    assert list(backend.missing("version", noted)) == [gone]
    assert list(backend.missing("version", {gone: noted[gone]})) == [gone]

    notes.memory.forget("version", gone)
    drive_one(session, backend, "version", gone, notes=notes)
    assert not backend.missing("version", notes.of("version"))
    assert notes.external("version", gone) == noted[gone]


def test_what_was_overwritten_behind_our_back_is_missing_and_refused(
    quick_backend: MlteBackend, session: ap.Session, quick_raw: Raw
) -> None:
    """A document that says something else no longer counts as ours, and is not fought over."""
    version = ap.save([1], "flights")
    notes = drive(session, quick_backend)
    forced(quick_raw, session, version)

    assert list(quick_backend.missing("version", notes.of("version"))) == [version.id]

    notes.memory.forget("version", version.id)
    with pytest.raises(BackendRejectedError, match="another document"):
        drive_one(session, quick_backend, "version", version.id, notes=notes)


def test_deleting_is_of_versions_only(quick_backend: MlteBackend, session: ap.Session) -> None:
    """A version is deleted on the server alone; documents of tasks and runs are none."""
    version = ap.save([1], "flights")
    notes = drive(session, quick_backend)
    external_id = notes.external("version", version.id)["external_id"]

    quick_backend.delete_version(external_id)

    with pytest.raises(ArtifactMissingError, match="no artifact version"):
        quick_backend.version(external_id)
    with pytest.raises(ArtifactMissingError, match="no artifact version"):
        quick_backend.delete_version(external_id)
    assert session.ledger.version(version.id).deleted_at is None


def test_changes_on_the_server_alone_are_refused_with_the_reason(
    memory_backend: MlteBackend, session: ap.Session
) -> None:
    """Tags, metadata and descriptions cannot be changed there, and nothing can be pruned."""
    changes: list[dict[str, Any]] = [{"tags": ["a"]}, {"metadata": {}}, {"description": ""}]
    for change in changes:
        with pytest.raises(UnsupportedByBackendError, match="written once"):
            memory_backend.update_version("m/v/evidence.x", **change)
    with pytest.raises(UnsupportedByBackendError, match="refers to"):
        memory_backend.prune(RemoteQuery())


def test_writers_at_one_time_make_one_document(
    backend: MlteBackend, session: ap.Session, raw: Raw
) -> None:
    """Eight threads that deliver one version leave one document, and none of them fails."""
    version = ap.save([1], "flights")
    turns = Turns()
    start = threading.Barrier(8)
    failed: list[BaseException] = []

    def send() -> None:
        notes = MemoryNotes()
        delivery = LedgerDelivery(session.ledger, session.store, notes, turns=turns, is_first=False)
        start.wait()
        try:
            deliver(backend, "version", version.id, delivery)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert [one["artifact_id"] for one in documents_by_hand(raw, session)] == [version.id]


def double(server: ServerProcess, identifier: str) -> None:
    """Store a document a second time, as two requests at one time do now and then."""
    doubled = {
        "artifact": "{0} + id, identifier, timestamp, username, level, type_id, version_id, model_id",
        "evidence": "{0} + id, {0} + artifact_id, evidence_class, evidence_type, data_json",
        "evidence_metadata": "{0} + id, test_case_id, measurement, result_id, {0} + evidence_id",
    }
    wanted = {
        "artifact": "SELECT id FROM artifact WHERE identifier = ? AND id < {0}",
        "evidence": "SELECT id FROM evidence WHERE artifact_id IN ({artifact})",
        "evidence_metadata": "SELECT id FROM evidence_metadata WHERE evidence_id IN ({evidence})",
    }
    chosen: dict[str, str] = {}
    with contextlib.closing(sqlite3.connect(server.log.parent / "mlte.db")) as database:
        for table, columns in doubled.items():
            chosen[table] = wanted[table].format(1_000_000, **chosen)
            database.execute(
                f"INSERT INTO {table} SELECT {columns.format(1_000_000)} FROM {table} "
                f"WHERE id IN ({chosen[table]})",
                (identifier,),
            )
        database.commit()


def test_a_document_that_a_store_has_twice_counts_once(
    sqlite_server: ServerProcess, log_in_raw: Callable[[str], Raw], session: ap.Session
) -> None:
    """SQL stores keep both of two equal documents that came at one time: one is read, none stays."""
    backend = MlteBackend(f"mlte+{sqlite_server.url}")
    version = ap.save([1], "flights")
    notes = drive(session, backend)
    external_id = notes.external("version", version.id)["external_id"]
    double(sqlite_server, external_id.rpartition("/")[2])
    raw = log_in_raw(sqlite_server.url)
    assert len(documents_by_hand(raw, session)) == 2

    found = backend.versions(RemoteQuery(version_ids=(version.id,)))

    assert [one.record for one in found] == [session.ledger.version(version.id)]
    assert not backend.missing("version", notes.of("version"))
    backend.delete_version(external_id)
    assert documents_by_hand(raw, session) == []
