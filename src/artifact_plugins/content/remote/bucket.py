"""What a provider must offer; everything else in this room is written against it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

# Written with every object, so that a writer knows its own object again.
WRITE_ID = "apwriteid"


class Entry(NamedTuple):
    """One object.

    Attributes:
        key: Below the prefix of the store.
        size_bytes: Size of its bytes.
        modified_at: Seconds since 1970, by the clock of the provider.
        write_id: What its writer called the write; "" when not asked for.
    """

    key: str
    size_bytes: int
    modified_at: float
    write_id: str = ""


class Piece(NamedTuple):
    """A range of an object, and the size of the whole object."""

    data: bytes
    size_bytes: int


class Dangling(NamedTuple):
    """An upload in parts that nobody finished.

    Attributes:
        upload_id: The provider's name for it.
        size_bytes: Of its parts.
        modified_at: When its newest part came, or when it was begun.
    """

    key: str
    upload_id: str
    size_bytes: int
    modified_at: float


class Upload(Protocol):
    """One object on its way in parts; nobody sees it before `complete`."""

    def part(self, number: int, offset: int, data: bytes, *, last: bool) -> None:
        """Send part `number` (from 0), whose first byte is byte `offset` of the object."""
        ...

    def complete(self, size_bytes: int) -> None:
        """Make the object visible; a Fault of kind `taken` when the key is."""
        ...

    def abort(self) -> None:
        """Throw the parts away."""
        ...


class Bucket(Protocol):
    """The objects below one prefix of one bucket. Threads share it.

    Every method raises `Fault` and nothing else of the provider's. A method
    is one attempt, or what the provider's own library makes of it.

    Attributes:
        title: Names the bucket in errors.
        parts_in_parallel: Whether parts may be sent in any order.
    """

    title: str
    parts_in_parallel: bool

    @property
    def address(self) -> str:
        """Host and bucket, as the environment says now; no credentials."""
        ...

    def put(self, key: str, data: bytes, write_id: str, *, new: bool) -> None:
        """Write an object; with `new`, a Fault of kind `taken` when the key is."""
        ...

    def get(self, key: str, start: int, stop: int) -> Piece:
        """Return the bytes from `start` up to `stop` or the end; all, or a Fault."""
        ...

    def head(self, key: str) -> Entry | None:
        """Describe an object; None when there is none."""
        ...

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Yield the objects whose keys begin with `prefix`, sorted."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        ...

    def begin(self, key: str, write_id: str) -> Upload:
        """Start an object in parts; it is put-if-absent."""
        ...

    def dangling(self, prefix: str) -> Iterator[Dangling]:
        """Yield the unfinished uploads, where the provider can tell."""
        ...

    def abort(self, dangling: Dangling) -> None:
        """Throw an unfinished upload away."""
        ...

    def reconnect(self) -> None:
        """Ask for the credentials again at the next call."""
        ...

    def close(self) -> None:
        """Close the connections of this process."""
        ...
