"""The comparison of values sees every change and nothing else."""

from __future__ import annotations

import copy
import re
import threading
import weakref
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pytest

from artifact_plugins.session.comparing import first_difference


@dataclass
class Point:
    x: float
    tags: list[str] = field(default_factory=list)


class Plain:
    """A class without `==`."""

    def __init__(self, x: Any) -> None:
        self.x = x


class WithEquality:
    """A class with `==` and attributes."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WithEquality) and self.x == other.x


class Slotted:
    """A class without `==` or `__dict__`."""

    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x


class Cached:
    """A class without `==` that keeps what it computed, and a lock."""

    def __init__(self, x: Any) -> None:
        self.x = x
        self.lock = threading.Lock()

    @cached_property
    def double(self) -> Any:
        return 2 * self.x


class Leaving(Plain):
    """A class without `==` that leaves an attribute out of its state."""

    def __getstate__(self) -> dict[str, Any]:
        return {"x": self.x}


class Listening:
    """Holds a method of its own, and a reference to another object."""

    def __init__(self, x: Any) -> None:
        self.plain = Plain(x)
        self.method, self.reference = self.listen, weakref.ref(self.plain)

    def listen(self) -> None:
        """Do nothing."""


class Silent:
    """Its `==` raises."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("ask somebody else")


def used(x: Any) -> Cached:
    found = Cached(x)
    assert found.double == 2 * x
    return found


def leaving(x: Any, seen: Any) -> Leaving:
    found = Leaving(x)
    found.seen = seen
    return found


EQUAL = [
    float("nan"),
    [1, (2.5, "x"), {"a": {1, 2}}],
    Point(float("nan"), ["a"]),
    Plain(Plain([1])),
    Slotted([1]),
    deque([1], maxlen=3),
    np.array([1.0, np.nan]),
    pd.DataFrame({"a": [1.0, None]}),
    object(),
]

DIFFERENT = [
    (1, True, "is a builtins.int, was a builtins.bool"),
    (0.0, -0.0, "value is 0.0, was -0.0"),
    ([1, 2], [1], "value has 2 elements, had 1"),
    ([1, [2.0]], [1, [3.0]], r"value\[1\]\[0\] is 2.0, was 3.0"),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "keys of value"),
    ({"a": 1}, OrderedDict(a=1), "OrderedDict"),
    ({"a": [1]}, {"a": [1, 2]}, r"value\['a'\] has 1 elements, had 2"),
    (Point(1.0), Point(1.0, ["x"]), "'tags'"),
    (Plain(1), Plain(2), r"vars\(value\)\['x'\]"),
    (WithEquality(1), WithEquality(2), r"vars\(value\)\['x'\] is 1, was 2"),
    (Slotted(1), Slotted(2), r"vars\(value\)\['x'\]"),
    (np.array([1.0, 2.0]), np.array([1.0, 3.0]), "value is not equal"),
    (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"a": [2.0]}), "value is not equal"),
    ({1, 2}, {1, 3}, "value is not equal"),
    (used(1), Cached(2), r"vars\(value\)\['x'\] is 1, was 2"),
    (leaving(1, 3), leaving(2, 3), r"\['x'\] is 1, was 2"),
    (Listening(1), Listening(2), r"vars\(vars\(value\)\['plain'\]\)"),
    (Silent(1), Silent(2), r"vars\(value\)\['x'\] is 1, was 2"),
    ({Plain(1)}, {Plain(1), Plain(1)}, "value is not equal"),
    ({Plain(1)}, {Slotted(1)}, "value is not equal"),
    (np.array([1.0, 1.0]), np.array([1.0]), "value is not equal"),
    (np.array([Plain(1)]), np.array([Plain(2)]), r"vars\(value\[0\]\)"),
]

SAME = [
    (used(1), Cached(1)),
    (leaving(1, 3), leaving(1, 4)),
    (Listening(1), Listening(1)),
    (Silent(1), Silent(1)),
    ({Plain(1), Plain(2)}, {Plain(1), Plain(2)}),
    (np.array([Plain(1)]), np.array([Plain(1)])),
]


@pytest.mark.parametrize("value", EQUAL, ids=lambda v: type(v).__name__)
def test_copy_has_no_difference(value: Any) -> None:
    """A deep copy of a value is the same value, NaN included."""
    assert first_difference(value, copy.deepcopy(value)) is None


@pytest.mark.parametrize(("left", "right", "message"), DIFFERENT)
def test_difference_is_named(left: Any, right: Any, message: str) -> None:
    """The first difference is named with its path."""
    found = first_difference(left, right)

    assert found is not None
    assert re.search(message, found)


@pytest.mark.parametrize(("left", "right"), SAME, ids=lambda v: type(v).__name__)
def test_what_no_attribute_tells_apart_is_the_same(left: Any, right: Any) -> None:
    """Caches, locks, own methods and references do not make another object."""
    assert first_difference(left, right) is None


def test_depth_is_bounded() -> None:
    """A chain of a hundred thousand objects is compared without the end of the stack."""
    left = right = None
    for number in range(100_000):
        left, right = Plain((left, number)), Plain((right, number))

    assert first_difference(left, right) is None
    assert first_difference(Plain((left, 1)), Plain((right, 2))) is not None


def test_cycles_end() -> None:
    """A value that contains itself is compared in finite time."""
    left: list[Any] = [1]
    left.append(left)

    assert first_difference(left, copy.deepcopy(left)) is None
