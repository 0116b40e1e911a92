"""Loads share nothing: what is done to one array is not seen in another."""

from __future__ import annotations

import numpy as np
import pytest

from artifact_materializers.numpy.array import ArrayMaterializer
from artifact_plugins.testing import MemoryFiles

NESTED = np.dtype([("a", "i4"), ("n", [("x", "f8"), ("y", "U3")])])


@pytest.mark.parametrize("rows", [2, 5000])
def test_renamed_fields_stay_with_their_array(rows):
    """Renaming the fields of a loaded array, nested ones too, leaves later loads alone."""
    files, arrays = MemoryFiles(), ArrayMaterializer()
    arrays.save_files(np.zeros(rows, NESTED), files)

    first = arrays.load_files(files, np.ndarray)
    first.dtype["n"].names = ("p", "q")
    first.dtype.names = ("r", "s")

    assert arrays.load_files(files, np.ndarray).dtype == NESTED
