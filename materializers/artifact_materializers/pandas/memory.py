"""Writable numpy views into the bytes of one file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa


class Memory:
    """The bytes of a file, of which Arrow buffers are parts.

    Arrow hands out read-only memory. The bytes themselves are a private
    copy-on-write map on a local store, so a view into them is a writable
    array that costs nothing.

    Args:
        data: The whole file. A read-only buffer is copied, column by column,
            when a view is asked for.
    """

    def __init__(self, data: memoryview | None) -> None:
        self.data = data
        self.buffer = pa.py_buffer(data) if data is not None else None
        self._bytes: np.ndarray[Any, Any] | None = None
        if data is not None and data.nbytes and not data.readonly:
            self._bytes = np.frombuffer(data, np.uint8)

    def view(self, buffer: Any, dtype: Any, count: int, offset: int = 0) -> np.ndarray[Any, Any]:
        """Return `count` items of `buffer` from item `offset` on, writable.

        Raises:
            ValueError: The buffer is too short.
        """
        dtype = np.dtype(dtype)
        size_bytes = count * dtype.itemsize
        skipped_bytes = offset * dtype.itemsize
        if count == 0:
            return np.empty(0, dtype)
        if buffer is None or buffer.size < skipped_bytes + size_bytes:
            raise ValueError("a column is shorter than its row count")
        start = self._place(buffer) + skipped_bytes
        if self._bytes is not None and 0 <= start <= self._bytes.size - size_bytes:
            found: np.ndarray[Any, Any] = self._bytes[start : start + size_bytes].view(dtype)
            if found.flags.aligned:
                return found
            return found.copy()
        return np.frombuffer(buffer, dtype, count, skipped_bytes).copy()

    def _place(self, buffer: Any) -> int:
        """Where the buffer starts inside the file; outside of it when it is no part."""
        if self.buffer is None:
            return -1
        return int(buffer.address - self.buffer.address)


def unpack_bits(buffer: Any, count: int, offset: int = 0) -> np.ndarray[Any, Any]:
    """Return `count` booleans of an Arrow bitmap as a new array.

    Raises:
        ValueError: The bitmap is too short.
    """
    if count == 0:
        return np.empty(0, np.bool_)
    first, skipped = divmod(offset, 8)
    if buffer is None or buffer.size * 8 < offset + count:
        raise ValueError("a column is shorter than its row count")
    size_bytes = (skipped + count + 7) // 8
    packed = np.frombuffer(buffer, np.uint8, size_bytes, first)
    bits = np.unpackbits(packed, count=skipped + count, bitorder="little")
    return bits[skipped:].view(np.bool_)


def pack_bits(flags: np.ndarray[Any, Any]) -> Any:
    """Return booleans as an Arrow bitmap."""
    return pa.py_buffer(np.packbits(flags, bitorder="little"))
