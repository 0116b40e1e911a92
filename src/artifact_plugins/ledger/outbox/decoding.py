"""Rows of the outbox to records; a damaged row is given up by name and stops nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, get_args

from artifact_plugins.errors import LedgerCorruptError
from artifact_plugins.ledger.database import Database, Row, repeat
from artifact_plugins.ledger.outbox.clock import farthest, own_moment
from artifact_plugins.ledger.rows import from_time, to_time
from artifact_plugins.records import OutboxKind, OutboxRow, OutboxState

_KINDS = frozenset(get_args(OutboxKind))
_STATES = {str(state): state for state in OutboxState}
# Columns as `outbox_statements` has them, and what may be in them.
_TYPES: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("seq", (int,)),
    ("backend_id", (int,)),
    ("stream", (str,)),
    ("kind", (str,)),
    ("record_id", (str,)),
    ("generation", (int,)),
    ("tries", (int,)),
    ("state", (str,)),
    ("next_at", (int, type(None))),
    ("error", (str, type(None))),
    ("created_at", (int,)),
)
_UNREADABLE = "its text is no UTF-8"


def read_rows(database: Database, text: str, values: Sequence[Any]) -> tuple[OutboxRow, ...]:
    """Run a SELECT of rows; those that cannot be read come back dead, and stay so.

    Raises:
        LedgerCorruptError: More than single rows is damaged.
    """
    rows = []
    damaged = []
    for found in _read(database, text, values):
        row, problem = decode(found)
        rows.append(row)
        if problem:
            damaged.append(row)
    if damaged and not database.is_read_only:
        _quarantine(database, damaged)
    return tuple(rows)


def decode(found: Row) -> tuple[OutboxRow, str | None]:
    """Build a row, and say what is wrong with it; a wrong one is dead."""
    problem = _problem(found)
    try:
        next_at = None if found[8] is None or problem else from_time(found[8])
        if next_at is not None and found[8] > farthest(own_moment()):
            next_at = None
        created_at = from_time(found[10]) if isinstance(found[10], int) else from_time(0)
    except OverflowError:
        problem = problem or "its times are beyond every calendar"
        next_at, created_at = None, from_time(own_moment())
    seq, backend_id, stream, kind, record_id, generation, tries = found[:7]
    row = OutboxRow(
        seq,
        backend_id,
        stream if isinstance(stream, str) else repr(stream),
        kind if isinstance(kind, str) else repr(kind),
        record_id if isinstance(record_id, str) else repr(record_id),
        generation if isinstance(generation, int) else 1,
        tries if isinstance(tries, int) else 0,
        OutboxState.DEAD if problem else _STATES[found[7]],
        next_at,
        f"the row was damaged: {problem}; it is not sent" if problem else found[9],
        created_at,
        bool(found[11]),
    )
    return row, problem


def _problem(found: Row) -> str | None:
    for value, (name, types) in zip(found, _TYPES, strict=False):
        if not isinstance(value, types):
            return f"its {name} is {value!r}"
    state = _STATES.get(found[7])
    if found[7] == _UNREADABLE:
        return _UNREADABLE
    if state is None:
        return f"its state is {found[7]!r}"
    if state is OutboxState.PENDING and found[3] not in _KINDS:
        return f"its kind is {found[3]!r}"
    return None


def _read(database: Database, text: str, values: Sequence[Any]) -> list[Row]:
    try:
        return database.read(text, values)
    except LedgerCorruptError as error:
        if "UTF-8" not in str(error):
            raise
    # One by one, to find out which.
    start = text.index(" FROM outbox")
    found = []
    for (seq,) in database.read(f"SELECT seq{text[start:]}", values):
        try:
            found += database.read(database.outbox_sql.ROW_BY_SEQ, (seq,))
        except LedgerCorruptError:
            found.append(_unreadable(seq, database))
    return found


def _unreadable(seq: int, database: Database) -> Row:
    backend = f"SELECT backend_id FROM outbox WHERE seq = {database.sql.places(1)}"  # noqa: S608  # places
    backend_id = database.read(backend, (seq,))[0][0]
    name = f"unreadable row {seq}"
    return (seq, backend_id, name, name, name, 1, 0, _UNREADABLE, None, None, own_moment(), False)


def _quarantine(database: Database, damaged: list[OutboxRow]) -> None:
    # Each by itself: see the order of locks.
    for row in damaged:
        repeat(database, partial(_bury, database, row), is_keyed=True)


def _bury(database: Database, row: OutboxRow) -> None:
    with database.transaction(durable=False) as cursor:
        values = (
            *(row.error, row.stream, row.kind, row.record_id, row.generation),
            *(row.tries, to_time(row.created_at), row.seq),
        )
        cursor.execute(database.outbox_sql.QUARANTINE, values)
