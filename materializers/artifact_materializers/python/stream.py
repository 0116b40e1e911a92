"""What a generator yields, written and read back item by item in bounded memory."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import zip_longest
from types import GeneratorType
from typing import Any, ClassVar

from artifact_materializers.python.attachments import at_path
from artifact_materializers.python.decode import DocumentDecoder
from artifact_materializers.python.encode import DocumentEncoder, is_known
from artifact_materializers.python.equality import deep_equal
from artifact_materializers.python.json_text import to_json
from artifact_materializers.python.parts import NO_PARTS
from artifact_plugins.contracts.abilities import ChunkWriter, PartRecord, Parts
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.folder import DirectMaterializer
from artifact_plugins.errors import (
    ArtifactPluginsError,
    LoadFailedError,
    NotSerializableError,
)

HEADER = "stream.json"
LINES = "stream.jsonl"
CHUNKS = "chunks"
_BLOCK_BYTES = 256 * 1024
_END = object()


class StreamMaterializer(DirectMaterializer[Iterable[Any]]):
    """Keeps the items of an iterator in order, as one version.

    Records are lines of JSON in `stream.jsonl`, written like the value of a
    document; a line that declares a class stands before its first object.
    Frames and whatever else has a materializer that streams lie in `chunks/`.
    `stream.json`, written last, says which of the two and how many items.
    """

    format = "stream/1"
    media_type = "application/json"
    exact: ClassVar[bool] = True
    # Set by the session; without one, only records can be stored.
    parts: Parts = NO_PARTS

    def save_files(self, value: Iterable[Any], files: FileWriter) -> None:
        """Consume the iterator; what it raises passes through unchanged.

        Raises:
            NotSerializableError: An item cannot be stored, or is of another
                type than the frames before it; names its number, from 0.
        """
        if isinstance(value, io.IOBase):
            raise NotSerializableError(
                f"value is an open file ({type(value).__name__})",
                hint="nothing was saved; store its path or its content",
                path="value",
            )
        items = iter(value)
        first = next(items, _END)
        header: dict[str, Any] = {"stored": "lines", "count": 0}
        if first is not _END:
            opened = self._open_chunks(first, files)
            if opened is None:
                header["count"] = self._write_lines(first, items, files)
            else:
                header["stored"], header["part"] = "chunks", opened[1]
                header["count"] = _write_chunks(first, items, opened[0])
        with files.open(HEADER) as sink:
            sink.write(to_json(header).encode())

    def load_files(self, files: FileReader, data_type: type) -> Any:
        """Return the items as a fresh lazy iterator, a list, a tuple or one frame.

        Args:
            data_type: `list` or `tuple` for all items at once; the type of
                the frames for all of them in one; otherwise a generator.

        Raises:
            LoadFailedError: The files are no stream, or cannot be given as
                `data_type`. The generator raises it when items are missing.
        """
        header = _read_header(bytes(files.buffer(HEADER)))
        if issubclass(GeneratorType, data_type):
            return self._items(header, files)
        if data_type is tuple:
            return tuple(self._items(header, files))
        if issubclass(list, data_type):
            return list(self._items(header, files))
        if header["stored"] == "chunks":
            loaded = self.parts.load(header["part"], files.sub(CHUNKS))
            if isinstance(loaded, data_type):
                return loaded
        raise LoadFailedError(
            f"a stream of {header['count']} items cannot be loaded as {data_type.__qualname__}",
            hint="the stored bytes are intact; load it as an Iterator, list or tuple",
        )

    def equal(self, left: Iterable[Any], right: Iterable[Any]) -> bool:
        """Compare item by item; iterators are consumed."""
        pairs = zip_longest(left, right, fillvalue=_END)
        return all(deep_equal(first, second) for first, second in pairs)

    def _open_chunks(self, first: Any, files: FileWriter) -> tuple[ChunkWriter, PartRecord] | None:
        if is_known(type(first)):
            return None
        try:
            return self.parts.stream(first, files.sub(CHUNKS))
        except ArtifactPluginsError as error:
            raise at_path(error, "item 0", type(first)) from error

    def _write_lines(self, first: Any, rest: Iterator[Any], files: FileWriter) -> int:
        encoder = DocumentEncoder("item 0", by_rows=True)
        declared = encoder.state.declared
        count = written_classes = size = 0
        lines: list[bytes] = []
        item = first
        with files.open(LINES) as sink:
            while item is not _END:
                encoder.name = f"item {count}"
                line = encoder.encode(item, self.parts, files)
                while written_classes < len(declared):
                    lines.append(to_json(declared[written_classes]).encode())
                    written_classes += 1
                lines.append(line)
                count += 1
                size += len(line)
                if size >= _BLOCK_BYTES:
                    sink.write(b"\n".join([*lines, b""]))
                    lines.clear()
                    size = 0
                item = next(rest, _END)
            if lines:
                sink.write(b"\n".join([*lines, b""]))
        return count

    def _items(self, header: dict[str, Any], files: FileReader) -> Iterator[Any]:
        count = header["count"]
        if header["stored"] == "chunks":
            return _counted(self.parts.iterate(header["part"], files.sub(CHUNKS)), count)
        if count == 0:
            return _counted(iter(()), count)
        # Opened here, not when the first item is asked for: a version that
        # is not there is an error of `load`.
        return _counted(_records(files.buffer(LINES), DocumentDecoder(self.parts, files)), count)


def _write_chunks(first: Any, rest: Iterator[Any], writer: ChunkWriter) -> int:
    kind, count, chunk = type(first), 0, first
    try:
        while chunk is not _END:
            if type(chunk) is not kind:
                raise NotSerializableError(
                    f"item {count} is a {_name(type(chunk))}, the items before it are "
                    f"{_name(kind)} objects",
                    hint="nothing was saved; yield items of one type",
                    path=f"item {count}",
                )
            try:
                writer.write(chunk)
            except ArtifactPluginsError as error:
                raise at_path(error, f"item {count}", kind) from error
            count += 1
            chunk = next(rest, _END)
    except BaseException:
        # The files are thrown away; closing them must not hide the reason.
        with suppress(Exception):
            writer.close()
        raise
    writer.close()
    return count


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _read_header(data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data)
        if header["stored"] not in ("lines", "chunks") or type(header["count"]) is not int:
            raise ValueError(f"stored={header['stored']!r}, count={header['count']!r}")
    except (ValueError, TypeError, KeyError) as error:
        raise LoadFailedError(
            f"{HEADER} does not describe a stream: {error!r}", hint="the stored bytes are intact"
        ) from error
    checked: dict[str, Any] = header
    return checked


def _counted(items: Iterator[Any], count: int) -> Iterator[Any]:
    found = 0
    for item in items:
        found += 1
        yield item
    if found != count:
        raise LoadFailedError(
            f"a stream has {found} items, recorded are {count}", hint="the stored bytes are intact"
        )


def _records(buffer: memoryview, decoder: DocumentDecoder) -> Iterator[Any]:
    for line in _lines(buffer):
        if line.startswith(_CLASS):
            decoder.decode(line)
        else:
            yield decoder.decode(line)


_CLASS = b'{"$":"class",'


def _lines(buffer: memoryview) -> Iterator[bytes]:
    start, rest = 0, b""
    while start < len(buffer):
        block = rest + bytes(buffer[start : start + _BLOCK_BYTES])
        start += _BLOCK_BYTES
        *lines, rest = block.split(b"\n")
        yield from lines
    if rest:
        yield rest
