"""Saves masked arrays: data, mask, fill value, hardness of the mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from artifact_materializers.numpy import npy
from artifact_materializers.numpy.npy import Array
from artifact_materializers.numpy.summary import describe_array, preview_array
from artifact_plugins import Preview
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.folder import DirectMaterializer
from artifact_plugins.errors import LoadFailedError, LossyConversionError

FILE = "masked.npy"


class MaskedMaterializer(DirectMaterializer[Any]):
    """MaskedArrays as npy arrays one behind the other: flags, data, mask, fill value.

    Masked elements keep the data below the mask. A mask that was never made
    (`numpy.ma.nomask`) and a fill value that was never set stay so.
    """

    format = "npy-masked/1"
    artifact_type = "Dataset"
    media_type = "application/x-npy"
    exact: ClassVar[bool] = True

    def save_files(self, value: Any, files: FileWriter) -> None:
        """Write `masked.npy`; refuses what `ArrayMaterializer` refuses."""
        npy.check_exact_type(value, np.ma.MaskedArray, "save numpy.ma.MaskedArray(value)")
        if value.baseclass is not np.ndarray:
            raise LossyConversionError(
                f"the data below the mask is a {value.baseclass.__qualname__}, not an ndarray",
                hint="nothing was saved; save numpy.ma.MaskedArray(numpy.asarray(value.data), ...)",
            )
        # The info that a user hangs on an array; any object may be in it.
        if getattr(value, "_optinfo", None):
            raise LossyConversionError(
                "the masked array carries optional info, which would be lost",
                hint="nothing was saved; keep it beside the array",
            )
        npy.header(value.dtype, value.shape)  # refuses before a file is begun
        arrays = _parts(value)
        flags = [value.mask is not np.ma.nomask, _fill(value) is not None, value.hardmask]
        with files.open(FILE) as sink:
            for array in (np.array(flags), *arrays):
                npy.append_array(sink, array)

    def load_files(self, files: FileReader, data_type: type) -> Any:
        """Return data and mask as views of the verified bytes."""
        buffer, start = files.buffer(FILE), 0
        arrays = []
        while start < buffer.nbytes:
            array, start = npy.read_next(buffer, start, FILE)
            arrays.append(array)
        if not arrays or arrays[0].shape != (3,) or len(arrays) != 2 + int(arrays[0][:2].sum()):
            raise LoadFailedError(
                f"file {FILE!r} does not hold flags, data, mask and fill value",
                hint="the stored bytes are untouched",
                path=FILE,
            )
        has_mask, has_fill, is_hard = arrays[0]
        value: Any = np.ma.MaskedArray(
            arrays[1],
            mask=arrays[2] if has_mask else np.ma.nomask,
            hard_mask=bool(is_hard),
            copy=False,
        )
        # Not the argument of the constructor: it turns None into a default.
        value._fill_value = arrays[-1] if has_fill else None
        return value

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return what describes the data, and how many elements are masked."""
        described = describe_array(np.asarray(value.data))
        masked = 0 if value.mask is np.ma.nomask else int(np.count_nonzero(value.mask))
        return {**described, "masked_count": masked}

    def preview(self, value: Any) -> Sequence[Preview]:
        """Return a histogram of the data, or the first and last elements."""
        return preview_array(np.asarray(value.data))

    def equal(self, left: Any, right: Any) -> bool:
        """Tell whether data, masks, fill values and their absence agree in every bit."""
        return (
            type(left) is type(right)
            and left.hardmask == right.hardmask
            and (left.mask is np.ma.nomask) == (right.mask is np.ma.nomask)
            and (_fill(left) is None) == (_fill(right) is None)
            and all(
                npy.is_same_array(one, other)
                for one, other in zip(_parts(left), _parts(right), strict=True)
            )
        )


def _parts(value: Any) -> list[Array]:
    parts = [value.view(np.ndarray)]
    if value.mask is not np.ma.nomask:
        parts.append(np.asarray(value.mask))
    fill = _fill(value)
    if fill is not None:
        parts.append(np.asarray(fill))
    return parts


def _fill(value: Any) -> Any:
    # Not `value.fill_value`: asking for it sets it.
    return getattr(value, "_fill_value", None)
