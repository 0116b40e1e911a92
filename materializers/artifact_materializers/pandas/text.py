"""pandas arrays of text and of Arrow types: Arrow memory in, Arrow memory out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from .encoded import Encoded
from .memory import Memory
from .plain import expect_type
from .refusal import Refused


def encode_text(values: Any) -> Encoded:
    """Return a string array of any storage as Arrow text."""
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


def decode_text(spec: Any, array: Any, memory: Memory) -> Any:
    """Return the array that `encode_text` took; text in Arrow memory is not copied."""
    expect_type(array, pa.large_string())
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


def encode_arrow(values: Any) -> Encoded:
    """Return an Arrow-backed array as it is."""
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


def decode_arrow(spec: Any, array: Any, memory: Memory) -> Any:
    """Return the array that `encode_arrow` took, without a copy."""
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([array], array.type))
