"""What a kind of store must offer to the rest of the room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

# Device, inode, size, mtime, ctime: changes whenever the bytes may have changed.
Identity: TypeAlias = "tuple[int, int, int, int, int]"


class Payload(NamedTuple):
    """The bytes of one stored file, not yet verified.

    Attributes:
        view: Private, writable bytes.
        identity: Tells whether the file is the one seen before; None when
            the store cannot tell.
    """

    view: memoryview
    identity: Identity | None


# Gets (start, stop) ranges of one file and yields their bytes, in order.
Fetch: TypeAlias = "Callable[[Sequence[tuple[int, int]]], Iterator[bytes]]"


class BlobStore(Protocol):
    """Small objects by key. Keys are ours: lower-case words, ids, `.json`."""

    def put_new(self, key: str, data: bytes) -> bool:
        """Write a new object, whole or not at all; False when the key is taken."""
        ...

    def replace(self, key: str, data: bytes) -> None:
        """Write an object whether it exists or not; readers see the old or the new."""
        ...

    def get(self, key: str, *, limit_bytes: int) -> bytes:
        """Return an object; ArtifactMissingError, or ResourceLimitError above the limit."""
        ...

    def head(self, key: str) -> int | None:
        """Return the size of an object in bytes; None when there is none."""
        ...

    def list_prefix(self, prefix: str) -> Iterator[str]:
        """Yield the keys below the folder `prefix`, sorted."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        ...

    def settle(self, key: str) -> None:
        """Make an object that anybody wrote as durable as `put_new` makes its own."""
        ...


class DraftFile(Protocol):
    """One file of a draft."""

    def write(self, view: memoryview) -> None:
        """Append all of `view`."""
        ...

    def close(self) -> None:
        """Finish the file; it is durable afterwards when the store is."""
        ...


class Draft(Protocol):
    """The files of one version before anybody can see them."""

    def create(self, name: str) -> DraftFile:
        """Start a file; `name` is not checked again."""
        ...

    def adopt(self, source: Path, name: str) -> None:
        """Take over a file of `scratch()`."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Give a finished file another name."""
        ...

    def scratch(self) -> Path:
        """Return an empty private folder; the same one on every call."""
        ...

    def publish(self, names: Sequence[str], manifest: bytes) -> list[Identity | None]:
        """Make the version visible, whole; returns the identities of `names`."""
        ...

    def discard(self) -> None:
        """Remove what this draft made, published or not; may be called again."""
        ...


class Place(Protocol):
    """One store of some kind.

    Attributes:
        url: Where it is.
        is_local: Whether its bytes stay on this machine.
    """

    url: str
    is_local: bool

    @property
    def probed_as(self) -> str | None:
        """What a probe of the store vouches for; see `identity.store_id`."""
        ...

    @property
    def blobs(self) -> BlobStore:
        """The small objects of the store."""
        ...

    def draft(self, version_id: str) -> Draft:
        """Start the files of a version; nothing is created yet."""
        ...

    def payload(self, prefix: str, name: str, size_bytes: int) -> Payload:
        """Return the bytes of a file of `prefix`; SizeMismatchError on another size."""
        ...

    def ranges(self, prefix: str, name: str, size_bytes: int) -> Fetch | None:
        """Return what fetches parts of a file; None where all of it costs nothing."""
        ...

    def private_folder(self) -> Path:
        """Make an empty folder (0700) that lives until `close`."""
        ...

    def remove_version(self, version_id: str) -> int:
        """Remove the files of a version, out of sight first or its manifest last.

        Returns the bytes freed; 0 when there is nothing. May be repeated.
        """
        ...

    def collect(self) -> int:
        """Remove what dead processes left in staging; returns the bytes freed."""
        ...

    def close(self) -> None:
        """Remove the private folders of this process."""
        ...
