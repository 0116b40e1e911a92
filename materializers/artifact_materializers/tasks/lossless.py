"""Lossless: an artifact task that reads back what it wrote, and refuses what differs."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from artifact_plugins import ArtifactTask
from artifact_plugins.errors import (
    ArtifactPluginsError,
    LossyConversionError,
    NotSerializableError,
    describe,
)

T = TypeVar("T")


class LossyParameters(BaseModel):
    """Parameters of an artifact task whose files cannot hold everything.

    Attributes:
        lossy: Keep what the file can hold instead of refusing the value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lossy: bool = Field(default=False, strict=True)


class Lossless(ArtifactTask[T], Generic[T]):
    """Write `write` and `read`; what would come back different is refused by name.

    Attributes:
        file: Name of the file.
        lossy_hint: What to do about a refusal.
    """

    exact: ClassVar[bool] = True
    file: ClassVar[str]
    lossy_hint: ClassVar[str] = "or pass options={'lossy': True}"

    @abstractmethod
    def write(self, value: T, path: Path, **parameters: Any) -> None:
        """Write the value as the file `path`."""

    @abstractmethod
    def read(self, path: Path, **parameters: Any) -> T:
        """Read a file."""

    @abstractmethod
    def difference(self, saved: T, loaded: T) -> str | None:
        """Say where two values differ; None when they are the same."""

    def file_name(self, **parameters: Any) -> str:
        """Return the name of the file for some parameters."""
        return self.file

    def serialize(self, value: T, directory: Path, **parameters: Any) -> Path:
        """Write the value as one file and read it back.

        Raises:
            NotSerializableError: It cannot be written.
            LossyConversionError: It would come back different; says where.
        """
        path = directory / self.file_name(**parameters)
        try:
            self.write(value, path, **parameters)
        except ArtifactPluginsError:
            raise
        except Exception as error:
            raise NotSerializableError(
                f"artifact task {self.name!r} cannot write the value: {describe(error)}",
                hint="nothing was registered",
                artifact_task=self.name,
            ) from error
        if parameters.get("lossy") is not True:
            self._refuse_loss(value, path, parameters)
        return path

    def deserialize(self, path: Path, **parameters: Any) -> T:
        """Read the file."""
        return self.read(path, **parameters)

    def equal(self, left: T, right: T) -> bool:
        """Tell whether two values are the same."""
        return type(left) is type(right) and self.difference(left, right) is None

    def _refuse_loss(self, value: T, path: Path, parameters: dict[str, Any]) -> None:
        try:
            loaded = self.read(path, **parameters)
            found = (
                f"a {type(value).__qualname__} comes back as a {type(loaded).__qualname__}"
                if type(loaded) is not type(value)
                else self.difference(value, loaded)
            )
        except Exception as error:
            raise self._refusal(f"it does not load back ({describe(error)})") from error
        if found is not None:
            raise self._refusal(found)

    def _refusal(self, why: str) -> LossyConversionError:
        return LossyConversionError(
            f"artifact task {self.name!r} would change the value: {why}",
            hint=f"nothing was registered; choose another artifact task {self.lossy_hint}",
            artifact_task=self.name,
        )
