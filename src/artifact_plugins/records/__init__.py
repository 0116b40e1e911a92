"""The public nouns: frozen records that do no I/O.

artifact.py   ArtifactVersion, FileRecord, Preview
run.py        Run, RunState
task.py       Task, TaskType, TaskState
link.py       ArtifactTaskLink, IOType, Producer
status.py     FinalStatus: what an exit step is told
snapshot.py   PluginSnapshot, CodeArchive: the code a version is pinned to
decision.py   LoadDecision: with which code a version was loaded, and why
signature.py  Signature: which key vouches for a statement or a manifest
batch.py      Batch, VersionDraft, CacheEntry: what one ledger transaction writes
outbox.py     OutboxRow, OutboxState, OutboxCount, RegisteredBackend: what waits for backends
query.py      VersionQuery, RunQuery, LinkQuery, TaskQuery, SnapshotQuery
page.py       Page, every
ids.py        new_id (UUIDv7), now (UTC)
names.py      check_name, check_label, check_tags, check_text, check_lines
metadata.py   check_metadata: JSON exactly, or MetadataValueError
"""

from artifact_plugins.records.artifact import ArtifactVersion, FileRecord, Preview, SaveType
from artifact_plugins.records.batch import Batch, CacheEntry, VersionDraft
from artifact_plugins.records.decision import LoadDecision
from artifact_plugins.records.ids import new_id, now
from artifact_plugins.records.link import ArtifactTaskLink, IOType, Producer
from artifact_plugins.records.metadata import check_metadata
from artifact_plugins.records.names import (
    check_label,
    check_lines,
    check_name,
    check_tags,
    check_text,
)
from artifact_plugins.records.outbox import (
    OutboxCount,
    OutboxKind,
    OutboxRow,
    OutboxState,
    RegisteredBackend,
    version_stream,
)
from artifact_plugins.records.page import Page, every
from artifact_plugins.records.query import (
    LinkQuery,
    RunQuery,
    SnapshotQuery,
    TaskQuery,
    VersionQuery,
)
from artifact_plugins.records.run import Run, RunState
from artifact_plugins.records.signature import Signature
from artifact_plugins.records.snapshot import CodeArchive, PluginSnapshot
from artifact_plugins.records.status import FinalStatus
from artifact_plugins.records.task import Task, TaskState, TaskType

__all__ = [
    "ArtifactTaskLink",
    "ArtifactVersion",
    "Batch",
    "CacheEntry",
    "CodeArchive",
    "FileRecord",
    "FinalStatus",
    "IOType",
    "LinkQuery",
    "LoadDecision",
    "OutboxCount",
    "OutboxKind",
    "OutboxRow",
    "OutboxState",
    "Page",
    "PluginSnapshot",
    "Preview",
    "Producer",
    "RegisteredBackend",
    "Run",
    "RunQuery",
    "RunState",
    "SaveType",
    "Signature",
    "SnapshotQuery",
    "Task",
    "TaskQuery",
    "TaskState",
    "TaskType",
    "VersionDraft",
    "VersionQuery",
    "check_label",
    "check_lines",
    "check_metadata",
    "check_name",
    "check_tags",
    "check_text",
    "every",
    "new_id",
    "now",
    "version_stream",
]
