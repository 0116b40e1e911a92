"""A part of a stored frame is the same part of the frame, and only it is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas_cases import EXACT
from pandas_files import MemoryFiles, saved

from artifact_materializers.pandas import objects
from artifact_materializers.pandas.frame import FrameMaterializer
from artifact_plugins.contracts.abilities import DirectIO, PartialIO, StreamIO
from artifact_plugins.errors import InputError, LoadFailedError

SLICES = [slice(None), slice(1, 3), slice(0, 0), slice(-2, None), slice(None, None, 2)]
SLICES += [slice(None, None, -1), slice(5, 1, -2), slice(100, 200), slice(1, None, 3)]


def part(files: MemoryFiles, **selection: Any) -> pd.DataFrame:
    return FrameMaterializer().load_part(files, pd.DataFrame, **selection)


def sample() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "i": range(9),
            "b": [True, False, True] * 3,
            "s": pd.array([*"abcdefgh", None], "str"),
            "c": pd.Categorical([*"xyzxyzxy", None]),
            "m": pd.array([1, None, 3] * 3, "Int64"),
            "z": np.arange(9) * 1j,
            "v": pd.interval_range(pd.Timestamp("2020"), periods=9),
            "o": pd.Series([1, "a", None] * 3, dtype=object),
            "t": pd.date_range("2020", periods=9, tz="Europe/Berlin"),
        },
        index=pd.date_range("2020", periods=9, freq="h", name="at"),
    )
    return frame.set_flags(allows_duplicate_labels=False)


@pytest.mark.parametrize("rows", SLICES, ids=repr)
def test_rows_are_those_of_iloc(rows: slice) -> None:
    """`rows` selects what `frame.iloc[rows]` selects, columns of bits and codes included."""
    files = saved(sample())

    loaded = part(files, rows=rows)

    expected = sample().iloc[rows]
    assert loaded.index.equals(expected.index)
    assert FrameMaterializer().equal(loaded, expected)


@pytest.mark.parametrize("rows", [slice(1, 3), slice(None, None, -1)], ids=repr)
@pytest.mark.parametrize("case", EXACT, ids=[f"{row} {name}" for row, name, _ in EXACT])
def test_rows_of_every_frame(case: tuple[str, str, Any], rows: slice) -> None:
    """Every frame of the table gives the values of `frame.iloc[rows]`."""
    frame = case[2]()

    loaded = part(saved(frame), rows=rows)

    expected = frame.iloc[rows]
    if isinstance(expected.index, pd.DatetimeIndex | pd.TimedeltaIndex):
        expected.index.freq = loaded.index.freq
    assert FrameMaterializer().equal(loaded, expected)


@pytest.mark.parametrize("columns", [["s"], ["t", "i"], ["o", "o"], [], ("b",)], ids=repr)
def test_columns_are_those_of_the_frame(columns: Any) -> None:
    """`columns` selects and orders what `frame[columns]` does, with the index."""
    frame = sample().set_flags(allows_duplicate_labels=True)

    loaded = part(saved(frame), columns=columns, rows=slice(2, 5))

    assert FrameMaterializer().equal(loaded, frame[list(columns)].iloc[2:5])


@pytest.mark.parametrize("case", EXACT, ids=[f"{row} {name}" for row, name, _ in EXACT])
def test_selecting_all_columns_is_the_frame(case: tuple[str, str, Any]) -> None:
    """A selection without rows keeps the index as it was stored, bit by bit."""
    frame = case[2]()

    loaded = part(saved(frame))

    assert saved(loaded).data == saved(frame).data


def test_columns_of_other_labels() -> None:
    """Integer, tuple and duplicate labels select like in pandas."""
    multi = pd.DataFrame(
        [[1, 2, 3]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])
    )
    double = pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"])
    numbers = pd.DataFrame([[1, 2, 3]])

    equal = FrameMaterializer().equal

    assert equal(part(saved(multi), columns=[("a", 2)]), multi[[("a", 2)]])
    assert equal(part(saved(multi), columns=["a"]), multi[["a"]])
    assert equal(part(saved(double), columns=["a"]), double[["a"]])
    assert equal(part(saved(numbers), columns=[2, 0]), numbers[[2, 0]])


def test_missing_column_is_named() -> None:
    """A column that is not there is a LoadFailedError with its name and those there are."""
    with pytest.raises(LoadFailedError, match=r"'nope'.*'i'"):
        part(saved(sample()), columns=["i", "nope"])


def test_rows_that_are_no_slice_are_refused() -> None:
    """`rows` is a slice."""
    with pytest.raises(InputError, match="not a slice"):
        part(saved(sample()), rows=[1, 2])


def test_only_what_is_asked_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Object elements outside of the rows asked for are not made, other columns not at all."""
    frame = pd.DataFrame({"a": pd.Series([(number,) for number in range(1000)]), "b": range(1000)})
    files = saved(frame)
    made: list[Any] = []
    decode = objects.tagged.decode
    monkeypatch.setattr(objects.tagged, "decode", lambda data: made.append(data) or decode(data))

    part(files, columns=["b"])
    without = sum(isinstance(data, dict) for data in made)
    part(files, columns=["a"], rows=slice(10, 13))

    assert without == 0
    assert sum(isinstance(data, dict) for data in made) == 3


def test_the_abilities_are_seen() -> None:
    """The session recognizes direct, partial and streaming input and output."""
    materializer = FrameMaterializer()

    assert isinstance(materializer, DirectIO)
    assert isinstance(materializer, PartialIO)
    assert isinstance(materializer, StreamIO)
    assert materializer.selections == {"columns", "rows"}
