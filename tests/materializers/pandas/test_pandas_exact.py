"""Every frame of the fault catalogue comes back exactly, or is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest
from pandas.testing import assert_frame_equal
from pandas_cases import EXACT, REFUSED, column, strided
from pandas_files import MemoryFiles, round_trip, saved

from artifact_materializers.pandas.frame import FrameMaterializer
from artifact_plugins import errors

ROWS = {f"I{number}" for number in range(1, 23)}


@pytest.mark.parametrize(
    "make", [make for _, _, make in EXACT], ids=[f"{row} {name}" for row, name, _ in EXACT]
)
def test_frame_comes_back_exactly(make: Callable[[], pd.DataFrame]) -> None:
    """The loaded frame is the same for us bit by bit, and for pandas' own comparison."""
    frame = make()

    loaded = round_trip(frame)

    assert FrameMaterializer().equal(loaded, make())
    assert_frame_equal(loaded, make(), check_exact=True, check_freq=True, check_flags=True)


@pytest.mark.parametrize(
    ("make", "error", "names"),
    [case[2:] for case in REFUSED],
    ids=[f"{case[0]} {case[1]}" for case in REFUSED],
)
def test_frame_is_refused_by_name(make: Callable[[], pd.DataFrame], error: str, names: str) -> None:
    """What would not come back equal is a named error, and no file is written."""
    files = MemoryFiles()

    with pytest.raises(
        errors.MaterializerError if error == "Lossy" else errors.MetadataValueError
    ) as caught:
        FrameMaterializer().save_files(make(), files)

    assert type(caught.value).__name__.startswith(error)
    assert names in str(caught.value)
    assert files.names() == ()


def test_the_table_covers_the_catalogue() -> None:
    """At least 80 frames stand in the tables, and every row from I1 to I22 has one."""
    rows = [case[0] for case in EXACT] + [case[0] for case in REFUSED]

    assert len(EXACT) >= 120
    assert len(REFUSED) >= 20
    assert set(rows) >= ROWS


def test_plain_feather_changes_some_of_these_frames() -> None:
    """Control: without the sidecar, Arrow itself changes or refuses many of them."""
    equal, changed = FrameMaterializer().equal, 0
    for _, _, make in EXACT:
        sink = pa.BufferOutputStream()
        try:
            pyarrow.feather.write_feather(make(), sink, compression="uncompressed")
            loaded = pyarrow.feather.read_feather(pa.BufferReader(sink.getvalue()))
            changed += not equal(make(), loaded)
        except Exception:
            changed += 1

    assert changed >= 40


DIFFERENT: list[tuple[str, Callable[[], Any], Callable[[], Any]]] = [
    ("value", lambda: column(1), lambda: column(2)),
    ("element type", lambda: column(1), lambda: column(True)),
    ("element type 2", lambda: column(1, "a"), lambda: column(1.0, "a")),
    ("kind of missing", lambda: column("a", None), lambda: column("a", np.nan)),
    ("dtype", lambda: pd.DataFrame({"a": [1]}), lambda: pd.DataFrame({"a": [1]}, dtype="int32")),
    ("str or object", lambda: column("a"), lambda: column("a").astype("str")),
    ("sign of zero", lambda: pd.DataFrame({"a": [0.0]}), lambda: pd.DataFrame({"a": [-0.0]})),
    ("name", lambda: pd.DataFrame({"a": [1]}), lambda: pd.DataFrame({"b": [1]})),
    ("range or ints", lambda: pd.DataFrame(index=range(2)), lambda: pd.DataFrame(index=[0, 1])),
    (
        "freq",
        lambda: pd.DataFrame(index=pd.date_range("2020", periods=3)),
        lambda: pd.DataFrame(index=pd.DatetimeIndex(["2020-01-01", "2020-01-02", "2020-01-03"])),
    ),
    (
        "zone",
        lambda: pd.DataFrame({"a": pd.date_range("2020", periods=1, tz="UTC")}),
        lambda: pd.DataFrame({"a": pd.date_range("2020", periods=1, tz="Etc/UTC")}),
    ),
    (
        "categories",
        lambda: pd.DataFrame({"a": pd.Categorical(["x"])}),
        lambda: pd.DataFrame({"a": pd.Categorical(["x"], ["x", "y"])}),
    ),
    (
        "index name",
        lambda: pd.DataFrame(index=pd.Index([1], name="a")),
        lambda: pd.DataFrame(index=[1]),
    ),
    ("level name", lambda: pd.DataFrame(index=[[1], [2]]), lambda: pd.DataFrame(index=[[1], [3]])),
    ("flags", lambda: strided(), lambda: strided().set_flags(allows_duplicate_labels=False)),
    ("rows", lambda: strided(3), lambda: strided(4)),
]


@pytest.mark.parametrize(
    ("left", "right"), [d[1:] for d in DIFFERENT], ids=[d[0] for d in DIFFERENT]
)
def test_equality_sees_the_difference(left: Callable[[], Any], right: Callable[[], Any]) -> None:
    """Control: frames that differ in one detail are not equal, the same frame twice is."""
    equal = FrameMaterializer().equal

    assert not equal(left(), right())
    assert equal(left(), left())
    assert equal(right(), right())


def test_attrs_are_part_of_equality() -> None:
    """Frames with other attrs are different."""
    left, right = strided(), strided()
    right.attrs["a"] = 1

    assert not FrameMaterializer().equal(left, right)


def test_levels_of_equal_indexes_may_differ() -> None:
    """Two MultiIndexes that show the same values are equal whatever their levels are."""
    long = pd.DataFrame({"v": range(3)}, index=[["a", "b", "c"], [1, 2, 3]]).iloc[1:]
    short = pd.DataFrame({"v": range(1, 3)}, index=[["b", "c"], [2, 3]])

    assert FrameMaterializer().equal(long, short.set_axis(short.index))


@pytest.mark.parametrize(
    "make", [make for _, _, make in EXACT], ids=[f"{row} {name}" for row, name, _ in EXACT]
)
def test_equal_frames_have_equal_bytes(make: Callable[[], pd.DataFrame]) -> None:
    """The same frame made twice is the same file, and so is the loaded one."""
    first = saved(make())

    again, reloaded = saved(make()), saved(round_trip(make()))

    assert again.data == first.data
    assert reloaded.data == first.data


def test_ten_thousand_columns_come_back() -> None:
    """A frame of 10,000 columns is exact."""
    frame = pd.DataFrame(np.arange(20_000.0).reshape(2, 10_000))

    loaded = round_trip(frame)

    assert FrameMaterializer().equal(loaded, frame)


def test_saving_leaves_the_frame_alone() -> None:
    """Neither the values nor the flags of writability of a saved frame change."""
    frame = strided(200_000)
    before = frame.copy(deep=True)

    saved(frame)
    frame.loc[0, "a"] = 7.0
    before.loc[0, "a"] = 7.0

    assert FrameMaterializer().equal(frame, before)


def test_gathered_columns_have_the_bytes_of_contiguous_ones() -> None:
    """A large strided frame and its contiguous copy are the same file."""
    rows = np.random.default_rng(1).standard_normal((300_000, 3))
    rows[5, 1] = np.nan

    gathered = saved(pd.DataFrame(rows, columns=list("abc"), copy=False))
    expected = saved(pd.DataFrame({name: rows[:, n].copy() for n, name in enumerate("abc")}))

    assert gathered.data == expected.data


def test_a_slice_has_the_bytes_of_its_copy() -> None:
    """Cutting rows from a frame leaves no trace of the other rows in the file."""
    frame = pd.DataFrame({"s": list("abcdef"), "i": range(6)})
    frame["m"] = pd.array([1, None, 3, 4, None, 6], "Int64")
    frame["a"] = pd.array(list("uvwxyz"), "string[pyarrow]").astype("string[python]")

    for rows in (slice(2, 5), slice(0, 0), slice(0, 2)):
        copy = pd.DataFrame({name: frame[name].iloc[rows].copy() for name in frame})
        assert saved(frame.iloc[rows]).data == saved(copy).data


def test_names_of_list_items_count() -> None:
    """Arrow types that differ in the name of the items of a list are different dtypes."""
    kinds = [pa.list_(pa.field(name, pa.int64())) for name in ("item", "element")]
    left, right = (pd.DataFrame({"x": pd.array([[1]], dtype=pd.ArrowDtype(k))}) for k in kinds)

    assert FrameMaterializer().equal(left, left)
    assert not FrameMaterializer().equal(left, right)
    assert str(round_trip(right).dtypes["x"]) == str(right.dtypes["x"])
