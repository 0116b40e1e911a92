"""Digests of the pieces of a large file: what makes a part of it worth trusting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from artifact_plugins.content.digests import Hasher, new_hasher
from artifact_plugins.contracts.files import Buffer
from artifact_plugins.records.artifact import FileRecord

PIECE_BYTES = 1024 * 1024
# Smaller files come whole, in one request.
PIECED_FROM_BYTES = 8 * 1024 * 1024
# In one manifest, about 2 MiB of it; what is larger is loaded whole.
MAX_PIECES = 32_768
_READABLE_BYTES = range(64 * 1024, 64 * 1024 * 1024 + 1)
_HEX = frozenset("0123456789abcdef")


class Pieces(NamedTuple):
    """The pieces of one file.

    Attributes:
        size_bytes: Of every piece but the last.
        digests: One per piece in order, hex, by the algorithm of the file's digest.
    """

    size_bytes: int
    digests: tuple[str, ...]


class PiecedHasher:
    """A hasher that hashes the pieces of what it is given in the same pass.

    Attributes:
        digests: Hex digests of the whole pieces so far.
    """

    def __init__(self, algorithm: str, whole: Hasher) -> None:
        self._algorithm = algorithm
        self._whole = whole
        self._piece = new_hasher(algorithm, 0)
        self._filled_bytes = 0
        self.digests: list[str] = []

    def update(self, data: Buffer, /) -> None:
        """Hash `data` after everything before it."""
        self._whole.update(data)
        view = memoryview(data)
        # Too many to be written down: the file will be loaded whole.
        if len(self.digests) > MAX_PIECES:
            return
        start = 0
        while start < len(view):
            part = view[start : start + PIECE_BYTES - self._filled_bytes]
            self._piece.update(part)
            self._filled_bytes += len(part)
            start += len(part)
            if self._filled_bytes == PIECE_BYTES:
                self._next_piece()

    def hexdigest(self) -> str:
        """Return the digest of everything, as the hasher inside gives it."""
        return self._whole.hexdigest()

    def pieces(self) -> Pieces:
        """Return the pieces of what was hashed; ends the last one."""
        if self._filled_bytes:
            self._next_piece()
        return Pieces(PIECE_BYTES, tuple(self.digests))

    def _next_piece(self) -> None:
        self.digests.append(self._piece.hexdigest())
        self._piece = new_hasher(self._algorithm, 0)
        self._filled_bytes = 0


def worth_noting(found: Mapping[str, Pieces], files: Sequence[FileRecord]) -> dict[str, Any]:
    """Return the `pieces` of manifest entries by path: of large files, in the order of `files`.

    Files whose pieces would not fit into the manifest any more have none.
    """
    noted: dict[str, Any] = {}
    room = MAX_PIECES
    for file in files:
        pieces = found.get(file.path)
        if pieces is None or file.size_bytes <= PIECED_FROM_BYTES or len(pieces.digests) > room:
            continue
        room -= len(pieces.digests)
        noted[file.path] = {"size": pieces.size_bytes, "digests": list(pieces.digests)}
    return noted


def pieces_of(entry: Mapping[str, Any]) -> Pieces | None:
    """Return the pieces that an entry of a checked manifest names.

    None when it names none, or none that this release understands: the file
    is loaded whole then.
    """
    said = entry.get("pieces")
    if not isinstance(said, dict):
        return None
    size, digests = said.get("size"), said.get("digests")
    if type(size) is not int or size not in _READABLE_BYTES or not isinstance(digests, list):
        return None
    count = -(-entry["size_bytes"] // size)
    if len(digests) != count or not all(_is_hex(digest) for digest in digests):
        return None
    return Pieces(size, tuple(digests))


def _is_hex(digest: object) -> bool:
    return isinstance(digest, str) and len(digest) == 64 and set(digest) <= _HEX
