"""Files in memory and in a folder, for driving DirectIO materializers without a store."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import weakref
from pathlib import Path, PurePosixPath
from typing import Self

from artifact_plugins.contracts.files import Buffer
from artifact_plugins.contracts.folder import FolderFiles as PlainFolder
from artifact_plugins.contracts.folder import FolderSink
from artifact_plugins.errors import ArtifactMissingError, InvalidNameError


class MemoryFiles:
    """A FileWriter and FileReader over a dict.

    Written buffers are joined when their sink closes, not before, as the
    content store does: a materializer that reuses its buffer is found out.
    """

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._open: set[str] = set()
        self._prefix = ""

    def open(self, name: str) -> _MemorySink:
        """Start a file.

        Raises:
            InvalidNameError: The name is absolute, leaves the folder or is taken.
        """
        path = self._prefix + check_file_name(name)
        if path in self._contents or path in self._open:
            raise _name_taken(path)
        self._open.add(path)
        return _MemorySink(self, path)

    def sub(self, prefix: str) -> MemoryFiles:
        """Return the same files seen from below `prefix`."""
        below = MemoryFiles()
        below._contents, below._open = self._contents, self._open
        below._prefix = f"{self._prefix}{check_file_name(prefix)}/"
        return below

    def names(self) -> tuple[str, ...]:
        """Return the relative paths of the finished files, sorted."""
        start = len(self._prefix)
        return tuple(sorted(p[start:] for p in self._contents if p.startswith(self._prefix)))

    def unfinished(self) -> tuple[str, ...]:
        """Return the paths of files whose sink was not closed."""
        return tuple(sorted(self._open))

    def buffer(self, name: str) -> memoryview:
        """Return a private, writable copy of the bytes of a file."""
        return memoryview(bytearray(self.content(name)))

    def content(self, name: str) -> bytes:
        """Return the bytes of a file.

        Raises:
            ArtifactMissingError: There is no such finished file.
        """
        try:
            return self._contents[self._prefix + name]
        except KeyError:
            raise _no_such_file(name, self.names()) from None

    def directory(self, *, keep: bool = False) -> Path:
        """Return a private folder with copies; it lives as long as this object.

        Args:
            keep: It lives as long as the process.
        """
        folder = _private_folder(_PROCESS if keep else self)
        for name in self.names():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.content(name))
        return folder

    def digests(self) -> dict[str, str]:
        """Return SHA-256 in hex of every finished file, by name."""
        return {name: hashlib.sha256(self.content(name)).hexdigest() for name in self.names()}


class _MemorySink:
    def __init__(self, files: MemoryFiles, path: str) -> None:
        self._files = files
        self._path = path
        self._buffers: list[memoryview] = []
        self._size_bytes = 0

    def write(self, data: Buffer, /) -> int:
        view = memoryview(data).cast("B")
        self._buffers.append(view)
        self._size_bytes += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self._size_bytes

    def close(self) -> None:
        if self._path in self._files._open:
            self._files._open.remove(self._path)
            self._files._contents[self._path] = b"".join(self._buffers)
            self._buffers.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class FolderFiles(PlainFolder):
    """A FileWriter and FileReader over a folder on disk, which checks the names.

    Args:
        folder: Exists; files are written below it.
    """

    def open(self, name: str) -> FolderSink:
        """Start a file.

        Raises:
            InvalidNameError: The name is absolute, leaves the folder or is taken.
        """
        try:
            return super().open(check_file_name(name))
        except FileExistsError:
            raise _name_taken(name) from None

    def sub(self, prefix: str) -> FolderFiles:
        """Return the files below `prefix`."""
        return FolderFiles(self._folder / check_file_name(prefix))

    def buffer(self, name: str) -> memoryview:
        """Return a private copy-on-write map of a file.

        Raises:
            ArtifactMissingError: There is no such file.
        """
        try:
            return super().buffer(check_file_name(name))
        except FileNotFoundError:
            raise _no_such_file(name, self.names()) from None

    def directory(self, *, keep: bool = False) -> Path:
        """Return a private folder with copies; it lives as long as this object.

        Args:
            keep: It lives as long as the process.
        """
        folder = _private_folder(_PROCESS if keep else self)
        shutil.copytree(self._folder, folder, dirs_exist_ok=True)
        return folder

    def digests(self) -> dict[str, str]:
        """Return SHA-256 in hex of every file, by name."""
        return {
            name: hashlib.sha256((self._folder / name).read_bytes()).hexdigest()
            for name in self.names()
        }


def check_file_name(name: str) -> str:
    """Return `name`, a relative POSIX path without `..`.

    Raises:
        InvalidNameError: It is anything else.
    """
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name or "\\" in name:
        raise InvalidNameError(
            f"file name {name!r} is not a relative POSIX path",
            hint="name files below the folder of the version",
            name=name,
        )
    return name


def _name_taken(name: str) -> InvalidNameError:
    return InvalidNameError(
        f"file {name!r} was opened twice", hint="write each file once, in one go", name=name
    )


def _no_such_file(name: str, names: tuple[str, ...]) -> ArtifactMissingError:
    return ArtifactMissingError(
        f"there is no file {name!r}", hint=f"there are {list(names)!r}", name=name
    )


class _Process:
    """Owner of what is removed when the process ends."""


_PROCESS = _Process()


def _private_folder(owner: object) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="artifact-plugins-"))
    # Not TemporaryDirectory: it warns when nobody closes it, and readers have no close.
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return folder
