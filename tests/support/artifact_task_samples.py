"""Artifact tasks that the tests use."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from artifact_plugins import ArtifactTask, Materializer


class JoinParameters(BaseModel):
    sep: str = ","
    repeat: int = 1


class Joined(ArtifactTask[list[str]]):
    """A list of words in one file."""

    name = "joined"
    format = "joined/1"
    types: ClassVar[tuple[str, ...]] = ("builtins:list",)
    artifact_type = "Dataset"
    media_type = "text/plain"
    Parameters: ClassVar[type[BaseModel]] = JoinParameters
    seen: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def serialize(self, value: list[str], directory: Path, *, sep: str, repeat: int) -> Path:
        self.seen.append(("serialize", {"sep": sep, "repeat": repeat}))
        path = directory / "words.txt"
        path.write_text(sep.join(value))
        return path

    def deserialize(self, path: Path, *, sep: str, repeat: int) -> list[str]:
        self.seen.append(("deserialize", {"sep": sep, "repeat": repeat}))
        return path.read_text().split(sep)


class BySchema(ArtifactTask[Any]):
    """Text with parameters of a JSON Schema."""

    name = "by_schema"
    format = "by-schema/1"
    parameter_schema: ClassVar[dict[str, Any]] = {
        "properties": {
            "case": {"enum": ["upper", "lower"], "default": "upper"},
            "width": {"type": "integer", "minimum": 1},
        }
    }

    def serialize(self, value: Any, directory: Path, *, case: str, width: int = 3) -> None:
        (directory / "text").write_text(value)

    def deserialize(self, path: Path, *, case: str, width: int = 3) -> Any:
        return path.read_text()


class Words(Materializer[list[str]]):
    """A list of words, by type."""

    format = "words/1"

    def save(self, value: list[str], directory: Path) -> None:
        (directory / "words").write_text("\n".join(value))

    def load(self, directory: Path, data_type: type[list[str]]) -> list[str]:
        return (directory / "words").read_text().split("\n")
