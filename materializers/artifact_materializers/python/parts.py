"""The parts of a materializer that no session has equipped: there are none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from artifact_plugins.contracts.abilities import ChunkWriter, PartRecord
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.refs import type_path
from artifact_plugins.errors import NoMaterializerError


class NoParts:
    """Refuses every element that is saved by another materializer."""

    def claims(self, cls: type, key: str) -> bool:
        """Claim nothing."""
        return False

    def save(self, value: Any, files: FileWriter) -> PartRecord:
        """Refuse."""
        cls: type = type(value)
        raise _refuse(type_path(cls))

    def load(self, part: PartRecord, files: FileReader) -> Any:
        """Refuse."""
        raise _refuse(part["data_type"])

    def stream(self, first: Any, files: FileWriter) -> tuple[ChunkWriter, PartRecord] | None:
        """Offer no stream."""
        return None

    def iterate(self, part: PartRecord, files: FileReader) -> Iterator[Any]:
        """Refuse."""
        raise _refuse(part["data_type"])


def _refuse(data_type: str) -> NoMaterializerError:
    return NoMaterializerError(
        f"no session gives this materializer the means to handle a {data_type} inside a value",
        hint="save or load the value through a session",
        data_type=data_type,
    )


NO_PARTS: Final = NoParts()
