"""Messages between the two processes: a JSON header, then files, each with its digest.

    magic (4 bytes) | header length (4, big-endian) | header | file | sha256 | file | ...

The header lists the names and sizes of the files. Whoever receives trusts
nothing: lengths are checked against limits, digests against the bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from artifact_plugins.errors import (
    DigestMismatchError,
    EnvironmentMismatchError,
    LoadFailedError,
    ResourceLimitError,
)

_MAGIC = b"APX1"
_HEADER_BYTES = 1024**2
_FILES_MAX = 100_000
_CHUNK_BYTES = 1024**2


class Message(NamedTuple):
    """One message: what it says and the files that came with it."""

    header: dict[str, Any]
    files: ReceivedFiles


def send(stream: BinaryIO, header: Mapping[str, Any], folder: Path | None = None) -> None:
    """Write a message with all files below `folder`.

    Raises:
        ResourceLimitError: The header is over the limit.
        OSError: The other process is gone.
    """
    names = [] if folder is None else sorted(p for p in folder.rglob("*") if p.is_file())
    listed = [(path.relative_to(folder or path).as_posix(), path.stat().st_size) for path in names]
    text = json.dumps({"says": dict(header), "files": listed}).encode()
    if len(text) > _HEADER_BYTES:
        raise ResourceLimitError(
            f"a message header has {len(text)} bytes, more than {_HEADER_BYTES}",
            hint="nothing was sent",
        )
    stream.write(_MAGIC + len(text).to_bytes(4, "big") + text)
    for path in names:
        digest = sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                stream.write(chunk)
        stream.write(digest.digest())
    stream.flush()


def receive(stream: BinaryIO, *, most_bytes: int) -> Message:
    """Read one message; it may have been written by anybody.

    Args:
        most_bytes: Of all files together; more is refused before it is read.

    Raises:
        EOFError: The other process ended.
        EnvironmentMismatchError: It is no message.
        ResourceLimitError: It is over the limits.
        DigestMismatchError: A file is not what was announced.
    """
    start = _exactly(stream, 8)
    length = int.from_bytes(start[4:], "big")
    if start[:4] != _MAGIC:
        raise _broken("it does not begin like one")
    if length > _HEADER_BYTES:
        raise ResourceLimitError(
            f"a message announces a header of {length} bytes, more than {_HEADER_BYTES}",
            hint="nothing of it was read",
        )
    header, sizes = _header(bytes(_exactly(stream, length)))
    total = sum(sizes.values())
    if total > most_bytes:
        raise ResourceLimitError(
            f"a message announces {total} bytes, more than the limit of {most_bytes}",
            hint="nothing of it was read; raise Limits.answer_bytes when the value is that large",
            size_bytes=total,
        )
    files: dict[str, bytearray] = {}
    for name, size in sizes.items():
        files[name] = _exactly(stream, size)
        if sha256(files[name]).digest() != bytes(_exactly(stream, 32)):
            raise DigestMismatchError(
                f"file {name!r} of a message has another digest than announced",
                hint="nothing of it was parsed",
            )
    return Message(header, ReceivedFiles(files))


def _header(text: bytes) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        document = json.loads(text)
        header, listed = document["says"], document["files"]
        sizes = dict(listed)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _broken("its header is not as agreed") from error
    if not isinstance(header, dict):
        raise _broken("its header is not as agreed")
    if not len(sizes) == len(listed) <= _FILES_MAX:
        raise _broken("its files are too many, or two have one name")
    for name, size in sizes.items():
        if not (_is_inside(name) and type(size) is int and size >= 0):
            raise _broken("it lists a file that cannot be")
    return header, sizes


def _exactly(stream: BinaryIO, size: int) -> bytearray:
    # Grows as bytes arrive: an announced size costs nothing until it comes true.
    data = bytearray()
    while len(data) < size:
        chunk = stream.read(min(size - len(data), _CHUNK_BYTES))
        if not chunk:
            raise EOFError
        data += chunk
    return data


def _is_inside(name: object) -> bool:
    if not isinstance(name, str) or "\0" in name or "\\" in name or ":" in name:
        return False
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _broken(why: str) -> EnvironmentMismatchError:
    return EnvironmentMismatchError(
        f"what the isolated process sent is no message: {why}", hint="nothing of it was loaded"
    )


class ReceivedFiles:
    """The files of a message as a FileReader."""

    def __init__(self, contents: dict[str, bytearray]) -> None:
        self._contents = contents

    def names(self) -> tuple[str, ...]:
        """Return the names of the files, sorted."""
        return tuple(sorted(self._contents))

    def buffer(self, name: str) -> memoryview:
        """Return the bytes of a file; they belong to whoever reads them."""
        try:
            return memoryview(self._contents[name])
        except KeyError:
            raise LoadFailedError(f"a message holds no file {name!r}") from None

    def directory(self, *, keep: bool = False) -> Path:
        """Refuse: what carries values reads buffers."""
        raise LoadFailedError("the files of a message have no folder", hint="nothing was read")

    def sub(self, prefix: str) -> ReceivedFiles:
        """Return a reader of the files below `prefix`."""
        start = f"{prefix}/"
        return ReceivedFiles(
            {n.removeprefix(start): c for n, c in self._contents.items() if n.startswith(start)}
        )
