"""One numpy array as an Arrow array, without a copy where the memory allows it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pyarrow as pa

from .encoded import Encoded, fixed_width
from .memory import Memory, pack_bits, unpack_bits
from .refusal import Refused

NAT = np.iinfo(np.int64).min
_LITTLE = sys.byteorder == "little"


def encode_numpy(values: np.ndarray[Any, Any]) -> Encoded:
    """Return the Arrow form of an array of numbers, booleans or times.

    Raises:
        Refused: Arrow has no type of that width.
    """
    dtype = values.dtype
    if dtype.kind == "b":
        array = pa.Array.from_buffers(pa.bool_(), values.size, [None, pack_bits(values)], 0)
        return Encoded(dtype_text(dtype), pa.bool_(), array)
    if not _is_little(dtype):
        values = values.astype(dtype.newbyteorder("<"))
    if dtype.kind == "c" and dtype.itemsize <= 16:
        return _encode_complex(values, dtype_text(dtype))
    kind = _arrow_type(dtype)
    if kind is None:
        raise Refused(f"numpy dtype {dtype} is not kept; convert it to a narrower one")
    bitmap = bitmap_of(values.view(np.int64) != NAT) if dtype.kind in "mM" else None
    return fixed(values, kind, dtype_text(dtype), bitmap)


def dtype_text(dtype: np.dtype[Any]) -> str:
    """Return a text from which `np.dtype` makes the very dtype.

    C long and long long are one size on 64-bit Linux, but two dtypes.
    """
    text = dtype.str
    return text if np.dtype(text).char == dtype.char else f"{text[0]}{dtype.char}"


def _is_little(dtype: np.dtype[Any]) -> bool:
    return dtype.byteorder in "<|" or (dtype.byteorder == "=" and _LITTLE)


def fixed(values: np.ndarray[Any, Any], kind: Any, spec: Any, bitmap: Any = None) -> Encoded:
    """Return values of fixed width as they lie in memory, strided or not."""
    if values.flags.c_contiguous:
        return Encoded(spec, kind, fixed_width(values, kind, bitmap))
    return Encoded(spec, kind, strided=values, bitmap=bitmap)


def bitmap_of(valid: np.ndarray[Any, Any]) -> Any:
    """Return a validity bitmap; None when everything is valid."""
    return None if valid.all() else pack_bits(valid)


def _arrow_type(dtype: np.dtype[Any]) -> Any:
    if dtype.kind in "mM":
        unit = np.datetime_data(dtype)[0]
        return (pa.timestamp if dtype.kind == "M" else pa.duration)(unit)
    return _ARROW_TYPES.get(dtype.kind + str(dtype.itemsize))


_ARROW_TYPES = {
    "i1": pa.int8(),
    "i2": pa.int16(),
    "i4": pa.int32(),
    "i8": pa.int64(),
    "u1": pa.uint8(),
    "u2": pa.uint16(),
    "u4": pa.uint32(),
    "u8": pa.uint64(),
    "f2": pa.float16(),
    "f4": pa.float32(),
    "f8": pa.float64(),
}


def _encode_complex(values: np.ndarray[Any, Any], spec: str) -> Encoded:
    part = pa.float32() if values.itemsize == 8 else pa.float64()
    parts = np.ascontiguousarray(values).view(np.float32 if values.itemsize == 8 else np.float64)
    kind = pa.list_(pa.field("part", part, nullable=False), 2)
    array = pa.FixedSizeListArray.from_arrays(fixed_width(parts, part), type=kind)
    return Encoded(spec, kind, array)


def decode_numpy(dtype: np.dtype[Any], array: Any, memory: Memory) -> np.ndarray[Any, Any]:
    """Return the array that `encode_numpy` took; a writable view where nothing was converted.

    Raises:
        ValueError: The Arrow type is not that of `dtype`.
    """
    count, offset = len(array), array.offset
    if dtype.kind == "b":
        expect_type(array, pa.bool_())
        return unpack_bits(array.buffers()[1], count, offset)
    native = dtype.newbyteorder("=")
    if dtype.kind == "c":
        parts = array.flatten()
        expect_type(parts, pa.float32() if dtype.itemsize == 8 else pa.float64())
        found = memory.view(parts.buffers()[1], native, count, parts.offset // 2)
    elif dtype.kind in "mM":
        found = ticks_of(array, native, memory)
    else:
        expect_type(array, _arrow_type(native))
        found = memory.view(array.buffers()[1], native, count, offset)
    return found if dtype == native else found.astype(dtype)


def ticks_of(array: Any, dtype: Any, memory: Memory) -> np.ndarray[Any, Any]:
    """Times as integers with NaT where the array is null.

    Parquet keeps no value under a null, and milliseconds instead of seconds.
    """
    dtype = np.dtype(dtype)
    if dtype.kind in "mM":
        kind = _arrow_type(dtype)
        if dtype.kind == "M" and pa.types.is_timestamp(array.type):
            kind = pa.timestamp(kind.unit, array.type.tz)
        array = array if array.type == kind else array.cast(kind)
    found = memory.view(array.buffers()[1], dtype, len(array), array.offset)
    if array.null_count:
        ticks = found.view(np.int64)
        mask = null_mask(array)
        if (ticks[mask] != NAT).any():
            ticks[mask] = NAT
    return found


def expect_type(array: Any, kind: Any) -> None:
    """Raise ValueError unless the Arrow array has this type."""
    if array.type != kind:
        raise ValueError(f"a column has the Arrow type {array.type}, not {kind}")


def null_mask(array: Any) -> np.ndarray[Any, Any]:
    """Return True where an Arrow array is null, as a new array."""
    bitmap = array.buffers()[0] if array.null_count else None
    if bitmap is None:
        return np.zeros(len(array), np.bool_)
    return ~unpack_bits(bitmap, len(array), array.offset)


def dictionary(codes: np.ndarray[Any, Any], values: Any, *, ordered: bool = False) -> Any:
    """Return an Arrow dictionary array of signed codes, in which -1 is null."""
    bitmap = bitmap_of(codes >= 0)
    indices = fixed_width(codes, _ARROW_TYPES[codes.dtype.kind + str(codes.itemsize)], bitmap)
    return pa.DictionaryArray.from_arrays(indices, values, ordered=bool(ordered), safe=False)


def codes_of(array: Any, memory: Memory) -> np.ndarray[Any, Any]:
    """Return the signed codes of a dictionary array that `dictionary` made, -1 for null."""
    indices = array.indices
    dtype = np.dtype(indices.type.to_pandas_dtype())
    return memory.view(indices.buffers()[1], dtype, len(indices), indices.offset)
