"""One frame written and read chunk by chunk, in bounded memory.

The chunks are the record batches of one Arrow file that any reader
understands. What Arrow does not keep of each chunk lies in `chunks.jsonl`, one
line per chunk; a line holds only what differs from the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa

from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.errors import LossyConversionError

from . import tagged
from .base import ARROW_FILE
from .ipc import ArrowFile, pack
from .source import open_source
from .table import Encoding, check_rows, decode_frame, decode_sidecar, encode_frame

CHUNKS = "chunks.jsonl"


class FrameStream:
    """Takes frames of one schema, in order (ChunkWriter).

    Args:
        files: Where the two files go.
    """

    def __init__(self, files: FileWriter) -> None:
        self._files = files
        self._sink = files.open(ARROW_FILE)
        self._file: ArrowFile | None = None
        self._first: Encoding | None = None
        self._lines: list[str] = []

    def write(self, chunk: pd.DataFrame) -> None:
        """Append one chunk; its memory may change afterwards.

        Raises:
            LossyConversionError: The chunk would not come back equal, or has
                other columns, types or categories than the first.
        """
        encoding = encode_frame(chunk, for_stream=True)
        if self._first is None or self._file is None:
            schema = encoding.schema().remove_metadata()
            self._file = ArrowFile(self._sink, schema, owns_memory=True)
            # Only types and dictionaries of the first chunk are kept, not its rows.
            self._first = _outline(encoding)
        else:
            _check_like(self._first, encoding, len(self._lines))
        self._file.write(encoding.columns)
        self._lines.append(_difference(self._first.sidecar, encoding.sidecar, not self._lines))

    def close(self) -> None:
        """Finish both files."""
        if self._file is not None:
            self._file.close()
        self._sink.close()
        with self._files.open(CHUNKS) as sink:
            sink.write("".join(line + "\n" for line in self._lines).encode())


def is_stream(files: FileReader) -> bool:
    """Tell whether the files were written by a `FrameStream`."""
    return CHUNKS in files.names()


def iterate_chunks(files: FileReader) -> Iterator[pd.DataFrame]:
    """Yield equal chunks in order; each is a view of the file's bytes.

    Raises:
        ValueError: The two files do not fit.
    """
    source = open_source(files)
    lines = bytes(files.buffer(CHUNKS)).splitlines()
    if source.names and source.batches != len(lines):
        raise ValueError(f"{source.batches} batches, {len(lines)} chunks described")
    first: dict[str, Any] = {}
    for number, line in enumerate(lines):
        changes = tagged.loads(line)
        first = first or changes
        merged = {key: item for key, item in (first | changes).items() if item is not None}
        sidecar = decode_sidecar(merged, source.names)
        columns = source.columns(batch=number)
        check_rows(sidecar, columns)
        yield decode_frame(sidecar, columns, source.memory)


def load_whole(files: FileReader) -> pd.DataFrame:
    """Return the concatenation of all chunks; an empty frame when there is none."""
    chunks = list(iterate_chunks(files))
    if len(chunks) == 1:
        return chunks[0]
    return pd.concat(chunks) if chunks else pd.DataFrame()


def _outline(encoding: Encoding) -> Encoding:
    columns = [
        type(column)(column.spec, column.type, column.array.slice(0, 0) if _coded(column) else None)
        for column in encoding.columns
    ]
    return Encoding(encoding.names, columns, encoding.sidecar)


def _coded(column: Any) -> bool:
    return bool(pa.types.is_dictionary(column.type))


def _check_like(first: Encoding, other: Encoding, number: int) -> None:
    if first.names != other.names:
        raise _refused(number, f"has the columns {other.names!r}, the first {first.names!r}")
    for name, old, new in zip(first.names, first.columns, other.columns, strict=True):
        if old.type != new.type:
            raise _refused(number, f"column {name!r} is stored as {new.type}, not {old.type}")
        if _coded(new) and not _same_values(old.array.dictionary, new.array.dictionary):
            raise _refused(number, f"column {name!r} has other categories than in the first")


def _same_values(left: Any, right: Any) -> bool:
    if not left.equals(right):
        return False
    # Arrow takes 0.0 and -0.0 for equal; the bytes do not.
    return not _holds_floats(left.type) or bool(pack([left]) == pack([right]))


def _holds_floats(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        return _holds_floats(kind.value_type)
    return bool(pa.types.is_floating(kind)) or any(
        _holds_floats(kind.field(number).type) for number in range(kind.num_fields)
    )


def _refused(number: int, why: str) -> LossyConversionError:
    return LossyConversionError(
        f"chunk {number} of the stream: {why}",
        hint="nothing was saved; give every chunk the same columns, dtypes and categories",
        chunk=number,
    )


def _difference(first: dict[str, Any], other: dict[str, Any], is_first: bool) -> str:
    if is_first:
        return tagged.dumps(other)
    changes = {key: item for key, item in other.items() if first.get(key) != item}
    return tagged.dumps(changes | dict.fromkeys(first.keys() - other.keys()))
