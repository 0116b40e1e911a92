"""What people see of a value: a few facts and a short text, at the cost of a bounded sample."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from types import NoneType
from typing import Any

from artifact_materializers.python.families import family_of
from artifact_materializers.python.locate import MAPPINGS, SEQUENCES, SETS
from artifact_materializers.python.scalars import ENCODERS

_SAMPLE = 1_000
_TYPES = 20
_ITEMS = 10
_INNER = 5
_DEPTH = 3
_LINE = 200
_STRING = 60
_CHARACTERS = 2_000
_INT64 = 2**63
_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    dict: ("{", "}"),
    set: ("{", "}"),
}
_LONG: frozenset[type] = frozenset({str, bytes, bytearray})
# Types whose `repr` is short, or is cut, and runs no code of users.
_SHORT: frozenset[type] = (frozenset(ENCODERS) - _LONG - {int}) | {bool, NoneType}


def describe(value: Any) -> Mapping[str, Any]:
    """Return small metadata: the value of a number, the length and element types of a container."""
    cls: type = type(value)
    if cls is int:
        return {"value": value} if -_INT64 <= value < _INT64 else {}
    if cls is float:
        return {"value": value} if math.isfinite(value) else {}
    if cls is bool:
        return {"value": value}
    if cls in _LONG:
        return {"length": len(value)}
    if cls in SEQUENCES or cls in SETS:
        return {"length": len(value), "element_types": _types(value)}
    if cls in MAPPINGS:
        return {"length": len(value), "element_types": _types(value.values())}
    return {}


def _types(values: Any) -> dict[str, int]:
    types = list(map(type, islice(values, _SAMPLE)))
    distinct = dict.fromkeys(types)
    # Counting few types is quicker one by one, and `most_common` would import heapq.
    counts = {cls: types.count(cls) for cls in distinct} if len(distinct) < 4 else Counter(types)
    most = sorted(counts.items(), key=itemgetter(1), reverse=True)[:_TYPES]
    return {cls.__name__: count for cls, count in most}


def pretty(value: Any) -> str:
    """Return at most 2,000 characters of text; empty for a value that needs no picture.

    Costs the same for a short and a huge container, and calls no code of
    unknown objects.
    """
    cls: type = type(value)
    if cls in _LONG:
        return _page(value)
    is_sized = cls in SEQUENCES or cls in MAPPINGS or cls in SETS
    # The line after the last one only tells that there are more.
    inside = _inside(value, _DEPTH - 1, _ITEMS if is_sized else _ITEMS + 1)
    if inside is None:
        return ""
    lines: list[str] = []
    size, is_cut = 0, is_sized and len(value) > _ITEMS
    for line in inside:
        size += min(len(line), _LINE)
        if len(lines) == _ITEMS or size > _CHARACTERS - _LINE:
            is_cut = True
            break
        lines.append(f"  {line if len(line) <= _LINE else line[: _LINE - 3] + '...'},")
    first, last = _brackets(cls)
    if is_cut:
        rest = f"{len(value) - len(lines)} more" if hasattr(cls, "__len__") else "more"
        lines.append(f"  ... {rest}")
    return "\n".join([first, *lines, last])


def _brackets(cls: type) -> tuple[str, str]:
    return _BRACKETS.get(cls) or (f"{cls.__name__}(", ")")


def _inside(value: Any, depth: int, most: int) -> list[str] | None:
    """Return lines for the first elements of a value; None if it has no inside.

    Args:
        depth: How many levels of the elements are shown.
        most: How many elements are shown.
    """
    cls: type = type(value)
    show = _SHOWN.get
    # Most elements are plain; a call less for each.
    if cls in SEQUENCES or cls in SETS:
        return [
            known(item) if (known := show(type(item))) else _line(item, depth)
            for item in islice(value, most)
        ]
    if cls in MAPPINGS:
        return [
            f"{_text(key) if type(key) is str else _line(key, depth)}: "
            f"{known(item) if (known := show(type(item))) else _line(item, depth)}"
            for key, item in islice(value.items(), most)
        ]
    family = family_of(cls)
    if family is None or family.kind == "enum":
        return None
    hidden = _hidden_names(cls)
    shown = []
    for name, item in islice(family.members(value), most):
        if name in hidden:
            text = "..."
        else:
            text = known(item) if (known := show(type(item))) else _line(item, depth)
        shown.append(f"{name}={text}")
    return shown


@lru_cache(maxsize=4096)
def _hidden_names(cls: Any) -> frozenset[str]:
    """Return the fields that a class keeps out of its `repr`: secrets, as a rule."""
    if hasattr(cls, "model_fields"):
        return frozenset(name for name, field in cls.model_fields.items() if not field.repr)
    found = cls.__attrs_attrs__ if hasattr(cls, "__attrs_attrs__") else ()
    if hasattr(cls, "__dataclass_fields__"):
        found = (*found, *cls.__dataclass_fields__.values())
    return frozenset(field.name for field in found if field.repr is False)


def _line(value: Any, depth: int) -> str:
    cls: type = type(value)
    show = _SHOWN.get(cls)
    if show is not None:
        return show(value)
    inside = _inside(value, depth - 1, _INNER + 1 if depth > 0 else 0)
    if inside is None:
        if family_of(cls) is not None:
            return f"{cls.__name__}.{value._name_ or value._value_}"
        return f"<{cls.__module__}.{cls.__qualname__}>"
    first, last = _brackets(cls)
    if depth <= 0:
        return f"{first}...{last}"
    if len(inside) > _INNER:
        inside[-1] = "..."
    return f"{first}{', '.join(inside)}{last}"


def _number(value: int) -> str:
    bits = value.bit_length()
    return repr(value) if bits < 1_000 else f"<int of {bits} bits>"


def _page(value: str | bytes | bytearray) -> str:
    if type(value) is str:
        text = value if len(value) <= _CHARACTERS else value[: _CHARACTERS - 3] + "..."
        return text.encode("utf-8", "replace").decode()
    return _clip(repr(value[:_CHARACTERS]), len(value) > _CHARACTERS)


def _text(value: str) -> str:
    if len(value) <= _STRING:
        return repr(value) if value.isprintable() else ascii(value)
    return ascii(value[:_STRING]) + "..."


def _short(value: bytes | bytearray) -> str:
    return repr(value) if len(value) <= _STRING else ascii(value[:_STRING]) + "..."


def _clip(text: str, is_cut: bool) -> str:
    is_cut = is_cut or len(text) > _CHARACTERS
    return text[: _CHARACTERS - 3] + "..." if is_cut else text


_SHOWN: dict[type, Callable[[Any], str]] = {
    **dict.fromkeys((bytes, bytearray), _short),
    **dict.fromkeys(_SHORT, lambda value: repr(value)[:_LINE]),
    **dict.fromkeys((float, bool, NoneType), repr),
    int: _number,
    str: _text,
}
