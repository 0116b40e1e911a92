"""SQL texts, built once from the tables, and what they take in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement, Table, bindparam, literal_column, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert

from artifact_plugins.ledger.schema import (
    artifact,
    link,
    run,
    task,
    version,
    version_alias,
    version_kind,
    version_tag,
)

DIALECT = sqlite.dialect(paramstyle="qmark")


@dataclass(frozen=True, slots=True)
class Sql:
    """A statement for the bare driver: binding by position costs no look-ups.

    Attributes:
        text: SQL with `?`.
        names: The parameters in the order of their `?`.
        fixed: Values of parameters that the statement itself brings.
    """

    text: str
    names: tuple[str, ...]
    fixed: dict[str, Any]

    def bind(self, values: dict[str, Any]) -> tuple[Any, ...]:
        """Return `values` in the order of the placeholders."""
        fixed = self.fixed
        return tuple([values[name] if name in values else fixed[name] for name in self.names])


def sql(statement: ClauseElement) -> Sql:
    """Compile a SQLAlchemy statement for the driver."""
    compiled = statement.compile(dialect=DIALECT)
    names = tuple(getattr(compiled, "positiontup", None) or ())
    return Sql(str(compiled), names, dict(compiled.params))


def _insert(table: Table, columns: tuple[str, ...]) -> Any:
    return insert(table).values({name: bindparam(name) for name in columns})


def _text(statement: ClauseElement, columns: tuple[str, ...]) -> str:
    compiled = sql(statement)
    if compiled.names != columns:
        raise AssertionError(f"parameters {compiled.names} are not {columns}")
    return compiled.text


def _columns(table: Table, *, without: tuple[str, ...] = ()) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if column.name not in without)


def _upsert(table: Table, *, keep: tuple[str, ...]) -> str:
    """Insert a row by id; of a known id, change all but the columns in `keep`.

    Indexed columns are kept: SQLite then leaves the indexes alone.
    """
    columns = _columns(table)
    statement = _insert(table, columns)
    changes = {name: statement.excluded[name] for name in columns if name not in keep}
    return _text(statement.on_conflict_do_update(index_elements=["id"], set_=changes), columns)


RUN_COLUMNS = _columns(run)
TASK_COLUMNS = _columns(task)
LINK_COLUMNS = _columns(link, without=("seq",))
VERSION_COLUMNS = _columns(version, without=("seq",))

UPSERT_RUN = _upsert(run, keep=("id", "project", "pipeline", "name"))
UPSERT_TASK = _upsert(task, keep=("id", "run_id", "parent_id", "name", "scope_path"))
INSERT_VERSION = _text(_insert(version, VERSION_COLUMNS), VERSION_COLUMNS)
INSERT_LINK = _text(_insert(link, LINK_COLUMNS).on_conflict_do_nothing(), LINK_COLUMNS)


def _next_numbers() -> str:
    # The row is given `1 + how many numbers are wanted`; the answer is the
    # artifact's id and the number after the last of them.
    columns = ("project", "name", "next_version")
    statement = _insert(artifact, columns)
    wanted = statement.excluded.next_version - literal_column("1")
    return _text(
        statement.on_conflict_do_update(
            index_elements=["project", "name"],
            set_={"next_version": artifact.c.next_version + wanted},
        ).returning(artifact.c.id, artifact.c.next_version),
        columns,
    )


def _kind() -> str:
    columns = ("project", "artifact_type", "data_type")
    statement = _insert(version_kind, columns)
    return _text(
        statement.on_conflict_do_update(
            index_elements=list(columns), set_={"project": statement.excluded.project}
        ).returning(version_kind.c.id),
        columns,
    )


def _label(table: Table, name: str) -> str:
    # INSERT .. SELECT by version id; a known tag stays, an alias moves.
    found = select(bindparam("label"), version.c.seq, version.c.artifact_id).where(
        version.c.id == bindparam("id")
    )
    statement = insert(table).from_select([name, "version_seq", "artifact_id"], found)
    if table is version_tag:
        return _text(statement.on_conflict_do_nothing(), ("label", "id"))
    return _text(
        statement.on_conflict_do_update(
            index_elements=["artifact_id", "alias"],
            set_={"version_seq": statement.excluded.version_seq},
        ),
        ("label", "id"),
    )


NEXT_NUMBERS = _next_numbers()
KIND = _kind()
ADD_TAG = _label(version_tag, "tag")
SET_ALIAS = _label(version_alias, "alias")
