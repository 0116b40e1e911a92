"""Rows of the outbox: of a stream, of a record, by pages; and how many there are."""

from __future__ import annotations

from typing import Any

from artifact_plugins.ledger.database import Database
from artifact_plugins.ledger.outbox.claims import next_due
from artifact_plugins.ledger.outbox.decoding import read_rows
from artifact_plugins.ledger.pages import check_limit
from artifact_plugins.ledger.rows import from_time
from artifact_plugins.records import OutboxCount, OutboxRow, OutboxState

_IS_STATE = {OutboxState.PENDING: "state = 'PENDING'", OutboxState.DEAD: "state != 'PENDING'"}


def of_stream(
    database: Database, backend_id: int, stream: str, limit: int
) -> tuple[OutboxRow, ...]:
    """Return the first pending rows of a stream; see `Outbox.rows`."""
    values = (stream, backend_id, check_limit(limit))
    found = read_rows(database, database.outbox_sql.ROWS_OF_STREAM, values)
    return tuple(row for row in found if row.state is OutboxState.PENDING)


def of_record(database: Database, backend_id: int, kind: str, record_id: str) -> OutboxRow | None:
    """Return the row of a record; see `Outbox.row`."""
    found = read_rows(database, database.outbox_sql.ROW, (record_id, kind, backend_id))
    return found[0] if found else None


def page(
    database: Database,
    backend_id: int | None,
    *,
    stream: str | None,
    state: OutboxState | None,
    after: int,
    limit: int,
) -> tuple[OutboxRow, ...]:
    """Return a page of rows by their numbers; see `Outbox.page`."""
    place = database.sql.places(1)
    conditions = [f"seq > {place}"]
    values: list[Any] = [after]
    if backend_id is not None:
        conditions.append(f"backend_id = {place}")
        values.append(backend_id)
    if stream is not None:
        conditions.append(f"stream = {place}")
        values.append(stream)
    if state is not None:
        conditions.append(_IS_STATE[state])
    values.append(check_limit(limit))
    text = f"{database.outbox_sql.ROWS} WHERE {' AND '.join(conditions)} ORDER BY seq LIMIT {place}"
    found = read_rows(database, text, values)
    return tuple(row for row in found if state is None or row.state is state)


def counts(database: Database) -> tuple[OutboxCount, ...]:
    """Return how much waits for each backend; see `Outbox.counts`."""
    return tuple(
        OutboxCount(
            backend_id,
            pending,
            dead,
            from_time(oldest_at) if isinstance(oldest_at, int) else None,
            next_due(database, backend_id) if pending else None,
        )
        for backend_id, pending, dead, oldest_at in database.read(database.outbox_sql.COUNTS)
    )
