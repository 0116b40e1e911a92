"""The contract of a materializer: a value to files and back, chosen by type."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from artifact_plugins.records.artifact import Preview

T = TypeVar("T")


class NoOptions(BaseModel):
    """The options of a materializer that has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Materializer(ABC, Generic[T]):
    """Save values of some types as files, and load them as equal values.

    Subclass it, set `format`, write `save` and `load`; offer it from a plugin
    with `MaterializerOffer`, name it in `Settings.materializers`, or hand the
    class to `Output(materializer=...)`.

    `save` is pure: the same value gives the same bytes, nothing but
    `directory` is touched, and the value is not changed.

    Attributes:
        format: What `save` writes, with a version: `parquet/1`. An instance
            may set its own when an option chooses between formats.
        reads: Formats that `load` understands besides `format`.
        artifact_type: The kind shown to people: Dataset, Model, Metric, ...
        media_type: Of the main file; used in `data:` URIs and previews.
        executes_on_load: Whether loading can run code from the files. Such
            values are loaded only by readers who trust whoever wrote them.
        exact: Whether `save` itself refuses every value that `load` would not
            give back equal. When False, the session reads small values back
            and compares before anything is registered.
        keeps_directory: Whether a loaded value keeps using the folder that
            `load` got; the folder then lives as long as the session.
        Options: Model of the options accepted by `Output(options=...)`.
        options_when_remote: Options of saves to a store that is not on this
            machine, unless the caller chose others. A value that `save`
            refuses with them is saved without them.
    """

    format: str
    reads: ClassVar[tuple[str, ...]] = ()
    artifact_type: str = "Artifact"
    media_type: str = "application/octet-stream"
    executes_on_load: ClassVar[bool] = False
    exact: ClassVar[bool] = False
    keeps_directory: ClassVar[bool] = False
    Options: ClassVar[type[BaseModel]] = NoOptions
    options_when_remote: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, options: BaseModel | None = None) -> None:
        self.options: Any = options if options is not None else self.Options()

    @abstractmethod
    def save(self, value: T, directory: Path) -> None:
        """Write `value` as files into the empty folder `directory`.

        Raises:
            NotSerializableError, LossyConversionError: The value would not
                come back equal; the message names the column or path.
        """

    @abstractmethod
    def load(self, directory: Path, data_type: type[T]) -> T:
        """Read what `save` wrote, as an instance of `data_type`."""

    def describe(self, value: T) -> Mapping[str, Any]:
        """Return small JSON metadata: shape, rows, dtypes, null counts, ranges."""
        return {}

    def preview(self, value: T) -> Sequence[Preview]:
        """Return small pictures for people: text, Markdown, HTML or PNG."""
        return ()

    def equal(self, left: T, right: T) -> bool:
        """Tell whether two values are the same for this materializer."""
        return type(left) is type(right) and bool(left == right)
