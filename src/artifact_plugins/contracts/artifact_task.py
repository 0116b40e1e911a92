"""The contract of an artifact task: a value to files and back, chosen by name, with parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic

from pydantic import BaseModel, ConfigDict

from artifact_plugins.contracts.materializer import T


class NoParameters(BaseModel):
    """The parameters of an artifact task that has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ArtifactTask(ABC, Generic[T]):
    """Serialize values under a name that their author chooses, and deserialize them.

    Subclass it, set `name` and `format`, write `serialize` and `deserialize`;
    offer it from a plugin with `ArtifactTaskOffer`, name it in
    `Settings.artifact_tasks`, or hand the class to `Output(task=...)` or
    `save(task=...)`.

    Parameters are checked before anything is written, stored whole with the
    version (defaults too, so that a default that changes later changes no old
    version), and given to `serialize` and to `deserialize` as the same values.
    A parameter `lossy` that is True means that values may come back changed:
    of what is read back at save, only the type is compared.

    Attributes:
        name: What people select it by; recorded with every version.
        format: What the files are, with a version: `csv/1`.
        types: Public import paths of the classes it takes and gives
            (`pandas:DataFrame`), subclasses included; empty for any.
        artifact_type: The kind shown to people: Dataset, Model, Metric, ...
        media_type: Of the main file.
        executes_on_load: Whether `deserialize` can run code from the files.
        exact: Whether `serialize` itself refuses every value that would not
            come back equal. When False, the session reads small values back
            and compares before anything is registered.
        takes_folder: Whether `deserialize` gets the folder that `serialize`
            filled. When False, `serialize` leaves one file or one folder
            there, and `deserialize` gets the path of that one.
        keeps_directory: Whether a loaded value keeps using what lies at the
            path that `deserialize` got; it then lives as long as the session.
        Parameters: Model of the parameters.
        parameter_schema: JSON Schema (2020-12) of the parameters as an object;
            used instead of `Parameters` when it is set.
        adapted: The class that this one only adapts; versions are pinned to it.
    """

    name: ClassVar[str]
    format: str
    types: ClassVar[tuple[str, ...]] = ()
    artifact_type: str = "Artifact"
    media_type: str = "application/octet-stream"
    executes_on_load: ClassVar[bool] = False
    exact: ClassVar[bool] = False
    takes_folder: ClassVar[bool] = False
    keeps_directory: ClassVar[bool] = False
    Parameters: ClassVar[type[BaseModel]] = NoParameters
    parameter_schema: ClassVar[Mapping[str, Any] | None] = None
    adapted: ClassVar[type | None] = None

    @abstractmethod
    def serialize(self, value: T, directory: Path, **parameters: Any) -> Path | None:
        """Write `value` into the empty folder `directory`.

        Returns:
            The path of the one file or folder that was written, or None.

        Raises:
            NotSerializableError, LossyConversionError: The value would not
                come back equal; the message names the column or path.
        """

    @abstractmethod
    def deserialize(self, path: Path, **parameters: Any) -> T:
        """Read what `serialize` wrote from a private copy, with the same parameters."""

    def media_type_of(self, **parameters: Any) -> str:
        """Return the media type of the main file for some parameters."""
        return self.media_type

    def equal(self, left: T, right: T) -> bool:
        """Tell whether two values are the same for this artifact task."""
        return type(left) is type(right) and bool(left == right)
