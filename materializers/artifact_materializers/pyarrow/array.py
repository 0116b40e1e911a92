"""Saves Arrays, ChunkedArrays and scalars as Arrow IPC files of one column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pyarrow as pa

from artifact_materializers.pyarrow.summary import (
    cell_text,
    describe_column,
    preview_table,
    size_bytes,
)
from artifact_materializers.pyarrow.table import load_table, save_arrow
from artifact_plugins import Preview
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.folder import DirectMaterializer
from artifact_plugins.errors import LoadFailedError, NotSerializableError

COLUMN = "value"


class ArrayMaterializer(DirectMaterializer[Any]):
    """Arrays of every class, and ChunkedArrays with their chunks."""

    format = "arrow/1"
    artifact_type = "Dataset"
    media_type = "application/vnd.apache.arrow.file"
    exact: ClassVar[bool] = True
    selections: ClassVar[frozenset[str]] = frozenset({"rows"})

    def save_files(self, value: Any, files: FileWriter) -> None:
        """Write `data.arrow`; refuses what `TableMaterializer` refuses."""
        save_arrow(_as_table(value), files)

    def load_files(self, files: FileReader, data_type: type) -> Any:
        """Return the values as a view of the verified bytes.

        Raises:
            LoadFailedError: The file has several columns.
        """
        return self.load_part(files, data_type)

    def load_part(self, files: FileReader, data_type: type, *, rows: slice = slice(None)) -> Any:
        """Return some of the values; the others are not read."""
        column = _only_column(load_table(files, None, rows))
        return column if issubclass(data_type, pa.ChunkedArray) else _as_array(column)

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return length, bytes, type, nulls and range."""
        column = _as_table(value).column(0)
        return {"rows": len(value), "bytes": size_bytes(value), **describe_column(column)}

    def preview(self, value: Any) -> Sequence[Preview]:
        """Return the first values as a Markdown table."""
        return preview_table(_as_table(value))

    def equal(self, left: Any, right: Any) -> bool:
        """Tell whether class, type and values agree; NaN equals itself."""
        from artifact_materializers.pyarrow.equality import is_same_table  # only for checks

        return type(left) is type(right) and is_same_table(_as_table(left), _as_table(right))


class ScalarMaterializer(DirectMaterializer[Any]):
    """Scalars of every class and type."""

    format = "arrow/1"
    media_type = "application/vnd.apache.arrow.file"
    exact: ClassVar[bool] = True

    def save_files(self, value: pa.Scalar, files: FileWriter) -> None:
        """Write `data.arrow` of one row; refuses what `TableMaterializer` refuses."""
        save_arrow(_as_table(_repeated(value)), files)

    def load_files(self, files: FileReader, data_type: type) -> pa.Scalar:
        """Return the scalar.

        Raises:
            LoadFailedError: The file does not have one row and one column.
        """
        column = _only_column(load_table(files))
        if len(column) != 1:
            raise LoadFailedError(
                f"the file holds {len(column)} values, not a scalar",
                hint="load it as pyarrow.ChunkedArray",
            )
        return column[0]

    def describe(self, value: pa.Scalar) -> Mapping[str, Any]:
        """Return the type."""
        return {"type": cell_text(str(value.type))}

    def preview(self, value: pa.Scalar) -> Sequence[Preview]:
        """Return the value as a Markdown table of one row."""
        return preview_table(_as_table(_repeated(value)))

    def equal(self, left: pa.Scalar, right: pa.Scalar) -> bool:
        """Tell whether class, type and value agree; NaN equals itself."""
        from artifact_materializers.pyarrow.equality import is_same_array  # only for checks

        return type(left) is type(right) and is_same_array(_repeated(left), _repeated(right))


def _as_table(value: pa.Array | pa.ChunkedArray) -> pa.Table:
    return pa.Table.from_arrays([value], schema=pa.schema([pa.field(COLUMN, value.type)]))


def _repeated(value: pa.Scalar) -> pa.Array:
    try:
        array = pa.repeat(value, 1)
    except pa.ArrowException as error:
        raise NotSerializableError(
            f"a scalar of type {value.type} cannot be put into an array: {error}",
            hint="nothing was saved; save the array it is from",
        ) from error
    return array


def _only_column(table: pa.Table) -> pa.ChunkedArray:
    if table.num_columns != 1:
        raise LoadFailedError(
            f"the file has {table.num_columns} columns, an array is one",
            hint="load it as pyarrow.Table",
        )
    return table.column(0)


def _as_array(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    joined = column.combine_chunks()
    return joined if isinstance(joined, pa.Array) else joined.chunk(0)
