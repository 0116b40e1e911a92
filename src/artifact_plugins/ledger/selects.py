"""Puts together the SELECTs of lookups and listings; each shape of query is made once.

A listing first finds its 20 or so rows in an index (the inner SELECT), then
fetches only those. What it is ordered by is what its page token holds: the
version number inside one artifact, else the order of commits. Values are
bound by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from artifact_plugins.ledger.database import Sql


@lru_cache(maxsize=512)
def list_versions(
    sql: Sql, fields: frozenset[str], ids: int, *, newest_first: bool, is_next: bool
) -> tuple[str, int]:
    """Return the SELECT of one page of versions, and the column of its page key.

    Args:
        fields: Names of the fields of `VersionQuery` that are set; `live` or
            `deleted` for `is_deleted`.
        ids: How many ids `ids` has room for (`ids_0`, `ids_1`, ...).
        newest_first: The direction.
        is_next: Whether the page starts after `after`.
    """
    kinds, of_kind = _kinds(sql, fields)
    order = f"ORDER BY version.seq {_direction(newest_first)}"
    if kinds and fields - {"live"} == kinds and "live" in fields:
        # The next rows of every kind that matches; one of them is the page.
        merged = _where(sql.MERGED[newest_first, is_next], of_kind)
        found = f"{sql.VERSIONS} WHERE version.seq IN ({merged}) {order}"
        return f"{found} LIMIT {sql.place('limit')}", sql.SEQ
    source, conditions = _matching(sql, fields, ids)
    key = "version.seq"
    if "tag" in fields:
        key = "version_tag.version_seq"
    elif fields >= {"project", "artifact"} and not fields & _SELECTIVE:
        key = "version.version"
    inner = _page(sql, source, conditions, key, newest_first, is_next)
    column = sql.NUMBER if key == "version.version" else sql.SEQ
    return f"{sql.VERSIONS} WHERE version.seq IN ({inner}) {order}", column


@lru_cache(maxsize=64)
def count_versions(sql: Sql, fields: frozenset[str], ids: int) -> str:
    """Return the SELECT of how many versions match; fields and ids as in `list_versions`."""
    return _count(_where(*_matching(sql, fields, ids)))


def _matching(sql: Sql, fields: frozenset[str], ids: int) -> tuple[str, list[str]]:
    """Return where the numbers of versions are selected from, and the conditions."""
    kinds, of_kind = _kinds(sql, fields)
    conditions = [*_artifact_conditions(sql, fields), *_own_conditions(sql, fields, ids)]
    if kinds:
        conditions.append(f"version.kind_id IN ({_where(sql.KIND_IDS, of_kind)})")
    return sql.TAGGED_SEQS if "tag" in fields else sql.VERSION_SEQS, conditions


def _kinds(sql: Sql, fields: frozenset[str]) -> tuple[frozenset[str], list[str]]:
    """Return the fields that kinds of versions are chosen by, and their conditions."""
    kinds = fields & {"artifact_type", "data_type"}
    if "artifact" not in fields:
        kinds |= fields & {"project"}
    return kinds, [sql.KIND_WHERE[name] for name in sorted(kinds)]


# What finds its versions without walking through those of the artifact.
_SELECTIVE = frozenset({"alias", "ids", "id_prefix", "run_id", "task_id"})


_OWN = ("version", "run_id", "task_id", "live", "deleted")


def _artifact_conditions(sql: Sql, fields: frozenset[str]) -> list[str]:
    conditions = []
    if "tag" in fields:
        conditions.append(sql.VERSION_WHERE["tag"])
    if "artifact" in fields:
        owner = "tagged_artifact" if "tag" in fields else "artifact"
        place = "_in_project" if "project" in fields else ""
        conditions.append(sql.VERSION_WHERE[owner + place])
    return conditions


def _own_conditions(sql: Sql, fields: frozenset[str], ids: int) -> list[str]:
    wanted: list[str] = [name for name in _OWN if name in fields]
    if "task_id" in fields and "run_id" not in fields:  # the index starts with the run
        wanted.append("run_of_task")
    conditions = [sql.VERSION_WHERE[name] for name in wanted]
    if ids:
        conditions.append(_many(sql, sql.VERSION_WHERE, "ids", ids))
    return conditions + [
        sql.VERSION_WHERE[name] for name in ("id_prefix", "alias") if name in fields
    ]


@lru_cache(maxsize=64)
def list_runs(sql: Sql, fields: frozenset[str], *, newest_first: bool, is_next: bool) -> str:
    """Return the SELECT of one page of runs; the key is the id (column 0)."""
    conditions = [sql.RUN_WHERE[name] for name in sorted(fields)]
    return _page(sql, sql.RUNS, conditions, "run.id", newest_first, is_next)


@lru_cache(maxsize=2)
def runs_from_to(sql: Sql) -> str:
    """Return the SELECT of up to `limit` runs whose id or name is in [start, end)."""
    by_id = _where(sql.RUNS, [sql.RUN_WHERE["id_prefix"]])
    by_name = _where(sql.RUNS, [sql.RUN_WHERE["name_prefix"]])
    return f"{by_id} UNION {by_name} ORDER BY id LIMIT {sql.place('limit')}"


@lru_cache(maxsize=64)
def list_tasks(
    sql: Sql, fields: frozenset[str], ids: int, *, newest_first: bool, is_next: bool
) -> str:
    """Return the SELECT of one page of tasks; the key is the id (column 0)."""
    conditions = _of_tasks(sql, fields, ids)
    return _page(sql, sql.TASKS, conditions, "task.id", newest_first, is_next)


@lru_cache(maxsize=16)
def count_tasks(sql: Sql, fields: frozenset[str], ids: int) -> str:
    """Return the SELECT of how many tasks match."""
    return _count(_where(sql.TASKS, _of_tasks(sql, fields, ids)))


def _of_tasks(sql: Sql, fields: frozenset[str], ids: int) -> list[str]:
    conditions = [sql.TASK_WHERE[name] for name in sorted(fields - {"ids"})]
    return [*conditions, _many(sql, sql.TASK_WHERE, "ids", ids)] if ids else conditions


@lru_cache(maxsize=256)
def list_links(
    sql: Sql,
    fields: frozenset[str],
    tasks: int,
    versions: int,
    types: int,
    *,
    newest_first: bool,
    is_next: bool,
) -> str:
    """Return the SELECT of one page of links; the key is the order of commits (last column)."""
    conditions = _of_links(sql, fields, tasks, versions, types)
    inner = _page(sql, sql.LINK_SEQS, conditions, "link.seq", newest_first, is_next)
    order = _direction(newest_first)
    return f"{sql.LINKS} WHERE link.seq IN ({inner}) ORDER BY link.seq {order}"


@lru_cache(maxsize=64)
def count_links(sql: Sql, fields: frozenset[str], tasks: int, versions: int, types: int) -> str:
    """Return the SELECT of how many links match."""
    return _count(_where(sql.LINK_SEQS, _of_links(sql, fields, tasks, versions, types)))


def _of_links(sql: Sql, fields: frozenset[str], tasks: int, versions: int, types: int) -> list[str]:
    conditions = [sql.LINK_WHERE["run_id"]] if "run_id" in fields else []
    rooms = {"task_ids": tasks, "version_ids": versions, "io_types": types}
    return conditions + [
        _many(sql, sql.LINK_WHERE, name, room) for name, room in rooms.items() if room
    ]


@lru_cache(maxsize=16)
def list_snapshots(
    sql: Sql, fields: frozenset[str], ids: int, *, newest_first: bool, is_next: bool
) -> str:
    """Return the SELECT of one page of plugin snapshots; the key is the last column."""
    conditions = [sql.SNAPSHOT_WHERE[name] for name in sorted(fields - {"ids"})]
    if ids:
        conditions.append(_many(sql, sql.SNAPSHOT_WHERE, "ids", ids))
    return _page(sql, sql.SNAPSHOTS, conditions, "plugin_snapshot.seq", newest_first, is_next)


@lru_cache(maxsize=16)
def list_artifacts(sql: Sql, fields: frozenset[str], *, is_next: bool) -> str:
    """Return the SELECT of one page of artifacts with their newest versions, by name."""
    conditions = [sql.ARTIFACT_WHERE[name] for name in sorted(fields)]
    if is_next:
        after = "after_in_project" if "project" in fields else "after"
        conditions.append(sql.ARTIFACT_WHERE[after])
    order = "ORDER BY artifact.project, artifact.name"
    return f"{_where(sql.ARTIFACTS, conditions)} {order} LIMIT {sql.place('limit')}"


def _count(text: str) -> str:
    return f"SELECT count(*) FROM ({text}) AS found"  # noqa: S608  # our own text


def _where(text: str, conditions: Iterable[str]) -> str:
    joined = " AND ".join(conditions)
    return f"{text} WHERE {joined}" if joined else text


def _page(
    sql: Sql, text: str, conditions: list[str], key: str, newest_first: bool, is_next: bool
) -> str:
    if is_next:
        sign = "<" if newest_first else ">"
        conditions = [*conditions, f"{key} {sign} {sql.place('after')}"]
    order = f"ORDER BY {key} {_direction(newest_first)}"
    return f"{_where(text, conditions)} {order} LIMIT {sql.place('limit')}"


def _direction(newest_first: bool) -> str:
    return "DESC" if newest_first else "ASC"


def _many(sql: Sql, conditions: Mapping[str, str], name: str, room: int) -> str:
    """Return the condition `name` with room for that many values (`name_0`, `name_1`, ...)."""
    places = ", ".join([sql.place(f"{name}_{number}") for number in range(room)])
    return conditions[name].replace(sql.place(name), places)
