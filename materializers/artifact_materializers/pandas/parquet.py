"""Parquet files: smaller, readable everywhere, and still exact or refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from artifact_plugins.contracts.files import FileSink
from artifact_plugins.errors import LossyConversionError

from .ipc import pack, unpack
from .table import Encoding

# Parquet keeps these bit by bit; columns of other types are read back.
_SAFE = frozenset(
    {
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
        *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float32(), pa.float64(), pa.bool_(), pa.large_string(), pa.large_binary()),
        *(pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("ns")),
    }
)


def write_parquet(
    encoding: Encoding, begin: Callable[[], FileSink], is_kept: Callable[[memoryview], bool]
) -> None:
    """Write a table as one zstd-compressed Parquet file.

    Float columns have no dictionary: it costs half of the time and saves nothing.

    Args:
        encoding: The table.
        begin: Starts the file; not called when a column that Parquet may
            change is refused.
        is_kept: Tells whether the bytes of the file load as the very value;
            asked when a column has a type that Parquet may change.

    Raises:
        LossyConversionError: Parquet cannot hold the table, or changes it.
    """
    # Late: importing the Parquet writer takes 30 ms that Arrow files need not pay.
    import pyarrow.parquet

    encoding = _with_dictionaries(encoding)
    schema = encoding.schema()
    table = pa.Table.from_arrays([column.arrow() for column in encoding.columns], schema=schema)
    words = {
        "compression": "zstd",
        "use_dictionary": [f.name for f in schema if not pa.types.is_floating(f.type)],
        "store_schema": True,
        # Else the items of lists are renamed.
        "use_compliant_nested_type": False,
    }
    is_safe = all(f.type in _SAFE for f in schema)

    def write(target: Any) -> None:
        try:
            pyarrow.parquet.write_table(table, target, **words)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk, not the table
            raise _refused(f"cannot hold a column: {error}") from error

    if is_safe:
        with begin() as sink:
            write(pa.PythonFile(_Adapter(sink), mode="w"))
        return
    memory = pa.BufferOutputStream()
    write(memory)
    data = memoryview(memory.getvalue())
    try:
        kept = is_kept(data)
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise _refused(f"cannot give a column back: {error}") from error
    if not kept:
        raise _refused("changes a value or a type")
    with begin() as sink:
        sink.write(data)


def _with_dictionaries(encoding: Encoding) -> Encoding:
    """Put the dictionaries into the sidecar: Parquet drops unused values and their order."""
    found = {
        name: pack([column.array.dictionary])
        for name, column in zip(encoding.names, encoding.columns, strict=True)
        if pa.types.is_dictionary(column.type) and column.spec != {"is": "arrow"}
    }
    if not found:
        return encoding
    sidecar = encoding.sidecar | {"dictionaries": found}
    return Encoding(encoding.names, encoding.columns, sidecar)


def read_columns(file: Any, names: Sequence[str], sidecar: Any) -> list[Any]:
    """Return the columns named of an open Parquet file, dictionaries as they were.

    Args:
        file: A `pyarrow.parquet.ParquetFile`.
        names: Which columns; only these are read.
        sidecar: What was written beside them, or None.
    """
    # A prefix of a nested column would match too, so columns are picked by name.
    table = file.read(columns=list(names))
    dictionaries = (sidecar or {}).get("dictionaries", {})
    found = []
    for name in names:
        column = table.column(name).combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
        if name in dictionaries:
            column = _recoded(column, unpack(dictionaries[name])[0])
        found.append(column)
    return found


def _recoded(column: Any, dictionary: Any) -> Any:
    # Late: only Parquet files with categories need it.
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    places = pc.index_in(column.dictionary, value_set=dictionary)
    codes = places.take(column.indices).fill_null(-1)
    return pa.DictionaryArray.from_arrays(codes, dictionary, safe=False)


def _refused(why: str) -> LossyConversionError:
    return LossyConversionError(
        f"Parquet {why}",
        hint="nothing was saved; use the option format='arrow', which keeps every column",
    )


class _Adapter:
    """A sink as the file object that Arrow writes to, left open at the end."""

    closed = False

    def __init__(self, sink: FileSink) -> None:
        self._sink = sink

    def write(self, data: Any) -> None:
        self._sink.write(data if isinstance(data, bytes) else memoryview(data))

    def flush(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        """The sink stays open; who opened it closes it."""
