"""A store in the in-memory filesystem of fsspec: tests, notebooks, scratch work."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fsspec

from artifact_plugins.content.collecting import remove_objects
from artifact_plugins.content.failures import checkpoint
from artifact_plugins.content.names import version_prefix
from artifact_plugins.content.place import Identity, Payload
from artifact_plugins.content.private import PrivateFolders
from artifact_plugins.errors import (
    ArtifactMissingError,
    ResourceLimitError,
    SizeMismatchError,
    StoreWriteError,
)

# The filesystem is one dict for the whole process, so its lock is one, too.
_lock = threading.Lock()
# Another thread may hold it at that moment; in the child it would never let go.
os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.Lock()))


class MemoryBlobs:
    """BlobStore below a folder of the in-memory filesystem."""

    def __init__(self, name: str) -> None:
        # Untyped by fsspec. Only *_file methods are used: the others expand globs.
        self._files: Any = fsspec.filesystem("memory")
        self._root = f"/{name}"

    def put_new(self, key: str, data: bytes) -> bool:
        """Write a new object; False when the key is taken."""
        path = f"{self._root}/{key}"
        with _lock:
            if self._files.isfile(path):
                return False
            self._files.pipe_file(path, data)
            return True

    def replace(self, key: str, data: bytes) -> None:
        """Write an object whether it exists or not."""
        with _lock:
            self._files.pipe_file(f"{self._root}/{key}", data)

    def get(self, key: str, *, limit_bytes: int) -> bytes:
        """Return an object."""
        size = self.head(key)
        if size is None:
            raise ArtifactMissingError(
                f"store file {key!r} is not there",
                hint="a memory store lives as long as its process",
            )
        if size > limit_bytes:
            raise ResourceLimitError(
                f"store file {key!r} has more than {limit_bytes} bytes", hint="it was not parsed"
            )
        return bytes(self._files.cat_file(f"{self._root}/{key}"))

    def head(self, key: str) -> int | None:
        """Return the size of an object in bytes; None when there is none."""
        # Not info(): it looks at every key of the filesystem.
        path = f"{self._root}/{key}"
        return int(self._files.open(path, "rb").size) if self._files.isfile(path) else None

    def list_prefix(self, prefix: str) -> Iterator[str]:
        """Yield the keys below the folder `prefix`, sorted."""
        with _lock:
            found = sorted(self._files.find(f"{self._root}/{prefix.rstrip('/')}"))
        for path in found:
            yield path.removeprefix(f"{self._root}/")

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        with _lock:
            if self._files.isfile(f"{self._root}/{key}"):
                self._files.rm_file(f"{self._root}/{key}")

    def settle(self, key: str) -> None:
        """Do nothing: nothing outlives its process here."""


class MemoryFile:
    """One file of a draft: the pieces written so far."""

    __slots__ = ("pieces",)

    def __init__(self) -> None:
        self.pieces = bytearray()

    def write(self, view: memoryview) -> None:
        """Append a copy of `view`."""
        self.pieces += view
        checkpoint("save.mid_payload")

    def close(self) -> None:
        """Finish the file."""


class MemoryDraft:
    """Draft whose files are published one by one, the manifest last."""

    def __init__(self, place: MemoryPlace, version_id: str) -> None:
        self._place = place
        self._prefix = version_prefix(version_id)
        self._files: dict[str, MemoryFile] = {}
        self._scratch: Path | None = None
        self._published: list[str] = []

    def create(self, name: str) -> MemoryFile:
        """Start a file."""
        file = self._files[name] = MemoryFile()
        return file

    def adopt(self, source: Path, name: str) -> None:
        """Read a file of the scratch folder into the version."""
        self.create(name).write(memoryview(source.read_bytes()))

    def rename(self, old: str, new: str) -> None:
        """Give a finished file another name."""
        self._files[new] = self._files.pop(old)

    def scratch(self) -> Path:
        """Return an empty private folder."""
        if self._scratch is None:
            self._scratch = self._place.private_folder()
        return self._scratch

    def publish(self, names: Sequence[str], manifest: bytes) -> list[Identity | None]:
        """Make the version visible; its manifest is the last object written."""
        for name in names:
            self._put(name, bytes(self._files[name].pieces))
        checkpoint("save.after_payload")
        self._put("manifest.json", manifest)
        checkpoint("save.after_manifest")
        self._remove_staged()
        return [None] * len(names)

    def discard(self) -> None:
        """Remove the objects that this draft made."""
        self._remove_staged()
        while self._published:
            self._place.blobs.delete(self._published.pop())

    def _remove_staged(self) -> None:
        self._files.clear()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def _put(self, name: str, data: bytes) -> None:
        key = f"{self._prefix}/{name}"
        if not self._place.blobs.put_new(key, data):
            raise StoreWriteError(
                f"{key!r} exists already in the store",
                hint="it was left as it is; a version id is used once",
                errno=None,
                retryable=False,
            )
        self._published.append(key)


class MemoryPlace:
    """Place in this process; gone with it."""

    probed_as = None
    is_local = True

    def __init__(self, name: str, url: str) -> None:
        self.url = url
        self.blobs = MemoryBlobs(name)
        self._folders = PrivateFolders()

    def draft(self, version_id: str) -> MemoryDraft:
        """Start the files of a version."""
        return MemoryDraft(self, version_id)

    def payload(self, prefix: str, name: str, size_bytes: int) -> Payload:
        """Return a copy of a file."""
        key = f"{prefix}/{name}"
        size = self.blobs.head(key)
        if size is not None and size != size_bytes:
            raise SizeMismatchError(
                f"store file {key!r} has {size} bytes, recorded are {size_bytes}",
                hint="nothing was parsed",
                size_bytes=size,
                recorded_bytes=size_bytes,
            )
        data = self.blobs.get(key, limit_bytes=size_bytes)
        return Payload(memoryview(bytearray(data)), None)

    def ranges(self, prefix: str, name: str, size_bytes: int) -> None:
        """Return None: nothing is fetched here."""

    def private_folder(self) -> Path:
        """Make an empty folder (0700)."""
        return self._folders.make()

    def remove_version(self, version_id: str) -> int:
        """Remove the objects of a version."""
        return remove_objects(self.blobs, version_id)

    def collect(self) -> int:
        """Nothing outlives its process here."""
        return 0

    def close(self) -> None:
        """Remove the private folders; the objects stay until the process ends."""
        self._folders.close()
