"""A large file far away, read where it is asked for: no byte is handed out unverified."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Iterator, Sequence

from artifact_plugins.content.digests import algorithm_of, digest_of
from artifact_plugins.content.pieces import Pieces
from artifact_plugins.content.place import Fetch
from artifact_plugins.contracts.files import Buffer
from artifact_plugins.errors import DigestMismatchError
from artifact_plugins.records.artifact import FileRecord

# Neighbours come in one request up to this size.
REQUEST_BYTES = 8 * 1024 * 1024
# Verified bytes that are kept for the next read.
KEPT_BYTES = 16 * 1024 * 1024


class RangedFile(io.RawIOBase):
    """A seekable file, read only; one thread at a time uses it.

    Whole pieces are fetched, verified, and kept for a while: reads that
    follow each other ask once.

    Args:
        file: Its record.
        pieces: Its pieces, from a manifest that was checked.
        fetch: Gets ranges of it.
        title: What it is called in errors.
        version_id: Of the version it belongs to.
    """

    def __init__(
        self, file: FileRecord, pieces: Pieces, fetch: Fetch, *, title: str, version_id: str
    ) -> None:
        super().__init__()
        self._file = file
        self._pieces = pieces
        self._fetch = fetch
        self._title = title
        self._version_id = version_id
        self._algorithm = algorithm_of(file.digest)
        self._place = 0
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Return the place of the next read."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move the place of the next read; nothing is fetched."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size_bytes}
        place = base[whence] + offset
        if place < 0:
            raise ValueError(f"place {place} lies before the file")
        self._place = place
        return place

    def readinto(self, buffer: Buffer, /) -> int:  # type: ignore[override]  # any buffer of bytes
        """Fill `buffer` with verified bytes; less only at the end of the file.

        Raises:
            DigestMismatchError: A piece is not what was saved; nothing of it is handed out.
            StoreReadError, ArtifactMissingError, SizeMismatchError: As for a whole file.
        """
        target = memoryview(buffer).cast("B")
        start = self._place
        stop = min(start + len(target), self._file.size_bytes)
        if start >= stop:
            return 0
        size = self._pieces.size_bytes
        first, last = start // size, (stop - 1) // size
        for number, data in self._verified(first, last):
            low = max(start, number * size)
            high = min(stop, number * size + len(data))
            target[low - start : high - start] = data[low - number * size : high - number * size]
        self._place = stop
        return stop - start

    def _verified(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        missing = []
        for number in range(first, last + 1):
            data = self._kept.get(number)
            if data is None:
                missing.append(number)
            else:
                self._kept.move_to_end(number)
                yield number, data
        size = self._pieces.size_bytes
        runs = list(_runs(missing, max(1, REQUEST_BYTES // size)))
        ranges = [(low * size, min((high + 1) * size, self._file.size_bytes)) for low, high in runs]
        for (low, high), data in zip(runs, self._fetch(ranges), strict=True):
            for number in range(low, high + 1):
                piece = data[(number - low) * size : (number - low + 1) * size]
                self._check(number, piece)
                self._keep(number, piece)
                yield number, piece

    def _check(self, number: int, piece: bytes) -> None:
        wanted = f"{self._algorithm}:{self._pieces.digests[number]}"
        found = digest_of(self._algorithm, piece)
        if found != wanted:
            raise DigestMismatchError(
                f"piece {number} of {self._title} has digest {found}, recorded is {wanted}",
                hint="nothing of it was parsed; restore the file from a backup",
                version_id=self._version_id,
                path=self._file.path,
            )

    def _keep(self, number: int, piece: bytes) -> None:
        self._kept[number] = piece
        while len(self._kept) * self._pieces.size_bytes > KEPT_BYTES and len(self._kept) > 2:
            self._kept.popitem(last=False)


def _runs(numbers: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of neighbours, at most `most` together."""
    start = 0
    for end in range(1, len(numbers) + 1):
        is_apart = end == len(numbers) or numbers[end] != numbers[end - 1] + 1
        if is_apart or end - start == most:
            yield numbers[start], numbers[end - 1]
            start = end
