"""What the frame, series and index materializers share: one Arrow file."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, TypeVar

from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.folder import DirectMaterializer
from artifact_plugins.errors import LoadFailedError

from .ipc import ArrowFile
from .source import Source, loading, open_source
from .table import Encoding, check_rows

T = TypeVar("T")
ARROW_FILE = "data.arrow"


class ArrowMaterializer(DirectMaterializer[T]):
    """Saves one value as one Arrow IPC file, exactly or not at all."""

    format = "arrow/1"
    media_type = "application/vnd.apache.arrow.file"
    exact = True
    kind: ClassVar[str]

    @abstractmethod
    def encode(self, value: T) -> Encoding:
        """Return the Arrow form of the value."""

    @abstractmethod
    def decode(self, source: Source) -> T:
        """Return the value of an opened file."""

    def save_files(self, value: T, files: FileWriter) -> None:
        """Write the value as `data.arrow`.

        Columns of fixed width go to the file from where they lie in memory.

        Raises:
            LossyConversionError: Names the column, index or row that would
                not come back equal.
            MetadataValueError: `attrs` cannot be kept exactly.
        """
        encoding = self.encode(value)
        with files.open(ARROW_FILE) as sink:
            file = ArrowFile(sink, encoding.schema())
            file.write(encoding.columns)
            file.close()

    def load_files(self, files: FileReader, data_type: type) -> T:
        """Return the value; its columns of fixed width are views of the file's bytes.

        Raises:
            LoadFailedError: The file holds no such value.
        """
        with loading(self.kind):
            return self.decode(open_source(files))

    def own_columns(self, source: Source) -> list[Any]:
        """Return the columns of a file that this materializer wrote.

        Raises:
            LoadFailedError: It holds another kind of value.
        """
        found = source.sidecar["is"] if source.sidecar else "table without a sidecar"
        if found != self.kind or source.batches != 1:
            raise LoadFailedError(
                f"the stored file holds a {found}, not a {self.kind}",
                hint="the stored bytes are untouched; load it as the type it was saved from",
            )
        columns = source.columns()
        check_rows(source.sidecar, columns)
        return columns
