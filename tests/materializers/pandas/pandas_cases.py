"""The frames of faults.md section I and their neighbours: exact ones and refused ones."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

F = pd.DataFrame
BERLIN = ZoneInfo("Europe/Berlin")
Point = namedtuple("Point", "x y")


def objects(*items: Any) -> pd.Series[Any]:
    """An object Series of exactly these elements."""
    return pd.Series(np.fromiter(items, object, len(items)), dtype=object)


def column(*items: Any) -> F:
    return F({"x": objects(*items)})


def arrow(items: list[Any], kind: Any) -> F:
    return F({"x": pd.array(items, dtype=pd.ArrowDtype(kind))})


def with_attrs(**attrs: Any) -> F:
    frame = F({"a": [1]})
    frame.attrs = attrs
    return frame


def nan_payload() -> F:
    bits = np.array([0x7FF8000000000123, 0xFFF8000000000000, 0x7FF0000000000001], "u8")
    return F({"x": bits.view("f8")})


def strided(rows: int = 5) -> F:
    # pandas 3 makes the columns contiguous unless it is told not to copy.
    return F(np.arange(rows * 3.0).reshape(rows, 3), columns=list("abc"), copy=False)


def big_strided() -> F:
    block = np.random.default_rng(0).standard_normal((300_000, 4))
    return F(block, columns=list("abcd"), copy=False)


# Row of the catalogue, name, maker.
EXACT: list[tuple[str, str, Callable[[], F]]] = [
    ("I1", "no rows, category", lambda: F({"c": pd.Categorical([], categories=["a", "b"])})),
    ("I1", "no rows, mixed", lambda: F({"c": [1], "s": ["x"], "o": objects(1)}).iloc[:0]),
    ("I2", "5 rows, no columns", lambda: F(index=range(5))),
    ("I2", "no rows, no columns", F),
    ("I2", "dates, no columns", lambda: F(index=pd.date_range("2020", periods=3))),
    ("I3", "duplicate names", lambda: F([[1, 2.5, "x"]], columns=["a", "a", "b"])),
    ("I3", "positions as names", lambda: F([[1, 2]], columns=["1", "0"])),
    ("I4", "integer names", lambda: F([[1, 2]], columns=[5, 3])),
    ("I4", "mixed names", lambda: F([[1, 2, 3, 4]], columns=[0, "a", None, np.nan])),
    (
        "I4",
        "tuple names",
        lambda: F([[1, 2]], columns=pd.Index([(1, 2), (3,)], tupleize_cols=False)),
    ),
    ("I4", "dates as names", lambda: F([[1, 2]], columns=pd.date_range("2020", periods=2))),
    ("I4", "categories as names", lambda: F([[1, 2]], columns=pd.CategoricalIndex(["b", "a"]))),
    ("I4", "object names", lambda: F([[1, 2]], columns=pd.Index(["b", "a"], dtype=object))),
    ("I4", "float names", lambda: F([[1, 2]], columns=[0.5, -0.0])),
    ("I4", "named labels", lambda: F([[1]], columns=pd.Index(["a"], name="n"))),
    ("I4", "reserved name", lambda: F({"__index_level_0__": [1]}, index=["x"])),
    ("I4", "surrogate name", lambda: F([[1]], columns=pd.Index(["\ud800"], dtype=object))),
    ("I5", "MultiIndex rows", lambda: F({"v": [1, 2]}, index=[["a", "b"], [1, 2]])),
    (
        "I5",
        "MultiIndex with names and missing",
        lambda: F(
            {"v": range(3)},
            index=pd.MultiIndex.from_arrays([["a", None, "b"], [1.5, np.nan, 2]], names=["k", 7]),
        ),
    ),
    (
        "I5",
        "MultiIndex unused levels",
        lambda: F({"v": range(4)}, index=[["a", "b", "c", "d"], [1, 2, 3, 4]]).iloc[1:3],
    ),
    (
        "I5",
        "MultiIndex of dates and intervals",
        lambda: F(
            {"v": [1, 2]},
            index=[pd.date_range("2020", periods=2, tz="UTC"), pd.interval_range(0, 2)],
        ),
    ),
    (
        "I5",
        "MultiIndex columns",
        lambda: F([[1, 2]], columns=pd.MultiIndex.from_product([["a"], [1, 2]], names=["x", None])),
    ),
    ("I5", "index name = column name", lambda: F({"a": [1]}, index=pd.Index([7], name="a"))),
    ("I5", "non-unique index", lambda: F({"a": [1, 2]}, index=["x", "x"])),
    ("I5", "RangeIndex step", lambda: F({"a": [1, 2]}, index=pd.RangeIndex(10, 4, -3, name="r"))),
    ("I5", "RangeIndex stop", lambda: F({"a": [1, 2]}, index=pd.RangeIndex(1, 4, 2))),
    ("I5", "IntervalIndex", lambda: F({"a": [1, 2]}, index=pd.interval_range(0, 2, closed="both"))),
    (
        "I5",
        "PeriodIndex",
        lambda: F({"a": [1, 2]}, index=pd.period_range("2020", periods=2, freq="Q")),
    ),
    ("I5", "CategoricalIndex", lambda: F({"a": [1, 2]}, index=pd.CategoricalIndex(["x", None]))),
    ("I5", "TimedeltaIndex", lambda: F({"a": [1, 2]}, index=pd.timedelta_range("1h", periods=2))),
    ("I5", "int8 index", lambda: F({"a": [1]}, index=pd.Index([1], dtype="int8"))),
    ("I5", "object index", lambda: F({"a": [1, 2]}, index=pd.Index([1, "x"], dtype=object))),
    ("I5", "boolean index", lambda: F({"a": [1, 2]}, index=[True, False])),
    ("I5", "tuple index name", lambda: F({"a": [1]}, index=pd.Index([1], name=("n", 1)))),
    ("I6", "freq D", lambda: F({"a": range(3)}, index=pd.date_range("2020", periods=3))),
    ("I6", "freq BME tz", lambda: F(index=pd.date_range("2020", periods=3, freq="BME", tz=BERLIN))),
    ("I6", "freq 7min", lambda: F(index=pd.timedelta_range("0s", periods=3, freq="7min"))),
    ("I6", "no freq", lambda: F(index=pd.DatetimeIndex(["2020-01-01", "2020-01-02"]))),
    ("I7", "datetime64[s]", lambda: F({"x": np.array(["-0100-01-01", "9999-12-31"], "M8[s]")})),
    ("I7", "datetime64[ms]", lambda: F({"x": np.array(["1970-01-01", "NaT"], "M8[ms]")})),
    ("I7", "datetime64[us]", lambda: F({"x": np.array([1, -1], "M8[us]")})),
    ("I7", "datetime64[ns]", lambda: F({"x": np.array([2**62, -(2**62)], "M8[ns]")})),
    (
        "I7",
        "timedelta units",
        lambda: F({u: np.array([1, 2], f"m8[{u}]") for u in ("s", "ms", "us", "ns")}),
    ),
    ("I7", "tz and unit", lambda: F({"x": pd.date_range("2020", periods=2, tz=BERLIN, unit="s")})),
    (
        "I8",
        "offset with seconds",
        lambda: F(
            {"x": pd.date_range("2020", periods=2, tz=dt.timezone(dt.timedelta(seconds=19817)))}
        ),
    ),
    ("I8", "fixed offset", lambda: F({"x": pd.date_range("2020", periods=2, tz="-03:30")})),
    (
        "I8",
        "named offset",
        lambda: F(
            {"x": pd.date_range("2020", periods=2, tz=dt.timezone(dt.timedelta(hours=1), "X"))}
        ),
    ),
    ("I9", "str, None, NaN", lambda: column("a", None, np.nan)),
    ("I9", "str, None", lambda: column("a", None)),
    ("I9", "str, NaN", lambda: column("a", np.nan)),
    ("I9", "str, NA, NaT", lambda: column("a", pd.NA, pd.NaT)),
    ("I9", "only None", lambda: column(None, None)),
    ("I9", "only NaN", lambda: column(np.nan, np.nan)),
    ("I9", "only NA", lambda: column(pd.NA)),
    ("I9", "object text", lambda: column("a", "é", "")),
    ("I10", "object ints", lambda: column(1, 2, -(2**63))),
    ("I10", "object bool", lambda: column(True, False)),
    ("I10", "object bool and None", lambda: column(True, None)),
    ("I10", "object floats", lambda: column(1.5, -0.0, np.nan, np.inf)),
    ("I10", "object ints and NaN", lambda: column(1, np.nan)),
    (
        "I10",
        "object numpy scalars",
        lambda: column(np.int8(1), np.float32(2), np.str_("x"), np.bool_(True)),
    ),
    ("I11", "int and str", lambda: column(1, "1")),
    ("I11", "int and bool", lambda: column(1, True)),
    ("I11", "2**70", lambda: column(2**70, 1)),
    ("I11", "sets", lambda: column({1, 2}, frozenset({"a"}), set())),
    ("I11", "arrays", lambda: column(np.arange(4.0).reshape(2, 2), np.array(5), np.array(["x"]))),
    ("I12", "lists", lambda: column([1, [2, None]], [], ["x"])),
    ("I12", "tuples", lambda: column((1, (2,)), ())),
    ("I12", "dicts", lambda: column({"a": 1}, {"b": {1: None}, "a": 2}, {})),
    ("I13", "Decimal NaN", lambda: column(Decimal("NaN"), Decimal("1.50"), Decimal("1.5"))),
    (
        "I13",
        "mixed time zones",
        lambda: column(
            pd.Timestamp("2020", tz="UTC"), pd.Timestamp("2020", tz=BERLIN), pd.Timestamp(0)
        ),
    ),
    (
        "I13",
        "dates and times",
        lambda: column(dt.date(1, 1, 1), dt.time(1, 2, tzinfo=BERLIN), dt.timedelta(-1)),
    ),
    ("I13", "datetimes", lambda: column(dt.datetime(2020, 10, 25, 2, fold=1, tzinfo=BERLIN), None)),
    ("I14", "object lone surrogate", lambda: column("\ud800", "\ud800\udc00", "a")),
    ("I15", "category ints with NaN", lambda: F({"c": pd.Categorical([1, None, 3])})),
    (
        "I15",
        "category ordered, unused",
        lambda: F({"c": pd.Categorical(["b"], ["c", "b", "a"], ordered=True)}),
    ),
    (
        "I15",
        "category of dates",
        lambda: F({"c": pd.Categorical(pd.date_range("2020", periods=2, tz="UTC"))}),
    ),
    ("I15", "category of bool", lambda: F({"c": pd.Categorical([True, False, None])})),
    (
        "I15",
        "category of object text",
        lambda: F({"c": pd.Categorical(pd.Index(["a", "b"], dtype=object))}),
    ),
    ("I15", "300 categories", lambda: F({"c": pd.Categorical(np.arange(300) % 290)})),
    (
        "I15",
        "category of a range",
        lambda: F({"c": pd.Categorical.from_codes([0, 1], pd.RangeIndex(3))}),
    ),
    ("I16", "category of Interval", lambda: F({"c": pd.cut([1, 5, 9], 3)})),
    ("I16", "mixed categories", lambda: F({"c": pd.Categorical([1, "a", None])})),
    ("I16", "category of tuples", lambda: F({"c": pd.Categorical(objects((1, 2), (3,)))})),
    ("I17", "complex", lambda: F({"x": np.array([1 + 2j, complex(np.nan, -0.0)])})),
    ("I17", "complex64", lambda: F({"x": np.array([1 + 2j], "c8")})),
    ("I17", "complex strided", lambda: F(np.arange(6).reshape(3, 2).astype("c16"), copy=False)),
    (
        "I17",
        "big-endian",
        lambda: F({"x": np.array([1, 2], ">i4"), "y": np.array([1.5, -0.0], ">f8")}),
    ),
    ("I18", "arrow list", lambda: arrow([[1, None], None, []], pa.list_(pa.int64()))),
    ("I18", "arrow struct", lambda: arrow([{"a": 1}, None], pa.struct([("a", pa.int8())]))),
    ("I18", "arrow map", lambda: arrow([[("k", 1)], None], pa.map_(pa.string(), pa.int64()))),
    (
        "I18",
        "arrow dictionary",
        lambda: arrow(["a", None, "a"], pa.dictionary(pa.int8(), pa.string())),
    ),
    ("I18", "arrow list of NaN", lambda: arrow([[np.nan]], pa.list_(pa.float64()))),
    (
        "I18",
        "arrow scalars",
        lambda: F(
            {
                "a": pd.array([1, None], "int64[pyarrow]"),
                "b": pd.array(["x", None], "string[pyarrow]"),
            }
        ),
    ),
    (
        "I18",
        "arrow tz, date, time",
        lambda: arrow([pd.Timestamp("2020", tz="UTC")], pa.timestamp("ns", "Europe/Berlin")),
    ),
    ("I18", "arrow null", lambda: arrow([None], pa.null())),
    ("I19", "arrow decimal256", lambda: arrow([Decimal("1.5"), None], pa.decimal256(50, 2))),
    ("I20", "attrs", lambda: with_attrs(a=[1, {"b": None}], unit="m/s", big=2**70, t=(1, 2))),
    ("I20", "attrs with times", lambda: with_attrs(at=pd.Timestamp("2020"), nan=float("nan"))),
    ("I21", "flags", lambda: F({"a": [1]}).set_flags(allows_duplicate_labels=False)),
    ("I22", "Int64", lambda: F({"x": pd.array([1, None, 2**63 - 1], "Int64")})),
    ("I22", "UInt8", lambda: F({"x": pd.array([255, None], "UInt8")})),
    ("I22", "boolean", lambda: F({"x": pd.array([True, None, False], "boolean")})),
    ("I22", "Float32", lambda: F({"x": pd.array([1.5, None], "Float32")})),
    (
        "I22",
        "Float64 NaN and NA",
        lambda: F({"x": pd.arrays.FloatingArray(np.array([np.nan, 1.0]), np.array([False, True]))}),
    ),
    ("I22", "tz-aware NaT", lambda: F({"x": pd.Series([pd.Timestamp("2020", tz="UTC"), pd.NaT])})),
    ("I22", "timedelta NaT", lambda: F({"x": np.array([1, "NaT"], "m8[ns]")})),
    ("I22", "NUL in text", lambda: F({"x": ["a\0b", "\0"]})),
    ("I22", "str with missing", lambda: F({"x": pd.array(["a", None], "str")})),
    ("I22", "string python", lambda: F({"x": pd.array(["a", None], pd.StringDtype("python"))})),
    (
        "I22",
        "string pyarrow NA",
        lambda: F({"x": pd.array(["a", None], pd.StringDtype("pyarrow"))}),
    ),
    (
        "I22",
        "str python nan",
        lambda: F({"x": pd.array(["a", None], pd.StringDtype("python", na_value=np.nan))}),
    ),
    ("I22", "-0.0 and inf", lambda: F({"x": [-0.0, np.inf, -np.inf, 5e-324]})),
    ("I22", "NaN payload", nan_payload),
    ("I22", "float16", lambda: F({"x": np.array([1.5, np.nan, -0.0], "f2")})),
    (
        "I22",
        "all integer widths",
        lambda: F(
            {
                t: np.array([0, np.iinfo(t).max, np.iinfo(t).min], t)
                for t in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
            }
        ),
    ),
    ("I22", "bool", lambda: F({"x": [True, False, True]})),
    ("I22", "bytes", lambda: column(b"", b"\xff\0")),
    ("I22", "UUID", lambda: column(UUID(int=5), UUID(int=2**127))),
    ("I22", "Period", lambda: F({"x": pd.PeriodIndex(["2020-01", None], freq="M")})),
    ("I22", "Period objects", lambda: column(pd.Period("2020-01", "M"), pd.Period("2020", "Y"))),
    ("I22", "Interval", lambda: F({"x": pd.arrays.IntervalArray.from_tuples([(0, 1.5), None])})),
    (
        "I22",
        "Interval of times",
        lambda: F(
            {"x": pd.interval_range(pd.Timestamp("2020", tz="UTC"), periods=2, closed="left")}
        ),
    ),
    (
        "I22",
        "Interval of ints",
        lambda: F({"x": pd.arrays.IntervalArray.from_breaks([0, 1, 2], "both")}),
    ),
    ("I22", "Interval objects", lambda: column(pd.Interval(0, 1), pd.Interval(0.5, 1, "both"))),
    ("I22", "complex objects", lambda: column(1j, complex(np.nan, np.inf))),
    (
        "I22",
        "pandas scalars",
        lambda: column(pd.Timedelta("1s"), pd.offsets.MonthEnd(2), pd.DateOffset(days=1)),
    ),
    (
        "I24",
        "object text of pandas 2",
        lambda: F({"s": objects("a", np.nan)}, index=pd.Index(["x", "y"], dtype=object)),
    ),
    ("I26", "1,000 columns", lambda: F(np.arange(2000.0).reshape(2, 1000))),
    ("-", "strided", strided),
    ("-", "strided and large", big_strided),
    ("-", "every second row", lambda: strided(10).iloc[::2]),
    ("-", "reversed", lambda: strided(10).iloc[::-1]),
    ("-", "fortran", lambda: F(np.asfortranarray(np.arange(6).reshape(3, 2)))),
    (
        "-",
        "sliced text",
        lambda: F({"s": list("abcdef"), "c": pd.Categorical(list("aabbcc"))}).iloc[2:5],
    ),
    ("-", "concatenated text", lambda: pd.concat([F({"s": ["a"]}), F({"s": [None, "b"]})])),
    ("-", "masked strided", lambda: F({"x": pd.array([1, None, 3, 4], "Int16")}).iloc[::2]),
]


class Odd:
    """A class that nobody registered."""


class Text(str):
    """A subclass that would come back as str."""


class OddDtype(pd.api.extensions.ExtensionDtype):
    """A third-party dtype."""

    name = "odd"
    type = object

    @classmethod
    def construct_array_type(cls) -> Any:
        return OddArray


class OddArray(pd.api.extensions.ExtensionArray):
    """A third-party array of two elements."""

    dtype = OddDtype()

    def __len__(self) -> int:
        return 2

    def __getitem__(self, item: Any) -> Any:
        return self

    def isna(self) -> Any:
        return np.zeros(2, bool)

    def copy(self) -> OddArray:
        return self

    nbytes = 0


class SubFrame(F):
    """A subclass of DataFrame, as GeoDataFrame is."""


def cyclic() -> F:
    items: list[Any] = []
    items.append(items)
    return column(1, items)


# Row, name, maker, error class, what the message names.
REFUSED: list[tuple[str, str, Callable[[], F], str, str]] = [
    (
        "I11",
        "2-d object array",
        lambda: column(np.array([[1, "a"]], dtype=object)),
        "Lossy",
        "column 'x' (position 0), row 0",
    ),
    ("I11", "unknown class", lambda: column(1, Odd()), "Lossy", "row 1"),
    ("I11", "str subclass", lambda: column("a", Text("b")), "Lossy", "row 1"),
    ("I11", "OrderedDict", lambda: column(OrderedDict(a=1)), "Lossy", "OrderedDict"),
    ("I11", "NamedTuple", lambda: column(Point(1, 2)), "Lossy", "Point"),
    ("I11", "frame in a cell", lambda: column(F()), "Lossy", "row 0"),
    ("I12", "list that holds itself", cyclic, "Lossy", "row 1"),
    ("I12", "function", lambda: column([len]), "Lossy", "row 0"),
    (
        "I14",
        "surrogate in a string dtype",
        lambda: F({"x": pd.array(["a", "\ud800"], pd.StringDtype("python"))}),
        "Lossy",
        "column 'x' (position 0), row 1",
    ),
    ("I17", "longdouble", lambda: F({"x": np.array([1], np.longdouble)}), "Lossy", "column 'x'"),
    ("I17", "clongdouble", lambda: F({"x": np.array([1], np.clongdouble)}), "Lossy", "column 'x'"),
    ("I17", "Sparse", lambda: F({"x": pd.arrays.SparseArray([0, 0, 1])}), "Lossy", "Sparse"),
    ("I17", "longdouble object", lambda: column(np.longdouble(1)), "Lossy", "float128"),
    ("I20", "attrs object", lambda: with_attrs(a=Odd()), "Metadata", "attrs"),
    ("I20", "attrs frame", lambda: with_attrs(a=F()), "Metadata", "attrs"),
    (
        "I6",
        "custom freq",
        lambda: F(
            index=pd.date_range("2020", periods=3, freq=pd.offsets.CDay(holidays=["2020-01-02"]))
        ),
        "Lossy",
        "index",
    ),
    (
        "I8",
        "dateutil zone of this machine",
        lambda: F({"x": pd.date_range("2020", periods=2, tz="dateutil/Europe/Berlin")}),
        "Lossy",
        "column 'x'",
    ),
    ("-", "third-party dtype", lambda: F({"x": OddArray()}), "Lossy", "odd"),
    ("-", "subclass", lambda: SubFrame({"a": [1]}), "Lossy", "SubFrame"),
    (
        "-",
        "odd label",
        lambda: F([[1]], columns=pd.Index([Odd()], dtype=object)),
        "Lossy",
        "column labels",
    ),
    (
        "-",
        "odd index name",
        lambda: F({"a": [1]}, index=pd.Index([1], name=Text("x"))),
        "Lossy",
        "index",
    ),
]
