"""Makers of numpy dtypes, arrays and scalars, through constructors that check sizes."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from artifact_materializers.pickle.safe.makers import Draft, Maker, is_int, need, refuse

# Fixed-size numbers, times, text, bytes, raw items and objects. Long doubles
# are left out: their bytes may hold what no processor computes.
_CODE = re.compile(r"b1|[iu][1248]|f[248]|c8|c16|[mM]8|[SUV]\d{1,9}|O8")
_ORDERS = {"<", ">", "|", "="}
_UNITS = {b"generic", *b"Y M W D h m s ms us ns ps fs as".split()}
_MAX_DIMENSIONS = 32
_MAX_EMPTY_ELEMENTS = 2**31
_IS_ALIGNED = 0x80
_VERSIONS = {3: 8, 4: 9}


def _dtype(code: Any, align: Any = False, copy: Any = True) -> Draft:
    need(type(code) is str and _CODE.fullmatch(code), "a dtype of this code")
    need(type(align) is bool and type(copy) is bool, "a dtype with such flags")
    return Draft(lambda state: _finished_dtype(code, state))


def _finished_dtype(code: str, state: Any) -> np.dtype[Any]:
    need(type(state) is tuple and state and _VERSIONS.get(state[0]) == len(state), "a dtype state")
    _, order, below, names, fields, item_bytes, _, flags, *metadata = state
    need(order in _ORDERS and is_int(item_bytes) and is_int(flags), "a dtype state")
    if code in ("M8", "m8"):
        code = _with_unit(code, metadata)
    elif metadata:
        need(not metadata[0], "a dtype with metadata")
    if below is not None:
        return _with_shape(below)
    if names is not None:
        return _with_fields(names, fields, item_bytes, is_aligned=bool(flags & _IS_ALIGNED))
    found = np.dtype(code)
    return found if order in "|=" else found.newbyteorder(order)


def _with_unit(code: str, metadata: Any) -> str:
    need(
        len(metadata) == 1 and type(metadata[0]) is tuple and len(metadata[0]) == 2, "a time dtype"
    )
    notes, unit = metadata[0]
    need(not notes and type(unit) is tuple and len(unit) == 4, "a time dtype with metadata")
    name, count, divisor, _ = unit
    need(type(name) is bytes and name in _UNITS, "a time dtype of this unit")
    need(is_int(count) and 0 < count < 2**31 and divisor == 1, "a time dtype of this unit")
    return code if name == b"generic" else f"{code}[{count}{name.decode()}]"


def _with_shape(below: Any) -> np.dtype[Any]:
    need(type(below) is tuple and len(below) == 2, "a dtype with a shape")
    base, shape = below
    check_dtype(base)
    check_shape(shape)
    return np.dtype((base, shape))


def _with_fields(names: Any, fields: Any, item_bytes: int, *, is_aligned: bool) -> np.dtype[Any]:
    need(type(names) is tuple and type(fields) is dict, "a dtype with fields")
    need(set(names) == set(fields) and all(type(name) is str for name in names), "a dtype's fields")
    formats, offsets = [], []
    for name in names:
        field = fields[name]
        need(type(field) is tuple and len(field) == 2 and is_int(field[1]), "a field with a title")
        check_dtype(field[0])
        formats.append(field[0])
        offsets.append(field[1])
    # The constructor refuses offsets outside of the item.
    layout: Any = {"names": names, "formats": formats, "offsets": offsets, "itemsize": item_bytes}
    found: np.dtype[Any] = np.dtype(layout, align=is_aligned)
    return found


def check_dtype(dtype: Any) -> None:
    """Refuse what is no dtype of plain items.

    Raises:
        UnsafeFormatError: It is no dtype, or its items are objects.
    """
    need(isinstance(dtype, np.dtype) and not dtype.hasobject, "a dtype of objects")


def check_shape(shape: Any) -> None:
    """Refuse what is no shape.

    Raises:
        UnsafeFormatError: It is no tuple of lengths.
    """
    need(type(shape) is tuple and len(shape) <= _MAX_DIMENSIONS, "a shape")
    need(all(is_int(length) and length >= 0 for length in shape), "a shape")
    need(math.prod(filter(None, shape)) < 2**63, "a shape")


def _viewed(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray[Any, Any]:
    check_dtype(dtype)
    check_shape(shape)
    need(type(data) in (bytes, bytearray, memoryview), "an array of no bytes")
    count = math.prod(shape)
    need(count * dtype.itemsize == memoryview(data).nbytes, "an array of other bytes than it says")
    need(dtype.itemsize or count <= _MAX_EMPTY_ELEMENTS, "an array of empty items")
    array: np.ndarray[Any, Any] = np.ndarray(shape, dtype, buffer=data, order=order)
    _check_bools(array)
    return array


def _check_bools(array: np.ndarray[Any, Any]) -> None:
    """Refuse bools that are neither 0 nor 1: compiled code counts on that."""
    dtype = array.dtype
    if dtype.kind == "b":
        need(not (array.view(np.uint8) > 1).any(), "bools that are neither true nor false")
    for name in dtype.names or ():
        _check_bools(array[name])


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> Any:
    if order != "K":
        need(order in ("C", "F"), "an array of this order")
        return _viewed(data, dtype, shape, order)
    array = _viewed(data, dtype, shape, "C")
    if axes is None:
        return array
    need(type(axes) is tuple and sorted(axes) == list(range(len(shape))), "an array of such axes")
    return array.transpose(axes)


def _reconstruct(cls: Any, shape: Any, code: Any) -> Draft:
    need(cls is NDARRAY and shape == (0,) and code in (b"b", "b"), "an array of another class")
    return Draft(_finished_array)


def _finished_array(state: Any) -> np.ndarray[Any, Any]:
    need(type(state) is tuple and len(state) == 5, "an array state")
    version, shape, dtype, is_fortran, data = state
    need(version == 1 and type(is_fortran) is bool, "an array state")
    order: Any = "F" if is_fortran else "C"
    if not (isinstance(dtype, np.dtype) and dtype.kind == "O"):
        need(type(data) is bytes, "an array of no bytes")
        # Writable, as unpickling gives it; copied as bytes, which keeps empty items empty.
        return _viewed(bytearray(data), dtype, shape, order)
    check_shape(shape)
    if type(data) is not list or len(data) != math.prod(shape):
        refuse("an array of other objects than it says")
    # One by one as they are: an assignment would take arrays of no dimension apart.
    array = np.fromiter(data, dtype=object, count=len(data))
    return array.reshape(shape, order=order)


def _scalar(dtype: Any, data: Any) -> Any:
    need(type(data) is bytes, "a scalar of no bytes")
    return _viewed(bytearray(data), dtype, (), "C")[()]


DTYPE = Maker("numpy.dtype", call=_dtype)
NDARRAY = Maker("numpy.ndarray")
FROMBUFFER = Maker("numpy._frombuffer", call=_frombuffer)
RECONSTRUCT = Maker("numpy._reconstruct", call=_reconstruct)
SCALAR = Maker("numpy.scalar", call=_scalar)
