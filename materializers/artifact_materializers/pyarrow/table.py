"""Saves Tables as Arrow IPC or Parquet; loads them whole, by columns, by rows, or as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from artifact_materializers.pyarrow import ipc
from artifact_materializers.pyarrow.stream import STREAM_FILE, StreamWriter, read_stream
from artifact_materializers.pyarrow.summary import describe_table, preview_table
from artifact_plugins import Preview
from artifact_plugins.contracts.files import FileReader, FileWriter, ranged_file
from artifact_plugins.contracts.folder import DirectMaterializer
from artifact_plugins.errors import NotSerializableError

PARQUET_SUFFIX = ".parquet"
_EVERYTHING = slice(None)


class TableOptions(BaseModel):
    """Options of a table.

    Attributes:
        format: `arrow` is exact for every type, written at the speed of the
            disk and loaded without reading. `parquet` is smaller, and refuses
            what it does not keep.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["arrow", "parquet"] = "arrow"


class TableMaterializer(DirectMaterializer[Any]):
    """Tables with schema, metadata and values; loaded as views of the file.

    `arrow/1` is one uncompressed Arrow IPC file, `data.arrow` (of a stream:
    an IPC stream, `chunks.arrows`); `parquet/1` one Parquet file with zstd,
    `data.parquet`. Chunks are kept as record batches: a table whose columns
    are cut at different places is cut at all of them. Different dictionaries
    of one column's chunks become one.
    """

    format = "arrow/1"
    reads: ClassVar[tuple[str, ...]] = ("parquet/1", "arrow/1")
    artifact_type = "Dataset"
    media_type = "application/vnd.apache.arrow.file"
    exact: ClassVar[bool] = True
    selections: ClassVar[frozenset[str]] = frozenset({"columns", "rows"})
    Options: ClassVar[type[BaseModel]] = TableOptions
    options_when_remote: ClassVar[Mapping[str, Any]] = {"format": "parquet"}

    def __init__(self, options: BaseModel | None = None) -> None:
        super().__init__(options)
        if self.options.format == "parquet":
            self.format = "parquet/1"
            self.media_type = "application/vnd.apache.parquet"

    def save_files(self, value: pa.Table, files: FileWriter) -> None:
        """Write one file.

        Raises:
            LossyConversionError: A type that the format does not keep, such as
                an unregistered extension type; names the column.
        """
        if self.format == "arrow/1":
            save_arrow(value, files)
            return
        from artifact_materializers.pyarrow import parquet  # costs 60 ms, seldom needed

        parquet.check_parquet(value)
        with files.open(parquet.PARQUET_FILE) as sink:
            parquet.write_parquet(sink, value)

    def load_files(self, files: FileReader, data_type: type) -> pa.Table:
        """Return the table as views of the verified bytes."""
        return load_table(files)

    def load_part(
        self,
        files: FileReader,
        data_type: type,
        *,
        columns: Sequence[str] | None = None,
        rows: slice = _EVERYTHING,
    ) -> pa.Table:
        """Return some columns, in this order, and some rows; the others are not read.

        Raises:
            LoadFailedError: There is no such column, or several.
        """
        return load_table(files, columns, rows)

    def open_stream(self, first: pa.Table, files: FileWriter) -> StreamWriter:
        """Start a stream of tables of one schema.

        Raises:
            NotSerializableError: The option asks for Parquet.
        """
        if self.format != "arrow/1":
            raise NotSerializableError(
                "tables are streamed as arrow, not as parquet",
                hint="nothing was saved; leave out the option format='parquet'",
            )
        ipc.check_schema(first.schema)
        return StreamWriter(files.open(STREAM_FILE), pa.Table, first.schema)

    def iterate(self, files: FileReader, data_type: type) -> Iterator[pa.Table]:
        """Yield the chunks as they were written, as views of the verified bytes."""
        return read_stream(files.buffer(STREAM_FILE), pa.Table)

    def describe(self, value: pa.Table) -> Mapping[str, Any]:
        """Return rows, bytes, and types, nulls and ranges of up to 50 columns."""
        return describe_table(value)

    def preview(self, value: pa.Table) -> Sequence[Preview]:
        """Return the first rows as a Markdown table."""
        return preview_table(value)

    def equal(self, left: pa.Table, right: pa.Table) -> bool:
        """Tell whether schema, metadata and values agree; NaN equals itself."""
        from artifact_materializers.pyarrow.equality import is_same_table  # only for checks

        return is_same_table(left, right)


def save_arrow(table: pa.Table, files: FileWriter) -> None:
    """Write `data.arrow`; see `TableMaterializer.save`."""
    prepared = ipc.prepare(table)
    with files.open(ipc.ARROW_FILE) as sink:
        ipc.write_file(sink, prepared)


def load_table(
    files: FileReader, columns: Sequence[str] | None = None, rows: slice = _EVERYTHING
) -> pa.Table:
    """Return the table of an Arrow or Parquet file, or a part of it; see `load_part`."""
    name = ipc.file_named(files, ".arrow", PARQUET_SUFFIX)
    if name.endswith(PARQUET_SUFFIX):
        from artifact_materializers.pyarrow import parquet  # costs 60 ms, seldom needed

        steps = rows.step not in (None, 1)
        ranged = None if columns is None else ranged_file(files, name)
        source = files.buffer(name) if ranged is None else ranged
        table = parquet.read_parquet(
            source, name, columns, None if steps or rows == _EVERYTHING else rows
        )
        return _rows(table, rows) if steps else table
    return _rows(ipc.read_file(files.buffer(name), name, columns), rows)


def _rows(table: pa.Table, rows: slice) -> pa.Table:
    if rows == _EVERYTHING:
        return table
    start, stop, step = rows.indices(table.num_rows)
    if not table.num_columns:
        return ipc.rows_without_columns(len(range(start, stop, step)), table.schema.metadata)
    if step == 1:
        return table.slice(start, max(0, stop - start))
    return table.take(pa.array(range(start, stop, step), pa.int64()))
