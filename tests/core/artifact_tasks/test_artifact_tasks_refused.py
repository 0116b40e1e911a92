"""What an artifact task may do wrong, each refused with its name and nothing registered."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar

import artifact_task_samples as samples
import pytest
from pydantic import BaseModel

from artifact_plugins import ArtifactTask, Session
from artifact_plugins.errors import (
    ArtifactPluginsError,
    LoadFailedError,
    NotSerializableError,
    PluginError,
    RoundTripError,
)
from artifact_plugins.testing import memory_session


class Good(ArtifactTask[Any]):
    name = "good"
    format = "good/1"

    def serialize(self, value: Any, directory: Path, **parameters: Any) -> Any:
        path = directory / "a.txt"
        path.write_text(str(value))
        return path

    def deserialize(self, path: Path, **parameters: Any) -> Any:
        return path.read_text()


def test_good_one_passes(session: Session) -> None:
    """The class that the others below derive from works: the control of this page."""
    assert session.load(session.save("a", "x", task=Good)) == "a"


# At registration.


class NoDeserialize(ArtifactTask[Any]):
    name = "no_deserialize"
    format = "a/1"

    def serialize(self, value: Any, directory: Path, **parameters: Any) -> None: ...


class NoFormat(ArtifactTask[Any]):
    name = "no_format"

    def serialize(self, value: Any, directory: Path, **parameters: Any) -> None: ...

    def deserialize(self, path: Path, **parameters: Any) -> Any: ...


class Two(BaseModel):
    sep: str = ","
    width: int = 3


class CannotTake(Good):
    Parameters: ClassVar[type[BaseModel]] = Two

    def serialize(self, value: Any, directory: Path, *, sep: str) -> Any: ...  # type: ignore[override]  # under test


class CannotTakeOnLoad(Good):
    Parameters: ClassVar[type[BaseModel]] = Two

    def deserialize(self, path: Path, *, width: int) -> Any: ...  # type: ignore[override]  # same


class AsksForMore(Good):
    def serialize(self, value: Any, directory: Path, *, other: str) -> Any: ...  # type: ignore[override]  # same


class DefaultAgainstSchema(Good):
    parameter_schema: ClassVar[dict[str, Any]] = {"properties": {"width": {"type": "integer"}}}

    def serialize(self, value: Any, directory: Path, *, width: Any = "wide") -> Any: ...  # type: ignore[override]  # same


class NeedsArguments(Good):
    def __init__(self, needed: int) -> None: ...


@pytest.mark.parametrize(
    ("task", "named"),
    [
        (NoDeserialize, "deserialize"),
        (NoFormat, "format"),
        (CannotTake, "'width'"),
        (CannotTakeOnLoad, "deserialize.*'sep'"),
        (AsksForMore, "other"),
        (DefaultAgainstSchema, "'wide'"),
        (NeedsArguments, "cannot be made"),
    ],
)
def test_g17_class_that_contradicts_itself_is_refused(task: type, named: str) -> None:
    """G17: a class that lacks a method, or whose schema contradicts its signature, is refused."""
    with memory_session() as session:
        with pytest.raises(PluginError, match=named) as caught:
            session.save("a", "x", task=task)

        assert not list(session.store.version_ids())
    assert task.__name__ in str(caught.value)


# At save.


class ReturnsText(Good):
    def serialize(self, value: Any, directory: Path, **parameters: Any) -> Any:
        return str(super().serialize(value, directory))


class ReturnsMissing(Good):
    def serialize(self, value: Any, directory: Path, **parameters: Any) -> Any:
        return directory / "missing.txt"


class ReturnsOutside(Good):
    def serialize(self, value: Any, directory: Path, **parameters: Any) -> Any:
        super().serialize(value, directory)
        return Path(__file__)


class LeavesNothing(Good):
    def serialize(self, value: Any, directory: Path, **parameters: Any) -> Any: ...


class LeavesMore(Good):
    def serialize(self, value: Any, directory: Path, **parameters: Any) -> Any:
        (directory / "more.txt").write_text("")
        return super().serialize(value, directory)


class LeavesEmptyFolder(Good):
    def serialize(self, value: Any, directory: Path, **parameters: Any) -> Any:
        folder = directory / "folder"
        (folder / "empty").mkdir(parents=True)
        (folder / "a").write_text("a")
        return folder


class Raises(Good):
    def serialize(self, value: Any, directory: Path, **parameters: Any) -> Any:
        raise OSError("no disk")


@pytest.mark.parametrize(
    ("task", "named"),
    [
        (ReturnsText, "returned a str"),
        (ReturnsMissing, r"'missing\.txt', which is not there"),
        (ReturnsOutside, "left more or other files"),
        (LeavesNothing, "did not leave one file"),
        (LeavesMore, r"more or other files than 'a\.txt'"),
        (LeavesEmptyFolder, "empty folder 'folder/empty'"),
        (Raises, "no disk"),
    ],
)
def test_g17_wrong_result_of_serialize_is_refused(task: type, named: str) -> None:
    """G17: a wrong type or a missing path is refused at save, with the name of the class."""
    with memory_session() as session:
        with pytest.raises(NotSerializableError, match=named) as caught:
            session.save("a", "x", task=task)

        assert not session.versions().items
        assert not list(session.store.version_ids())
    assert task.__name__ in str(caught.value)


# G19: stored bytes.


class Destructive(Good):
    def deserialize(self, path: Path, **parameters: Any) -> Any:
        text = path.read_text()
        path.write_text("")
        path.unlink()
        return text


@pytest.mark.parametrize("inline_max_bytes", [0, 4096])
def test_g19_loading_never_changes_the_stored_bytes(tmp_path: Path, inline_max_bytes: int) -> None:
    """G19: deserialize may do what it likes with what it gets; the store stays as it is."""
    from artifact_plugins.testing import session_on_disk

    with session_on_disk(tmp_path, inline_max_bytes=inline_max_bytes) as session:
        version = session.save("a", "x", task=Destructive)

        assert [session.load(version) for _ in range(3)] == ["a", "a", "a"]
        session.store.check(version)


# G21: types.


class OnlyText(Good):
    types: ClassVar[tuple[str, ...]] = ("builtins:str",)


class GivesNumber(OnlyText):
    gives: ClassVar[Any] = None

    def deserialize(self, path: Path, **parameters: Any) -> Any:
        return path.read_text() if self.gives is None else self.gives


def test_g21_type_of_a_value_is_checked_on_save() -> None:
    """G21: a value of another type than the artifact task takes is refused at save."""
    with memory_session() as session:
        with pytest.raises(NotSerializableError, match="takes builtins:str, not builtins:int"):
            session.save(3, "x", task=OnlyText)

        assert not list(session.store.version_ids())


def test_g21_type_of_a_value_is_checked_on_load(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G21: a value of another type than was saved is refused on load."""
    version = session.save("a", "x", task=GivesNumber)
    monkeypatch.setattr(GivesNumber, "gives", 3)

    with pytest.raises(LoadFailedError, match="gave builtins:int, not builtins:str"):
        session.load(version)


class Text(str):
    pass


class LossyParameters(BaseModel):
    lossy: bool = False


class MayBeLossy(Good):
    Parameters: ClassVar[type[BaseModel]] = LossyParameters

    def deserialize(self, path: Path, **parameters: Any) -> Any:
        return path.read_text().lower()


@pytest.mark.parametrize(
    ("value", "options", "error"),
    [
        ("A", {}, RoundTripError),
        (Text("a"), {}, RoundTripError),
        (Text("a"), {"lossy": True}, RoundTripError),
    ],
    ids=["value", "type", "type though lossy"],
)
def test_what_comes_back_different_is_refused(
    session: Session, value: Any, options: dict[str, Any], error: type[ArtifactPluginsError]
) -> None:
    """A changed value is refused unless `lossy` is True, a changed type always."""
    with pytest.raises(error):
        session.save(value, "x", task=MayBeLossy, options=options)

    assert not session.versions().items


def test_lossy_value_is_kept(session: Session) -> None:
    """With `lossy` a changed value is kept, and the record says so."""
    version = session.save("A", "x", task=MayBeLossy, options={"lossy": True})

    assert session.load(version) == "a"
    assert version.parameters == {"lossy": True}


class Point:
    def __init__(self, x: int) -> None:
        self.x = x


class PointTask(Good):
    def serialize(self, value: Point, directory: Path, **parameters: Any) -> Any:
        return super().serialize(value.x, directory)

    def deserialize(self, path: Path, **parameters: Any) -> Any:
        return Point(int(super().deserialize(path)))


def test_class_without_equality_is_compared_by_its_bytes(session: Session) -> None:
    """Objects that are only equal to themselves are compared by what is written of them."""
    version = session.save(Point(3), "x", task=PointTask)

    assert session.load(version).x == 3


def test_record_alone_imports_nothing(session: Session, write_module: Any) -> None:
    """A stored import path whose module is not imported is refused, not imported."""
    version = session.save(["a"], "x", task=samples.Joined)
    write_module("trap", "raise SystemExit('imported')")
    forged = version.model_copy(update={"artifact_task": "trap:Task"})

    with pytest.raises(ArtifactPluginsError):
        session.load(forged)

    assert "trap" not in sys.modules
