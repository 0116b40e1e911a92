"""Parquet files of tables: checked on their first rows before anything is written."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from artifact_materializers.pyarrow.equality import is_same_table
from artifact_materializers.pyarrow.ipc import Output, column_index, reading, restore
from artifact_plugins.contracts.files import FileSink
from artifact_plugins.errors import LossyConversionError

PARQUET_FILE = "data.parquet"
_CHECKED_ROWS = 1000
_SCHEMA_KEY = b"ARROW:schema"


def write_parquet(sink: FileSink, table: pa.Table) -> None:
    """Write one Parquet file with zstd; `check_parquet` the table before."""
    output = Output(sink)
    _write(table, output)
    output.flush_joined()


def check_parquet(table: pa.Table) -> None:
    """Refuse a table that Parquet would not give back equal.

    Its schema is tried out with the first 1,000 rows; types whose values may
    change further down are refused by name.

    Raises:
        LossyConversionError: Names the column and its type.
    """
    for field in table.schema:
        if _is_refused(field.type):
            raise _lossy(field, "does not keep its values (days, dictionaries) in every row")
    head = table.slice(0, _CHECKED_ROWS)
    for number, field in enumerate(table.schema):
        why = _difference(head.select([number]))
        if why:
            raise _lossy(field, why)
    why = _difference(head)
    if why:
        raise LossyConversionError(f"parquet does not keep the table: {why}", hint=_HINT)


_HINT = "nothing was saved; leave out the option format='parquet', arrow keeps it"


def _lossy(field: pa.Field, why: str) -> LossyConversionError:
    return LossyConversionError(
        f"column {field.name!r} of type {field.type}: parquet {why}", hint=_HINT, path=field.name
    )


def _is_refused(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind) or pa.types.is_date64(kind):
        return True
    return any(_is_refused(kind.field(number).type) for number in range(kind.num_fields))


def _difference(table: pa.Table) -> str:
    file = io.BytesIO()
    try:
        _write(table, file)
        back = read_parquet(memoryview(file.getbuffer()), PARQUET_FILE)
    except Exception as error:  # noqa: BLE001  # whatever it is, the table is refused
        return f"fails on it: {type(error).__name__}: {str(error)[:200]}"
    if not back.schema.equals(table.schema, check_metadata=True):
        return f"gives it back as {str(back.schema)[:200]!r}"
    return "" if is_same_table(back, table) else "changes its values"


def _write(table: pa.Table, target: Output | io.BytesIO) -> None:
    # A dictionary of floats costs twice the time and saves nothing.
    encoded = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
    pq.write_table(table, target, compression="zstd", use_dictionary=encoded)


def read_parquet(
    source: memoryview | io.RawIOBase,
    name: str,
    columns: Sequence[str] | None = None,
    rows: slice | None = None,
) -> pa.Table:
    """Return the table of a Parquet file; only what is asked for is decoded.

    Args:
        source: Its bytes, or the file itself.
        columns: Only these, in this order.
        rows: Only the row groups that hold these are decoded; consecutive rows.

    Raises:
        LoadFailedError: The file is no Parquet file, or has no such column.
    """
    with reading(name):
        is_file = isinstance(source, io.RawIOBase)
        file = pq.ParquetFile(source if is_file else pa.BufferReader(pa.py_buffer(source)))
        if columns is not None:
            for column in columns:
                column_index(file.schema_arrow, column)
        wanted = None if columns is None else list(dict.fromkeys(columns))
        table = file.read(columns=wanted) if rows is None else _read_rows(file, wanted, rows)
        if columns is not None:
            table = table.select(list(columns))
        return restore(_as_written(table, file), name)


def _read_rows(file: pq.ParquetFile, columns: list[str] | None, rows: slice) -> pa.Table:
    first, last, _ = rows.indices(file.metadata.num_rows)
    groups, start, skipped = [], 0, 0
    for number in range(file.num_row_groups):
        count = file.metadata.row_group(number).num_rows
        if start + count <= first:
            skipped = start + count
        elif start < last:
            groups.append(number)
        start += count
    table = file.read_row_groups(groups, columns=columns)
    return table.slice(first - skipped, max(0, last - first))


def _as_written(table: pa.Table, file: pq.ParquetFile) -> pa.Table:
    """Give columns the type they were written from, where parquet has another one."""
    text = (file.metadata.metadata or {}).get(_SCHEMA_KEY)
    if text is None:
        return table
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))
    for number, field in enumerate(table.schema):
        wanted = schema.get_all_field_indices(field.name)
        if len(wanted) != 1 or field.equals(schema.field(wanted[0]), check_metadata=True):
            continue
        original = schema.field(wanted[0])
        try:
            column = table.column(number).cast(original.type)
        except pa.ArrowException:  # as parquet has it; a save would have been refused
            continue
        table = table.set_column(number, original, column)
    return table
