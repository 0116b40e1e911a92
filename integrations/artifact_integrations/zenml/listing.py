"""A query for versions: the server's own filters where they are exact, everything checked here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from artifact_plugins.contracts.backend import RemoteQuery, RemoteVersion
from artifact_plugins.errors import BackendContractError, BackendRejectedError
from artifact_plugins.records import Page
from artifact_plugins.transport import no_token, page_of

from . import fields
from .reading import remote_version
from .server import SYSTEM, Server
from .versions import Versions

# Texts that no operator of a filter (`gt:`, `oneof:`) can be read into, nor another type.
_PLAIN = re.compile(r"[^\W\d][\w .@/+=-]*")
_CONSTANTS = ("true", "false", "null", "nan", "infinity", "inf")
_EXACT = 2**24
_SIZE = 100
_TOKEN = re.compile(r"([0-9]{1,9})\.([0-9]{1,4})(?:\.(.+))?")
_MOMENT = "%Y-%m-%d %H:%M:%S"


def filters_of(query: RemoteQuery, project: str) -> dict[str, Any]:
    """Return the parameters of a listing that the server filters by itself.

    ZenML ignores filters that it does not know and reads operators out of
    values, so only plain values are sent; the rest is checked here alone. So
    are times: the server knows when a version was registered, not when it was
    made.
    """
    metadata = []
    if query.run_id is not None:
        metadata.append((fields.RUN_ID, query.run_id))
    if query.artifact_type is not None:
        metadata.append((fields.TYPE, query.artifact_type))
    metadata += [(key, value) for key, value in query.metadata.items() if ":" not in key]
    found: dict[str, Any] = {"project": project, "hydrate": True}
    if query.artifact is not None:
        found["artifact"] = query.artifact
    plain = [f"{key}:{condition}" for key, value in metadata for condition in _conditions(value)]
    if plain:
        found["run_metadata"] = plain
    tags = [tag for tag in fields.shown_tags(query.tags) if ":" not in tag]
    if tags:
        found["tags"] = tags
    return found


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a page starts.

    Attributes:
        number: Of the server's page.
        skipped: Items of it that were seen.
        until: Newer registrations are left out, so that pages do not move.
    """

    number: int = 1
    skipped: int = 0
    until: str | None = None

    def __str__(self) -> str:
        return f"{self.number}.{self.skipped}" + (f".{self.until}" if self.until else "")


class Listing:
    """Lists versions of one server."""

    def __init__(self, server: Server, versions: Versions) -> None:
        self._server = server
        self._versions = versions

    def page(self, query: RemoteQuery) -> Page[RemoteVersion]:
        """Return one page.

        Raises:
            QueryError: The token or the limit is none.
        """
        mark = _mark(query.page_token)
        walk = self._by_ids if query.version_ids else self._walk
        return page_of(query, ((version, str(at)) for version, at in walk(query, mark)))

    def every(self, query: RemoteQuery, **more: Any) -> Iterator[RemoteVersion]:
        """Yield all versions of a query, oldest first, with further filters of the server."""
        filters = {**filters_of(query, self._server.project), **more}
        for item in self._server.items("/artifact_versions", filters):
            version = _readable(item)
            if query.accepts(version):
                yield version

    def _walk(self, query: RemoteQuery, mark: _Mark) -> Iterator[tuple[RemoteVersion, _Mark]]:
        """Yield versions from a mark on, each with its own."""
        filters = filters_of(query, self._server.project)
        filters["sort_by"] = "desc:created" if query.newest_first else "asc:created"
        filters["size"] = _SIZE  # of every page, so that a token fits any limit
        number, skipped, until = mark.number, mark.skipped, mark.until
        while True:
            bounded = {**filters, **({"created": f"lte:{until}"} if until else {})}
            try:
                page = self._server.page("/artifact_versions", bounded, number)
            except BackendRejectedError as error:
                if number > 1 and error.status == 400:  # behind the last page
                    return
                raise
            items = page["items"]
            if until is None and items and query.newest_first:
                until = _second_after(items[0])
            for place, item in enumerate(items[skipped:], skipped):
                yield _readable(item), _Mark(number, place, until)
            if number >= page["total_pages"] or not items:
                return
            number, skipped = number + 1, 0

    def _by_ids(self, query: RemoteQuery, mark: _Mark) -> Iterator[tuple[RemoteVersion, _Mark]]:
        """Look each id up: filters cannot say `one of` for metadata."""
        items = [self._versions.find(ours) for ours in dict.fromkeys(query.version_ids)]
        found = [version for item in items if item and query.accepts(version := _readable(item))]
        found.sort(key=lambda version: _created(version.raw), reverse=query.newest_first)
        for place, version in enumerate(found[mark.skipped :], mark.skipped):
            yield version, _Mark(1, place)


def _readable(item: dict[str, Any]) -> RemoteVersion:
    """Return a version; one whose record was damaged there counts as somebody else's."""
    try:
        return remote_version(item)
    except BackendContractError:
        body = item.get("body") or {}
        name = (body.get("artifact") or {}).get("name", "")
        return RemoteVersion(external_id=item["id"], name=name, uri=body.get("uri", ""), raw=item)


def _conditions(value: Any) -> tuple[str, ...]:
    """Return what the server can check about an equal value; nothing for most kinds.

    Equal numbers have several spellings (3, 3.0) and 1 equals true, so a whole
    number is bounded from both sides, where a float of any database is exact.
    """
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and value.lower() not in _CONSTANTS
        # An id of ours begins with a digit, but is no number.
        return (value,) if is_plain or _is_id(value) else ()
    if type(value) is int and 1 < abs(value) < _EXACT:
        return f"gte:{value}", f"lte:{value}"
    return ()


def _is_id(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text))


def _mark(token: str | None) -> _Mark:
    if token is None:
        return _Mark()
    match = _TOKEN.fullmatch(token)
    if match is None or int(match[1]) < 1:
        raise no_token(token, SYSTEM)
    if match[3] is not None:
        try:
            datetime.strptime(match[3], _MOMENT)  # noqa: DTZ007  # ZenML's times have no zone
        except ValueError as error:
            raise no_token(token, SYSTEM) from error
    return _Mark(int(match[1]), int(match[2]), match[3])


def _created(item: Any) -> str:
    return str(item["body"]["created"])


def _second_after(item: dict[str, Any]) -> str | None:
    """Return the next whole second after a registration: filters know no fractions."""
    try:
        return (datetime.fromisoformat(_created(item)) + timedelta(seconds=1)).strftime(_MOMENT)
    except ValueError:
        return None
