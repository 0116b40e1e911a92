"""Elements of containers, saved and loaded by their own materializers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from artifact_plugins.contracts.abilities import ChunkWriter, DirectIO, PartRecord, StreamIO
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.refs import find_type, type_path

if TYPE_CHECKING:
    from artifact_plugins.session.materializers import Equipped, Materializers


class SessionParts:
    """The `Parts` that a session hands to container materializers."""

    def __init__(self, materializers: Materializers) -> None:
        self._materializers = materializers

    def save(self, value: Any, files: FileWriter) -> PartRecord:
        """Choose a materializer for `value` and write it into `files`."""
        equipped = self._materializers.for_value(value, None, None)
        if equipped.is_direct:
            cast(DirectIO, equipped.instance).save_files(value, files)
        else:
            with TemporaryDirectory(prefix="artifact_plugins-") as folder:
                equipped.instance.save(value, Path(folder))
                copy_into(files, Path(folder))
        return _record(equipped, value)

    def load(self, part: PartRecord, files: FileReader) -> Any:
        """Load an element as the type it was saved from."""
        equipped = self._materializers.by_key(part["materializer"], part["options"])
        data_type = find_type(part["data_type"])
        if equipped.is_direct:
            return cast(DirectIO, equipped.instance).load_files(files, data_type)
        return equipped.instance.load(files.directory(), data_type)

    def stream(self, first: Any, files: FileWriter) -> tuple[ChunkWriter, PartRecord] | None:
        """Open a stream for chunks like `first`, if their materializer can."""
        equipped = self._materializers.for_value(first, None, None)
        if not equipped.is_stream:
            return None
        writer = cast(StreamIO, equipped.instance).open_stream(first, files)
        return writer, _record(equipped, first)

    def iterate(self, part: PartRecord, files: FileReader) -> Iterator[Any]:
        """Yield the chunks of a stream that `stream` opened."""
        equipped = self._materializers.by_key(part["materializer"], part["options"])
        data_type = find_type(part["data_type"])
        return cast(StreamIO, equipped.instance).iterate(files, data_type)


def copy_into(files: FileWriter, folder: Path) -> None:
    """Write every file below `folder` into `files`, in sorted order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as source, files.open(path.relative_to(folder).as_posix()) as sink:
                while chunk := source.read(8 * 1024 * 1024):
                    sink.write(chunk)


def _record(equipped: Equipped, value: Any) -> PartRecord:
    return PartRecord(
        materializer=equipped.key,
        format=equipped.instance.format,
        data_type=type_path(type(value)),
        options=equipped.parameters,
    )
