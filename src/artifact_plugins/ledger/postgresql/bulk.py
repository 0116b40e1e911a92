"""A cursor that sends many rows at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from artifact_plugins.ledger import compiled_postgresql, outbox_postgresql

# Fewer go one by one, in one round trip too; their statement is prepared.
_FEWEST_ROWS = 8
_NUL = "\0"
_MANY = compiled_postgresql.MANY | outbox_postgresql.MANY


class BulkCursor(psycopg.Cursor[tuple[Any, ...]]):
    """A cursor whose `executemany` makes one statement of many rows where `MANY` has one."""

    def executemany(  # type: ignore[override]  # takes what our statements take
        self, text: str, rows: Iterable[Sequence[Any]], /
    ) -> None:
        """Run one statement for each row, in their order."""
        rows = list(rows)
        if not rows:
            return
        many, key = _MANY.get(text, ("", 0))
        # A row that stands twice would be changed twice, which one statement cannot.
        stands_twice = key and len({tuple(row[:key]) for row in rows}) < len(rows)
        if not many or len(rows) < _FEWEST_ROWS or stands_twice:
            super().executemany(text, rows)
        else:
            self.execute(many, [array_literal(column) for column in zip(*rows, strict=True)])

    def answers(self, text: str, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Run one statement for each row in one round trip; return the one row of each."""
        super().executemany(text, rows, returning=True)
        found = []
        for _ in rows:
            found += self.fetchall()
            self.nextset()
        return found


def array_literal(column: Sequence[Any]) -> str:
    """Write texts, numbers or truth values as PostgreSQL writes an array; None is NULL.

    The driver's own lists cost more than the server needs for the rows.

    Raises:
        psycopg.DataError: A text holds a NUL.

    Source:
        https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    """
    if column.count(None) == len(column):
        return "{" + ",".join(["NULL"] * len(column)) + "}"
    if not any(isinstance(value, str) for value in column):
        return "{" + ",".join(["NULL" if v is None else str(v) for v in column]) + "}"
    if None in column:
        return "{" + ",".join(["NULL" if v is None else _quoted(v) for v in column]) + "}"
    # Escaped all at once: no text may hold the character between them.
    joined = _NUL.join(column)
    if joined.count(_NUL) != len(column) - 1:
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return "{" + _quoted(joined).replace(_NUL, '","') + "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
