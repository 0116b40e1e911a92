"""Streams of frames: each chunk comes back equal, the whole is their concatenation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pandas_files import MemoryFiles

from artifact_materializers.pandas.frame import FrameMaterializer
from artifact_plugins.errors import LoadFailedError, LossyConversionError


def chunk(number: int, rows: int = 4) -> pd.DataFrame:
    start = number * rows
    frame = pd.DataFrame(
        {
            "i": np.arange(start, start + rows),
            "s": pd.array([f"row {start}", None, "", "x"][:rows], "str"),
            "c": pd.Categorical(list("abab")[:rows], ["a", "b", "z"]),
            "o": pd.Series([number, "a", None, (1,)][:rows], dtype=object),
            "t": pd.date_range("2020", periods=rows, tz="UTC"),
        },
        index=pd.RangeIndex(start, start + rows),
    )
    frame.attrs["chunk"] = number
    return frame


def streamed(chunks: Sequence[Any]) -> MemoryFiles:
    files = MemoryFiles()
    writer = FrameMaterializer().open_stream(chunks[0], files)
    for item in chunks:
        writer.write(item)
    writer.close()
    return files


def chunks_of(files: MemoryFiles) -> list[pd.DataFrame]:
    return list(FrameMaterializer().iterate(files, pd.DataFrame))


def multi(start: int) -> pd.DataFrame:
    index = pd.MultiIndex.from_arrays([[start, start + 1], ["a", None]], names=["k", "l"])
    return pd.DataFrame({"v": [1.5, start]}, index=index)


STREAMS: dict[str, list[pd.DataFrame]] = {
    "mixed": [chunk(number) for number in range(5)],
    "one": [chunk(0)],
    "sizes": [chunk(0), chunk(1, rows=1), chunk(2, rows=0), chunk(3)],
    "objects of changing types": [
        pd.DataFrame({"o": pd.Series(items, dtype=object)})
        for items in (["a", None], [1, 2], [None, None], [b"x", 2**70], [True, np.nan])
    ],
    "MultiIndex": [multi(0), multi(10), multi(0)],
    "dates": [
        pd.DataFrame({"a": range(3)}, index=pd.date_range(start, periods=3, freq="D", name="at"))
        for start in ("2020-01-01", "2020-01-04")
    ],
    "no columns": [pd.DataFrame(index=range(3)), pd.DataFrame(index=range(2))],
    "attrs come and go": [chunk(0), chunk(1).__finalize__(pd.DataFrame()), chunk(2)],
    "strided": [
        pd.DataFrame(np.arange(400_000.0).reshape(-1, 4) + n, copy=False) for n in range(2)
    ],
}
STREAMS["attrs come and go"][1].attrs = {}


@pytest.mark.parametrize("name", STREAMS)
def test_chunks_come_back_equal(name: str) -> None:
    """Every chunk is exact: values, index, attrs."""
    loaded = chunks_of(streamed(STREAMS[name]))

    assert len(loaded) == len(STREAMS[name])
    for found, wanted in zip(loaded, STREAMS[name], strict=True):
        assert FrameMaterializer().equal(found, wanted)


@pytest.mark.parametrize("name", STREAMS)
def test_whole_is_the_concatenation(name: str) -> None:
    """Loading a stream as one frame gives what pandas.concat gives."""
    chunks = STREAMS[name]

    loaded = FrameMaterializer().load_files(streamed(chunks), pd.DataFrame)

    expected = chunks[0] if len(chunks) == 1 else pd.concat(chunks)
    assert FrameMaterializer().equal(loaded, expected)


def test_part_of_a_stream() -> None:
    """Columns and rows of a stream are those of the concatenation."""
    chunks = STREAMS["mixed"]

    loaded = FrameMaterializer().load_part(
        streamed(chunks), pd.DataFrame, columns=["s", "i"], rows=slice(3, 9)
    )

    assert FrameMaterializer().equal(loaded, pd.concat(chunks)[["s", "i"]].iloc[3:9])


def test_a_saved_frame_is_one_chunk() -> None:
    """Iterating over a frame that was saved whole yields it once."""
    files = MemoryFiles()
    FrameMaterializer().save_files(chunk(1), files)

    loaded = chunks_of(files)

    assert len(loaded) == 1
    assert FrameMaterializer().equal(loaded[0], chunk(1))


def test_other_readers_see_one_table() -> None:
    """A stream is one Arrow file whose batches are the chunks."""
    files = streamed(STREAMS["mixed"])

    reader = pa.ipc.open_file(files.buffer("data.arrow"))

    assert reader.num_record_batches == 5
    assert reader.schema.names == ["i", "s", "c", "o", "t"]
    assert reader.read_all().column("i").to_pylist() == list(range(20))


def test_chunks_may_share_memory() -> None:
    """A generator may fill the same frame again and again."""
    files = MemoryFiles()
    buffer = np.zeros(100_000)
    frame = pd.DataFrame({"a": buffer}, copy=False)
    writer = FrameMaterializer().open_stream(frame, files)

    for number in range(3):
        buffer[:] = number
        writer.write(frame)
    writer.close()

    assert [part["a"].iloc[0] for part in chunks_of(files)] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("second", "names"),
    [
        (pd.DataFrame({"b": [1]}), "columns"),
        (pd.DataFrame({"a": [1.5]}), "column 'a' is stored as double"),
        (pd.DataFrame({"a": pd.Categorical(["x"])}), "column 'a'"),
        (pd.DataFrame({"a": [1]}, index=["x"]), "columns"),
    ],
)
def test_chunk_of_another_schema_is_refused(second: pd.DataFrame, names: str) -> None:
    """A chunk that does not fit the first is refused by number and column."""
    writer = FrameMaterializer().open_stream(second, MemoryFiles())
    writer.write(pd.DataFrame({"a": [1]}))

    with pytest.raises(LossyConversionError, match=f"chunk 1 of the stream.*{names}"):
        writer.write(second)


def test_other_categories_are_refused() -> None:
    """Categories belong to the schema: chunks with others are refused."""
    first, second = (pd.DataFrame({"c": pd.Categorical([item])}) for item in "xy")
    writer = FrameMaterializer().open_stream(first, MemoryFiles())
    writer.write(first)

    with pytest.raises(LossyConversionError, match="other categories"):
        writer.write(second)


def test_lost_chunk_is_noticed() -> None:
    """A description of fewer chunks than the file has is a LoadFailedError."""
    files = streamed(STREAMS["mixed"])
    lines = bytes(files.data["chunks.jsonl"]).splitlines(keepends=True)
    files.data["chunks.jsonl"] = bytearray(b"".join(lines[:-1]))

    with pytest.raises(LoadFailedError, match="5 batches, 4 chunks"):
        chunks_of(files)


def test_same_chunks_give_the_same_bytes() -> None:
    """Two streams of equal chunks are equal files."""
    assert streamed([chunk(0), chunk(1)]).data == streamed([chunk(0), chunk(1)]).data
