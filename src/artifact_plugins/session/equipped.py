"""A materializer ready for use: its instance, its options and its abilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from artifact_plugins.contracts.abilities import DirectIO
from artifact_plugins.contracts.files import FileReader
from artifact_plugins.contracts.materializer import Materializer


@dataclass(frozen=True, slots=True)
class Equipped:
    """A materializer ready for use, and which abilities it has.

    Attributes:
        key: What is recorded with a version.
        parameters: The options as JSON, recorded with a version.
        instead: Saves what this one refuses: the same materializer without
            the options that only a remote store suggested.
    """

    key: str
    instance: Materializer[Any]
    parameters: dict[str, Any]
    is_direct: bool
    is_partial: bool
    is_stream: bool
    counts_items: bool
    instead: Equipped | None = None

    def load(self, files: FileReader, data_type: type) -> Any:
        """Load a whole value from verified files; what the materializer raises passes."""
        materializer = self.instance
        if self.is_direct:
            return cast(DirectIO, materializer).load_files(files, data_type)
        return materializer.load(files.directory(keep=materializer.keeps_directory), data_type)
