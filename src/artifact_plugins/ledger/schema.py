"""The tables of the ledger, once, for every SQL dialect it runs on.

artifact        a name in a project, with its counter of version numbers
version_kind    the few (project, artifact type, data type) that occur
version         one artifact version; `seq` is the order of commits
version_tag     tags, by tag and newest first
version_alias   aliases, unique inside an artifact
run, task       by their time-ordered ids
cache_entry     which task made the results of a cached call
plugin_snapshot the code that versions are pinned to; `seq` as in version
aborted_version ids that the collector of a store took from an unfinished save
ledger_identity one row: which ledger this is
link            one row per input or output value
backend         the remote registries that records are delivered to
outbox          one row per backend and record that waits, or was given up
outbox_claim    one row per backend and stream with waiting rows: when it is due, who has it
external        what a backend calls a record, as JSON

Every index is one more page in every commit, so there is one only where a
listing needs it. A listing by project or type merges the few kinds that match,
each newest first, which one narrow index serves for any of these filters.

A deleted version keeps its row, so that links and numbers stay true. Its tags
and aliases leave their tables and stay in its own columns, for its return.

The rows of one record for all backends lie beside each other in every index of
the outbox, so that four backends write as many pages as one.
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
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from artifact_plugins.ledger.references import trigger_statements

SCHEMA_VERSION = 5
# "ArPl": marks a SQLite file as a ledger (`PRAGMA application_id`).
APPLICATION_ID = 0x4172506C

metadata = MetaData()
# Compared by code points in both, so that orders and beginnings are the same.
_Text = Text().with_variant(Text(collation="C"), "postgresql")
_Number = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER is the rowid itself

artifact = Table(
    "artifact",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("project", _Text, nullable=False),
    Column("name", _Text, nullable=False),
    Column("next_version", Integer, nullable=False),
    Column("deleted_versions", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("project", "name"),
)

version_kind = Table(
    "version_kind",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("project", _Text, nullable=False),
    Column("artifact_type", _Text, nullable=False),
    Column("data_type", _Text, nullable=False),
    UniqueConstraint("project", "artifact_type", "data_type"),
)

run = Table(
    "run",
    metadata,
    Column("id", _Text, primary_key=True),
    Column("project", _Text, nullable=False),
    Column("pipeline", _Text, nullable=False),
    Column("name", _Text, nullable=False, index=True),
    Column("state", _Text, nullable=False),
    Column("parameters", _Text),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("error", _Text),
    Column("external_ids", _Text),
    Index("ix_run_project", "project", "id"),
    Index("ix_run_pipeline", "pipeline", "id"),
    sqlite_with_rowid=False,
)

task = Table(
    "task",
    metadata,
    Column("id", _Text, primary_key=True),
    Column("run_id", _Text, ForeignKey("run.id"), nullable=False),
    # Deferred: a batch may name a parent that comes after its child.
    Column("parent_id", _Text, ForeignKey("task.id", deferrable=True, initially="DEFERRED")),
    Column("name", _Text, nullable=False),
    Column("scope_path", _Text, nullable=False),
    Column("type", _Text, nullable=False),
    Column("iteration_index", Integer),
    Column("iteration_count", Integer),
    Column("state", _Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("code_snapshot", _Text),
    Column("cache_key", _Text),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("error", _Text),
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
    Column("id", _Text, nullable=False, unique=True),
    # None when the key is the id itself, whose index tells repeats as well.
    Column("idempotency_key", _Text),
    Column("version_name", _Text),
    Column("materializer", _Text),
    Column("artifact_task", _Text),
    Column("parameters", _Text),
    Column("format", _Text, nullable=False),
    Column("plugin_snapshot", _Text),
    Column("uri", _Text, nullable=False),
    Column("files", _Text),
    Column("size_bytes", BigInteger, nullable=False),
    Column("is_directory", Boolean, nullable=False),
    Column("content_hash", _Text, nullable=False),
    Column("manifest_digest", _Text),
    Column("save_type", _Text, nullable=False),
    Column("description", _Text),
    Column("tags", _Text),
    Column("aliases", _Text),
    Column("metadata", _Text),
    Column("previews", _Text),
    Column("run_id", _Text, ForeignKey("run.id")),
    Column("task_id", _Text, ForeignKey("task.id")),
    Column("item_count", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger),
    Column("created_by", _Text, nullable=False),
    Column("deleted_at", BigInteger),
    # The bytes are gone, or about to go: nothing brings the version back.
    Column("collected_at", BigInteger),
    Column("signature", _Text),
    UniqueConstraint("artifact_id", "version"),
)
_is_live = version.c.deleted_at.is_(None)
Index(
    "ix_version_kind",
    version.c.kind_id,
    version.c.seq,
    sqlite_where=_is_live,
    postgresql_where=_is_live,
)
_is_in_trash = and_(version.c.deleted_at.is_not(None), version.c.collected_at.is_(None))
Index(
    "ix_version_trash",
    version.c.deleted_at,
    version.c.seq,
    sqlite_where=_is_in_trash,
    postgresql_where=_is_in_trash,
)
Index(
    "ix_version_run",
    version.c.run_id,
    sqlite_where=version.c.run_id.is_not(None),
    postgresql_where=version.c.run_id.is_not(None),
)

Index(
    "ix_version_key",
    version.c.idempotency_key,
    unique=True,
    sqlite_where=version.c.idempotency_key.is_not(None),
    postgresql_where=version.c.idempotency_key.is_not(None),
)

version_tag = Table(
    "version_tag",
    metadata,
    Column("tag", _Text, primary_key=True),
    Column("version_seq", _Number, ForeignKey("version.seq"), primary_key=True),
    Column("artifact_id", _Number, ForeignKey("artifact.id"), nullable=False),
    sqlite_with_rowid=False,
)

version_alias = Table(
    "version_alias",
    metadata,
    Column("artifact_id", _Number, ForeignKey("artifact.id"), primary_key=True),
    Column("alias", _Text, primary_key=True, index=True),
    Column("version_seq", _Number, ForeignKey("version.seq"), nullable=False),
    sqlite_with_rowid=False,
)

link = Table(
    "link",
    metadata,
    Column("seq", _Number, primary_key=True),
    Column("id", _Text, nullable=False),
    Column("run_id", _Text, ForeignKey("run.id"), nullable=False, index=True),
    Column("task_id", _Text, ForeignKey("task.id"), nullable=False),
    Column("io_type", _Text, nullable=False),
    Column("key", _Text, nullable=False),
    Column("producer_task", _Text, nullable=False),
    Column("producer_iteration", Integer),
    Column("position", Integer, nullable=False),
    Column("version_id", _Text, ForeignKey("version.id")),
    Column("value", _Text),
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
_names_version = link.c.version_id.is_not(None)
# SQLite: the links of a version come in the order of commits. PostgreSQL: whether
# a version was read is seen without a look at its links.
Index("ix_link_version", link.c.version_id, sqlite_where=_names_version, info={"of": "sqlite"})
Index(
    "ix_link_version_type",
    link.c.version_id,
    link.c.io_type,
    postgresql_where=_names_version,
    info={"of": "postgresql"},
)

# The tables that grow fastest; `references` says what PostgreSQL has instead.
IN_BULK = (version, link)
for _key in (key for table in IN_BULK for key in table.foreign_key_constraints):
    _key.ddl_if(dialect="sqlite")

aborted_version = Table(
    "aborted_version",
    metadata,
    Column("id", _Text, primary_key=True),
    Column("aborted_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

ledger_identity = Table(
    "ledger_identity",
    metadata,
    Column("one", Integer, primary_key=True),
    Column("id", _Text, nullable=False),
)


# The task that a cached step may be served from, by the key of the call; `parts`
# says in JSON what the key was made of.
cache_entry = Table(
    "cache_entry",
    metadata,
    Column("key", _Text, primary_key=True),
    Column("task_id", _Text, ForeignKey("task.id"), nullable=False),
    Column("step", _Text, nullable=False),
    Column("parts", _Text, nullable=False),
    Index("ix_cache_entry_step", "step", "task_id"),
    sqlite_with_rowid=False,
)


plugin_snapshot = Table(
    "plugin_snapshot",
    metadata,
    Column("seq", _Number, primary_key=True),
    Column("id", _Text, nullable=False, unique=True),
    Column("plugin", _Text, nullable=False),
    Column("entry_object", _Text, nullable=False),
    Column("python_version", _Text, nullable=False),
    Column("archives", _Text, nullable=False),
    Column("libraries", _Text),
    Column("created_at", BigInteger, nullable=False),
)


backend = Table(
    "backend",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("url", _Text, nullable=False, unique=True),
    Column("registered_at", BigInteger, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", _Number, primary_key=True),
    Column("record_id", _Text, nullable=False),
    Column("kind", _Text, nullable=False),
    Column("backend_id", _Number, ForeignKey("backend.id"), nullable=False),
    Column("stream", _Text, nullable=False),
    Column("is_first", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False, server_default=text("1")),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("state", _Text, nullable=False, server_default=text("'PENDING'")),
    Column("next_at", BigInteger),
    Column("error", _Text),
    UniqueConstraint("record_id", "kind", "backend_id"),
    # A number that was given out names that row for ever: `drop` must not meet another.
    sqlite_autoincrement=True,
)
_is_pending = outbox.c.state == text("'PENDING'")
Index(
    "ix_outbox_stream",
    outbox.c.stream,
    outbox.c.backend_id,
    outbox.c.seq,
    sqlite_where=_is_pending,
    postgresql_where=_is_pending,
)
_is_given_up = outbox.c.state != text("'PENDING'")
Index(
    "ix_outbox_dead",
    outbox.c.backend_id,
    outbox.c.seq,
    sqlite_where=_is_given_up,
    postgresql_where=_is_given_up,
)

# Whoever writes rows of a stream, or looks whether any are left, takes its row
# here first: the numbers of a stream have the order of its commits.
outbox_claim = Table(
    "outbox_claim",
    metadata,
    Column("stream", _Text, primary_key=True),
    Column("backend_id", _Number, ForeignKey("backend.id"), primary_key=True),
    # While somebody has it: the end of the lease.
    Column("due_at", BigInteger, nullable=False),
    Column("owner", _Text),
    Index("ix_outbox_claim_due", "backend_id", "due_at", "stream"),
    sqlite_with_rowid=False,
)

external = Table(
    "external",
    metadata,
    Column("backend_id", _Number, ForeignKey("backend.id"), primary_key=True),
    Column("kind", _Text, primary_key=True),
    Column("key", _Text, primary_key=True),
    Column("value", _Text, nullable=False),
    sqlite_with_rowid=False,
)


# Which of `migrations` made these tables: the table that Alembic looks into.
ledger_schema = Table(
    "ledger_schema",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="ledger_schema_pkc"),  # as Alembic names it
)


def revision(number: int) -> str:
    """Return the name of a schema version among the migrations."""
    return f"{number:04}"


def create_statements(dialect: Dialect) -> list[str]:
    """Return the SQL that creates every table, index and trigger, in an order that works."""
    statements = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        own = [one for one in table.indexes if one.info.get("of", dialect.name) == dialect.name]
        indexes = sorted(own, key=lambda index: str(index.name))
        statements += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    if dialect.name == "postgresql":
        statements += [one for table in IN_BULK for one in trigger_statements(table)]
    number = revision(SCHEMA_VERSION)
    stamp = f"INSERT INTO ledger_schema (version_num) VALUES ('{number}')"  # noqa: S608  # digits
    return [*statements, stamp]
