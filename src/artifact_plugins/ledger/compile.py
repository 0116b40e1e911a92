"""Writes the SQL of the ledger into `compiled_sqlite`, so that no process pays for SQLAlchemy.

After a change of `schema` or `statements`:

    python -m artifact_plugins.ledger.compile
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import ClauseElement, ColumnElement
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.operators import and_

from artifact_plugins.ledger import schema, statements

TARGET = Path(__file__).with_name("compiled_sqlite.py")

_HEAD = '''"""SQL of the ledger for SQLite: generated from `schema` and `statements`, do not edit.

Change those and run `python -m artifact_plugins.ledger.compile`.
"""
'''
_BY_POSITION = sqlite.dialect(paramstyle="qmark")
_BY_NAME = sqlite.dialect(paramstyle="named")


def render() -> str:
    """Return the text of the module `compiled_sqlite`."""
    return _HEAD + "".join(f"\n{line}\n" for line in _assignments())


def _assignments() -> Iterator[str]:
    yield f"SCHEMA_VERSION = {schema.SCHEMA_VERSION}"
    yield f"APPLICATION_ID = 0x{schema.APPLICATION_ID:08X}"
    yield f"# Columns of VERSIONS.\nNUMBER = {statements.NUMBER}\nSEQ = {statements.SEQ}"
    yield _block("CREATE", "()", schema.create_statements(_BY_POSITION))
    for name, (statement, names) in statements.STATEMENTS.items():
        yield _literal(f"{name} = ", _positional(name, statement, names))
    for name, select in statements.SELECTS.items():
        yield _literal(f"{name} = ", _named(select))
    for name, conditions in statements.CONDITIONS.items():
        yield _mapping(name, {f'"{key}"': one for key, one in conditions.items()})
    yield _mapping("MERGED", {str(key): one for key, one in statements.MERGED.items()})


def _positional(name: str, statement: ClauseElement, names: tuple[str, ...]) -> str:
    compiled = statement.compile(dialect=_BY_POSITION)
    found = tuple(getattr(compiled, "positiontup", None) or ())
    if found != names:
        raise AssertionError(f"{name} takes {found}, not {names}")
    return str(compiled)


def _named(statement: ClauseElement) -> str:
    if isinstance(statement, ColumnElement):
        statement = statement.self_group(against=and_)  # conditions are joined by AND
    compiled: Any = statement.compile(dialect=_BY_NAME)
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    if fixed:
        raise AssertionError(f"values that nobody will give: {fixed} in {compiled}")
    return str(compiled)


def _mapping(name: str, clauses: dict[str, ClauseElement]) -> str:
    return _block(name, "{}", {f"{key}: ": _named(one) for key, one in clauses.items()})


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
    TARGET.write_text(render(), encoding="utf-8")
