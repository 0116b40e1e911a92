"""Pages of a server's listing as pages of a query, every answer checked here as well."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from artifact_plugins.contracts.backend import RemoteQuery, RemoteVersion
from artifact_plugins.errors import QueryError
from artifact_plugins.records import Page

_LIMIT_MAX = 1_000


def page_of(query: RemoteQuery, walk: Iterable[tuple[RemoteVersion, str]]) -> Page[RemoteVersion]:
    """Return one page of what a query accepts; asks for no more of a walk than it takes.

    Servers ignore filters that they do not know, and many have no filter at
    all: so `query.accepts` decides, whatever the server was asked for.

    Args:
        walk: From where `query.page_token` says on, each version with the token
            of a page that begins with it.

    Raises:
        QueryError: The limit is not 1 to 1,000.
    """
    if not 1 <= query.limit <= _LIMIT_MAX:
        raise QueryError(f"a page has 1 to {_LIMIT_MAX:,} versions, not {query.limit}")
    found: list[RemoteVersion] = []
    for version, token in walk:
        if query.accepts(version):
            if len(found) == query.limit:
                return Page(tuple(found), token)
            found.append(version)
    return Page(tuple(found))


def token_of(*place: Any) -> str:
    """Return a page token that holds a place in a listing: anything that is JSON."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def place_of(token: str, system: str) -> list[Any]:
    """Return the place that `token_of` wrote; the caller checks what is in it.

    Raises:
        QueryError: It is no such token.
    """
    try:
        found = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, RecursionError) as error:
        raise no_token(token, system) from error
    if not isinstance(found, list):
        raise no_token(token, system)
    return found


def no_token(token: str, system: str) -> QueryError:
    """Return the error for a page token that a listing did not give."""
    return QueryError(
        f"{token[:60]!r} is no page token of {system}", hint="ask for the first page without one"
    )
