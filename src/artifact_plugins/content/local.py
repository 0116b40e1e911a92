"""A store in a local folder that is held open."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from artifact_plugins.content.below import READ, Root, map_file, open_below
from artifact_plugins.content.failures import read_failure, writing
from artifact_plugins.content.local_blobs import LocalBlobs, open_folder, sync
from artifact_plugins.content.local_draft import LocalDraft
from artifact_plugins.content.place import Payload
from artifact_plugins.content.private import PrivateFolders
from artifact_plugins.content.staging import Staging, remove_tree
from artifact_plugins.failpoints import failpoint

_FOLDER = os.O_RDONLY | os.O_DIRECTORY


class LocalPlace:
    """Place in the folder `path`, which is made when it does not exist."""

    # The kernel promises the same wherever the folder is copied to.
    probed_as = None
    is_local = True

    def __init__(self, path: Path, url: str, *, durable: bool) -> None:
        self.url = url
        self.durable = durable
        with writing(f"store folder {str(path)!r}"):
            self._root = Root(_open_root(path, durable=durable))
        self.staging = Staging(self._root, path)
        self.blobs = LocalBlobs(self._root, self.staging, durable=durable)
        self._elsewhere = PrivateFolders()
        # Folders of versions/ whose own entry this process knows to be durable.
        self._durable_shelves: set[str] = set()

    def draft(self, version_id: str) -> LocalDraft:
        """Start the files of a version; nothing is created yet."""
        return LocalDraft(self, version_id)

    def payload(self, prefix: str, name: str, size_bytes: int) -> Payload:
        """Return a file as a private copy-on-write map."""
        what = f"store file '{prefix}/{name}'"
        try:
            file = open_below(self._root.file, f"{prefix}/{name}".split("/"), READ)
        except OSError as error:
            raise read_failure(error, what) from error
        try:
            return map_file(file, what, size_bytes)
        finally:
            os.close(file)

    def ranges(self, prefix: str, name: str, size_bytes: int) -> None:
        """Return None: nothing is fetched here."""

    def private_folder(self) -> Path:
        """Make an empty folder (0700), beside the payloads when the store is writable."""
        try:
            return Path(tempfile.mkdtemp(prefix="load-", dir=self.staging.own().path))
        except OSError:
            # A read-only store can be read all the same.
            return self._elsewhere.make()

    def shelf(self, version_id: str) -> int:
        """Open the folder that holds the folder of a version; it is made when missing."""
        name = version_id[-2:]
        shelf = open_folder(self._root.file, ("versions", name), durable=self.durable)
        if self.durable and name not in self._durable_shelves:
            # Another process may have made it and not synced its entry yet.
            versions = open_below(self._root.file, ["versions"], _FOLDER)
            try:
                sync(versions)
            finally:
                os.close(versions)
            self._durable_shelves.add(name)
        return shelf

    def remove_version(self, version_id: str) -> int:
        """Remove the folder of a version: out of sight in one move, then file by file."""
        with writing(f"the removal of version {version_id!r}"):
            own = self.staging.own().file
            name = f"{version_id}.{secrets.token_hex(4)}"
            try:
                shelf = open_below(self._root.file, ["versions", version_id[-2:]], _FOLDER)
                try:
                    os.rename(version_id, name, src_dir_fd=shelf, dst_dir_fd=own)
                    if self.durable:
                        sync(shelf)
                finally:
                    os.close(shelf)
            except FileNotFoundError:
                return 0
            # A kill leaves the rest in the staging folder of a dead process.
            failpoint("collect.mid_delete")
            return remove_tree(own, name)

    def collect(self) -> int:
        """Remove what dead processes left in staging; returns the bytes freed."""
        with writing("the removal of staged files"):
            return self.staging.collect()

    def close(self) -> None:
        """Remove the private folders of this process and let go of the store."""
        self.staging.close()
        self._elsewhere.close()
        self._root.close()

    def __del__(self) -> None:
        root: Root | None = getattr(self, "_root", None)
        if root is not None:
            root.close()


def _open_root(path: Path, *, durable: bool) -> int:
    try:
        return os.open(path, _FOLDER)
    except FileNotFoundError:
        path.mkdir(parents=True, exist_ok=True)
        if durable:
            parent = os.open(path.parent, _FOLDER)
            try:
                sync(parent)
            finally:
                os.close(parent)
        return os.open(path, _FOLDER)
