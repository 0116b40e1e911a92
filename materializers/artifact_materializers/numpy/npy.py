"""The .npy format: headers that keep dtypes exactly, data in one piece, nothing unpickled.

A file starts with a header of at most 10,000 bytes, as `numpy.load` demands.
When the `descr` of the format cannot hold a dtype (aligned structures, C long
long, fields out of order), a comment line behind it does; numpy skips it.

Source:
    https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from artifact_materializers.numpy.dtypes import (
    Dtype,
    check_dtype,
    from_spec,
    is_same,
    to_spec,
    unused_bytes,
)
from artifact_plugins.contracts.files import FileSink, FileWriter
from artifact_plugins.errors import (
    LoadFailedError,
    LossyConversionError,
    NotSerializableError,
    ResourceLimitError,
    UnsafeFormatError,
)

Array: TypeAlias = "npt.NDArray[Any]"

MAX_HEADER_BYTES = 10_000
MAX_EMPTY_ELEMENTS = 2**31  # of zero bytes each: no file is large enough to vouch for more
PIECE_BYTES = 8 * 1024 * 1024  # two at a time: one being written, one being made
_ALIGNMENT_BYTES = 64
_SMALL_BYTES = 64 * 1024
_MAGIC = b"\x93NUMPY"
_COMMENT = "\n# dtype: "


def save_array(files: FileWriter, name: str, array: Array) -> None:
    """Write a file of one array; contiguous data goes in one write, uncopied.

    Raises:
        NotSerializableError, LossyConversionError: The dtype cannot be kept
            exactly; no file was begun.
    """
    start = header(array.dtype, array.shape, is_fortran=_is_fortran(array))
    with files.open(name) as sink:
        _write(sink, start, array)


def append_array(sink: FileSink, array: Array) -> None:
    """Append header and data of an array to a file of several."""
    shape, is_fortran = array.shape, _is_fortran(array)
    _write(sink, header(array.dtype, shape, is_fortran=is_fortran, start=sink.tell()), array)


def _write(sink: FileSink, start: bytes, array: Array) -> None:
    pieces = data_pieces(array.T if _is_fortran(array) else array)
    if array.nbytes <= _SMALL_BYTES:
        sink.write(b"".join((start, *pieces)))
        return
    sink.write(start)
    for piece in pieces:
        sink.write(piece)


def header(
    dtype: Dtype, shape: tuple[int, ...], *, is_fortran: bool = False, start: int = 0
) -> bytes:
    """Return the header of an array, for a place `start` bytes into the file.

    Raises:
        NotSerializableError, LossyConversionError: The dtype cannot be kept exactly.
    """
    descr, comment = _descr(dtype)
    if not dtype.itemsize and math.prod(shape) > MAX_EMPTY_ELEMENTS:
        raise NotSerializableError(
            f"array of shape {shape!r} has over {MAX_EMPTY_ELEMENTS} elements of zero bytes",
            hint="nothing was saved; the shape is all it holds",
        )
    # ascii(), not repr(): field names may hold any character, lone surrogates too.
    text = f"{{'descr': {descr}, 'fortran_order': {is_fortran}, 'shape': {shape!r}, }}{comment}"
    padding = -(start + len(_MAGIC) + 4 + len(text) + 1) % _ALIGNMENT_BYTES
    size_bytes = len(text) + padding + 1
    if size_bytes > MAX_HEADER_BYTES:
        raise NotSerializableError(
            f"dtype with {len(dtype.names or ())} fields needs a header of {size_bytes} bytes, "
            f"over the {MAX_HEADER_BYTES} that readers of npy accept",
            hint="nothing was saved; a table has room for that many columns",
        )
    return b"".join(
        (
            _MAGIC,
            b"\x01\x00",
            size_bytes.to_bytes(2, "little"),
            text.encode("ascii"),
            b" " * padding,
            b"\n",
        )
    )


def data_pieces(array: Array) -> Iterator[memoryview]:
    """Yield the bytes of an array in C order.

    One piece without a copy when it is contiguous, else copies of at most
    8 MiB. Padding bytes are zero.
    """
    if not array.nbytes:
        return
    unused = unused_bytes(array.dtype)
    if unused is None and array.flags.c_contiguous:
        yield array.reshape(-1).view(np.uint8).data
        return
    for block in _blocks(array):
        copy = np.array(block, order="C", copy=True).reshape(-1).view(np.uint8)
        if unused is not None:
            copy.reshape(-1, array.itemsize)[:, unused] = 0
        yield copy.data


def read_array(buffer: memoryview, name: str) -> Array:
    """Return the one array of a file as a view of its buffer.

    Raises:
        LoadFailedError, ResourceLimitError, UnsafeFormatError: See `read_next`.
    """
    array, end = read_next(buffer, 0, name)
    if end != buffer.nbytes:
        raise LoadFailedError(
            f"file {name!r} has {buffer.nbytes - end} bytes behind its array",
            hint="the stored bytes are intact; something else wrote them",
            path=name,
        )
    return array


def read_next(buffer: memoryview, start: int, name: str) -> tuple[Array, int]:
    """Return the array whose header is at `start`, and where it ends.

    The array is writable: a view of a copy-on-write buffer, a copy of a
    read-only one. Nothing is allocated before the sizes agree.

    Raises:
        LoadFailedError: There is no readable header.
        ResourceLimitError: The header claims more than the file holds.
        UnsafeFormatError: The array holds pickled objects.
    """
    dtype, shape, is_fortran, begin = read_header(buffer, start, name)
    count = math.prod(shape)
    end = begin + count * dtype.itemsize
    if end > buffer.nbytes or (not dtype.itemsize and count > MAX_EMPTY_ELEMENTS):
        raise ResourceLimitError(
            f"the header of {name!r} claims {count} elements of {dtype.itemsize} bytes, "
            f"the file has {buffer.nbytes - begin} bytes for them",
            hint="nothing was allocated",
            path=name,
        )
    # Copied as bytes: copying an array of zero-width elements widens them.
    data = bytearray(buffer[begin:end]) if buffer.readonly else buffer[begin:end]
    try:
        array: Array = np.ndarray(shape, dtype, buffer=data, order="F" if is_fortran else "C")
    except (ValueError, TypeError, OverflowError) as error:
        raise _unreadable(name, f"shape {shape!r}: {error}") from error
    return array, end


def read_header(
    buffer: memoryview, start: int, name: str
) -> tuple[Dtype, tuple[int, ...], bool, int]:
    """Return dtype, shape, whether in Fortran order, and where the data begins."""
    prefix = bytes(buffer[start : start + 12])
    if prefix[:6] != _MAGIC or len(prefix) < 10:
        raise _unreadable(name, f"it starts with {prefix[:6]!r}, not {_MAGIC!r}")
    version = (prefix[6], prefix[7])
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise _unreadable(name, f"format version {version!r} is not known")
    width = 2 if version == (1, 0) else 4
    size_bytes = int.from_bytes(prefix[8 : 8 + width], "little")
    begin = start + 8 + width + size_bytes
    if size_bytes > MAX_HEADER_BYTES:
        raise ResourceLimitError(
            f"the header of {name!r} claims {size_bytes} bytes, over {MAX_HEADER_BYTES}",
            hint="nothing was parsed",
            path=name,
        )
    if begin > buffer.nbytes:
        raise _unreadable(name, "it ends inside its header")
    raw = bytes(buffer[begin - size_bytes : begin])
    encoding = "utf-8" if version == (3, 0) else "latin-1"
    try:
        dtype, shape, is_fortran = _parse(raw, encoding)
        if dtype.names is not None:
            # Its owner can rename the fields: `array.dtype.names = ...`.
            dtype, shape, is_fortran = _parse.__wrapped__(raw, encoding)
    except (ValueError, TypeError, KeyError, SyntaxError, RecursionError, MemoryError) as error:
        raise _unreadable(name, f"{type(error).__name__}: {error}") from error
    if dtype.hasobject:
        raise UnsafeFormatError(
            f"file {name!r} holds an array of {dtype!r}: pickled objects",
            hint="nothing was executed",
            path=name,
        )
    return dtype, shape, is_fortran, begin


@lru_cache(maxsize=256)
def _parse(raw: bytes, encoding: str) -> tuple[Dtype, tuple[int, ...], bool]:
    text = raw.decode(encoding)
    found = ast.literal_eval(text)
    if not isinstance(found, dict) or set(found) != {"descr", "fortran_order", "shape"}:
        raise ValueError("the header is not a dict of descr, fortran_order and shape")
    shape, is_fortran = found["shape"], found["fortran_order"]
    if not isinstance(shape, tuple) or any(type(n) is not int or n < 0 for n in shape):
        raise ValueError(f"shape {shape!r} is not a tuple of sizes")
    if type(is_fortran) is not bool:
        raise ValueError(f"fortran_order {is_fortran!r} is not a bool")
    _, _, comment = text.partition(_COMMENT)
    if comment:
        return from_spec(ast.literal_eval(comment.strip())), shape, is_fortran
    return np.lib.format.descr_to_dtype(found["descr"]), shape, is_fortran


def _descr(dtype: Dtype) -> tuple[str, str]:
    """Return the `descr` of a header, and the comment that says what it cannot."""
    check_dtype(dtype)
    try:
        if dtype.names is None:
            text = dtype.str
            if is_same(np.dtype(text), dtype):
                return repr(text), ""
        spec = to_spec(dtype)
        if is_same(from_spec(ast.literal_eval(ascii(spec))), dtype):
            return _nearest_descr(dtype, spec)
    except (ValueError, TypeError, SyntaxError):
        pass  # named below: a dtype of another library, a title that is no literal
    raise LossyConversionError(
        f"dtype {dtype!r} of type {type(dtype).__qualname__!r} cannot be described exactly",
        hint="nothing was saved; view or convert the array to a dtype of numpy itself",
    )


def _nearest_descr(dtype: Dtype, spec: Any) -> tuple[str, str]:
    comment = f"{_COMMENT}{spec!a}"
    try:
        descr = np.lib.format.dtype_to_descr(dtype)
        back = np.lib.format.descr_to_dtype(descr)
    except (ValueError, TypeError):  # overlapping fields, fields out of order
        return repr(f"|V{dtype.itemsize}"), comment
    if back.itemsize != dtype.itemsize:
        return repr(f"|V{dtype.itemsize}"), comment
    return ascii(descr), "" if is_same(back, dtype) else comment


def _is_fortran(array: Array) -> bool:
    return array.flags.f_contiguous and not array.flags.c_contiguous


def _blocks(array: Array) -> Iterator[Array]:
    """Cut an array along its first axes, in C order, into blocks of bounded size."""
    if array.nbytes <= PIECE_BYTES or not array.ndim:
        yield array
        return
    row_bytes = array.nbytes // len(array)
    if row_bytes > PIECE_BYTES:
        for row in array:
            yield from _blocks(row)
        return
    rows = max(1, PIECE_BYTES // row_bytes)
    for first in range(0, len(array), rows):
        yield array[first : first + rows]


def is_same_array(left: Array, right: Array) -> bool:
    """Tell whether type, dtype, shape and every bit of two arrays agree; NaN equals itself."""
    if type(left) is not type(right) or left.shape != right.shape:
        return False
    if not is_same(left.dtype, right.dtype):
        return False
    if not left.nbytes:
        return True
    left, right = (np.ascontiguousarray(np.asarray(each)) for each in (left, right))
    return all(
        one == other for one, other in zip(data_pieces(left), data_pieces(right), strict=True)
    )


def check_exact_type(value: Any, wanted: type, hint: str) -> None:
    """Refuse an instance of a subclass, which would come back as `wanted`."""
    if type(value) is not wanted:
        cls = type(value)
        raise LossyConversionError(
            f"{cls.__module__}.{cls.__qualname__} would come back as {wanted.__qualname__}",
            hint=f"nothing was saved; {hint}",
        )


def _unreadable(name: str, why: str) -> LoadFailedError:
    return LoadFailedError(
        f"file {name!r} is not a readable npy file: {why}",
        hint="the stored bytes are untouched",
        path=name,
    )
