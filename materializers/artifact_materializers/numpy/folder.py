"""FileWriter and FileReader over a plain folder, for `save` and `load` with paths."""

from __future__ import annotations

import mmap
from io import FileIO
from pathlib import Path
from typing import Self

from artifact_plugins.contracts.files import Buffer


class FolderWriter:
    """Writes named files below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, name: str) -> _Sink:
        """Start the file `name`; FileExistsError when it is there already."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return _Sink(path)

    def sub(self, prefix: str) -> FolderWriter:
        """Return a writer of the folder `prefix` below this one."""
        return FolderWriter(self._folder / prefix)


class FolderReader:
    """Reads the files below a folder as private copy-on-write maps."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        """Return the relative POSIX paths of the files, sorted."""
        files = (path for path in self._folder.rglob("*") if path.is_file())
        return tuple(sorted(path.relative_to(self._folder).as_posix() for path in files))

    def buffer(self, name: str) -> memoryview:
        """Return the bytes of a file; writing to them changes nobody else's."""
        with (self._folder / name).open("rb") as file:
            if not file.seek(0, 2):  # a map of no bytes is an error
                return memoryview(bytearray())
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))

    def directory(self) -> Path:
        """Return the folder itself, which is private already."""
        return self._folder

    def sub(self, prefix: str) -> FolderReader:
        """Return a reader of the folder `prefix` below this one."""
        return FolderReader(self._folder / prefix)


class _Sink:
    def __init__(self, path: Path) -> None:
        self._file = FileIO(path, "xb")

    def write(self, data: Buffer, /) -> int:
        view = memoryview(data).cast("B")
        done = 0
        while done < view.nbytes:  # a raw write stops at 2 GiB
            done += self._file.write(view[done:]) or 0
        return done

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
