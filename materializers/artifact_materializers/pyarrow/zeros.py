"""Dictionaries of floats that differ in the sign of a zero: Arrow writes only the first of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from artifact_plugins.errors import LossyConversionError

_BITS = {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}


class ZeroCheck:
    """Looks at the batches of one file or stream, in their order.

    Arrow leaves out a dictionary that equals the one before it, and 0.0
    equals -0.0.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._is_needed = any(_holds_float_dictionary(field.type) for field in schema)
        self._last: list[pa.Array] = []

    def look_at(self, batch: pa.RecordBatch) -> None:
        """Compare the dictionaries of a batch with those of the batch before.

        Raises:
            LossyConversionError: One would come back with another zero.
        """
        if not self._is_needed:
            return
        found = [each for column in batch.columns for each in _dictionaries(column)]
        for old, new in zip(self._last, found, strict=False):
            if old.equals(new) and not _is_same_bits(old, new):
                raise LossyConversionError(
                    "chunks have dictionaries that differ only in the sign of a zero, which "
                    "Arrow writes once",
                    hint="nothing was saved; decode the dictionaries, or give all chunks one",
                )
        self._last = found


def holds_floats(kind: pa.DataType) -> bool:
    """Tell whether values of a type are floats or have some inside."""
    if isinstance(kind, pa.BaseExtensionType):
        return holds_floats(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return holds_floats(kind.value_type)
    if pa.types.is_run_end_encoded(kind):
        return holds_floats(kind.value_type)
    return pa.types.is_floating(kind) or any(
        holds_floats(kind.field(number).type) for number in range(kind.num_fields)
    )


def _holds_float_dictionary(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return _holds_float_dictionary(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return holds_floats(kind.value_type)
    if pa.types.is_run_end_encoded(kind):
        return _holds_float_dictionary(kind.value_type)
    return any(
        _holds_float_dictionary(kind.field(number).type) for number in range(kind.num_fields)
    )


def _dictionaries(array: Any) -> Iterator[pa.Array]:
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        yield from _dictionaries(array.storage)
    elif pa.types.is_dictionary(kind):
        yield array.dictionary
    else:
        for inner in _children(array):
            yield from _dictionaries(inner)


def _children(array: Any) -> list[pa.Array]:
    kind = array.type
    if pa.types.is_map(kind):
        return [array.keys, array.items]
    if pa.types.is_struct(kind) or pa.types.is_union(kind):
        return [array.field(number) for number in range(kind.num_fields)]
    if pa.types.is_run_end_encoded(kind) or kind.num_fields == 1:  # lists of every kind
        return [array.values]
    return []


def _is_same_bits(left: Any, right: Any) -> bool:
    kind = left.type
    if isinstance(kind, pa.BaseExtensionType):
        return _is_same_bits(left.storage, right.storage)
    if pa.types.is_floating(kind):
        bits = _BITS[kind.bit_width]
        return bool(left.view(bits).equals(right.view(bits)))
    if pa.types.is_dictionary(kind):
        return _is_same_bits(left.dictionary, right.dictionary)
    pairs = zip(_children(left), _children(right), strict=True)
    return all(_is_same_bits(one, other) for one, other in pairs)
