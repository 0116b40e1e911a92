"""A folder as the files of a version, and a few bytes in memory as such files."""

from __future__ import annotations

import mmap
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp

from artifact_plugins.contracts.files import FileReader
from artifact_plugins.errors import LoadFailedError


class FolderWriter:
    """Writes the files of a version into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, name: str) -> _FolderSink:
        """Start the file `name` below the folder."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return _FolderSink(path)

    def sub(self, prefix: str) -> FolderWriter:
        """Return a writer for the folder `prefix` below."""
        return FolderWriter(self._folder / prefix)


class _FolderSink:
    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> _FolderSink:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class FolderReader:
    """Reads the files of a version from a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        """Return the relative POSIX paths of all files, sorted."""
        found = (path for path in self._folder.rglob("*") if path.is_file())
        return tuple(sorted(path.relative_to(self._folder).as_posix() for path in found))

    def buffer(self, name: str) -> memoryview:
        """Return the bytes of a file as a private map; they outlive the folder."""
        with (self._folder / name).open("rb") as file:
            if file.seek(0, 2) == 0:
                return memoryview(b"")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))

    def directory(self) -> Path:
        """Return the folder itself."""
        return self._folder

    def sub(self, prefix: str) -> FolderReader:
        """Return a reader of the folder `prefix` below."""
        return FolderReader(self._folder / prefix)


class MemoryReader:
    """The files of a small element that is embedded in a document."""

    def __init__(self, contents: dict[str, bytes], outer: FileReader) -> None:
        self._contents = contents
        self._outer = outer

    def names(self) -> tuple[str, ...]:
        """Return the names of the files, sorted."""
        return tuple(sorted(self._contents))

    def buffer(self, name: str) -> memoryview:
        """Return a private copy of the bytes of a file."""
        return memoryview(bytearray(self._contents[name]))

    def directory(self) -> Path:
        """Return a new folder with the files, below the one that the version has."""
        folder = Path(mkdtemp(prefix="embedded-", dir=self._outer.directory()))
        for name, content in self._contents.items():
            if not _is_inside(name):
                raise LoadFailedError(
                    f"an embedded element names the file {name!r}",
                    hint="nothing was written; the stored bytes are intact",
                )
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder

    def sub(self, prefix: str) -> MemoryReader:
        """Return a reader of the files below `prefix`."""
        start = f"{prefix}/"
        inner = {
            name.removeprefix(start): content
            for name, content in self._contents.items()
            if name.startswith(start)
        }
        return MemoryReader(inner, self._outer)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and not {"..", "\0"} & set(path.parts)
