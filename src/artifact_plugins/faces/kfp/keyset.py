"""Pages that the ledger makes: of a listing in its own order only the rows shown are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from artifact_plugins.errors import InvalidKeyError
from artifact_plugins.faces.kfp.pages import Options, Page, bad_token, token_of
from artifact_plugins.records import Page as LedgerPage

T = TypeVar("T")


def is_in_order(asked: Options[T], *columns: str) -> bool:
    """Tell whether a listing wants everything in the order that the ledger keeps.

    Args:
        asked: What is wanted.
        columns: What the ledger's order is one of.

    Raises:
        Refusal: The token is from such a listing, and this is none.
    """
    is_plain = not asked.predicates and asked.column in columns and asked.start is None
    if asked.after is not None and not is_plain:
        raise bad_token()
    return is_plain


def ledger_page(
    asked: Options[T], total: int, read: Callable[[int, str | None], LedgerPage[T]]
) -> Page[T]:
    """Return the page that the ledger reads.

    Args:
        asked: What is wanted; `is_in_order`.
        total: How many there are on all pages.
        read: Reads a page of the ledger: its length and token.

    Raises:
        Refusal: The token was made by nobody.
    """
    try:
        found = read(asked.size, asked.after)
    except InvalidKeyError as error:
        raise bad_token() from error
    token = "" if found.next_token is None else token_of(asked, None, "", found.next_token)
    return Page(list(found), total, token)
