"""Parquet on request: exact, or refused by column and type."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from artifact_materializers.pyarrow.table import TableMaterializer, TableOptions
from artifact_plugins.errors import LoadFailedError, LossyConversionError, NotSerializableError
from artifact_plugins.testing import MemoryFiles

PARQUET = TableMaterializer(TableOptions(format="parquet"))
NAN = float("nan")

KEPT = {
    "numbers": [1, None],
    "floats": [1.5, NAN, None],
    "float16": pa.array(np.array([1.5], np.float16)),
    "seconds": pa.array([1, None], pa.timestamp("s")),
    "nanoseconds": pa.array([1, None], pa.timestamp("ns", "Europe/Berlin")),
    "time32": pa.array([1], pa.time32("s")),
    "duration": pa.array([1], pa.duration("s")),
    "text": ["a", None, ""],
    "large text": pa.array(["a"], pa.large_string()),
    "text view": pa.array(["a"], pa.string_view()),
    "list": [[1.0, NAN, None], None, []],
    "fixed size list": pa.array([[1, 2], None], pa.list_(pa.int8(), 2)),
    "map": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
    "struct": [{"a": 1}, None],
    "decimal": pa.array(["1.20"]).cast(pa.decimal256(50, 2)),
    "null": pa.nulls(2),
    "uint64": pa.array([2**64 - 1], pa.uint64()),
}


if int(pa.__version__.split(".")[0]) < 20:  # refused by name there
    del KEPT["text view"], KEPT["fixed size list"]


@pytest.mark.parametrize("name", KEPT)
def test_parquet_keeps(round_trip, name):
    """Types that Parquet itself has under another name come back as they were."""
    table = pa.table({"x": KEPT[name]}).replace_schema_metadata({"m": "n"})

    loaded = round_trip(PARQUET, table)

    assert loaded.schema.equals(table.schema, check_metadata=True)
    assert PARQUET.equal(loaded, table)


REFUSED = {
    "days as milliseconds": pa.array([86_400_000], pa.date64()),
    "dictionary": pa.array(["a"]).dictionary_encode(),
    "nested dictionary": pa.StructArray.from_arrays([pa.array(["a"]).dictionary_encode()], ["d"]),
    "interval": pa.array([pa.MonthDayNano([1, 2, 3])]),
    "run ends": pa.RunEndEncodedArray.from_arrays([2], ["a"]),
    "union": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
    "struct of nothing": pa.array([{}], pa.struct([])),
}


@pytest.mark.parametrize("name", REFUSED)
def test_parquet_refuses(name):
    """What Parquet would change is refused by column, before a file is begun."""
    files = MemoryFiles()

    with pytest.raises(LossyConversionError, match="'x'") as caught:
        PARQUET.save_files(pa.table({"ok": [1] * len(REFUSED[name]), "x": REFUSED[name]}), files)

    assert "arrow" in caught.value.hint
    assert files.names() == files.unfinished() == ()


def test_rows_without_columns_are_refused():
    """Parquet forgets how many rows a table without columns has."""
    with pytest.raises(LossyConversionError, match="parquet"):
        PARQUET.save_files(pa.table({"a": [1, 2]}).select([]), MemoryFiles())


def test_option_sets_the_format():
    """The record names the format that the option chose."""
    assert PARQUET.format == "parquet/1"
    assert TableMaterializer().format == "arrow/1"


def test_file_is_compressed_and_floats_have_no_dictionary():
    """Columns are compressed with zstd; floats are stored plain, text with a dictionary."""
    files = MemoryFiles()
    PARQUET.save_files(pa.table({"f": [1.0] * 100, "s": ["a"] * 100}), files)

    group = pq.read_metadata(pa.BufferReader(files.content("data.parquet"))).row_group(0)

    assert group.column(0).compression == "ZSTD"
    assert not group.column(0).has_dictionary_page
    assert group.column(1).has_dictionary_page


def test_rows_read_only_their_row_groups():
    """Rows of one group are decoded without the groups before and after it."""
    table = pa.table({"a": range(100)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=10)
    files = MemoryFiles()
    with files.open("data.parquet") as file:
        file.write(memoryview(sink.getvalue()))

    for rows in (slice(25, 37), slice(0, 10), slice(95, None), slice(50, 50), slice(200, 300)):
        assert PARQUET.load_part(files, pa.Table, rows=rows).equals(
            table.slice(*_start_and_length(rows))
        )


def _start_and_length(rows):
    start, stop, _ = rows.indices(100)
    return start, max(0, stop - start)


@pytest.mark.parametrize("cut", [0, 4, 100, -1])
def test_damaged_parquet_is_a_named_error(cut):
    """I28: a truncated footer, or anything else that is not Parquet, is LoadFailedError."""
    whole, damaged = MemoryFiles(), MemoryFiles()
    PARQUET.save_files(pa.table({"a": [1, 2]}), whole)
    with damaged.open("data.parquet") as sink:
        sink.write(whole.content("data.parquet")[:cut])

    with pytest.raises(LoadFailedError, match=r"data\.parquet"):
        PARQUET.load_files(damaged, pa.Table)


def test_parquet_is_not_streamed():
    """A stream in Parquet is refused, rather than written as something else."""
    with pytest.raises(NotSerializableError, match="streamed"):
        PARQUET.open_stream(pa.table({"a": [1]}), MemoryFiles())
