"""The one clock of everybody's leases: that of the server, or of the machine that has the file."""

from __future__ import annotations

from datetime import datetime, timedelta

from artifact_plugins.ledger.database import Cursor, Database
from artifact_plugins.ledger.rows import to_time
from artifact_plugins.records import now

LONGEST_PAUSE_SECONDS = 600.0
_SLACK_SECONDS = 60.0


def moment(database: Database, cursor: Cursor) -> int:
    """Return the time inside a transaction: microseconds since 1970."""
    if database.dialect_name == "sqlite":
        return own_moment()
    found: int = cursor.execute(database.outbox_sql.CLOCK).fetchone()[0]
    return found


def own_moment() -> int:
    """Return the time of this machine: microseconds since 1970."""
    moment = to_time(now())
    assert moment is not None
    return moment


def farthest(now: int) -> int:
    """Return the last moment that anything waits for: what lies behind it was written by a fast clock."""
    return now + microseconds(LONGEST_PAUSE_SECONDS + _SLACK_SECONDS)


def microseconds(seconds: float) -> int:
    """Return a duration as the columns of the outbox count."""
    return int(seconds * 1_000_000)


def on_this_clock(due_at: int, ledger_now: int) -> datetime:
    """Return a time of the ledger's clock on this machine's, however far they are apart."""
    return now() + timedelta(microseconds=due_at - ledger_now)
