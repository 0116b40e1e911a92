"""What people see of a value: a few facts and a short text, at the cost of a bounded sample."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
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
    counts = Counter(map(type, islice(values, _SAMPLE)))
    return {cls.__name__: count for cls, count in counts.most_common(_TYPES)}


def pretty(value: Any) -> str:
    """Return at most 2,000 characters of text; empty for a value that needs no picture.

    Costs the same for a short and a huge container, and calls no code of
    unknown objects.
    """
    cls: type = type(value)
    if cls in _LONG:
        return _page(value)
    members = _members(value, _DEPTH)
    if members is None:
        return ""
    lines: list[str] = []
    size, is_cut = 0, False
    for line in islice(members, _ITEMS + 1):
        size += min(len(line), _LINE)
        is_cut = len(lines) == _ITEMS or size > _CHARACTERS - _LINE
        if is_cut:
            break
        lines.append(f"  {line if len(line) <= _LINE else line[: _LINE - 3] + '...'},")
    first, last = _brackets(cls)
    if is_cut:
        rest = f"{len(value) - len(lines)} more" if hasattr(cls, "__len__") else "more"
        lines.append(f"  ... {rest}")
    return "\n".join([first, *lines, last])


def _brackets(cls: type) -> tuple[str, str]:
    return _BRACKETS.get(cls) or (f"{cls.__name__}(", ")")


def _members(value: Any, depth: int) -> Iterator[str] | None:
    """Return the lines of what is inside a value; None if it has no inside."""
    cls: type = type(value)
    below = depth - 1
    if cls in MAPPINGS:
        return (f"{_line(key, below)}: {_line(item, below)}" for key, item in value.items())
    if cls in SEQUENCES or cls in SETS:
        return (_line(item, below) for item in value)
    family = family_of(cls)
    if family is None or family.kind == "enum":
        return None
    hidden = _hidden_names(cls)
    return (
        f"{name}={'...' if name in hidden else _line(item, below)}"
        for name, item in family.members(value)
    )


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
    if cls in _LONG:
        return _short(value)
    if cls is int:
        bits = value.bit_length()
        return repr(value) if bits < 1_000 else f"<int of {bits} bits>"
    if cls in _SHORT:
        return repr(value)[:_LINE]
    members = _members(value, depth)
    if members is None:
        if family_of(cls) is not None:
            return f"{cls.__name__}.{value._name_ or value._value_}"
        return f"<{cls.__module__}.{cls.__qualname__}>"
    first, last = _brackets(cls)
    if depth <= 0:
        return f"{first}...{last}"
    shown = list(islice(members, _INNER + 1))
    if len(shown) > _INNER:
        shown[-1] = "..."
    return f"{first}{', '.join(shown)}{last}"


def _page(value: str | bytes | bytearray) -> str:
    if type(value) is str:
        text = value if len(value) <= _CHARACTERS else value[: _CHARACTERS - 3] + "..."
        return text.encode("utf-8", "replace").decode()
    return _clip(repr(value[:_CHARACTERS]), len(value) > _CHARACTERS)


def _short(value: str | bytes | bytearray) -> str:
    if len(value) <= _STRING:
        return repr(value) if type(value) is not str or value.isprintable() else ascii(value)
    return ascii(value[:_STRING]) + "..."


def _clip(text: str, is_cut: bool) -> str:
    is_cut = is_cut or len(text) > _CHARACTERS
    return text[: _CHARACTERS - 3] + "..." if is_cut else text
