"""Which task made the results of a cached call."""

from __future__ import annotations

import json

from artifact_plugins.errors import CacheEntryTakenError
from artifact_plugins.ledger.database import Cursor, Database, Row, Sql
from artifact_plugins.records import CacheEntry


def entry_of(database: Database, key: str) -> CacheEntry | None:
    """Return the entry of a key; see `Ledger.cache_entry`."""
    found = database.read(database.sql.CACHE_ENTRY, (key,))
    return _entry(found[0]) if found else None


def earlier(database: Database, step: str, before: str, limit: int) -> tuple[CacheEntry, ...]:
    """Return the entries of a step before a task, newest first."""
    found = database.read(database.sql.EARLIER_CACHE_ENTRIES, (step, before, limit))
    return tuple(_entry(row) for row in found)


def add_entry(cursor: Cursor, sql: Sql, entry: CacheEntry) -> None:
    """Write an entry inside a transaction.

    Raises:
        CacheEntryTakenError: Another task has the key and is not the one to replace.
    """
    parts = json.dumps(entry.parts, sort_keys=True)
    cursor.execute(sql.ADD_CACHE_ENTRY, (entry.key, entry.task_id, entry.step, parts))
    if cursor.rowcount == 1:
        return
    if entry.replaces is not None:
        cursor.execute(sql.MOVE_CACHE_ENTRY, (entry.task_id, parts, entry.key, entry.replaces))
        if cursor.rowcount == 1:
            return
    raise CacheEntryTakenError(
        f"another task made the results of step {entry.step!r} with the same key first",
        hint="nothing was written; use its results",
        key=entry.key,
    )


def _entry(row: Row) -> CacheEntry:
    key, task_id, step, parts = row
    return CacheEntry(key, task_id, step, json.loads(parts))
