"""Statements that are false of Dioptra's own artifacts and true of ours, by their numbers."""

from __future__ import annotations

import contextlib
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Annotated

import numpy as np
import pytest
from dioptra_server import DioptraServer

import artifact_plugins as ap
from artifact_integrations.dioptra.backend import DioptraBackend
from artifact_integrations.dioptra.backend.lines import parted
from artifact_integrations.dioptra.backend.server import DioptraApi
from artifact_plugins import Session
from artifact_plugins.contracts.backend import RemoteQuery
from artifact_plugins.errors import BackendUnavailableError, NotSerializableError
from artifact_plugins.records import RunQuery, TaskQuery, VersionQuery, every
from artifact_plugins.testing.backend_driver import Notes, drive

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
_LARGE_BYTES = 128 * 2**20
_TRIES = 4


def test_g10_g11_a_version_names_what_made_and_what_read_it(
    session: Session, backend: DioptraBackend, api: DioptraApi, flights: ModuleType
) -> None:
    """G10, G11: task, key, run, iteration and inputs of a version, and its readers in one search."""
    flights.delays()
    notes = drive(session, backend)
    run = session.ledger.runs(RunQuery())[0]
    tasks = {task.id: task for task in every(session.ledger.tasks, TaskQuery(run_id=run.id))}
    versions = {v.id: v for v in every(session.ledger.versions, VersionQuery(), newest_first=False)}
    mean = [v for v in versions.values() if v.artifact == "mean_delay"][1]

    record = backend.version(notes.external("version", mean.id)["external_id"]).record
    links = backend.links(run.id)

    assert record is not None
    assert (record.run_id, record.task_id) == (run.id, mean.task_id)
    made = next(
        link for link in links if link.version_id == mean.id and link.task_id == mean.task_id
    )
    assert (made.io_type, made.key, made.producer.iteration) == ("ITERATOR_OUTPUT", "Output", 1)
    read = [link for link in links if link.task_id == mean.task_id and not link.io_type.is_output]
    assert {link.key for link in read} == {"flights", "carrier"}
    readers = {
        tasks[line["task"]].name
        for job in api.searched("jobs/", mean.id, sort="id")
        if (line := parted(job["description"])[1])["task"] != mean.task_id
    }
    assert readers == {"rank"}


def test_g12_an_output_that_fails_leaves_no_version(
    session: Session, backend: DioptraBackend, api: DioptraApi
) -> None:
    """G12: of two outputs whose second cannot be saved neither is visible; the error names it."""

    @ap.step
    def two() -> tuple[Annotated[int, "first"], Annotated[object, "second"]]:
        return 1, threading.Lock()

    @ap.pipeline
    def failing():  # type: ignore[no-untyped-def]
        return two()

    with pytest.raises(NotSerializableError, match="lock") as caught:
        failing()
    assert "in output 'second'" in caught.value.__notes__
    notes = drive(session, backend)

    run = session.ledger.runs(RunQuery())[0]
    assert notes.of("version") == {}
    kinds = [
        parted(item["description"])[1]["kind"]
        for item in api.searched("artifacts/", run.id, sort="id")
    ]
    assert kinds == ["run_document"]


def driven(session: Session, backend: DioptraBackend) -> Notes:
    """Deliver everything; again, as a deliverer does, while the server's database is locked."""
    notes = Notes()
    for number in range(_TRIES):
        with contextlib.suppress(BackendUnavailableError):
            return drive(session, backend, notes=notes, is_first=number == 0)
    return drive(session, backend, notes=notes, is_first=False)


def test_g13_many_deliverers_agree_on_one_artifact(
    session: Session, dioptra: DioptraServer, login: None, api: DioptraApi
) -> None:
    """G13: extra rows of a race are known to `missing`; after it the lowest id counts everywhere."""
    version = session.save({"a": 1}, "raced")
    backends = [DioptraBackend(dioptra.backend_url()) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        books = list(pool.map(lambda backend: driven(session, backend), backends))
    found = [
        item
        for item in api.searched("artifacts/", version.id, sort="id")
        if parted(item["description"])[1].get("version_id") == version.id
    ]
    lowest = str(min(int(item["id"]) for item in found))

    assert len(found) > 1  # or there was no race
    for book, backend in zip(books, backends, strict=True):
        assert backend.missing("version", book.of("version")) == [version.id]
        book.memory.forget("version", version.id)
        drive(session, backend, notes=book, is_first=False)
        noted = book.external("version", version.id)
        assert noted["external_id"] == lowest
        assert len(noted["also"]) == len(found) - 1
        assert backend.missing("version", book.of("version")) == []
        backend.close()


def test_g15_a_uri_is_that_of_its_run(
    session: Session, backend: DioptraBackend, flights: ModuleType
) -> None:
    """G15: every URI is what MLflow says of the job's run, and one safe name."""
    flights.delays()
    notes = drive(session, backend)

    for key, noted in notes.of("version").items():
        version = session.ledger.version(key)
        job = notes.external("task", version.task_id or "")
        info = backend._tracking.run(job["mlflow_run"])
        assert info is not None
        assert noted["uri"] == f"{info['artifact_uri']}/{version.artifact}.{version.version}"


def test_g22_version_numbers_are_dense_and_never_reused(
    session: Session, backend: DioptraBackend
) -> None:
    """G22: numbers go on after a version was deleted, there as here."""
    saved = [session.save({"n": number}, "numbered") for number in range(2)]
    notes = drive(session, backend)
    session.delete(saved[1])
    saved.append(session.save({"n": 2}, "numbered"))
    drive(session, backend, notes=notes)

    ids = tuple(version.id for version in saved)
    page = backend.versions(RemoteQuery(artifact="numbered", version_ids=ids, newest_first=False))

    assert [item.record.version for item in page if item.record is not None] == [1, 2, 3]
    folders = [item.uri.rpartition("/")[2] for item in page]
    assert folders == [f"numbered.{n}-{v.id[-8:]}" for n, v in enumerate(saved, 1)]


def test_g23_a_large_version_is_delivered_in_bounded_memory(
    session: Session, backend: DioptraBackend
) -> None:
    """G23: 128 MiB are hashed and uploaded from a map of the file, a piece at a time."""
    version = session.save(np.zeros(_LARGE_BYTES, dtype=np.uint8), "large")
    backend.probe()
    tracemalloc.start()
    try:
        notes = drive(session, backend)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 32 * 2**20
    remote = backend.version(notes.external("version", version.id)["external_id"])
    assert remote.record == version


def test_g24_publishing_is_one_act(
    session: Session, dioptra: DioptraServer, login: None, api: DioptraApi
) -> None:
    """G24: plugins published by eight at once are each whole, and all pin the same one."""
    version = session.save(np.arange(3), "published")
    backends = [DioptraBackend(dioptra.backend_url()) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        books: list[Notes] = list(pool.map(lambda backend: driven(session, backend), backends))
    for backend in backends:
        backend.close()

    pins = {
        (noted["pluginSnapshotId"], noted["taskId"])
        for book in books
        for noted in (book.external("version", version.id),)
    }
    names = {
        noted["name"] for book in books for noted in book.of("plugin").values() if "name" in noted
    }
    assert len(names) == 1
    same = [p for p in api.all("plugins/", sort="createdOn") if p["name"] in names]
    for snapshot, _ in pins:
        owner = next(
            plugin
            for plugin in same
            if any(
                s["snapshot"] == snapshot
                for s in api.all(f"plugins/{plugin['id']}/snapshots", sort="createdOn")
            )
        )
        latest = api.get(f"plugins/{owner['id']}")
        assert {file["filename"] for file in latest["files"]} == {"artifacts.py", "_snapshot.py"}
