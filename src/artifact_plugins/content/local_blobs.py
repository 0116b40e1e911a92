"""Small objects as local files: exclusive, atomic, durable when asked."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath

from artifact_plugins.content.below import READ, Root, open_below
from artifact_plugins.content.failures import read_failure, reading, writing
from artifact_plugins.content.staging import Staging
from artifact_plugins.errors import ResourceLimitError, StoreCapabilityError
from artifact_plugins.failpoints import failpoint

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_FOLDER = os.O_RDONLY | os.O_DIRECTORY


def write_all(file: int, data: bytes | memoryview) -> None:
    """Write all of `data`; the operating system may take it in pieces."""
    done = os.write(file, data)
    if done < len(data):
        view = memoryview(data)
        while done < len(view):
            done += os.write(file, view[done:])


def sync(file: int) -> None:
    """Force a file or folder to the disk. After an error its bytes are lost: never retry."""
    failpoint("save.fsync")
    os.fsync(file)


def open_folder(root: int, parts: tuple[str, ...], *, durable: bool) -> int:
    """Open a folder below the root; missing parts are made first."""
    if not parts:
        return os.dup(root)
    try:
        return open_below(root, parts, _FOLDER)
    except FileNotFoundError:
        parent = open_folder(root, parts[:-1], durable=durable)
        try:
            with suppress(FileExistsError):
                os.mkdir(parts[-1], dir_fd=parent)
            if durable:
                sync(parent)
            return open_below(parent, parts[-1:], _FOLDER)
        finally:
            os.close(parent)


class LocalBlobs:
    """BlobStore over the files below an open folder."""

    def __init__(self, root: Root, staging: Staging, *, durable: bool) -> None:
        self._root = root
        self._staging = staging
        self._durable = durable
        # Folders whose own entry this process knows to be durable.
        self._settled: set[tuple[str, ...]] = set()

    def put_new(self, key: str, data: bytes) -> bool:
        """Write a new object; False when the key is taken."""
        with writing(repr(key)):
            return self._put(key, data, exclusive=True)

    def replace(self, key: str, data: bytes) -> None:
        """Write an object whether it exists or not."""
        with writing(repr(key)):
            self._put(key, data, exclusive=False)

    def get(self, key: str, *, limit_bytes: int) -> bytes:
        """Return an object."""
        what = f"store file {key!r}"
        with reading(what):
            file = open_below(self._root.file, key.split("/"), READ)
            with os.fdopen(file, "rb") as stream:
                data = stream.read(limit_bytes + 1)
        if len(data) > limit_bytes:
            raise ResourceLimitError(
                f"{what} has more than {limit_bytes} bytes", hint="it was not parsed"
            )
        return data

    def head(self, key: str) -> int | None:
        """Return the size of an object in bytes; None when there is none."""
        try:
            file = open_below(self._root.file, key.split("/"), READ)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise read_failure(error, f"store file {key!r}") from error
        try:
            return os.fstat(file).st_size
        finally:
            os.close(file)

    def list_prefix(self, prefix: str) -> Iterator[str]:
        """Yield the keys below the folder `prefix`, sorted."""
        folder = prefix.rstrip("/")
        with reading(f"store folder {folder!r}"):
            try:
                file = open_below(self._root.file, folder.split("/"), _FOLDER)
            except FileNotFoundError:
                return
            try:
                with os.scandir(file) as entries:
                    found = sorted((e.name, e.is_dir(follow_symlinks=False)) for e in entries)
            finally:
                os.close(file)
        for name, is_folder in found:
            if is_folder:
                yield from self.list_prefix(f"{folder}/{name}")
            else:
                yield f"{folder}/{name}"

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        path = PurePosixPath(key)
        with writing(f"the removal of {key!r}"):
            try:
                parent = self._parent(path, make=False)
            except FileNotFoundError:
                return
            try:
                os.unlink(path.name, dir_fd=parent)
            except FileNotFoundError:
                return
            finally:
                os.close(parent)

    def settle(self, key: str) -> None:
        """Force an object and the folders above it to the disk, whoever wrote them."""
        if not self._durable:
            return
        with writing(repr(key)):
            parts = tuple(key.split("/"))
            file = open_below(self._root.file, parts, READ)
            try:
                sync(file)
            finally:
                os.close(file)
            folder = parts[:-1]
            self._sync_folder(folder)
            while folder and folder not in self._settled:
                self._sync_folder(folder[:-1])
                self._settled.add(folder)
                folder = folder[:-1]

    def _sync_folder(self, parts: tuple[str, ...]) -> None:
        folder = open_folder(self._root.file, parts, durable=self._durable)
        try:
            sync(folder)
        finally:
            os.close(folder)

    def _put(self, key: str, data: bytes, *, exclusive: bool) -> bool:
        path = PurePosixPath(key)
        own = self._staging.own().file
        temporary = f"{secrets.token_hex(8)}.new"
        parent = self._parent(path, make=True)
        try:
            file = os.open(temporary, _NEW, 0o666, dir_fd=own)
            try:
                write_all(file, data)
                if self._durable:
                    sync(file)
            finally:
                os.close(file)
            if exclusive:
                created = _link(own, temporary, parent, path.name)
            else:
                os.rename(temporary, path.name, src_dir_fd=own, dst_dir_fd=parent)
                created = True
            if self._durable:
                sync(parent)
            return created
        finally:
            os.close(parent)
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=own)

    def _parent(self, path: PurePosixPath, *, make: bool) -> int:
        parts = path.parts[:-1]
        if make or not parts:
            return open_folder(self._root.file, parts, durable=self._durable)
        return open_below(self._root.file, parts, _FOLDER)


def _link(source_folder: int, source: str, folder: int, name: str) -> bool:
    # link is exclusive, rename is not.
    try:
        os.link(source, name, src_dir_fd=source_folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise StoreCapabilityError(
                "the filesystem of the store has no hard links",
                hint="nothing was written; choose a folder on another filesystem",
                errno=error.errno,
            ) from error
        raise
    return True
