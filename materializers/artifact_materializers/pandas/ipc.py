"""Arrow IPC files written straight from the memory of a frame.

Columns of a frame that was made from one C-order block lie strided in memory,
Arrow wants them contiguous, and a full copy would double the memory. So the
writer gets placeholders for them: address space that nobody touches. When it
hands a placeholder on to be written, the real column goes out instead, in
chunks that are gathered by a second thread while the last one is written.
"""

from __future__ import annotations

import base64
import mmap
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa

from artifact_plugins.contracts.files import FileSink

from .encoded import Encoded

# A handful of chunks is in flight at a time: a 40th of the frame keeps that a
# small part of it. Larger chunks cost less handing over, up to the last limit.
SMALLEST_CHUNK_BYTES = 1024 * 1024
LARGEST_CHUNK_BYTES = 8 * 1024 * 1024
_COPY_BELOW_BYTES = 1024 * 1024
_ALIGNMENT = 64


def pack(arrays: Sequence[Any]) -> str:
    """Return Arrow arrays of one length as text, for a sidecar."""
    sink = pa.BufferOutputStream()
    batch = pa.record_batch(list(arrays), [str(number) for number in range(len(arrays))])
    with pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return base64.b64encode(sink.getvalue()).decode()


def unpack(text: str) -> list[Any]:
    """Return the arrays that `pack` took."""
    batch = pa.ipc.open_file(pa.py_buffer(base64.b64decode(text))).get_batch(0)
    return list(batch.columns)


class ArrowFile:
    """An Arrow IPC file being written to a sink, batch after batch.

    Args:
        sink: Where the bytes go; it is not closed here.
        schema: Schema of all batches, with its metadata.
        owns_memory: Whether the caller may change the data after `write`;
            then it is copied.
    """

    def __init__(self, sink: FileSink, schema: Any, *, owns_memory: bool = False) -> None:
        self._tap = _Tap(sink, owns_memory)
        self._schema = schema
        self._writer = pa.ipc.new_file(pa.PythonFile(self._tap, mode="w"), schema)

    def write(self, columns: Sequence[Encoded]) -> None:
        """Append one record batch."""
        arrays = self._tap.arrays(columns)
        self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._tap.forget()

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


class _Tap:
    """The file object that Arrow writes to; swaps placeholders for columns."""

    closed = False

    def __init__(self, sink: FileSink, owns_memory: bool) -> None:
        self._sink = sink
        self._owns_memory = owns_memory
        self._columns: dict[int, np.ndarray[Any, Any]] = {}
        self._chunk_bytes = SMALLEST_CHUNK_BYTES

    def arrays(self, columns: Sequence[Encoded]) -> list[Any]:
        """Return Arrow arrays, with placeholders for the strided columns."""
        strided = [c.strided for c in columns if c.strided is not None]
        total_bytes = sum(values.nbytes for values in strided)
        if total_bytes < _COPY_BELOW_BYTES:
            return [column.arrow() for column in columns]
        wanted = max(total_bytes // 40, SMALLEST_CHUNK_BYTES)
        self._chunk_bytes = min(wanted, LARGEST_CHUNK_BYTES)
        # Never read or written, so it takes no memory.
        space = mmap.mmap(-1, total_bytes + _ALIGNMENT * len(strided))
        address = np.frombuffer(space, np.uint8).__array_interface__["data"][0]
        arrays = []
        for column in columns:
            values = column.strided
            if values is None or values.size == 0:
                arrays.append(column.arrow())
                continue
            self._columns[address] = values
            buffer = pa.foreign_buffer(address, values.nbytes, base=space)
            nulls = 0 if column.bitmap is None else -1
            parts = [column.bitmap, buffer]
            arrays.append(pa.Array.from_buffers(column.type, values.size, parts, nulls))
            address += -(-values.nbytes // _ALIGNMENT) * _ALIGNMENT
        return arrays

    def forget(self) -> None:
        """Drop the columns of the batch that was written."""
        self._columns.clear()

    def write(self, data: Any) -> None:
        if isinstance(data, bytes):
            self._sink.write(data)
            return
        values = self._columns.get(data.address)
        if values is not None and values.nbytes == data.size:
            for chunk in _gathered(values, self._chunk_bytes):
                self._sink.write(chunk)
        elif data.size:
            self._sink.write(bytes(data) if self._owns_memory else memoryview(data))

    def flush(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        """The sink stays open; who opened it closes it."""


def _gathered(values: np.ndarray[Any, Any], chunk_bytes: int) -> Iterator[memoryview]:
    """Yield the bytes of strided values in order, each chunk in memory of its own."""
    step = max(1, chunk_bytes // values.itemsize)
    starts = range(0, values.size, step)

    def gather(start: int) -> memoryview:
        return np.ascontiguousarray(values[start : start + step]).view(np.uint8).data

    if len(starts) == 1:
        yield gather(0)
        return
    with ThreadPoolExecutor(1) as gatherer:
        waiting = [gatherer.submit(gather, start) for start in starts[:2]]
        for start in [*starts[2:], None, None]:
            yield waiting.pop(0).result()
            if start is not None:
                waiting.append(gatherer.submit(gather, start))
