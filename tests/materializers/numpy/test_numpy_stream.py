"""Arrays streamed as one version: chunk by chunk in, the same chunks out."""

from __future__ import annotations

import numpy as np
import pytest

from artifact_materializers.numpy.array import ArrayMaterializer
from artifact_plugins.contracts.abilities import DirectIO, PartialIO, StreamIO
from artifact_plugins.errors import LoadFailedError, LossyConversionError, ResourceLimitError
from artifact_plugins.testing import FolderFiles, MemoryFiles

ARRAYS = ArrayMaterializer()


def _stream(files, chunks):
    writer = ARRAYS.open_stream(chunks[0], files)
    for chunk in chunks:
        writer.write(chunk)
    writer.close()
    return files


def test_array_materializer_has_the_three_abilities():
    """Direct, partial and streamed reading and writing are all there."""
    assert isinstance(ARRAYS, DirectIO)
    assert isinstance(ARRAYS, PartialIO)
    assert isinstance(ARRAYS, StreamIO)


def test_chunks_come_back_as_they_were(tmp_path):
    """Boundaries, dtypes, shapes and order of the chunks survive; empty chunks too."""
    chunks = [
        np.arange(6.0).reshape(2, 3),
        np.zeros((0, 3)),
        np.asfortranarray(np.ones((4, 3))),
        np.arange(3, dtype="i1"),
        np.zeros(3, [("f", "S0"), ("g", "i1")])["f"],
    ]
    files = _stream(FolderFiles(tmp_path), chunks)

    loaded = list(ARRAYS.iterate(files, np.ndarray))

    assert len(loaded) == len(chunks)
    assert all(ARRAYS.equal(one, other) for one, other in zip(loaded, chunks, strict=True))
    assert all(chunk.ctypes.data % 64 == 0 for chunk in loaded if chunk.size)


def test_reused_array_is_kept_as_it_was_yielded():
    """A generator that fills one array again and again loses nothing."""
    files, array = MemoryFiles(), np.zeros(3)
    writer = ARRAYS.open_stream(array, files)
    for number in range(3):
        array[:] = number
        writer.write(array)
    writer.close()

    assert [chunk[0] for chunk in ARRAYS.iterate(files, np.ndarray)] == [0, 1, 2]


def test_chunk_of_a_subclass_is_refused():
    """A chunk that would come back as another type stops the stream."""
    writer = ARRAYS.open_stream(np.zeros(1), MemoryFiles())

    with pytest.raises(LossyConversionError, match="MaskedArray"):
        writer.write(np.ma.array([1]))


def test_cut_stream_is_a_named_error():
    """A stream that ends inside a chunk does not pass for a shorter one."""
    files = _stream(MemoryFiles(), [np.arange(100.0), np.arange(100.0)])
    content = files.content("chunks.npy")

    for size, error in ((len(content) - 1, ResourceLimitError), (1000, LoadFailedError)):
        cut = MemoryFiles()
        with cut.open("chunks.npy") as sink:
            sink.write(content[:size])
        with pytest.raises(error):
            list(ARRAYS.iterate(cut, np.ndarray))
    assert len(list(ARRAYS.iterate(files, np.ndarray))) == 2  # the control
