"""Tables and batches streamed as one version: the same chunks out as in."""

from __future__ import annotations

import pyarrow as pa
import pytest

from artifact_materializers.pyarrow.batch import BatchMaterializer
from artifact_materializers.pyarrow.table import TableMaterializer
from artifact_plugins.contracts.abilities import DirectIO, PartialIO, StreamIO
from artifact_plugins.errors import LoadFailedError, LossyConversionError
from artifact_plugins.testing import FolderFiles, MemoryFiles

TABLES, BATCHES = TableMaterializer(), BatchMaterializer()


def _stream(materializer, files, chunks):
    writer = materializer.open_stream(chunks[0], files)
    for chunk in chunks:
        writer.write(chunk)
    writer.close()
    return files


@pytest.mark.parametrize("materializer", [TABLES, BATCHES])
def test_materializers_have_the_three_abilities(materializer):
    """Direct, partial and streamed reading and writing are all there."""
    assert isinstance(materializer, DirectIO)
    assert isinstance(materializer, PartialIO)
    assert isinstance(materializer, StreamIO)


def test_tables_come_back_with_their_boundaries(tmp_path):
    """Chunks keep their rows, batches and metadata; empty ones and ones without batches too."""
    schema = pa.schema([("a", pa.int64())], metadata={"m": "n"})

    def table(*chunks):
        return pa.table([pa.chunked_array(chunks, pa.int64())], schema=schema)

    chunks = [table([1, 2]), table([1], [2, 3]), table([]), table(), table([4])]
    files = _stream(TABLES, FolderFiles(tmp_path), chunks)

    loaded = list(TABLES.iterate(files, pa.Table))

    assert [chunk["a"].to_pylist() for chunk in loaded] == [[1, 2], [1, 2, 3], [], [], [4]]
    assert [chunk["a"].num_chunks for chunk in loaded][1] == 2
    assert all(chunk.schema.equals(schema, check_metadata=True) for chunk in loaded)


def test_batches_come_back(tmp_path):
    """RecordBatches come back one for one, empty ones too."""
    batches = [pa.RecordBatch.from_pydict({"a": values}) for values in ([1.0], [2.0, None])]
    batches.append(batches[0].slice(0, 0))
    files = _stream(BATCHES, FolderFiles(tmp_path), batches)

    loaded = list(BATCHES.iterate(files, pa.RecordBatch))

    assert all(type(batch) is pa.RecordBatch for batch in loaded)
    assert all(BATCHES.equal(one, other) for one, other in zip(loaded, batches, strict=True))


def test_dictionaries_may_change_along_a_stream():
    """Each chunk keeps its own dictionary; nothing has to be known at the beginning."""
    chunks = [pa.table({"d": pa.array([text]).dictionary_encode()}) for text in "abc"]
    files = _stream(TABLES, MemoryFiles(), chunks)

    loaded = list(TABLES.iterate(files, pa.Table))

    assert all(one.equals(other) for one, other in zip(loaded, chunks, strict=True))


def test_stream_is_read_as_views(tmp_path):
    """Iterating allocates nothing for the data."""
    chunk = pa.table({"a": pa.array(range(100_000))})
    files = _stream(TABLES, FolderFiles(tmp_path), [chunk] * 5)

    before = pa.total_allocated_bytes()
    loaded = list(TABLES.iterate(files, pa.Table))

    assert pa.total_allocated_bytes() - before < 100_000
    assert all(table.equals(chunk) for table in loaded)


def test_chunk_of_another_schema_is_refused():
    """A chunk whose columns, types or metadata differ from the first stops the stream."""
    first = pa.table({"a": [1]})
    writer = TABLES.open_stream(first, MemoryFiles())
    writer.write(first)

    for other in (
        pa.table({"a": [1.0]}),
        pa.table({"b": [1]}),
        first.replace_schema_metadata({"m": "n"}),
        first.to_batches()[0],
    ):
        with pytest.raises(LossyConversionError, match="chunk 1"):
            writer.write(other)


def test_cut_stream_is_a_named_error():
    """A stream that lost its end, even at the edge of a chunk, does not pass for a shorter one."""
    files = _stream(TABLES, MemoryFiles(), [pa.table({"a": [n]}) for n in range(3)])
    content = files.content("chunks.arrows")

    for size in (0, 8, len(content) - 8, len(content) // 2):
        cut = MemoryFiles()
        with cut.open("chunks.arrows") as sink:
            sink.write(content[:size])
        with pytest.raises(LoadFailedError, match=r"chunks\.arrows"):
            list(TABLES.iterate(cut, pa.Table))
    assert len(list(TABLES.iterate(files, pa.Table))) == 3  # the control
