"""Which artifact task saves a value: what the output says, then the settings, then no one's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import artifact_task_samples as samples
import pytest

import artifact_plugins as ap
from artifact_plugins.errors import InputError, NoMaterializerError, PluginError
from artifact_plugins.testing import session_on_disk

WORDS = ["a", "b"]


def test_class_is_taken_and_recorded(session: ap.Session) -> None:
    """A class handed in saves the value; the record names it and no materializer."""
    version = session.save(WORDS, "x", task=samples.Joined, options={"sep": ";"})

    assert version.artifact_task == "artifact_task_samples:Joined"
    assert version.materializer is None
    assert (version.format, version.artifact_type) == ("joined/1", "Dataset")
    assert session.load(version) == WORDS


def test_name_is_taken(session: ap.Session) -> None:
    """A name that a plugin offers is enough, with and without its prefix."""
    one = session.save("text", "x", task="text")
    other = session.save("text", "x", task="artifact_task:text")

    assert (one.artifact_task, other.artifact_task) == ("text", "text")


def test_import_path_is_taken(session: ap.Session) -> None:
    """The import path of a class is taken too."""
    version = session.save(WORDS, "x", task="artifact_task_samples:Joined")

    assert version.artifact_task == "artifact_task_samples:Joined"


def test_unknown_name_names_the_nearest(session: ap.Session) -> None:
    """A name that nobody offers is refused, and the nearest is named."""
    with pytest.raises(NoMaterializerError, match="'csv_frame'"):
        session.save(WORDS, "x", task="csv_fram")


@pytest.mark.parametrize("wrong", [3, samples.Joined(), str], ids=["number", "instance", "class"])
def test_what_is_no_artifact_task_is_refused(session: ap.Session, wrong: object) -> None:
    """A number, an instance and any other class are refused by name."""
    with pytest.raises(PluginError, match="artifact task"):
        session.save(WORDS, "x", task=wrong)  # type: ignore[arg-type]  # the input under test


def test_both_choices_are_refused(session: ap.Session) -> None:
    """A materializer and an artifact task for one value contradict each other."""
    with pytest.raises(InputError, match="both"):
        session.save(WORDS, "x", task=samples.Joined, materializer=samples.Words)


def test_output_with_both_choices_is_refused() -> None:
    """An Output that names both is refused where it is written."""
    with pytest.raises(InputError, match="one of them"):
        ap.Output("x", task="text", materializer="python.document")


@pytest.mark.parametrize("named", ["artifact_task_samples:Joined", "artifact_task:text"])
def test_settings_give_types_an_artifact_task(tmp_path: Path, named: str) -> None:
    """`Settings.artifact_tasks` beats the materializer of a type."""
    value = WORDS if "Joined" in named else "text"
    tasks = {f"builtins:{type(value).__name__}": named}

    with session_on_disk(tmp_path, artifact_tasks=tasks) as session:
        version = session.save(value, "x")

        assert version.artifact_task == named.removeprefix("artifact_task:")
        assert session.load(version) == value


def test_output_beats_the_settings(tmp_path: Path) -> None:
    """The output's own choice wins, of either kind."""
    tasks = {"builtins:list": "artifact_task_samples:Joined"}
    with session_on_disk(tmp_path, artifact_tasks=tasks) as session:
        by_type = session.save(WORDS, "x", materializer="python.document")
        by_name = session.save([{"a": 1}], "x", task="jsonl_records")

    assert (by_type.materializer, by_type.artifact_task) == ("python.document", None)
    assert by_name.artifact_task == "jsonl_records"


def test_settings_with_a_bad_type_are_refused(tmp_path: Path) -> None:
    """A type without a colon is refused when the session opens."""
    with (
        pytest.raises(InputError, match=r"pandas\.DataFrame"),
        session_on_disk(tmp_path, artifact_tasks={"pandas.DataFrame": "csv_frame"}),
    ):
        pass


# A materializer serves as an artifact task, and an artifact task as a materializer.


@pytest.mark.parametrize(
    "task", ["materializer:python.document", "python.document", samples.Words], ids=str
)
def test_materializer_serves_as_an_artifact_task(session: ap.Session, task: object) -> None:
    """`task=` takes a materializer by key, with or without prefix, and by class."""
    version = session.save(WORDS, "x", task=task)  # type: ignore[arg-type]  # a parameter

    assert version.artifact_task is None
    assert version.materializer in ("python.document", "artifact_task_samples:Words")
    assert session.load(version) == WORDS


@pytest.mark.parametrize("named", ["text", "artifact_task:text", samples.BySchema], ids=str)
def test_artifact_task_serves_as_a_materializer(session: ap.Session, named: object) -> None:
    """`materializer=` takes an artifact task by name, with or without prefix, and by class."""
    version = session.save("text", "x", materializer=named)  # type: ignore[arg-type]  # same

    assert version.materializer is None
    assert version.artifact_task in ("text", "artifact_task_samples:BySchema")
    assert session.load(version) == "text"


def test_settings_take_either_kind_in_either_place(tmp_path: Path) -> None:
    """A task named in `Settings.materializers` and a key in `Settings.artifact_tasks` count."""
    with session_on_disk(
        tmp_path,
        materializers={"builtins:str": "text"},
        artifact_tasks={"builtins:dict": "materializer:python.document"},
    ) as session:
        text, mapping = session.save("text", "x"), session.save({"a": 1}, "x")

    assert (text.artifact_task, mapping.materializer) == ("text", "python.document")


def test_artifact_tasks_setting_beats_materializers_setting(tmp_path: Path) -> None:
    """A type in both settings is the business of `artifact_tasks`."""
    with session_on_disk(
        tmp_path,
        materializers={"builtins:str": "python.document"},
        artifact_tasks={"builtins:str": "text"},
    ) as session:
        assert session.save("text", "x").artifact_task == "text"


def test_elements_of_containers_are_saved_with_their_artifact_task(tmp_path: Path) -> None:
    """A type of the settings is honoured inside lists and dicts, and loads from there."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2]})
    tasks = {"pandas:DataFrame": "csv_frame"}

    with session_on_disk(tmp_path, artifact_tasks=tasks) as session:
        version = session.save({"one": frame, "two": [frame]}, "x")
        loaded = session.load(version)

        with session.store.reader(version) as files:
            assert b'"artifact_task:csv_frame"' in bytes(files.buffer("value.json"))
    assert loaded["one"].equals(frame)
    assert loaded["two"][0].equals(frame)


# In steps.


def test_output_names_an_artifact_task(session: ap.Session) -> None:
    """`Output(task=, options=)` saves the output; the next step gets the value."""

    @ap.step
    def make() -> Annotated[list, ap.Output("words", task=samples.Joined, options={"sep": ";"})]:
        return ["a", "b"]

    @ap.step
    def count(words: list) -> int:
        return len(words)

    with ap.start_run("r") as run:
        number = count(make())
        assert ap.value(number) == 2

    version = run["words"]
    assert version.artifact_task == "artifact_task_samples:Joined"
    assert version.parameters == {"sep": ";", "repeat": 1}
    assert run.load("words") == ["a", "b"]


def test_log_artifact_takes_an_artifact_task(session: ap.Session) -> None:
    """A value logged inside a step is saved with the artifact task that is named."""

    @ap.step
    def work() -> None:
        ap.log_artifact("note", "text", task="text", options={"encoding": "utf-16"})

    with ap.start_run("r"):
        work()

    version = session.find("note")
    assert (version.artifact_task, version.parameters) == ("text", {"encoding": "utf-16"})


@pytest.mark.parametrize("change", ["task", "options"])
def test_cache_key_counts_artifact_task_and_parameters(session: ap.Session, change: str) -> None:
    """Another artifact task or other parameters make the step run again."""

    def make(task: str, options: dict[str, str] | None) -> object:
        def body() -> Annotated[str, ap.Output("o", task=task, options=options)]:
            return "text"

        body.__annotations__["return"] = Annotated[str, ap.Output("o", task=task, options=options)]
        return ap.step(body, cache=True)

    other = ("text", {"encoding": "utf-16"}) if change == "options" else (samples.BySchema, None)
    for task, options in (("text", None), ("text", None), other):
        with ap.start_run("r"):
            make(task, options)()  # type: ignore[operator]  # a step

    tasks = session.tasks('name == "body"').items
    assert sorted(task.state for task in tasks) == ["CACHED", "SUCCEEDED", "SUCCEEDED"]
