"""Which records a listing wants; fields that are None do not filter."""

from __future__ import annotations

from dataclasses import dataclass

from artifact_plugins.records.link import IOType
from artifact_plugins.records.run import RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionQuery:
    """Versions, newest first; every field that is set must match.

    Attributes:
        is_deleted: False: versions that are there; True: deleted ones; None: both.
    """

    project: str | None = None
    artifact: str | None = None
    version: int | None = None
    ids: tuple[str, ...] | None = None
    id_prefix: str | None = None
    artifact_type: str | None = None
    data_type: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    tag: str | None = None
    alias: str | None = None
    is_deleted: bool | None = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Runs, newest first."""

    project: str | None = None
    pipeline: str | None = None
    state: RunState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskQuery:
    """Tasks in the order in which they were opened."""

    run_id: str | None = None
    ids: tuple[str, ...] | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkQuery:
    """Links in the order in which they were written."""

    run_id: str | None = None
    task_ids: tuple[str, ...] | None = None
    version_ids: tuple[str, ...] | None = None
    io_types: tuple[IOType, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotQuery:
    """Plugin snapshots, the newest first."""

    ids: tuple[str, ...] | None = None
    plugin: str | None = None
