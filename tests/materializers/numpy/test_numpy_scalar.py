"""Scalars come back in their own class, dtypes with every detail."""

from __future__ import annotations

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifact_materializers.numpy import register_materializers
from artifact_materializers.numpy.array import ArrayMaterializer
from artifact_materializers.numpy.dtype import DtypeMaterializer
from artifact_materializers.numpy.dtypes import is_same
from artifact_materializers.numpy.scalar import ScalarMaterializer
from artifact_plugins.contracts.refs import type_path
from artifact_plugins.errors import (
    LoadFailedError,
    LossyConversionError,
    NotSerializableError,
    ResourceLimitError,
)
from artifact_plugins.testing import MemoryFiles

SCALARS = ScalarMaterializer()
DTYPES = DtypeMaterializer()
_ALIGNED = np.dtype([("a", "i1"), ("b", "f8")], align=True)

VALUES = [
    *(np.dtype(c).type(1) for c in "?bhilqBHILQefdgFDG"),
    np.float64("nan"),
    np.float64(-0.0),
    np.longdouble(1) / 3,
    np.datetime64("NaT"),
    np.datetime64("NaT", "ns"),
    np.datetime64("2020-01-01", "25s"),
    np.timedelta64(3),
    np.timedelta64(3, "D"),
    np.str_(""),
    np.str_("a\0"),
    np.str_("\0"),
    np.str_("\ud800\U0001f600"),
    np.bytes_(b""),
    np.bytes_(b"a\0\0"),
    np.void(b"abc\0"),
    np.zeros(1, [("a", "V0")])[0],
    np.zeros(1, _ALIGNED)[0],
    np.rec.array([(1, "x")], dtype=[("n", "i4"), ("s", "U2")])[0],
]


@pytest.mark.parametrize("value", VALUES, ids=lambda v: f"{type(v).__name__} {v!a}"[:40])
def test_scalar_comes_back_in_its_class(round_trip, value):
    """Class, unit, width and every bit survive, trailing NULs too."""
    loaded = round_trip(SCALARS, value)

    assert type(loaded) is type(value)
    assert is_same(loaded.dtype, value.dtype)
    assert SCALARS.equal(loaded, value)
    if isinstance(value, str | bytes):
        assert loaded[:] == value[:]
    elif value.dtype.names is None:
        assert loaded.tobytes()[:8] == value.tobytes()[:8]


def test_scalar_comparison_notices_a_difference():
    """The comparison tells class, dtype, sign and trailing NULs apart."""
    assert not SCALARS.equal(np.float64(1), np.float32(1))
    assert not SCALARS.equal(np.float64(0.0), np.float64(-0.0))
    assert not SCALARS.equal(np.str_("a"), np.str_("a\0"))
    assert not SCALARS.equal(np.datetime64(0, "s"), np.datetime64(0, "ms"))


@given(data=st.data())
def test_any_scalar_comes_back(round_trip, data):
    """Elements of arrays of any scalar dtype survive."""
    dtype = data.draw(npst.scalar_dtypes())
    value = data.draw(npst.arrays(dtype, (1,)))[0]

    loaded = round_trip(SCALARS, value)

    assert type(loaded) is type(value)
    assert SCALARS.equal(loaded, value)


def test_every_scalar_class_is_offered():
    """Each concrete scalar class of this numpy is named, so none is taken for a float or str."""
    offered = next(o for o in register_materializers() if o.key == "numpy.scalar").types

    concrete = {np.dtype(code).type for code in np.typecodes["All"]} | {np.record}

    assert {type_path(cls) for cls in concrete - {np.object_}} <= set(offered)


def test_subclass_of_a_scalar_is_refused():
    """An instance of a user's subclass would come back as its base."""

    class Metres(np.float64):
        pass

    with pytest.raises(LossyConversionError, match="Metres"):
        SCALARS.save_files(Metres(1.0), MemoryFiles())


def test_structure_with_an_object_is_refused():
    """A void scalar that refers to a Python object holds no value of its own."""
    value = np.zeros(1, [("a", "O")])[0]

    with pytest.raises(NotSerializableError, match="object"):
        SCALARS.save_files(value, MemoryFiles())


def test_array_is_no_scalar_and_scalar_is_a_0_d_array():
    """The two read each other's files as far as that makes sense."""
    array, scalar = MemoryFiles(), MemoryFiles()
    ArrayMaterializer().save_files(np.arange(3), array)
    SCALARS.save_files(np.float32(2), scalar)

    assert ArrayMaterializer().load_files(scalar, np.ndarray).shape == ()
    with pytest.raises(LoadFailedError, match="not a scalar"):
        SCALARS.load_files(array, np.float64)


DTYPE_VALUES = [
    *(np.dtype(c) for c in "?bhilqBHILQefdgFDGOSUVMm"),
    np.dtype(">f8"),
    np.dtype(">q"),
    np.dtype("M8[25s]"),
    np.dtype(("i4", (2, 3))),
    np.dtype([("a", "O")]),
    np.dtype([(("a title", "a"), "i4"), ("n", [("x", ">f8", (2,))])]),
    np.dtype((np.record, [("a", "i4")])),
    np.dtype([]),
    _ALIGNED,
]


@pytest.mark.parametrize("dtype", DTYPE_VALUES, ids=repr)
def test_dtype_comes_back_exactly(round_trip, dtype):
    """Byte order, unit, offsets, titles, alignment and record class survive."""
    loaded = round_trip(DTYPES, dtype)

    assert type(loaded) is type(dtype)
    assert is_same(loaded, dtype)


@given(dtype=npst.nested_dtypes())
def test_any_dtype_comes_back(round_trip, dtype):
    """Nested dtypes of any form survive."""
    assert is_same(round_trip(DTYPES, dtype), dtype)


def test_dtype_with_metadata_is_refused():
    """Metadata of a dtype, nested too, would be lost."""
    marked = np.dtype("i4", metadata={"a": 1})

    for dtype in (marked, np.dtype([("x", marked)]), np.dtype((marked, (2,)))):
        with pytest.raises(LossyConversionError, match="cannot be described"):
            DTYPES.save_files(dtype, MemoryFiles())


@pytest.mark.parametrize("text", [b"", b"{", b"open('x')", b"'nothing'", b"{'names': 1}", b"\xff"])
def test_damaged_dtype_is_a_named_error(text):
    """Text that is no dtype is LoadFailedError, and nothing of it is executed."""
    files = MemoryFiles()
    with files.open("dtype.txt") as sink:
        sink.write(text)

    with pytest.raises(LoadFailedError):
        DTYPES.load_files(files, np.dtype)


def test_dtype_text_is_bounded():
    """A text of over a mebibyte is not parsed."""
    files = MemoryFiles()
    with files.open("dtype.txt") as sink:
        sink.write(b"'f8'" + b" " * 1024 * 1024)

    with pytest.raises(ResourceLimitError):
        DTYPES.load_files(files, np.dtype)
