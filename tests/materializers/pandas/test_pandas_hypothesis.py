"""Random frames come back exactly, or are refused by a named error."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas_files import materializer_of, round_trip, saved

from artifact_materializers.pandas import tagged
from artifact_materializers.pandas.frame import FrameMaterializer
from artifact_materializers.pandas.refusal import Refused
from artifact_plugins.errors import LossyConversionError

ZONES = st.sampled_from([None, dt.UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")])
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(st.characters(exclude_categories=())),
    st.binary(max_size=8),
    st.decimals(),
    st.dates(),
    st.times(),
    st.datetimes(timezones=ZONES),
    st.timedeltas(),
    st.uuids(),
    st.sampled_from([pd.NA, pd.NaT, np.nan, np.int8(3), np.float32("nan"), Decimal("1.50")]),
)
ELEMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=3),
        st.frozensets(st.one_of(st.integers(), st.text(max_size=2)), max_size=3),
    ),
    max_leaves=4,
)
DTYPES = [
    "bool",
    "int8",
    "int64",
    "uint8",
    "uint64",
    ">i4",
    "float16",
    "float32",
    "float64",
    ">f8",
    "complex64",
    "complex128",
    "M8[s]",
    "M8[ms]",
    "M8[us]",
    "M8[ns]",
    "m8[s]",
    "m8[ns]",
]
EXTENSIONS = "Int8 Int64 UInt32 Float32 boolean string str category int64[pyarrow] double[pyarrow]"


@st.composite
def raw_columns(draw: st.DrawFn, rows: int) -> Any:
    """Random bits of a numpy dtype; sometimes strided."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    size_bytes = rows * dtype.itemsize * 2
    data = bytearray(draw(st.binary(min_size=size_bytes, max_size=size_bytes)))
    if dtype.kind == "b":
        data = bytearray(byte & 1 for byte in data)
    values = np.frombuffer(data, dtype)
    return values[::2] if draw(st.booleans()) else values[:rows]


@st.composite
def extension_columns(draw: st.DrawFn, rows: int) -> Any:
    """Values and missing values of a pandas dtype."""
    dtype = draw(st.sampled_from(EXTENSIONS.split()))
    plain: Any = {
        "boolean": st.booleans(),
        "string": st.text(st.characters(codec="utf-8")),
        "str": st.text(st.characters(codec="utf-8")),
        "category": st.sampled_from("abc"),
    }.get(dtype, st.integers(0, 100))
    items = draw(st.lists(st.one_of(st.none(), plain), min_size=rows, max_size=rows))
    return pd.array(items, dtype=dtype)


@st.composite
def object_columns(draw: st.DrawFn, rows: int) -> Any:
    """Objects of any kept type; often all of one."""
    kind = draw(st.sampled_from([ELEMENTS, st.text(max_size=3), st.integers(), SCALARS]))
    items = draw(st.lists(kind, min_size=rows, max_size=rows))
    return pd.Series(np.fromiter(items, object, rows), dtype=object)


LABELS: st.SearchStrategy[Any] = st.one_of(
    st.text(max_size=3),
    st.integers(-5, 5),
    st.none(),
    st.tuples(st.integers(0, 2), st.text(max_size=1)),
)


@st.composite
def indexes(draw: st.DrawFn, rows: int) -> Any:
    """An index of any class for `rows` rows."""
    which = draw(st.integers(0, 5))
    name = draw(LABELS)
    if which == 0:
        start, step = draw(st.integers(-9, 9)), draw(st.sampled_from([1, 3, -2]))
        return pd.RangeIndex(start, start + rows * step, step, name=name)
    if which == 1:
        zone = draw(ZONES)
        return pd.date_range("2020-03-01", periods=rows, freq="36h", tz=zone, name=name)
    if which == 2:
        return pd.MultiIndex.from_arrays(
            [draw(st.lists(st.integers(0, 2), min_size=rows, max_size=rows)) for _ in range(2)],
            names=[name, "k"],
        )
    items = draw(st.lists(LABELS, min_size=rows, max_size=rows))
    if which == 3:
        return pd.Index(items, dtype=object, tupleize_cols=False, name=name)
    if which == 4:
        return pd.CategoricalIndex([repr(item) for item in items], name=name)
    return pd.Index(range(rows), dtype="float32", name=name)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """A frame of at most 6 rows and 4 columns of anything."""
    rows = draw(st.integers(0, 6))
    kinds = st.one_of(raw_columns(rows), extension_columns(rows), object_columns(rows))
    columns = draw(st.lists(kinds, max_size=4))
    frame = pd.DataFrame(dict(enumerate(columns)), index=range(rows))
    labels = draw(st.lists(LABELS, min_size=len(columns), max_size=len(columns)))
    if draw(st.booleans()):
        frame.columns = pd.Index(labels, dtype=object, tupleize_cols=False)
    frame.index = draw(indexes(rows))
    return frame


@given(frame=frames())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_frame_comes_back_exactly(frame: pd.DataFrame) -> None:
    """Frames of random dtypes, objects, labels and indexes are exact, and their bytes stable."""
    files = saved(frame)

    loaded = round_trip(frame)

    assert FrameMaterializer().equal(loaded, frame)
    assert saved(loaded).data == files.data


@given(frame=frames())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_series_and_index_come_back_exactly(frame: pd.DataFrame) -> None:
    """Every column of a random frame as a series, and its labels as an index."""
    series = [frame.iloc[:, number] for number in range(frame.shape[1])]
    for value in (*series, frame.index, frame.columns):
        loaded = round_trip(value)

        assert type(loaded) is type(value)
        assert materializer_of(value).equal(loaded, value)


UNITS = st.sampled_from(["s", "ms", "us", "ns"])
COUNTS = st.integers(-(2**33), 2**33)
TIMES = st.builds(lambda n, u, z: pd.Timestamp(n, unit="s", tz=z).as_unit(u), COUNTS, UNITS, ZONES)
SPANS = st.builds(lambda n, unit: pd.Timedelta(n, unit=unit).as_unit(unit), COUNTS, UNITS)
PERIODS = st.builds(
    pd.Period,
    st.integers(1700, 2200).map(str),
    freq=st.sampled_from(["Y", "Q-NOV", "M", "W-WED", "D", "h"]),
)
NUMBERS = st.integers(-9, 9)


def interval(ends: tuple[Any, Any], closed: Any) -> pd.Interval:
    return pd.Interval(min(ends), max(ends), closed)


INTERVALS = st.builds(
    interval,
    st.tuples(COUNTS, COUNTS) | st.tuples(SPANS, SPANS).map(lambda s: (s[0], s[0])),
    st.sampled_from(["left", "right", "both", "neither"]),
)
OFFSETS = st.one_of(
    st.builds(pd.offsets.Week, NUMBERS, weekday=st.integers(0, 6)),
    st.builds(pd.offsets.BQuarterEnd, NUMBERS, startingMonth=st.integers(1, 12)),
    st.builds(pd.DateOffset, months=NUMBERS, hours=NUMBERS, normalize=st.booleans()),
    st.builds(lambda kind, n: kind(n), st.sampled_from([pd.offsets.Day, pd.offsets.Nano]), NUMBERS),
)


@given(value=st.one_of(TIMES, SPANS, PERIODS, INTERVALS, OFFSETS))
@settings(max_examples=100, deadline=None)
def test_random_scalar_and_offset_come_back_exactly(value: Any) -> None:
    """Value, unit, zone, frequency, bounds and keywords are the same."""
    loaded = round_trip(value)

    assert type(loaded) is type(value)
    assert repr(loaded) == repr(value)
    assert materializer_of(value).equal(loaded, value)


def same(left: Any, right: Any) -> bool:
    """Tell whether two elements have the same types, bits and order all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same([*left.items()], [*right.items()])
    if isinstance(left, frozenset):
        return bool(left == right)
    return repr(left) == repr(right)


@given(item=ELEMENTS)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_element_comes_back_exactly(item: Any) -> None:
    """One element of an object column has its type and value after the round trip."""
    data = tagged.dumps(tagged.encode(item))

    loaded = tagged.decode(tagged.loads(data))

    assert same(loaded, item)
    assert tagged.dumps(tagged.encode(loaded)) == data


@given(item=st.from_type(type) | st.functions() | st.iterables(st.integers()))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_other_elements_are_refused(item: Any) -> None:
    """Control: classes, functions and iterators are refused, alone and in a column."""
    frame = pd.DataFrame({"x": pd.Series(np.fromiter([item], object, 1), dtype=object)})

    refusals = []
    for attempt in (lambda: tagged.encode(item), lambda: saved(frame)):
        try:
            attempt()
        except (Refused, LossyConversionError) as refused:
            refusals.append(type(refused))

    assert refusals == [Refused, LossyConversionError]
