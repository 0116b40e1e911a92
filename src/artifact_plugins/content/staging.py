"""One private folder per process below `staging/`; the lock on it says who lives."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import weakref
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from artifact_plugins.content.below import Root, open_below
from artifact_plugins.file_lock import try_lock

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class OwnFolder(NamedTuple):
    """The private folder of this process.

    Attributes:
        file: Descriptor of the folder; holds the lock as long as the process lives.
        path: The same folder by name.
    """

    file: int
    path: Path


class Staging:
    """Makes, locks and removes private folders; safe for threads and forks.

    A process holds an flock on its folder. The kernel drops it when the
    process dies, however it dies, so no clock and no process id is trusted.
    """

    def __init__(self, root: Root, path: Path) -> None:
        self._root = root
        self._path = path / "staging"
        # By process id: a forked child makes a folder of its own.
        self._own: dict[int, OwnFolder] = {}
        self._finalizer = weakref.finalize(self, _remove_own, self._own)

    def own(self) -> OwnFolder:
        """Return the folder of this process; OSError when it cannot be made."""
        process = os.getpid()
        folder = self._own.get(process)
        if folder is not None and os.fstat(folder.file).st_nlink == 0:
            # A cleaner removed it since the last save.
            if self._own.pop(process, None) is folder:
                os.close(folder.file)
            folder = None
        if folder is None:
            made = self._make(process)
            folder = self._own.setdefault(process, made)
            if folder is not made:  # another thread was faster
                _remove(made)
        return folder

    def collect(self) -> int:
        """Remove the folders of dead processes; returns the bytes freed."""
        try:
            staging = open_below(self._root.file, ["staging"], _OPEN)
        except FileNotFoundError:
            return 0
        try:
            return sum(_collect(staging, name) for name in sorted(os.listdir(staging)))
        finally:
            os.close(staging)

    def close(self) -> None:
        """Remove the folder of this process."""
        self._finalizer()

    def _make(self, process: int) -> OwnFolder:
        staging = self._open_staging()
        try:
            while True:
                name = f"{process}-{secrets.token_hex(6)}"
                os.mkdir(name, 0o700, dir_fd=staging)
                # Until it is locked it looks like a dead process's: a collector may take it.
                try:
                    file = open_below(staging, [name], _OPEN)
                except FileNotFoundError:
                    continue
                if try_lock(file) and os.fstat(file).st_nlink:
                    return OwnFolder(file, self._path / name)
                os.close(file)
        finally:
            os.close(staging)

    def _open_staging(self) -> int:
        try:
            return open_below(self._root.file, ["staging"], _OPEN)
        except FileNotFoundError:
            with suppress(FileExistsError):
                os.mkdir("staging", 0o700, dir_fd=self._root.file)
            return open_below(self._root.file, ["staging"], _OPEN)


def _collect(staging: int, name: str) -> int:
    try:
        file = open_below(staging, [name], _OPEN)
    except OSError:
        return 0  # gone meanwhile, or not a folder: nothing of ours
    try:
        if not try_lock(file):
            return 0
        return remove_tree(staging, name)
    except FileNotFoundError:
        return 0  # another collector is at it
    finally:
        os.close(file)


def remove_tree(parent: int, name: str) -> int:
    """Remove a folder of the open folder `parent`; returns the bytes freed.

    Raises:
        FileNotFoundError: Somebody else is removing it.
    """
    folder = os.open(name, _OPEN, dir_fd=parent)
    try:
        freed = sum(
            os.stat(entry, dir_fd=inside, follow_symlinks=False).st_size
            for _, _, files, inside in os.fwalk(".", dir_fd=folder)
            for entry in files
        )
    finally:
        os.close(folder)
    shutil.rmtree(name, ignore_errors=True, dir_fd=parent)
    return freed


def _remove_own(own: dict[int, OwnFolder]) -> None:
    # A forked child has copies of its parent's entries and leaves them alone.
    folder = own.pop(os.getpid(), None)
    if folder is not None:
        _remove(folder)


def _remove(folder: OwnFolder) -> None:
    try:
        status = os.fstat(folder.file)
        named = os.lstat(folder.path)
        if stat.S_ISDIR(named.st_mode) and named.st_ino == status.st_ino:
            shutil.rmtree(folder.path, ignore_errors=True)
    except OSError:
        pass  # somebody removed it already
    finally:
        os.close(folder.file)
