"""Changes of versions: edits of the ledger that follow, changes on the server alone, deletions."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zenml_pipelines as pipelines
from zenml_servers import ZenML

import artifact_plugins as ap
from artifact_integrations.zenml.backend import ZenMLBackend
from artifact_plugins import Session
from artifact_plugins.contracts.backend import RemoteQuery
from artifact_plugins.errors import (
    ArtifactMissingError,
    BackendRejectedError,
    InvalidNameError,
    MetadataValueError,
    UnsupportedByBackendError,
)
from artifact_plugins.records import ArtifactVersion, VersionQuery, every
from artifact_plugins.testing.backend_driver import Notes, drive, drive_one

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


def external(notes: Notes, version: ArtifactVersion) -> str:
    found: str = notes.external("version", version.id)["external_id"]
    return found


def tags_of(item: Any) -> list[str]:
    return sorted(tag["name"] for tag in item["resources"]["tags"])


def test_edits_of_the_ledger_follow(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str
) -> None:
    """New tags, metadata, description and aliases arrive; tags that others set there stay."""
    version = ap.save(1, "one", tags=["old", "kept"], metadata={"score": 1})
    notes = drive(session, backend)
    server.ask("PUT", f"/artifact_versions/{external(notes, version)}", {"add_tags": ["theirs"]})
    session.update(version, tags=["kept", "new"], metadata={"score": 2}, description="better")
    session.set_alias(version, "prod")

    drive_one(session, backend, "version", version.id, notes=notes, is_first=False)

    item = server.ask("GET", f"/artifact_versions/{external(notes, version)}")
    metadata = item["metadata"]["run_metadata"]
    assert tags_of(item) == ["kept", "new", "theirs"]
    assert (metadata["score"], metadata["artifact_plugins.description"]) == (2, "better")
    assert metadata["artifact_plugins.aliases"] == ["prod"]
    assert backend.version(item["id"]).record == session.ledger.version(version.id)
    assert server.count("/artifact_versions", project=project) == 1


def test_rename_is_told_in_the_record_alone(session: Session, backend: ZenMLBackend) -> None:
    """ZenML cannot move a version to another artifact: refused with the reason, the record follows."""
    version = ap.save(1, "one")
    notes = drive(session, backend)
    external_id = external(notes, version)
    session.rename("one", "two")

    drive_one(session, backend, "version", version.id, notes=notes, is_first=False)

    found = backend.version(external_id)
    assert found.name == "one"
    assert found.record is not None
    assert found.record.artifact == "two"


def test_deleted_version_goes_and_comes_back(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str
) -> None:
    """A deleted version is deleted there; a restored one is made again, although its key was used."""
    version = ap.save(1, "one")
    notes = drive(session, backend)
    session.delete(version)

    drive_one(session, backend, "version", version.id, notes=notes, is_first=False)
    assert server.count("/artifact_versions", project=project) == 0
    drive_one(session, backend, "version", version.id, notes=notes, is_first=False)
    session.restore(version)
    drive_one(session, backend, "version", version.id, notes=notes, is_first=False)

    assert server.count("/artifact_versions", project=project) == 1
    assert backend.version(external(notes, version)).record == session.ledger.version(version.id)


def test_deleted_before_it_was_sent(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str
) -> None:
    """A version that was deleted before its delivery never arrives, and nobody waits for it."""
    pipelines.chain()
    number = next(
        v for v in every(session.ledger.versions, VersionQuery()) if v.artifact == "number"
    )
    session.delete(number, force=True)

    notes = drive(session, backend)

    assert notes.external("version", number.id) == {"is_deleted": True}
    assert server.count("/artifact_versions", project=project) == 1
    assert server.count("/steps", project=project) == 2


def test_version_of_a_step_is_not_deleted(session: Session, backend: ZenMLBackend) -> None:
    """ZenML keeps what a step wrote: refused with the reason; the record there says it is deleted."""
    pipelines.chain()
    notes = drive(session, backend)
    number = next(
        v for v in every(session.ledger.versions, VersionQuery()) if v.artifact == "number"
    )
    external_id = external(notes, number)
    session.delete(number, force=True)

    with pytest.raises(UnsupportedByBackendError, match="a step reads or wrote it"):
        backend.delete_version(external_id)
    drive_one(session, backend, "version", number.id, notes=notes, is_first=False)

    record = backend.version(external_id).record
    assert record is not None
    assert record.deleted_at is not None


def test_update_on_the_server_alone(session: Session, backend: ZenMLBackend, server: ZenML) -> None:
    """Tags, metadata and description of one version change there; what is not named stays."""
    version = ap.save(1, "one", tags=["a"], metadata={"x": 1, "y": 2})
    notes = drive(session, backend)
    external_id = external(notes, version)

    backend.update_version(external_id, tags=["b", "team:c"], description="told")
    backend.update_version(external_id, metadata={"x": 3})

    item = server.ask("GET", f"/artifact_versions/{external_id}")
    record = backend.version(external_id).record
    assert tags_of(item) == ["b", "team:c"]
    assert item["metadata"]["run_metadata"]["x"] == 3
    assert record is not None
    assert (record.tags, record.metadata) == (("b", "team:c"), {"x": 3})
    assert record.description == "told"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"tags": ["x" * 256]}, InvalidNameError),
        ({"tags": ["0f8fad5b-d9cb-469f-a165-70867728950e"]}, BackendRejectedError),
        ({"metadata": {"a:b": 1}}, BackendRejectedError),
        ({"metadata": {"": 1}}, BackendRejectedError),
        ({"metadata": {"k" * 256: 1}}, BackendRejectedError),
        ({"metadata": {"artifact_plugins.record": 1}}, BackendRejectedError),
        ({"metadata": {"nan": math.nan}}, MetadataValueError),
    ],
)
def test_changes_that_zenml_does_not_take(
    session: Session,
    new_server: ZenML,
    open_backend: Callable[..., ZenMLBackend],
    change: dict[str, Any],
    error: type[Exception],
) -> None:
    """Tags and metadata beyond its limits are refused before anything is sent."""
    backend = open_backend(new_server.url, new_server.new_project())
    version = ap.save(1, "one", tags=["a"])
    notes = drive(session, backend)

    with pytest.raises(error):
        backend.update_version(external(notes, version), **change)

    assert backend.version(external(notes, version)).record == version


def test_tags_and_metadata_that_cannot_be_shown_stay_in_the_record(
    session: Session, backend: ZenMLBackend, server: ZenML
) -> None:
    """What ZenML has no place for is delivered all the same, and reads back."""
    version = ap.save(
        1,
        "one",
        tags=["0f8fad5b-d9cb-469f-a165-70867728950e", "fine"],
        metadata={"a:b": 1, "a.b": 2, "none": None, "long": "ä" * 70_000, "deep": {"n": None}},
    )

    notes = drive(session, backend)

    item = server.ask("GET", f"/artifact_versions/{external(notes, version)}")
    shown = item["metadata"]["run_metadata"]
    assert tags_of(item) == ["fine"]
    assert shown["a.b"] == 2
    assert not {"a:b", "none", "long"} & set(shown)
    assert backend.version(item["id"]).record == version


def test_deleted_behind_our_back(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str
) -> None:
    """What somebody deleted there is missing, and is made again when it is sent again."""
    gone = ap.save(1, "gone")
    kept = ap.save(1, "kept")
    notes = drive(session, backend)
    server.ask("DELETE", f"/artifact_versions/{external(notes, gone)}")

    assert list(backend.missing("version", notes.of("version"))) == [gone.id]
    with pytest.raises(ArtifactMissingError):
        backend.version(external(notes, gone))
    with pytest.raises(ArtifactMissingError):
        backend.delete_version(external(notes, gone))
    session.update(gone, tags=["again"])
    drive_one(session, backend, "version", gone.id, notes=notes, is_first=False)

    assert list(backend.missing("version", notes.of("version"))) == []
    assert server.count("/artifact_versions", project=project) == 2
    assert backend.version(external(notes, kept)).record == kept


def test_changed_behind_our_back(session: Session, backend: ZenMLBackend) -> None:
    """A record that somebody changed there counts as missing, so that it is sent again."""
    version = ap.save(1, "one")
    notes = drive(session, backend)
    backend.update_version(external(notes, version), description="somebody else")

    assert list(backend.missing("version", notes.of("version"))) == [version.id]


def test_run_deleted_behind_our_back(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str
) -> None:
    """A run that somebody deleted is missing with its steps; forgotten and sent again it is whole."""
    pipelines.chain()
    notes = drive(session, backend)
    (run_id,) = notes.of("run")
    server.ask("DELETE", f"/runs/{notes.external('run', run_id)['external_id']}")

    runs, tasks = (backend.missing(kind, notes.of(kind)) for kind in ("run", "task"))
    assert list(runs) == [run_id]
    assert set(tasks) == set(notes.of("task"))
    for kind, missing in (("run", runs), ("task", tasks)):
        for key in missing:
            notes.memory.forget(kind, key)
    drive(session, backend, notes=notes, is_first=False)

    assert server.count("/runs", project=project) == 1
    assert server.count("/steps", project=project) == 2
    assert server.count("/artifact_versions", project=project) == 2
    assert len(backend.links(run_id)) > 0


def test_store_component_deleted_behind_our_back(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str, tmp_path: Path
) -> None:
    """An artifact store that somebody removed gets a new component, and the version arrives."""
    ap.save("x" * 9_000, "first")
    notes = drive(session, backend)
    server.ask("DELETE", f"/artifact_versions/{first(notes)}")
    (store,) = notes.of("zenml.store").values()
    server.ask("DELETE", f"/components/{store['external_id']}")

    version = ap.save("y" * 9_000, "second")
    drive(session, backend, notes=notes)

    assert backend.version(external(notes, version)).record == version
    (renewed,) = notes.of("zenml.store").values()
    assert renewed["external_id"] != store["external_id"]


def test_prune_deletes_only_ours_that_nothing_uses(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str
) -> None:
    """Prune works around the server's own, which fails: a dry run first, steps keep theirs."""
    pipelines.chain()
    unused = ap.save(1, "unused", tags=["old"])
    ap.save(1, "other")
    notes = drive(session, backend)
    item = server.ask("GET", f"/artifact_versions/{external(notes, unused)}")
    theirs = {name: item["body"][name] for name in ("uri", "type", "materializer", "data_type")}
    theirs |= {"project": item["body"]["project_id"], "artifact_name": "theirs"}
    server.ask("POST", "/artifact_versions", theirs | {"save_type": "manual", "tags": ["old"]})

    dry = backend.prune(RemoteQuery(tags=("old",)))
    assert server.count("/artifact_versions", project=project) == 5
    pruned = backend.prune(RemoteQuery(tags=("old",)), dry_run=False)

    assert list(dry) == list(pruned) == [external(notes, unused)]
    assert server.count("/artifact_versions", project=project) == 4


def first(notes: Notes) -> str:
    found: str = next(iter(notes.of("version").values()))["external_id"]
    return found
