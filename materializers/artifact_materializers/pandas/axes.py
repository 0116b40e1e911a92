"""An index as Arrow columns and a specification, and back, exactly.

A RangeIndex needs no column, any other flat index one, a MultiIndex one
dictionary column per level. Categories are the dictionary of their column.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from . import tagged
from .columns import array_of, codes_of, decode_array, dictionary, encode_array
from .encoded import Encoded
from .ipc import pack, unpack
from .memory import Memory
from .refusal import Refused, short
from .zones import decode_offset, encode_offset

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


def encode_index(index: pd.Index[Any], *, by_value: bool = False) -> tuple[Any, list[Encoded]]:
    """Return the specification of an index and its columns.

    Args:
        index: Any index of pandas itself.
        by_value: Write the values of a MultiIndex instead of levels and codes,
            so that all chunks of a stream have one Arrow type.

    Raises:
        Refused: The index would not come back equal.
    """
    if type(index) is pd.RangeIndex:
        return _range_spec(index) | {"name": _label(index.name)}, []
    if type(index) is pd.MultiIndex:
        return _encode_levels_by_value(index) if by_value else _encode_levels(index)
    spec, column = _encode_flat(index, text_only=by_value)
    return spec, [column]


def decode_index(
    spec: Any, columns: Sequence[Any], memory: Memory, rows: slice = slice(None)
) -> pd.Index[Any]:
    """Return the index that `encode_index` described.

    Args:
        spec: Its specification.
        columns: Its Arrow columns, sliced to `rows` already.
        memory: The file that they point into.
        rows: The rows that are wanted, with step 1.
    """
    if spec["is"] == "range":
        whole = _decode_range(spec)
        # A slice of everything would move `stop` to the next multiple of the step.
        return whole if rows == slice(None) else whole[rows]
    if spec["is"] == "flat":
        return _decode_flat(spec, columns[0], memory)
    names = [tagged.decode(name) for name in spec["names"]]
    if spec["is"] == "values":
        arrays = [
            _decode_flat(level, column, memory)
            for level, column in zip(spec["levels"], columns, strict=True)
        ]
        return pd.MultiIndex.from_arrays(arrays, names=names)
    levels: Any = []
    codes: Any = []
    for level, column in zip(spec["levels"], columns, strict=True):
        levels.append(decode_categories(level, column.dictionary, memory))
        codes.append(codes_of(column, memory))
    return pd.MultiIndex(levels=levels, codes=codes, names=names)


def column_count(spec: Any) -> int:
    """Return how many columns an index specification needs."""
    if spec["is"] == "range":
        return 0
    return len(spec.get("levels", "1"))


def encode_categories(index: pd.Index[Any]) -> tuple[Any, Any]:
    """Return the specification and the Arrow values of the categories of a column."""
    if type(index) is pd.RangeIndex:
        spec = _range_spec(index) | {"name": _label(index.name)}
        return spec, encode_array(index.to_numpy()).arrow()
    spec, column = _encode_flat(index)
    if pa.types.is_dictionary(column.type):
        # Arrow writes a dictionary of dictionaries, and then cannot read it.
        return encode_inline(index), column.arrow().dictionary_decode()
    return spec, column.arrow()


def decode_categories(spec: Any, values: Any, memory: Memory) -> pd.Index[Any]:
    """Return the categories that `encode_categories` described."""
    if spec["is"] == "flat":
        return _decode_flat(spec, values, memory)
    return decode_inline(spec)


def encode_inline(index: pd.Index[Any]) -> Any:
    """Return an index as JSON alone: a small Arrow file inside of it."""
    spec, levels = encode_index(index)
    if not levels:
        return spec
    return {"is": "file", "index": spec, "file": pack([level.arrow() for level in levels])}


def decode_inline(spec: Any) -> pd.Index[Any]:
    """Return the index that `encode_inline` described."""
    if spec["is"] == "file":
        return decode_index(spec["index"], unpack(spec["file"]), Memory(None))
    return decode_index(spec, [], Memory(None))


def _range_spec(index: pd.RangeIndex) -> dict[str, Any]:
    return {"is": "range", "start": index.start, "stop": index.stop, "step": index.step}


def _decode_range(spec: Any) -> pd.RangeIndex:
    name = tagged.decode(spec["name"])
    return pd.RangeIndex(spec["start"], spec["stop"], spec["step"], name=name)


def _label(name: object) -> Any:
    try:
        return tagged.encode(name)
    except Refused as refused:
        raise Refused(f"the name {short(name)} is not kept: {refused.reason}") from refused


def _encode_flat(index: pd.Index[Any], *, text_only: bool = False) -> tuple[Any, Encoded]:
    if type(index) not in _FLAT:
        kind = type(index)
        raise Refused(f"index class {kind.__module__}.{kind.__qualname__} is not kept")
    column = encode_array(array_of(index), text_only=text_only)
    spec = {"is": "flat", "name": _label(index.name), "of": column.spec}
    freq = getattr(index, "freq", None)
    if freq is not None and not isinstance(index, pd.PeriodIndex):
        spec["freq"] = encode_offset(freq)
    return spec, column


def _decode_flat(spec: Any, array: Any, memory: Memory) -> pd.Index[Any]:
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


def _encode_levels(index: pd.MultiIndex) -> tuple[Any, list[Encoded]]:
    levels, columns = [], []
    for level, codes in zip(index.levels, index.codes, strict=True):
        spec, values = encode_categories(level)
        array = dictionary(np.ascontiguousarray(codes), values)
        levels.append(spec)
        columns.append(Encoded(None, array.type, array))
    return {"is": "levels", "names": [_label(n) for n in index.names], "levels": levels}, columns


def _encode_levels_by_value(index: pd.MultiIndex) -> tuple[Any, list[Encoded]]:
    levels, columns = [], []
    for number in range(index.nlevels):
        values = index.get_level_values(number)
        plain = pd.Index(values.array, dtype=values.dtype, copy=False, tupleize_cols=False)
        spec, column = _encode_flat(plain, text_only=True)
        levels.append(spec)
        columns.append(column)
    return {"is": "values", "names": [_label(n) for n in index.names], "levels": levels}, columns
