"""Builds the SELECTs of lookups and listings; each shape of query is compiled once.

A listing first finds its 20 or so rows in an index (the inner SELECT), then
fetches only those. What it is ordered by is what its page token holds: the
version number inside one artifact, else the order of commits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Select,
    and_,
    bindparam,
    func,
    select,
)

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
from artifact_plugins.ledger.statements import (
    LINK_COLUMNS,
    RUN_COLUMNS,
    TASK_COLUMNS,
    VERSION_COLUMNS,
    Sql,
    sql,
)

_FROM = version.join(artifact, artifact.c.id == version.c.artifact_id).join(
    version_kind, version_kind.c.id == version.c.kind_id
)
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
)
# The record's columns, then the order of commits.
_VERSIONS = select(*_RECORD, version.c.seq).select_from(_FROM)
SEQ = len(_RECORD)
NUMBER = 4


@lru_cache(maxsize=1)
def all_runs() -> Select[Any]:
    """Return the SELECT of runs."""
    return select(*(run.c[name] for name in RUN_COLUMNS))


@lru_cache(maxsize=1)
def run_where_id() -> str:
    """Return the SELECT of the run with an id."""
    return sql(all_runs().where(run.c.id == bindparam("id"))).text


@lru_cache(maxsize=1)
def runs_named() -> Sql:
    """Return the SELECT of the newest `limit` runs with a name."""
    named = all_runs().where(run.c.name == bindparam("name"))
    return sql(named.order_by(run.c.id.desc()).limit(bindparam("limit")))


@lru_cache(maxsize=1)
def runs_from_to() -> Sql:
    """Return the SELECT of up to `limit` runs whose id or name is in [start, end)."""
    start: BindParameter[str] = bindparam("start")
    end: BindParameter[str] = bindparam("end")
    by_id = all_runs().where(run.c.id >= start, run.c.id < end)
    by_name = all_runs().where(run.c.name >= start, run.c.name < end)
    return sql(by_id.union(by_name).order_by("id").limit(bindparam("limit")))


@lru_cache(maxsize=1)
def task_where_id() -> str:
    """Return the SELECT of the task with an id."""
    columns = [task.c[name] for name in TASK_COLUMNS]
    return sql(select(*columns).where(task.c.id == bindparam("id"))).text


@lru_cache(maxsize=16)
def versions_where(column: str) -> str:
    """Return the SELECT of the version whose unique `column` has one value."""
    return sql(_VERSIONS.where(version.c[column] == bindparam("value"))).text


@lru_cache(maxsize=512)
def list_versions(
    fields: frozenset[str], ids: int, *, newest_first: bool, is_next: bool
) -> tuple[Sql, int]:
    """Return the SELECT of one page of versions, and the column of its page key.

    Args:
        fields: Names of the fields of `VersionQuery` that are set.
        ids: How many ids `ids` has room for (`id_0`, `id_1`, ...).
        newest_first: The direction.
        is_next: Whether the page starts after `after`.
    """
    source, key, conditions = _version_source(fields)
    if "version" in fields:
        conditions.append(version.c.version == bindparam("version"))
    if "run_id" in fields:
        conditions.append(version.c.run_id == bindparam("run_id"))
    if "task_id" in fields:
        conditions.append(version.c.task_id == bindparam("task_id"))
        if "run_id" not in fields:  # the index starts with the run
            its_run = select(task.c.run_id).where(task.c.id == bindparam("task_id"))
            conditions.append(version.c.run_id == its_run.scalar_subquery())
    if ids:
        conditions.append(version.c.id.in_(_many("id", ids)))
    if "id_prefix" in fields:
        conditions.append(version.c.id >= bindparam("id_prefix"))
        conditions.append(version.c.id < bindparam("id_end"))
    if "alias" in fields:
        aliased = select(version_alias.c.version_seq).where(
            version_alias.c.alias == bindparam("alias")
        )
        conditions.append(version.c.seq.in_(aliased))
    kinds = fields & {"artifact_type", "data_type"}
    if "artifact" not in fields:
        kinds |= fields & {"project"}
    matching = [version_kind.c[name] == bindparam(name) for name in sorted(kinds)]
    if kinds and fields == kinds:
        inner = _merged(matching, newest_first, is_next)
    else:
        if kinds:
            conditions.append(version.c.kind_id.in_(select(version_kind.c.id).where(*matching)))
        inner = select(version.c.seq).select_from(source).where(*conditions)
        inner = _page(inner, key, newest_first, is_next)
    order = version.c.seq.desc() if newest_first else version.c.seq.asc()
    page = _VERSIONS.where(version.c.seq.in_(inner)).order_by(order)
    if fields == kinds and kinds:
        page = page.limit(bindparam("limit"))
    return sql(page), NUMBER if key is version.c.version else SEQ


def _version_source(
    fields: frozenset[str],
) -> tuple[FromClause, ColumnElement[Any], list[ColumnElement[bool]]]:
    """Return what the inner SELECT reads first, what orders it, and its first conditions."""
    conditions: list[ColumnElement[bool]] = []
    source: FromClause = version
    key: ColumnElement[Any] = version.c.seq
    owner: ColumnElement[Any] = version.c.artifact_id
    if "tag" in fields:
        source = version_tag.join(version, version.c.seq == version_tag.c.version_seq)
        key = version_tag.c.version_seq
        owner = version_tag.c.artifact_id
        conditions.append(version_tag.c.tag == bindparam("tag"))
    if "artifact" in fields:
        named = select(artifact.c.id).where(artifact.c.name == bindparam("artifact"))
        if "project" in fields:
            named = named.where(artifact.c.project == bindparam("project"))
            conditions.append(owner == named.scalar_subquery())
            if not fields & {"tag", "alias", "ids", "id_prefix", "run_id", "task_id"}:
                key = version.c.version
        else:
            conditions.append(owner.in_(named))
    return source, key, conditions


def _merged(matching: list[ColumnElement[bool]], newest_first: bool, is_next: bool) -> Select[Any]:
    """Select the next rows of every kind that matches; one of them is the page."""
    other = version.alias("other")
    of_kind = _page(
        select(other.c.seq).where(other.c.kind_id == version_kind.c.id).correlate(version_kind),
        other.c.seq,
        newest_first,
        is_next,
    )
    inside = version.alias("inside")
    return (
        select(inside.c.seq)
        .select_from(version_kind.join(inside, inside.c.seq.in_(of_kind)))
        .where(*matching)
        .correlate(None)
    )


def _page(
    statement: Select[Any], key: ColumnElement[Any], newest_first: bool, is_next: bool
) -> Select[Any]:
    if is_next:
        after: BindParameter[Any] = bindparam("after")
        statement = statement.where(key < after if newest_first else key > after)
    order = key.desc() if newest_first else key.asc()
    return statement.order_by(order).limit(bindparam("limit"))


def _many(name: str, count: int) -> list[Any]:
    return [bindparam(f"{name}_{number}") for number in range(count)]


@lru_cache(maxsize=64)
def list_runs(fields: frozenset[str], *, newest_first: bool, is_next: bool) -> Sql:
    """Return the SELECT of one page of runs; the key is the id (column 0)."""
    statement = all_runs()
    for name in sorted(fields):
        statement = statement.where(run.c[name] == bindparam(name))
    return sql(_page(statement, run.c.id, newest_first, is_next))


@lru_cache(maxsize=64)
def list_tasks(fields: frozenset[str], ids: int, *, newest_first: bool, is_next: bool) -> Sql:
    """Return the SELECT of one page of tasks; the key is the id (column 0)."""
    statement = select(*(task.c[name] for name in TASK_COLUMNS))
    for name in sorted(fields - {"ids"}):
        statement = statement.where(task.c[name] == bindparam(name))
    if ids:
        statement = statement.where(task.c.id.in_(_many("id", ids)))
    return sql(_page(statement, task.c.id, newest_first, is_next))


@lru_cache(maxsize=256)
def list_links(
    fields: frozenset[str],
    tasks: int,
    versions: int,
    types: int,
    *,
    newest_first: bool,
    is_next: bool,
) -> Sql:
    """Return the SELECT of one page of links; the key is the order of commits (last column)."""
    inner = select(link.c.seq)
    if "run_id" in fields:
        inner = inner.where(link.c.run_id == bindparam("run_id"))
    if tasks:
        inner = inner.where(link.c.task_id.in_(_many("task", tasks)))
    if versions:
        inner = inner.where(link.c.version_id.in_(_many("version", versions)))
    if types:
        inner = inner.where(link.c.io_type.in_(_many("type", types)))
    inner = _page(inner, link.c.seq, newest_first, is_next)
    order = link.c.seq.desc() if newest_first else link.c.seq.asc()
    columns = [link.c[name] for name in LINK_COLUMNS]
    return sql(select(*columns, link.c.seq).where(link.c.seq.in_(inner)).order_by(order))


@lru_cache(maxsize=16)
def list_artifacts(fields: frozenset[str], *, is_next: bool) -> Sql:
    """Return the SELECT of one page of artifacts with their newest versions, by name.

    Columns: project, name, number of versions, artifact type, data type,
    size, created, updated, id of the newest version.
    """
    newest = and_(
        version.c.artifact_id == artifact.c.id,
        version.c.version == artifact.c.next_version - 1,
    )
    statement = select(
        artifact.c.project,
        artifact.c.name,
        artifact.c.next_version - 1,
        version_kind.c.artifact_type,
        version_kind.c.data_type,
        version.c.size_bytes,
        func.coalesce(version.c.updated_at, version.c.created_at),
        version.c.id,
        version.c.version,
    ).select_from(
        artifact.join(version, newest).join(version_kind, version_kind.c.id == version.c.kind_id)
    )
    for name in sorted(fields):
        column = artifact.c.project if name == "project" else version_kind.c[name]
        statement = statement.where(column == bindparam(name))
    if is_next:
        place: BindParameter[str] = bindparam("after_project")
        name_after: BindParameter[str] = bindparam("after")
        statement = statement.where(
            (artifact.c.project > place)
            | ((artifact.c.project == place) & (artifact.c.name > name_after))
            if "project" not in fields
            else artifact.c.name > name_after
        )
    return sql(statement.order_by(artifact.c.project, artifact.c.name).limit(bindparam("limit")))
