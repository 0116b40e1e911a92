"""Artifact tasks as their authors write them for Dioptra; this file knows nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dioptra import pyplugs
from dioptra.sdk.api.artifact import ArtifactTaskInterface


@pyplugs.register
def count(words: list[str]) -> int:
    return len(words)


class TextTask(ArtifactTaskInterface):
    """A text, written with one of two suffixes."""

    @staticmethod
    def serialize(working_dir: Path, name: str, contents: str, suffix: str = "txt") -> Path:
        path = (working_dir / name).with_suffix(f".{suffix}")
        path.write_text(contents)
        return path

    @staticmethod
    def deserialize(working_dir: Path, path: str, **kwargs: Any) -> str:
        return Path(working_dir, path).read_text()

    @staticmethod
    def validation() -> dict[str, Any] | None:
        return {"suffix": {"enum": ["txt", "text"]}}


class FileTask(ArtifactTaskInterface):
    """The value is a path; what is loaded is one too."""

    @staticmethod
    def serialize(working_dir: Path, name: str, contents: Path) -> Path:
        return working_dir / contents

    @staticmethod
    def deserialize(working_dir: Path, path: str) -> Path:
        return Path(working_dir, path)

    @staticmethod
    def validation() -> dict[str, Any] | None:
        return None


class Emptying(TextTask):
    """Opens for writing what it should read, after it has read it."""

    @staticmethod
    def deserialize(working_dir: Path, path: str, **kwargs: Any) -> str:
        text = Path(working_dir, path).read_text()
        Path(working_dir, path).write_text("")
        return text


class FolderTask(ArtifactTaskInterface):
    """Several files in one folder, and one beside it that nobody asked for."""

    @staticmethod
    def serialize(working_dir: Path, name: str, contents: dict[str, str]) -> Path:
        folder = working_dir / name
        folder.mkdir()
        for key, text in contents.items():
            (folder / key).write_text(text)
        (working_dir / "beside.txt").write_text("left behind")
        return folder

    @staticmethod
    def deserialize(working_dir: Path, path: str, **kwargs: Any) -> dict[str, str]:
        folder = working_dir / path
        return {file.name: file.read_text() for file in sorted(folder.iterdir())}

    @staticmethod
    def validation() -> None:
        return None


class NoValidation(ArtifactTaskInterface):
    @staticmethod
    def serialize(working_dir: Path, name: str, contents: Any) -> Path: ...

    @staticmethod
    def deserialize(working_dir: Path, path: str) -> Any: ...


class WithSelf(TextTask):
    def deserialize(self, working_dir: Path, path: str, **kwargs: Any) -> str:  # type: ignore[override]
        return ""


class OtherNames(TextTask):
    @staticmethod
    def deserialize(folder: Path, name: str) -> str:  # type: ignore[override]
        return ""


class TooFew(TextTask):
    @staticmethod
    def serialize(working_dir: Path, name: str) -> Path:  # type: ignore[override]
        return working_dir


class SchemaItCannotTake(TextTask):
    @staticmethod
    def validation() -> dict[str, Any] | None:
        return {"other": {"type": "string"}}


class DefaultItRefuses(TextTask):
    @staticmethod
    def validation() -> dict[str, Any] | None:
        return {"suffix": {"enum": ["csv"]}}


class NoSchema(TextTask):
    @staticmethod
    def validation() -> Any:
        return {"suffix": {"type": "nonsense"}}


class ListAsValidation(TextTask):
    @staticmethod
    def validation() -> Any:
        return ["suffix"]


class RaisingValidation(TextTask):
    @staticmethod
    def validation() -> Any:
        raise RuntimeError("no schema today")


class ReturnsText(TextTask):
    @staticmethod
    def serialize(working_dir: Path, name: str, contents: str, suffix: str = "txt") -> Any:
        return str(TextTask.serialize(working_dir, name, contents, suffix))


class ReturnsMissing(TextTask):
    @staticmethod
    def serialize(working_dir: Path, name: str, contents: str, suffix: str = "txt") -> Path:
        return working_dir / "out.npy"


class NoBase:
    """Dioptra itself loads such a class, and skips it silently when it saves."""

    serialize = staticmethod(TextTask.serialize)
    deserialize = staticmethod(TextTask.deserialize)
    validation = staticmethod(TextTask.validation)
