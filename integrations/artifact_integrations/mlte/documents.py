"""A run, task or artifact version as one MLTE evidence document, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from artifact_integrations.mlte import ids
from artifact_plugins.contracts.backend import RecordKind, RemoteVersion
from artifact_plugins.errors import BackendContractError
from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion, Run, Task
from artifact_plugins.transport import compact, digest_of

VERSION_KIND = "artifact-version/1"
TASK_KIND = "task/1"
RUN_KIND = "run/1"

_OPAQUE = "mlte.evidence.types.opaque.Opaque"
_REGISTRAR = "artifact_plugins.Session"
# What of `data` is our record; the rest is there for people and may be newer.
_CARRIED = {
    VERSION_KIND: ("record",),
    TASK_KIND: ("record", "inputs", "outputs", "params"),
    RUN_KIND: ("record",),
}
# Fields of a version that the ledger lets people change.
_EDITABLE = frozenset(
    {"artifact", "description", "tags", "aliases", "metadata", "deleted_at", "collected_at"}
)
_ANY_JSON = ("metadata", "parameters", "value")
_SHOWN_URI_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document lies.

    Attributes:
        model: MLTE model.
        version: MLTE version.
        case: Test case; MLTE makes the document id of it.
    """

    model: str
    version: str
    case: str

    @property
    def identifier(self) -> str:
        """Id of the document inside its MLTE version."""
        return ids.identifier_of(self.case)

    @property
    def external_id(self) -> str:
        """`<model>/<version>/<document>`, as `MlteBackend.version` takes it."""
        return f"{self.model}/{self.version}/{self.identifier}"


@dataclass(frozen=True, slots=True)
class Document:
    """One evidence document to be sent.

    Attributes:
        kind: Of the record.
        record_id: Our id.
        title: The record, for messages.
        output_class: Our class, for people who look at it in MLTE.
        shown: What MLTE's pages list beside the value.
        data: The opaque value.
    """

    kind: RecordKind
    record_id: str
    title: str
    place: Place
    output_class: str
    shown: Mapping[str, str]
    data: dict[str, Any] = field(repr=False)

    def artifact(self) -> dict[str, Any]:
        """Return what MLTE is asked to create."""
        return {
            "header": {"identifier": self.place.identifier, "type": "evidence", "creator": None},
            "body": {
                "artifact_type": "evidence",
                "metadata": {
                    "test_case_id": self.place.case,
                    "measurement": {
                        "measurement_class": _REGISTRAR,
                        "output_class": self.output_class,
                        "additional_data": dict(self.shown),
                    },
                },
                "evidence_class": _OPAQUE,
                "value": {"evidence_type": "opaque", "data": self.data},
            },
        }


def place_of_run(run: Run) -> Place:
    """Return where the document of a run lies."""
    return Place(ids.safe_id(run.project), ids.safe_id(run.id), ids.RUN_CASE)


def place_of_task(task: Task, project: str) -> Place:
    """Return where the document of a task lies."""
    case = ids.task_case(task.name, task.iteration_index, task.id)
    return Place(ids.safe_id(project), ids.safe_id(task.run_id), case)


def place_of_version(version: ArtifactVersion, task: Task | None) -> Place:
    """Return where the document of a version lies that was made by a task, or by hand."""
    name, iteration = (None, None) if task is None else (task.name, task.iteration_index)
    case = ids.version_case(name, iteration, version.artifact, version.id)
    group = (
        ids.safe_id(version.run_id) if version.run_id else ids.manual_version(version.created_at)
    )
    return Place(ids.safe_id(version.project), group, case)


def run_document(run: Run) -> Document:
    """Return the document of a run that has ended."""
    shown = {"pipeline": run.pipeline, "run": run.name, "state": run.state.value}
    data = {
        "kind": RUN_KIND,
        "pipeline": run.pipeline,
        "run": run.name,
        "state": run.state.value,
        "started_at": _json(run)["started_at"],
        "ended_at": _json(run)["ended_at"],
        "record": _json(run),
    }
    place = place_of_run(run)
    return Document("run", run.id, f"run {run.name!r}", place, "artifact_plugins.Run", shown, data)


def task_document(
    task: Task, project: str, links: Sequence[ArtifactTaskLink], documents: Mapping[str, str]
) -> Document:
    """Return the document of a task that has ended.

    Args:
        links: All of the task.
        documents: External ids of the versions they lead to, by our id.
    """
    shown = {"step": task.name, "state": task.state.value, "scope": task.scope_path}
    data = {
        "kind": TASK_KIND,
        "step": task.name,
        "state": task.state.value,
        "cache_hit": task.state.value == "CACHED",
        "inputs": [_json(one) for one in links if one.version_id and not one.io_type.is_output],
        "outputs": [_json(one) for one in links if one.io_type.is_output],
        "params": [_json(one) for one in links if not (one.version_id or one.io_type.is_output)],
        "documents": dict(documents),
        "record": _json(task),
    }
    title = f"task {task.scope_path!r}"
    place = place_of_task(task, project)
    return Document("task", task.id, title, place, "artifact_plugins.Task", shown, data)


def version_document(version: ArtifactVersion, task: Task | None, place: Place) -> Document:
    """Return the document of an artifact version."""
    record = _json(version)
    uri = version.uri
    if uri.startswith("data:") or len(uri) > _SHOWN_URI_CHARACTERS:
        uri = "in the record"
    producer = None
    if task is not None:
        maker = place_of_task(task, version.project)
        producer = {"model": maker.model, "version": maker.version, "id": maker.identifier}
    facts = {
        "artifact": version.artifact,
        "version": version.version,
        "artifact_id": version.id,
        "type": version.artifact_type,
        "data_type": version.data_type,
        "format": version.format,
        "materializer": version.materializer or version.artifact_task,
        "snapshot": version.plugin_snapshot,
        "uri": uri,
        "content_hash": version.content_hash,
        "size_bytes": version.size_bytes,
        "created_at": record["created_at"],
    }
    shown = {name: str(value) for name, value in facts.items() if value not in (None, "")}
    if version.tags:
        shown["tags"] = ", ".join(version.tags)
    if task is not None:
        shown["step"] = task.name
    data = {"kind": VERSION_KIND, **facts, "producer": producer, "record": record}
    title = f"version {version.version} of artifact {version.artifact!r}"
    return Document(
        "version", version.id, title, place, "artifact_plugins.ArtifactVersion", shown, data
    )


def data_of(artifact: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the opaque value of a document of ours; None when it is somebody else's."""
    body = artifact.get("body")
    value = body.get("value") if isinstance(body, dict) else None
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("record"), dict):
        return None
    kind = data.get("kind")
    carried = _CARRIED.get(kind) if isinstance(kind, str) else None
    if carried is None or not all(isinstance(data.get(name), dict | list) for name in carried):
        return None
    return data


def record_digest(data: Mapping[str, Any]) -> str:
    """Identify the record that a document carries."""
    return digest_of(compact({name: data[name] for name in _CARRIED[data["kind"]]}))


def is_same_record(data: Mapping[str, Any], sent: Mapping[str, Any]) -> bool:
    """Tell whether a document is of the record that was sent, as it is now or was before an edit."""
    if data["kind"] != sent["kind"] or data["record"].get("id") != sent["record"]["id"]:
        return False
    if sent["kind"] != VERSION_KIND:
        return True
    return set(changed_fields(data, sent)) <= _EDITABLE


def changed_fields(data: Mapping[str, Any], sent: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields of a record that a document has otherwise, without the time of the edit."""
    pairs = [(data["record"], sent["record"]), (data, sent)]
    names: list[str] = []
    for (old, new), keys in zip(
        pairs,
        (
            {*data["record"], *sent["record"]} - {"updated_at"},
            {*_CARRIED[sent["kind"]]} - {"record"},
        ),
        strict=True,
    ):
        names += [key for key in keys if compact(old.get(key)) != compact(new.get(key))]
    return tuple(sorted(names))


def remote_version(external_id: str, artifact: Mapping[str, Any]) -> RemoteVersion | None:
    """Return what a document says about a version; None for our runs and tasks."""
    identifier = external_id.split("/", 2)[2]  # it may hold a slash, the others may not
    data = data_of(artifact)
    if data is None:
        return RemoteVersion(external_id=external_id, name=identifier, raw=artifact)
    if data["kind"] != VERSION_KIND:
        return None
    try:
        record = ArtifactVersion.model_validate(data["record"])
    except ValidationError:
        return RemoteVersion(external_id=external_id, name=identifier, raw=artifact)
    return RemoteVersion(
        external_id=external_id, name=record.artifact, uri=record.uri, record=record, raw=artifact
    )


def links_of(artifact: Mapping[str, Any]) -> tuple[ArtifactTaskLink, ...]:
    """Return the links that the document of a task carries; none for other documents.

    Raises:
        BackendContractError: It is damaged.
    """
    data = data_of(artifact)
    if data is None or data["kind"] != TASK_KIND:
        return ()
    rows = (*data["inputs"], *data["outputs"], *data["params"])
    try:
        return tuple(ArtifactTaskLink.model_validate(row) for row in rows)
    except ValidationError as error:
        raise BackendContractError(
            f"the MLTE document of task {data['record'].get('id')!r} has a damaged link",
            hint="somebody wrote over it; the ledger has the links",
        ) from error


def written_at(remote: RemoteVersion) -> datetime:
    """Return when a version was made: by our record, else when MLTE wrote its document."""
    if remote.record is not None:
        return remote.record.created_at
    header = remote.raw.get("header")
    seconds = header.get("timestamp") if isinstance(header, Mapping) else None
    return datetime.fromtimestamp(seconds if isinstance(seconds, int) else 0, UTC)


def _json(record: BaseModel) -> dict[str, Any]:
    # pydantic would turn NaN in a value of any type into null; as they are,
    # such values are refused by name before anything is sent.
    raw = {name: getattr(record, name) for name in _ANY_JSON if name in type(record).model_fields}
    return record.model_dump(mode="json") | raw
