"""The tables of the ledger, once, for every SQL dialect it runs on.

artifact        a name in a project, with its counter of version numbers
version_kind    the few (project, artifact type, data type) that occur
version         one artifact version; `seq` is the order of commits
version_tag     tags, by tag and newest first
version_alias   aliases, unique inside an artifact
run, task       by their time-ordered ids
link            one row per input or output value

Every index is one more page in every commit, so there is one only where a
listing needs it. A listing by project or type merges the few kinds that match,
each newest first, which one narrow index serves for any of these filters.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

SCHEMA_VERSION = 1
# "ArPl": marks a SQLite file as a ledger (`PRAGMA application_id`).
APPLICATION_ID = 0x4172506C

metadata = MetaData()
_Number = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER is the rowid itself

artifact = Table(
    "artifact",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("project", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("next_version", Integer, nullable=False),
    UniqueConstraint("project", "name"),
)

version_kind = Table(
    "version_kind",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("project", Text, nullable=False),
    Column("artifact_type", Text, nullable=False),
    Column("data_type", Text, nullable=False),
    UniqueConstraint("project", "artifact_type", "data_type"),
)

run = Table(
    "run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("name", Text, nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("parameters", Text),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("error", Text),
    Column("external_ids", Text),
    Index("ix_run_project", "project", "id"),
    Index("ix_run_pipeline", "pipeline", "id"),
    sqlite_with_rowid=False,
)

task = Table(
    "task",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run_id", Text, ForeignKey("run.id"), nullable=False),
    # Deferred: a batch may name a parent that comes after its child.
    Column("parent_id", Text, ForeignKey("task.id", deferrable=True, initially="DEFERRED")),
    Column("name", Text, nullable=False),
    Column("scope_path", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("iteration_index", Integer),
    Column("iteration_count", Integer),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("code_snapshot", Text),
    Column("cache_key", Text),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("error", Text),
    Index("ix_task_run", "run_id", "id"),
    Index("ix_task_name", "name", "id"),
    sqlite_with_rowid=False,
)

version = Table(
    "version",
    metadata,
    Column("seq", _Number, primary_key=True),
    Column("artifact_id", _Number, ForeignKey("artifact.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind_id", _Number, ForeignKey("version_kind.id"), nullable=False),
    Column("id", Text, nullable=False, unique=True),
    # None when the key is the id itself, whose index tells repeats as well.
    Column("idempotency_key", Text),
    Column("version_name", Text),
    Column("materializer", Text),
    Column("artifact_task", Text),
    Column("parameters", Text),
    Column("format", Text, nullable=False),
    Column("plugin_snapshot", Text),
    Column("uri", Text, nullable=False),
    Column("files", Text),
    Column("size_bytes", BigInteger, nullable=False),
    Column("is_directory", Boolean, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("manifest_digest", Text),
    Column("save_type", Text, nullable=False),
    Column("description", Text),
    Column("tags", Text),
    Column("aliases", Text),
    Column("metadata", Text),
    Column("previews", Text),
    Column("run_id", Text, ForeignKey("run.id")),
    Column("task_id", Text, ForeignKey("task.id")),
    Column("item_count", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger),
    Column("created_by", Text, nullable=False),
    UniqueConstraint("artifact_id", "version"),
    Index("ix_version_kind", "kind_id", "seq"),
)
Index(
    "ix_version_run",
    version.c.run_id,
    sqlite_where=version.c.run_id.is_not(None),
)

Index(
    "ix_version_key",
    version.c.idempotency_key,
    unique=True,
    sqlite_where=version.c.idempotency_key.is_not(None),
)

version_tag = Table(
    "version_tag",
    metadata,
    Column("tag", Text, primary_key=True),
    Column("version_seq", _Number, ForeignKey("version.seq"), primary_key=True),
    Column("artifact_id", _Number, ForeignKey("artifact.id"), nullable=False),
    sqlite_with_rowid=False,
)

version_alias = Table(
    "version_alias",
    metadata,
    Column("artifact_id", _Number, ForeignKey("artifact.id"), primary_key=True),
    Column("alias", Text, primary_key=True, index=True),
    Column("version_seq", _Number, ForeignKey("version.seq"), nullable=False),
    sqlite_with_rowid=False,
)

link = Table(
    "link",
    metadata,
    Column("seq", _Number, primary_key=True),
    Column("id", Text, nullable=False),
    Column("run_id", Text, ForeignKey("run.id"), nullable=False, index=True),
    Column("task_id", Text, ForeignKey("task.id"), nullable=False),
    Column("io_type", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("producer_task", Text, nullable=False),
    Column("producer_iteration", Integer),
    Column("position", Integer, nullable=False),
    Column("version_id", Text, ForeignKey("version.id")),
    Column("value", Text),
)
# One value has one place: a repeated commit writes no link twice.
Index(
    "ix_link_slot",
    link.c.task_id,
    link.c.io_type,
    link.c.key,
    text("coalesce(producer_iteration, -1)"),
    link.c.position,
    text("coalesce(version_id, '')"),
    unique=True,
)
Index(
    "ix_link_version",
    link.c.version_id,
    sqlite_where=link.c.version_id.is_not(None),
)


def create_statements(dialect: Dialect) -> list[str]:
    """Return the SQL that creates every table and index, in an order that works."""
    statements = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        statements += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    return statements
