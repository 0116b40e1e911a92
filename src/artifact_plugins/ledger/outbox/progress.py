"""What became of a row: begun, done, postponed, given up."""

from __future__ import annotations

from collections.abc import Sequence

from artifact_plugins.ledger.database import Cursor, Database, repeat
from artifact_plugins.ledger.outbox.clock import LONGEST_PAUSE_SECONDS, microseconds, moment
from artifact_plugins.records import OutboxRow


def begin(database: Database, rows: Sequence[OutboxRow]) -> None:
    """Count a try for each row; see `Outbox.begin`."""

    def work() -> None:
        # As durable as a save: after a power cut it must be known that
        # something may have been sent.
        with database.transaction() as cursor:
            _lock(database, cursor, rows)
            cursor.executemany(database.outbox_sql.BEGIN_ROW, [(row.seq,) for row in rows])

    if rows:
        repeat(database, work, is_keyed=True)


def done(database: Database, row: OutboxRow) -> bool:
    """Remove a row that was delivered; see `Outbox.done`."""
    sql = database.outbox_sql

    def work() -> bool:
        with database.transaction(durable=False) as cursor:
            cursor.execute(sql.DELETE_DONE, (row.seq, row.generation))
            if cursor.rowcount:
                return True
            cursor.execute(sql.SENT_BEFORE, (row.seq,))
            return cursor.rowcount == 0  # somebody else removed it

    return repeat(database, work, is_keyed=True)


def postpone(
    database: Database, row: OutboxRow, *, seconds: float, error: str, counts: bool
) -> None:
    """Let a row wait; see `Outbox.postpone`."""
    back = 0 if counts else 1
    pause = microseconds(min(seconds, LONGEST_PAUSE_SECONDS))

    def work() -> None:
        with database.transaction(durable=False) as cursor:
            next_at = moment(database, cursor) + pause
            values = (back, back, next_at, error, row.seq)
            cursor.execute(database.outbox_sql.POSTPONE, values)

    repeat(database, work, is_keyed=True)


def give_back(database: Database, rows: Sequence[OutboxRow]) -> None:
    """Take back the try of rows that were not sent; see `Outbox.give_back`."""

    def work() -> None:
        with database.transaction(durable=False) as cursor:
            _lock(database, cursor, rows)
            now = moment(database, cursor)
            values = [(1, 1, now, row.error or "", row.seq) for row in rows]
            cursor.executemany(database.outbox_sql.POSTPONE, values)

    if rows:
        repeat(database, work, is_keyed=True)


def bury(database: Database, row: OutboxRow, *, error: str) -> None:
    """Give a row up; see `Outbox.bury`."""

    def work() -> None:
        with database.transaction(durable=False) as cursor:
            cursor.execute(database.outbox_sql.BURY, (error, row.seq, row.generation))

    repeat(database, work, is_keyed=True)


def _lock(database: Database, cursor: Cursor, rows: Sequence[OutboxRow]) -> None:
    if len(rows) > 1:  # see the order of locks
        for place in sorted({(row.stream, row.backend_id) for row in rows}):
            cursor.execute(database.outbox_sql.LOCK_CLAIM, place)
