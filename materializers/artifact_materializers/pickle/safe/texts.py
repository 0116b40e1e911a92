"""Makers of the Arrow strings inside pandas columns; every offset and every character is checked."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from artifact_materializers.pickle.safe.makers import Inner, Maker, inner, is_int, need

_TYPES = {"string": (pa.string(), 4), "large_string": (pa.large_string(), 8)}


def _type_for_alias(name: Any) -> Inner:
    need(type(name) is str and name in _TYPES, "such an Arrow type")
    return Inner("Arrow type", name)


def _py_buffer(data: Any) -> Inner:
    need(type(data) in (bytes, bytearray, memoryview), "an Arrow buffer of no bytes")
    return Inner("Arrow buffer", pa.py_buffer(data))


def _restore_array(data: Any) -> Inner:
    need(isinstance(data, tuple) and len(data) >= 7, "such an Arrow array")
    named, length, _, offset, buffers, children, dictionary, *others = data
    name = inner(named, "Arrow type")
    need(
        is_int(length) and is_int(offset) and length >= 0 and offset >= 0, "an Arrow array's length"
    )
    need(not children and dictionary is None and not any(others), "a nested Arrow array")
    need(isinstance(buffers, (list, tuple)) and len(buffers) == 3, "such Arrow buffers")
    need(buffers[1] is not None and buffers[2] is not None, "an Arrow array without its buffers")
    bits = None if buffers[0] is None else inner(buffers[0], "Arrow buffer")
    offsets, letters = inner(buffers[1], "Arrow buffer"), inner(buffers[2], "Arrow buffer")
    kind, width = _TYPES[name]
    # What full validation relies on: the offsets and the bits are there at all.
    need(bits is None or bits.size * 8 >= length + offset, "an Arrow array without its bits")
    need(offsets.size >= (length + offset + 1) * width, "an Arrow array without its offsets")
    array = pa.Array.from_buffers(kind, length, [bits, offsets, letters], -1, offset)
    array.validate(full=True)
    return Inner("Arrow array", array)


TYPE_FOR_ALIAS = Maker("type_for_alias", call=_type_for_alias)
PY_BUFFER = Maker("py_buffer", call=_py_buffer)
RESTORE_ARRAY = Maker("_restore_array", call=_restore_array)
