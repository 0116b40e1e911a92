"""One payload file being written, and the lane that hashes beside the write."""

from __future__ import annotations

import os
import queue
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from artifact_plugins.content.digests import Hasher, digest_of, new_hasher
from artifact_plugins.content.pieces import PiecedHasher, Pieces
from artifact_plugins.content.place import DraftFile
from artifact_plugins.contracts.files import Buffer
from artifact_plugins.errors import StoreWriteError
from artifact_plugins.records.artifact import FileRecord

if TYPE_CHECKING:
    from artifact_plugins.content.writer import VersionWriter

# Writes up to COPY_BYTES are gathered into GATHER_BYTES before they go on.
COPY_BYTES = 256 * 1024
GATHER_BYTES = 1024 * 1024
# Larger ones are not copied; they are handed to the operating system in
# pieces that are still in the processor's cache when they are hashed.
PIECE_BYTES = 8 * 1024 * 1024
# From this size on, hashing beside the write is worth a thread.
LANE_BYTES = 1024 * 1024
# Pieces that may wait for the lane: bounds the memory a stream can hold.
LANE_DEPTH = 2

_Job = tuple[Hasher, memoryview] | threading.Event | None


class HashLane:
    """One background thread that updates hashers in order; starts with its first job."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[_Job] = queue.Queue(LANE_DEPTH)
        self._errors: list[BaseException] = []
        self._process = os.getpid()
        threading.Thread(
            target=_work, args=(self._jobs, self._errors), name="artifact-digest", daemon=True
        ).start()

    def update(self, hasher: Hasher, view: memoryview) -> None:
        """Hash `view` after everything before it; waits when the lane is full."""
        self._check_process()
        self._jobs.put((hasher, view))

    def wait(self) -> None:
        """Return when everything is hashed; its error, if there was one, is raised."""
        self._check_process()
        done = threading.Event()
        self._jobs.put(done)
        done.wait()
        if self._errors:
            raise self._errors[0]

    def _check_process(self) -> None:
        # Nobody would ever take the job: waiting would not end.
        if self._process != os.getpid():
            raise StoreWriteError(
                "a save that began before a fork cannot go on in the child",
                hint="nothing was registered; begin it again",
                errno=None,
                retryable=False,
            )

    def close(self) -> None:
        """End the thread once everything is hashed; may be called again."""
        # A forked child has the queue, but no thread that reads it.
        if self._process == os.getpid():
            self._process = -1
            self._jobs.put(None)

    def __del__(self) -> None:
        # The thread knows the queue but not the lane, so a forgotten lane ends.
        self.close()


def _work(jobs: queue.Queue[_Job], errors: list[BaseException]) -> None:
    while (job := jobs.get()) is not None:
        if isinstance(job, threading.Event):
            job.set()
            continue
        if not errors:
            try:
                job[0].update(job[1])
            except BaseException as error:  # noqa: BLE001 - raised by wait() in the saving thread
                errors.append(error)
        del job


class Sink:
    """FileSink of the content store: gathers small writes, streams large ones."""

    __slots__ = (
        "_broken",
        "_file",
        "_gathered",
        "_hasher",
        "_in_lane",
        "_size",
        "_writer",
        "held",
        "name",
        "pieces",
        "record",
        "staged",
    )

    def __init__(self, writer: VersionWriter, name: str) -> None:
        self.name = name
        self.staged = ""
        self.held: bytes | None = None
        self.record: FileRecord | None = None
        self.pieces: Pieces | None = None
        self._writer = writer
        self._gathered = bytearray()
        self._size = 0
        self._file: DraftFile | None = None
        self._hasher: Hasher | None = None
        self._in_lane = False
        self._broken = False

    def write(self, data: Buffer, /) -> int:
        """Append bytes; their memory must not change until the sink is closed."""
        if self.record is not None:
            raise ValueError(f"write to the closed file {self.name!r}")
        if self._broken:
            raise self._unfinished()
        view = data if type(data) is bytes else _flat(data)
        size = len(view)
        if size <= COPY_BYTES:
            self._gathered += view
            if len(self._gathered) >= GATHER_BYTES:
                self._spill()
        else:
            self._spill()
            self._stream(memoryview(view))
        self._size += size
        return size

    def tell(self) -> int:
        """Return how many bytes were written so far."""
        return self._size

    def close(self) -> None:
        """Finish the file: all bytes are hashed, and written unless they are held."""
        if self.record is not None:
            return
        if self._broken:
            raise self._unfinished()
        if self._file is None and self._writer.may_hold(self._size):
            self.held = bytes(self._gathered)
            digest = digest_of(self._writer.algorithm, self.held)
        else:
            digest = self._finish()
        self.record = FileRecord(path=self.name, size_bytes=self._size, digest=digest)

    def adopt(self, source: Path, view: memoryview) -> None:
        """Take over a file of the scratch folder whose bytes are `view`."""
        self._broken = True
        if self._writer.notes_pieces:
            hasher = self._new_hasher(view.nbytes)
            hasher.update(view)
            digest = self._digest(hasher)
        else:
            digest = digest_of(self._writer.algorithm, view)
        self._writer.adopt(self, source)
        self._broken = False
        self.record = FileRecord(path=self.name, size_bytes=view.nbytes, digest=digest)

    def unhold(self) -> None:
        """Write a held file after all, because it is not the only one."""
        if self.held is not None:
            held, self.held = self.held, None
            self._file = self._writer.create(self)
            self._file.write(memoryview(held))
            self._file.close()

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *exc: object) -> None:
        if exc[0] is None:
            self.close()
        else:
            self._broken = True

    def _unfinished(self) -> StoreWriteError:
        return StoreWriteError(
            f"payload file {self.name!r} was not finished",
            hint="nothing was registered; repeat the save",
            errno=None,
            retryable=False,
        )

    def _finish(self) -> str:
        self._spill()
        # Until the end of this method the file is not what was asked for:
        # a failed sync loses bytes, and a second one would not tell.
        self._broken = True
        if self._file is None:
            self._file = self._writer.create(self)
        # The disk and the lane work at the same time here.
        self._file.close()
        if self._in_lane:
            self._writer.lane().wait()
        digest = self._digest(self._hasher or new_hasher(self._writer.algorithm, 0))
        self._broken = False
        return digest

    def _new_hasher(self, size_bytes: int) -> Hasher:
        algorithm = self._writer.algorithm
        hasher = new_hasher(algorithm, size_bytes)
        return PiecedHasher(algorithm, hasher) if self._writer.notes_pieces else hasher

    def _digest(self, hasher: Hasher) -> str:
        if isinstance(hasher, PiecedHasher):
            self.pieces = hasher.pieces()
        return f"{self._writer.algorithm}:{hasher.hexdigest()}"

    def _spill(self) -> None:
        if self._gathered:
            gathered, self._gathered = self._gathered, bytearray()
            self._stream(memoryview(gathered))

    def _stream(self, view: memoryview) -> None:
        if self._file is None:
            self._file = self._writer.create(self)
        if self._hasher is None:
            # Small streams never get here: use all threads.
            self._hasher = self._new_hasher(LANE_BYTES)
        if len(view) >= LANE_BYTES:
            self._in_lane = True
        self._broken = True
        if self._in_lane:
            self._stream_in_lane(view, self._hasher, self._file)
        else:
            self._hasher.update(view)
            self._file.write(view)
        self._broken = False

    def _stream_in_lane(self, view: memoryview, hasher: Hasher, file: DraftFile) -> None:
        lane = self._writer.lane()
        for start in range(0, len(view), PIECE_BYTES):
            piece = view[start : start + PIECE_BYTES]
            lane.update(hasher, piece)
            file.write(piece)


_EMPTY = memoryview(b"")


def _flat(data: Buffer) -> memoryview:
    view = memoryview(data)
    if view.nbytes == 0:
        return _EMPTY
    if not view.c_contiguous:
        view = memoryview(view.tobytes())
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")
