"""A materializer ready for use: its instance, its options and its abilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from artifact_plugins.contracts.abilities import DirectIO
from artifact_plugins.contracts.files import FileReader
from artifact_plugins.contracts.materializer import Materializer


class Writer(NamedTuple):
    """Who writes a value or an element of it: a materializer or an artifact task."""

    cls: type
    key: str
    plugin: str | None


@dataclass(frozen=True, slots=True)
class Equipped:
    """A materializer ready for use, and which abilities it has.

    Attributes:
        key: What is recorded with a version; `artifact_task:NAME` for an
            artifact task, whose instance is its `TaskMaterializer`.
        parameters: The options as JSON, recorded with a version.
        plugin: Name of the plugin that offers it; None for a bare class.
        formats: What its offer and its class say that it reads or writes.
        instead: Saves what this one refuses: the same materializer without
            the options that only a remote store suggested.
        artifact_task: Name of the artifact task; None for a materializer.
    """

    key: str
    instance: Materializer[Any]
    parameters: dict[str, Any]
    is_direct: bool
    is_partial: bool
    is_stream: bool
    counts_items: bool
    plugin: str | None = None
    formats: frozenset[str] = frozenset()
    instead: Equipped | None = None
    artifact_task: str | None = None

    @property
    def materializer(self) -> str | None:
        """The key recorded as materializer; None for an artifact task."""
        return self.key if self.artifact_task is None else None

    @property
    def writer(self) -> Writer:
        """Whose code a version is pinned to."""
        cls: type = getattr(self.instance, "writer", type(self.instance))  # of an artifact task
        return Writer(cls, self.key, self.plugin)

    def reads(self, format: str) -> bool:  # noqa: A002  # the word of the contract
        """Tell whether it loads files of a format."""
        instance = self.instance
        return format == instance.format or format in self.formats or format in instance.reads

    def load(self, files: FileReader, data_type: type) -> Any:
        """Load a whole value from verified files; what the materializer raises passes."""
        materializer = self.instance
        if self.is_direct:
            return cast(DirectIO, materializer).load_files(files, data_type)
        return materializer.load(files.directory(keep=materializer.keeps_directory), data_type)
