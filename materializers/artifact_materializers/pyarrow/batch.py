"""Saves RecordBatches as Arrow IPC files of one batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pyarrow as pa

from artifact_materializers.pyarrow import ipc
from artifact_materializers.pyarrow.stream import STREAM_FILE, StreamWriter, read_stream
from artifact_materializers.pyarrow.summary import describe_table, preview_table
from artifact_materializers.pyarrow.table import load_table, save_arrow
from artifact_plugins import Preview
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.folder import DirectMaterializer


class BatchMaterializer(DirectMaterializer[Any]):
    """RecordBatches with schema, metadata and values; loaded as views of the file."""

    format = "arrow/1"
    reads: ClassVar[tuple[str, ...]] = ("parquet/1", "arrow/1")
    artifact_type = "Dataset"
    media_type = "application/vnd.apache.arrow.file"
    exact: ClassVar[bool] = True
    selections: ClassVar[frozenset[str]] = frozenset({"columns", "rows"})

    def save_files(self, value: pa.RecordBatch, files: FileWriter) -> None:
        """Write `data.arrow`; refuses what `TableMaterializer` refuses."""
        save_arrow(pa.Table.from_batches([value]), files)

    def load_files(self, files: FileReader, data_type: type) -> pa.RecordBatch:
        """Return the batch; the batches of a table are joined."""
        return _one_batch(load_table(files))

    def load_part(
        self,
        files: FileReader,
        data_type: type,
        *,
        columns: Sequence[str] | None = None,
        rows: slice = slice(None),
    ) -> pa.RecordBatch:
        """Return some columns, in this order, and some rows; the others are not read."""
        return _one_batch(load_table(files, columns, rows))

    def open_stream(self, first: pa.RecordBatch, files: FileWriter) -> StreamWriter:
        """Start a stream of batches of one schema."""
        ipc.check_schema(first.schema)
        return StreamWriter(files.open(STREAM_FILE), pa.RecordBatch, first.schema)

    def iterate(self, files: FileReader, data_type: type) -> Iterator[pa.RecordBatch]:
        """Yield the chunks as they were written, as views of the verified bytes."""
        return read_stream(files.buffer(STREAM_FILE), pa.RecordBatch)

    def describe(self, value: pa.RecordBatch) -> Mapping[str, Any]:
        """Return rows, bytes, and types, nulls and ranges of up to 50 columns."""
        return describe_table(pa.Table.from_batches([value]))

    def preview(self, value: pa.RecordBatch) -> Sequence[Preview]:
        """Return the first rows as a Markdown table."""
        return preview_table(pa.Table.from_batches([value]))

    def equal(self, left: pa.RecordBatch, right: pa.RecordBatch) -> bool:
        """Tell whether schema, metadata and values agree; NaN equals itself."""
        from artifact_materializers.pyarrow.equality import is_same_table  # only for checks

        return is_same_table(pa.Table.from_batches([left]), pa.Table.from_batches([right]))


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    batches = table.to_batches()
    if len(batches) > 1:
        batches = table.combine_chunks().to_batches()
    return batches[0] if batches else ipc.empty_batch(table.schema)
