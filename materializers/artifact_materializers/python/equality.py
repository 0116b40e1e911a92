"""Deep comparison: same types on every level, NaN equal to the same NaN, 0.0 unlike -0.0."""

from __future__ import annotations

import struct
from collections import defaultdict, deque
from datetime import datetime, time, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from artifact_materializers.python.families import family_of
from artifact_materializers.python.locate import MAPPINGS, SEQUENCES, SETS
from artifact_materializers.python.objects import state_of


def deep_equal(left: Any, right: Any) -> bool:
    """Tell whether two values are the same in type and content, on every level.

    Dicts are equal when their order is too. Objects of dataclasses, attrs and
    pydantic are compared by their fields, not by their own `__eq__`; types
    that documents do not know by `equals` or `==`.
    """
    cls: type = type(left)
    is_same_type: bool = cls is type(right)  # a name of its own: mypy would narrow to object
    if not is_same_type:
        return False
    if cls is float:
        return struct.pack(">d", left) == struct.pack(">d", right)
    if cls is complex:
        return deep_equal(left.real, right.real) and deep_equal(left.imag, right.imag)
    if cls in SEQUENCES:
        return _sequences(left, right)
    if cls in MAPPINGS:
        return _mappings(left, right)
    if cls in SETS:
        return _sets(left, right)
    if cls is datetime or cls is time:
        return _clocks(left, right)
    identity = _IDENTITIES.get(cls)
    if identity is not None:
        return deep_equal(identity(left), identity(right))
    family = family_of(cls)
    if family is None:
        return _unknown(left, right)
    if family.kind == "enum":
        return left is right
    if family.kind == "namedtuple":
        return _all_equal(tuple(left), tuple(right))
    return _objects(left, right)


_IDENTITIES: dict[type, Any] = {
    # Two NaN are unlike, and 1.0 equals 1.00: the text tells.
    Decimal: str,
    ZoneInfo: lambda zone: zone.key,
    UUID: lambda value: [value.int, value.is_safe],
    slice: lambda value: [value.start, value.stop, value.step],
    # Empty ranges are all equal, and so are zones of one offset.
    range: lambda value: [value.start, value.stop, value.step],
    timezone: lambda zone: list(zone.__getinitargs__()),
}


def _all_equal(left: Any, right: Any) -> bool:
    return len(left) == len(right) and all(map(deep_equal, left, right))


def _sequences(left: Any, right: Any) -> bool:
    if type(left) is deque and left.maxlen != right.maxlen:
        return False
    return _all_equal(left, right)


def _mappings(left: Any, right: Any) -> bool:
    if type(left) is defaultdict and left.default_factory is not right.default_factory:
        return False
    return _all_equal(left.keys(), right.keys()) and all(
        map(deep_equal, left.values(), right.values())
    )


def _sets(left: Any, right: Any) -> bool:
    if len(left) != len(right):
        return False
    by_hash: dict[int, list[Any]] = {}
    for item in right:
        by_hash.setdefault(_hash(item), []).append(item)
    for item in left:
        candidates = by_hash.get(_hash(item), [])
        place = next((i for i, other in enumerate(candidates) if deep_equal(item, other)), None)
        if place is None:
            return False
        del candidates[place]
    return True


def _hash(value: Any) -> int:
    # The hash of a NaN, and of whatever holds one, depends on its identity.
    return (
        hash(type(value)) if value != value or isinstance(value, tuple | frozenset) else hash(value)
    )


def _clocks(left: Any, right: Any) -> bool:
    return (
        left.replace(tzinfo=None, fold=0) == right.replace(tzinfo=None, fold=0)
        and left.fold == right.fold
        and deep_equal(left.tzinfo, right.tzinfo)
    )


def _objects(left: Any, right: Any) -> bool:
    first, second = state_of(left), state_of(right)
    return first.keys() == second.keys() and all(
        deep_equal(first[name], second[name]) for name in first
    )


def _unknown(left: Any, right: Any) -> bool:
    equals = getattr(left, "equals", None)
    found = equals(right) if callable(equals) else left == right
    while type(found) is not bool and hasattr(found, "all"):
        found = found.all()
    return bool(found)
