"""Whether an object came back as it was.

Two objects are the same when their pickles are, byte for byte; else when they
consist of the same parts, taken apart the way pickling does; else when a class
written in Python says so with its own `__eq__`. An `__eq__` inherited from
`str` or `dict` is not asked: it does not know what a subclass adds. NaN is the
same as NaN, 0.0 is not -0.0, the order of a dict counts, that of a set does
not, which parts are shared does not, and how an array lies in memory does not.
What a class leaves out of its pickle
(`__getstate__`, `__reduce__`) does not count either: its author said so.
"""

from __future__ import annotations

import struct
import sys
import types
from collections import Counter
from hashlib import blake2b
from pickle import PickleBuffer
from typing import Any

from artifact_materializers.pickle.reducing import ATOMS, MAPPINGS, SEQUENCES, SETS, reduced
from artifact_materializers.pickle.saving import write_pickle
from artifact_plugins.contracts.files import Buffer

_LONG = "gG"  # long doubles, whose 16 bytes have 6 that mean nothing


def is_same(left: Any, right: Any) -> bool:
    """Tell whether two objects are the same, types included."""
    if type(left) is not type(right):
        return False
    return _digest(left) == _digest(right) or _has_same_parts(left, right) or _says_so(left, right)


class _Hashing:
    """A sink that keeps nothing."""

    def __init__(self) -> None:
        self.hash = blake2b()

    def write(self, data: Buffer, /) -> int:
        self.hash.update(data)
        return len(data)


def _digest(value: Any) -> bytes:
    sink = _Hashing()
    write_pickle(value, sink, None)
    return sink.hash.digest()


def _says_so(left: Any, right: Any) -> bool:
    if not isinstance(getattr(type(left), "__eq__", None), types.FunctionType):
        return False
    return (left == right) is True


def _has_same_parts(left: Any, right: Any) -> bool:
    waiting = [(left, right)]
    # The parts are kept: another one may else get the identity of one that is gone.
    seen: dict[tuple[int, int], tuple[Any, Any]] = {}
    while waiting:
        one, other = waiting.pop()
        if one is other or (id(one), id(other)) in seen:
            continue
        seen[id(one), id(other)] = (one, other)
        if type(one) is not type(other):
            return False
        below = _pairs(one, other)
        if below is None:
            return False
        waiting.extend(below)
    return True


def _pairs(one: Any, other: Any) -> list[tuple[Any, Any]] | None:
    """Return the parts of two objects of one type, side by side; None when they differ."""
    cls: type = type(one)
    if cls is PickleBuffer:
        return [] if one.raw() == other.raw() else None
    if cls in ATOMS:
        return [] if _is_same_atom(one, other) else None
    if cls in SEQUENCES:
        return list(zip(one, other, strict=True)) if len(one) == len(other) else None
    if cls in SETS:
        return [] if one == other or _digests(one) == _digests(other) else None
    if cls in MAPPINGS:
        if len(one) != len(other):
            return None
        keys = list(zip(one, other, strict=True))
        return [*keys, *zip(one.values(), other.values(), strict=True)]
    if _is_array(one):
        return _pairs_of_arrays(one, other)
    return _pairs_of_reduced(one, other)


def _pairs_of_reduced(one: Any, other: Any) -> list[tuple[Any, Any]] | None:
    taken, given = reduced(one), reduced(other)
    if taken is None or given is None:  # stored by name: the same object or another one
        return None
    return list(zip(_whole(taken), _whole(given), strict=True))


def _is_array(part: Any) -> bool:
    numpy = sys.modules.get("numpy")  # a value that holds an array has imported it
    return numpy is not None and type(part) is numpy.ndarray


def _pairs_of_arrays(one: Any, other: Any) -> list[tuple[Any, Any]] | None:
    """Compare elements: a view comes back in another order of memory, padding as anything."""
    import numpy as np  # late: it is there, because the arrays are

    if one.dtype != other.dtype or one.shape != other.shape:
        return None
    if one.dtype.names is not None:
        return [(one.dtype, other.dtype), *((one[name], other[name]) for name in one.dtype.names)]
    if one.dtype.char in _LONG:
        return [] if np.array_equal(one, other, equal_nan=True) else None
    return _pairs_of_reduced(np.array(one, order="C"), np.array(other, order="C"))


def _whole(found: tuple[Any, ...]) -> tuple[Any, ...]:
    function, arguments, state, items, pairs, setter = (*found, None, None, None, None)[:6]
    listed = None if items is None else list(items)
    return function, arguments, state, listed, None if pairs is None else list(pairs), setter


def _digests(items: Any) -> Counter[bytes]:
    return Counter(map(_digest, items))


def _is_same_atom(one: Any, other: Any) -> bool:
    if type(one) is float:
        return struct.pack("d", one) == struct.pack("d", other) or (one != one and other != other)
    if type(one) is complex:
        return _is_same_atom(one.real, other.real) and _is_same_atom(one.imag, other.imag)
    return bool(one == other)
