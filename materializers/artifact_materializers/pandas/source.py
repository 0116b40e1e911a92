"""A stored table, Arrow IPC or Parquet, opened for reading whole or in part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import RawIOBase
from typing import Any

import pyarrow as pa

from artifact_plugins.contracts.files import FileReader, ranged_file
from artifact_plugins.errors import ArtifactPluginsError, LoadFailedError

from .memory import Memory
from .parquet import read_columns
from .table import read_sidecar


class Source:
    """One opened file: its names, its sidecar and its batches.

    Attributes:
        memory: The bytes of the file.
        names: Column names in the file.
        sidecar: What this plugin wrote about the value; None for files of
            other writers.
    """

    def __init__(self, data: memoryview | RawIOBase) -> None:
        ranged = data if isinstance(data, RawIOBase) else None
        self.memory = Memory(None if isinstance(data, RawIOBase) else data)
        # Only Parquet files are read in ranges.
        self.is_parquet = isinstance(data, RawIOBase) or bytes(data[:4]) == b"PAR1"
        if self.is_parquet:
            # Late: importing the Parquet reader takes 30 ms that Arrow files need not pay.
            import pyarrow.parquet

            opened = pa.BufferReader(self.memory.buffer) if ranged is None else ranged
            self._file: Any = pyarrow.parquet.ParquetFile(opened)
            self.schema: Any = self._file.schema_arrow
        else:
            self._file = pa.ipc.open_file(self.memory.buffer)
            self.schema = self._file.schema
        self.names: list[str] = self.schema.names
        self.sidecar: Any = read_sidecar(self.schema.metadata, self.names)

    @property
    def batches(self) -> int:
        """How many record batches an Arrow file holds."""
        return 1 if self.is_parquet else int(self._file.num_record_batches)

    def columns(self, wanted: Sequence[int] | None = None, batch: int = 0) -> list[Any]:
        """Return Arrow columns by position; only these are read.

        Raises:
            ValueError: The bytes are not a sound batch.
        """
        positions = range(len(self.names)) if wanted is None else wanted
        if self.is_parquet:
            names = [self.names[position] for position in positions]
            return read_columns(self._file, names, self.sidecar)
        if not self.names:
            return []
        found = self._file.get_batch(batch)
        columns = [found.column(position) for position in positions]
        for column in columns:
            column.validate()
        return columns

    def table(self, names: Sequence[str] | None = None) -> Any:
        """Return the columns named, or everything, as an Arrow table."""
        if self.is_parquet:
            return self._file.read(columns=names)
        table = self._file.read_all()
        return table if names is None else table.select(names)


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Turn what the libraries raise over unsound files into LoadFailedError."""
    try:
        yield
    except ArtifactPluginsError:
        raise
    except (pa.ArrowException, LookupError, ValueError, TypeError, ArithmeticError) as error:
        raise LoadFailedError(
            f"the stored file holds no {what}: {type(error).__name__}: {error}",
            hint="the stored bytes are untouched",
        ) from error
    except (AttributeError, ImportError, OSError, RecursionError) as error:
        raise LoadFailedError(
            f"the stored {what} cannot be loaded here: {type(error).__name__}: {error}",
            hint="the stored bytes are untouched",
        ) from error


def open_source(files: FileReader, *, in_part: bool = False) -> Source:
    """Open the table file among `files`.

    Args:
        in_part: Only some columns are wanted, so only these are fetched
            where that can be done.

    Raises:
        LoadFailedError: There is not exactly one.
    """
    names = [name for name in files.names() if name.endswith((".arrow", ".parquet"))]
    if len(names) != 1:
        raise LoadFailedError(
            f"expected one .arrow or .parquet file, found {list(files.names())!r}",
            hint="the stored bytes are untouched",
        )
    ranged = ranged_file(files, names[0]) if in_part and names[0].endswith(".parquet") else None
    return Source(files.buffer(names[0]) if ranged is None else ranged)
