"""The allowed digest algorithms; every digest is text, `algorithm:hex`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Protocol

from blake3 import blake3

from artifact_plugins.contracts.files import Buffer
from artifact_plugins.errors import ManifestInvalidError
from artifact_plugins.records.artifact import FileRecord

# Below this size starting threads costs more than they save.
_THREADED_BYTES = 128 * 1024

_threads: int = blake3.AUTO


class Hasher(Protocol):
    """An incremental digest."""

    def update(self, data: Buffer, /) -> object: ...

    def hexdigest(self) -> str: ...


def new_hasher(algorithm: str, size_bytes: int) -> Hasher:
    """Return a fresh hasher for about `size_bytes` of data.

    Raises:
        ManifestInvalidError: The algorithm is not on the list.
    """
    if algorithm == "blake3":
        return blake3(max_threads=_threads) if size_bytes > _THREADED_BYTES else blake3()
    if algorithm == "sha256":
        return hashlib.sha256()
    raise ManifestInvalidError(
        f"digest algorithm {algorithm[:20]!r} is not allowed",
        hint="blake3 and sha256 are; nothing was read",
        algorithm=algorithm,
    )


def digest_of(algorithm: str, data: Buffer) -> str:
    """Return the digest of `data` as `algorithm:hex`."""
    hasher = new_hasher(algorithm, len(data))
    hasher.update(data)
    return f"{algorithm}:{hasher.hexdigest()}"


def algorithm_of(digest: str) -> str:
    """Return the algorithm a recorded digest names.

    Raises:
        ManifestInvalidError: It names none, or one that is not allowed.
    """
    algorithm, separator, _ = digest.partition(":")
    if separator and algorithm in ("blake3", "sha256"):
        return algorithm
    raise ManifestInvalidError(
        f"a recorded digest begins with {digest[:20]!r}",
        hint="only 'blake3:' and 'sha256:' are allowed; nothing was parsed",
        algorithm=algorithm,
    )


def content_hash(algorithm: str, files: Sequence[FileRecord]) -> str:
    r"""Identify a version by its payload.

    One file: its digest. Several: the digest over the lines
    `digest size path`, sorted by path. A newline or backslash in a path is
    written as `\n` or `\\`, so no two file lists share their lines.
    """
    if len(files) == 1:
        return files[0].digest
    lines = [
        f"{file.digest} {file.size_bytes} {_line(file.path)}\n"
        for file in sorted(files, key=lambda file: file.path)
    ]
    return digest_of(algorithm, "".join(lines).encode())


def _line(path: str) -> str:
    return path.replace("\\", "\\\\").replace("\n", "\\n")


def _after_fork() -> None:
    # The shared thread pool of blake3.AUTO has no threads in a forked child
    # and would be waited for without end; a number makes a pool of its own.
    global _threads
    _threads = min(os.cpu_count() or 1, 8)


os.register_at_fork(after_in_child=_after_fork)
