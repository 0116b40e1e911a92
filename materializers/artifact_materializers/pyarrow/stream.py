"""Streams of tables or batches in one IPC stream; chunk boundaries are exact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from artifact_materializers.pyarrow.ipc import Output, check_schema, empty_batch, reading, restore
from artifact_materializers.pyarrow.zeros import ZeroCheck
from artifact_plugins.contracts.files import FileSink
from artifact_plugins.errors import LoadFailedError, LossyConversionError

STREAM_FILE = "chunks.arrows"
_OPTIONS = pa.ipc.IpcWriteOptions(allow_64bit=True)
# What a batch says about the chunk it belongs to. A stream, unlike a file, has
# no footer, so its size in memory does not grow with its length.
_LAST = {"chunk": "last"}
_EMPTY = {"chunk": "empty"}
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


class StreamWriter:
    """Appends chunks of one schema to an IPC stream."""

    def __init__(self, sink: FileSink, kind: type[Any], schema: pa.Schema) -> None:
        check_schema(schema)
        self._sink = sink
        self._kind = kind
        self._schema = schema
        self._count = 0
        self._zeros = ZeroCheck(schema)
        self._output = Output(sink)
        self._writer = pa.ipc.new_stream(self._output, schema, options=_OPTIONS)

    def write(self, chunk: Any) -> None:
        """Append one chunk.

        Raises:
            LossyConversionError: Its type or schema is not that of the first, or
                a dictionary differs in the sign of a zero.
        """
        if type(chunk) is not self._kind or not chunk.schema.equals(
            self._schema, check_metadata=True
        ):
            raise LossyConversionError(
                f"chunk {self._count} is a {type(chunk).__name__} with another type or schema "
                f"than the first {self._kind.__name__}",
                hint="nothing was registered; yield chunks of one schema",
            )
        batches = chunk.to_batches() if isinstance(chunk, pa.Table) else [chunk]
        for batch in batches:
            self._zeros.look_at(batch)
        for batch in batches[:-1]:
            self._writer.write_batch(batch)
        if batches:
            self._writer.write_batch(batches[-1], custom_metadata=_LAST)
        else:
            self._writer.write_batch(empty_batch(self._schema), custom_metadata=_EMPTY)
        self._count += 1

    def close(self) -> None:
        """End the stream and its file."""
        self._writer.close()
        self._output.flush_joined()
        self._sink.close()


def read_stream(
    buffer: memoryview, kind: type, name: str = STREAM_FILE
) -> Iterator[pa.Table | pa.RecordBatch]:
    """Yield the chunks as views of the buffer.

    Raises:
        LoadFailedError: The stream is damaged or ends early.
    """
    if bytes(buffer[-len(_END_OF_STREAM) :]) != _END_OF_STREAM:
        raise _unfinished(name)
    with reading(name):
        reader = pa.ipc.open_stream(pa.py_buffer(buffer))
    batches: list[pa.RecordBatch] = []
    while True:
        with reading(name):
            try:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
            except StopIteration:
                break
            batch.validate()
        mark = metadata.get(b"chunk") if metadata else None
        if mark != b"empty":
            batches.append(batch)
        if mark is None:
            continue
        yield _chunk(batches, reader.schema, kind, name)
        batches = []
    if batches:
        raise _unfinished(name)


def _chunk(
    batches: list[pa.RecordBatch], schema: pa.Schema, kind: type, name: str
) -> pa.Table | pa.RecordBatch:
    if kind is pa.RecordBatch:
        return batches[0]
    return restore(pa.Table.from_batches(batches, schema=schema), name)


def _unfinished(name: str) -> LoadFailedError:
    return LoadFailedError(
        f"file {name!r} ends before its stream does",
        hint="the stored bytes are untouched",
        path=name,
    )
