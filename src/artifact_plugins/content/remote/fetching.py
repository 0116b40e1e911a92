"""One file back from a bucket: ranges in parallel, into private memory."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial

from artifact_plugins.content.remote.bucket import Bucket, Piece
from artifact_plugins.content.remote.faults import Fault, read_error
from artifact_plugins.content.remote.lanes import Lanes
from artifact_plugins.content.remote.retrying import retried
from artifact_plugins.errors import SizeMismatchError

RANGE_BYTES = 8 * 1024 * 1024


def fetch(bucket: Bucket, lanes: Lanes, key: str, size_bytes: int) -> memoryview:
    """Return all bytes of an object, private and writable, not yet verified.

    Raises:
        SizeMismatchError: It has another size than recorded; what was read is dropped.
        ArtifactMissingError: There is no such object.
        StoreReadError: The bucket did not answer, or not with these bytes.
    """
    what = f"store file {key!r}"
    try:
        if size_bytes <= RANGE_BYTES:
            return _fetch_small(bucket, key, size_bytes, what)
        return _fetch_large(bucket, lanes, key, size_bytes, what)
    except Fault as fault:
        raise read_error(fault, what, bucket.title) from fault


def fetch_ranges(
    bucket: Bucket,
    lanes: Lanes,
    key: str,
    size_bytes: int,
    ranges: Sequence[tuple[int, int]],
) -> Iterator[bytes]:
    """Yield the bytes of some (start, stop) ranges of an object, in order, not yet verified.

    Raises:
        SizeMismatchError, ArtifactMissingError, StoreReadError: As for `fetch`.
    """
    what = f"store file {key!r}"

    def read(start: int, stop: int) -> bytes:
        piece = retried(bucket, lambda: bucket.get(key, start, stop))
        _check_size(piece, size_bytes, what)
        return piece.data

    under_way: list[Future[bytes]] = []
    try:
        if len(ranges) == 1:
            yield read(*ranges[0])
            return
        for start, stop in ranges:
            under_way.append(lanes.submit(stop - start, read, start, stop))
        while under_way:
            yield under_way.pop(0).result()
    except Fault as fault:
        raise read_error(fault, what, bucket.title) from fault
    finally:
        for future in under_way:
            future.cancel()


def pieces(bucket: Bucket, key: str) -> Iterator[bytes]:
    """Yield the bytes of an object in order, a range at a time.

    Raises:
        Fault: There is no such object, or no answer.
    """
    start, size = 0, 1
    while start < size:
        piece = retried(bucket, partial(bucket.get, key, start, start + RANGE_BYTES))
        yield piece.data
        start, size = start + RANGE_BYTES, piece.size_bytes


def _fetch_small(bucket: Bucket, key: str, size_bytes: int, what: str) -> memoryview:
    if not size_bytes:
        # A range of nothing cannot be asked for.
        found = retried(bucket, lambda: bucket.head(key))
        if found is None:
            raise Fault("missing", "no such object")
        piece = Piece(b"", found.size_bytes)
    else:
        piece = retried(bucket, lambda: bucket.get(key, 0, size_bytes))
    _check_size(piece, size_bytes, what)
    return memoryview(bytearray(piece.data))


def _fetch_large(bucket: Bucket, lanes: Lanes, key: str, size_bytes: int, what: str) -> memoryview:
    # Private, so that no child of a fork sees what this process writes to it;
    # and not zeroed before it is filled.
    view = memoryview(mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))

    def read(start: int) -> None:
        stop = min(start + RANGE_BYTES, size_bytes)
        piece = retried(bucket, lambda: bucket.get(key, start, stop))
        _check_size(piece, size_bytes, what)
        view[start:stop] = piece.data

    pieces: list[Future[None]] = []
    try:
        for start in range(0, size_bytes, RANGE_BYTES):
            pieces.append(lanes.submit(RANGE_BYTES, read, start))
            if pieces[0].done():
                # A wrong size is known after the first answer.
                pieces[0].result()
        for piece in pieces:
            piece.result()
    except BaseException:
        for piece in pieces:
            piece.cancel()
        raise
    return view


def _check_size(piece: Piece, size_bytes: int, what: str) -> None:
    if piece.size_bytes != size_bytes:
        raise SizeMismatchError(
            f"{what} has {piece.size_bytes} bytes, recorded are {size_bytes}",
            hint="nothing was parsed; restore the file from a backup",
            size_bytes=piece.size_bytes,
            recorded_bytes=size_bytes,
        )
