"""Series and indexes come back exactly, with every name, dtype, level and freq."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_index_equal, assert_series_equal
from pandas_cases import EXACT, Odd, objects
from pandas_files import round_trip, saved

from artifact_materializers.pandas.frame import FrameMaterializer
from artifact_materializers.pandas.series import IndexMaterializer, SeriesMaterializer
from artifact_plugins.errors import LoadFailedError, LossyConversionError

COLUMNS = [(f"{row} {name}", make) for row, name, make in EXACT if len(make().columns) == 1]
INDEXES: list[tuple[str, Callable[[], pd.Index[Any]]]] = [
    ("empty", lambda: pd.Index([])),
    ("text", lambda: pd.Index(["a", None, "b"], name="n")),
    ("object", lambda: pd.Index([1, "a", (2, 3), None], dtype=object)),
    ("tuples", lambda: pd.Index([(1, 2), (3,)], tupleize_cols=False)),
    ("float", lambda: pd.Index([1.5, np.nan, -0.0])),
    ("uint8", lambda: pd.Index([1, 255], dtype="uint8")),
    ("masked", lambda: pd.Index([1, None], dtype="Int64")),
    ("arrow", lambda: pd.Index([1, None], dtype="int32[pyarrow]")),
    ("bool", lambda: pd.Index([True, False])),
    ("range", lambda: pd.RangeIndex(9, -3, -4, name="r")),
    ("dates", lambda: pd.date_range("2020", periods=4, freq="W-WED", tz="Asia/Tokyo", unit="s")),
    ("dates, no freq", lambda: pd.DatetimeIndex(["2020-01-01", None])),
    ("timedeltas", lambda: pd.timedelta_range("1D", periods=3, freq="6h", name="t")),
    ("periods", lambda: pd.period_range("2020", periods=3, freq="W-SUN")),
    ("periods with NaT", lambda: pd.PeriodIndex(["2020", None], freq="Y-MAR")),
    ("intervals", lambda: pd.interval_range(0.0, 3.0, closed="neither")),
    ("categories", lambda: pd.CategoricalIndex(["b", None], ["b", "a"], ordered=True, name="c")),
    ("multi", lambda: pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", "y"])),
    ("multi of one", lambda: pd.MultiIndex.from_arrays([[3, 1]])),
    ("multi, empty", lambda: pd.MultiIndex.from_arrays([[], []], names=["a", "b"])),
    ("multi, missing", lambda: pd.MultiIndex.from_tuples([("a", np.nan), (None, 2.0)])),
    (
        "multi of everything",
        lambda: pd.MultiIndex.from_arrays(
            [pd.date_range("2020", periods=2), pd.Categorical(["x", "y"]), objects(1, "a")]
        ),
    ),
]


@pytest.mark.parametrize("make", [m for _, m in COLUMNS], ids=[n for n, _ in COLUMNS])
def test_series_comes_back_exactly(make: Callable[[], pd.DataFrame]) -> None:
    """The one column of a frame of the table is exact as a series too."""
    series = make().iloc[:, 0]

    loaded = round_trip(series)

    assert SeriesMaterializer().equal(loaded, make().iloc[:, 0])
    assert_series_equal(loaded, make().iloc[:, 0], check_exact=True, check_freq=True)


@pytest.mark.parametrize("name", ["a", None, 5, ("a", 1), 1.5, pd.Timestamp("2020"), "\ud800"])
def test_series_keeps_its_name(name: Any) -> None:
    """The name of a series is exact, whatever hashable it is."""
    series = pd.Series([1, 2], name=name, index=["x", "y"])

    loaded = round_trip(series)

    assert loaded.name == name
    assert type(loaded.name) is type(name)


def test_series_keeps_attrs_and_flags() -> None:
    """Attrs and allows_duplicate_labels of a series come back."""
    series = pd.Series([1], dtype="int8").set_flags(allows_duplicate_labels=False)
    series.attrs["unit"] = "m"

    loaded = round_trip(series)

    assert (loaded.attrs, loaded.flags.allows_duplicate_labels) == ({"unit": "m"}, False)


@pytest.mark.parametrize("make", [m for _, m in INDEXES], ids=[n for n, _ in INDEXES])
def test_index_comes_back_exactly(make: Callable[[], pd.Index[Any]]) -> None:
    """Class, values, dtype, names and freq of an index are the same, and so are its bytes."""
    index = make()

    loaded = round_trip(index)

    assert IndexMaterializer().equal(loaded, make())
    assert_index_equal(loaded, make(), exact=True, check_exact=True)
    assert getattr(loaded, "freq", None) == getattr(index, "freq", None)
    assert saved(loaded).data == saved(make()).data


def test_unused_levels_come_back() -> None:
    """Even the levels of a MultiIndex that no row uses come back."""
    index = pd.MultiIndex.from_product([["a", "b", "c"], [1]])[1:2]

    loaded = round_trip(index)

    assert list(loaded.levels[0]) == ["a", "b", "c"]


def test_large_series_is_writable() -> None:
    """A loaded series is changed in place like any other."""
    loaded = round_trip(pd.Series(np.arange(50_000)))

    loaded.iloc[3] = -1

    assert loaded.iloc[3] == -1


@pytest.mark.parametrize(
    "value",
    [pd.Series([Odd()]), pd.Index([Odd()], dtype=object), pd.Series([1], name=Odd())],
    ids=["series", "index", "name"],
)
def test_unknown_objects_are_refused(value: Any) -> None:
    """An element or name of an unknown class is refused by name."""
    with pytest.raises(LossyConversionError, match="Odd"):
        saved(value)


def test_file_of_another_kind_is_named() -> None:
    """Loading a series as a frame is an error that says what the file holds."""
    files = saved(pd.Series([1]))

    with pytest.raises(LoadFailedError, match="holds a series, not a frame"):
        FrameMaterializer().load_files(files, pd.DataFrame)


def test_index_and_series_are_described() -> None:
    """Descriptions of series and indexes have rows and dtype."""
    series = SeriesMaterializer().describe(pd.Series([1.0, None], name="a"))
    index = IndexMaterializer().describe(pd.Index([3, 1]))
    multi = IndexMaterializer().describe(pd.MultiIndex.from_arrays([[1], [2]], names=["a", None]))

    assert (series["rows"], series["null_count"], series["mean"]) == (2, 1, 1.0)
    assert (index["dtype"], index["min"]) == ("int64", 1)
    assert multi == {"rows": 1, "levels": ["a", "None"]}
