"""Values of an expression: written in it, or handed over beside it."""

from __future__ import annotations

import ast
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from artifact_plugins.errors import QueryError
from artifact_plugins.ledger.filters.fields import Field
from artifact_plugins.ledger.filters.source import near
from artifact_plugins.ledger.filters.tree import Literal, Value

MAX_VALUES = 10_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT_MAX = 2**63 - 1
# No database takes them, and no record has them.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Refuse = Callable[[str, str], QueryError]


@dataclass(frozen=True, slots=True)
class Moment:
    """A time, as microseconds since 1970 in UTC."""

    microseconds: int


Scalar = Value | Moment
Values = tuple[Scalar, ...]


def constant(node: ast.Constant, refuse: Refuse) -> Scalar:
    """Return the value of a literal of the expression."""
    return _scalar(node.value, refuse)


def handed_over(
    values: Mapping[str, Any] | None, taken: Mapping[str, object]
) -> dict[str, Scalar | Values]:
    """Check the values that a caller hands over for names in the expression.

    Args:
        values: Text, numbers, booleans, None, dates, datetimes (UTC unless
            they say otherwise), and lists, tuples and sets of these.
        taken: Names that mean something else already.

    Raises:
        QueryError: A name is taken or no name, or a value is something else.
    """
    checked: dict[str, Scalar | Values] = {}
    for name, value in (values or {}).items():

        def refuse(message: str, hint: str, name: str = name) -> QueryError:
            return QueryError(f"value {name!r}: {message}", hint=hint)

        if not isinstance(name, str) or not name.isidentifier() or name in taken:
            raise refuse("that name is taken, or is no name", "choose another")
        if isinstance(value, set | frozenset):
            # In an order that another process finds too: page tokens depend on it.
            checked[name] = tuple([_scalar(one, refuse) for one in sorted(value, key=repr)])
        elif isinstance(value, list | tuple):
            checked[name] = tuple([_scalar(one, refuse) for one in value])
        else:
            checked[name] = _scalar(value, refuse)
    return checked


def moment(text: str, refuse: Refuse) -> Moment:
    """Return the time that an ISO 8601 text names; without a zone it is UTC."""
    try:
        return _moment(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise refuse(
            f"{text[:40]!r} is no time", "write '2026-01-31' or '2026-01-31T12:00:00+01:00'"
        ) from None


def fit(value: Scalar, field: Field, name: str, refuse: Refuse) -> Literal:
    """Return a value as the field keeps its values; None stays None.

    Raises:
        QueryError: No value of the field is like it.
    """
    if value is None:
        return Literal(None)
    kind = field.type
    if kind == "time":
        if isinstance(value, str):
            value = moment(value, refuse)
        if isinstance(value, Moment):
            return Literal(value.microseconds)
    elif isinstance(value, Moment):
        pass
    elif kind == "text" and isinstance(value, str):
        return Literal(_text(value, field, name, refuse))
    elif (
        (kind == "boolean" and isinstance(value, bool))
        or kind == "json"
        or (kind == "number" and isinstance(value, int | float) and not isinstance(value, bool))
    ):
        return Literal(value)
    shown = "a time" if isinstance(value, Moment) else f"{value!r:.60}"
    raise refuse(f"{name!r} is a {kind} field, and {shown} is no such value", _HINTS.get(kind, ""))


_HINTS = {
    "text": "put quotes around text",
    "number": "write numbers without quotes",
    "boolean": "write True or False",
    "time": "write a date as text: '2026-01-31'",
    "json": "JSON has no times: compare with the text that was saved",
}


def _text(text: str, field: Field, name: str, refuse: Refuse) -> str:
    if field.choices and text not in field.choices:
        raise refuse(f"{name!r} is never {text[:60]!r}", near(text, field.choices))
    return unicodedata.normalize("NFC", text) if field.is_normal else text


def _scalar(value: object, refuse: Refuse) -> Scalar:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = str.__str__(value)  # of a str enum: its value
        if _UNSTORABLE.search(text):
            raise refuse("a text holds a NUL or half a character", "no record has it")
        return text
    if isinstance(value, int):
        if not -_INT_MAX - 1 <= value <= _INT_MAX:
            raise refuse("a number does not fit 64 bits", "no record has it")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise refuse(f"{value!r} is not finite", "no record has it")
        return float(value)
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, date):
        return _moment(datetime(value.year, value.month, value.day))  # noqa: DTZ001  # made UTC there
    raise refuse(
        f"a {type(value).__name__} is no value of a filter",
        "use text, numbers, True, False, None or dates",
    )


def _moment(time: datetime) -> Moment:
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return Moment((aware - _EPOCH) // timedelta(microseconds=1))
