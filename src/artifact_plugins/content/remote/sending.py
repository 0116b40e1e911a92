"""One file on its way into a bucket: one put, or parts of bounded size."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future
from typing import Protocol

from artifact_plugins.content.failures import checkpoint
from artifact_plugins.content.remote.bucket import Bucket, Upload
from artifact_plugins.content.remote.faults import Fault
from artifact_plugins.content.remote.lanes import Lanes
from artifact_plugins.content.remote.retrying import retried

# A multiple of 256 KiB (GCS), at least 5 MiB (S3).
PART_BYTES = 8 * 1024 * 1024
# The size of the parts doubles after so many, so that 10,000 (S3) hold 8 TiB
# although nobody knows at the first part how long the file will be.
SAME_SIZE_PARTS = 1_000


def part_bytes(number: int) -> int:
    """Return the size of part `number`, counted from 0."""
    return PART_BYTES << (number // SAME_SIZE_PARTS)


def is_ours(
    bucket: Bucket, key: str, write_id: str, attempt: Callable[[], None], *, tries: int
) -> bool:
    """Write an object if it is absent; False when another writer's is there.

    An attempt whose answer was lost makes the next one find the key taken.
    What we wrote carries our `write_id`, so we know it again.

    Raises:
        Fault: It is not known to be there.
    """
    try:
        retried(bucket, attempt, tries=tries)
    except Fault as fault:
        if fault.kind not in ("taken", "gone", "busy", "exhausted", "conflict"):
            raise
        try:
            found = retried(bucket, lambda: bucket.head(key), tries=tries)
        except Fault:
            raise fault from fault.__cause__
        if found is not None and found.write_id == write_id:
            return True
        if fault.kind != "taken":
            raise
        return False
    return True


class Sender(Protocol):
    """What a file needs of its draft."""

    bucket: Bucket
    lanes: Lanes
    write_id: str

    def put(self, key: str, data: bytes) -> None:
        """Start to write a small object; a fault is raised at the end of the draft."""
        ...

    def claim(self, key: str, attempt: Callable[[], None]) -> None:
        """Write an object if it is absent; StoreWriteError when it is another's."""
        ...

    def taken(self, key: str) -> Exception:
        """Return the error for a key that has another writer's object."""
        ...

    def failing(self, fault: Fault, key: str) -> Exception:
        """Return the error for a fault while `key` was written."""
        ...


class RemoteFile:
    """DraftFile that is one put when it is small, and parts when it is not."""

    __slots__ = (
        "_gathered",
        "_key",
        "_number",
        "_sender",
        "_sent_bytes",
        "_under_way",
        "_upload",
    )

    def __init__(self, sender: Sender, key: str) -> None:
        self._sender = sender
        self._key = key
        self._gathered = bytearray()
        self._upload: Upload | None = None
        self._number = 0
        self._sent_bytes = 0
        self._under_way: deque[Future[None]] = deque()

    def write(self, view: memoryview) -> None:
        """Append a copy of `view`; waits while too much is under way."""
        done = 0
        while done < len(view):
            room = part_bytes(self._number) - len(self._gathered)
            if not room:
                # Only now is it known that this part is not the last one.
                self._send(last=False)
                continue
            piece = view[done : done + room]
            self._gathered += piece
            done += len(piece)
        checkpoint("save.mid_payload")

    def close(self) -> None:
        """Finish the file: parts are joined here, a small file may still be under way."""
        if self._upload is None:
            self._sender.put(self._key, self._take())
            return
        upload = self._send(last=True)
        self._wait()
        self._sender.claim(self._key, lambda: upload.complete(self._sent_bytes))
        self._upload = None

    def abort(self) -> None:
        """Stop, and throw away what was sent in parts."""
        for future in self._under_way:
            future.cancel()
        futures.wait(self._under_way)
        self._under_way.clear()
        upload, self._upload = self._upload, None
        if upload is not None:
            retried(self._sender.bucket, upload.abort, tries=2)

    def _send(self, *, last: bool) -> Upload:
        sender, bucket = self._sender, self._sender.bucket
        if self._upload is None:
            try:
                # Not every store asks for the condition at the end of an upload,
                # and nobody wants to learn of it after a terabyte.
                if retried(bucket, lambda: bucket.head(self._key)) is not None:
                    raise sender.taken(self._key)
                self._upload = retried(bucket, lambda: bucket.begin(self._key, sender.write_id))
            except Fault as fault:
                raise sender.failing(fault, self._key) from fault
        upload, number, offset = self._upload, self._number, self._sent_bytes
        data = self._take()

        def send() -> None:
            retried(bucket, lambda: upload.part(number, offset, data, last=last))

        if not bucket.parts_in_parallel:
            self._wait()
        self._under_way.append(sender.lanes.submit(len(data), send))
        self._number += 1
        self._sent_bytes += len(data)
        # What failed is noticed now, not after a terabyte.
        self._wait(finished_only=True)
        return upload

    def _take(self) -> bytes:
        # The libraries share bytes among them and copy anything else.
        data = bytes(self._gathered)
        self._gathered = bytearray()
        return data

    def _wait(self, *, finished_only: bool = False) -> None:
        waiting = self._under_way
        while waiting and (waiting[0].done() or not finished_only):
            try:
                waiting.popleft().result()
            except Fault as fault:
                raise self._sender.failing(fault, self._key) from fault
