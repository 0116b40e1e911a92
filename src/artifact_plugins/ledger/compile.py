"""Writes the SQL of the ledger for each database, so that no process pays for SQLAlchemy.

After a change of `schema`, `references`, `statements` or `outbox_statements`:

    python -m artifact_plugins.ledger.compile
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Boolean, ClauseElement, ColumnElement, Insert, Integer
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg2
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.operators import and_

from artifact_plugins.ledger import outbox_statements, schema, statements
from artifact_plugins.ledger.references import dangling_statements
from artifact_plugins.ledger.statement_parts import Names, PerDialect

Statements = dict[str, tuple[ClauseElement | PerDialect, Names]]


@dataclass(frozen=True)
class Target:
    """A module of SQL for one database.

    Attributes:
        name: As SQLAlchemy names the dialect.
        title: As people name it.
        by_position: The dialect, for values in the order of their places.
        by_name: The same, for values with names.
        position: A place of the first kind.
        named: A place of the second kind.
    """

    name: str
    title: str
    by_position: Dialect
    by_name: Dialect
    position: str
    named: str

    def modules(self) -> dict[Path, str]:
        """Return the text of each module of SQL for this database."""
        return {
            _path(f"compiled_{self.name}"): render(self),
            _path(f"outbox_{self.name}"): render_outbox(self),
            _path(f"tables_{self.name}"): render_tables(self),
        }


# psycopg2's dialect writes `%s`, which psycopg 3 reads as well; that of
# psycopg 3 would add casts which our columns make needless.
_psycopg: Any = psycopg2.dialect
TARGETS = (
    Target(
        "sqlite",
        "SQLite",
        sqlite.dialect(paramstyle="qmark"),
        sqlite.dialect(paramstyle="named"),
        "?",
        ":{name}",
    ),
    Target(
        "postgresql",
        "PostgreSQL",
        _psycopg(paramstyle="format"),
        _psycopg(paramstyle="pyformat"),
        "%s",
        "%({name})s",
    ),
)


def render(target: Target) -> str:
    """Return the text of the module of a database's statements."""
    head = f"SQL of the ledger for {target.title}: generated from `schema` and `statements`"
    return _module(head, _assignments(target))


def render_outbox(target: Target) -> str:
    """Return the text of the module of a database's statements about the outbox."""
    head = f"SQL of the outbox for {target.title}: generated from `outbox_statements`"
    return _module(head, _texts(target, outbox_statements.OUTBOX))


def render_tables(target: Target) -> str:
    """Return the text of the module that makes a database's tables."""
    head = f"Tables of the ledger for {target.title}: generated from `schema`"
    parts = [_block("CREATE", "()", schema.create_statements(target.by_position))]
    if target.name == "postgresql":
        dangling = [one for table in schema.IN_BULK for one in dangling_statements(table)]
        parts.append(_block("DANGLING", "()", dangling))
    return _module(head, parts)


def _module(head: str, parts: Iterable[str]) -> str:
    advice = "Change that and run `python -m artifact_plugins.ledger.compile`."
    return f'"""{head}, do not edit.\n\n{advice}\n"""\n' + "".join(f"\n{one}\n" for one in parts)


def _path(name: str) -> Path:
    return Path(__file__).with_name(f"{name}.py")


def _assignments(target: Target) -> Iterator[str]:
    yield f"SCHEMA_VERSION = {schema.SCHEMA_VERSION}"
    yield f"APPLICATION_ID = 0x{schema.APPLICATION_ID:08X}"
    yield f"# Columns of VERSIONS.\nNUMBER = {statements.NUMBER}\nSEQ = {statements.SEQ}"
    yield (
        '\ndef place(name: str) -> str:\n    """Return the place of a value that has a name."""\n'
        f'    return f"{target.named}"\n'
    )
    yield (
        'def places(count: int) -> str:\n    """Return that many places of values without names."""\n'
        f'    return ", ".join(["{target.position}"] * count)\n'
    )
    yield from _texts(target, statements.STATEMENTS)
    for name, select in statements.SELECTS.items():
        yield _literal(f"{name} = ", _named(target, select))
    for name, conditions in statements.CONDITIONS.items():
        yield _mapping(target, name, {f'"{key}"': one for key, one in conditions.items()})
    yield _mapping(target, "MERGED", {str(key): one for key, one in statements.MERGED.items()})


def _texts(target: Target, complete: Statements) -> Iterator[str]:
    for name, (statement, names) in complete.items():
        yield _literal(f"{name} = ", _positional(target, name, statement, names))
    if target.name == "postgresql":
        yield _many(target, complete)


def _positional(
    target: Target, name: str, statement: ClauseElement | PerDialect, names: tuple[str, ...]
) -> str:
    compiled = _own(target, statement).compile(dialect=target.by_position)
    found = tuple(getattr(compiled, "positiontup", None) or ())
    if found != names:
        raise AssertionError(f"{name} takes {found}, not {names}")
    return str(compiled)


def _many(target: Target, complete: Statements) -> str:
    """Give each INSERT a form that takes the values of many rows, column by column.

    With it comes how many of its first values are the key of a row that it
    changes when it is there; 0 for one that changes none.
    """
    lines = ["# By the text for one row.", "MANY = {"]
    for name, (statement, columns) in complete.items():
        one = " ".join(_positional(target, name, statement, columns).split())
        if not isinstance(statement, Insert) or " VALUES " not in one or " RETURNING " in one:
            continue
        start, _, rest = one.partition(" VALUES ")
        end = rest.partition(")")[2]
        arrays = ", ".join(f"%s::{_array(statement.table.c[column].type)}" for column in columns)
        many = f"{start} SELECT * FROM unnest({arrays}){end}"  # noqa: S608  # our own names
        text = _literal("        ", many)
        changed = re.search(r"ON CONFLICT \((.*?)\) DO UPDATE", end)
        key = tuple(changed[1].split(", ")) if changed else ()
        if columns[: len(key)] != key:
            raise AssertionError(f"{name} does not begin with its key {key}")
        lines.append(f"    {name}: (\n{text},\n        {len(key)},\n    ),")
    return "\n".join([*lines, "}"])


def _array(kind: Any) -> str:
    for own, name in ((BigInteger, "bigint"), (Integer, "integer"), (Boolean, "boolean")):
        if isinstance(kind, own):
            return f"{name}[]"
    return "text[]"


def _named(target: Target, statement: ClauseElement | PerDialect) -> str:
    statement = _own(target, statement)
    if isinstance(statement, ColumnElement):
        statement = statement.self_group(against=and_)  # conditions are joined by AND
    compiled: Any = statement.compile(dialect=target.by_name)
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    if fixed:
        raise AssertionError(f"values that nobody will give: {fixed} in {compiled}")
    return str(compiled)


def _own(target: Target, statement: ClauseElement | PerDialect) -> ClauseElement:
    if isinstance(statement, PerDialect):
        own: ClauseElement = getattr(statement, target.name)
        return own
    return statement


def _mapping(target: Target, name: str, clauses: dict[str, Any]) -> str:
    entries = {f"{key}: ": _named(target, one) for key, one in clauses.items()}
    return _block(name, "{}", entries)


def _block(name: str, brackets: str, entries: dict[str, str] | list[str]) -> str:
    pairs = entries.items() if isinstance(entries, dict) else [("", text) for text in entries]
    lines = "".join(f"{_literal(f'    {key}', text)},\n" for key, text in pairs)
    return f"{name} = {brackets[0]}\n{lines}{brackets[1]}"


def _literal(start: str, text: str) -> str:
    """Write SQL as a string of short lines; white space has no meaning in it."""
    words = " ".join(text.split()).replace("( ", "(").replace(" )", ")")
    indent = " " * (4 if start[0] != " " else 8)
    lines = textwrap.wrap(
        f'{start}"""{words}"""',
        100,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)


if __name__ == "__main__":
    for each in TARGETS:
        for path, text in each.modules().items():
            path.write_text(text, encoding="utf-8")
