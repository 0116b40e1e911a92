"""Pages of versions, runs, tasks, links, plugin snapshots and artifacts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

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
Query = VersionQuery | RunQuery | TaskQuery | LinkQuery | SnapshotQuery
T = TypeVar("T")


class Start(NamedTuple):
    """Where a page starts, how many records it has at most, and in which direction it goes."""

    limit: int
    token: str | None
    newest_first: bool


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """How the rows of a listing become a page.

    Attributes:
        name: In its page tokens.
        column: Where a row has the key of the page.
        kind: The type of that key.
        make: Builds a record of a row.
    """

    name: str
    column: int
    kind: type
    make: Callable[[Row], T]


_RUNS = Listing("runs", 0, str, rows.run_record)
_TASKS = Listing("tasks", 0, str, rows.task_record)
_LINKS = Listing("links", -1, int, rows.link_record)
_MANY_OF_LINKS = ("task_ids", "version_ids", "io_types")
_SNAPSHOTS = Listing("snapshots", -1, int, rows.snapshot_record)


def versions(database: Database, query: VersionQuery, start: Start) -> Page[ArtifactVersion]:
    """Return a page of versions; see `Ledger.versions`."""
    if query.ids == ():
        return Page(())
    values, fields, room = _of_versions(query)
    newest_first, is_next = start.newest_first, start.token is not None
    text, key = selects.list_versions(
        database.sql, fields, room, newest_first=newest_first, is_next=is_next
    )
    listing = Listing(f"versions{key}", key, int, rows.version_record)
    return _page(database, text, values, start, listing)


def runs(database: Database, query: RunQuery, start: Start) -> Page[Run]:
    """Return a page of runs; see `Ledger.runs`."""
    values = _set_fields(query)
    if query.state is not None:
        values["state"] = query.state.value
    text = _select(database, selects.list_runs, values, start)
    return _page(database, text, values, start, _RUNS)


def tasks(database: Database, query: TaskQuery, start: Start) -> Page[Task]:
    """Return a page of tasks; see `Ledger.tasks`."""
    if query.ids == ():
        return Page(())
    values = _set_fields(query)
    text = _select(database, selects.list_tasks, values, start, "ids")
    return _page(database, text, values, start, _TASKS)


def links(database: Database, query: LinkQuery, start: Start) -> Page[ArtifactTaskLink]:
    """Return a page of links; see `Ledger.links`."""
    if () in (query.task_ids, query.version_ids, query.io_types):
        return Page(())
    values = _of_links(query)
    text = _select(database, selects.list_links, values, start, *_MANY_OF_LINKS)
    return _page(database, text, values, start, _LINKS)


def snapshots(database: Database, query: SnapshotQuery, start: Start) -> Page[PluginSnapshot]:
    """Return a page of plugin snapshots; see `Ledger.snapshots`."""
    if query.ids == ():
        return Page(())
    values = _set_fields(query)
    text = _select(database, selects.list_snapshots, values, start, "ids")
    return _page(database, text, values, start, _SNAPSHOTS)


def count(database: Database, query: VersionQuery | TaskQuery | LinkQuery) -> int:
    """Return how many records a query is for; see `Ledger.count`."""
    if isinstance(query, LinkQuery):
        if () in (query.task_ids, query.version_ids, query.io_types):
            return 0
        values = _of_links(query)
        fields = frozenset(values)
        rooms = [_spread(values, field) for field in _MANY_OF_LINKS]
        text = selects.count_links(database.sql, fields, *rooms)
    elif query.ids == ():
        return 0
    elif isinstance(query, VersionQuery):
        values, fields, room = _of_versions(query)
        text = selects.count_versions(database.sql, fields, room)
    else:
        values = _set_fields(query)
        text = selects.count_tasks(database.sql, frozenset(values), _spread(values, "ids"))
    return int(database.read(text, values)[0][0])


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


def _of_versions(query: VersionQuery) -> tuple[dict[str, Any], frozenset[str], int]:
    """Return the parameters of a query, the names of its fields, and the room for its ids."""
    values = _set_fields(query)
    is_deleted = values.pop("is_deleted", None)
    fields = frozenset(values)
    if is_deleted is not None:
        fields |= {"deleted" if is_deleted else "live"}
    if query.id_prefix is not None:
        values["id_end"] = query.id_prefix + "\U0010ffff"
    return values, fields, _spread(values, "ids")


def _of_links(query: LinkQuery) -> dict[str, Any]:
    values = _set_fields(query)
    if query.io_types is not None:
        values["io_types"] = tuple(kind.value for kind in query.io_types)
    return values


def _set_fields(query: Query) -> dict[str, Any]:
    found = ((name, getattr(query, name)) for name in query.__slots__)
    return {name: value for name, value in found if value is not None}


def _select(
    database: Database, make: Callable[..., str], values: dict[str, Any], start: Start, *many: str
) -> str:
    """Make the SELECT of what a query asks for; each field of `many` gets its parameters."""
    fields = frozenset(values)
    rooms = [_spread(values, field) for field in many]
    newest_first, is_next = start.newest_first, start.token is not None
    return make(database.sql, fields, *rooms, newest_first=newest_first, is_next=is_next)


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


def _page(
    database: Database, text: str, values: dict[str, Any], start: Start, listing: Listing[T]
) -> Page[T]:
    name = f"{listing.name}{'-' if start.newest_first else '+'}"
    values["limit"] = check_limit(start.limit) + 1
    if start.token is not None:
        (values["after"],) = read_token(start.token, name, (listing.kind,))
    return page(
        database.read(text, values),
        start.limit,
        listing=name,
        key=lambda row: (row[listing.column],),
        build=lambda found: rows.records(found, listing.make, database.path),
    )
