"""Which rows a commit or an edit leaves in the outbox; they are written in its transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias

from artifact_plugins.ledger.database import Cursor, Database, Sql
from artifact_plugins.ledger.outbox.clock import own_moment
from artifact_plugins.records import ArtifactVersion, Batch, version_stream

# Stream, kind, id of the record, and whether nobody can have sent it before.
Change: TypeAlias = "tuple[str, str, str, bool]"
_FEW = 4


def changes_of(batch: Batch) -> list[Change]:
    """Return what a commit changes, in the order in which a backend must hear of it.

    A task stands for the versions and links that come with it.
    """
    tasks = {task.id for task in batch.tasks}
    changes = [(run.id, "run", run.id, True) for run in batch.runs]
    changes += [(task.run_id, "task", task.id, True) for task in batch.tasks]
    for draft in batch.versions:
        version = draft.version
        if version.task_id not in tasks:
            stream = version_stream(version.run_id, version.project, version.artifact)
            changes.append((stream, "version", version.id, True))
    changes += [
        (link.run_id, "task", link.task_id, False)
        for link in batch.links
        if link.task_id not in tasks
    ]
    return list(dict.fromkeys(changes)) if len(changes) > 1 else changes


def without_known(changes: list[Change], committed: Iterable[ArtifactVersion]) -> list[Change]:
    """Leave out the drafts that turned out to be versions of an earlier commit."""
    new = {version.id for version in committed}
    return [one for one in changes if one[1] != "version" or one[2] in new]


def note_edits(database: Database, cursor: Cursor, version_ids: Iterable[str]) -> None:
    """Leave rows for versions that an edit changes, as the last thing of its transaction."""
    if database.backends:
        put(database, cursor, edits_of(database, cursor, version_ids), database.backends)


def note_rename(database: Database, cursor: Cursor, project: str, artifact: str) -> None:
    """Leave rows for every version of an artifact that has another name now."""
    if not database.backends:
        return
    text = database.outbox_sql.VERSIONS_OF_ARTIFACT
    found = cursor.execute(text, (project, artifact)).fetchall()
    changes = [
        (version_stream(run_id, project, artifact), "version", version_id, False)
        for version_id, run_id in found
    ]
    put(database, cursor, changes, database.backends)


def edits_of(database: Database, cursor: Cursor, version_ids: Iterable[str]) -> list[Change]:
    """Return the changes of versions that are there."""
    text = database.outbox_sql.STREAM_OF_VERSION
    changes = []
    for version_id in dict.fromkeys(version_ids):
        run_id, project, artifact = cursor.execute(text, (version_id,)).fetchone()
        changes.append((version_stream(run_id, project, artifact), "version", version_id, False))
    return changes


def put(
    database: Database, cursor: Cursor, changes: Sequence[Change], backends: Sequence[int]
) -> None:
    """Write rows inside a transaction; a record that waits already gets a generation more.

    Args:
        database: Whose outbox.
        cursor: Of a transaction that takes no other rows after this.
        changes: In the order of delivery.
        backends: Sorted ids.
    """
    if not changes:
        return
    sql = database.outbox_sql
    moment = own_moment()
    streams = sorted({change[0] for change in changes})
    if database.dialect_name == "postgresql" and len(changes) > _FEW:
        # Column by column, in as many statements as there are tables.
        cursor.executemany(
            sql.PUT_CLAIM, [(stream, one, moment) for stream in streams for one in backends]
        )
        rows = [
            (record_id, kind, one, stream, is_first, moment)
            for stream, kind, record_id, is_first in changes
            for one in backends
        ]
        cursor.executemany(sql.PUT_ROW, rows)
        return
    # One statement for all backends costs less than half of one for each.
    claims = _for_each(database.sql, sql.PUT_CLAIM, 1, tuple(backends))
    for stream in streams:
        cursor.execute(claims, {"v0": stream, "v2": moment})
    text = _for_each(database.sql, sql.PUT_ROW, 2, tuple(backends))
    for stream, kind, record_id, is_first in changes:
        values = {"v0": record_id, "v1": kind, "v3": stream, "v4": is_first, "v5": moment}
        cursor.execute(text, values)


@lru_cache(maxsize=64)
def _for_each(own: Sql, text: str, place: int, backends: tuple[int, ...]) -> str:
    """Make the INSERT of one row one of a row for each backend.

    Args:
        own: How values are named in this SQL.
        text: With places for its values.
        place: 0-based, of the id of the backend among them; it is in the text
            afterwards. The others have names by their places: `v0`, `v1`.
        backends: Their ids.
    """
    start, _, rest = " ".join(text.split()).partition(" VALUES ")
    row, _, end = rest.partition(" ON CONFLICT ")
    parts = row.split(own.places(1))
    named = [own.place(f"v{number}") for number in range(len(parts) - 1)]

    def row_of(backend: int) -> str:
        values = [*named[:place], str(backend), *named[place + 1 :], ""]
        return "".join(part + value for part, value in zip(parts, values, strict=True))

    return f"{start} VALUES {', '.join(map(row_of, backends))} ON CONFLICT {end}"
