"""A plain folder as the files of one version, and the base of materializers that use it."""

from __future__ import annotations

import mmap
from abc import abstractmethod
from io import FileIO
from pathlib import Path
from typing import Any, Self

from artifact_plugins.contracts.files import Buffer, FileReader, FileWriter
from artifact_plugins.contracts.materializer import Materializer, T


class FolderFiles:
    """FileWriter and FileReader over one folder, which its user may keep private."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, name: str) -> FolderSink:
        """Start the file `name`; FileExistsError when it is there already."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return FolderSink(path)

    def names(self) -> tuple[str, ...]:
        """Return the relative POSIX paths of the files, sorted."""
        files = (path for path in self._folder.rglob("*") if path.is_file())
        return tuple(sorted(path.relative_to(self._folder).as_posix() for path in files))

    def buffer(self, name: str) -> memoryview:
        """Return the bytes of a file as a private copy-on-write map."""
        with (self._folder / name).open("rb") as file:
            if not file.seek(0, 2):  # a map of no bytes is an error
                return memoryview(bytearray())
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))

    def directory(self, *, keep: bool = False) -> Path:
        """Return the folder itself, which whoever made it keeps or removes."""
        return self._folder

    def sub(self, prefix: str) -> FolderFiles:
        """Return the folder below `prefix`."""
        return FolderFiles(self._folder / prefix)


class DirectMaterializer(Materializer[T]):
    """A materializer with the ability DirectIO that also works on a plain folder.

    Write `save_files` and `load_files`; `save` and `load` follow.
    """

    @abstractmethod
    def save_files(self, value: Any, files: FileWriter) -> None:
        """Write the value; the bytes are hashed on their way."""

    @abstractmethod
    def load_files(self, files: FileReader, data_type: type) -> Any:
        """Parse the verified buffers of `files`."""

    def save(self, value: T, directory: Path) -> None:
        """Write `value` as files into the empty folder `directory`."""
        self.save_files(value, FolderFiles(directory))

    def load(self, directory: Path, data_type: type[T]) -> T:
        """Read what `save` wrote, as an instance of `data_type`."""
        loaded: T = self.load_files(FolderFiles(directory), data_type)
        return loaded


class FolderSink:
    """One file on its way to disk."""

    def __init__(self, path: Path) -> None:
        self._file = FileIO(path, "xb")

    def write(self, data: Buffer, /) -> int:
        """Append all of `data`."""
        view = memoryview(data).cast("B")
        done = 0
        while done < view.nbytes:  # a raw write stops at 2 GiB
            done += self._file.write(view[done:]) or 0
        return done

    def tell(self) -> int:
        """Return how many bytes were written so far."""
        return self._file.tell()

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
