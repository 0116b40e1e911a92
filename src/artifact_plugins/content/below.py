"""Open files below a folder without ever following a symbolic link."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from artifact_plugins.content.failures import read_failure
from artifact_plugins.content.place import Identity, Payload
from artifact_plugins.errors import SizeMismatchError, StoreIntegrityError, StoreReadError

# A map of a small file costs more than reading it.
_MAP_BYTES = 64 * 1024

_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW
# Without O_NONBLOCK, opening a planted FIFO would wait for a writer.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class Root:
    """The folder of a store, held open; `file` is -1 once the store is closed.

    Every file of the store is opened below this descriptor, so replacing the
    folder or its name while the store is open leads nowhere else.
    """

    __slots__ = ("file",)

    def __init__(self, file: int) -> None:
        self.file = file

    def close(self) -> None:
        """Let go of the folder; whoever still uses it gets EBADF."""
        file, self.file = self.file, -1
        if file >= 0:
            os.close(file)


def open_below(folder: int, parts: Sequence[str], flags: int, mode: int = 0o666) -> int:
    """Open `parts` below the open folder; every part must be what it claims to be.

    Raises:
        OSError: ELOOP or ENOTDIR for a symbolic link in any part.
    """
    current = folder
    try:
        for part in parts[:-1]:
            following = os.open(part, _FOLDER, dir_fd=current)
            if current != folder:
                os.close(current)
            current = following
        return os.open(parts[-1], flags | os.O_NOFOLLOW, mode, dir_fd=current)
    finally:
        if current != folder:
            os.close(current)


def identity_of(status: os.stat_result) -> Identity:
    """Return what tells one state of a file from another."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def map_file(file: int, what: str, size_bytes: int | None = None) -> Payload:
    """Return the bytes of an open regular file as a private copy-on-write map.

    Args:
        what: Names the file in errors.
        size_bytes: The recorded size; None accepts any.

    Raises:
        StoreIntegrityError: It is no regular file.
        SizeMismatchError: It has another size; nothing was read.
        StoreReadError: The operating system could not read it.
    """
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise StoreIntegrityError(
                f"{what} is not a regular file", hint="it was not read; somebody changed the store"
            )
        size = status.st_size
        if size_bytes is not None and size != size_bytes:
            raise SizeMismatchError(
                f"{what} has {size} bytes, recorded are {size_bytes}",
                hint="nothing was parsed; restore the file from a backup",
                size_bytes=size,
                recorded_bytes=size_bytes,
            )
        if size > _MAP_BYTES:
            view = memoryview(mmap.mmap(file, size, access=mmap.ACCESS_COPY))
        else:
            view = memoryview(bytearray(size))
            if size and os.preadv(file, [view], 0) != size:
                raise StoreReadError(f"{what} changed while it was read", hint="read it again")
        return Payload(view, identity_of(status))
    except OSError as error:
        raise read_failure(error, what) from error


def map_path(path: Path, what: str) -> Payload:
    """Return the bytes of the regular file at `path`; a symbolic link is refused."""
    try:
        file = os.open(path, READ)
    except OSError as error:
        raise read_failure(error, what) from error
    try:
        return map_file(file, what)
    finally:
        os.close(file)
