"""Materializer of pandas DataFrames: one Arrow IPC file, or one Parquet file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict

from artifact_plugins import Preview
from artifact_plugins.contracts.abilities import ChunkWriter
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.errors import InputError, LoadFailedError

from .base import ArrowMaterializer
from .columns import decode_range
from .describe import describe_frame
from .equality import same_frame
from .foreign import foreign_frame
from .parquet import write_parquet
from .preview import preview_frame
from .source import Source, loading, open_source
from .stream import FrameStream, is_stream, iterate_chunks, load_whole
from .table import Encoding, decode_frame, encode_frame

PARQUET_FILE = "data.parquet"


class FrameOptions(BaseModel):
    """Options of the frame materializer.

    Attributes:
        format: `arrow` loads in milliseconds without a copy; `parquet` is
            smaller, for bytes that travel.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["arrow", "parquet"] = "arrow"


class FrameMaterializer(ArrowMaterializer[pd.DataFrame]):
    """DataFrame: values, dtypes, both axes, attrs and flags come back exactly.

    A loaded frame can be changed like any other. Files that the pyarrow
    plugin wrote are read too.
    """

    reads: ClassVar[tuple[str, ...]] = ("arrow/1", "parquet/1")
    artifact_type = "Dataset"
    kind = "frame"
    Options = FrameOptions
    options_when_remote: ClassVar[Mapping[str, Any]] = {"format": "parquet"}
    selections = frozenset({"columns", "rows"})

    def __init__(self, options: BaseModel | None = None) -> None:
        super().__init__(options)
        if self.options.format == "parquet":
            self.format = "parquet/1"
            self.media_type = "application/vnd.apache.parquet"

    def encode(self, value: pd.DataFrame) -> Encoding:
        """Return the Arrow form of a frame."""
        return encode_frame(value)

    def decode(self, source: Source) -> pd.DataFrame:
        """Return the frame of an opened file, whoever wrote it."""
        if source.sidecar is None:
            return foreign_frame(source.table())
        return decode_frame(source.sidecar, self.own_columns(source), source.memory)

    def save_files(self, value: pd.DataFrame, files: FileWriter) -> None:
        """Write the frame as `data.arrow` or, by option, as `data.parquet`.

        Raises:
            LossyConversionError: Names the column, index or row that would
                not come back equal.
            MetadataValueError: `attrs` cannot be kept exactly.
        """
        if self.options.format == "arrow":
            super().save_files(value, files)
            return
        encoding = self.encode(value)

        def is_kept(data: memoryview) -> bool:
            return self.equal(value, self.decode(Source(data)))

        write_parquet(encoding, lambda: files.open(PARQUET_FILE), is_kept)

    def load_files(self, files: FileReader, data_type: type) -> pd.DataFrame:
        """Return the frame; of a stream, the concatenation of its chunks.

        Raises:
            LoadFailedError: The files hold no frame.
        """
        with loading(self.kind):
            return load_whole(files) if is_stream(files) else self.decode(open_source(files))

    def load_part(
        self,
        files: FileReader,
        data_type: type,
        *,
        columns: Sequence[Any] | None = None,
        rows: slice | None = None,
    ) -> pd.DataFrame:
        """Return `frame[columns].iloc[rows]` without reading the rest.

        Raises:
            InputError: `rows` is no slice.
            LoadFailedError: A column is not there; names it.
        """
        if rows is not None and not isinstance(rows, slice):
            raise InputError(f"rows is {rows!r}, not a slice", hint="nothing was loaded")
        wanted = None if columns is None else list(columns)
        with loading(self.kind):
            if is_stream(files):
                return _cut(load_whole(files), wanted, rows)
            source = open_source(files, in_part=wanted is not None)
            if source.sidecar is None:
                return _cut(self._foreign(source, wanted), wanted, rows)
            return self._own_part(source, wanted, rows)

    def _foreign(self, source: Source, wanted: list[Any] | None) -> pd.DataFrame:
        # With pandas metadata of another writer some columns are the index.
        is_plain = b"pandas" not in (source.schema.metadata or {})
        if is_plain and wanted is not None and set(wanted) <= set(source.names):
            return foreign_frame(source.table(list(dict.fromkeys(wanted))))
        return self.decode(source)

    def _own_part(
        self, source: Source, wanted: list[Any] | None, rows: slice | None
    ) -> pd.DataFrame:
        sidecar = source.sidecar
        if sidecar["is"] != self.kind:
            self.own_columns(source)  # raises: the file holds another kind
        labels = sidecar["labels"]
        width = len(sidecar["columns"])
        positions = list(range(width))
        if wanted is not None:
            places = _select(pd.DataFrame([positions], columns=labels), wanted)
            positions = [int(place) for place in places.to_numpy().ravel()]
            labels = places.columns
        start, stop, step = (rows or slice(None)).indices(sidecar["rows"])
        span = range(start, stop, step)
        low = min(span[0], span[-1]) if span else max(start, 0)
        high = max(span[0], span[-1]) + 1 if span else low
        arrays = source.columns([*positions, *range(width, len(source.names))])
        frame = decode_frame(
            {**sidecar, "columns": [sidecar["columns"][p] for p in positions], "labels": labels},
            [array.slice(low, high - low) for array in arrays],
            source.memory,
            slice(None) if rows is None else slice(low, high),
        )
        frame = frame if step == 1 else frame.iloc[::step]
        if rows is not None and sidecar["index"]["is"] == "range":
            frame.index = decode_range(sidecar["index"])[rows]  # bounds and all, as iloc has it
        return frame

    def open_stream(self, first: pd.DataFrame, files: FileWriter) -> ChunkWriter:
        """Start a frame that is written chunk by chunk, always as Arrow IPC."""
        return FrameStream(files)

    def iterate(self, files: FileReader, data_type: type) -> Iterator[pd.DataFrame]:
        """Yield equal chunks in order; a frame that was saved whole is one chunk."""
        if not is_stream(files):
            yield self.load_files(files, data_type)
            return
        chunks = iterate_chunks(files)
        while True:
            with loading(self.kind):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    def describe(self, value: pd.DataFrame) -> Mapping[str, Any]:
        """Return rows, bytes and, per column, dtype, null count, range and mean.

        Above 100,000 rows the columns are described from a sample of
        `sampled_rows` rows.
        """
        return describe_frame(value)

    def preview(self, value: pd.DataFrame) -> Sequence[Preview]:
        """Return the first 10 rows of the first 12 columns as Markdown."""
        return preview_frame(value, len(value))

    def equal(self, left: pd.DataFrame, right: pd.DataFrame) -> bool:
        """Tell whether values, dtypes, both axes, attrs and flags are the same, bit by bit."""
        return same_frame(left, right)


def _select(frame: pd.DataFrame, wanted: list[Any]) -> pd.DataFrame:
    try:
        return frame[wanted]
    except KeyError as error:
        raise LoadFailedError(
            f"columns {wanted!r} are not all in the stored frame: {error}",
            hint=f"it has {[str(label) for label in frame.columns[:20]]!r}",
        ) from error


def _cut(frame: pd.DataFrame, wanted: list[Any] | None, rows: slice | None) -> pd.DataFrame:
    found = frame if wanted is None else _select(frame, wanted)
    return found if rows is None else found.iloc[rows]
