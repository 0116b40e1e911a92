"""What statements are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ClauseElement, Table, bindparam, text
from sqlalchemy.dialects.postgresql import insert  # SQLite understands its clauses too

# Of values, in the order of their places.
Names: TypeAlias = "tuple[str, ...]"


@dataclass(frozen=True)
class PerDialect:
    """A statement that the two databases need in different forms."""

    sqlite: ClauseElement
    postgresql: ClauseElement


def plain(statement: str) -> tuple[ClauseElement, Names]:
    """Return a statement that reads the same in both, and its values in the order they stand."""
    return text(statement), tuple(re.findall(r"(?<!:):(\w+)", statement))


def insert_row(table: Table, columns: Names) -> Any:
    """Return the INSERT of one row with values for these columns."""
    # Inline: what the database makes up is not asked back.
    return insert(table).values({name: bindparam(name) for name in columns}).inline()
