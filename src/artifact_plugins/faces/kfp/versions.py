"""Artifact versions as KFP artifacts, and back.

What an artifact has and a version has no field for lies in the version's
metadata under the key `_kfp_face`; clients do not see it:

name          when it cannot be the name of one of our artifacts
uri           `false` when the artifact has none; ours is empty text then
number_value  of a Metric
metadata      what the client itself keeps under `_kfp_face`
identity      sha256 of what `reuse_if_exists` compares
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from artifact_plugins.errors import InvalidNameError, MetadataValueError
from artifact_plugins.faces.kfp.face import storable
from artifact_plugins.faces.kfp.messages import ARTIFACT_TYPES
from artifact_plugins.faces.kfp.pages import Listable
from artifact_plugins.faces.kfp.predicates import Cell
from artifact_plugins.faces.kfp.refusals import internal, invalid
from artifact_plugins.records import (
    ArtifactVersion,
    SaveType,
    VersionDraft,
    check_metadata,
    check_name,
    new_id,
    now,
)

OWN = "_kfp_face"
SCHEMA_TITLE = "_kfp_schema_title"
FORMAT = "kfp-artifact/1"
LONGEST_NAME, LONGEST_URI, LONGEST_KEY, LONGEST_NAMESPACE = 128, 2048, 191, 63
_CLASS_OF_TYPE = {
    "Metric": "Metrics",
    "ClassificationMetric": "ClassificationMetrics",
    "SlicedClassificationMetric": "SlicedClassificationMetrics",
}


def draft(
    artifact: dict[str, Any], *, project: str, run_id: str, task_id: str, user: str, reuse: bool
) -> VersionDraft:
    """Return the version that an artifact is kept as.

    Args:
        artifact: As it was sent, checked.
        project: Where it goes.
        run_id: The run of the task.
        task_id: What made it.
        user: Who asks.
        reuse: Whether an equal one may stand for it.

    Raises:
        Refusal: 500 for what is too long for KFP's columns, 400 for what no ledger holds.
    """
    name, uri = artifact["name"], artifact.get("uri")
    too_long("Name", name, LONGEST_NAME, "create artifact")
    too_long("URI", uri or "", LONGEST_URI, "create artifact")
    storable(uri or "", "Artifact uri")
    own: dict[str, Any] = {}
    kept_as = kept_name(name)
    if kept_as != name:
        own["name"] = name
    if uri is None:
        own["uri"] = False
    if "number_value" in artifact:
        own["number_value"] = artifact["number_value"]
    metadata = artifact.get("metadata") or {}
    if OWN in metadata:
        own["metadata"] = metadata[OWN]
    if reuse:
        own["identity"] = identity(artifact)
    record = ArtifactVersion(
        id=new_id(),
        project=project,
        artifact=kept_as,
        artifact_type=artifact["type"],
        data_type=f"kfp.dsl:{_CLASS_OF_TYPE.get(artifact['type'], artifact['type'])}",
        format=FORMAT,
        uri=uri or "",
        save_type=SaveType.EXTERNAL,
        description=storable(artifact.get("description", ""), "Artifact description") or None,
        metadata=_checked({**metadata, OWN: own} if own else metadata),
        run_id=run_id,
        task_id=task_id,
        created_at=now(),
        created_by=user or "kfp",
    )
    key = f"kfp-face:{project}:{own['identity']}" if reuse else record.id
    return VersionDraft(record, key)


def artifact_of(version: ArtifactVersion, namespace: str) -> dict[str, Any]:
    """Return a version as the message Artifact.

    A type that KFP does not know is an `Artifact` with the type in its
    metadata, as KFP itself does it with other schema titles.
    """
    own, metadata = _split(version)
    kind = version.artifact_type
    if kind not in ARTIFACT_TYPES[1:]:
        metadata = {SCHEMA_TITLE: kind, **metadata}
        kind = ARTIFACT_TYPES[1]
    return {
        "artifact_id": version.id,
        "name": own.get("name", version.artifact),
        "description": version.description or "",
        "type": kind,
        "uri": None if own.get("uri") is False else version.uri,
        "metadata": metadata,
        "number_value": own.get("number_value"),
        "created_at": version.created_at,
        "namespace": namespace,
    }


def kept_name(name: str) -> str:
    """Return what a version of this name is called in the ledger.

    The name itself where it can be one of ours; else a name made of its digest.
    """
    try:
        if check_name(name) == name:
            return name
    except InvalidNameError:
        pass
    return f"kfp-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def identity(artifact: dict[str, Any]) -> str:
    """Return what `reuse_if_exists` compares: type, uri, name, description and metadata."""
    parts = [
        artifact["type"],
        artifact.get("uri") or "",
        artifact["name"],
        artifact.get("description") or "",
        artifact.get("metadata") or {},
    ]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def too_long(column: str, text: str, longest: int, doing: str) -> None:
    """Refuse text that does not fit KFP's column: its database would, with a 500."""
    if len(text) > longest:
        reason = f"Error 1406 (22001): Data too long for column '{column}' at row 1"
        raise internal(f"Failed to {doing}: {reason}")


def _checked(metadata: dict[str, Any]) -> dict[str, Any]:
    try:
        return check_metadata(metadata)
    except MetadataValueError as error:
        raise invalid(error.message) from error


def _split(version: ArtifactVersion) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is ours in the metadata, and what is the client's."""
    metadata = version.metadata
    own = metadata.get(OWN)
    if version.format != FORMAT or not isinstance(own, dict):
        return {}, metadata
    theirs = {key: value for key, value in metadata.items() if key != OWN}
    if "metadata" in own:
        theirs[OWN] = own["metadata"]
    return own, theirs


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _second(version: ArtifactVersion) -> Cell:
    return int(version.created_at.timestamp() // 1)


def _name(version: ArtifactVersion) -> Cell:
    name: str = _split(version)[0].get("name", version.artifact)
    return name


def _uri(version: ArtifactVersion) -> Cell:
    return None if _split(version)[0].get("uri") is False else version.uri


def _type(version: ArtifactVersion) -> Cell:
    kind = version.artifact_type
    return ARTIFACT_TYPES.index(kind) if kind in ARTIFACT_TYPES else 1


def _number_value(version: ArtifactVersion) -> Cell:
    found: float | None = _split(version)[0].get("number_value")
    return found


ARTIFACTS: Listable[ArtifactVersion] = Listable(
    name="Artifact",
    columns={
        "artifact_id": lambda version: version.id,
        "id": lambda version: version.id,
        "namespace": lambda version: version.project,
        "type": _type,
        "uri": _uri,
        "name": _name,
        "description": lambda version: version.description or "",
        "created_at": _second,
        "last_update": _second,
        "metadata": lambda version: _text(_split(version)[1]),
        "number_value": _number_value,
    },
    default="created_at",
    key=lambda version: version.id,
)
