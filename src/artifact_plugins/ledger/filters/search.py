"""Pages of the records that a filter holds for."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from artifact_plugins.errors import InputError, InvalidKeyError
from artifact_plugins.ledger import pages, rows
from artifact_plugins.ledger.database import Database, Row
from artifact_plugins.ledger.filters import tree
from artifact_plugins.ledger.filters.fields import KINDS, Kind
from artifact_plugins.ledger.filters.parse import parse_filter, parse_order
from artifact_plugins.ledger.filters.source import near
from artifact_plugins.records import Page

T = TypeVar("T")

_RECORDS: Mapping[str, Callable[[Row], Any]] = MappingProxyType(
    {
        "versions": rows.version_record,
        "links": rows.link_record,
        "tasks": rows.task_record,
        "runs": rows.run_record,
        "snapshots": rows.snapshot_record,
    }
)
_INT_MAX = 2**63 - 1
_SMALL_LENGTH = 10_000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked for, checked; the same for every page.

    Attributes:
        order: Without what stands behind a key that is unique already.
        name: Names the search in its page tokens.
        is_small: Whether its statement is worth keeping.
    """

    kind: Kind
    predicate: tree.Predicate
    order: tuple[tree.SortKey, ...]
    name: str
    is_small: bool


def prepare(
    kind_name: str,
    where: str | Sequence[str],
    order_by: str | Sequence[str] | None,
    *,
    project: str | None,
    values: Mapping[str, Any] | None,
) -> Search:
    """Check a search.

    Args:
        kind_name: Of `KINDS`.
        where: The filter, or several that must all hold; all records when it is empty.
        order_by: The order; None for that of time.
        project: Only records of this project, unless the filter mentions `project`
            or the kind has none.
        values: For names in the filter that are no fields.

    Raises:
        InputError: There is no such kind.
        QueryError: Points at the column where the filter or the order fails.
    """
    if kind_name not in KINDS:
        raise InputError(f"there is no kind of record {kind_name!r}", hint=near(kind_name, KINDS))
    kind = KINDS[kind_name]
    predicate = parse_filter(where, kind, values)
    order = parse_order(kind.order if order_by is None else order_by, kind)
    mentioned = tree.columns(predicate)
    scopes: list[tree.Predicate] = []
    if project is not None and "project" in kind.fields and "project" not in mentioned:
        scopes.append(tree.Compare(tree.Column("project"), "==", tree.Literal(project)))
    if "deleted_at" in kind.fields and "deleted_at" not in mentioned:
        scopes.append(tree.IsNone(tree.Column("deleted_at")))
    if scopes:
        predicate = tree.And((*scopes, predicate))
    text = repr((predicate, order))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    is_small = len(text) <= _SMALL_LENGTH
    return Search(kind, predicate, order, f"{kind.name} {digest}", is_small)


def find(database: Database, search: Search, limit: int, token: str | None) -> Page[Any]:
    """Return a page of a search.

    Args:
        database: Where to look.
        search: From `prepare`.
        limit: Most records, 1 to 1000.
        token: Of the page before; None for the first one.

    Raises:
        InputError: The limit is not 1 to 1000.
        InvalidKeyError: The token is from another search, or from nowhere.
        LedgerError, StoreError: The ledger cannot be read.
    """
    # Late: SQLAlchemy costs a quarter of a second, which only a filter is worth.
    from artifact_plugins.ledger.filters import page_sql

    count = pages.check_limit(limit) + 1
    last = None if token is None else _read_token(token, search)
    make = page_sql.kept_statement if search.is_small else page_sql.page_statement
    seeks = frozenset(
        part
        for part in tree.conjuncts(search.predicate)
        if isinstance(part, tree.Linked) and _is_rare(database, part)
    )
    found: list[Row] = []
    width = 0
    for is_near in (True, False):
        try:
            statement = make(
                search.kind.name,
                search.predicate,
                search.order,
                dialect_name=database.dialect_name,
                seeks=seeks,
                is_none=None if last is None else tuple(value is None for value in last),
                is_near=is_near,
            )
        except page_sql.OtherKeysError:
            raise _foreign(token, search) from None
        if statement is None:
            continue
        if last is not None and not all(map(_is_of, last, statement.keys)):
            raise _foreign(token, search)
        values = {**statement.values, "limit": count}
        for number, value in enumerate(last or ()):
            if value is not None:
                values[f"after_{number}"] = value
        found, width = database.read(statement.text, values), statement.width
        # Looking near has seen everything that is older.
        is_end = (
            is_near
            and last is not None
            and search.order[0].is_descending
            and last[0] <= count * page_sql.NEAR_FACTOR
        )
        if is_end or len(found) == count:
            break
    return pages.page(
        found,
        limit,
        listing=search.name,
        key=lambda row: row[width:],
        build=lambda some: rows.records(some, _RECORDS[search.kind.name], database.path),
    )


def _is_rare(database: Database, part: tree.Linked) -> bool:
    """Tell whether so few tasks or runs have a name that looking them up is worth it."""
    from artifact_plugins.ledger.filters import linked, page_sql  # late, as in `find`

    asked = page_sql.rare(part, database.dialect_name)
    return asked is not None and len(database.read(*asked)) <= linked.FEW


def _read_token(token: str, search: Search) -> tuple[Any, ...]:
    found = pages.open_token(token)
    if found[:1] != [search.name] or not all(map(_is_storable, found)):
        raise _foreign(token, search)
    return tuple(found[1:])


def _is_storable(value: object) -> bool:
    if isinstance(value, str):
        return not _UNSTORABLE.search(value)
    if isinstance(value, int):
        return -_INT_MAX - 1 <= value <= _INT_MAX
    return value is None or (isinstance(value, float) and math.isfinite(value))


def _is_of(value: object, types: tuple[type, ...]) -> bool:
    return type(value) in types


def _foreign(token: str | None, search: Search) -> InvalidKeyError:
    return InvalidKeyError(
        f"page token {str(token)[:40]!r} was made by another search of {search.kind.name}",
        hint="repeat the filter, values and order of the page before, or start without a token",
        token=token,
    )
