"""The files of one version, as a DirectIO materializer sees them."""

from __future__ import annotations

from io import RawIOBase
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

Buffer: TypeAlias = "bytes | bytearray | memoryview"


class FileSink(Protocol):
    """One file being written. Close it (or leave its `with` block) to finish it."""

    def write(self, data: Buffer, /) -> int:
        """Append bytes; their memory must not change until the sink is closed."""
        ...

    def tell(self) -> int:
        """Return how many bytes were written so far."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...

    def __enter__(self) -> FileSink: ...

    def __exit__(self, *exc: object) -> None: ...


class FileWriter(Protocol):
    """Where a value is saved to: named files, hashed while they are written."""

    def open(self, name: str) -> FileSink:
        """Start the file `name` (a relative POSIX path); names are never reused."""
        ...

    def sub(self, prefix: str) -> FileWriter:
        """Return a writer whose names are put below `prefix`."""
        ...


class FileReader(Protocol):
    """Where a value is loaded from: bytes that were verified before they are seen."""

    def names(self) -> tuple[str, ...]:
        """Return the relative POSIX paths of the files, sorted."""
        ...

    def buffer(self, name: str) -> memoryview:
        """Return the verified bytes of a file.

        On a local store this is a private copy-on-write map: nothing is read
        before it is touched, writing to it changes neither the store nor what
        anybody else sees, and the same memory is verified and parsed.
        """
        ...

    def directory(self, *, keep: bool = False) -> Path:
        """Return a private folder that holds verified copies of all files.

        Args:
            keep: The folder lives as long as the session, not only while the
                value is loaded.
        """
        ...

    def sub(self, prefix: str) -> FileReader:
        """Return a reader of the files below `prefix`, with shorter names."""
        ...


@runtime_checkable
class RangedFiles(Protocol):
    """Ability of a FileReader: parts of a file without the rest."""

    def ranged(self, name: str) -> RawIOBase | None:
        """Return a file that is fetched and verified where it is read.

        None where that would save nothing or cannot be verified: use `buffer`.
        """
        ...


@runtime_checkable
class Detachable(Protocol):
    """Ability of a FileReader: bytes that nobody can change after they were verified."""

    def detach(self) -> None:
        """Verify and hand out copies in memory from now on, because they will be executed."""
        ...


def ranged_file(files: FileReader, name: str) -> RawIOBase | None:
    """Return `files.ranged(name)`; None when the reader has no such ability."""
    return files.ranged(name) if isinstance(files, RangedFiles) else None
