"""A store in a bucket of an object store."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from artifact_plugins.content.place import Fetch, Payload
from artifact_plugins.content.private import PrivateFolders
from artifact_plugins.content.remote.blobs import RemoteBlobs
from artifact_plugins.content.remote.bucket import Bucket
from artifact_plugins.content.remote.draft import RemoteDraft
from artifact_plugins.content.remote.faults import Fault, read_error, write_error
from artifact_plugins.content.remote.fetching import fetch, fetch_ranges
from artifact_plugins.content.remote.lanes import Lanes
from artifact_plugins.content.remote.removing import abort_uploads, long_ago, remove_version


class RemotePlace:
    """Place over a bucket; threads share it, a forked child may go on using it.

    Attributes:
        url: As the user wrote it, in one form.
        is_local: False: its bytes travel.
        bucket: The objects.
        lanes: The threads that move bytes.
    """

    is_local = False

    def __init__(self, url: str, bucket: Bucket) -> None:
        self.url = url
        self.bucket = bucket
        self.lanes = Lanes()
        self.blobs = RemoteBlobs(bucket)
        self._folders = PrivateFolders()

    @property
    def probed_as(self) -> str:
        """What a probe of this store vouches for: the bucket at this very endpoint."""
        try:
            return self.bucket.address
        except Fault as fault:
            raise read_error(fault, "the store", self.bucket.title) from fault

    def draft(self, version_id: str) -> RemoteDraft:
        """Start the files of a version; nothing is asked of the provider yet."""
        return RemoteDraft(self, version_id)

    def payload(self, prefix: str, name: str, size_bytes: int) -> Payload:
        """Return a copy of a file.

        Its identity is None: bytes that came over a network are verified
        every time they come.
        """
        view = fetch(self.bucket, self.lanes, f"{prefix}/{name}", size_bytes)
        return Payload(view, None)

    def ranges(self, prefix: str, name: str, size_bytes: int) -> Fetch:
        """Return what fetches parts of a file, beside each other."""
        return partial(fetch_ranges, self.bucket, self.lanes, f"{prefix}/{name}", size_bytes)

    def private_folder(self) -> Path:
        """Make an empty local folder (0700)."""
        return self._folders.make()

    def remove_version(self, version_id: str) -> int:
        """Remove the objects of a version, its manifest last."""
        try:
            return remove_version(self.bucket, self.lanes, version_id)
        except Fault as fault:
            what = f"the removal of version {version_id!r}"
            raise write_error(fault, what, self.bucket.title) from fault

    def collect(self) -> int:
        """Throw away uploads in parts that dead writers left; returns the bytes freed."""
        try:
            return abort_uploads(self.bucket, "versions/", before=long_ago())
        except Fault as fault:
            raise write_error(fault, "the removal of uploads", self.bucket.title) from fault

    def close(self) -> None:
        """Remove the private folders and close the connections of this process."""
        self._folders.close()
        self.lanes.close()
        self.bucket.close()
