"""Tells whether Arrow values are the same: type, metadata, values; NaN equals itself."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from artifact_materializers.pyarrow.zeros import holds_floats

_BITS = {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}


def is_same_table(left: pa.Table, right: pa.Table) -> bool:
    """Tell whether schema (metadata included) and values agree; chunks may differ."""
    return (
        left.num_rows == right.num_rows
        and left.schema.equals(right.schema, check_metadata=True)
        and all(
            is_same_chunked(one, other)
            for one, other in zip(left.columns, right.columns, strict=True)
        )
    )


def is_same_chunked(left: pa.ChunkedArray, right: pa.ChunkedArray) -> bool:
    """Tell whether types and values agree; chunks may differ."""
    if left.type != right.type or len(left) != len(right):
        return False
    if len(left) == 0 or (left.equals(right) and not holds_floats(left.type)):
        return True
    return is_same_array(_one(left), _one(right))


def is_same_array(left: pa.Array, right: pa.Array) -> bool:
    """Tell whether types and values agree; floats are compared by their bits."""
    if left.type != right.type or len(left) != len(right):
        return False
    kind = left.type
    # To Arrow 0.0 equals -0.0.
    if len(left) == 0 or (left.equals(right) and not holds_floats(kind)):
        return True
    if isinstance(kind, pa.BaseExtensionType):
        return is_same_array(left.storage, right.storage)
    if pa.types.is_floating(kind):
        bits = _BITS[kind.bit_width]
        return bool(left.view(bits).equals(right.view(bits)))
    if pa.types.is_dictionary(kind):
        return is_same_array(left.dictionary_decode(), right.dictionary_decode())
    if pa.types.is_union(kind):
        pairs = zip(left, right, strict=True)
        return all(is_same_array(*(pa.repeat(each.value, 1) for each in pair)) for pair in pairs)
    if pa.types.is_run_end_encoded(kind):
        return is_same_array(pc.run_end_decode(left), pc.run_end_decode(right))
    if kind.num_fields == 0 or not left.is_valid().equals(right.is_valid()):
        return False
    if pa.types.is_struct(kind):
        parts = zip(left.flatten(), right.flatten(), strict=True)
        return all(is_same_array(one, other) for one, other in parts)
    return _is_same_list(left, right)


def _is_same_list(left: Any, right: Any) -> bool:
    if pa.types.is_map(left.type):
        entries = pa.list_(left.type.field(0))
        left, right = left.cast(entries), right.cast(entries)
    lengths = pc.list_value_length(left)
    return bool(lengths.equals(pc.list_value_length(right))) and is_same_array(
        left.flatten(), right.flatten()
    )


def _one(column: pa.ChunkedArray) -> pa.Array:
    joined = column.combine_chunks()
    return joined if isinstance(joined, pa.Array) else joined.chunk(0)
