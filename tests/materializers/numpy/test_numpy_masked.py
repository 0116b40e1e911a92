"""Masked arrays come back with data, mask, fill value and hardness."""

from __future__ import annotations

import numpy as np
import pytest

from artifact_materializers.numpy.masked import MaskedMaterializer
from artifact_materializers.numpy.npy import append_array
from artifact_plugins.errors import LoadFailedError, LossyConversionError, NotSerializableError
from artifact_plugins.testing import MemoryFiles

MASKED = MaskedMaterializer()
VALUES = {
    "mask": lambda: np.ma.array([1, 2, 3], mask=[0, 1, 0]),
    "no mask": lambda: np.ma.array([1.0, 2.0]),
    "mask of False": lambda: np.ma.array([1.0, 2.0], mask=[0, 0]),
    "fill value": lambda: np.ma.array([1, 2], mask=[0, 1], fill_value=-9),
    "hard mask": lambda: np.ma.array([1, 2], mask=[0, 1], hard_mask=True),
    "structure": lambda: np.ma.array(
        [(1, 2.0), (3, 4.0)], mask=[(0, 1), (1, 0)], dtype=[("a", "i4"), ("b", "f8")]
    ),
    "text": lambda: np.ma.array(["a", "bc"], fill_value="zz"),
    "0-d": lambda: np.ma.array(5, mask=True),
    "empty": lambda: np.ma.zeros((0, 3)),
    "fortran": lambda: np.ma.array(np.ones((2, 3), order="F"), mask=np.ones((2, 3), bool)),
    "times": lambda: np.ma.array(np.array([0, 1], "M8[ns]"), mask=[1, 0]),
}


@pytest.mark.parametrize("name", VALUES)
def test_masked_array_comes_back_exactly(round_trip, name):
    """Data below the mask, mask, fill value and hardness survive."""
    value, twin = VALUES[name](), VALUES[name]()

    loaded = round_trip(MASKED, value)

    assert type(loaded) is np.ma.MaskedArray
    assert MASKED.equal(loaded, twin)
    assert MASKED.equal(value, twin)  # saving did not set a fill value
    assert (loaded.mask is np.ma.nomask) == (value.mask is np.ma.nomask)
    assert str(loaded.fill_value) == str(twin.fill_value)


def test_comparison_notices_what_a_mask_hides():
    """Masked arrays with other data below the mask, or another fill value, are not equal."""
    value = np.ma.array([1, 2], mask=[0, 1])

    assert not MASKED.equal(value, np.ma.array([1, 3], mask=[0, 1]))
    assert not MASKED.equal(value, np.ma.array([1, 2], mask=[1, 1]))
    assert not MASKED.equal(value, np.ma.array([1, 2], mask=[0, 1], fill_value=7))
    assert not MASKED.equal(value, np.ma.array([1, 2], mask=[0, 1], hard_mask=True))


def test_masked_elements_are_counted():
    """The description says how many elements are masked."""
    described = MASKED.describe(np.ma.array([1, 2, 3], mask=[0, 1, 1]))

    assert described["masked_count"] == 2
    assert described["shape"] == [3]


def test_masked_objects_and_matrices_are_refused():
    """What the data materializer refuses is refused below a mask too."""
    with pytest.raises(NotSerializableError, match="object"):
        MASKED.save_files(np.ma.array([None], dtype=object), MemoryFiles())
    with pytest.raises(LossyConversionError, match="matrix"):
        MASKED.save_files(np.ma.array(np.zeros((1, 1)).view(np.matrix)), MemoryFiles())
    with pytest.raises(LossyConversionError, match="MaskedConstant"):
        MASKED.save_files(np.ma.masked, MemoryFiles())


def test_info_on_a_masked_array_is_refused():
    """Optional info would be lost, so it is refused."""
    value = np.ma.array([1])
    value._optinfo["unit"] = "m"

    with pytest.raises(LossyConversionError, match="optional info"):
        MASKED.save_files(value, MemoryFiles())


def test_file_with_missing_parts_is_a_named_error():
    """Flags that promise more arrays than there are do not load."""
    files = MemoryFiles()
    with files.open("masked.npy") as sink:
        append_array(sink, np.array([True, True, False]))
        append_array(sink, np.arange(3))

    with pytest.raises(LoadFailedError, match="fill value"):
        MASKED.load_files(files, np.ma.MaskedArray)
