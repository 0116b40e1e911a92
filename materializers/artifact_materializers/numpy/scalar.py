"""Saves numpy scalars as .npy files of one element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from artifact_materializers.numpy import npy
from artifact_materializers.numpy.array import FILE
from artifact_materializers.numpy.dtypes import is_same
from artifact_plugins import Preview
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.folder import DirectMaterializer
from artifact_plugins.errors import LoadFailedError

_CODEC = {"<": "utf-32-le", ">": "utf-32-be"}
_MAX_PREVIEW = 2000


class ScalarMaterializer(DirectMaterializer[Any]):
    """Scalars of every class of numpy, with their unit, byte width and every bit."""

    format = "npy/1"
    media_type = "application/x-npy"
    exact: ClassVar[bool] = True

    def save_files(self, value: Any, files: FileWriter) -> None:
        """Write `array.npy` of shape ().

        Raises:
            LossyConversionError: An instance of a subclass.
            NotSerializableError: A structure with Python objects inside.
        """
        wanted = value.dtype.type
        npy.check_exact_type(value, wanted, f"save numpy.{wanted.__name__}(value)")
        # An array drops trailing NULs of text and bytes; a scalar has them.
        if wanted is np.str_:
            data = value.encode("utf-32-le", "surrogatepass")
            header = npy.header(np.dtype(f"<U{len(value)}"), ())
        elif wanted is np.bytes_:
            data = value[:]  # not bytes(value), which drops them too
            header = npy.header(np.dtype(f"S{len(value)}"), ())
        else:
            header = npy.header(value.dtype, ())
            # An array of a zero-width element would be one byte wide.
            data = b"".join(npy.data_pieces(np.array(value))) if value.dtype.itemsize else b""
        with files.open(FILE) as sink:
            sink.write(header + data)

    def load_files(self, files: FileReader, data_type: type) -> Any:
        """Return the scalar.

        Raises:
            LoadFailedError: The file holds an array with dimensions.
        """
        buffer = files.buffer(FILE)
        array = npy.read_array(buffer, FILE)
        if array.ndim:
            raise LoadFailedError(
                f"file {FILE!r} holds an array of shape {array.shape!r}, not a scalar",
                hint="load it as numpy.ndarray",
                path=FILE,
            )
        if array.dtype.kind not in "SU":
            return array[()]
        raw = bytes(buffer[buffer.nbytes - array.dtype.itemsize :])
        if array.dtype.kind == "S":
            return np.bytes_(raw)
        return np.str_(raw.decode(_CODEC[array.dtype.str[0]], "surrogatepass"))

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return the dtype."""
        return {"dtype": str(value.dtype)[:200]}

    def preview(self, value: Any) -> Sequence[Preview]:
        """Return the value as text."""
        text = ascii(value) if isinstance(value, np.str_) else str(value)
        return (Preview(kind="text", content=text[:_MAX_PREVIEW]),)

    def equal(self, left: Any, right: Any) -> bool:
        """Tell whether class, dtype and every bit agree; NaN equals itself."""
        if type(left) is not type(right) or not is_same(left.dtype, right.dtype):
            return False
        if isinstance(left, str | bytes):
            return bool(left[:] == right[:])  # `==` of the scalars drops trailing NULs
        return npy.is_same_array(np.array(left), np.array(right))
