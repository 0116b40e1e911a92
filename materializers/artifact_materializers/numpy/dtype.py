"""Saves dtype objects as text."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, ClassVar

from artifact_materializers.numpy.dtypes import Dtype, from_spec, is_same, to_spec
from artifact_plugins import Preview
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.folder import DirectMaterializer
from artifact_plugins.errors import LoadFailedError, LossyConversionError, ResourceLimitError

FILE = "dtype.txt"
MAX_BYTES = 1024 * 1024


class DtypeMaterializer(DirectMaterializer[Any]):
    """dtypes with offsets, titles, alignment and byte order, as one Python literal."""

    format = "npy-dtype/1"
    media_type = "text/plain"
    exact: ClassVar[bool] = True

    def save_files(self, value: Dtype, files: FileWriter) -> None:
        """Write `dtype.txt`.

        Raises:
            LossyConversionError: Metadata, or a dtype of another library.
        """
        text = _text(value)
        with files.open(FILE) as sink:
            sink.write(text.encode("ascii"))

    def load_files(self, files: FileReader, data_type: type) -> Dtype:
        """Return the dtype; literals only, nothing is executed."""
        raw = bytes(files.buffer(FILE)[: MAX_BYTES + 1])
        if len(raw) > MAX_BYTES:
            raise ResourceLimitError(f"file {FILE!r} is over {MAX_BYTES} bytes", path=FILE)
        try:
            return from_spec(ast.literal_eval(raw.decode("ascii")))
        except (ValueError, TypeError, KeyError, SyntaxError, RecursionError) as error:
            raise LoadFailedError(
                f"file {FILE!r} describes no dtype: {error}",
                hint="the stored bytes are untouched",
                path=FILE,
            ) from error

    def preview(self, value: Dtype) -> Sequence[Preview]:
        """Return the dtype as it prints."""
        return (Preview(kind="text", content=ascii(value)[:2000]),)

    def equal(self, left: Dtype, right: Dtype) -> bool:
        """Tell whether two dtypes are the same in everything."""
        return is_same(left, right)


def _text(dtype: Dtype) -> str:
    try:
        text = ascii(to_spec(dtype))
        exact = not _has_metadata(dtype) and is_same(from_spec(ast.literal_eval(text)), dtype)
    except (ValueError, TypeError, SyntaxError):
        exact = False
    if not exact or len(text) > MAX_BYTES:
        raise LossyConversionError(
            f"dtype {dtype!r} of type {type(dtype).__qualname__!r} cannot be described exactly",
            hint="nothing was saved; metadata and dtypes of other libraries are not kept",
        )
    return text


def _has_metadata(dtype: Dtype) -> bool:
    if dtype.metadata is not None:
        return True
    if dtype.subdtype is not None:
        return _has_metadata(dtype.subdtype[0])
    return any(_has_metadata(dtype[name]) for name in dtype.names or ())
