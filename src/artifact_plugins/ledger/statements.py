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
    FromClause,
    Select,
    Table,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import insert  # SQLite understands its clauses too

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
from artifact_plugins.ledger.snapshot_statements import SNAPSHOTS, STATEMENTS_OF_SNAPSHOTS, WHERE
from artifact_plugins.ledger.statement_parts import Names, PerDialect
from artifact_plugins.ledger.statement_parts import insert_row as _insert
from artifact_plugins.ledger.statement_parts import plain as _text
from artifact_plugins.ledger.trash_statements import TRASH


def _columns(table: Table, *, without: Names = ()) -> Names:
    return tuple(column.name for column in table.columns if column.name not in without)


RUN_COLUMNS = _columns(run)
TASK_COLUMNS = _columns(task)
LINK_COLUMNS = _columns(link, without=("seq",))
# When a version is written nobody has deleted it.
_ENDS = ("deleted_at", "collected_at")
VERSION_COLUMNS = _columns(version, without=("seq", *_ENDS))

_ONE: ColumnElement[int] = literal_column("1")


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
_IS_LIVE = version.c.deleted_at.is_(None)
_newer = version.alias("newer")
_IS_NEWEST = version.c.version == (
    select(_newer.c.version)
    .where(_newer.c.artifact_id == artifact.c.id, _newer.c.deleted_at.is_(None))
    .order_by(_newer.c.version.desc())
    .limit(_ONE)
    .offset(literal_column("0"))
    .correlate(artifact)
    .scalar_subquery()
)
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
    *(version.c[name] for name in _ENDS),
    version.c.seq,
)
_VERSIONS = select(*_RECORD).select_from(
    version.join(artifact, _IS_OF_ARTIFACT).join(version_kind, _IS_OF_KIND)
)
NUMBER = _RECORD.index(version.c.version)
SEQ = len(_RECORD) - 1

STATEMENTS: dict[str, tuple[ClauseElement | PerDialect, Names]] = {
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
    "VERSION_EXISTS": _text("SELECT 1 FROM version WHERE id = :id"),
    "TASK_EXISTS": _text("SELECT 1 FROM task WHERE id = :id"),
    "RUN_EXISTS": _text("SELECT 1 FROM run WHERE id = :id"),
    # cache
    "ADD_CACHE_ENTRY": _text(
        """INSERT INTO cache_entry (key, task_id, step, parts)
        VALUES (:key, :task_id, :step, :parts) ON CONFLICT (key) DO NOTHING"""
    ),
    "MOVE_CACHE_ENTRY": _text(
        """UPDATE cache_entry SET task_id = :task_id, parts = :parts
        WHERE key = :key AND task_id = :replaces"""
    ),
    "CACHE_ENTRY": _text("SELECT key, task_id, step, parts FROM cache_entry WHERE key = :key"),
    "EARLIER_CACHE_ENTRIES": _text(
        """SELECT key, task_id, step, parts FROM cache_entry
        WHERE step = :step AND task_id < :before ORDER BY task_id DESC LIMIT :limit"""
    ),
    # edits
    "REMOVE_TAG": _text(
        """DELETE FROM version_tag WHERE tag = :tag
        AND version_seq = (SELECT seq FROM version WHERE id = :id)"""
    ),
    "REMOVE_ALIAS": _text(
        """DELETE FROM version_alias WHERE alias = :alias
        AND artifact_id = (SELECT artifact_id FROM version WHERE id = :id)"""
    ),
    "UPDATE_VERSION": _text(
        """UPDATE version SET description = :description, tags = :tags, metadata = :metadata,
        updated_at = :updated_at WHERE id = :id"""
    ),
    "ALIAS_HOLDER": _text(
        """SELECT version.id FROM version_alias
        JOIN version ON version.seq = version_alias.version_seq
        WHERE version_alias.alias = :alias
        AND version_alias.artifact_id = (SELECT artifact_id FROM version WHERE id = :id)"""
    ),
    "ALIASES_OF": _text("SELECT aliases FROM version WHERE id = :id"),
    "WRITE_ALIASES": _text(
        "UPDATE version SET aliases = :aliases, updated_at = :updated_at WHERE id = :id"
    ),
    "RENAME_ARTIFACT": _text(
        "UPDATE artifact SET name = :name WHERE project = :project AND name = :old_name"
    ),
    # A row that is read before it is changed stays as it was read until then.
    "VERSION_FOR_CHANGE": (
        _VERSIONS.where(version.c.id == bindparam("id")).with_for_update(of=version),
        ("id",),
    ),
    # Whoever moves aliases or deletes waits for others, and for commits, of the artifact.
    "LOCK_ARTIFACT": (
        select(artifact.c.id)
        .where(
            artifact.c.id
            == select(version.c.artifact_id)
            .where(version.c.id == bindparam("id"))
            .scalar_subquery()
        )
        .with_for_update(),
        ("id",),
    ),
    **TRASH,
    **STATEMENTS_OF_SNAPSHOTS,
    # what is near a name that is not there
    "NEWEST_RUN_NAMES": _text("SELECT name FROM run ORDER BY id DESC LIMIT 1000"),
    "ARTIFACT_BY_NAME": _text(
        "SELECT id, next_version - 1 FROM artifact WHERE project = :project AND name = :name"
    ),
    "ARTIFACT_NAMES": _text(
        "SELECT name FROM artifact WHERE project = :project ORDER BY name LIMIT 10000"
    ),
    "ALIASES_OF_ARTIFACT": _text(
        "SELECT alias FROM version_alias WHERE artifact_id = :id ORDER BY alias LIMIT 1000"
    ),
    # check
    "GAPS": _text(
        """SELECT a.project, a.name, a.next_version - 1, count(v.seq), coalesce(max(v.version), 0),
        count(v.deleted_at), max(a.deleted_versions)
        FROM artifact AS a LEFT JOIN version AS v ON v.artifact_id = a.id
        GROUP BY a.id HAVING count(v.seq) <> a.next_version - 1
        OR coalesce(max(v.version), 0) <> a.next_version - 1
        OR count(v.deleted_at) <> max(a.deleted_versions)
        ORDER BY a.project, a.name LIMIT 100"""
    ),
    "LABELLED": _text(
        """SELECT seq, id, tags, aliases FROM version
        WHERE (tags IS NOT NULL OR aliases IS NOT NULL) AND deleted_at IS NULL"""
    ),
    "TAGS": _text("SELECT version_seq, tag FROM version_tag"),
    "ALIASES": _text("SELECT version_seq, alias FROM version_alias"),
}


def _summary(newest: FromClause) -> Select[Any]:
    """Select what `listing` makes an `ArtifactSummary` of.

    Project, name, number of versions, artifact type, data type, size, time of
    the last change, id and number of the newest version.
    """
    return select(
        artifact.c.project,
        artifact.c.name,
        artifact.c.next_version - _ONE - artifact.c.deleted_versions,
        version_kind.c.artifact_type,
        version_kind.c.data_type,
        newest.c.size_bytes,
        func.coalesce(newest.c.updated_at, newest.c.created_at),
        newest.c.id,
        newest.c.version,
    )


_SUMMED_UP = ("kind_id", "size_bytes", "updated_at", "created_at", "id", "version")
# PostgreSQL takes the one row from the index only when it is told.
_newest = (
    select(*(version.c[name] for name in _SUMMED_UP))
    .where(_IS_OF_ARTIFACT, _IS_LIVE)
    .order_by(version.c.version.desc())
    .limit(_ONE)
    .offset(literal_column("0"))
    .correlate(artifact)
    .lateral("newest")
)

SELECTS: dict[str, ClauseElement | PerDialect] = {
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
    "SNAPSHOTS": SNAPSHOTS,
    "ARTIFACTS": PerDialect(
        sqlite=_summary(version).select_from(
            artifact.join(version, and_(_IS_OF_ARTIFACT, _IS_NEWEST)).join(
                version_kind, _IS_OF_KIND
            )
        ),
        postgresql=_summary(_newest).select_from(
            artifact.join(_newest, sql_text("true")).join(
                version_kind, version_kind.c.id == _newest.c.kind_id
            )
        ),
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
        "live": _IS_LIVE,
        "deleted": version.c.deleted_at.is_not(None),
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
    "SNAPSHOT_WHERE": WHERE,
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


def _merged(*, newest_first: bool, is_next: bool) -> PerDialect:
    other, inside = version.alias("other"), version.alias("inside")
    place, kind = (other.c.kind_id, other.c.seq), version_kind.c.id
    start: ColumnElement[int] = bindparam("after") if is_next else literal_column("0")
    end: ColumnElement[int] = literal_column(str(2**63 - 1))
    if newest_first:
        start, end = literal_column("0"), bindparam("after") if is_next else end
    order = [one.desc() if newest_first else one.asc() for one in place]
    live = select(other.c.seq).where(other.c.deleted_at.is_(None))
    of_kind = live.where(other.c.kind_id == kind)
    if is_next:
        of_kind = of_kind.where(other.c.seq < end if newest_first else other.c.seq > start)
    found = inside.c.seq.in_(_page(of_kind.order_by(order[1])).correlate(version_kind))
    # With `kind_id = ..` PostgreSQL would walk through the versions of every
    # kind, in the belief that the next of this one is near. Compared as pairs,
    # only the index of kinds has their order.
    pairs = live.where(tuple_(*place) > tuple_(kind, start), tuple_(*place) < tuple_(kind, end))
    each = _page(pairs.order_by(*order)).correlate(version_kind).lateral("inside")
    return PerDialect(
        sqlite=select(inside.c.seq).select_from(version_kind.join(inside, found)),
        postgresql=select(each.c.seq).select_from(version_kind.join(each, sql_text("true"))),
    )


def _page(found: Select[Any]) -> Select[Any]:
    # Without an offset of our own, the dialect brings one as a value.
    return found.limit(bindparam("limit")).offset(literal_column("0"))


MERGED: dict[tuple[bool, bool], PerDialect] = {
    (newest_first, is_next): _merged(newest_first=newest_first, is_next=is_next)
    for newest_first in (True, False)
    for is_next in (True, False)
}
