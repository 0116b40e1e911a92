"""Pieces of large files: hashed in the same pass, and the only way bytes get out of a range."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifact_plugins.content import manifest as manifests
from artifact_plugins.content.digests import digest_of, new_hasher
from artifact_plugins.content.pieces import (
    MAX_PIECES,
    PIECE_BYTES,
    PIECED_FROM_BYTES,
    PiecedHasher,
    Pieces,
    pieces_of,
    worth_noting,
)
from artifact_plugins.content.ranged import RangedFile
from artifact_plugins.errors import DigestMismatchError
from artifact_plugins.records.artifact import FileRecord

ALGORITHMS = ["blake3", "sha256"]
# Small pieces make every border cheap to reach.
SIZE = 16
DATA = os.urandom(SIZE * 20 + 5)
LARGE = os.urandom(3 * PIECE_BYTES - 7)


def hex_of(data: bytes, algorithm: str = "blake3") -> str:
    return digest_of(algorithm, data).partition(":")[2]


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def opened(stored: bytes = DATA) -> tuple[RangedFile, list[tuple[int, int]]]:
    asked: list[tuple[int, int]] = []

    def fetch(ranges: Sequence[tuple[int, int]]) -> Iterator[bytes]:
        for start, stop in ranges:
            asked.append((start, stop))
            yield stored[start:stop]

    record = FileRecord(path="f", size_bytes=len(DATA), digest=digest_of("blake3", DATA))
    pieces = Pieces(SIZE, tuple(hex_of(piece) for piece in cut(DATA, SIZE)))
    return RangedFile(record, pieces, fetch, title="file 'f'", version_id="v"), asked


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(cuts=st.lists(st.integers(0, 3 * PIECE_BYTES), max_size=4))
def test_pieces_do_not_depend_on_writes(algorithm: str, cuts: list[int]) -> None:
    """However a file is written, its digest and its pieces are those of its bytes."""
    data = LARGE
    hasher = PiecedHasher(algorithm, new_hasher(algorithm, 0))
    borders = [0, *sorted(min(place, len(data)) for place in cuts), len(data)]
    for start, stop in pairwise(borders):
        hasher.update(memoryview(data)[start:stop])

    assert hasher.hexdigest() == hex_of(data, algorithm)
    wanted = tuple(hex_of(piece, algorithm) for piece in cut(data, PIECE_BYTES))
    assert hasher.pieces() == Pieces(PIECE_BYTES, wanted)


@given(
    reads=st.lists(
        st.tuples(st.integers(0, len(DATA) + 10), st.integers(0, len(DATA) + 10)), max_size=6
    )
)
def test_reads_give_the_bytes(reads: list[tuple[int, int]]) -> None:
    """Any reads in any order give what the file holds there."""
    file, asked = opened()
    for place, count in reads:
        file.seek(place)
        assert file.read(count) == DATA[place : place + count]

    assert all(start % SIZE == 0 for start, _ in asked)


def test_places_are_those_of_a_file() -> None:
    """It seeks and tells like a file in memory, and refuses a place before its start."""
    file, asked = opened()
    other = io.BytesIO(DATA)

    for offset, whence in [(3, 0), (4, 1), (-5, 2), (-2, 1), (900, 0)]:
        assert file.seek(offset, whence) == other.seek(offset, whence) == file.tell()
    assert file.read(5) == b""
    assert asked == []
    with pytest.raises(ValueError, match="before"):
        file.seek(-1)
    assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)


def test_neighbours_are_asked_for_once() -> None:
    """Neighbours come in one request, and pieces that are there are not asked for again."""
    file, asked = opened()
    file.seek(SIZE * 3 + 1)
    file.read(SIZE)
    file.seek(SIZE)
    file.read(SIZE * 6)

    assert asked == [
        (SIZE * 3, SIZE * 5),
        (SIZE, SIZE * 3),
        (SIZE * 5, SIZE * 7),
    ]


@pytest.mark.parametrize("place", [0, SIZE * 7 + 3, len(DATA) - 1])
def test_changed_byte_is_refused_where_it_is_read(place: int) -> None:
    """A read of its piece is refused, and again when repeated; reads of others are not."""
    stored = bytearray(DATA)
    stored[place] ^= 1
    file, _ = opened(bytes(stored))
    bad = place // SIZE

    for number, piece in enumerate(cut(DATA, SIZE)):
        file.seek(number * SIZE)
        if number != bad:
            assert file.read(len(piece)) == piece
    for _ in range(2):
        file.seek(place)
        with pytest.raises(DigestMismatchError, match=f"piece {bad} "):
            file.read(1)


def test_cut_piece_is_refused() -> None:
    """An answer that is too short is no piece."""
    file, _ = opened(DATA[:-1])
    file.seek(len(DATA) - 1)

    with pytest.raises(DigestMismatchError):
        file.read(1)


ENTRY = {"path": "f", "size_bytes": 3 * PIECE_BYTES - 1}
GOOD = {"size": PIECE_BYTES, "digests": ["0" * 64] * 3}


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {},
        GOOD | {"size": 0},
        GOOD | {"size": True},
        GOOD | {"size": 1.5},
        GOOD | {"size": 1 << 40},
        GOOD | {"digests": ["0" * 64] * 2},
        GOOD | {"digests": ["0" * 63] * 3},
        GOOD | {"digests": ["G" * 64] * 3},
        GOOD | {"digests": [0] * 3},
        GOOD | {"digests": "000"},
    ],
)
def test_unknown_pieces_are_none(said: object) -> None:
    """What this release does not understand makes it load the file whole."""
    assert pieces_of(ENTRY | {"pieces": GOOD}) is not None
    assert pieces_of(ENTRY | {"pieces": said}) is None
    assert pieces_of(ENTRY) is None


def record_of(path: str, size_bytes: int) -> FileRecord:
    return FileRecord(path=path, size_bytes=size_bytes, digest="blake3:" + "0" * 64)


def test_only_large_files_and_only_so_many() -> None:
    """Small files have no pieces, and those that do not fit are left out, not the save."""
    files = [
        record_of("a", PIECED_FROM_BYTES),
        record_of("b", MAX_PIECES * PIECE_BYTES),
        record_of("c", 9 * PIECE_BYTES),
    ]
    counts = {"a": 8, "b": MAX_PIECES, "c": 9}
    found = {name: Pieces(PIECE_BYTES, ("0" * 64,) * count) for name, count in counts.items()}

    assert list(worth_noting(found, files)) == ["b"]
    assert list(worth_noting(found, [files[0], files[2]])) == ["c"]


def test_pieces_never_make_a_manifest_too_large() -> None:
    """A manifest that is full without them is written without them."""
    file = record_of("a", MAX_PIECES * PIECE_BYTES)
    pieces = {"a": Pieces(PIECE_BYTES, ("0" * 64,) * MAX_PIECES)}
    words: Any = {"store_id": "s", "version_id": "v", "files": [file], "stored": ["a"]}

    full = manifests.compose({"x": "y" * (15 * 1024 * 1024)}, **words, pieces=pieces)
    room = manifests.compose({"x": "y"}, **words, pieces=pieces)

    assert b"pieces" not in full
    assert b"pieces" in room
