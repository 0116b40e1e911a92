"""A pickle read back: out of mapped memory, its classes found as the session finds them."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from artifact_plugins.contracts.refs import find_function, find_type
from artifact_plugins.errors import PayloadClassNotFoundError, describe

_READ_BYTES = 1024 * 1024


def found_at(path: str) -> Any:
    """Return the class or function that was at an import path when it was pickled.

    Pickles name this function where something came from archived code.

    Raises:
        PayloadClassNotFoundError: It is neither installed nor archived.
    """
    try:
        return find_type(path)
    except PayloadClassNotFoundError as missing:
        try:
            return find_function(path)
        except PayloadClassNotFoundError:
            raise missing from None


def set_field(part: Any, state: dict[str, Any]) -> None:
    """Fill a field of a dataclass that was pickled with its class."""
    for name, item in state.items():
        setattr(part, name, MappingProxyType(item) if name == "metadata" else item)


def read_pickle(stream: memoryview, buffers: Sequence[memoryview]) -> Any:
    """Return the value of a pickle. This executes what the pickle says.

    Raises:
        PayloadClassNotFoundError: It names what cannot be found.
        Exception: Whatever its parts raise.
    """
    reader = io.BufferedReader(_Mapped(stream), _READ_BYTES)
    return _Unpickler(reader, buffers=buffers).load()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return what the pickle names.

        It is looked up as every class of a version is: under its new name when
        it was renamed, in the archived code when it is not here any more.
        """
        here = _imported(module, name)
        if here is not None and not isinstance(here, type):
            return here  # a function: only classes have renames
        if module == "builtins" and here is not None:
            return here
        try:
            return found_at(f"{module}:{name}")
        except PayloadClassNotFoundError as missing:
            try:
                return super().find_class(module, name)
            except Exception as error:  # noqa: BLE001  # importing runs any module
                raise PayloadClassNotFoundError(
                    f"the pickle names {module}:{name}, which cannot be found: {describe(error)}",
                    hint="the stored bytes are untouched; install or restore the module that "
                    "defines it, or say where it went in Settings.renames",
                    data_type=f"{module}:{name}",
                ) from missing


def _imported(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


class _Mapped(io.RawIOBase):
    """Memory as a file; nothing but what is read is copied."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._place = 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        piece = self._view[self._place : self._place + len(target)]
        target[: piece.nbytes] = piece
        self._place += piece.nbytes
        return piece.nbytes
