"""Runs, tasks, versions and links in a real Dioptra, read back, changed, and found missing."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from dioptra_server import DioptraServer

import artifact_plugins as ap
from artifact_integrations.dioptra.backend import DioptraBackend
from artifact_integrations.dioptra.backend.lines import parted
from artifact_integrations.dioptra.backend.place import Place
from artifact_integrations.dioptra.backend.server import DioptraApi
from artifact_plugins import ArtifactVersion, Session
from artifact_plugins.contracts.backend import RemoteQuery
from artifact_plugins.errors import (
    ArtifactMissingError,
    BackendRejectedError,
    InputError,
    StoreIntegrityError,
    UnsupportedByBackendError,
)
from artifact_plugins.records import LinkQuery, RunQuery, TaskQuery, TaskState, VersionQuery, every
from artifact_plugins.testing.backend_driver import Notes, drive, drive_one

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]


@pytest.fixture
def delivered(session: Session, backend: DioptraBackend, flights: ModuleType) -> Notes:
    """A run of the pipeline in Dioptra."""
    flights.delays()
    return drive(session, backend)


def run_of(session: Session) -> ap.records.Run:
    """Return the only run."""
    return session.ledger.runs(RunQuery())[0]


def tasks_of(session: Session) -> dict[str, ap.records.Task]:
    """Return the tasks of the only run by path."""
    found = every(session.ledger.tasks, TaskQuery(run_id=run_of(session).id))
    return {task.scope_path: task for task in found}


def versions_of(session: Session) -> list[ArtifactVersion]:
    """Return all versions, oldest first."""
    return list(every(session.ledger.versions, VersionQuery(), newest_first=False))


def test_a_run_is_jobs_of_one_experiment(
    session: Session, delivered: Notes, api: DioptraApi, project: str
) -> None:
    """Each task that ran is a finished job, tagged with the run; its inputs are those jobs' artifacts."""
    run = run_of(session)
    jobs = {
        path: api.get(f"jobs/{delivered.external('task', task.id)['external_id']}")
        for path, task in tasks_of(session).items()
        if "external_id" in delivered.external("task", task.id)
    }

    assert len(jobs) == 6  # two months, two means, rank, ROOT
    assert {job["status"] for job in jobs.values()} == {"finished"}
    assert {job["experiment"]["name"] for job in jobs.values()} == {f"{project}.delays"}
    assert all(f"run-{run.id}" in [tag["name"] for tag in job["tags"]] for job in jobs.values())
    rank = next(job for path, job in jobs.items() if path.endswith("rank"))
    means = [
        delivered.external("version", version.id)
        for version in versions_of(session)
        if version.artifact == "mean_delay"
    ]
    inputs = api.get(f"jobs/{rank['id']}/artifactParameters")
    assert {name: item["artifact_id"] for name, item in inputs.items()} == {
        f"delays__{n}": int(noted["external_id"]) for n, noted in enumerate(means)
    }
    root = next(job for path, job in jobs.items() if path == "ROOT")
    assert root["values"] == {"carrier": "UA"}


def test_an_existing_experiment_is_attached_to(
    session: Session, dioptra: DioptraServer, login: None, project: str, flights: ModuleType
) -> None:
    """By its name or id: the jobs of a run are in it, and no experiment is made for the pipeline."""
    api = DioptraApi(Place.parse(dioptra.backend_url()), timeout_seconds=60.0)
    body = {
        "group": api.group()[0],
        "name": f"theirs-{project}",
        "description": "",
        "entrypoints": [],
    }
    theirs = int(api.post("experiments/", body)["id"])
    version = ap.save({"n": 1}, "by-hand")
    for number, given in enumerate((f"theirs-{project}", str(theirs))):
        backend = DioptraBackend(f"{dioptra.backend_url()}&experiment={given}")

        backend.probe()
        notes = drive(session, backend, is_first=number == 0)

        job = notes.external("saved", next(iter(notes.of("saved"))))
        assert job["experiment"] == theirs
        found = backend.version(notes.external("version", version.id)["external_id"])
        assert found.record == version
        backend.close()
    api.http.close()


def test_an_experiment_that_is_not_there_is_named(dioptra: DioptraServer, login: None) -> None:
    """The probe names it, whether a name or an id was given, and nothing is made."""
    for given in ("nobodys", "999999999"):
        backend = DioptraBackend(f"{dioptra.backend_url()}&experiment={given}")

        with pytest.raises(BackendRejectedError, match=f"no experiment '{given}'"):
            backend.probe()
        backend.close()


def test_records_are_read_back(session: Session, delivered: Notes, backend: DioptraBackend) -> None:
    """Versions and links from the server equal those of the ledger, every field."""
    for version in versions_of(session):
        remote = backend.version(delivered.external("version", version.id)["external_id"])

        assert remote.record == version
        assert remote.name == version.artifact
    run_id = run_of(session).id
    links = every(session.ledger.links, LinkQuery(run_id=run_id))
    assert {link.id: link for link in backend.links(run_id)} == {link.id: link for link in links}


def test_links_of_a_run_without_a_document_come_from_its_jobs(
    session: Session, delivered: Notes, backend: DioptraBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the end of a run, the links of tasks that ran are in the lines of their jobs."""
    monkeypatch.setattr(backend._documents, "links", lambda run_id: None)
    tasks = {
        task.id
        for task in tasks_of(session).values()
        if task.type == "RUNTIME" and task.state is not TaskState.RUNNING
    }
    run_id = run_of(session).id
    wanted = [
        link
        for link in every(session.ledger.links, LinkQuery(run_id=run_id))
        if link.task_id in tasks
    ]

    assert {link.id: link for link in backend.links(run_id)} == {link.id: link for link in wanted}


def test_dioptras_own_client_sees_what_we_have(
    session: Session, delivered: Notes, dioptra: DioptraServer, tmp_path: Path
) -> None:
    """List, record, file listing, contents, one file and another bundle in its client equal ours."""
    versions = versions_of(session)
    ids = {
        version.id: int(delivered.external("version", version.id)["external_id"])
        for version in versions
    }

    answer = dioptra.client(
        "import pathlib\n"
        "from dioptra.client.utils import FileTypes\n"
        "parts = ('files', 'contents', 'known', 'single', 'zipped')\n"
        "answer = {'listed': [], **{name: {} for name in parts}}\n"
        "page = client.artifacts.get(page_length=1000, search=given['search'])\n"
        "answer['listed'] = [item['id'] for item in page['data']]\n"
        "for number in given['ids']:\n"
        "    known = client.artifacts.get_by_id(number)\n"
        "    answer['known'][number] = [known['id'], known['description']]\n"
        "    files = client.artifacts.get_files(number)\n"
        "    answer['files'][number] = [[f['relativePath'], f['fileSize']] for f in files]\n"
        "    path = client.artifacts.get_contents(\n"
        "        number, output_dir=pathlib.Path(given['folder']), file_stem=str(number))\n"
        "    answer['contents'][number] = str(path)\n"
        "    one = next(f['relativePath'] for f in files if f['relativePath'] == 'manifest.json')\n"
        "    path = client.artifacts.get_contents(number, artifact_path=one,\n"
        "        output_dir=pathlib.Path(given['folder']), file_stem=f'{number}-one')\n"
        "    answer['single'][number] = str(path)\n"
        "    path = client.artifacts.get_contents(number, file_type=FileTypes.ZIP,\n"
        "        output_dir=pathlib.Path(given['folder']), file_stem=f'{number}-zip')\n"
        "    answer['zipped'][number] = str(path)\n",
        ids=list(ids.values()),
        search=f'description:"*{run_of(session).id}*"',
        folder=str(tmp_path),
    )

    assert isinstance(answer, dict)
    document = delivered.external("run_document", run_of(session).id)
    assert sorted(answer["listed"]) == sorted([*ids.values(), int(document["external_id"])])
    for version in versions:
        number = str(ids[version.id])
        known_id, description = answer["known"][number]
        assert known_id == ids[version.id]
        assert version.id in description
        with zipfile.ZipFile(answer["zipped"][number]) as zipped:
            assert "manifest.json" in {name.partition("/")[2] for name in zipped.namelist()}
        sizes = {path: size for path, size in answer["files"][number] if path != "manifest.json"}
        assert sizes == {file.path: file.size_bytes for file in version.files}
        with (
            tarfile.open(answer["contents"][number]) as archive,
            session.store.reader(version) as reader,
        ):
            members = {
                member.name.partition("/")[2]: archive.extractfile(member)
                for member in archive
                if member.isfile()
            }
            assert set(members) == {*reader.names(), "manifest.json"}
            manifest = members["manifest.json"]
            assert manifest is not None
            assert manifest.read() == Path(answer["single"][number]).read_bytes()
            for name in reader.names():
                content = members[name]
                assert content is not None
                assert content.read() == bytes(reader.buffer(name))


def test_every_artifact_is_pinned_to_code_that_is_ours_byte_for_byte(
    session: Session, delivered: Notes, backend: DioptraBackend, api: DioptraApi
) -> None:
    """G4, G24: the snapshot and the task that the server names hold the files that were published."""
    for version in versions_of(session):
        raw = backend.version(delivered.external("version", version.id)["external_id"]).raw
        task = raw["task"]
        plugin = api.get(f"plugins/{task['pluginResourceId']}")
        noted = next(n for n in delivered.of("plugin").values() if n["plugin"] == plugin["id"])
        files = {
            file["filename"]: file
            for file in api.all(f"plugins/{plugin['id']}/files", sort="createdOn")
        }
        lines = "".join(
            f"{hashlib.sha256(files[name]['contents'].encode()).hexdigest()}  {name}\n"
            for name in sorted(files)
        )
        digest = f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"

        assert task["pluginResourceSnapshotId"] == noted["snapshot"] == plugin["snapshot"]
        assert set(files) == {"artifacts.py", "_snapshot.py"}
        assert parted(plugin["description"])[1]["digest"] == digest
        assert delivered.of("plugin")[digest] == noted


def test_versions_are_listed_and_filtered(
    session: Session, delivered: Notes, backend: DioptraBackend, project: str
) -> None:
    """Name, type, tag, metadata, run, id and time choose as they do in the ledger, page by page."""
    versions = versions_of(session)
    ranking = next(version for version in versions if version.artifact == "ranking")
    run_id = run_of(session).id

    def found(**conditions: Any) -> list[str]:
        given = {"run_id": run_id, "newest_first": False, **conditions}
        ids, token = [], None
        while True:
            page = backend.versions(RemoteQuery(**given, page_token=token))
            ids += [remote.record.id for remote in page if remote.record is not None]
            token = page.next_token
            if token is None:
                return ids

    assert sorted(found()) == sorted(version.id for version in versions)
    assert sorted(found(limit=1)) == sorted(version.id for version in versions)
    assert found(limit=2, newest_first=True) == found()[::-1]
    assert found(artifact="ranking") == [ranking.id]
    assert found(artifact="RANKING") == []
    assert found(tags=("prod_1",)) == found(tags=("report", "prod_1")) == [ranking.id]
    assert found(tags=("prodX1",)) == []
    assert found(version_ids=(ranking.id,)) == [ranking.id]
    assert len(found(artifact_type="Dataset")) == 2
    assert found(created_after=ranking.created_at) == [ranking.id]
    assert ranking.id not in found(created_before=ranking.created_at)
    assert found(metadata={"length": 100}) == []
    with pytest.raises(InputError, match="page token"):
        backend.versions(RemoteQuery(page_token="next"))


def test_delivering_again_changes_nothing(
    session: Session, delivered: Notes, backend: DioptraBackend, api: DioptraApi
) -> None:
    """The same records again, known, or forgotten as after a lost ledger, give no second row."""
    run_id = run_of(session).id
    before = _rows(api, run_id)

    drive(session, backend, notes=delivered)
    forgotten = drive(session, backend, is_first=False)

    assert _rows(api, run_id) == before
    for kind in ("run", "task", "version", "run_document"):
        one, other = delivered.of(kind), forgotten.of(kind)
        assert {k: v.get("external_id") for k, v in one.items()} == {
            k: v.get("external_id") for k, v in other.items()
        }


def _rows(api: DioptraApi, text: str) -> dict[str, list[int]]:
    return {
        name: [int(item["id"]) for item in api.searched(name, text, sort="id")]
        for name in ("jobs/", "artifacts/")
    }


def test_an_edit_is_a_new_description_with_the_same_pin(
    session: Session, backend: DioptraBackend, api: DioptraApi
) -> None:
    """G14: tags, metadata and description change there, the pin stays; text of people is kept."""
    version = session.save({"a": 1}, "edited", tags=["one"], metadata={"n": 1})
    notes = drive(session, backend)
    number = notes.external("version", version.id)["external_id"]
    before = api.get(f"artifacts/{number}")

    edited = session.update(version, tags=["two"], metadata={"n": 2}, description="By people.")
    drive_one(session, backend, "version", version.id, notes=notes)

    after = api.get(f"artifacts/{number}")
    assert backend.version(number).record == edited
    assert after["task"] == before["task"]
    assert after["description"].startswith("By people.\n{")
    words = after["description"].replace("By people.", "Words of a colleague.")
    api.put(f"artifacts/{number}", {"description": words})  # which unpins it
    assert backend.missing("version", notes.of("version")) == [version.id]
    notes.memory.forget("version", version.id)
    session.update(version, tags=["three"])
    drive_one(session, backend, "version", version.id, notes=notes, is_first=False)
    last = api.get(f"artifacts/{number}")
    assert last["task"] == before["task"]
    assert last["description"].startswith("Words of a colleague.\n{")
    record = backend.version(number).record
    assert record is not None
    assert record.tags == ("three",)


def test_an_artifact_is_changed_on_the_server_alone(
    session: Session, backend: DioptraBackend, api: DioptraApi
) -> None:
    """`update_version` writes what is given and leaves the ledger, the pin and the rest."""
    version = session.save({"a": 1}, "remote", tags=["one"], metadata={"n": 1})
    number = drive(session, backend).external("version", version.id)["external_id"]
    pin = api.get(f"artifacts/{number}")["task"]

    backend.update_version(number, tags=["two"], metadata={"n": 2}, description="changed")

    remote = backend.version(number)
    assert remote.record is not None
    assert (remote.record.tags, remote.record.metadata) == (("two",), {"n": 2})
    assert remote.record.description == "changed"
    assert remote.raw["task"] == pin
    assert session.ledger.version(version.id) == version


def test_a_deleted_version_is_marked(
    session: Session, backend: DioptraBackend, api: DioptraApi
) -> None:
    """Nothing can be deleted there: the line says deleted, and says it no more after a restore."""
    version = session.save({"a": 1}, "deleted")
    notes = drive(session, backend)
    number = notes.external("version", version.id)["external_id"]

    session.delete(version)
    drive_one(session, backend, "version", version.id, notes=notes)

    assert parted(api.get(f"artifacts/{number}")["description"])[1]["deleted"] is True
    assert "cannot delete" in notes.external("version", version.id)["unsupported"]
    with pytest.raises(UnsupportedByBackendError):
        backend.delete_version(number)


def test_a_value_of_any_name_and_size_is_taken(session: Session, backend: DioptraBackend) -> None:
    """Names outside of Dioptra's, huge metadata and descriptions come back as they were."""
    saved = [
        session.save(
            {"a": 1}, "Überschrift 1", tags=["a:b/c@d", "ü_"], metadata={"n": "x" * 50_000}
        ),
        session.save({"a": 1}, "ß", description="line\n" * 5_000),
        session.save(pd.DataFrame({"ü": [1]}), "x" * 200),
        session.save({}, "empty"),
        session.save([], "class"),
    ]

    notes = drive(session, backend)

    for version in saved:
        remote = backend.version(notes.external("version", version.id)["external_id"])
        assert remote.record == session.ledger.version(version.id)


def test_an_artifact_of_somebody_else_has_no_record(
    session: Session, delivered: Notes, backend: DioptraBackend, api: DioptraApi
) -> None:
    """It is listed by the last part of its URI, and nothing of it is changed."""
    job = delivered.external("run", run_of(session).id)
    backend._tracking.upload(job["artifact_uri"], "theirs.txt", b"theirs")
    uri = f"{job['artifact_uri']}/theirs.txt"
    body = {"group": 1, "job": int(job["external_id"]), "artifactUri": uri, "description": "note"}
    number = str(api.post("artifacts/", body)["id"])

    remote = backend.version(number)

    assert (remote.record, remote.name, remote.uri) == (None, "theirs.txt", uri)
    assert number in [item.external_id for item in backend.versions(RemoteQuery(limit=1000))]
    with pytest.raises(BackendRejectedError, match="not registered by"):
        backend.update_version(number, tags=["x"])


@pytest.mark.parametrize("number", ["999999999", "none", "", "../users/1", "٣", "9" * 30])
def test_an_artifact_that_is_not_there_is_named(backend: DioptraBackend, number: str) -> None:
    """Unknown ids, and what is no id, are one named error; no other path is asked for."""
    with pytest.raises(ArtifactMissingError, match="no artifact"):
        backend.version(number)


def test_a_description_that_was_changed_is_noticed(
    session: Session, backend: DioptraBackend, api: DioptraApi
) -> None:
    """A broken line is an integrity error on reading, listed as nobody's, and repaired."""
    version = session.save({"a": 1}, "broken")
    notes = drive(session, backend)
    number = notes.external("version", version.id)["external_id"]
    text = api.get(f"artifacts/{number}")["description"]
    api.put(f"artifacts/{number}", {"description": text.replace('"record":{', '"records":{')})

    with pytest.raises(StoreIntegrityError, match="does not hold the record"):
        backend.version(number)
    assert backend.missing("version", notes.of("version")) == [version.id]

    api.put(f"artifacts/{number}", {"description": "all gone"})
    assert backend.missing("version", notes.of("version")) == [version.id]
    notes.memory.forget("version", version.id)
    drive_one(session, backend, "version", version.id, notes=notes, is_first=False)
    assert notes.external("version", version.id)["external_id"] == number
    assert backend.version(number).record == version
    assert backend.missing("version", notes.of("version")) == []


def test_a_failed_run_is_a_failed_job(
    session: Session, backend: DioptraBackend, api: DioptraApi
) -> None:
    """G12: versions of tasks that succeeded, and logged ones of the failed task, stay."""

    @ap.step
    def good() -> dict[str, int]:
        return {"a": 1}

    @ap.step
    def bad(given: dict[str, int]) -> int:
        ap.log_artifact("logged", {"b": 2})
        raise ValueError("no such thing")

    @ap.pipeline
    def failing():  # type: ignore[no-untyped-def]
        return bad(good())

    with pytest.raises(ValueError, match="no such thing"):
        failing()
    notes = drive(session, backend)

    states = {
        path: api.get(f"jobs/{notes.external('task', task.id)['external_id']}")["status"]
        for path, task in tasks_of(session).items()
    }
    assert {path.rpartition("/")[2]: state for path, state in states.items()} == {
        "ROOT": "failed",
        "good": "finished",
        "bad": "failed",
    }
    for version in versions_of(session):
        noted = notes.external("version", version.id)
        assert backend.version(noted["external_id"]).record == version
        assert noted["job"] == int(notes.external("task", version.task_id or "")["external_id"])
