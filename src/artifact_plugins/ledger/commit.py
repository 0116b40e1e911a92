"""The one write transaction: runs, tasks, versions and links become visible together.

Nothing is looked up before it is written: numbers come from the counter row
of the artifact, and the unique idempotency key tells a repeat. Only then, in
a second transaction, are the known versions read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from artifact_plugins.errors import (
    CommitUnknownError,
    IdempotencyConflictError,
    LineageConflictError,
)
from artifact_plugins.failpoints import failpoint
from artifact_plugins.ledger import compiled_sqlite as sql
from artifact_plugins.ledger import rows
from artifact_plugins.ledger.database import Database
from artifact_plugins.ledger.edits import take_aliases
from artifact_plugins.records import ArtifactVersion, Batch, VersionDraft

_EXISTS = {
    "version": "SELECT 1 FROM version WHERE id = ?",
    "task": "SELECT 1 FROM task WHERE id = ?",
    "run": "SELECT 1 FROM run WHERE id = ?",
}

Kinds = dict[tuple[str, str, str], int]


def write_batch(
    database: Database, kinds: Kinds, batch: Batch, *, durable: bool | None
) -> tuple[ArtifactVersion, ...]:
    """Commit a batch; see `Ledger.write`.

    Args:
        database: Where to.
        kinds: Ids of the version kinds seen so far; what is learned is added.
        batch: What to write.
        durable: Whether this commit is synced; None: as the ledger is opened.
    """
    prepared = _Prepared(batch)
    failpoint("commit.before")
    try:
        committed = _transact(database, kinds, prepared, durable, known=False)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorname != "SQLITE_CONSTRAINT_UNIQUE":
            raise _conflict(database, batch, error) from error
        try:
            committed = _transact(database, kinds, prepared, durable, known=True)
        except sqlite3.IntegrityError as again:
            raise _conflict(database, batch, again) from again
    try:
        failpoint("commit.after")
    except OSError as error:
        raise CommitUnknownError(
            "the answer to a commit was lost",
            hint="nothing was deleted; repeat it with the same idempotency keys",
        ) from error
    return committed


class _Prepared:
    """The rows of a batch, made before anything is locked."""

    __slots__ = ("batch", "links", "runs", "tasks", "versions")

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.runs = [rows.run_row(run) for run in batch.runs]
        self.tasks = [rows.task_row(task) for task in batch.tasks]
        self.links = [rows.link_row(link) for link in batch.links]
        self.versions = [
            rows.version_row(draft.version, draft.idempotency_key) for draft in batch.versions
        ]


def _transact(
    database: Database, kinds: Kinds, prepared: _Prepared, durable: bool | None, *, known: bool
) -> tuple[ArtifactVersion, ...]:
    learned: Kinds = {}
    with database.transaction(durable) as cursor:
        if prepared.runs:
            cursor.executemany(sql.UPSERT_RUN, prepared.runs)
        if prepared.tasks:
            cursor.executemany(sql.UPSERT_TASK, prepared.tasks)
        pairs = list(zip(prepared.batch.versions, prepared.versions, strict=True))
        links = prepared.links
        owners: dict[str, ArtifactVersion] = {}
        if known:
            owners = _owners(database, cursor, prepared.batch)
            ids = {
                draft.version.id: owners[draft.idempotency_key].id
                for draft in prepared.batch.versions
            }
            pairs = [pair for pair in pairs if owners[pair[0].idempotency_key] is pair[0].version]
            links = [(*row[:8], ids.get(row[8], row[8]), row[9]) for row in links]
        committed = _insert_versions(cursor, kinds, learned, pairs)
        if links:
            cursor.executemany(sql.INSERT_LINK, links)
        failpoint("commit.inside")
    kinds.update(learned)
    if not known:
        return tuple(committed)
    new = {version.id: version for version in committed}
    standing = (owners[draft.idempotency_key] for draft in prepared.batch.versions)
    return tuple(new.get(version.id, version) for version in standing)


def _owners(database: Database, cursor: sqlite3.Cursor, batch: Batch) -> dict[str, ArtifactVersion]:
    """Return which version each idempotency key stands for.

    That is the committed one; a draft (number 0) when the key is new, the
    first one when drafts share it.
    """
    owners: dict[str, ArtifactVersion] = {}
    for draft in batch.versions:
        key, version = draft.idempotency_key, draft.version
        owner = owners.get(key)
        if owner is None:
            # A key that is the id of its draft is not kept a second time.
            text = sql.VERSION_BY_ID if key == version.id else sql.VERSION_BY_KEY
            found = cursor.execute(text, (key,)).fetchall()
            known = rows.records(found, rows.version_record, database.path)
            owner = owners[key] = known[0] if known else version
        if owner.content_hash != version.content_hash:
            raise IdempotencyConflictError(
                f"idempotency key {key!r} of artifact {version.artifact!r} was used for "
                f"{owner.content_hash!r} and now for {version.content_hash!r}",
                hint="the first version stays and nothing was written; use a new key",
                idempotency_key=key,
                artifact=version.artifact,
            )
    return owners


def _insert_versions(
    cursor: sqlite3.Cursor,
    kinds: Mapping[tuple[str, str, str], int],
    learned: Kinds,
    pairs: list[tuple[VersionDraft, rows.Row]],
) -> list[ArtifactVersion]:
    numbers = _take_numbers(cursor, pairs)
    committed = []
    full_rows = []
    for draft, row in pairs:
        version = draft.version
        kind = (version.project, version.artifact_type, version.data_type)
        kind_id = kinds.get(kind) or learned.get(kind)
        if kind_id is None:
            kind_id = learned[kind] = cursor.execute(sql.KIND, kind).fetchone()[0]
        place = numbers[version.project, version.artifact]
        full_rows.append((place[0], place[1], kind_id, *row))
        committed.append(rows.numbered(version, place[1]))
        place[1] += 1
    if full_rows:
        cursor.executemany(sql.INSERT_VERSION, full_rows)
    for version in committed:
        if version.tags:
            cursor.executemany(sql.ADD_TAG, [(tag, version.id) for tag in version.tags])
        if version.aliases:
            take_aliases(cursor, version.id, version.aliases)
    return committed


def _take_numbers(
    cursor: sqlite3.Cursor, pairs: list[tuple[VersionDraft, rows.Row]]
) -> dict[tuple[str, str], list[int]]:
    """Return artifact id and next free number of each artifact, counters advanced."""
    wanted: dict[tuple[str, str], int] = {}
    for draft, _ in pairs:
        name = (draft.version.project, draft.version.artifact)
        wanted[name] = wanted.get(name, 0) + 1
    numbers = {}
    for name, count in wanted.items():
        found = cursor.execute(sql.NEXT_NUMBERS, (*name, count + 1)).fetchone()
        numbers[name] = [found[0], found[1] - count]
    return numbers


def _conflict(
    database: Database, batch: Batch, error: sqlite3.IntegrityError
) -> LineageConflictError:
    """Say which record is missing or contradicts another one; nothing was written."""
    facts: dict[str, Any] = {"reason": str(error)}
    what = f"a record contradicts the ledger: {error}"
    if error.sqlite_errorname == "SQLITE_CONSTRAINT_FOREIGNKEY":
        what = "a record names another one that is not in the ledger"
        missing = _missing(database, batch)
        if missing:
            what = f"the ledger has no {missing[0]} {missing[1]!r}, which a record names"
            facts["missing"] = missing
    return LineageConflictError(what, hint="nothing was written", **facts)


def _missing(database: Database, batch: Batch) -> tuple[str, str] | None:
    named: dict[str, set[str | None]] = {
        "version": {link.version_id for link in batch.links},
        "task": {link.task_id for link in batch.links}
        | {draft.version.task_id for draft in batch.versions}
        | {task.parent_id for task in batch.tasks},
        "run": {link.run_id for link in batch.links}
        | {draft.version.run_id for draft in batch.versions}
        | {task.run_id for task in batch.tasks},
    }
    own: dict[str, set[str | None]] = {
        "version": {draft.version.id for draft in batch.versions},
        "task": {task.id for task in batch.tasks},
        "run": {run.id for run in batch.runs},
    }
    for table, ids in named.items():
        for one in sorted(one for one in ids - own[table] if one is not None):
            if not database.read(_EXISTS[table], (one,)):
                return table, one
    return None
