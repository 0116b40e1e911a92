"""What the server no longer has of what was noted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from artifact_plugins.contracts.backend import RecordKind
from artifact_plugins.errors import BackendContractError
from artifact_plugins.transport import is_noted, parts_of, sha256_of, unless_missing

from . import fields
from .groups import key_of
from .server import Server
from .versions import run_metadata

_PATHS: Mapping[str, str] = {
    "run": "/runs",
    "task": "/steps",
    "version": "/artifact_versions",
}
# Ids in one URL.
_TOGETHER = 50


def missing_of(
    server: Server, kind: RecordKind, noted: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return our ids of records that are gone, or that somebody changed.

    Args:
        server: Where they were delivered to.
        kind: Of the records.
        noted: What was noted when they were delivered, by our id.
    """
    there = {ours: note for ours, note in noted.items() if is_noted(note)}
    gone: list[str] = []
    for some in parts_of(list(there.items()), _TOGETHER):
        gone += _gone(server, kind, dict(some))
    if kind == "task":
        groups = {ours: note for ours, note in noted.items() if ours not in there and "run" in note}
        gone += _gone_groups(server, groups)
    return [ours for ours in noted if ours in set(gone)]


def _gone(
    server: Server, kind: RecordKind, noted: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    query = {
        "project": server.project,
        "id": "oneof:" + json.dumps([note["external_id"] for note in noted.values()]),
        "hydrate": kind == "version",
    }
    found = {item["id"]: item for item in server.items(_PATHS[kind], query)}
    for ours, note in noted.items():
        item = found.get(note["external_id"])
        if item is None or (kind == "version" and _is_changed(item, note)):
            yield ours


def _is_changed(item: Mapping[str, Any], note: Mapping[str, Any]) -> bool:
    try:
        text = fields.text_in(fields.RECORD, run_metadata(item))
    except BackendContractError:
        return True
    return text is None or sha256_of(text) != note.get("digest")


def _gone_groups(server: Server, groups: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    """Return groups whose run is gone, or whose run no longer tells of them."""
    runs: dict[str, Mapping[str, Any] | None] = {}
    gone = []
    for ours, note in groups.items():
        run_id = note["run"]
        if run_id not in runs:
            run = unless_missing(partial(server.get, f"/runs/{run_id}", {"hydrate": True}))
            runs[run_id] = None if run is None else run_metadata(run)
        metadata = runs[run_id]
        if metadata is None or key_of(ours) not in metadata:
            gone.append(ours)
    return gone
