"""Metadata as ZenML takes it, and our own records in it, whatever their length."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from artifact_plugins.errors import BackendContractError
from artifact_plugins.transport import compact, parts_of, sha256_of

# Keys of ours; a user's key that begins so lies in the record alone.
PREFIX = "artifact_plugins."
VERSION_ID = f"{PREFIX}version_id"
RUN_ID = f"{PREFIX}run_id"
TYPE = f"{PREFIX}artifact_type"
DESCRIPTION = f"{PREFIX}description"
ALIASES = f"{PREFIX}aliases"
LINK = f"{PREFIX}link"
DATA_TYPE = f"{PREFIX}data_type"
RECORD = f"{PREFIX}record"
RUN = f"{PREFIX}run"
TASK = f"{PREFIX}task"

KEY_CHARACTERS = 255
# ZenML drops longer values without a word; quotes and backslashes double in its JSON.
_VALUE_CHARACTERS = 65_535
_PART_CHARACTERS = 32_000

Record = TypeVar("Record", bound=BaseModel)


def shown(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ZenML takes of our metadata; the record carries all of it.

    A colon in a key becomes a dot. None, values of more than 65,535 characters
    of JSON and keys that are ours or empty are left out.
    """
    found: dict[str, Any] = {}
    for key in sorted(metadata, key=lambda key: ":" not in key):
        name = key.replace(":", ".")[:KEY_CHARACTERS]
        value = metadata[key]
        if not name or name.startswith(PREFIX) or not fits(value):
            continue
        found[name] = value
    return found


def shown_tags(tags: tuple[str, ...]) -> list[str]:
    """Return the tags that ZenML takes: none that reads as a UUID."""
    return [tag for tag in tags if not _is_uuid(tag)]


def text_of(record: BaseModel) -> str:
    """Return a record as ASCII JSON; equal records, equal text."""
    return compact(record.model_dump(mode="json"))


def carried(name: str, text: str) -> dict[str, Any]:
    """Return metadata that carries a text of any length under `name`, `name.1`, `name.2`, ..."""
    if len(text) <= _PART_CHARACTERS:
        return {name: text}
    parts = list(parts_of(text, _PART_CHARACTERS))
    head = compact({"parts": len(parts), "sha256": sha256_of(text)})
    return {name: head} | {f"{name}.{number}": part for number, part in enumerate(parts, 1)}


def text_in(name: str, metadata: Mapping[str, Any]) -> str | None:
    """Return the text that `carried` put into metadata; None when there is none.

    Raises:
        BackendContractError: A part of it is missing or of another text.
    """
    head = metadata.get(name)
    if not isinstance(head, str):
        return None
    if not head.startswith('{"parts":'):
        return head
    try:
        said = json.loads(head)
        text = "".join([str(metadata[f"{name}.{n}"]) for n in range(1, int(said["parts"]) + 1)])
        if sha256_of(text) == said["sha256"]:
            return text
    except (KeyError, ValueError, TypeError):
        pass
    raise BackendContractError(
        f"the metadata {name!r} in ZenML is not whole",
        hint="somebody changed it there; `artifact-plugins sync` sends the record again",
    )


def record_in(name: str, metadata: Mapping[str, Any], kind: type[Record]) -> Record | None:
    """Return the record that metadata carries; None when it carries none.

    Raises:
        BackendContractError: What it carries is none.
    """
    text = text_in(name, metadata)
    if text is None:
        return None
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise BackendContractError(
            f"the metadata {name!r} in ZenML is no {kind.__name__}: "
            f"{error.error_count()} fields are wrong",
            hint="a newer release wrote it, or somebody changed it there",
        ) from error


def fits(value: Any) -> bool:
    """Tell whether ZenML keeps a metadata value."""
    if value is None:
        return False
    try:
        return len(json.dumps(value, allow_nan=False)) <= _VALUE_CHARACTERS
    except ValueError:
        return False


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
