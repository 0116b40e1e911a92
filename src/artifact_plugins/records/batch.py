"""What one ledger transaction writes."""

from __future__ import annotations

from dataclasses import dataclass

from artifact_plugins.records.artifact import ArtifactVersion
from artifact_plugins.records.link import ArtifactTaskLink
from artifact_plugins.records.run import Run
from artifact_plugins.records.snapshot import PluginSnapshot
from artifact_plugins.records.task import Task


@dataclass(frozen=True, slots=True)
class VersionDraft:
    """A version whose bytes are durable but which has no number yet.

    Attributes:
        version: The record with `version == 0`.
        idempotency_key: The same key with the same content is the same version.
        snapshot: What it is pinned to, when this process has not committed
            that snapshot yet; inserted with the version, once per ledger.
    """

    version: ArtifactVersion
    idempotency_key: str
    snapshot: PluginSnapshot | None = None


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """Which task made the results of a cached call.

    Attributes:
        key: `sha256:...` of everything that decides the results.
        step: Name of the step.
        parts: What the key was made of, by name, as short text.
        replaces: The task whose results are gone and that this one replaces.
    """

    key: str
    task_id: str
    step: str
    parts: dict[str, str]
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that become visible together or not at all.

    Attributes:
        runs: Inserted, or updated when the id is known.
        tasks: Inserted, or updated when the id is known.
        versions: Inserted with the next number of their artifact.
        links: Inserted; `version_id` names a draft of this batch or a
            committed version.
        cache: Inserted; the whole batch fails when another task has the key.
    """

    runs: tuple[Run, ...] = ()
    tasks: tuple[Task, ...] = ()
    versions: tuple[VersionDraft, ...] = ()
    links: tuple[ArtifactTaskLink, ...] = ()
    cache: tuple[CacheEntry, ...] = ()
