"""Replay and drop: what people do with rows, in transactions of a bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from artifact_plugins.ledger.database import Cursor, Database, repeat
from artifact_plugins.ledger.outbox.claims import settle
from artifact_plugins.ledger.outbox.clock import moment, own_moment
from artifact_plugins.records import OutboxState

_CHUNK = 500
# The last is what a clock that was set back, or a hand in the tables, leaves.
_IS_NOT_DUE = """backend_id = {place} AND (state != 'PENDING' OR next_at IS NOT NULL
    OR NOT EXISTS (SELECT 1 FROM outbox_claim WHERE outbox_claim.stream = outbox.stream
    AND outbox_claim.backend_id = outbox.backend_id AND outbox_claim.due_at <= {now}))"""
_OF_STATE = {
    OutboxState.PENDING: "backend_id = {place} AND state = 'PENDING'",
    OutboxState.DEAD: "backend_id = {place} AND state != 'PENDING'",
    None: "backend_id = {place}",
}
# Of rows, by number, and of streams; see `_chunks`.
Chunk = tuple[list[tuple[int]], list[str]]


def replay(database: Database, backend_id: int, seqs: Sequence[int] | None) -> int:
    """Make dead rows pending and let nothing wait; see `Outbox.replay`."""
    sql = database.outbox_sql

    def revive(cursor: Cursor, rows: list[tuple[int]], streams: list[str]) -> int:
        places = [(stream, backend_id) for stream in streams]
        due_at = own_moment()
        cursor.executemany(sql.PUT_CLAIM, [(*place, due_at) for place in places])
        cursor.executemany(sql.REVIVE, rows)
        count = cursor.rowcount
        cursor.executemany(sql.DO_NOT_WAIT, rows)
        now = moment(database, cursor)
        cursor.executemany(sql.WAKE_CLAIM, [(now, *place, now) for place in places])
        return count

    condition = _IS_NOT_DUE.format(place="{place}", now=own_moment())
    return _each_chunk(database, _chunks(database, backend_id, seqs, condition), revive)


def drop(
    database: Database,
    backend_id: int,
    seqs: Sequence[int] | None,
    state: OutboxState | None,
) -> int:
    """Remove rows undelivered; see `Outbox.drop`."""
    sql = database.outbox_sql
    text = {
        OutboxState.PENDING: sql.DELETE_PENDING,
        OutboxState.DEAD: sql.DELETE_DEAD,
        None: sql.DELETE_ROW,
    }[state]

    def remove(cursor: Cursor, rows: list[tuple[int]], streams: list[str]) -> int:
        free = []
        for stream in streams:
            found = cursor.execute(sql.LOCK_CLAIM, (stream, backend_id)).fetchone()
            if found is not None and found[0] is None:
                free.append(stream)
        cursor.executemany(text, rows)
        count = cursor.rowcount
        # Whoever holds one of the others settles it when it is released.
        settle(database, cursor, backend_id, free, moment(database, cursor))
        return count

    return _each_chunk(database, _chunks(database, backend_id, seqs, _OF_STATE[state]), remove)


def _each_chunk(
    database: Database,
    chunks: Iterator[Chunk],
    work: Callable[[Cursor, list[tuple[int]], list[str]], int],
) -> int:
    def one(chunk: Chunk) -> int:
        with database.transaction() as cursor:
            return work(cursor, *chunk)

    def keyed(chunk: Chunk) -> int:
        return repeat(database, lambda: one(chunk), is_keyed=True)

    return sum(keyed(chunk) for chunk in chunks)


def _chunks(
    database: Database, backend_id: int, seqs: Sequence[int] | None, condition: str
) -> Iterator[Chunk]:
    """Yield the rows that a condition holds for, a few hundred at once, and their streams."""
    sql = database.sql
    where = condition.format(place=sql.places(1))
    if seqs is not None:
        wanted = sorted(set(seqs))
        for start in range(0, len(wanted), _CHUNK):
            some = wanted[start : start + _CHUNK]
            text = (
                f"SELECT seq, stream FROM outbox WHERE {where} AND seq IN ({sql.places(len(some))})"  # noqa: S608  # places
            )
            yield from _chunk(database.read(text, (backend_id, *some)))
        return
    after = 0
    text = (
        f"SELECT seq, stream FROM outbox WHERE {where} AND seq > {sql.places(1)} "  # noqa: S608  # places
        f"ORDER BY seq LIMIT {_CHUNK}"
    )
    while found := database.read(text, (backend_id, after)):
        yield from _chunk(found)
        after = found[-1][0]


def _chunk(found: list[tuple[Any, ...]]) -> Iterator[Chunk]:
    if found:
        yield [(row[0],) for row in found], sorted({row[1] for row in found})
