"""Details of single elements and indexes that pandas and numpy lose on the way."""

from __future__ import annotations

import datetime as dt
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID, SafeUUID
from zoneinfo import TZPATH, ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pandas_files import MemoryFiles, saved

from artifact_materializers.pandas import tagged
from artifact_materializers.pandas.frame import FrameMaterializer
from artifact_materializers.pandas.series import IndexMaterializer
from artifact_plugins.errors import LossyConversionError

FRAMES = FrameMaterializer()
UTC_FILES = [path for path in (Path(each) / "UTC" for each in TZPATH) if path.is_file()]


def again(value: Any) -> Any:
    return tagged.decode(tagged.loads(tagged.dumps(tagged.encode(value))))


@pytest.mark.parametrize(
    "value",
    [np.str_("a\0"), np.str_("\0"), np.str_(""), np.bytes_(b"a\0\0"), np.bytes_(b"a")],
    ids=repr,
)
def test_trailing_nul_of_a_numpy_text_is_kept(value: Any) -> None:
    """A text or bytes scalar of numpy comes back with its trailing NULs."""
    found = again(value)

    assert type(found) is type(value)
    assert found[:] == value[:]


@pytest.mark.parametrize("kind", [np.int64, np.longlong, np.ulonglong, np.uint64])
def test_long_long_stays_long_long(kind: type) -> None:
    """Two C types of one size are told apart, in elements, cells and columns."""
    cell, column = again(np.array([1], kind)), pd.Index(np.array([1], kind))
    files = MemoryFiles()
    IndexMaterializer().save_files(column, files)

    loaded = IndexMaterializer().load_files(files, pd.Index)

    assert type(again(kind(1))) is kind
    assert cell.dtype.char == np.dtype(kind).char
    assert loaded.dtype.char == column.dtype.char


@pytest.mark.parametrize(
    "value",
    [
        pd.Timestamp(dt.datetime(2020, 10, 25, 2, fold=1)),
        pd.Timestamp(dt.datetime(2020, 10, 25, 2)),
        pd.Timestamp(dt.datetime(2020, 10, 25, 2, fold=1, tzinfo=dt.UTC)),
        pd.Timestamp(dt.datetime(2020, 10, 25, 2, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))),
    ],
)
def test_fold_of_a_timestamp_is_kept(value: pd.Timestamp) -> None:
    """Which of two equal wall times is meant comes back, with a zone and without."""
    found = again(value)

    assert (found, found.unit, found.fold) == (value, value.unit, value.fold)


@pytest.mark.parametrize("safety", list(SafeUUID))
def test_safety_of_a_uuid_is_kept(safety: SafeUUID) -> None:
    """A UUID in an object column keeps how it was made."""
    assert again(UUID(int=1, is_safe=safety)).is_safe is safety


@pytest.mark.skipif(not UTC_FILES, reason="no zone files")
def test_zone_read_from_a_file_is_refused() -> None:
    """A zone with rules of its own is not replaced by the zone whose name it bears."""
    zone = ZoneInfo.from_file(BytesIO(UTC_FILES[0].read_bytes()), key="Europe/Berlin")
    frame = pd.DataFrame({"t": pd.date_range("2020", periods=2, tz=zone)})

    with pytest.raises(LossyConversionError, match="column 't'"):
        saved(frame)


@pytest.mark.parametrize("order", [None, 0, 1])
def test_sort_order_of_a_multiindex_is_kept(order: int | None) -> None:
    """The number of sorted levels that a MultiIndex was told comes back."""
    levels: Any = [["a", "b"], [1, 2]]
    index = pd.MultiIndex(levels=levels, codes=[[0, 0, 1], [0, 1, 0]], sortorder=order)
    files = MemoryFiles()
    IndexMaterializer().save_files(index, files)

    loaded: Any = IndexMaterializer().load_files(files, pd.MultiIndex)

    assert loaded.sortorder == order


@pytest.mark.parametrize(
    "rows", [slice(10, -6), slice(None, 0, -3), slice(1, 9, 4), slice(-3, None), slice(8, 2, -2)]
)
def test_part_has_the_bounds_of_its_range(rows: slice) -> None:
    """The RangeIndex of some rows is the one that `iloc` gives, bounds and step."""
    frame = pd.DataFrame({"a": range(10)}, index=pd.RangeIndex(3, 33, 3, name="r"))

    part: Any = FRAMES.load_part(saved(frame), pd.DataFrame, rows=rows).index
    wanted: Any = frame.iloc[rows].index

    assert (part.start, part.stop, part.step) == (wanted.start, wanted.stop, wanted.step)
    assert part.name == "r"


def test_categories_with_another_zero_stop_a_stream() -> None:
    """Categories 0.0 and -0.0, equal to Arrow, are not mixed up between chunks."""
    chunks = [pd.DataFrame({"c": pd.Categorical([zero])}) for zero in (0.0, -0.0)]
    writer = FRAMES.open_stream(chunks[0], MemoryFiles())
    writer.write(chunks[0])
    writer.write(chunks[0])  # the negative control

    with pytest.raises(LossyConversionError, match="'c' has other categories"):
        writer.write(chunks[1])


def _written_by_pyarrow(table: pa.Table) -> MemoryFiles:
    files, sink = MemoryFiles(), pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    files.data["data.arrow"] = bytearray(sink.getvalue())
    return files


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64()])
def test_large_integers_with_nulls_are_not_rounded(kind: pa.DataType) -> None:
    """A column of another writer that floats would round becomes a nullable one."""
    numbers = [2**53 + 1, None, 3]
    table = pa.table({"big": pa.array(numbers, kind), "small": pa.array([1, None, 3], kind)})
    files = _written_by_pyarrow(table)

    loaded = FRAMES.load_files(files, pd.DataFrame)
    part = FRAMES.load_part(files, pd.DataFrame, columns=["big"])

    assert loaded["big"].iloc[0] == part["big"].iloc[0] == 2**53 + 1
    assert str(loaded["big"].dtype).lower() == str(kind)
    assert loaded["small"].dtype == np.float64
