"""NpzArrays: a dict of numpy arrays as one NPZ file; no pickle is written or read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from artifact_plugins.errors import NotSerializableError

from .lossless import Lossless

_SUFFIX = ".npy"


class NpzParameters(BaseModel):
    """Parameters of NPZ files.

    Attributes:
        compressed: Whether the arrays are deflated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    compressed: bool = False


class NpzArrays(Lossless[dict[str, Any]]):
    """A dict of arrays as `arrays.npz`, which `numpy.load` reads; their order is kept."""

    name = "npz_arrays"
    format = "npz/1"
    types: ClassVar[tuple[str, ...]] = ("builtins:dict",)
    artifact_type = "Dataset"
    media_type = "application/zip"
    file: ClassVar[str] = "arrays.npz"
    Parameters: ClassVar[type[BaseModel]] = NpzParameters
    lossy_hint: ClassVar[str] = "or a materializer"

    def write(self, value: dict[str, Any], path: Path, **parameters: Any) -> None:
        """Write one member an array.

        Raises:
            NotSerializableError: A key is no text, a value no plain array, or
                it holds Python objects; names the key.
        """
        method = zipfile.ZIP_DEFLATED if parameters["compressed"] else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", method) as archive:
            for key, array in value.items():
                _check(key, array)
                # A ZipInfo made of a name alone has a fixed time.
                member = zipfile.ZipInfo(f"{key}{_SUFFIX}")
                member.compress_type = method
                with archive.open(member, "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)

    def read(self, path: Path, **parameters: Any) -> dict[str, Any]:
        """Read the arrays in the order in which they were written."""
        arrays = {}
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as file:
                    array = np.lib.format.read_array(file, allow_pickle=False)
                arrays[name.removesuffix(_SUFFIX)] = array
        return arrays

    def difference(self, saved: dict[str, Any], loaded: dict[str, Any]) -> str | None:
        """Name the array that differs."""
        if list(saved) != list(loaded):
            return f"the names {list(saved)!r:.200} come back as {list(loaded)!r:.200}"
        for key, array in saved.items():
            other = loaded[key]
            if array.dtype != other.dtype or array.shape != other.shape:
                return f"array {key!r} of {array.dtype}{array.shape} comes back as another"
            if np.ascontiguousarray(array).tobytes() != np.ascontiguousarray(other).tobytes():
                return f"array {key!r} comes back with other values"
        return None


def _check(key: Any, array: Any) -> None:
    problem = None
    if type(key) is not str or not key:
        problem = "is no name for an array"
    elif type(array) is not np.ndarray:
        problem = f"is a {type(array).__qualname__}, not a plain numpy array"
    elif array.dtype.hasobject:
        problem = "holds Python objects, which only a pickle could keep"
    elif array.dtype.metadata:
        problem = "has a dtype with metadata, which the file does not hold"
    if problem is not None:
        raise NotSerializableError(
            f"{key!r:.200} {problem}", hint="nothing was registered", artifact_task="npz_arrays"
        )
