"""The files of one version in a bucket: payload objects first, the manifest last."""

from __future__ import annotations

import os
import shutil
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent import futures
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from artifact_plugins.content.below import map_path
from artifact_plugins.content.failures import checkpoint, writing
from artifact_plugins.content.local_blobs import write_all
from artifact_plugins.content.names import version_prefix
from artifact_plugins.content.place import DraftFile, Identity
from artifact_plugins.content.remote.faults import Fault, write_error
from artifact_plugins.content.remote.fetching import pieces
from artifact_plugins.content.remote.removing import abort_uploads
from artifact_plugins.content.remote.retrying import TRIES, retried
from artifact_plugins.content.remote.sending import RemoteFile, is_ours
from artifact_plugins.errors import StoreWriteError

if TYPE_CHECKING:
    from artifact_plugins.content.remote.place import RemotePlace

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class WaitingFile:
    """DraftFile whose key is not known yet: a local file until it is."""

    def __init__(self, path: Path) -> None:
        self._what = f"the local copy of {path.name!r}"
        with writing(self._what):
            self._file = os.open(path, _NEW, 0o600)

    def write(self, view: memoryview) -> None:
        """Append all of `view`."""
        with writing(self._what):
            write_all(self._file, view)
        checkpoint("save.mid_payload")

    def close(self) -> None:
        """Finish the file."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def __del__(self) -> None:
        if getattr(self, "_file", -1) >= 0:
            os.close(self._file)


class RemoteDraft:
    """Draft whose objects lie under the private prefix of the version at once.

    Nobody sees them: a version is found by its record and its manifest, and
    the manifest is the last object. A file whose name cannot be part of a key
    waits in a private folder until its number is known.
    """

    def __init__(self, place: RemotePlace, version_id: str) -> None:
        self.bucket = place.bucket
        self.lanes = place.lanes
        self.write_id = uuid.uuid4().hex
        self._place = place
        self._id = version_id
        self._prefix = version_prefix(version_id)
        self._process = os.getpid()
        self._scratch: Path | None = None
        self._waiting: dict[str, Path] = {}
        self._waiting_folder: Path | None = None
        self._files: list[RemoteFile] = []
        self._under_way: deque[Future[None]] = deque()
        # Keys that this draft may have written, lost answers included.
        self._ours: set[str] = set()
        self._published = False

    def create(self, name: str) -> DraftFile:
        """Start a file; one with a provisional name waits for the other one."""
        if not name.startswith("."):
            return self._file(name)
        if self._waiting_folder is None:
            self._waiting_folder = self._place.private_folder()
        path = self._waiting[name] = self._waiting_folder / name
        return WaitingFile(path)

    def adopt(self, source: Path, name: str) -> None:
        """Send a file of the scratch folder."""
        if name.startswith("."):
            self._waiting[name] = source
        else:
            self._send_file(source, name)

    def rename(self, old: str, new: str) -> None:
        """Send a file that waited for its name, or move one that lost it.

        A file loses its name when a later one differs from it in case only.
        """
        source = self._waiting.pop(old, None)
        if source is not None:
            self._send_file(source, new)
            return
        self._wait()
        old_key = f"{self._prefix}/{old}"
        try:
            file = self._file(new)
            for piece in pieces(self.bucket, old_key):
                file.write(memoryview(piece))
            file.close()
            retried(self.bucket, partial(self.bucket.delete, old_key))
        except Fault as fault:
            raise self.failing(fault, old_key) from fault

    def scratch(self) -> Path:
        """Return an empty private folder."""
        if self._scratch is None:
            self._scratch = self._place.private_folder()
        return self._scratch

    def publish(self, names: Sequence[str], manifest: bytes) -> list[Identity | None]:
        """Make the version visible; its manifest is the last object written."""
        self._check_process()
        self._wait()
        checkpoint("save.after_payload")
        key = f"{self._prefix}/manifest.json"
        put = partial(self.bucket.put, key, manifest, self.write_id, new=True)
        self.claim(key, put)
        self._published = True
        checkpoint("save.after_manifest")
        self._remove_local()
        return [None] * len(names)

    def discard(self) -> None:
        """Remove the objects of this draft; what cannot be reached, a collector removes."""
        if os.getpid() != self._process:
            return  # a forked child owns nothing of its parent
        self._remove_local()
        for future in self._under_way:
            future.cancel()
        futures.wait(self._under_way)
        self._under_way.clear()
        ours, self._ours = self._ours, set()
        if self._published:
            # First out of sight, so that nobody sees half of it.
            self._published = False
            key = f"{self._prefix}/manifest.json"
            try:
                retried(self.bucket, lambda: self.bucket.delete(key))
            except Fault as fault:
                self._ours, self._published = ours, True
                raise write_error(
                    fault, f"the removal of version {self._id!r}", self.bucket.title
                ) from fault
        files, self._files = self._files, []
        with suppress(Fault):
            for file in files:
                file.abort()
            for key in sorted(ours):
                retried(self.bucket, partial(self.bucket.delete, key), tries=2)
            # One whose beginning was never answered.
            abort_uploads(self.bucket, f"{self._prefix}/", before=float("inf"))

    # For the files of this draft.

    def put(self, key: str, data: bytes) -> None:
        """Start to write a small object; what fails is raised by `publish`."""
        self._check_process()

        def send() -> None:
            self.claim(key, lambda: self.bucket.put(key, data, self.write_id, new=True))

        self._under_way.append(self.lanes.submit(len(data), send))
        while self._under_way and self._under_way[0].done():
            self._under_way.popleft().result()

    def claim(self, key: str, attempt: Callable[[], None]) -> None:
        """Write an object if it is absent; another writer's stays as it is."""
        self._ours.add(key)
        try:
            if is_ours(self.bucket, key, self.write_id, attempt, tries=TRIES):
                return
        except Fault as fault:
            raise self.failing(fault, key) from fault
        self._ours.discard(key)
        raise self.taken(key)

    def taken(self, key: str) -> StoreWriteError:
        """Return the error for a key that has another writer's object."""
        return StoreWriteError(
            f"{key!r} exists already in the store",
            hint="it was left as it is; a version id is used once",
            errno=None,
            retryable=False,
        )

    def failing(self, fault: Fault, key: str) -> StoreWriteError:
        """Return the error for a fault while `key` was written."""
        return write_error(fault, f"store file {key!r}", self.bucket.title)

    def _send_file(self, source: Path, name: str) -> None:
        file = self._file(name)
        file.write(map_path(source, f"the local copy of {name!r}").view)
        file.close()

    def _file(self, name: str) -> RemoteFile:
        self._check_process()
        file = RemoteFile(self, f"{self._prefix}/{name}")
        self._files.append(file)
        return file

    def _wait(self) -> None:
        while self._under_way:
            self._under_way.popleft().result()

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise StoreWriteError(
                "a save that began before a fork cannot go on in the child",
                hint="nothing was registered; begin it again",
                errno=None,
                retryable=False,
            )

    def _remove_local(self) -> None:
        for folder in (self._scratch, self._waiting_folder):
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
        self._scratch = self._waiting_folder = None
        self._waiting.clear()
