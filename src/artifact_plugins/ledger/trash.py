"""Deleted versions: out of every listing, restorable until their bytes are collected.

A deleted version keeps its row. Its tags and aliases leave their tables, so
that others may use them, and stay in its own columns for its return.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from artifact_plugins.ledger import rows
from artifact_plugins.ledger.database import Cursor, Database, Row, Sql, repeat, repeatable
from artifact_plugins.ledger.deleted import deleted_error
from artifact_plugins.ledger.edits import holder_of, version_in, write_aliases
from artifact_plugins.ledger.liveness import CHUNK, Hold, HoldKind, Retention, holds
from artifact_plugins.ledger.outbox.changes import note_edits
from artifact_plugins.ledger.pages import check_limit, page, read_token
from artifact_plugins.records import ArtifactVersion, Page, new_id, now

State: TypeAlias = Literal["live", "deleted", "collected", "aborted"]

_STATES = "SELECT id, deleted_at, collected_at FROM version WHERE id IN ({places})"
_ARTIFACTS_OF = """SELECT artifact.project, artifact.name, min(version.id) FROM version
    JOIN artifact ON artifact.id = version.artifact_id WHERE version.id IN ({places})
    GROUP BY artifact.project, artifact.name"""
_ABORTED = "SELECT id FROM aborted_version WHERE id IN ({places})"


@dataclass(frozen=True, slots=True)
class Deletion:
    """What became of versions that were to be deleted.

    Attributes:
        deleted: Records of those that are in the trash now.
        held: What holds the others, by version id.
        gone: Ids of those that somebody else deleted before.
    """

    deleted: tuple[ArtifactVersion, ...]
    held: dict[str, tuple[Hold, ...]]
    gone: tuple[str, ...] = ()


@repeatable
def delete(
    database: Database,
    ids: Sequence[str],
    retention: Retention,
    released: frozenset[HoldKind],
) -> Deletion:
    """Put versions that nothing holds into the trash; see `Ledger.delete_versions`."""
    sql = database.sql
    deleted: list[ArtifactVersion] = []
    held: dict[str, tuple[Hold, ...]] = {}
    gone: list[str] = []
    with database.transaction() as cursor:

        def read(text: str, values: Sequence[Any]) -> list[Row]:
            found: list[Row] = cursor.execute(text, values).fetchall()
            return found

        # In the order of commits: who waits for an artifact holds none that comes later.
        text = _ARTIFACTS_OF.format(places=sql.places(len(ids)))
        for _, _, version_id in sorted(read(text, ids) if ids else ()):
            cursor.execute(sql.LOCK_ARTIFACT, (version_id,))
        for version_id in dict.fromkeys(ids):
            version = version_in(database, cursor, version_id, deleted_too=True)
            if version.deleted_at is not None:
                gone.append(version_id)
                continue
            # One by one: deleting the first may leave the second among the newest.
            found = holds(sql, read, [version], retention, released=released)[version_id]
            if found:
                held[version_id] = found
            else:
                deleted.append(_delete(cursor, sql, version))
        note_edits(database, cursor, [version.id for version in deleted])
    return Deletion(tuple(deleted), held, tuple(gone))


@repeatable
def restore(database: Database, version_id: str) -> tuple[ArtifactVersion, dict[str, str]]:
    """Bring a version back; see `Ledger.restore_version`."""
    sql = database.sql
    with database.transaction() as cursor:
        cursor.execute(sql.LOCK_ARTIFACT, (version_id,))
        version = version_in(database, cursor, version_id, deleted_too=True)
        if version.deleted_at is None:
            return version, {}
        if version.collected_at is not None:
            raise deleted_error(version)
        moment = rows.to_time(now())
        cursor.execute(sql.RESTORE_VERSION, (moment, version_id))
        cursor.execute(sql.COUNT_DELETED, (-1, version_id))
        cursor.executemany(sql.ADD_TAG, [(tag, version_id) for tag in version.tags])
        elsewhere: dict[str, str] = {}
        for alias in version.aliases:
            holder = holder_of(cursor, sql, version_id, alias)
            if holder is None:
                cursor.execute(sql.SET_ALIAS, (alias, version_id))
            else:
                elsewhere[alias] = holder
        kept = [alias for alias in version.aliases if alias not in elsewhere]
        write_aliases(cursor, sql, version_id, kept, moment)
        note_edits(database, cursor, (version_id,))
        return version_in(database, cursor, version_id), elsewhere


def listing(
    database: Database, project: str | None, limit: int, token: str | None
) -> Page[ArtifactVersion]:
    """Return a page of the trash, what was deleted last first; see `Ledger.trash`."""
    sql = database.sql
    values: dict[str, Any] = {"limit": check_limit(limit) + 1}
    conditions = ["version.deleted_at IS NOT NULL AND version.collected_at IS NULL"]
    if project is not None:
        # Not the bare column: SQLite would walk through the project by its index
        # and look at every version, instead of at those in the trash.
        conditions.append(f"coalesce(artifact.project, '') = {sql.place('project')}")
        values["project"] = project
    if token is not None:
        values["at"], values["after"] = read_token(token, "trash", (int, int))
        start = f"({sql.place('at')}, {sql.place('after')})"
        conditions.append(f"(version.deleted_at, version.seq) < {start}")
    text = (
        f"{sql.VERSIONS} WHERE {' AND '.join(conditions)} "
        f"ORDER BY version.deleted_at DESC, version.seq DESC LIMIT {sql.place('limit')}"
    )
    deleted_at = sql.SEQ - 2  # of the record's columns: see `statements`
    return page(
        database.read(text, values),
        limit,
        listing="trash",
        key=lambda row: (row[deleted_at], row[sql.SEQ]),
        build=lambda found: rows.records(found, rows.version_record, database.path),
    )


def overdue(database: Database, deleted_before: datetime) -> list[tuple[str, int]]:
    """Return what `collect` would give up; see `Ledger.overdue`."""
    found = database.read(database.sql.OVERDUE, (rows.to_time(deleted_before),))
    return [(version_id, size_bytes) for version_id, size_bytes, _ in found]


def collect(database: Database, deleted_before: datetime) -> Iterator[tuple[str, int]]:
    """Give up what was deleted before a moment; see `Ledger.collect_deleted`."""
    limit = rows.to_time(deleted_before)
    assert limit is not None
    overdue = database.read(database.sql.OVERDUE, (limit,))
    for start in range(0, len(overdue), CHUNK):
        yield from _collect(database, overdue[start : start + CHUNK], limit)


def states(database: Database, ids: Sequence[str]) -> dict[str, State]:
    """Tell what the ledger knows of ids; those it never heard of are left out."""
    found: dict[str, State] = {}
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        places = database.sql.places(len(some))
        for (version_id,) in database.read(_ABORTED.format(places=places), some):
            found[version_id] = "aborted"
        for version_id, deleted_at, collected_at in database.read(
            _STATES.format(places=places), some
        ):
            if collected_at is not None:
                found[version_id] = "collected"
            else:
                found[version_id] = "live" if deleted_at is None else "deleted"
    return found


@repeatable
def abort(database: Database, ids: Sequence[str]) -> frozenset[str]:
    """Forbid commits of saves that are not committed; see `Ledger.abort_saves`."""
    sql = database.sql
    aborted = set(ids)
    with database.transaction() as cursor:
        cursor.execute(sql.KEEP_WRITERS_OUT)
        for start in range(0, len(ids), CHUNK):
            some = ids[start : start + CHUNK]
            text = _STATES.format(places=sql.places(len(some)))
            aborted.difference_update(row[0] for row in cursor.execute(text, some).fetchall())
        moment = rows.to_time(now())
        cursor.executemany(sql.ABORT, [(version_id, moment) for version_id in sorted(aborted)])
    return frozenset(aborted)


def identity(database: Database) -> str | None:
    """Return the id of this ledger; see `Ledger.identity`."""
    if database.path == ":memory:":
        return None
    found = database.read(database.sql.LEDGER_ID)
    if not found and not database.is_read_only:
        _make_identity(database)
        found = database.read(database.sql.LEDGER_ID)
    return found[0][0] if found else None


def _make_identity(database: Database) -> None:
    def make() -> None:
        with database.transaction() as cursor:
            cursor.execute(database.sql.SET_LEDGER_ID, (1, new_id()))

    # The first id stays, so a commit whose answer was lost may be repeated.
    repeat(database, make, is_keyed=True)


@repeatable
def _collect(database: Database, overdue: Sequence[Row], limit: int) -> list[tuple[str, int]]:
    """Whoever restores a version first keeps it: both change the same row."""
    given_up = []
    with database.transaction() as cursor:
        for version_id, _, record_bytes in overdue:
            values = (rows.to_time(now()), version_id, limit)
            if cursor.execute(database.sql.COLLECT_VERSION, values).rowcount:
                given_up.append((version_id, record_bytes))
        note_edits(database, cursor, [version_id for version_id, _ in given_up])
    return given_up


def _delete(cursor: Cursor, sql: Sql, version: ArtifactVersion) -> ArtifactVersion:
    moment = now()
    cursor.execute(sql.DELETE_VERSION, (rows.to_time(moment), version.id))
    cursor.execute(sql.COUNT_DELETED, (1, version.id))
    cursor.executemany(sql.REMOVE_TAG, [(tag, version.id) for tag in version.tags])
    cursor.executemany(
        sql.REMOVE_OWN_ALIAS, [(alias, version.id, version.id) for alias in version.aliases]
    )
    return version.model_copy(update={"deleted_at": moment})
