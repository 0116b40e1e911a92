"""Dtypes as Python literals and back: byte order, offsets, padding, titles, alignment."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from artifact_plugins.errors import LossyConversionError, NotSerializableError

Dtype: TypeAlias = "np.dtype[Any]"
# A type string, (base, shape) of a sub-array, or a dict of a structure.
Spec: TypeAlias = "str | tuple[Any, ...] | dict[str, Any]"

_EXTENDED_PRECISION = np.finfo(np.longdouble).nmant == 63  # x86: 80 bits in 12 or 16 bytes


def check_dtype(dtype: Dtype, path: str = "dtype") -> None:
    """Refuse dtypes whose arrays hold more than their bytes.

    Raises:
        NotSerializableError: Python objects or variable-width strings.
        LossyConversionError: Metadata, which no file format of numpy keeps.
    """
    if dtype.metadata is not None:
        raise LossyConversionError(
            f"{path} {dtype!r} carries metadata {dict(dtype.metadata)!r}, which would be lost",
            hint="nothing was saved; keep it beside the array, and drop it with array.astype",
            path=path,
        )
    if dtype.subdtype is not None:
        check_dtype(dtype.subdtype[0], path)
    elif dtype.names is not None:
        for name in dtype.names:
            check_dtype(_field(dtype, name)[0], f"{path}[{name!r}]")
    elif dtype.kind == "T":
        raise NotSerializableError(
            f"{path} is {dtype!r}, strings of variable width",
            hint="nothing was saved; array.astype(str) has a fixed width, pyarrow keeps both",
            path=path,
        )
    elif dtype.hasobject:
        raise NotSerializableError(
            f"{path} is object: the array holds references to Python objects, not values",
            hint="nothing was saved; give it a dtype, or save array.tolist()",
            path=path,
        )


def to_spec(dtype: Dtype) -> Spec:
    """Return everything about a dtype as a Python literal that `from_spec` reads."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return (to_spec(base), tuple(int(length) for length in shape))
    if dtype.names is None:
        text = dtype.str
        # C long and long long are one size on 64-bit Linux, but two dtypes.
        return text if np.dtype(text).char == dtype.char else f"{text[0]}{dtype.char}"
    fields = [_field(dtype, name) for name in dtype.names]
    return {
        "names": list(dtype.names),
        "formats": [to_spec(field[0]) for field in fields],
        "offsets": [field[1] for field in fields],
        "titles": [field[2] for field in fields],
        "itemsize": dtype.itemsize,
        "aligned": dtype.isalignedstruct,
        "record": dtype.type is np.record,
    }


def from_spec(spec: Spec) -> Dtype:
    """Return the dtype that `to_spec` described.

    Raises:
        ValueError, TypeError, KeyError: It describes none.
    """
    if isinstance(spec, str):
        return np.dtype(spec)
    if isinstance(spec, tuple):
        base, shape = spec
        return np.dtype((from_spec(base), shape))
    layout: dict[str, Any] = {
        "names": spec["names"],
        "formats": [from_spec(each) for each in spec["formats"]],
        "offsets": spec["offsets"],
        "itemsize": spec["itemsize"],
    }
    if any(title is not None for title in spec["titles"]):
        layout["titles"] = spec["titles"]
    made = np.dtype(layout, align=spec["aligned"])  # type: ignore[call-overload]  # dynamic
    return np.dtype((np.record, made)) if spec["record"] else made


def is_same(left: Dtype, right: Dtype) -> bool:
    """Tell whether two dtypes are the same in everything; `==` overlooks some of it."""
    if (
        type(left) is not type(right)
        or left.type is not right.type
        or left.char != right.char
        or left.str != right.str
        or left.itemsize != right.itemsize
        or left.names != right.names
        or left.isalignedstruct != right.isalignedstruct
    ):
        return False
    if left.subdtype is not None and right.subdtype is not None:
        return left.subdtype[1] == right.subdtype[1] and is_same(
            left.subdtype[0], right.subdtype[0]
        )
    for name in left.names or ():
        one, other = _field(left, name), _field(right, name)
        if one[1:] != other[1:] or not is_same(one[0], other[0]):
            return False
    return left.subdtype is right.subdtype is None


def unused_bytes(dtype: Dtype) -> npt.NDArray[np.bool_] | None:
    """Return which bytes of an element hold no value; None when all do.

    Padding holds whatever was in memory before. It is not part of the value,
    so it is not stored either.
    """
    if dtype.names is None and dtype.char not in "gG":
        return None
    unused = ~_used(dtype)
    return unused if unused.any() else None


def _used(dtype: Dtype) -> npt.NDArray[np.bool_]:
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.tile(_used(base), int(np.prod(shape, dtype=np.int64)))
    if dtype.names is not None:
        used = np.zeros(dtype.itemsize, bool)
        for name in dtype.names:
            field, offset, _ = _field(dtype, name)
            used[offset : offset + field.itemsize] |= _used(field)
        return used
    used = np.ones(dtype.itemsize, bool)
    if dtype.char in "gG" and _EXTENDED_PRECISION:
        numbers = used.reshape(2 if dtype.char == "G" else 1, -1)
        numbers[:, 10:] = False
        if dtype.str[0] == ">":
            numbers[:] = numbers[:, ::-1].copy()
    return used


def _field(dtype: Dtype, name: str) -> tuple[Dtype, int, Any]:
    assert dtype.fields is not None  # callers looked at `names`
    field = dtype.fields[name]
    return field[0], int(field[1]), field[2] if len(field) > 2 else None
