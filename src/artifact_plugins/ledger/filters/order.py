"""What a page is ordered by, and the condition that the next one starts with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, case, false, or_

from artifact_plugins.ledger.filters.tree import Column, Lower, Operand, Path, SortKey
from artifact_plugins.ledger.filters.where import Where


@dataclass(frozen=True, slots=True)
class Key:
    """One expression of `ORDER BY`; NULL is last in both directions.

    Attributes:
        types: Of its values.
    """

    expression: ColumnElement[Any]
    is_descending: bool
    is_nullable: bool
    types: tuple[type, ...]

    def clauses(self) -> list[ColumnElement[Any]]:
        """Return what stands behind `ORDER BY`."""
        found = self.expression.desc() if self.is_descending else self.expression.asc()
        # An index serves the order only without a word about NULLs.
        return [found.nulls_last() if self.is_nullable else found]


def keys(where: Where, order: Sequence[SortKey]) -> list[Key]:
    """Return the keys of an order; the last one is unique.

    Values of a place in JSON come by type: numbers, then texts, then, as if
    there were none, everything else.
    """
    kind = where.kind
    found: list[Key] = []
    for key in order:
        name = _name(key.operand)
        if isinstance(key.operand, Column) and name in kind.by_time:
            break
        is_nullable = isinstance(key.operand, Path) or kind.fields[name].is_nullable
        found += [
            Key(expression, key.is_descending, is_nullable, types)
            for expression, types in _expressions(where, key.operand)
        ]
        if name == "id" and isinstance(key.operand, Column):
            return found
    last = key if order else SortKey(Column(kind.tie), False)
    types = _NUMBER if kind.tie == "seq" else _TEXT
    return [*found, Key(where.table.c[kind.tie], last.is_descending, False, types)]


def after(keys: Sequence[Key], values: Sequence[Any]) -> ColumnElement[bool]:
    """Return what is true for the rows that come after one.

    Args:
        keys: The order.
        values: Of that row, as far as whether each is None; the others are the
            parameters `after_0`, `after_1`, ...
    """
    found: ColumnElement[bool] = false()
    for number in reversed(range(len(keys))):
        key = keys[number]
        place: BindParameter[Any] = bindparam(f"after_{number}", None)
        if values[number] is None:
            beyond: ColumnElement[bool] = false()
            same: ColumnElement[bool] = key.expression.is_(None)
        else:
            beyond = key.expression < place if key.is_descending else key.expression > place
            if key.is_nullable:
                beyond = or_(beyond, key.expression.is_(None))
            same = key.expression == place
        found = or_(beyond, and_(same, found)) if number < len(keys) - 1 else beyond
    first = keys[0]
    if len(keys) > 1 and not first.is_nullable:
        # A range that an index can start from; the rest says it exactly.
        place = bindparam("after_0", None)
        at_most = first.expression <= place if first.is_descending else first.expression >= place
        found = and_(at_most, found)
    return found


def _expressions(
    where: Where, operand: Operand
) -> list[tuple[ColumnElement[Any], tuple[type, ...]]]:
    if isinstance(operand, Column):
        return [(where.column(operand.name), _TYPES[where.field(operand.name).type])]
    if isinstance(operand, Lower):
        return [(where.text(operand), _TEXT)]
    view = where.view(operand)
    number, text = view.sortable(), view.text()
    rank = case((number.is_not(None), 1), (text.is_not(None), 2))
    return [(rank, _NUMBER), (number, _NUMBER), (text, _TEXT)]


_NUMBER, _TEXT = (int, float), (str,)
_TYPES = {"text": _TEXT, "number": _NUMBER, "time": _NUMBER, "boolean": (int, bool)}


def _name(operand: Operand) -> str:
    return _name(operand.operand) if isinstance(operand, Lower) else operand.name
