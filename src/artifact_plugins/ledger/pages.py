"""Page tokens and limits: where the next page of a listing starts."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from artifact_plugins.errors import InputError, InvalidKeyError
from artifact_plugins.records import Page

T = TypeVar("T")
Row = tuple[Any, ...]
MAX_LIMIT = 1000


def check_limit(limit: int) -> int:
    """Return the limit; it is 1 to 1000.

    Raises:
        InputError: It is something else.
    """
    if not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise InputError(
            f"a page has 1 to {MAX_LIMIT} records, not {limit!r}",
            hint="ask for the next page with its token",
            limit=limit,
        )
    return limit


def make_token(listing: str, key: Sequence[int | float | str | None]) -> str:
    """Return an opaque token that says after which key the next page starts."""
    text = json.dumps([listing, *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def open_token(token: str) -> list[Any]:
    """Return what is inside a token: the listing, then its key; nothing when it is no token."""
    try:
        padded = token + "=" * (-len(token) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def read_token(token: str, listing: str, types: tuple[type, ...]) -> list[Any]:
    """Return the key inside a token.

    Raises:
        InvalidKeyError: It was not made by this listing.
    """
    found = open_token(token)
    if (
        found[:1] != [listing]
        or tuple(type(part) for part in found[1:]) != types
        or any(type(part) is int and abs(part) >= 2**63 for part in found[1:])
    ):
        raise InvalidKeyError(
            f"page token {str(token)[:40]!r} was not made by this listing",
            hint="start again without a token",
            token=token,
        )
    return found[1:]


def page(
    rows: list[Row],
    limit: int,
    *,
    listing: str,
    key: Callable[[Row], Sequence[int | float | str | None]],
    build: Callable[[list[Row]], tuple[T, ...]],
) -> Page[T]:
    """Make a page of at most `limit` rows; one row more tells that there is a next one."""
    shown = rows[:limit]
    token = make_token(listing, key(shown[-1])) if len(rows) > limit else None
    return Page(build(shown), token)
