"""The statements of the ledger as SQLAlchemy builds them; `compile` makes SQL texts of them.

STATEMENTS   complete, with values by position: the hot path binds without look-ups
SELECTS      what a listing shows; `selects` adds conditions, an order and a limit
CONDITIONS   of each listing, by the name of the filter; values by name
MERGED       the newest or oldest rows of every kind, by direction and whether `after` is given
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
)
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

Names = tuple[str, ...]


def _columns(table: Table, *, without: Names = ()) -> Names:
    return tuple(column.name for column in table.columns if column.name not in without)


RUN_COLUMNS = _columns(run)
TASK_COLUMNS = _columns(task)
LINK_COLUMNS = _columns(link, without=("seq",))
VERSION_COLUMNS = _columns(version, without=("seq",))

_ONE: ColumnElement[int] = literal_column("1")


def _insert(table: Table, columns: Names) -> Any:
    return insert(table).values({name: bindparam(name) for name in columns})


def _upsert(table: Table, *, keep: Names) -> tuple[ClauseElement, Names]:
    """Insert a row by id; of a known id, change all but the columns in `keep`.

    Indexed columns are kept: SQLite then leaves the indexes alone.
    """
    columns = _columns(table)
    statement = _insert(table, columns)
    changes = {name: statement.excluded[name] for name in columns if name not in keep}
    return statement.on_conflict_do_update(index_elements=["id"], set_=changes), columns


def _next_numbers() -> tuple[ClauseElement, Names]:
    # The row is given `1 + how many numbers are wanted`; the answer is the
    # artifact's id and the number after the last of them.
    columns = ("project", "name", "next_version")
    statement = _insert(artifact, columns)
    changed = artifact.c.next_version + (statement.excluded.next_version - _ONE)
    statement = statement.on_conflict_do_update(
        index_elements=["project", "name"], set_={"next_version": changed}
    )
    return statement.returning(artifact.c.id, artifact.c.next_version), columns


def _kind() -> tuple[ClauseElement, Names]:
    columns = ("project", "artifact_type", "data_type")
    statement = _insert(version_kind, columns)
    statement = statement.on_conflict_do_update(
        index_elements=list(columns), set_={"project": statement.excluded.project}
    )
    return statement.returning(version_kind.c.id), columns


def _label(table: Table, name: str) -> tuple[ClauseElement, Names]:
    # INSERT .. SELECT by version id; a known tag stays, an alias moves.
    found = select(bindparam("label"), version.c.seq, version.c.artifact_id).where(
        version.c.id == bindparam("id")
    )
    statement = insert(table).from_select([name, "version_seq", "artifact_id"], found)
    if table is version_tag:
        return statement.on_conflict_do_nothing(), ("label", "id")
    changes = {"version_seq": statement.excluded.version_seq}
    return (
        statement.on_conflict_do_update(index_elements=["artifact_id", "alias"], set_=changes),
        ("label", "id"),
    )


_IS_OF_ARTIFACT = artifact.c.id == version.c.artifact_id
_IS_OF_KIND = version_kind.c.id == version.c.kind_id
_IS_NEWEST = version.c.version == artifact.c.next_version - _ONE
# What `rows.version_record` reads, then the order of commits.
_RECORD = (
    artifact.c.project,
    artifact.c.name,
    version_kind.c.artifact_type,
    version_kind.c.data_type,
    version.c.version,
    *(
        version.c[name]
        for name in VERSION_COLUMNS
        if name not in ("artifact_id", "version", "kind_id")
    ),
    version.c.seq,
)
_VERSIONS = select(*_RECORD).select_from(
    version.join(artifact, _IS_OF_ARTIFACT).join(version_kind, _IS_OF_KIND)
)
NUMBER = _RECORD.index(version.c.version)
SEQ = len(_RECORD) - 1

STATEMENTS: dict[str, tuple[ClauseElement, Names]] = {
    "UPSERT_RUN": _upsert(run, keep=("id", "project", "pipeline", "name")),
    "UPSERT_TASK": _upsert(task, keep=("id", "run_id", "parent_id", "name", "scope_path")),
    "INSERT_VERSION": (_insert(version, VERSION_COLUMNS), VERSION_COLUMNS),
    "INSERT_LINK": (_insert(link, LINK_COLUMNS).on_conflict_do_nothing(), LINK_COLUMNS),
    "NEXT_NUMBERS": _next_numbers(),
    "KIND": _kind(),
    "ADD_TAG": _label(version_tag, "tag"),
    "SET_ALIAS": _label(version_alias, "alias"),
    "VERSION_BY_ID": (_VERSIONS.where(version.c.id == bindparam("id")), ("id",)),
    "VERSION_BY_KEY": (_VERSIONS.where(version.c.idempotency_key == bindparam("key")), ("key",)),
}

SELECTS: dict[str, ClauseElement] = {
    "VERSIONS": _VERSIONS,
    "VERSION_SEQS": select(version.c.seq),
    "TAGGED_SEQS": select(version.c.seq).select_from(
        version_tag.join(version, version.c.seq == version_tag.c.version_seq)
    ),
    "KIND_IDS": select(version_kind.c.id),
    "RUNS": select(*run.columns),
    "TASKS": select(*task.columns),
    "LINKS": select(*(link.c[name] for name in LINK_COLUMNS), link.c.seq),
    "LINK_SEQS": select(link.c.seq),
    # Project, name, number of versions, artifact type, data type, size, time
    # of the last change, id and number of the newest version.
    "ARTIFACTS": select(
        artifact.c.project,
        artifact.c.name,
        artifact.c.next_version - _ONE,
        version_kind.c.artifact_type,
        version_kind.c.data_type,
        version.c.size_bytes,
        func.coalesce(version.c.updated_at, version.c.created_at),
        version.c.id,
        version.c.version,
    ).select_from(
        artifact.join(version, and_(_IS_OF_ARTIFACT, _IS_NEWEST)).join(version_kind, _IS_OF_KIND)
    ),
}


def _equal(table: Table, *names: str) -> dict[str, ColumnElement[bool]]:
    return {name: table.c[name] == bindparam(name) for name in names}


def _between(column: ColumnElement[str], start: str, end: str) -> ColumnElement[bool]:
    return and_(column >= bindparam(start), column < bindparam(end))


def _one_of(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    # One value here; `selects` makes room for more.
    return column.in_([bindparam(name)])


_NAMED = artifact.c.name == bindparam("artifact")
_NAMED_IN_PROJECT = and_(_NAMED, artifact.c.project == bindparam("project"))
_ARTIFACT_ID = select(artifact.c.id).where(_NAMED_IN_PROJECT).scalar_subquery()
_ARTIFACT_IDS = select(artifact.c.id).where(_NAMED)
_TASKS_RUN = select(task.c.run_id).where(task.c.id == bindparam("task_id")).scalar_subquery()
_ALIASED = select(version_alias.c.version_seq).where(version_alias.c.alias == bindparam("alias"))
_PLACE: ColumnElement[str] = bindparam("after_project")
_AFTER: ColumnElement[str] = bindparam("after")

CONDITIONS: dict[str, dict[str, ColumnElement[bool]]] = {
    "VERSION_WHERE": {
        **_equal(version, "version", "run_id", "task_id"),
        "run_of_task": version.c.run_id == _TASKS_RUN,
        "ids": _one_of(version.c.id, "ids"),
        "id_prefix": _between(version.c.id, "id_prefix", "id_end"),
        "alias": version.c.seq.in_(_ALIASED),
        "artifact": version.c.artifact_id.in_(_ARTIFACT_IDS),
        "artifact_in_project": version.c.artifact_id == _ARTIFACT_ID,
        "tag": version_tag.c.tag == bindparam("tag"),
        "tagged_artifact": version_tag.c.artifact_id.in_(_ARTIFACT_IDS),
        "tagged_artifact_in_project": version_tag.c.artifact_id == _ARTIFACT_ID,
    },
    "KIND_WHERE": _equal(version_kind, "project", "artifact_type", "data_type"),
    "RUN_WHERE": {
        **_equal(run, "id", "name", "project", "pipeline", "state"),
        "id_prefix": _between(run.c.id, "start", "end"),
        "name_prefix": _between(run.c.name, "start", "end"),
    },
    "TASK_WHERE": {**_equal(task, "id", "run_id", "name"), "ids": _one_of(task.c.id, "ids")},
    "LINK_WHERE": {
        **_equal(link, "run_id"),
        "task_ids": _one_of(link.c.task_id, "task_ids"),
        "version_ids": _one_of(link.c.version_id, "version_ids"),
        "io_types": _one_of(link.c.io_type, "io_types"),
    },
    "ARTIFACT_WHERE": {
        **_equal(artifact, "project"),
        **_equal(version_kind, "artifact_type", "data_type"),
        "after": or_(
            artifact.c.project > _PLACE,
            and_(artifact.c.project == _PLACE, artifact.c.name > _AFTER),
        ),
        "after_in_project": artifact.c.name > _AFTER,
    },
}


def _merged(*, newest_first: bool, is_next: bool) -> Select[Any]:
    other, inside = version.alias("other"), version.alias("inside")
    after: ColumnElement[int] = bindparam("after")
    of_kind = select(other.c.seq).where(other.c.kind_id == version_kind.c.id)
    if is_next:
        of_kind = of_kind.where(other.c.seq < after if newest_first else other.c.seq > after)
    order = other.c.seq.desc() if newest_first else other.c.seq.asc()
    # Without an offset of our own, the dialect brings one as a value.
    page = of_kind.order_by(order).limit(bindparam("limit")).offset(literal_column("0"))
    found = inside.c.seq.in_(page.correlate(version_kind))
    return select(inside.c.seq).select_from(version_kind.join(inside, found))


MERGED: dict[tuple[bool, bool], ClauseElement] = {
    (newest_first, is_next): _merged(newest_first=newest_first, is_next=is_next)
    for newest_first in (True, False)
    for is_next in (True, False)
}
