"""Sorting, filtering and paging of a listing, with tokens that name the next page's first row."""

from __future__ import annotations

import base64
import heapq
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from artifact_plugins.faces.kfp.predicates import Cell, Predicate, parse
from artifact_plugins.faces.kfp.refusals import Refusal, invalid

T = TypeVar("T")
DEFAULT_SIZE, LARGEST_SIZE = 20, 200
_SORT = re.compile(r"\s*(\S+)(?:\s+(asc|desc))?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Listable(Generic[T]):
    """A kind of record that can be listed.

    Attributes:
        name: As messages call it.
        columns: What can be sorted and filtered by, and how it is read.
        default: The column that orders when none is asked for.
        key: Reads the primary key, which breaks ties.
    """

    name: str
    columns: Mapping[str, Callable[[T], Cell]]
    default: str
    key: Callable[[T], str]


@dataclass(frozen=True, slots=True)
class Start:
    """The first row of a page: its sort value and key."""

    value: Cell
    key: str


@dataclass(frozen=True, slots=True)
class Options(Generic[T]):
    """How a listing is asked for; made before anything is looked up.

    Attributes:
        start: Where the page starts when it was made here.
        after: The ledger's own token when it made the page (`keyset.py`).
    """

    listable: Listable[T]
    size: int
    column: str
    is_descending: bool
    filter_text: str
    predicates: tuple[Predicate, ...]
    start: Start | None
    after: str | None = None

    def matches(self, row: T) -> bool:
        """Tell whether a row meets every predicate."""
        columns = self.listable.columns
        return all(one.holds(columns[one.key](row)) for one in self.predicates)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows of a page, how many there are on all pages, and the next one's token."""

    rows: list[T]
    total: int
    token: str


def options(
    listable: Listable[T],
    query: Mapping[str, Any],
    *,
    order_parameter: str = "sort_by",
    filter_text: str | None = None,
) -> Options[T]:
    """Check and join what a listing is asked for.

    Args:
        listable: What is listed.
        query: The parameters of the request.
        order_parameter: Which of them names the order.
        filter_text: The filter, when it is not the parameter `filter` as it is.

    Raises:
        Refusal: A size below 0, a token of something else, an unknown column, no filter.
    """
    page_size, page_token = query.get("page_size", 0), query.get("page_token", "")
    sort_by = query.get(order_parameter, "")
    filter_text = query.get("filter", "") if filter_text is None else filter_text
    if page_size < 0:
        raise invalid(f"The page size should be greater than 0. Got {page_size}")
    size = min(page_size or DEFAULT_SIZE, LARGEST_SIZE)
    given = _open(page_token) if page_token else None
    column, is_descending = _order(listable, sort_by)
    predicates = parse(filter_text, listable.columns)
    if given is None:
        return Options(listable, size, column, is_descending, filter_text, predicates, None)
    if given["listing"] != listable.name or given["column"] not in listable.columns:
        raise bad_token()
    is_same_sort = not sort_by.strip() or [column, is_descending] == [
        given["column"],
        given["is_descending"],
    ]
    try:
        kept = parse(given["filter"], listable.columns)
    except Refusal as refusal:  # whoever made the token may not have been us
        raise bad_token() from refusal
    if not is_same_sort or (filter_text and predicates != kept):
        raise invalid(
            "page token does not match the supplied sort by and/or filtering criteria. "
            "Either specify the same criteria or leave the latter empty if page token is specified"
        )
    after = given["after"]
    start = Start(given["value"], given["key"]) if after is None else None
    return Options(
        listable, size, given["column"], given["is_descending"], given["filter"], kept, start, after
    )


def page(asked: Options[T], rows: Iterable[T]) -> Page[T]:
    """Return the page of the rows that match; of the others only their number is kept."""
    read, key = asked.listable.columns[asked.column], asked.listable.key
    first = (_rank(asked.start.value), asked.start.key) if asked.start is not None else None
    total = 0

    def on_or_after() -> Iterator[tuple[tuple[Any, str], T]]:
        nonlocal total
        for row in rows:
            if not asked.matches(row):
                continue
            total += 1
            place = (_rank(read(row)), key(row))
            if first is None or (place <= first if asked.is_descending else place >= first):
                yield place, row

    choose = heapq.nlargest if asked.is_descending else heapq.nsmallest
    found = choose(asked.size + 1, on_or_after(), key=lambda one: one[0])
    token = ""
    if len(found) > asked.size:
        (_, last_key), last = found.pop()
        token = token_of(asked, read(last), last_key)
    return Page([row for _, row in found], total, token)


def _rank(value: Cell) -> tuple[int, Any]:
    """Return what sorts: nothing first, then numbers, then text."""
    if value is None:
        return 0, 0
    return (2, value) if isinstance(value, str) else (1, value)


def _order(listable: Listable[Any], text: str) -> tuple[str, bool]:
    if not text.strip():
        return listable.default, False
    match = _SORT.fullmatch(text)
    if match is None:
        raise invalid(
            f'Received invalid sort by format "{text[:200]}". '
            'Supported format: "field_name", "field_name desc", or "field_name asc"'
        )
    column = match[1]
    if column not in listable.columns:
        raise invalid(f'Invalid sorting field: "{column[:200]}" on listable type {listable.name}')
    return column, (match[2] or "").lower() == "desc"


def token_of(asked: Options[Any], value: Cell, key: str, after: str | None = None) -> str:
    """Return the token of the page that starts at a row, or after what the ledger's token says."""
    content = {
        "listing": asked.listable.name,
        "column": asked.column,
        "is_descending": asked.is_descending,
        "filter": asked.filter_text,
        "value": value,
        "key": key,
        "after": after,
    }
    return base64.b64encode(json.dumps(content).encode()).decode()


def _open(token: str) -> dict[str, Any]:
    kinds = {
        "listing": str,
        "column": str,
        "is_descending": bool,
        "filter": str,
        "value": str | int | float | None,
        "key": str,
        "after": str | None,
    }
    try:
        found = json.loads(base64.b64decode(token, validate=True))
    except (ValueError, RecursionError) as error:
        raise bad_token() from error
    if not isinstance(found, dict) or found.keys() != kinds.keys():
        raise bad_token()
    if not all(isinstance(found[name], kind) for name, kind in kinds.items()):
        raise bad_token()
    return found


def bad_token() -> Refusal:
    """Return the refusal of a token that this listing did not make."""
    return invalid("Invalid page token")
