"""Deep, type-strict comparison of values, for telling whether one was changed."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any


def first_difference(left: Any, right: Any, path: str = "value") -> str | None:
    """Say where two values differ; None when they are the same.

    Types must match at every level. NaN is the same as NaN, 0.0 is not -0.0,
    and the order of a mapping counts. Objects are compared by their `==`, or
    by their attributes when their class defines none.
    """
    return _compare(left, right, path, set())


def _compare(left: Any, right: Any, path: str, seen: set[tuple[int, int]]) -> str | None:
    if left is right:
        return None
    if type(left) is not type(right):
        return f"{path} is a {_type_name(left)}, was a {_type_name(right)}"
    if (id(left), id(right)) in seen:  # a cycle: the difference, if any, is found elsewhere
        return None
    seen.add((id(left), id(right)))
    for kinds, compare in _BY_KIND:
        if isinstance(left, kinds):
            return compare(left, right, path, seen)
    if dataclasses.is_dataclass(left) or not defines_equality(type(left)):
        return _attributes(left, right, path, seen)
    if _all_equal(left, right):
        return None
    if isinstance(left, int | str | bytes):
        return f"{path} is {left!r:.60}, was {right!r:.60}"
    inside = None if hasattr(left, "shape") else _attributes(left, right, path, seen)
    return inside or f"{path} is not equal to what it was"


def defines_equality(cls: type) -> bool:
    """Tell whether instances of `cls` are compared by anything but identity."""
    return getattr(cls, "__eq__", None) is not object.__dict__["__eq__"]


def _floats(left: float, right: float, path: str, _: set[tuple[int, int]]) -> str | None:
    if left == right and math.copysign(1, left) == math.copysign(1, right):
        return None
    if math.isnan(left) and math.isnan(right):
        return None
    return f"{path} is {left!r}, was {right!r}"


def _sequences(left: Any, right: Any, path: str, seen: set[tuple[int, int]]) -> str | None:
    if len(left) != len(right):
        return f"{path} has {len(left)} elements, had {len(right)}"
    for number, (one, other) in enumerate(zip(left, right, strict=True)):
        found = _compare(one, other, f"{path}[{number}]", seen)
        if found:
            return found
    return None


def _mappings(
    left: Mapping[Any, Any], right: Mapping[Any, Any], path: str, seen: set[tuple[int, int]]
) -> str | None:
    keys = _sequences(list(left), list(right), f"the keys of {path}", seen)
    if keys:
        return keys
    for key, other in zip(left, right.values(), strict=True):
        found = _compare(left[key], other, f"{path}[{key!r}]", seen)
        if found:
            return found
    return None


def _attributes(left: Any, right: Any, path: str, seen: set[tuple[int, int]]) -> str | None:
    mine, other = _state(left), _state(right)
    if not mine and not other and not dataclasses.is_dataclass(left):
        return None  # nothing to look at, as in `object()`
    return _mappings(mine, other, f"vars({path})", seen)


def _state(value: Any) -> dict[str, Any]:
    state = dict(getattr(value, "__dict__", {}))
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for slot in [slots] if isinstance(slots, str) else slots:
            if hasattr(value, slot) and slot not in _NO_STATE:
                state[slot] = getattr(value, slot)
    return state


_NO_STATE = ("__dict__", "__weakref__")


def _all_equal(left: Any, right: Any) -> bool:
    same: Any = left == right
    try:
        return bool(same)
    except ValueError:  # arrays and frames answer per element
        with_nan = same | ((left != left) & (right != right))
        while getattr(with_nan, "ndim", 0):  # a frame has two axes, its answer one
            with_nan = with_nan.all()
        return bool(with_nan)


def _type_name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


_BY_KIND: tuple[tuple[Any, Callable[..., str | None]], ...] = (
    (float, _floats),
    ((list, tuple, deque), _sequences),
    (dict, _mappings),
)
