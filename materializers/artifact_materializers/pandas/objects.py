"""Object columns: every element comes back with its own type, or the column is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from . import tagged
from .encoded import Encoded
from .refusal import Refused

_NAN_BITS = tagged.encode(np.nan)
_MISSING: dict[str, Any] = {"None": None, "nan": np.nan, "NA": pd.NA, "NaT": pd.NaT}
_NAMES = {type(None): "None", float: "nan", type(pd.NA): "NA", type(pd.NaT): "NaT"}
_NATIVE = {
    str: pa.large_string(),
    bytes: pa.large_binary(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
}


def encode_objects(values: np.ndarray[Any, Any], *, text_only: bool = False) -> Encoded:
    """Return an object array as a native Arrow column, or as tagged JSON text.

    A column of one of str, bytes, bool, int (64 bits) or float, with at most
    one kind of missing value, is native; anything else is one JSON text per
    element (see `tagged`).

    Args:
        values: Object array of one dimension.
        text_only: Use only the forms whose Arrow type is text.

    Raises:
        Refused: Names the first element that would not come back equal.
    """
    kinds = set(map(type, values))
    native = _native_kind(values, kinds)
    if native is not None and not (text_only and native[0] is not str):
        found = _encode_native(values, *native)
        if found is not None:
            return found
    return _encode_tagged(values)


def _native_kind(values: np.ndarray[Any, Any], kinds: set[type]) -> tuple[type, str] | None:
    """Name the one element type and the one kind of missing value, if so it is."""
    held = kinds & _NATIVE.keys()
    missing = kinds & _NAMES.keys()
    if len(held) == 2 and float in held:
        # The floats may be the missing values of a column of text.
        held.discard(float)
        floats = [item for item in values if type(item) is float]
        if any(tagged.encode(item) != _NAN_BITS for item in floats):
            return None
    elif held == {float}:
        missing.discard(float)
    if len(held) > 1 or len(missing) > 1 or kinds - held - missing:
        return None
    held_kind = next(iter(held), str)
    return held_kind, _NAMES[next(iter(missing))] if missing else "None"


def _encode_native(values: np.ndarray[Any, Any], kind: type, missing: str) -> Encoded | None:
    arrow = _NATIVE[kind]
    spec = {"is": "object", "of": kind.__name__, "missing": missing}
    try:
        if missing == "None" or len(values) == 0:
            array = pa.array(values, arrow, from_pandas=False)
        else:
            mask = np.fromiter((type(item) is not kind for item in values), np.bool_, len(values))
            held = values.copy()
            held[mask] = None
            array = pa.array(held, arrow, from_pandas=False)
    except (UnicodeEncodeError, OverflowError, pa.ArrowInvalid):
        return None  # a lone surrogate or a larger integer: tagged text keeps both
    return Encoded(spec, arrow, array)


def _encode_tagged(values: np.ndarray[Any, Any]) -> Encoded:
    encode, dumps = tagged.encode, tagged.dumps
    texts = np.empty(len(values), object)
    row = 0
    try:
        for row, item in enumerate(values):
            texts[row] = dumps(encode(item))
    except Refused as refused:
        raise Refused(refused.reason, row) from refused
    except (RecursionError, ValueError, OverflowError) as error:
        raise Refused(f"an element cannot be kept: {error}", row) from error
    array = pa.array(texts, pa.large_string(), from_pandas=False)
    return Encoded({"is": "object", "of": "tagged"}, pa.large_string(), array)


def decode_objects(spec: Any, array: Any, memory: object) -> np.ndarray[Any, Any]:
    """Return the object array that `encode_objects` described."""
    if spec["of"] == "tagged":
        return _fill((tagged.decode(tagged.loads(text)) for text in array.to_pylist()), len(array))
    missing = _MISSING[spec["missing"]]
    if spec["of"] in ("str", "bytes"):
        found: np.ndarray[Any, Any] = array.to_numpy(zero_copy_only=False, writable=True)
        if missing is not None and array.null_count:
            found[[item is None for item in found]] = missing
        return found
    if array.null_count == 0:
        plain: np.ndarray[Any, Any] = array.to_numpy(zero_copy_only=False).astype(object)
        return plain
    return _fill((missing if item is None else item for item in array.to_pylist()), len(array))


def _fill(items: Iterable[Any], count: int) -> np.ndarray[Any, Any]:
    # np.array() would make a matrix of lists of equal length.
    return np.fromiter(items, object, count)
