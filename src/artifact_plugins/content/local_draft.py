"""The files of one version on a local store: staged apart, made visible by one rename."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from artifact_plugins.content.below import READ, identity_of, open_below
from artifact_plugins.content.failures import write_failure, writing
from artifact_plugins.content.local_blobs import sync, write_all
from artifact_plugins.content.names import parents, version_prefix
from artifact_plugins.content.place import Identity
from artifact_plugins.errors import SaveAbortedError, StoreWriteError
from artifact_plugins.failpoints import failpoint

if TYPE_CHECKING:
    from artifact_plugins.content.local import LocalPlace

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_FOLDER = os.O_RDONLY | os.O_DIRECTORY


class LocalFile:
    """One file of a draft: an open descriptor."""

    __slots__ = ("_durable", "_file", "_what")

    def __init__(self, file: int, what: str, *, durable: bool) -> None:
        self._file = file
        self._what = what
        self._durable = durable

    def write(self, view: memoryview) -> None:
        """Append all of `view`."""
        try:
            write_all(self._file, view)
            failpoint("save.mid_payload")
        except OSError as error:
            raise write_failure(error, self._what) from error

    def close(self) -> None:
        """Finish the file; synced when the store is durable."""
        file, self._file = self._file, -1
        if file < 0:
            return
        try:
            try:
                if self._durable:
                    sync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise write_failure(error, self._what) from error

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)


class LocalDraft:
    """Draft in the private folder of this process.

    The folder of the version is complete, manifest included, before one
    rename puts it below `versions/`. Renaming onto a published version
    fails, because its folder is not empty.
    """

    def __init__(self, place: LocalPlace, version_id: str) -> None:
        self._place = place
        self._id = version_id
        self._process = os.getpid()
        self._folders: set[str] | None = None
        self._scratch: Path | None = None
        self._published = False

    def create(self, name: str) -> LocalFile:
        """Start a file; its folders are made."""
        what = f"payload file {name!r}"
        with writing(what):
            self._prepare(name)
            own = self._place.staging.own().file
            file = os.open(f"{self._id}/{name}", _NEW, 0o666, dir_fd=own)
        return LocalFile(file, what, durable=self._place.durable)

    def adopt(self, source: Path, name: str) -> None:
        """Move a file of the scratch folder into the version."""
        with writing(f"payload file {name!r}"):
            self._prepare(name)
            if self._place.durable:
                file = os.open(source, READ)
                try:
                    sync(file)
                finally:
                    os.close(file)
            os.rename(source, f"{self._id}/{name}", dst_dir_fd=self._place.staging.own().file)

    def rename(self, old: str, new: str) -> None:
        """Give a finished file another name."""
        own = self._place.staging.own().file
        with writing(f"payload file {new!r}"):
            self._prepare(new)
            os.rename(f"{self._id}/{old}", f"{self._id}/{new}", src_dir_fd=own, dst_dir_fd=own)

    def scratch(self) -> Path:
        """Return an empty private folder on the filesystem of the store."""
        if self._scratch is None:
            with writing("the private folder of a save"):
                own = self._place.staging.own()
                name = f"{self._id}.scratch"
                os.mkdir(name, 0o700, dir_fd=own.file)
                self._scratch = own.path / name
        return self._scratch

    def publish(self, names: Sequence[str], manifest: bytes) -> list[Identity | None]:
        """Make the version visible, whole."""
        with writing(f"version {self._id!r}"):
            self._prepare("")
            own = self._place.staging.own().file
            durable = self._place.durable
            if durable:
                self._sync_folders(own)
            failpoint("save.after_payload")
            self._write_manifest(own, manifest)
            shelf = self._place.shelf(self._id)
            try:
                self._move(own, shelf)
                self._published = True
                if durable:
                    sync(shelf)
                seen = self._identities(shelf, names)
            finally:
                os.close(shelf)
            failpoint("save.after_manifest")
        self._remove_scratch()
        return seen

    def discard(self) -> None:
        """Remove the staged files, or the published version."""
        if os.getpid() != self._process:
            return  # a forked child owns nothing of its parent
        self._remove_scratch()
        if self._published:
            # First out of sight in one move, so that nobody sees half of it.
            self._published = False
            with writing(f"the removal of version {self._id!r}"):
                own = self._place.staging.own().file
                shelf = self._place.shelf(self._id)
                try:
                    # A collector may have been faster.
                    with suppress(FileNotFoundError):
                        os.rename(self._id, self._id, src_dir_fd=shelf, dst_dir_fd=own)
                finally:
                    os.close(shelf)
            self._folders = set()
        if self._folders is not None:
            self._folders = None
            # When the folder of the process is gone, so are the files.
            with suppress(OSError):
                own = self._place.staging.own().file
                shutil.rmtree(self._id, ignore_errors=True, dir_fd=own)

    def _identities(self, shelf: int, names: Sequence[str]) -> list[Identity | None]:
        try:
            return [
                identity_of(os.stat(f"{self._id}/{name}", dir_fd=shelf, follow_symlinks=False))
                for name in names
            ]
        except FileNotFoundError as error:
            raise SaveAbortedError(
                f"version {self._id!r} was removed by a collector before its commit",
                hint="nothing was registered; saving it again makes a new version",
                version_id=self._id,
            ) from error

    def _prepare(self, name: str) -> None:
        if self._folders is None:
            os.mkdir(self._id, dir_fd=self._place.staging.own().file)
            self._folders = set()
        if "/" in name:
            own = self._place.staging.own().file
            for folder in reversed(list(parents(name))):
                if folder not in self._folders:
                    os.mkdir(f"{self._id}/{folder}", dir_fd=own)
                    self._folders.add(folder)

    def _sync_folders(self, own: int) -> None:
        for folder in sorted(self._folders or ()):
            file = open_below(own, [self._id, *folder.split("/")], _FOLDER)
            try:
                sync(file)
            finally:
                os.close(file)

    def _write_manifest(self, own: int, manifest: bytes) -> None:
        durable = self._place.durable
        file = os.open(f"{self._id}/manifest.json", _NEW, 0o666, dir_fd=own)
        try:
            write_all(file, manifest)
            if durable:
                sync(file)
        finally:
            os.close(file)
        if durable:
            folder = os.open(self._id, _FOLDER, dir_fd=own)
            try:
                sync(folder)
            finally:
                os.close(folder)

    def _move(self, own: int, shelf: int) -> None:
        try:
            os.rename(self._id, self._id, src_dir_fd=own, dst_dir_fd=shelf)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise StoreWriteError(
                    f"{version_prefix(self._id)!r} exists already in the store",
                    hint="it was left as it is; a version id is used once",
                    errno=error.errno,
                    retryable=False,
                ) from error
            raise

    def _remove_scratch(self) -> None:
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None
