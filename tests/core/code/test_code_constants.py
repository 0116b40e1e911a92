from __future__ import annotations

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import itertools
import operator
import pathlib
import re
import types
import typing
import uuid
import zoneinfo

import numpy as np
import pandas as pd
import pytest

from artifact_plugins.code import digest_function


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    names: tuple[str, ...] = ()


class Pair(typing.NamedTuple):
    a: int
    b: int


class Slotted:
    __slots__ = ("__hidden", "size")

    def __init__(self, size):
        self.size = size
        self.__hidden = size


class Text(str):
    pass


def cyclic(*items):
    made = list(items)
    made.append(made)
    return made


DAY = datetime.datetime(2026, 1, 2, 3)
# Every value is another constant than every other.
VALUES = [
    *(None, True, 1, 1.0, 1 + 0j, "1", b"1", "", b"", ..., NotImplemented, 10**40),
    *(0.0, -0.0, float("nan"), float("inf"), "\ud800", "a\0b", 2, -1),
    *([], (), {}, set(), frozenset(), [1], (1,), {1}, frozenset({1}), {1: 1}, [[1], 2], [[1, 2]]),
    *({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": {"b": 2}}, {1: "a"}, {"1": "a"}),
    *(["a", "b"], ["ab"], ["a", ["b"]], cyclic(1), cyclic(2), [cyclic(1)]),
    *(DAY, DAY.replace(fold=1), DAY.replace(tzinfo=datetime.UTC), DAY.date(), DAY.time()),
    *(DAY.replace(tzinfo=zoneinfo.ZoneInfo("Europe/Paris")), datetime.timedelta(1)),
    *(decimal.Decimal("1.0"), decimal.Decimal("1.00"), fractions.Fraction(1, 2), uuid.UUID(int=1)),
    *(range(3), range(0, 3, 2), slice(1, 2), pathlib.PurePosixPath("a/b"), pathlib.Path("a/b")),
    *(re.compile("a"), re.compile("a", re.IGNORECASE), re.compile(b"a")),
    *(bytearray(b"1"), array.array("i", [1]), array.array("l", [1])),
    *(collections.deque([1]), collections.deque([1], maxlen=3), collections.OrderedDict({1: 1})),
    *(collections.Counter("a"), collections.defaultdict(int, {1: 1})),
    *(collections.defaultdict(list, {1: 1}), operator.itemgetter(1), operator.attrgetter("a")),
    *(types.MappingProxyType({1: 1}), types.SimpleNamespace(a=1)),
    *(
        Color.RED,
        Color.BLUE,
        Level.LOW,
        Point(1),
        Point(2),
        Point(1, ("a",)),
        Pair(1, 2),
        Pair(2, 1),
    ),
    *(Slotted(1), Slotted(2), Text("1"), Text("2")),
    *(list[int], list[str], int | None, typing.Any, typing.Literal["a"], typing.Literal["b"]),
    *(np.arange(3), np.arange(3.0), np.arange(4).reshape(2, 2), np.arange(4), np.float64(1)),
    *(np.float32(1), np.array(["a", None], object), np.array(["b", None], object)),
    *(np.array([1], "<i4"), np.array([1], ">i4"), np.array([(1, 2)], [("a", int), ("b", int)])),
    *(pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}), pd.DataFrame({"a": ["x"]})),
    *(pd.DataFrame({"a": [1]}, index=[5]), pd.DataFrame({"a": [1.0]}), pd.DataFrame()),
    *(
        pd.Series([1]),
        pd.Series([1], name="n"),
        pd.Series(["a"], dtype="category"),
        pd.Series([DAY]),
    ),
    *(pd.Series([pd.Timestamp(DAY, tz="UTC")]), pd.Index([1]), pd.Index(["a"]), pd.Timestamp(DAY)),
    *(pd.MultiIndex.from_tuples([(1, "a")]), pd.Series([None, 1], dtype="Int64"), pd.NA, pd.NaT),
]


def using(value):
    def step(x):
        return value, x

    return digest_function(step)


def test_every_kind_of_value_counts():
    """No two of a hundred different values are one constant, and none is left out."""
    found = [using(value) for value in VALUES]

    alike = [
        (VALUES[i], VALUES[j])
        for (i, one), (j, other) in itertools.combinations(enumerate(found), 2)
        if one.digest == other.digest
    ]
    assert alike == []
    assert [VALUES[i] for i, one in enumerate(found) if one.unfollowed] == []


def test_equal_values_agree():
    """A value made a second time is the same constant."""
    again = [*(np.arange(3), pd.DataFrame({"a": [1]}), Point(1, ("a",)), {"a": [1, {2, 3}]})]
    first = [*(np.arange(3), pd.DataFrame({"a": [1]}), Point(1, ("a",)), {"a": [1, {3, 2}]})]

    assert [using(value).digest for value in again] == [using(value).digest for value in first]


@pytest.mark.parametrize(
    "value",
    [
        "x" * 2_000_000,
        list(range(20_000)),
        np.zeros(200_000),
        pd.DataFrame({"a": np.zeros(200_000)}),
        {i: i for i in range(10_000)},
        set(range(20_000)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_large_values_are_listed(value):
    """A value over 1 MiB or 10,000 items is listed and does not count."""
    found = using(value)

    assert len(found.unfollowed) == 1
    assert "large" in found.unfollowed[0]
    assert set(found.parts) == {"step"} | {n for n in found.parts if n.startswith("library")}


def test_deep_values_do_not_fail():
    """A list nested a thousand deep is listed."""
    deep: list = []
    for _ in range(1000):
        deep = [deep]

    assert len(using(deep).unfollowed) == 1


def test_a_change_in_place_is_seen():
    """A constant that is changed in place is another constant at the next call."""
    array_, frame, mapping, point = np.arange(3), pd.DataFrame({"a": [1]}), {"a": [1]}, Slotted(1)

    def step():
        return array_, frame, mapping, point

    seen = [digest_function(step).digest]
    for change in (
        lambda: array_.__setitem__(0, 9),
        lambda: frame.__setitem__("a", [2]),
        lambda: mapping["a"].append(2),
        lambda: mapping["a"].__setitem__(0, True),
        lambda: setattr(point, "size", 2),
    ):
        change()
        seen.append(digest_function(step).digest)

    assert len(set(seen)) == len(seen)


def test_what_an_object_works_out_later_does_not_count():
    """A cached property that is filled does not change the digest of its object."""
    import functools

    class Model:
        def __init__(self):
            self.size = 2

        @functools.cached_property
        def area(self):
            return self.size**2

    model = Model()

    def step():
        return model.area

    before = digest_function(step)
    step()

    assert digest_function(step) == before
