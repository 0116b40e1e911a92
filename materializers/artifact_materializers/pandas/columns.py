"""One pandas array as an Arrow array and a specification, and back, exactly."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from .encoded import Encoded, fixed_width
from .memory import Memory, pack_bits, unpack_bits
from .objects import decode_objects, encode_objects
from .refusal import Refused
from .zones import arrow_zone, decode_zone, encode_zone

Values = Any  # numpy.ndarray of one dimension, or pandas ExtensionArray
_NAT = np.iinfo(np.int64).min
_LITTLE = sys.byteorder == "little"


def array_of(holder: Any) -> Values:
    """Return the values of a Series or Index: numpy data as it lies, else the extension array."""
    return holder.to_numpy() if isinstance(holder.dtype, np.dtype) else holder.array


def encode_array(values: Values, *, text_only: bool = False) -> Encoded:
    """Return the Arrow form of an array; fixed-width data is not copied.

    Args:
        values: One-dimensional numpy array or pandas extension array.
        text_only: Store object arrays as text whatever they hold, so that
            all chunks of a stream have one Arrow type.

    Raises:
        Refused: The array would not come back equal.
    """
    if isinstance(values, np.ndarray):
        return _encode_numpy(values, text_only)
    dtype = values.dtype
    kind = type(dtype)
    encoder: Callable[[Any], Encoded] | None = _EXTENSIONS.get(kind)
    if encoder is None and kind.__module__.split(".")[0] == "pandas" and hasattr(values, "_mask"):
        encoder = _encode_masked
    if encoder is None:
        raise Refused(f"dtype {dtype} ({kind.__module__}.{kind.__qualname__}) is not kept")
    return encoder(values)


def decode_array(spec: Any, array: Any, memory: Memory) -> Values:
    """Return the pandas array that `encode_array` described.

    Args:
        spec: Its specification.
        array: The Arrow array, or a slice of it.
        memory: The file that `array` points into; fixed-width values are
            writable views of it.

    Raises:
        KeyError, ValueError, TypeError: The specification does not fit the array.
    """
    if isinstance(spec, str):
        return _decode_numpy(np.dtype(spec), array, memory)
    return _DECODERS[spec["is"]](spec, array, memory)


# --- numpy


def _encode_numpy(values: np.ndarray[Any, Any], text_only: bool) -> Encoded:
    dtype = values.dtype
    if dtype.kind == "O":
        return encode_objects(values, text_only=text_only)
    if dtype.kind == "b":
        array = pa.Array.from_buffers(pa.bool_(), values.size, [None, pack_bits(values)], 0)
        return Encoded(dtype.str, pa.bool_(), array)
    if not _is_little(dtype):
        values = values.astype(dtype.newbyteorder("<"))
    if dtype.kind == "c" and dtype.itemsize <= 16:
        return _encode_complex(values, dtype.str)
    kind = _arrow_type(dtype)
    if kind is None:
        raise Refused(f"numpy dtype {dtype} is not kept; convert it to a narrower one")
    bitmap = _bitmap(values.view(np.int64) != _NAT) if dtype.kind in "mM" else None
    return _fixed(values, kind, dtype.str, bitmap)


def _is_little(dtype: np.dtype[Any]) -> bool:
    return dtype.byteorder in "<|" or (dtype.byteorder == "=" and _LITTLE)


def _fixed(values: np.ndarray[Any, Any], kind: Any, spec: Any, bitmap: Any = None) -> Encoded:
    if values.flags.c_contiguous:
        return Encoded(spec, kind, fixed_width(values, kind, bitmap))
    return Encoded(spec, kind, strided=values, bitmap=bitmap)


def _bitmap(valid: np.ndarray[Any, Any]) -> Any:
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


def _decode_numpy(dtype: np.dtype[Any], array: Any, memory: Memory) -> np.ndarray[Any, Any]:
    count, offset = len(array), array.offset
    if dtype.kind == "b":
        _expect(array, pa.bool_())
        return unpack_bits(array.buffers()[1], count, offset)
    native = dtype.newbyteorder("=")
    if dtype.kind == "c":
        parts = array.flatten()
        _expect(parts, pa.float32() if dtype.itemsize == 8 else pa.float64())
        found = memory.view(parts.buffers()[1], native, count, parts.offset // 2)
    elif dtype.kind in "mM":
        found = _ticks(array, native, memory)
    else:
        _expect(array, _arrow_type(native))
        found = memory.view(array.buffers()[1], native, count, offset)
    return found if dtype == native else found.astype(dtype)


def _ticks(array: Any, dtype: Any, memory: Memory) -> np.ndarray[Any, Any]:
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
        if (ticks[mask] != _NAT).any():
            ticks[mask] = _NAT
    return found


def _expect(array: Any, kind: Any) -> None:
    if array.type != kind:
        raise ValueError(f"a column has the Arrow type {array.type}, not {kind}")


# --- pandas extension arrays


def _encode_zoned(values: Any) -> Encoded:
    dtype = values.dtype
    spec = {"is": "zoned", "unit": dtype.unit, "zone": encode_zone(dtype.tz)}
    ticks = values.view(f"M8[{dtype.unit}]")
    ticks = ticks if isinstance(ticks, np.ndarray) else ticks.to_numpy()
    bitmap = _bitmap(ticks.view(np.int64) != _NAT)
    return _fixed(ticks, pa.timestamp(dtype.unit, arrow_zone(dtype.tz)), spec, bitmap)


def _decode_zoned(spec: Any, array: Any, memory: Memory) -> Any:
    unit = spec["unit"]
    ticks = _ticks(array, f"M8[{unit}]", memory)
    dtype = pd.DatetimeTZDtype(unit, decode_zone(spec["zone"]))
    return pd.array(ticks, dtype=ticks.dtype, copy=False).view(dtype)


def _encode_period(values: Any) -> Encoded:
    freq = str(values.dtype)[len("period[") : -1]
    if pd.PeriodDtype(freq) != values.dtype:
        raise Refused(f"period frequency {freq!r} cannot be rebuilt from its alias")
    ordinals = values.asi8
    return _fixed(ordinals, pa.int64(), {"is": "period", "freq": freq}, _bitmap(ordinals != _NAT))


def _decode_period(spec: Any, array: Any, memory: Memory) -> Any:
    _expect(array, pa.int64())
    ordinals = _ticks(array, np.int64, memory)
    return pd.arrays.PeriodArray(ordinals, dtype=pd.PeriodDtype(spec["freq"]), copy=False)


def _encode_interval(values: Any) -> Encoded:
    left, right = encode_array(array_of(values.left)), encode_array(array_of(values.right))
    if left.spec != right.spec:
        raise Refused("the two sides of the intervals have different dtypes")
    fields = [pa.field("left", left.type), pa.field("right", right.type)]
    array = pa.StructArray.from_arrays([left.arrow(), right.arrow()], fields=fields)
    return Encoded({"is": "interval", "closed": values.closed, "of": left.spec}, array.type, array)


def _decode_interval(spec: Any, array: Any, memory: Memory) -> Any:
    left, right = (decode_array(spec["of"], side, memory) for side in array.flatten())
    closed = spec["closed"]
    return pd.arrays.IntervalArray.from_arrays(left, right, closed=closed, copy=False)


def _encode_masked(values: Any) -> Encoded:
    # The public way to the parts copies both; these names hold since pandas 1.0.
    data, mask = values._data, values._mask
    bitmap = _bitmap(~mask)
    if bitmap is not None:
        # What lies under a missing value is no part of the value.
        data = np.where(mask, data.dtype.type(0), data)
    plain = _encode_numpy(data, False)
    spec = {"is": "masked", "dtype": str(values.dtype), "of": plain.spec}
    if plain.strided is not None:
        return Encoded(spec, plain.type, None, plain.strided, bitmap)
    buffer = plain.array.buffers()[1]
    array = pa.Array.from_buffers(plain.type, len(values), [bitmap, buffer], -1 if bitmap else 0)
    return Encoded(spec, plain.type, array)


def _decode_masked(spec: Any, array: Any, memory: Memory) -> Any:
    data = _decode_numpy(np.dtype(spec["of"]), array, memory)
    mask = null_mask(array)
    if data.dtype.kind == "b":
        found: Any = pd.arrays.BooleanArray(data, mask)
    elif data.dtype.kind == "f":
        found = pd.arrays.FloatingArray(data, mask)
    else:
        found = pd.arrays.IntegerArray(data, mask)
    if str(found.dtype) != spec["dtype"]:
        raise ValueError(f"a column of dtype {spec['dtype']!r} holds {found.dtype}")
    return found


def null_mask(array: Any) -> np.ndarray[Any, Any]:
    """Return True where an Arrow array is null, as a new array."""
    bitmap = array.buffers()[0] if array.null_count else None
    if bitmap is None:
        return np.zeros(len(array), np.bool_)
    return ~unpack_bits(bitmap, len(array), array.offset)


def _encode_text(values: Any) -> Encoded:
    dtype = values.dtype
    missing = "NA" if dtype.na_value is pd.NA else "nan"
    storage = "python" if dtype.storage == "python" else "pyarrow"
    array = _arrow_text(values)
    return Encoded({"is": "text", "storage": storage, "missing": missing}, array.type, array)


def _arrow_text(values: Any) -> Any:
    if hasattr(values, "__arrow_array__") and values.dtype.storage != "python":
        return _one_chunk(values.__arrow_array__()).cast(pa.large_string())
    items = values.to_numpy(dtype=object, na_value=None)
    try:
        return pa.array(items, pa.large_string(), from_pandas=False)
    except UnicodeEncodeError as error:
        raise _surrogate(items) from error


def _surrogate(items: np.ndarray[Any, Any]) -> Refused:
    for row, item in enumerate(items):
        try:
            (item or "").encode()
        except UnicodeEncodeError:
            return Refused("holds a lone surrogate, which UTF-8 cannot store", row)
    return Refused("holds text that UTF-8 cannot store")


def _decode_text(spec: Any, array: Any, memory: Memory) -> Any:
    _expect(array, pa.large_string())
    return text_dtype(spec["storage"], spec["missing"]).__from_arrow__(array)


def text_dtype(storage: str, missing: str) -> Any:
    """Return the StringDtype with this storage and missing value under any pandas >= 2.2."""
    string: Any = pd.StringDtype
    if missing == "NA":
        return string(storage)
    try:
        return string(storage, na_value=np.nan)
    except TypeError:  # pandas 2.2 spelled it as a storage of its own
        return string("pyarrow_numpy")


def _one_chunk(array: Any) -> Any:
    joined = array
    if isinstance(array, pa.ChunkedArray):
        joined = array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
    if isinstance(joined, pa.ChunkedArray):
        if joined.num_chunks > 1:
            raise Refused(f"holds over 2 GiB in one Arrow {array.type}; cast it to the large type")
        joined = joined.chunk(0) if joined.num_chunks else pa.array([], array.type)
    # A slice is stored with traces of what it was cut from, unlike its copy.
    return pa.concat_arrays([joined]) if joined.offset or len(joined) == 0 else joined


def _encode_arrow(values: Any) -> Encoded:
    array = _one_chunk(values.__arrow_array__())
    if _has_extension(array.type):
        raise Refused(f"Arrow extension type {array.type} is not kept")
    return Encoded({"is": "arrow"}, array.type, array)


def _has_extension(kind: Any) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return True
    if pa.types.is_dictionary(kind):
        return _has_extension(kind.value_type)
    return any(_has_extension(kind.field(number).type) for number in range(kind.num_fields))


def _decode_arrow(spec: Any, array: Any, memory: Memory) -> Any:
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([array], array.type))


def _encode_category(values: Any) -> Encoded:
    # Late: axes.py needs this module for the values of an index.
    from .axes import encode_categories

    spec, categories = encode_categories(values.categories)
    codes = np.ascontiguousarray(values.codes)
    array = dictionary(codes, categories, ordered=values.ordered)
    return Encoded({"is": "category", "ordered": values.ordered, "of": spec}, array.type, array)


def dictionary(codes: np.ndarray[Any, Any], values: Any, *, ordered: bool = False) -> Any:
    """Return an Arrow dictionary array of signed codes, in which -1 is null."""
    bitmap = _bitmap(codes >= 0)
    indices = fixed_width(codes, _ARROW_TYPES[codes.dtype.kind + str(codes.itemsize)], bitmap)
    return pa.DictionaryArray.from_arrays(indices, values, ordered=bool(ordered), safe=False)


def codes_of(array: Any, memory: Memory) -> np.ndarray[Any, Any]:
    """Return the signed codes of a dictionary array that `dictionary` made, -1 for null."""
    indices = array.indices
    dtype = np.dtype(indices.type.to_pandas_dtype())
    return memory.view(indices.buffers()[1], dtype, len(indices), indices.offset)


def _decode_category(spec: Any, array: Any, memory: Memory) -> Any:
    from .axes import decode_categories

    categories = decode_categories(spec["of"], array.dictionary, memory)
    dtype = pd.CategoricalDtype(categories, ordered=spec["ordered"])
    return pd.Categorical.from_codes(codes_of(array, memory), dtype=dtype)


_EXTENSIONS: dict[type, Any] = {
    pd.DatetimeTZDtype: _encode_zoned,
    pd.PeriodDtype: _encode_period,
    pd.IntervalDtype: _encode_interval,
    pd.StringDtype: _encode_text,
    pd.ArrowDtype: _encode_arrow,
    pd.CategoricalDtype: _encode_category,
}
_DECODERS = {
    "zoned": _decode_zoned,
    "period": _decode_period,
    "interval": _decode_interval,
    "masked": _decode_masked,
    "text": _decode_text,
    "arrow": _decode_arrow,
    "category": _decode_category,
    "object": decode_objects,
}
