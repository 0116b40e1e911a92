"""One pandas array or flat index as an Arrow array and a specification, and back, exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from . import extensions, tagged, text
from .encoded import Encoded
from .ipc import pack, unpack
from .memory import Memory
from .objects import decode_objects, encode_objects
from .plain import codes_of, decode_numpy, dictionary, encode_numpy
from .refusal import Refused, short
from .zones import decode_offset, encode_offset

Values = Any  # numpy.ndarray of one dimension, or pandas ExtensionArray
_FLAT = frozenset(
    {
        pd.Index,
        pd.DatetimeIndex,
        pd.TimedeltaIndex,
        pd.PeriodIndex,
        pd.IntervalIndex,
        pd.CategoricalIndex,
    }
)


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
        if values.dtype.kind == "O":
            return encode_objects(values, text_only=text_only)
        return encode_numpy(values)
    dtype = values.dtype
    kind = type(dtype)
    encoder: Callable[[Any], Encoded] | None = _EXTENSIONS.get(kind)
    if encoder is None and kind.__module__.split(".")[0] == "pandas" and hasattr(values, "_mask"):
        encoder = extensions.encode_masked
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
        return decode_numpy(np.dtype(spec), array, memory)
    return _DECODERS[spec["is"]](spec, array, memory)


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


def _encode_category(values: Any) -> Encoded:
    spec, categories = encode_categories(values.categories)
    codes = np.ascontiguousarray(values.codes)
    array = dictionary(codes, categories, ordered=values.ordered)
    return Encoded({"is": "category", "ordered": values.ordered, "of": spec}, array.type, array)


def _decode_category(spec: Any, array: Any, memory: Memory) -> Any:
    categories = decode_categories(spec["of"], array.dictionary, memory)
    dtype = pd.CategoricalDtype(categories, ordered=spec["ordered"])
    return pd.Categorical.from_codes(codes_of(array, memory), dtype=dtype)


def encode_categories(index: pd.Index[Any]) -> tuple[Any, Any]:
    """Return the specification and the Arrow values of the categories of a column."""
    if type(index) is pd.RangeIndex:
        spec = range_spec(index)
        return spec, encode_array(index.to_numpy()).arrow()
    spec, column = encode_flat(index)
    if pa.types.is_dictionary(column.type):
        # Arrow writes a dictionary of dictionaries, and then cannot read it.
        file = pack([column.arrow()])
        return {"is": "file", "index": spec, "file": file}, column.arrow().dictionary_decode()
    return spec, column.arrow()


def decode_categories(spec: Any, values: Any, memory: Memory) -> pd.Index[Any]:
    """Return the categories that `encode_categories` described."""
    if spec["is"] == "flat":
        return decode_flat(spec, values, memory)
    if spec["is"] == "file":
        return decode_flat(spec["index"], unpack(spec["file"])[0], Memory(None))
    return decode_range(spec)


def range_spec(index: pd.RangeIndex) -> dict[str, Any]:
    """Return a RangeIndex as JSON."""
    return {
        "is": "range",
        "start": index.start,
        "stop": index.stop,
        "step": index.step,
        "name": encode_name(index.name),
    }


def decode_range(spec: Any) -> pd.RangeIndex:
    """Return the RangeIndex that `range_spec` described."""
    name = tagged.decode(spec["name"])
    return pd.RangeIndex(spec["start"], spec["stop"], spec["step"], name=name)


def encode_name(name: object) -> Any:
    """Return the name of an index as JSON.

    Raises:
        Refused: Its type is not kept.
    """
    try:
        return tagged.encode(name)
    except Refused as refused:
        raise Refused(f"the name {short(name)} is not kept: {refused.reason}") from refused


def encode_flat(index: pd.Index[Any], *, text_only: bool = False) -> tuple[Any, Encoded]:
    """Return the specification and the column of an index that is no range and has no levels.

    Raises:
        Refused: The index would not come back equal.
    """
    if type(index) not in _FLAT:
        kind = type(index)
        raise Refused(f"index class {kind.__module__}.{kind.__qualname__} is not kept")
    column = encode_array(array_of(index), text_only=text_only)
    spec = {"is": "flat", "name": encode_name(index.name), "of": column.spec}
    freq = getattr(index, "freq", None)
    if freq is not None and not isinstance(index, pd.PeriodIndex):
        spec["freq"] = encode_offset(freq)
    return spec, column


def decode_flat(spec: Any, array: Any, memory: Memory) -> pd.Index[Any]:
    """Return the index that `encode_flat` described."""
    values = decode_array(spec["of"], array, memory)
    index: Any = pd.Index(
        values,
        dtype=values.dtype,
        name=tagged.decode(spec["name"]),
        copy=False,
        tupleize_cols=False,
    )
    if "freq" in spec:
        index.freq = decode_offset(spec["freq"])
    return cast("pd.Index[Any]", index)


_EXTENSIONS: dict[type, Any] = {
    pd.DatetimeTZDtype: extensions.encode_zoned,
    pd.PeriodDtype: extensions.encode_period,
    pd.IntervalDtype: _encode_interval,
    pd.StringDtype: text.encode_text,
    pd.ArrowDtype: text.encode_arrow,
    pd.CategoricalDtype: _encode_category,
}
_DECODERS = {
    "zoned": extensions.decode_zoned,
    "period": extensions.decode_period,
    "interval": _decode_interval,
    "masked": extensions.decode_masked,
    "text": text.decode_text,
    "arrow": text.decode_arrow,
    "category": _decode_category,
    "object": decode_objects,
}
