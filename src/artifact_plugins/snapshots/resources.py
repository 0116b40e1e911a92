"""The data files of an archive, for `importlib.resources` and `open`."""

from __future__ import annotations

import errno
import io
import os
import posixpath
from collections.abc import Iterator
from importlib.resources.abc import Traversable, TraversableResources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from artifact_plugins.snapshots.restored import RestoredArchive


class ArchivedFolder(Traversable):
    """A file or folder inside an archive; what `importlib.resources.files` returns.

    Args:
        path: Path of a member, or of a folder that members lie in.
    """

    def __init__(self, archive: RestoredArchive, path: str) -> None:
        self._archive = archive
        self._path = path

    def __repr__(self) -> str:
        return f"ArchivedFolder({str(self)!r})"

    def __str__(self) -> str:
        return self._archive.place_of(self._path)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArchivedFolder) and str(other) == str(self)

    def __hash__(self) -> int:
        return hash(str(self))

    @property
    def name(self) -> str:
        """The last part of the path."""
        return posixpath.basename(self._path)

    def iterdir(self) -> Iterator[ArchivedFolder]:
        """Yield what lies in this folder, sorted."""
        if not self.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a folder of the archive", str(self))
        for name in self._archive.members.inside(self._path):
            yield ArchivedFolder(self._archive, posixpath.join(self._path, name))

    def is_dir(self) -> bool:
        """Tell whether members lie below."""
        return self._archive.members.is_folder(self._path)

    def is_file(self) -> bool:
        """Tell whether this is a member."""
        return self._path in self._archive.members.sources

    def joinpath(self, *descendants: str | os.PathLike[str]) -> ArchivedFolder:
        """Return a path below this one; ".." cannot leave the archive."""
        joined = posixpath.normpath(
            posixpath.join(self._path, *(str(os.fspath(each)) for each in descendants))
        )
        return ArchivedFolder(self._archive, "" if joined == "." else joined)

    def __truediv__(self, child: str | os.PathLike[str]) -> ArchivedFolder:
        return self.joinpath(child)

    def read_bytes(self) -> bytes:
        """Return the bytes of the member."""
        return self._archive.loader.get_data(str(self))

    # Python 3.13 adds `errors`; a caller of any release may give it.
    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        """Return the text of the member; UTF-8 unless said otherwise."""
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        """Open the member for reading."""
        return opened(self.read_bytes(), str(self), mode, *args, **kwargs)


class _Reader(TraversableResources):
    """What `importlib.resources` asks a loader for."""

    def __init__(self, folder: ArchivedFolder) -> None:
        self._folder = folder

    def files(self) -> Traversable:
        return self._folder


def reader_of(folder: ArchivedFolder) -> TraversableResources:
    """Return a resource reader of the data files in and below a folder."""
    return _Reader(folder)


def opened(
    data: bytes,
    name: str,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    **_: Any,
) -> io.BytesIO | io.TextIOWrapper:
    """Return a file object over the bytes of a member, as `open` would.

    Raises:
        io.UnsupportedOperation: The mode would write.
    """
    if set(mode) - set("rbtU"):
        raise io.UnsupportedOperation(f"{name!r} is archived code: it can only be read")
    stream = _Named(data)
    stream.name = name
    if "b" in mode:
        return stream
    return io.TextIOWrapper(stream, encoding or "utf-8", errors, newline)


class _Named(io.BytesIO):
    """Bytes that know the name of the member they came from."""

    name: str = ""
