"""Deep, type-strict comparison of values, for telling whether one was changed or came back."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter, deque
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MethodType
from typing import Any
from weakref import ReferenceType

_MAX_DEPTH = 100
_ATOMS = frozenset({type(None), bool, int, str, bytes})


class _Walk:
    """Which pairs were compared already, and how deep the comparison is."""

    def __init__(self) -> None:
        self.seen: set[tuple[int, int]] = set()
        self.depth = 0


def first_difference(left: Any, right: Any, path: str = "value") -> str | None:
    """Say where two values differ; None when they are the same.

    Types must match at every level. NaN is the same as NaN, 0.0 is not -0.0,
    and the order of a mapping counts. Objects are compared by their `==`, or
    by their attributes when their class defines none: by what its own
    `__getstate__` gives, when it has one, and never by what a
    `cached_property` keeps. Objects without attributes, like locks, are the
    same. What lies deeper than 100 levels is not compared.
    """
    return _compare(left, right, path, _Walk())


def state_difference(left: Any, right: Any, path: str = "value") -> str | None:
    """Say where the attributes of two objects differ, whatever their `==` says."""
    return _attributes(left, right, path, _Walk())


def _compare(left: Any, right: Any, path: str, walk: _Walk) -> str | None:
    if left is right or walk.depth > _MAX_DEPTH:
        return None
    if type(left) is not type(right):
        return f"{path} is a {_type_name(left)}, was a {_type_name(right)}"
    if (id(left), id(right)) in walk.seen:  # a cycle: the difference, if any, is found elsewhere
        return None
    walk.seen.add((id(left), id(right)))
    walk.depth += 1
    try:
        return _inside(left, right, path, walk)
    finally:
        walk.depth -= 1


def _inside(left: Any, right: Any, path: str, walk: _Walk) -> str | None:
    for kinds, compare in _BY_KIND:
        if isinstance(left, kinds):
            return compare(left, right, path, walk)
    if dataclasses.is_dataclass(left) or not defines_equality(type(left)):
        return _attributes(left, right, path, walk)
    if hasattr(left, "tobytes") and str(getattr(left, "dtype", "")) == "object":
        return _sequences(left.ravel().tolist(), right.ravel().tolist(), path, walk)
    same = _all_equal(left, right)
    if same:
        return None
    if isinstance(left, int | str | bytes):
        return f"{path} is {left!r:.60}, was {right!r:.60}"
    inside = None if hasattr(left, "shape") else _attributes(left, right, path, walk)
    return inside or (None if same is None else f"{path} is not equal to what it was")


def defines_equality(cls: type) -> bool:
    """Tell whether instances of `cls` are compared by anything but identity."""
    return getattr(cls, "__eq__", None) is not object.__dict__["__eq__"]


def _floats(left: float, right: float, path: str, _: _Walk) -> str | None:
    if left == right and math.copysign(1, left) == math.copysign(1, right):
        return None
    if math.isnan(left) and math.isnan(right):
        return None
    return f"{path} is {left!r}, was {right!r}"


def _sequences(left: Any, right: Any, path: str, walk: _Walk) -> str | None:
    if len(left) != len(right):
        return f"{path} has {len(left)} elements, had {len(right)}"
    for number, (one, other) in enumerate(zip(left, right, strict=True)):
        kind = type(one)
        if kind in _ATOMS and kind is type(other) and one == other:
            continue
        found = _compare(one, other, f"{path}[{number}]", walk)
        if found:
            return found
    return None


def _mappings(
    left: Mapping[Any, Any], right: Mapping[Any, Any], path: str, walk: _Walk
) -> str | None:
    keys = _sequences(list(left), list(right), f"the keys of {path}", walk)
    if keys:
        return keys
    for key, other in zip(left, right.values(), strict=True):
        found = _compare(left[key], other, f"{path}[{key!r:.60}]", walk)
        if found:
            return found
    return None


def _sets(left: Any, right: Any, path: str, _: _Walk) -> str | None:
    gained, lost = left - right, right - left
    # Nobody can tell which of them was which.
    without = [*gained, *lost]
    if any(defines_equality(type(item)) for item in without) or (
        Counter(map(type, gained)) != Counter(map(type, lost))
    ):
        return f"{path} is not equal to what it was"
    return None


def _methods(left: MethodType, right: MethodType, path: str, walk: _Walk) -> str | None:
    if left.__func__ is not right.__func__:
        return f"{path} is {left.__func__!r:.60}, was {right.__func__!r:.60}"
    return _compare(left.__self__, right.__self__, f"{path}.__self__", walk)


def _references(
    left: ReferenceType[Any], right: ReferenceType[Any], path: str, walk: _Walk
) -> str | None:
    return _compare(left(), right(), f"{path}()", walk)


def _attributes(left: Any, right: Any, path: str, walk: _Walk) -> str | None:
    mine, other = _state(left), _state(right)
    if not isinstance(mine, dict) or not isinstance(other, dict):  # of its own `__getstate__`
        return _compare(mine, other, f"{path}.__getstate__()", walk)
    if not mine and not other and not dataclasses.is_dataclass(left):
        return None  # nothing to look at, as in `object()`
    return _mappings(mine, other, f"vars({path})", walk)


def _state(value: Any) -> Any:
    cls: type = type(value)
    if getattr(cls, "__getstate__", None) is not object.__getstate__:
        return value.__getstate__()
    state = dict(getattr(value, "__dict__", {}))
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for slot in [slots] if isinstance(slots, str) else slots:
            if hasattr(value, slot) and slot not in _NO_STATE:
                state[slot] = getattr(value, slot)
        for name, found in base.__dict__.items():
            if isinstance(found, cached_property):
                state.pop(name, None)
    return state


_NO_STATE = ("__dict__", "__weakref__")


def _all_equal(left: Any, right: Any) -> bool | None:
    """Tell whether two objects are equal everywhere; None when they do not say."""
    if getattr(left, "shape", None) != getattr(right, "shape", None):
        return False  # before `==` makes one as large as the other
    try:
        return bool(left == right)
    except Exception:  # noqa: BLE001  # arrays, frames and tensors answer per element
        return _all_elements_equal(left, right)


def _all_elements_equal(left: Any, right: Any) -> bool | None:
    try:
        with_nan = (left == right) | ((left != left) & (right != right))
        while getattr(with_nan, "ndim", 0):  # a frame has two axes, its answer one
            with_nan = with_nan.all()
        return bool(with_nan)
    except Exception:  # noqa: BLE001  # a class may raise anything
        return None


def _type_name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


_BY_KIND: tuple[tuple[Any, Callable[..., str | None]], ...] = (
    (float, _floats),
    ((list, tuple, deque), _sequences),
    (dict, _mappings),
    ((set, frozenset), _sets),
    (MethodType, _methods),
    (ReferenceType, _references),
)
