"""A change of one version on the server alone: what its tags and metadata become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from artifact_plugins.errors import BackendRejectedError
from artifact_plugins.records.metadata import check_metadata
from artifact_plugins.records.names import check_lines, check_tags

from . import fields
from .reading import remote_version
from .version_body import metadata_of


@dataclass(frozen=True, slots=True)
class Change:
    """What has to be written.

    Attributes:
        add_tags: Not there yet.
        remove_tags: There, and of the record until now; tags of others stay.
        values: Metadata.
    """

    add_tags: list[str]
    remove_tags: list[str]
    values: dict[str, Any]


def updated(
    item: Mapping[str, Any],
    *,
    tags: Sequence[str] | None,
    metadata: Mapping[str, Any] | None,
    description: str | None,
) -> Change:
    """Return what changes one version, within ZenML's limits.

    Args:
        item: The version as the server has it.
        tags: All of them; None leaves them.
        metadata: All of it; None leaves it.
        description: None leaves it.

    Raises:
        InvalidNameError: A tag is not allowed here.
        BackendRejectedError: ZenML takes no such tag or key.
        MetadataValueError: A value is no JSON, NaN for example.
    """
    record = remote_version(item).record
    changes: dict[str, Any] = {}
    if tags is not None:
        changes["tags"] = _taken(check_tags(tags))
    if metadata is not None:
        changes["metadata"] = _shown_all(check_metadata(metadata))
    if description is not None:
        changes["description"] = check_lines(description, "description")
    there = _tags_of(item)
    wanted = list(changes.get("tags", ()))
    before = there if record is None else record.tags
    add = [tag for tag in wanted if tag not in there]
    remove = [tag for tag in there if tags is not None and tag in before and tag not in wanted]
    if record is not None:
        values = metadata_of(record.model_copy(update=changes), link=None) if changes else {}
        return Change(add, remove, values)
    values = fields.shown(changes.get("metadata", {}))
    if description is not None:
        values[fields.DESCRIPTION] = changes["description"]
    return Change(add, remove, values)


def _taken(tags: tuple[str, ...]) -> tuple[str, ...]:
    refused = sorted(set(tags) - set(fields.shown_tags(tags)))
    if refused:
        raise _refusal(f"the tag {refused[0]!r}: it reads as a UUID")
    return tags


def _shown_all(metadata: dict[str, Any]) -> dict[str, Any]:
    for key in metadata:
        if ":" in key or not 0 < len(key) <= fields.KEY_CHARACTERS:
            raise _refusal(
                f"the metadata key {key[:80]!r}: keys have no colon and 1 to 255 characters"
            )
        if key.startswith(fields.PREFIX):
            raise _refusal(f"the metadata key {key[:80]!r}: those are of the records themselves")
    return metadata


def _refusal(what: str) -> BackendRejectedError:
    return BackendRejectedError(f"ZenML does not take {what}", hint="nothing was sent", status=None)


def _tags_of(item: Mapping[str, Any]) -> list[str]:
    tags = (item.get("resources") or {}).get("tags") or []
    return [tag["name"] for tag in tags]
