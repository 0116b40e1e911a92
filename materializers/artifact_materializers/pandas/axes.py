"""An index as Arrow columns and a specification, and back, exactly.

A RangeIndex needs no column, any other flat index one, a MultiIndex one
dictionary column per level. Categories are the dictionary of their column.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from . import tagged
from .columns import (
    decode_categories,
    decode_flat,
    decode_range,
    encode_categories,
    encode_flat,
    encode_name,
    range_spec,
)
from .encoded import Encoded
from .ipc import pack, unpack
from .memory import Memory
from .plain import codes_of, dictionary


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
        return range_spec(index), []
    if type(index) is pd.MultiIndex:
        return _encode_levels_by_value(index) if by_value else _encode_levels(index)
    spec, column = encode_flat(index, text_only=by_value)
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
        whole = decode_range(spec)
        # A slice of everything would move `stop` to the next multiple of the step.
        return whole if rows == slice(None) else whole[rows]
    if spec["is"] == "flat":
        return decode_flat(spec, columns[0], memory)
    names = [tagged.decode(name) for name in spec["names"]]
    if spec["is"] == "values":
        arrays = [
            decode_flat(level, column, memory)
            for level, column in zip(spec["levels"], columns, strict=True)
        ]
        return pd.MultiIndex.from_arrays(arrays, names=names)
    levels: Any = []
    codes: Any = []
    for level, column in zip(spec["levels"], columns, strict=True):
        levels.append(decode_categories(level, column.dictionary, memory))
        codes.append(codes_of(column, memory))
    order = spec.get("sortorder")
    return pd.MultiIndex(levels=levels, codes=codes, names=names, sortorder=order)


def column_count(spec: Any) -> int:
    """Return how many columns an index specification needs."""
    if spec["is"] == "range":
        return 0
    return len(spec.get("levels", "1"))


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


def _encode_levels(index: pd.MultiIndex) -> tuple[Any, list[Encoded]]:
    levels: list[Any] = []
    columns: list[Encoded] = []
    for level, codes in zip(index.levels, index.codes, strict=True):
        kept, values = encode_categories(level)
        array = dictionary(np.ascontiguousarray(codes), values)
        levels.append(kept)
        columns.append(Encoded(None, array.type, array))
    names = [encode_name(n) for n in index.names]
    spec: dict[str, Any] = {"is": "levels", "names": names, "levels": levels}
    order = getattr(index, "sortorder", None)  # public, but the stubs lack it
    if order is not None:
        spec["sortorder"] = int(order)
    return spec, columns


def _encode_levels_by_value(index: pd.MultiIndex) -> tuple[Any, list[Encoded]]:
    levels, columns = [], []
    for number in range(index.nlevels):
        values = index.get_level_values(number)
        plain = pd.Index(values.array, dtype=values.dtype, copy=False, tupleize_cols=False)
        spec, column = encode_flat(plain, text_only=True)
        levels.append(spec)
        columns.append(column)
    return {
        "is": "values",
        "names": [encode_name(n) for n in index.names],
        "levels": levels,
    }, columns
