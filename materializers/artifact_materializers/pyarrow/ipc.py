"""Arrow IPC files and streams: written without copying, mapped back without reading.

Source:
    https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import pyarrow as pa

from artifact_materializers.pyarrow.zeros import ZeroCheck
from artifact_plugins.contracts.files import FileReader, FileSink
from artifact_plugins.errors import (
    EnvironmentMismatchError,
    LoadFailedError,
    LossyConversionError,
)

ARROW_FILE = "data.arrow"
# Names of the extension types of a file that its reader has to know.
EXTENSIONS_KEY = b"artifact_plugins.extensions"
_PANDAS_KEYS = (b"artifact_plugins.pandas", b"pandas")
_EXTENSION_NAME = b"ARROW:extension:name"
_OPTIONS = pa.ipc.IpcWriteOptions(allow_64bit=True)
_SMALL_BYTES = 64 * 1024
_JOINED_BYTES = 1024 * 1024


class Output:
    """What pyarrow writes to: large buffers pass uncopied, small ones are joined."""

    closed = False

    def __init__(self, sink: FileSink) -> None:
        self._sink = sink
        self._joined: list[bytes] = []
        self._joined_bytes = 0
        self._written = 0

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self._written += view.nbytes
        if view.nbytes < _SMALL_BYTES:
            self._joined.append(bytes(view))
            self._joined_bytes += view.nbytes
            if self._joined_bytes >= _JOINED_BYTES:
                self.flush_joined()
        else:
            self.flush_joined()
            self._sink.write(view.cast("B"))
        return view.nbytes

    def flush_joined(self) -> None:
        """Hand what is still held back to the sink."""
        if self._joined:
            self._sink.write(b"".join(self._joined))
            self._joined.clear()
            self._joined_bytes = 0

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """Do nothing: pyarrow flushes after every message."""

    def close(self) -> None:
        self.closed = True

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


class _BatchWriter(Protocol):
    def write_batch(self, batch: pa.RecordBatch) -> None: ...


def write_file(sink: FileSink, table: pa.Table) -> None:
    """Write one IPC file, a batch for each chunk; `prepare` the table before.

    Raises:
        LossyConversionError: Chunks have different dictionaries in nested columns.
    """
    output = Output(sink)
    with pa.ipc.new_file(output, table.schema, options=_OPTIONS) as writer:
        _write_batches(writer, _batches(table), ZeroCheck(table.schema))
    output.flush_joined()


def _batches(table: pa.Table) -> list[pa.RecordBatch]:
    """Return the chunks of a table as batches; one column keeps its empty chunks too."""
    if table.num_columns == 1:
        chunks = table.column(0).chunks
        return [pa.RecordBatch.from_arrays([chunk], schema=table.schema) for chunk in chunks]
    batches: list[pa.RecordBatch] = table.to_batches()
    if not batches and table.num_columns and table.column(0).num_chunks:
        # An empty column of one chunk is not one of no chunk to those who ask for it.
        return [empty_batch(table.schema)]
    return batches


def with_metadata(table: pa.Table, metadata: dict[bytes, bytes] | None) -> pa.Table:
    """Return the table with other schema metadata."""
    if table.num_columns:
        return table.replace_schema_metadata(metadata)
    return rows_without_columns(table.num_rows, metadata)


def rows_without_columns(count: int, metadata: dict[bytes, bytes] | None) -> pa.Table:
    """Return a table of no columns that has rows; most functions of tables lose them."""
    batch = pa.RecordBatch.from_struct_array(pa.nulls(count, pa.struct([])))
    return pa.Table.from_batches([batch.replace_schema_metadata(metadata)])


def empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch of no rows; `schema.empty_table()` fails on unions."""
    return pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)


def _write_batches(
    writer: _BatchWriter, batches: Iterable[pa.RecordBatch], zeros: ZeroCheck
) -> None:
    try:
        for batch in batches:
            zeros.look_at(batch)
            writer.write_batch(batch)
    except pa.ArrowInvalid as error:
        if "ictionary" not in str(error):
            raise
        raise LossyConversionError(
            "chunks of a nested column have different dictionaries, of which a file keeps one",
            hint="nothing was saved; table.combine_chunks() gives them one dictionary",
        ) from error


def prepare(table: pa.Table) -> pa.Table:
    """Return the table as it is written: one dictionary for each column, types named.

    Raises:
        LossyConversionError: The schema does not come back equal, or chunks
            have different ordered dictionaries.
    """
    check_schema(table.schema)
    if any(pa.types.is_dictionary(field.type) for field in table.schema):
        table = _unify(table)
    schema = table.schema
    named = with_names(schema)
    return table if named is schema else with_metadata(table, named.metadata)


def with_names(schema: pa.Schema) -> pa.Schema:
    """Return the schema with the names of its extension types in the metadata, if it has any."""
    names = extension_names(schema)
    if not names:
        return schema
    marked = {**(schema.metadata or {}), EXTENSIONS_KEY: json.dumps(names).encode()}
    return schema.with_metadata(marked)


def check_schema(schema: pa.Schema) -> None:
    """Refuse a schema that would not come back equal, such as an unregistered type.

    Raises:
        LossyConversionError: Names the first field that differs, or the key
            of the metadata that loading would take out.
    """
    for key in (EXTENSIONS_KEY, _PANDAS_KEYS[0]):
        if schema.metadata and key in schema.metadata:
            raise LossyConversionError(
                f"the schema has the metadata key {key.decode()!r}, which is for stored files only",
                hint="nothing was saved; load the file through a session, or drop the key with "
                "replace_schema_metadata",
                path=key.decode(),
            )
    try:
        back = pa.ipc.read_schema(schema.serialize())
    except Exception as error:  # whatever the code of an extension type raises
        raise LossyConversionError(
            f"the schema cannot be written: {type(error).__name__}: {error}",
            hint="nothing was saved",
        ) from error
    if back.equals(schema, check_metadata=True):
        return
    for field, found in zip(schema, back, strict=True):
        if not field.equals(found, check_metadata=True):
            raise LossyConversionError(
                f"column {field.name!r} of type {field.type} would come back as {found.type}",
                hint="nothing was saved; pyarrow.register_extension_type, or save its storage",
                path=field.name,
            )
    raise LossyConversionError("the schema would come back different", hint="nothing was saved")


def _unify(table: pa.Table) -> pa.Table:
    try:
        unified = table.unify_dictionaries()
    except pa.ArrowException as error:
        raise LossyConversionError(
            f"the dictionaries of the chunks do not fit into one: {error}",
            hint="nothing was saved; cast the column to a wider index type",
        ) from error
    for field, old, new in zip(table.schema, table.columns, unified.columns, strict=True):
        if not pa.types.is_dictionary(field.type) or not field.type.ordered:
            continue
        if old.num_chunks > 1 and any(
            not chunk.dictionary.equals(new.chunk(0).dictionary) for chunk in old.chunks
        ):
            raise LossyConversionError(
                f"column {field.name!r} has chunks with different ordered dictionaries",
                hint="nothing was saved; give all chunks the same dictionary",
                path=field.name,
            )
    return unified


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what pyarrow raises about unreadable bytes into LoadFailedError."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError) as error:
        if isinstance(error, LoadFailedError):
            raise
        raise LoadFailedError(
            f"file {name!r} cannot be read: {type(error).__name__}: {str(error)[:500]}",
            hint="the stored bytes are untouched",
            path=name,
        ) from error


def read_file(buffer: memoryview, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the table of an IPC file as views of its buffer.

    Args:
        columns: Only these, in this order; the others are not touched.

    Raises:
        LoadFailedError: The file is no IPC file, or has no such column.
        EnvironmentMismatchError: It needs extension types that are not registered.
    """
    with reading(name):
        source = pa.py_buffer(buffer)
        reader = pa.ipc.open_file(source)
        if columns is not None:
            wanted = sorted({column_index(reader.schema, column) for column in columns})
            options = pa.ipc.IpcReadOptions(included_fields=wanted)
            # No field at all would mean all fields.
            reader = pa.ipc.open_file(source, options=options) if wanted else reader
        table = reader.read_all()
        if columns is not None:
            table = table.select(list(columns))
        table.validate()
        return restore(table, name)


def restore(table: pa.Table, name: str) -> pa.Table:
    """Take off a table what a writer put into its schema for itself; see `restore_schema`."""
    schema = table.schema
    restored = restore_schema(schema, name)
    return table if restored is schema else with_metadata(table, restored.metadata)


def restore_schema(schema: pa.Schema, name: str) -> pa.Schema:
    """Take out of the metadata what a writer put there for itself.

    Raises:
        EnvironmentMismatchError: An extension type of the file is not registered.
    """
    metadata = schema.metadata
    if not metadata:
        return schema
    if EXTENSIONS_KEY in metadata:
        _check_extensions(schema, json.loads(metadata[EXTENSIONS_KEY]), name)
    own = [EXTENSIONS_KEY, *(_PANDAS_KEYS if _PANDAS_KEYS[0] in metadata else ())]
    kept = {key: text for key, text in metadata.items() if key not in own}
    if len(kept) == len(metadata):
        return schema
    return schema.with_metadata(kept) if kept else schema.remove_metadata()


def _check_extensions(schema: pa.Schema, expected: list[str], name: str) -> None:
    missing = sorted(set(_unregistered_names(schema)) & set(expected))
    if missing:
        raise EnvironmentMismatchError(
            f"file {name!r} holds the extension types {missing!r}, which are not registered here",
            hint="import what registers them, with pyarrow.register_extension_type, and load again",
            wanted=missing,
        )


def column_index(schema: pa.Schema, column: str) -> int:
    """Return where a column is.

    Raises:
        LoadFailedError: There is none, or several, of that name.
    """
    found = schema.get_all_field_indices(column)
    if len(found) == 1:
        return int(found[0])
    shown = ", ".join(repr(name) for name in schema.names[:20])
    raise LoadFailedError(
        f"there are {len(found)} columns named {column!r}",
        hint=f"there are {len(schema)} columns: {shown}",
        column=column,
    )


def extension_names(schema: pa.Schema) -> list[str]:
    """Return the names of the extension types in a schema, nested ones too, sorted."""
    found: set[str] = set()
    _walk(schema, lambda field: _note_extension(field, found))
    return sorted(found)


def _note_extension(field: pa.Field, found: set[str]) -> None:
    if isinstance(field.type, pa.BaseExtensionType):
        found.add(field.type.extension_name)


def _unregistered_names(schema: pa.Schema) -> list[str]:
    found: list[str] = []

    def note(field: pa.Field) -> None:
        if field.metadata and _EXTENSION_NAME in field.metadata:
            found.append(field.metadata[_EXTENSION_NAME].decode(errors="replace"))

    _walk(schema, note)
    return found


def _walk(fields: Iterable[pa.Field], visit: Callable[[pa.Field], None]) -> None:
    for field in fields:
        visit(field)
        kind = field.type
        if isinstance(kind, pa.DictionaryType):
            _walk([pa.field("values", kind.value_type)], visit)
        elif kind.num_fields:
            _walk([kind.field(number) for number in range(kind.num_fields)], visit)


def file_named(files: FileReader, *suffixes: str) -> str:
    """Return the file with one of these suffixes, by order of the suffixes.

    Raises:
        LoadFailedError: There is none.
    """
    names = files.names()
    for suffix in suffixes:
        for name in names:
            if name.endswith(suffix):
                return name
    raise LoadFailedError(
        f"there is no file with a suffix of {list(suffixes)!r}",
        hint=f"there are {list(names)!r}",
    )
