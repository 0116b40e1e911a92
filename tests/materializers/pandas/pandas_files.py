"""Files in memory, and round trips through them, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from artifact_materializers.pandas.frame import FrameMaterializer
from artifact_materializers.pandas.scalar import ScalarMaterializer
from artifact_materializers.pandas.series import IndexMaterializer, SeriesMaterializer


class MemorySink:
    """A file being written to memory."""

    def __init__(self, done: dict[str, bytearray], name: str) -> None:
        assert name not in done
        self._data = done.setdefault(name, bytearray())
        self.pieces: list[int] = []

    def write(self, data: Any) -> int:
        piece = memoryview(data).cast("B")
        self._data += piece
        self.pieces.append(piece.nbytes)
        return piece.nbytes

    def tell(self) -> int:
        return len(self._data)

    def close(self) -> None: ...

    def __enter__(self) -> MemorySink:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class MemoryFiles:
    """FileWriter and FileReader over a dict; buffers are private and writable."""

    def __init__(self, readonly: bool = False) -> None:
        self.data: dict[str, bytearray] = {}
        self.readonly = readonly

    def open(self, name: str) -> MemorySink:
        return MemorySink(self.data, name)

    def sub(self, prefix: str) -> MemoryFiles:
        raise AssertionError("a frame is one file and asks for no folder below")

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.data))

    def buffer(self, name: str) -> memoryview:
        data = self.data[name]
        return memoryview(bytes(data)) if self.readonly else memoryview(bytearray(data))

    def directory(self) -> Path:
        raise AssertionError("a frame is read from its buffer and asks for no folder")


def materializer_of(value: Any) -> Any:
    """The materializer that the offers of this plugin choose for a value."""
    names = {cls.__name__ for cls in type(value).__mro__}
    if "DataFrame" in names:
        return FrameMaterializer()
    if "Series" in names:
        return SeriesMaterializer()
    return IndexMaterializer() if "Index" in names else ScalarMaterializer()


def saved(value: Any, materializer: Any = None) -> MemoryFiles:
    """The files of a value."""
    files = MemoryFiles()
    (materializer or materializer_of(value)).save_files(value, files)
    return files


def round_trip(value: Any, materializer: Any = None) -> Any:
    """The value as it comes back."""
    chosen = materializer or materializer_of(value)
    return chosen.load_files(saved(value, chosen), type(value))
