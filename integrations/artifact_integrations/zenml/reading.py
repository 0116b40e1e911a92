"""Our records from what the server answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from artifact_plugins.contracts.backend import RemoteVersion
from artifact_plugins.errors import BackendContractError
from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion

from . import fields
from .steps import kept_in
from .versions import run_metadata


def remote_version(item: Mapping[str, Any]) -> RemoteVersion:
    """Return one artifact version as ZenML has it.

    Raises:
        BackendContractError: It is no artifact version, or the record in its
            metadata is not whole.
    """
    try:
        external_id, body = item["id"], item["body"]
        name, uri = body["artifact"]["name"], body["uri"]
    except (KeyError, TypeError) as error:
        raise BackendContractError(
            f"ZenML answered with an artifact version without {error}",
            hint="is it ZenML, of a version that is supported?",
        ) from error
    record = fields.record_in(fields.RECORD, run_metadata(item), ArtifactVersion)
    return RemoteVersion(external_id=external_id, name=name, uri=uri, record=record, raw=dict(item))


def links_of_step(step: Mapping[str, Any]) -> Iterator[ArtifactTaskLink]:
    """Yield the links of a step of ours; links to versions only while ZenML has them, too."""
    kept = kept_in(step)
    text = fields.text_in(fields.TASK, run_metadata(step))
    if text is None:
        text = kept.get("told")
    if not isinstance(text, str):
        return
    told = _parsed(text)
    resources = step.get("resources") or {}
    there = {
        False: _ids(resources.get("inputs") or {}),
        True: _ids(resources.get("outputs") or {}),
    }
    versions = told.get("versions") or {}
    for link in _links(told):
        if (
            link.version_id is None
            or versions.get(link.version_id) in there[link.io_type.is_output]
        ):
            yield link


def links_of_groups(metadata: Mapping[str, Any]) -> Iterator[ArtifactTaskLink]:
    """Yield the links that the metadata of a run carries for its groups."""
    for key in sorted(metadata):
        task_id = key.removeprefix(f"{fields.TASK}.")
        if task_id == key or "." in task_id:  # another key, or a further part of a long text
            continue
        text = fields.text_in(key, metadata)
        if text is not None:
            yield from _links(_parsed(text))


def _ids(linked: Mapping[str, Any]) -> set[str]:
    return {item["id"] for items in linked.values() for item in items}


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _broken(error) from error
    if not isinstance(found, dict):
        raise _broken(TypeError(type(found).__name__))
    return found


def _links(told: Mapping[str, Any]) -> list[ArtifactTaskLink]:
    try:
        return [ArtifactTaskLink.model_validate(link) for link in told.get("links", ())]
    except (ValidationError, TypeError) as error:
        raise _broken(error) from error


def _broken(error: Exception) -> BackendContractError:
    return BackendContractError(
        f"the links in the metadata of a run in ZenML are none: {type(error).__name__}",
        hint="a newer release wrote them, or somebody changed them there",
    )
