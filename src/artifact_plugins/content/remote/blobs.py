"""Small objects of a bucket."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from artifact_plugins.content.remote.bucket import Bucket
from artifact_plugins.content.remote.faults import Fault, read_error, write_error
from artifact_plugins.content.remote.retrying import TRIES, retried
from artifact_plugins.content.remote.sending import is_ours
from artifact_plugins.errors import ResourceLimitError


class RemoteBlobs:
    """BlobStore over a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def put_new(self, key: str, data: bytes) -> bool:
        """Write a new object; False when the key is taken by another writer."""
        bucket, write_id = self._bucket, uuid.uuid4().hex
        try:
            return is_ours(
                bucket,
                key,
                write_id,
                lambda: bucket.put(key, data, write_id, new=True),
                tries=TRIES,
            )
        except Fault as fault:
            raise write_error(fault, repr(key), bucket.title) from fault

    def replace(self, key: str, data: bytes) -> None:
        """Write an object whether it exists or not."""
        bucket, write_id = self._bucket, uuid.uuid4().hex
        try:
            retried(bucket, lambda: bucket.put(key, data, write_id, new=False))
        except Fault as fault:
            raise write_error(fault, repr(key), bucket.title) from fault

    def get(self, key: str, *, limit_bytes: int) -> bytes:
        """Return an object."""
        what = f"store file {key!r}"
        try:
            piece = retried(self._bucket, lambda: self._bucket.get(key, 0, limit_bytes + 1))
        except Fault as fault:
            raise read_error(fault, what, self._bucket.title) from fault
        if piece.size_bytes > limit_bytes:
            raise ResourceLimitError(
                f"{what} has more than {limit_bytes} bytes", hint="it was not parsed"
            )
        return piece.data

    def head(self, key: str) -> int | None:
        """Return the size of an object in bytes; None when there is none."""
        try:
            found = retried(self._bucket, lambda: self._bucket.head(key))
        except Fault as fault:
            raise read_error(fault, f"store file {key!r}", self._bucket.title) from fault
        return None if found is None else found.size_bytes

    def list_prefix(self, prefix: str) -> Iterator[str]:
        """Yield the keys below the folder `prefix`, sorted; a page is read when it is asked for."""
        folder = f"{prefix.rstrip('/')}/"
        try:
            for entry in self._bucket.entries(folder):
                yield entry.key
        except Fault as fault:
            raise read_error(fault, f"store folder {folder!r}", self._bucket.title) from fault

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        try:
            retried(self._bucket, lambda: self._bucket.delete(key))
        except Fault as fault:
            raise write_error(fault, f"the removal of {key!r}", self._bucket.title) from fault

    def settle(self, key: str) -> None:
        """Do nothing: what can be read from a bucket is durable."""
