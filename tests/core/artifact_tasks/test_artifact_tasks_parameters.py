"""Parameters are checked before anything is written, stored whole, and given back on load."""

from __future__ import annotations

from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

import artifact_task_samples as samples
import pytest
from pydantic import BaseModel, SecretStr

from artifact_plugins import ArtifactTask, Session
from artifact_plugins.errors import InputError, LoadFailedError, PluginError, SettingsError
from artifact_plugins.testing import memory_session


def is_empty(session: Session) -> bool:
    return not session.versions().items and not list(session.store.version_ids())


def test_g9_arguments_are_stored_and_given_back(session: Session) -> None:
    """G9: the arguments given to serialize are stored with the version and given back on load."""
    samples.Joined.seen.clear()

    version = session.save(["a"], "x", task=samples.Joined, options={"sep": ";"})
    session.load(session.find("x"))

    assert version.parameters == {"sep": ";", "repeat": 1}
    assert samples.Joined.seen[0] == ("serialize", {"sep": ";", "repeat": 1})
    assert samples.Joined.seen[-1] == ("deserialize", {"sep": ";", "repeat": 1})


def test_changed_default_changes_no_old_version(session: Session, monkeypatch: Any) -> None:
    """Defaults are stored, so a version keeps those it was written with."""
    version = session.save(["a", "b"], "x", task=samples.Joined)

    class Other(BaseModel):
        sep: str = "|"
        repeat: int = 9

    with session_of(session) as again:
        monkeypatch.setattr(samples.Joined, "Parameters", Other)
        assert again.load(version) == ["a", "b"]


def session_of(session: Session) -> Session:
    """Open the same store and ledger anew: nothing is remembered."""
    return Session(session.settings)


@pytest.mark.parametrize(
    ("task", "options", "named"),
    [
        (samples.Joined, {"sepp": ";"}, "sepp"),
        (samples.Joined, {"sep": 5}, "sep"),
        (samples.Joined, {"repeat": "5"}, "repeat"),
        (samples.Joined, {"repeat": True}, "repeat"),
        (samples.Joined, {"sep": None}, "sep"),
        (samples.BySchema, {"cas": "upper"}, "cas"),
        (samples.BySchema, {"case": "title"}, "case"),
        (samples.BySchema, {"width": "5"}, "width"),
        (samples.BySchema, {"width": 0}, "width"),
        (samples.BySchema, {"width": float("nan")}, "JSON"),
        (samples.BySchema, {"width": object()}, "JSON"),
    ],
)
def test_g18_wrong_parameters_are_refused_before_anything_is_written(
    task: type, options: dict[str, Any], named: str
) -> None:
    """G18: unknown and wrongly typed parameters are refused before anything is written."""
    value = ["a"] if task is samples.Joined else "a"
    with memory_session() as session:
        with pytest.raises(SettingsError, match=named) as caught:
            session.save(value, "x", task=task, options=options)

        assert is_empty(session)
    assert caught.value.artifact_task == f"artifact_task_samples:{task.__name__}"


def test_refusal_lists_what_there_is() -> None:
    """The message names every parameter that the artifact task takes."""
    with memory_session() as session, pytest.raises(SettingsError, match=r"\['repeat', 'sep'\]"):
        session.save(["a"], "x", task=samples.Joined, options={"separator": ";"})


@pytest.mark.parametrize("options", [3, "sep", [("sep", ";")], {1: 2}])
def test_what_is_no_mapping_is_refused(options: Any) -> None:
    """Options are a mapping with text as keys."""
    with memory_session() as session, pytest.raises(InputError, match="mapping"):
        session.save(["a"], "x", task=samples.Joined, options=options)


def test_defaults_of_a_schema_are_stored(session: Session) -> None:
    """A default that the schema names is stored; what it leaves open is the function's."""
    version = session.save("a", "x", task=samples.BySchema)

    assert version.parameters == {"case": "upper"}
    assert session.load(version) == "a"


class Unit(Enum):
    KELVIN = "K"


class Rich(BaseModel):
    unit: Unit = Unit.KELVIN
    day: date = date(2026, 1, 1)
    pair: tuple[int, int] = (1, 2)


class WithRich(ArtifactTask[str]):
    name = "rich"
    format = "rich/1"
    Parameters: ClassVar[type[BaseModel]] = Rich
    seen: ClassVar[list[Any]] = []

    def serialize(self, value: str, directory: Path, **parameters: Any) -> None:
        self.seen.append(parameters)
        (directory / "a").write_text(value)

    def deserialize(self, path: Path, **parameters: Any) -> str:
        self.seen.append(parameters)
        return path.read_text()


@pytest.mark.parametrize(
    "options",
    [
        {"unit": Unit.KELVIN, "day": date(2026, 2, 3), "pair": (3, 4)},
        {"unit": "K", "day": "2026-02-03", "pair": [3, 4]},
    ],
    ids=["values", "json"],
)
def test_rich_parameters_are_the_same_on_load(session: Session, options: dict[str, Any]) -> None:
    """Enums, dates and tuples reach serialize and deserialize as the same Python values."""
    WithRich.seen.clear()

    version = session.save("a", "x", task=WithRich, options=options)
    session.load(version)

    assert version.parameters == {"unit": "K", "day": "2026-02-03", "pair": [3, 4]}
    assert WithRich.seen[0] == {"unit": Unit.KELVIN, "day": date(2026, 2, 3), "pair": (3, 4)}
    assert all(seen == WithRich.seen[0] for seen in WithRich.seen)


class Secret(BaseModel):
    password: SecretStr = SecretStr("")


class WithSecret(WithRich):
    Parameters: ClassVar[type[BaseModel]] = Secret


def test_parameter_that_json_does_not_keep_is_refused() -> None:
    """A parameter that would come back from the record as something else is refused."""
    with memory_session() as session, pytest.raises(SettingsError, match="kept as JSON"):
        session.save("a", "x", task=WithSecret, options={"password": SecretStr("hidden")})


def test_recorded_parameters_that_no_longer_fit_are_named(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version whose parameter the installed class does not take says so."""
    version = session.save(["a"], "x", task=samples.Joined, options={"sep": ";"})

    class Other(BaseModel):
        sep: int = 1
        repeat: int = 1

    monkeypatch.setattr(samples.Joined, "Parameters", Other)
    with session_of(session) as again, pytest.raises(LoadFailedError, match="'sep'"):
        again.load(version)


class NoSchema(samples.BySchema):
    parameter_schema: ClassVar[dict[str, Any]] = {"properties": {"case": {"type": "nonsense"}}}


class RemoteSchema(samples.BySchema):
    parameter_schema: ClassVar[dict[str, Any]] = {
        "properties": {"case": {"$ref": "http://127.0.0.1:1/schema.json"}},
        "required": ["case"],
    }


@pytest.mark.parametrize("task", [NoSchema, RemoteSchema])
def test_schema_that_is_none_is_refused(task: type) -> None:
    """A schema that is none, or leads to the network, is refused; nothing is fetched."""
    with memory_session() as session:
        with pytest.raises(PluginError, match="JSON Schema"):
            session.save("a", "x", task=task, options={"case": "upper"})

        assert is_empty(session)
