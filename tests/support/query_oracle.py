"""Filters as Python itself would evaluate them over the records, with missing values as None."""

from __future__ import annotations

import fnmatch
import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

POOL: list[Any] = [
    *(0, 1, -1, 1.0, 0.1, 0.30000000000000004, -0.5, 2**53, 2**63 - 1, -(2**63), 1e300, 5e-324),
    *(True, False, None, "", "a", "A", "b", "ä", "a b", "%", "_", "*", "[", "'", '"', "\\"),
    *("\n", "1", "1.0", "true", "null", "[1]", "None", "a%b", "日本", "[]", "{}", "0", "false"),
    *([], [1, "a", None, True, [1], {"k": 2}], ["a"], {}, {"k": 1, "a": {"b": [0, "z"]}}, [0.1]),
]


class Json:
    """A value as a filter sees it: what Python would refuse to compare is not equal, nor ordered."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return _compare(operator.eq, self.value, _raw(other))

    def __hash__(self) -> int:
        return 0

    def __lt__(self, other: object) -> bool:
        return _compare(operator.lt, self.value, _raw(other))

    def __le__(self, other: object) -> bool:
        return _compare(operator.le, self.value, _raw(other))

    def __gt__(self, other: object) -> bool:
        return _compare(operator.gt, self.value, _raw(other))

    def __ge__(self, other: object) -> bool:
        return _compare(operator.ge, self.value, _raw(other))

    def __bool__(self) -> bool:
        return bool(self.value)

    def __getitem__(self, step: str | int) -> Json:
        inside = list if isinstance(step, int) else dict
        try:
            return Json(self.value[step] if isinstance(self.value, inside) else None)
        except LookupError:
            return Json(None)

    def __contains__(self, item: object) -> bool:
        if isinstance(self.value, list | tuple):
            return any(Json(one) == item for one in self.value)
        return isinstance(item, str) and isinstance(self.value, str | dict) and item in self.value

    def lower(self) -> Json:
        if not isinstance(self.value, str):
            return Json(None)
        return Json(re.sub("[A-Z]", lambda found: found[0].lower(), self.value))

    def startswith(self, text: str) -> bool:
        return isinstance(self.value, str) and self.value.startswith(text)

    def endswith(self, text: str) -> bool:
        return isinstance(self.value, str) and self.value.endswith(text)

    def contains(self, text: str) -> bool:
        return isinstance(self.value, str) and text in self.value

    def matches(self, pattern: str) -> bool:
        return isinstance(self.value, str) and fnmatch.fnmatchcase(self.value, pattern)


def _raw(value: object) -> Any:
    return value.value if isinstance(value, Json) else value


def _compare(compare: Callable[[Any, Any], bool], one: Any, other: Any) -> bool:
    if one is None or other is None:
        return compare is operator.eq and one is other
    if isinstance(one, datetime) and isinstance(other, str):
        other = datetime.fromisoformat(other).replace(tzinfo=UTC)
    numbers = int | float
    for kinds in (numbers, str, datetime):
        if isinstance(one, kinds) and isinstance(other, kinds):
            return compare(one, other)
    return False


def holds(where: str, record: Any) -> bool:
    """Evaluate a filter of this module's grammar over a version, in Python."""
    names = {name: Json(getattr(record, name)) for name in type(record).model_fields}
    text = where.replace(" is None", " == None").replace(" is not None", " != None")
    return bool(eval(text, {"__builtins__": {}}, {**names, "name": names["artifact"]}))


def sort_key(record: Any, name: str) -> tuple[int, Any] | None:
    """Return what a record is ordered by; None comes last in both directions."""
    value = eval(
        name,
        {"__builtins__": {}},
        {
            **{one: Json(getattr(record, one)) for one in type(record).model_fields},
            "name": Json(record.artifact),
        },
    ).value
    if isinstance(value, int | float):
        return 1, value
    if isinstance(value, str):
        return 2, value
    return (1, value.timestamp()) if isinstance(value, datetime) else None
