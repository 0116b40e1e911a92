"""Elements beside the tree: long bytes in files, values of other materializers in files or embedded."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256
from sys import maxsize
from typing import Any

from artifact_materializers.python.memory_files import MemoryReader
from artifact_materializers.python.state import Decoding
from artifact_plugins.contracts.abilities import PartRecord, Parts
from artifact_plugins.contracts.files import Buffer, FileSink, FileWriter
from artifact_plugins.errors import (
    ArtifactPluginsError,
    NoMaterializerError,
    NotSerializableError,
)

EMBEDDED_BYTES = 4096
"""An element whose files are no larger than this in sum lies inside the document."""


def save_attachments(
    attachments: list[tuple[dict[str, Any], Any]],
    parts: Parts,
    files: FileWriter,
    path_of: Callable[[Any], str],
) -> None:
    """Write every attachment and complete the object in the tree that refers to it.

    Args:
        path_of: Gives the path of an attachment, for errors.

    Raises:
        NotSerializableError: No materializer handles an element; names its path.
        MaterializerError: What its materializer raised, with the path added.
    """
    for reference, value in attachments:
        number = reference["n"]
        if type(value) is bytes or type(value) is bytearray:
            with files.open(f"bytes/{number}.bin") as sink:
                sink.write(value)
            continue
        small = SmallFiles(files.sub(f"parts/{number}"))
        try:
            record = parts.save(value, small)
        except ArtifactPluginsError as error:
            raise at_path(error, path_of(value), type(value)) from error
        reference.update(record)
        if not small.is_spilled:
            reference["files"] = small.embedded()


def content_of(value: Any, parts: Parts) -> dict[str, Any]:
    """Return JSON that depends on what an attachment holds; nothing is written.

    It is empty for an element that cannot be saved: `save_attachments` says so.
    """
    if isinstance(value, bytes | bytearray):
        return {"v": sha256(value).hexdigest()}
    files = SmallFiles(_NoFiles(), limit_bytes=maxsize)
    try:
        record = parts.save(value, files)
    except ArtifactPluginsError:
        return {}
    return {**record, "files": files.embedded()}


class _NoFiles:
    """The real files behind a `SmallFiles` that never moves to them."""

    def open(self, name: str) -> FileSink:
        raise AssertionError(name)

    def sub(self, prefix: str) -> FileWriter:
        return self


def at_path(error: ArtifactPluginsError, path: str, cls: type) -> ArtifactPluginsError:
    """Return an error like `error` that says where in a value it happened.

    Args:
        path: Of the element, as in `value['a'][3]`.
        cls: Type of the element.

    Returns:
        NotSerializableError when no materializer handles `cls`; otherwise the
        same class of error with the path before its message.
    """
    if isinstance(error, NoMaterializerError):
        return NotSerializableError(
            f"{path} is a {cls.__module__}.{cls.__qualname__}, which no materializer handles",
            hint="nothing was saved; name a materializer for its class in Settings.materializers "
            "or offer one from a plugin; one given for the whole value gets the whole value",
            path=path,
        )
    context = {**error.context, "path": path}
    return type(error)(f"{path}: {error.message}", hint=error.hint, **context)


def load_part(tree: dict[str, Any], state: Decoding) -> Any:
    """Load an element that another materializer saved."""
    record = PartRecord(
        materializer=tree["materializer"],
        format=tree["format"],
        data_type=tree["data_type"],
        options=tree["options"],
    )
    embedded = tree.get("files")
    if embedded is None:
        return state.parts.load(record, state.files.sub(f"parts/{int(tree['n'])}"))
    contents = {name: b64decode(text, validate=True) for name, text in embedded.items()}
    return state.parts.load(record, MemoryReader(contents, state.files))


class SmallFiles:
    """A writer that keeps a few bytes in memory and moves to real files when they get more."""

    def __init__(self, files: FileWriter, *, limit_bytes: int = EMBEDDED_BYTES) -> None:
        self._files = files
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._sinks: list[_SmallSink] = []
        self.is_spilled = False

    def open(self, name: str) -> FileSink:
        """Start the file `name`."""
        if self.is_spilled:
            return self._files.open(name)
        sink = _SmallSink(self, name)
        self._sinks.append(sink)
        return sink

    def sub(self, prefix: str) -> FileWriter:
        """Return a writer whose names are put below `prefix`."""
        return _Below(self, prefix)

    def embedded(self) -> dict[str, str]:
        """Return the files as base64, sorted by name."""
        return {
            sink.name: b64encode(sink.content).decode("ascii")
            for sink in sorted(self._sinks, key=lambda sink: sink.name)
        }

    def grow(self, size_bytes: int) -> None:
        """Count bytes about to be kept; move everything to real files when they are too many."""
        self._size_bytes += size_bytes
        if self._size_bytes > self._limit_bytes:
            self.is_spilled = True
            for sink in self._sinks:
                sink.spill(self._files)
            self._sinks.clear()


class _SmallSink:
    def __init__(self, owner: SmallFiles, name: str) -> None:
        self._owner = owner
        self._real: FileSink | None = None
        self._is_closed = False
        self.name = name
        self.content = bytearray()

    def write(self, data: Buffer, /) -> int:
        size_bytes = memoryview(data).nbytes
        if self._real is None:
            self._owner.grow(size_bytes)
        if self._real is not None:
            return self._real.write(data)
        self.content += data
        return size_bytes

    def tell(self) -> int:
        return len(self.content) if self._real is None else self._real.tell()

    def close(self) -> None:
        self._is_closed = True
        if self._real is not None:
            self._real.close()

    def spill(self, files: FileWriter) -> None:
        self._real = files.open(self.name)
        self._real.write(bytes(self.content))
        if self._is_closed:
            self._real.close()

    def __enter__(self) -> FileSink:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Below:
    def __init__(self, files: SmallFiles, prefix: str) -> None:
        self._files = files
        self._prefix = prefix

    def open(self, name: str) -> FileSink:
        return self._files.open(f"{self._prefix}/{name}")

    def sub(self, prefix: str) -> FileWriter:
        return _Below(self._files, f"{self._prefix}/{prefix}")
