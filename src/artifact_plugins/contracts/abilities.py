"""Optional abilities of a materializer; the session looks for them once per instance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypedDict, runtime_checkable

from artifact_plugins.contracts.files import FileReader, FileWriter


@runtime_checkable
class DirectIO(Protocol):
    """Reads and writes named files without a folder: no staging, no copy.

    A value whose only file is small enough lies in its record.
    """

    def save_files(self, value: Any, files: FileWriter) -> None:
        """Write the value; the bytes are hashed on their way."""
        ...

    def load_files(self, files: FileReader, data_type: type) -> Any:
        """Parse the verified buffers of `files`."""
        ...


@runtime_checkable
class PartialIO(Protocol):
    """Loads a selection (`columns=[...]`, `rows=slice(...)`) without the rest.

    Attributes:
        selections: Names of the keyword arguments that `load_part` takes.
    """

    selections: frozenset[str]

    def load_part(self, files: FileReader, data_type: type, **selection: Any) -> Any:
        """Load only what `selection` asks for."""
        ...


@runtime_checkable
class LoadsSafely(Protocol):
    """Loads plain values of a format that executes code, without executing any.

    For materializers with `executes_on_load`: the session asks them before it
    refuses a version that nobody vouches for.
    """

    def load_safely(self, files: FileReader, data_type: type) -> Any:
        """Return the value if its files hold nothing but what is known to be harmless.

        Everything is looked at before anything is built.

        Raises:
            UnsafeFormatError: The files hold something else; nothing was executed.
        """
        ...


class ChunkWriter(Protocol):
    """Takes the chunks of one streamed value, in order."""

    def write(self, chunk: Any) -> None: ...

    def close(self) -> None: ...


@runtime_checkable
class StreamIO(Protocol):
    """Writes a value chunk by chunk and reads it back the same way, in bounded memory."""

    def open_stream(self, first: Any, files: FileWriter) -> ChunkWriter:
        """Start a value whose first chunk is `first` (not written yet)."""
        ...

    def iterate(self, files: FileReader, data_type: type) -> Iterator[Any]:
        """Yield equal chunks in the order in which they were written."""
        ...


class PartRecord(TypedDict):
    """What a container keeps about an element saved by another materializer."""

    materializer: str
    format: str
    data_type: str
    options: dict[str, Any]


class Parts(Protocol):
    """Saves and loads the elements of a container with their own materializers."""

    def claims(self, cls: type, key: str) -> bool:
        """Tell whether values of `cls` belong to another materializer than `key`."""
        ...

    def save(self, value: Any, files: FileWriter) -> PartRecord:
        """Choose a materializer for `value` and write it into `files`."""
        ...

    def load(self, part: PartRecord, files: FileReader) -> Any:
        """Load an element as the type it was saved from."""
        ...

    def stream(self, first: Any, files: FileWriter) -> tuple[ChunkWriter, PartRecord] | None:
        """Open a stream for chunks like `first`; None if their materializer has no StreamIO."""
        ...

    def iterate(self, part: PartRecord, files: FileReader) -> Iterator[Any]:
        """Yield the chunks of a stream that `stream` opened."""
        ...


@runtime_checkable
class UsesParts(Protocol):
    """A container materializer; the session sets `parts` right after making it."""

    parts: Parts
