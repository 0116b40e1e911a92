"""Elements of containers, saved and loaded by their own materializers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from artifact_plugins.contracts.abilities import ChunkWriter, DirectIO, PartRecord, StreamIO
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.refs import find_type, type_path
from artifact_plugins.errors import MaterializerError, RoundTripError, UnsafeFormatError
from artifact_plugins.session.roundtrip import is_same

if TYPE_CHECKING:
    from artifact_plugins.session.materializers import Equipped, Materializers


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
                claimed = self._materializers.resolver.for_type(cls).key != key
            except MaterializerError:
                claimed = False
            self._claimed[cls] = claimed
        return claimed

    def save(self, value: Any, files: FileWriter) -> PartRecord:
        """Choose a materializer for `value` and write it into `files`.

        Raises:
            RoundTripError: Its materializer is not exact, and the element does
                not load back equal.
        """
        equipped = self._materializers.for_value(value, None, None)
        if equipped.is_direct and equipped.instance.exact:
            cast(DirectIO, equipped.instance).save_files(value, files)
        else:
            with TemporaryDirectory(prefix="artifact_plugins-") as folder:
                equipped.instance.save(value, Path(folder))
                if not equipped.instance.exact:
                    _check_round_trip(equipped, value, Path(folder))
                copy_into(files, Path(folder))
        return _record(equipped, value)

    def load(self, part: PartRecord, files: FileReader) -> Any:
        """Load an element as the type it was saved from."""
        equipped = self._materializers.by_key(part["materializer"], part["options"])
        materializer, data_type = equipped.instance, find_type(part["data_type"])
        if materializer.executes_on_load:
            raise UnsafeFormatError(
                f"an element is stored as {part['format']!r}, which executes code when loaded",
                hint="nothing was executed",
            )
        if equipped.is_direct:
            return cast(DirectIO, materializer).load_files(files, data_type)
        return materializer.load(files.directory(keep=materializer.keeps_directory), data_type)

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


def _check_round_trip(equipped: Equipped, value: Any, folder: Path) -> None:
    try:
        loaded = equipped.instance.load(folder, type(value))
        same = is_same(equipped.instance, value, loaded)
    except Exception as error:
        raise RoundTripError(
            f"an element was written by {equipped.key!r} but does not load back: "
            f"{type(error).__name__}: {error}",
            hint="nothing was registered",
        ) from error
    if not same:
        raise RoundTripError(
            f"an element written by {equipped.key!r} loads back as something else",
            hint=f"nothing was registered; mend {equipped.key!r} or its `equal`",
        )


def _record(equipped: Equipped, value: Any) -> PartRecord:
    return PartRecord(
        materializer=equipped.key,
        format=equipped.instance.format,
        data_type=type_path(type(value)),
        options=equipped.parameters,
    )
