"""Elements of containers, saved and loaded by their own materializers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from artifact_plugins.contracts.abilities import ChunkWriter, DirectIO, PartRecord, StreamIO
from artifact_plugins.contracts.files import Detachable, FileReader, FileSink, FileWriter
from artifact_plugins.contracts.folder import FolderFiles
from artifact_plugins.contracts.refs import find_type, lasting_path, note_writer, noted_types
from artifact_plugins.errors import LoadFailedError, MaterializerError, NoMaterializerError
from artifact_plugins.session.equipped import Equipped
from artifact_plugins.session.reading import current_reading
from artifact_plugins.session.roundtrip import REFUSALS, check_round_trip, is_checked

if TYPE_CHECKING:
    from artifact_plugins.session.materializers import Materializers


class SessionParts:
    """The `Parts` that a session hands to container materializers."""

    def __init__(self, materializers: Materializers) -> None:
        self._materializers = materializers
        self._claimed: dict[type, bool] = {}

    def claims(self, cls: type, key: str) -> bool:
        """Tell whether values of `cls` belong to another materializer than `key`."""
        claimed = self._claimed.get(cls)
        if claimed is None:
            try:
                claimed = self._materializers.key_for_type(cls) != key
            except MaterializerError:
                claimed = False
            self._claimed[cls] = claimed
        return claimed

    def save(self, value: Any, files: FileWriter) -> PartRecord:
        """Choose a materializer for `value` and write it into `files`.

        Raises:
            NotSerializableError: Its class could not be found again.
            RoundTripError: Its materializer is not exact, and the element does
                not load back equal.
            UnsafeFormatError: It would be pickled, and `Settings.allow_pickle` is False.
        """
        equipped = self._materializers.for_value(value, None, None)
        if equipped.instead is not None:
            watched = _Watched(files)
            try:
                return self._save(value, watched, equipped)
            except REFUSALS:
                # A file that was begun cannot be taken back.
                if watched.is_opened:
                    raise
            equipped = equipped.instead
        return self._save(value, files, equipped)

    def _save(self, value: Any, files: FileWriter, equipped: Equipped) -> PartRecord:
        record = _noted(equipped, value)
        if equipped.is_direct and equipped.instance.exact:
            cast(DirectIO, equipped.instance).save_files(value, files)
        else:
            with TemporaryDirectory(prefix="artifact_plugins-") as folder:
                equipped.instance.save(value, Path(folder))
                if not equipped.instance.exact:
                    self._check(equipped, value, Path(folder), record["data_type"])
                copy_into(files, Path(folder))
        return record

    def load(self, part: PartRecord, files: FileReader) -> Any:
        """Load an element as the type it was saved from."""
        equipped, data_type = self._stored(part, files)
        return equipped.load(files, data_type)

    def stream(self, first: Any, files: FileWriter) -> tuple[ChunkWriter, PartRecord] | None:
        """Open a stream for chunks like `first`, if their materializer can."""
        equipped = self._materializers.for_value(first, None, None, streams=True)
        if not equipped.is_stream:
            return None
        record = _noted(equipped, first)
        return cast(StreamIO, equipped.instance).open_stream(first, files), record

    def iterate(self, part: PartRecord, files: FileReader) -> Iterator[Any]:
        """Yield the chunks of a stream that `stream` opened."""
        equipped, data_type = self._stored(part, files)
        return cast(StreamIO, equipped.instance).iterate(files, data_type)

    def _stored(self, part: PartRecord, files: FileReader) -> tuple[Equipped, type]:
        key, options = part["materializer"], part["options"]
        reading = current_reading()
        archived = reading.archived_writer(key, options) if reading is not None else None
        try:
            equipped = archived or self._materializers.by_key(key, options)
        except NoMaterializerError as error:
            # Not a refusal of the whole value: its archive may have what wrote the element.
            raise LoadFailedError(
                f"an element of the value cannot be loaded: {error.message}",
                hint="the stored bytes are intact",
                materializer=key,
            ) from error
        if equipped.instance.executes_on_load:
            if reading is not None:
                reading.allow_executing()
            if isinstance(files, Detachable):
                files.detach()
        return equipped, find_type(part["data_type"])

    def _check(self, equipped: Equipped, value: Any, folder: Path, data_type: str) -> None:
        size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if is_checked(self._materializers.verify_save, size_bytes):
            check_round_trip(
                equipped,
                value,
                FolderFiles(folder),
                f"an element, a {data_type},",
                classes=noted_types(),
            )


class _Watched:
    """A FileWriter that knows whether a file was begun."""

    def __init__(self, files: FileWriter) -> None:
        self._files = files
        self.is_opened = False

    def open(self, name: str) -> FileSink:
        """Start a file."""
        self.is_opened = True
        return self._files.open(name)

    def sub(self, prefix: str) -> FileWriter:
        """Return a writer further below; whoever asks for one will write."""
        self.is_opened = True
        return self._files.sub(prefix)


def _noted(equipped: Equipped, value: Any) -> PartRecord:
    """Return what a container keeps about an element; its writer is pinned with the version."""
    note_writer(
        equipped.writer.cls,
        key=equipped.key,
        plugin=equipped.plugin,
        executes=equipped.instance.executes_on_load,
    )
    return PartRecord(
        materializer=equipped.key,
        format=equipped.instance.format,
        data_type=lasting_path(type(value)),
        options=equipped.parameters,
    )


def copy_into(files: FileWriter, folder: Path) -> None:
    """Write every file below `folder` into `files`, in sorted order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as source, files.open(path.relative_to(folder).as_posix()) as sink:
                while chunk := source.read(8 * 1024 * 1024):
                    sink.write(chunk)
