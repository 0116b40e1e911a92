"""The `filter` of a listing: predicates over the columns of its records.

Values are compared as KFP's database does: enums are their numbers, times
Unix seconds, text is compared with a number as the number it begins with, and
what is missing matches nothing.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from artifact_plugins.faces.kfp.messages import FILTER, PREDICATE_VALUES
from artifact_plugins.faces.kfp.protojson import decode, read
from artifact_plugins.faces.kfp.refusals import Refusal, invalid

Cell = str | int | float | None
_NUMBER = re.compile(r"\s*([+-]?\d+(\.\d*)?([eE][+-]?\d+)?)")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "EQUALS": operator.eq,
    "NOT_EQUALS": operator.ne,
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_EQUALS": operator.ge,
    "LESS_THAN": operator.lt,
    "LESS_THAN_EQUALS": operator.le,
}


@dataclass(frozen=True, slots=True)
class Predicate:
    """One condition.

    Attributes:
        kind: Which value it was given: `string_value`, `int_values`, ...
        value: Text or a number; a tuple of them for IN.
    """

    operation: str
    key: str
    kind: str
    value: str | int | tuple[str | int, ...]

    def holds(self, cell: Cell) -> bool:
        """Tell whether a cell of the column meets the condition."""
        if cell is None:
            return False
        if isinstance(self.value, tuple):
            return any(operator.eq(*_alike(cell, one)) for one in self.value)
        if self.operation == "IS_SUBSTRING":
            return _is_like(str(cell), str(self.value))
        return _COMPARE[self.operation](*_alike(cell, self.value))


def parse(text: str, columns: Mapping[str, Any]) -> tuple[Predicate, ...]:
    """Return the predicates of a `filter` parameter.

    The text is percent-decoded once more after the HTTP layer did it.

    Args:
        text: JSON of a filter; empty for none.
        columns: What can be filtered by.

    Raises:
        Refusal: It is no filter, or asks for what is not there.
    """
    if not text:
        return ()
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise _unparsed(text, "invalid URL escape")
    try:
        message = read(FILTER, decode(unquote_plus(text, errors="strict").encode()))
    except UnicodeDecodeError as error:
        raise _unparsed(text, "invalid UTF-8") from error
    except Refusal as refusal:
        raise _unparsed(text, refusal.message) from refusal
    return tuple(_predicate(one, columns, text) for one in message.get("predicates", ()))


def equal_uri(text: str) -> str | None:
    """Return the URI when the filter is exactly one EQUALS on `uri`; not decoded once more."""
    try:
        message = read(FILTER, decode(text.encode()))
    except (Refusal, UnicodeEncodeError):
        return None
    (one, *others) = message.get("predicates") or [{}]
    is_such = (one.get("operation"), one.get("key")) == ("EQUALS", "uri") and not others
    return one.get("string_value") or None if is_such else None


def _predicate(given: dict[str, Any], columns: Mapping[str, Any], text: str) -> Predicate:
    operation, key = given.get("operation", "OPERATION_UNSPECIFIED"), given.get("key", "")
    kinds = [kind for kind in PREDICATE_VALUES if kind in given]
    if len(kinds) > 1:
        raise _unparsed(text, "a predicate has one value")
    kind = kinds[0] if kinds else "nil"
    if not key:
        raise invalid(f"Predicate key cannot be empty for operation {operation}")
    is_array = kind.endswith("values")
    if operation == "IN":
        if not is_array:
            raise invalid(f"cannot use IN operator with scalar type {kind}")
    elif operation == "IS_SUBSTRING":
        if kind != "string_value":
            raise invalid(f"cannot use non string value type {kind} with operator {operation}")
    elif operation in _COMPARE:
        if is_array:
            raise invalid(f"cannot use scalar operator {operation} on array type {kind}")
    else:
        raise _unparsed(text, f"unsupported operation {operation}")
    if kind == "nil":
        raise _unparsed(text, f"the predicate on {key!r} has no value")
    if key not in columns:
        raise invalid(f'no support for filtering on unrecognized field "{key}"')
    value = given[kind]
    if is_array:
        return Predicate(operation, key, kind, tuple(value.get("values", ())))
    if kind == "timestamp_value":
        value = int(value.timestamp() // 1)
    return Predicate(operation, key, kind, value)


def _alike(cell: str | float, value: str | int) -> tuple[Any, Any]:
    """Return both sides in one type: a number beside a number."""
    if isinstance(cell, str) == isinstance(value, str):
        return cell, value
    return _number(cell), _number(value)


def _number(side: str | float) -> int | float:
    if not isinstance(side, str):
        return side
    found = _NUMBER.match(side)
    return float(found[1]) if found else 0


def _is_like(cell: str, text: str) -> bool:
    """Tell whether SQL's `LIKE %text%` matches; `%` and `_` in the text are wildcards.

    Each part between two `%` is looked for where the part before ended: the
    first place is as good as any other, so nothing is tried twice.
    """
    place = 0
    for part in _parts(text):
        found = part.search(cell, place)
        if found is None:
            return False
        place = found.end()
    return True


@lru_cache(maxsize=64)
def _parts(text: str) -> tuple[re.Pattern[str], ...]:
    return tuple(
        re.compile("".join("." if one == "_" else re.escape(one) for one in part), re.DOTALL)
        for part in text.split("%")
        if part
    )


def _unparsed(text: str, why: str) -> Refusal:
    shown = json.dumps(text if len(text) <= 200 else text[:197] + "...", ensure_ascii=False)
    return invalid(f"failed to parse valid filter from {shown}: {why}")
