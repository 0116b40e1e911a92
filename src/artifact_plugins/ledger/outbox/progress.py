"""What became of a row: begun, done, postponed, given up."""

from __future__ import annotations

from collections.abc import Sequence

from artifact_plugins.ledger.database import Database, repeat
from artifact_plugins.ledger.outbox.clock import microseconds, moment
from artifact_plugins.records import OutboxRow


def begin(database: Database, rows: Sequence[OutboxRow]) -> None:
    """Count a try for each row; see `Outbox.begin`."""
    sql = database.outbox_sql
    places = sorted({(row.stream, row.backend_id) for row in rows})

    def work() -> None:
        # As durable as a save: after a power cut it must be known that
        # something may have been sent.
        with database.transaction() as cursor:
            if len(rows) > 1:  # see the order of locks
                for place in places:
                    cursor.execute(sql.LOCK_CLAIM, place)
            cursor.executemany(sql.BEGIN_ROW, [(row.seq,) for row in rows])

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

    def work() -> None:
        with database.transaction(durable=False) as cursor:
            next_at = moment(database, cursor) + microseconds(seconds)
            values = (back, back, next_at, error, row.seq)
            cursor.execute(database.outbox_sql.POSTPONE, values)

    repeat(database, work, is_keyed=True)


def bury(database: Database, row: OutboxRow, *, error: str) -> None:
    """Give a row up; see `Outbox.bury`."""

    def work() -> None:
        with database.transaction(durable=False) as cursor:
            cursor.execute(database.outbox_sql.BURY, (error, row.seq, row.generation))

    repeat(database, work, is_keyed=True)
