"""Pages of versions, runs, tasks, links, plugin snapshots and artifacts."""

from __future__ import annotations

from typing import Any

from artifact_plugins.errors import InputError
from artifact_plugins.ledger import rows, selects
from artifact_plugins.ledger.database import Database, Row
from artifact_plugins.ledger.pages import check_limit, page, read_token
from artifact_plugins.ledger.summary import ArtifactSummary
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    LinkQuery,
    Page,
    PluginSnapshot,
    Run,
    RunQuery,
    SnapshotQuery,
    Task,
    TaskQuery,
    VersionQuery,
)

MAX_IDS = 10_000


def versions(
    database: Database, query: VersionQuery, limit: int, token: str | None, newest_first: bool
) -> Page[ArtifactVersion]:
    """Return a page of versions; see `Ledger.versions`."""
    values = _set_fields(query)
    is_deleted = values.pop("is_deleted", None)
    if query.ids == ():
        return Page(())
    fields = frozenset(values)
    if is_deleted is not None:
        fields |= {"deleted" if is_deleted else "live"}
    if query.id_prefix is not None:
        values["id_end"] = query.id_prefix + "\U0010ffff"
    count = _spread(values, "ids")
    text, key = selects.list_versions(
        database.sql, fields, count, newest_first=newest_first, is_next=token is not None
    )
    listing = f"versions{key}{'-' if newest_first else '+'}"
    _start(values, limit, token, listing, int)
    return page(
        database.read(text, values),
        limit,
        listing=listing,
        key=lambda row: (row[key],),
        build=lambda found: rows.records(found, rows.version_record, database.path),
    )


def runs(
    database: Database, query: RunQuery, limit: int, token: str | None, newest_first: bool
) -> Page[Run]:
    """Return a page of runs; see `Ledger.runs`."""
    values = _set_fields(query)
    if query.state is not None:
        values["state"] = query.state.value
    text = selects.list_runs(
        database.sql, frozenset(values), newest_first=newest_first, is_next=token is not None
    )
    listing = f"runs{'-' if newest_first else '+'}"
    _start(values, limit, token, listing, str)
    return page(
        database.read(text, values),
        limit,
        listing=listing,
        key=_id,
        build=lambda found: rows.records(found, rows.run_record, database.path),
    )


def tasks(
    database: Database, query: TaskQuery, limit: int, token: str | None, newest_first: bool
) -> Page[Task]:
    """Return a page of tasks; see `Ledger.tasks`."""
    if query.ids == ():
        return Page(())
    values = _set_fields(query)
    fields = frozenset(values)
    count = _spread(values, "ids")
    text = selects.list_tasks(
        database.sql, fields, count, newest_first=newest_first, is_next=token is not None
    )
    listing = f"tasks{'-' if newest_first else '+'}"
    _start(values, limit, token, listing, str)
    return page(
        database.read(text, values),
        limit,
        listing=listing,
        key=_id,
        build=lambda found: rows.records(found, rows.task_record, database.path),
    )


def links(
    database: Database, query: LinkQuery, limit: int, token: str | None, newest_first: bool
) -> Page[ArtifactTaskLink]:
    """Return a page of links; see `Ledger.links`."""
    if () in (query.task_ids, query.version_ids, query.io_types):
        return Page(())
    values = _set_fields(query)
    if query.io_types is not None:
        values["io_types"] = tuple(kind.value for kind in query.io_types)
    fields = frozenset(values)
    text = selects.list_links(
        database.sql,
        fields,
        _spread(values, "task_ids"),
        _spread(values, "version_ids"),
        _spread(values, "io_types"),
        newest_first=newest_first,
        is_next=token is not None,
    )
    listing = f"links{'-' if newest_first else '+'}"
    _start(values, limit, token, listing, int)
    return page(
        database.read(text, values),
        limit,
        listing=listing,
        key=lambda row: (row[-1],),
        build=lambda found: rows.records(found, rows.link_record, database.path),
    )


def snapshots(
    database: Database, query: SnapshotQuery, limit: int, token: str | None, newest_first: bool
) -> Page[PluginSnapshot]:
    """Return a page of plugin snapshots; see `Ledger.snapshots`."""
    if query.ids == ():
        return Page(())
    values = _set_fields(query)
    fields = frozenset(values)
    count = _spread(values, "ids")
    text = selects.list_snapshots(
        database.sql, fields, count, newest_first=newest_first, is_next=token is not None
    )
    listing = f"snapshots{'-' if newest_first else '+'}"
    _start(values, limit, token, listing, int)
    return page(
        database.read(text, values),
        limit,
        listing=listing,
        key=lambda row: (row[-1],),
        build=lambda found: rows.records(found, rows.snapshot_record, database.path),
    )


def artifacts(
    database: Database,
    project: str | None,
    artifact_type: str | None,
    data_type: str | None,
    limit: int,
    token: str | None,
) -> Page[ArtifactSummary]:
    """Return a page of artifacts by name; see `Ledger.artifacts`."""
    asked = {"project": project, "artifact_type": artifact_type, "data_type": data_type}
    values: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    text = selects.list_artifacts(database.sql, frozenset(values), is_next=token is not None)
    values["limit"] = check_limit(limit) + 1
    if token is not None:
        values["after_project"], values["after"] = read_token(token, "artifacts", (str, str))
    return page(
        database.read(text, values),
        limit,
        listing="artifacts",
        key=lambda row: (row[0], row[1]),
        build=lambda found: rows.records(found, _summary, database.path),
    )


def _summary(row: Row) -> ArtifactSummary:
    return ArtifactSummary(
        project=row[0],
        artifact=row[1],
        versions=row[2],
        newest_version=row[8],
        newest_version_id=row[7],
        artifact_type=row[3],
        data_type=row[4],
        size_bytes=row[5],
        updated_at=rows.from_time(row[6]),
    )


def _id(row: Row) -> tuple[str]:
    return (row[0],)


def _set_fields(
    query: VersionQuery | RunQuery | TaskQuery | LinkQuery | SnapshotQuery,
) -> dict[str, Any]:
    found = ((name, getattr(query, name)) for name in query.__slots__)
    return {name: value for name, value in found if value is not None}


def _spread(values: dict[str, Any], field: str) -> int:
    """Give each of many values a parameter; return for how many there is room.

    The room is a power of two, filled up with the last value, so that few
    statements serve queries of every size.
    """
    many = values.pop(field, None)
    if many is None:
        return 0
    if len(many) > MAX_IDS:
        raise InputError(
            f"a query has at most {MAX_IDS} {field}, not {len(many)}", hint="ask in parts"
        )
    room = 1 << (len(many) - 1).bit_length()
    for number in range(room):
        values[f"{field}_{number}"] = many[min(number, len(many) - 1)]
    return room


def _start(values: dict[str, Any], limit: int, token: str | None, listing: str, kind: type) -> None:
    values["limit"] = check_limit(limit) + 1
    if token is not None:
        (values["after"],) = read_token(token, listing, (kind,))
