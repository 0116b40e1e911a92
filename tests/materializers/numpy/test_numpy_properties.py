"""Any record array and masked array comes back; hypothesis looks for a counterexample."""

from __future__ import annotations

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifact_materializers.numpy.array import RecarrayMaterializer
from artifact_materializers.numpy.dtypes import is_same
from artifact_materializers.numpy.masked import MaskedMaterializer

RECORDS, MASKED = RecarrayMaterializer(), MaskedMaterializer()


@settings(max_examples=15)
@given(data=st.data())
def test_any_recarray_comes_back_exactly(round_trip, data):
    """Records of any fields survive as records."""
    fields = npst.nested_dtypes(npst.scalar_dtypes(), max_leaves=4, max_itemsize=100).filter(
        lambda dtype: dtype.names is not None
    )
    shape = npst.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=3)
    records = data.draw(npst.arrays(data.draw(fields), shape)).view(np.recarray)

    loaded = round_trip(RECORDS, records)

    assert type(loaded) is np.recarray
    assert RECORDS.equal(loaded, records)


@settings(max_examples=60)
@given(data=st.data())
def test_any_masked_array_comes_back_exactly(round_trip, data):
    """Data of any dtype and shape below any mask survive."""
    shape = data.draw(npst.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=3))
    below = data.draw(npst.arrays(npst.scalar_dtypes(), shape))
    mask = data.draw(st.none() | npst.arrays(bool, shape))
    hard = data.draw(st.booleans())
    value = np.ma.array(below, mask=np.ma.nomask if mask is None else mask, hard_mask=hard)

    loaded = round_trip(MASKED, value)

    assert type(loaded) is np.ma.MaskedArray
    assert MASKED.equal(loaded, value)
    assert (loaded.mask is np.ma.nomask) == (mask is None)


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.rec.array([(1, "a"), (2, "b")], dtype=[("n", "i4"), ("s", "U2")]),
        lambda: np.arange(3).view(np.recarray),
        lambda: np.rec.array([(1, (2.0,))], dtype=[("n", "i4"), ("in", [("x", "f8")])]),
    ],
)
def test_record_array_comes_back_as_one(round_trip, make):
    """A recarray keeps its type, its record dtype and its values."""
    array = make()

    loaded = round_trip(RECORDS, array)

    assert type(loaded) is np.recarray
    assert is_same(loaded.dtype, array.dtype)
    assert RECORDS.equal(loaded, array)
