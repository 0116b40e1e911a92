"""Saves ndarrays and record arrays as .npy, and maps them back without reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from artifact_materializers.numpy import npy
from artifact_materializers.numpy.npy import Array
from artifact_materializers.numpy.summary import describe_array, preview_array
from artifact_plugins import Preview
from artifact_plugins.contracts.files import FileReader, FileSink, FileWriter
from artifact_plugins.contracts.folder import DirectMaterializer
from artifact_plugins.errors import LoadFailedError

FILE = "array.npy"
CHUNKS = "chunks.npy"


class ArrayMaterializer(DirectMaterializer[Any]):
    """ndarrays of every dtype that holds values, exactly: dtype, shape, order, every bit.

    A loaded array is writable whatever the saved one was: its memory is a
    private copy-on-write map of the file. Contiguous arrays keep their order
    (C or Fortran), others come back in C order. Aliasing between elements
    (strides of 0) is not kept: every element is written.
    """

    format = "npy/1"
    artifact_type = "Dataset"
    media_type = "application/x-npy"
    exact: ClassVar[bool] = True
    selections: ClassVar[frozenset[str]] = frozenset({"rows"})
    _type: ClassVar[type] = np.ndarray
    _hint: ClassVar[str] = "save numpy.asarray(value)"

    def save_files(self, value: Array, files: FileWriter) -> None:
        """Write `array.npy`.

        Raises:
            NotSerializableError: Python objects or variable-width strings inside.
            LossyConversionError: A subclass, or a dtype that cannot be kept.
        """
        npy.check_exact_type(value, self._type, self._hint)
        npy.save_array(files, FILE, np.ndarray.view(value, np.ndarray))

    def load_files(self, files: FileReader, data_type: type) -> Array:
        """Return a view of the verified bytes."""
        return self._typed(npy.read_array(files.buffer(FILE), FILE))

    def load_part(self, files: FileReader, data_type: type, *, rows: slice = slice(None)) -> Array:
        """Return some rows (first axis); the others are not read."""
        array = npy.read_array(files.buffer(FILE), FILE)
        if not array.ndim:
            raise LoadFailedError("an array of 0 dimensions has no rows", hint="load it whole")
        return self._typed(array[rows])

    def open_stream(self, first: Array, files: FileWriter) -> _ChunkWriter:
        """Start a file of arrays, one behind the other; each keeps its own dtype and shape."""
        return _ChunkWriter(files.open(CHUNKS), self._type, self._hint)

    def iterate(self, files: FileReader, data_type: type) -> Iterator[Array]:
        """Yield views of the chunks in the order in which they were written."""
        buffer, start = files.buffer(CHUNKS), 0
        while start < buffer.nbytes:
            array, start = npy.read_next(buffer, start, CHUNKS)
            yield self._typed(array)

    def describe(self, value: Array) -> Mapping[str, Any]:
        """Return shape, dtype, bytes, nulls and statistics of a bounded sample."""
        return describe_array(value)

    def preview(self, value: Array) -> Sequence[Preview]:
        """Return a histogram of numbers, or the first and last elements."""
        return preview_array(value)

    def equal(self, left: Array, right: Array) -> bool:
        """Tell whether type, dtype, shape and every bit agree."""
        return npy.is_same_array(left, right)

    def _typed(self, array: Array) -> Array:
        return array


class RecarrayMaterializer(ArrayMaterializer):
    """Record arrays: structured arrays whose fields are attributes."""

    _type = np.recarray
    _hint = "save value.view(numpy.recarray)"

    def _typed(self, array: Array) -> Array:
        return array.view(np.recarray)


class _ChunkWriter:
    def __init__(self, sink: FileSink, wanted: type, hint: str) -> None:
        self._sink = sink
        self._type = wanted
        self._hint = hint

    def write(self, chunk: Array) -> None:
        npy.check_exact_type(chunk, self._type, self._hint)
        # A copy: generators reuse the array they yield, and the sink may still look at it.
        array = np.ndarray.view(chunk, np.ndarray)
        npy.append_array(self._sink, array.copy(order="K") if array.nbytes else array)

    def close(self) -> None:
        self._sink.close()
