"""An artifact version as KFP's Artifact, and back.

The user's metadata lies flat in `metadata`, for people and for KFP's own
consumers. Beside it `artifact_plugins` holds our whole record as text, because
KFP keeps every number as a float, and `artifact_plugins_id` the version id:
KFP has no idempotency key, so that is how a version is found again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from artifact_plugins.contracts.backend import RemoteVersion
from artifact_plugins.errors import BackendRejectedError
from artifact_plugins.records import ArtifactVersion
from artifact_plugins.transport import sha256_of

from .limits import check_namespace, fitting_uri, json_value, kfp_name

RECORD = "artifact_plugins"
RECORD_ID = "artifact_plugins_id"
SCHEMA_TITLE = "_kfp_schema_title"
"""Where KFP keeps the title of a type that is none of its own."""
_RESERVED = frozenset({RECORD, RECORD_ID, SCHEMA_TITLE, "_kfp_workspace"})

TYPES = {
    "Artifact": 1,
    "Model": 2,
    "Dataset": 3,
    "HTML": 4,
    "Markdown": 5,
    "Metric": 6,
    "ClassificationMetric": 7,
    "SlicedClassificationMetric": 8,
}
"""KFP's artifact types with their numbers: filters compare the number."""

_RECORD_MAX_CHARACTERS = 256 * 1024


def artifact_body(version: ArtifactVersion, namespace: str) -> dict[str, Any]:
    """Return the Artifact of a creating request.

    Raises:
        BackendRejectedError: Its namespace, URI or metadata is more than KFP can hold.
    """
    title = version.artifact_type
    kfp_type = title if title in TYPES else "Artifact"
    number = _number(version) if kfp_type == "Metric" else None
    if kfp_type == "Metric" and number is None:
        kfp_type = "Artifact"  # KFP refuses a Metric without its number
    metadata = {
        name: json_value(value, f"metadata.{name}")
        for name, value in version.metadata.items()
        if name not in _RESERVED
    }
    if kfp_type != title:
        metadata[SCHEMA_TITLE] = title
    metadata[RECORD] = record_text(version)
    metadata[RECORD_ID] = version.id
    body: dict[str, Any] = {
        "name": kfp_name(version.artifact),
        "type": kfp_type,
        "namespace": check_namespace(namespace),
        "metadata": metadata,
    }
    uri = fitting_uri(version.uri)
    if uri is not None:
        body["uri"] = uri
    if version.description:
        body["description"] = version.description
    if number is not None:
        body["number_value"] = number
    return body


def record_text(version: ArtifactVersion) -> str:
    """Return the record as JSON text; previews are left out of one that is too long.

    Raises:
        BackendRejectedError: It is too long without them too.
    """
    text = _dumped(version)
    if len(text) > _RECORD_MAX_CHARACTERS and version.previews:
        text = _dumped(version.model_copy(update={"previews": ()}))
    if len(text) > 8 * _RECORD_MAX_CHARACTERS:
        raise BackendRejectedError(
            f"the record of {version} has {len(text)} characters, too many for metadata of KFP",
            hint="nothing was sent; the ledger has the record",
        )
    return text


def _dumped(version: ArtifactVersion) -> str:
    return version.model_dump_json(exclude_defaults=True)


def _number(version: ArtifactVersion) -> float | None:
    """Return the number of a Metric; None when its value is none."""
    value = version.metadata.get("value")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    number: float = json_value(float(value), "metadata.value")
    return number


def remote_version(artifact: Mapping[str, Any]) -> RemoteVersion:
    """Return what KFP says of an artifact, and our record when it carries one."""
    record = record_of(artifact)
    return RemoteVersion(
        external_id=str(artifact.get("artifact_id", "")),
        name=str(artifact.get("name", "")) if record is None else record.artifact,
        uri=str(artifact.get("uri", "")),
        record=record,
        raw=artifact,
    )


def record_of(artifact: Mapping[str, Any]) -> ArtifactVersion | None:
    """Return our record that an artifact carries; None when it is somebody else's or damaged."""
    text = _metadata(artifact).get(RECORD)
    if not isinstance(text, str):
        return None
    try:
        record = ArtifactVersion.model_validate_json(text)
    except ValidationError:
        return None
    return record if record.id == version_id_of(artifact) else None


def version_id_of(artifact: Mapping[str, Any]) -> str | None:
    """Return the id of our version that an artifact is; None for somebody else's."""
    found = _metadata(artifact).get(RECORD_ID)
    return found if isinstance(found, str) else None


def _metadata(artifact: Mapping[str, Any]) -> Mapping[str, Any]:
    found = artifact.get("metadata")
    return found if isinstance(found, dict) else {}


def changeable_state(version: ArtifactVersion) -> dict[str, str]:
    """Return short digests of what can change in the ledger and not in KFP, by what it is."""
    parts = {
        "tags": [*version.tags, None, *version.aliases],
        "metadata": version.metadata,
        "description": version.description,
        "deleted": version.deleted_at is not None,
    }
    return {name: short_digest(part)[:12] for name, part in parts.items()}


def short_digest(document: Any) -> str:
    """Return what tells one JSON document from another, in the spelling of the first notes."""
    return sha256_of(json.dumps(document, sort_keys=True))[:24]
