"""Who delivers which stream, and until when: leases that several processes share."""

from __future__ import annotations

from datetime import datetime

from artifact_plugins.ledger.database import Cursor, Database, repeat
from artifact_plugins.ledger.outbox.clock import (
    farthest,
    microseconds,
    moment,
    on_this_clock,
    own_moment,
)

# Streams whose claims turn out to be of no use are tidied away while others are
# looked for; more of them wait for the next call.
_MOST_ROUNDS = 20


def claim(
    database: Database, backend_id: int, *, owner: str, lease_seconds: float, limit: int
) -> tuple[str, ...]:
    """Take streams that are due and that nobody has; see `Outbox.claim`."""
    if limit < 1 or not _is_due(database, backend_id):
        return ()  # without a lock that others might wait for
    return repeat(
        database,
        lambda: _claim(database, backend_id, owner, microseconds(lease_seconds), limit),
        is_keyed=True,
    )


def extend(
    database: Database, backend_id: int, stream: str, *, owner: str, lease_seconds: float
) -> bool:
    """Hold a stream for longer; see `Outbox.extend`."""

    def work() -> bool:
        with database.transaction(durable=False) as cursor:
            until = moment(database, cursor) + microseconds(lease_seconds)
            values = (until, stream, backend_id, owner)
            cursor.execute(database.outbox_sql.EXTEND_CLAIM, values)
            return cursor.rowcount > 0

    return repeat(database, work, is_keyed=True)


def holders(database: Database, backend_id: int) -> dict[str, str]:
    """Return who has which stream; see `Outbox.holders`."""
    return dict(database.read(database.outbox_sql.HOLDERS, (backend_id, own_moment())))


def shorten(
    database: Database, backend_id: int, stream: str, *, owner: str, lease_seconds: float
) -> None:
    """Have a lease end sooner; see `Outbox.shorten`."""

    def work() -> None:
        with database.transaction(durable=False) as cursor:
            until = moment(database, cursor) + microseconds(lease_seconds)
            values = (until, stream, backend_id, owner, until)
            cursor.execute(database.outbox_sql.SHORTEN_CLAIM, values)

    repeat(database, work, is_keyed=True)


def release(database: Database, backend_id: int, stream: str, *, owner: str) -> None:
    """Give a stream back; see `Outbox.release`."""

    def work() -> None:
        with database.transaction(durable=False) as cursor:
            values = (stream, backend_id)
            found = cursor.execute(database.outbox_sql.LOCK_CLAIM, values).fetchone()
            if found is not None and found[0] == owner:
                settle(database, cursor, backend_id, [stream], moment(database, cursor))

    repeat(database, work, is_keyed=True)


def next_due(database: Database, backend_id: int) -> datetime | None:
    """Return when a stream can be claimed next; see `Outbox.next_due`."""
    found = _next_due(database, backend_id)
    return None if found is None else on_this_clock(*found)


def settle(
    database: Database, cursor: Cursor, backend_id: int, streams: list[str], now: int
) -> list[str]:
    """Look at the first rows of streams whose claims this transaction has.

    A claim without rows goes; one whose first row must wait is due then; the
    others are due since their first rows are there. A row that is to wait for
    longer than any does was postponed by a clock that was fast, and is due.

    Returns:
        The streams whose first rows are due.
    """
    sql = database.outbox_sql
    asked = [(stream, backend_id) for stream in streams]
    due = []
    for place, head in zip(asked, database.each(cursor, sql.HEAD, asked), strict=True):
        count, next_at, created_at = head
        if not count:
            cursor.execute(sql.DELETE_CLAIM, place)
        elif isinstance(next_at, int) and now < next_at <= farthest(now):
            cursor.execute(sql.SET_CLAIM, (None, next_at, *place))
        else:
            # A damaged time is no time to wait for.
            since = next_at if isinstance(next_at, int) else created_at
            since = min(since, now) if isinstance(since, int) else now
            cursor.execute(sql.SET_CLAIM, (None, since, *place))
            due.append(place[0])
    return due


def _is_due(database: Database, backend_id: int) -> bool:
    found = _next_due(database, backend_id)
    return found is not None and found[0] <= found[1]


def _next_due(database: Database, backend_id: int) -> tuple[int, int] | None:
    """Return when a stream is due, and what time it is, both by the clock of the ledger."""
    sql = database.outbox_sql
    found = database.read(sql.NEXT_DUE, (backend_id,))
    if not found:
        return None
    due_at, now = found[0][0], found[0][1] or own_moment()
    if due_at > now:
        last = database.read(sql.LAST_DUE, (backend_id,))
        if last and last[0][0] > farthest(now):
            due_at = now
    return due_at, now


def _claim(
    database: Database, backend_id: int, owner: str, lease: int, limit: int
) -> tuple[str, ...]:
    sql = database.outbox_sql
    taken: list[str] = []
    with database.transaction(durable=False) as cursor:
        now = moment(database, cursor)
        # Held ones too, for a lease more: their holder may live, and extends them.
        cursor.execute(sql.BRING_NEAR, (now, now + lease, backend_id, farthest(now)))
        for _ in range(_MOST_ROUNDS):
            values = (backend_id, now, limit - len(taken))
            found = [row[0] for row in cursor.execute(sql.DUE_STREAMS, values).fetchall()]
            if not found:
                break
            # Look at the rows after the claims are locked: whoever wrote one has
            # committed by now, or waits for us.
            due = settle(database, cursor, backend_id, found, now)
            cursor.executemany(
                sql.SET_CLAIM, [(owner, now + lease, stream, backend_id) for stream in due]
            )
            taken += due
            if len(taken) >= limit:
                break
    return tuple(taken)
