"""A Dioptra plugin folder is named by its path, and its classes are used unchanged."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifact_integrations.dioptra import load_folder
from artifact_plugins import Session
from artifact_plugins.errors import PluginError
from artifact_plugins.testing import session_on_disk

HERE = Path(__file__).parent
SHOUTING = """
from pathlib import Path
from dioptra.sdk.api.artifact import ArtifactTaskInterface
from .words import shout
import {name}.words as again

class Shout(ArtifactTaskInterface):
    @staticmethod
    def serialize(working_dir, name, contents):
        path = Path(working_dir, name + ".txt")
        path.write_text(shout(contents))
        return path
    @staticmethod
    def deserialize(working_dir, path):
        return again.calm(Path(working_dir, path).read_text())
    @staticmethod
    def validation():
        return None
"""
WORDS = """
def shout(text): return text.upper()
def calm(text): return text.lower()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A plugin folder of two files, one importing the other both ways."""
    made = tmp_path / "shouting_plugin"
    made.mkdir()
    (made / "artifacts.py").write_text(SHOUTING.format(name=made.name))
    (made / "words.py").write_text(WORDS)
    yield made
    for name in [n for n in sys.modules if n.partition(".")[0] in ("shouting_plugin", "other")]:
        del sys.modules[name]


def test_folder_gives_its_classes(folder: Path) -> None:
    """Every file is imported; every artifact task is found by its class name."""
    assert list(load_folder(folder)) == ["Shout"]
    assert load_folder(folder)["Shout"] is load_folder(str(folder))["Shout"]


def test_class_of_a_folder_saves_and_loads(folder: Path, tmp_path: Path) -> None:
    """`task="dioptra:FOLDER:CLASS"` is enough; the record names the class."""
    with session_on_disk(tmp_path / "s", trust_home=tmp_path / "home") as session:
        version = session.save("hi", "x", task=f"dioptra:{folder}:Shout")

        assert version.artifact_task == "shouting_plugin.artifacts:Shout"
        assert session.load(version) == "hi"
        assert session.save("hi", "x", task=f"dioptra:{folder}:Shout").version == 2


def test_folder_in_the_settings_loads_in_another_session(folder: Path, tmp_path: Path) -> None:
    """With the folder in `Settings.artifact_tasks`, another session loads the version too."""
    settings = {
        "trust_home": tmp_path / "home",
        "artifact_tasks": {"builtins:str": f"dioptra:{folder}:Shout"},
    }
    with session_on_disk(tmp_path / "s", **settings) as session:
        version = session.save("hi", "x")
        with Session(session.settings) as again:
            assert again.load(again.find("x")) == "hi"

    assert version.artifact_task == "shouting_plugin.artifacts:Shout"


def test_unknown_class_of_a_folder_is_named(folder: Path, tmp_path: Path) -> None:
    """A class that the folder lacks is refused with those that it has."""
    with (
        session_on_disk(tmp_path / "s") as session,
        pytest.raises(PluginError, match=r"'Whisper'.*\['Shout'\]"),
    ):
        session.save("hi", "x", task=f"dioptra:{folder}:Whisper")


def test_second_folder_of_one_name_is_refused(folder: Path, tmp_path: Path) -> None:
    """Two folders of one name cannot live in one process, and the second says so."""
    load_folder(folder)
    second = tmp_path / "elsewhere" / folder.name
    shutil.copytree(folder, second, ignore=shutil.ignore_patterns("__pycache__"))

    with pytest.raises(PluginError, match="name of another module"):
        load_folder(second)


def test_folder_with_the_name_of_a_library_is_refused(folder: Path) -> None:
    """A folder never stands in the way of an installed package."""
    named = folder.parent / "json"
    shutil.copytree(folder, named)

    with pytest.raises(PluginError, match="name of another module"):
        load_folder(named)


@pytest.mark.parametrize("what", ["missing", "a file", "no name"])
def test_what_is_no_plugin_folder_is_refused(folder: Path, what: str) -> None:
    """A path that is no importable folder is refused by name."""
    path = {
        "missing": folder / "missing",
        "a file": folder / "words.py",
        "no name": folder.parent / "no-name",
    }[what]
    if what == "no name":
        path.mkdir()

    with pytest.raises(PluginError, match="no Dioptra plugin folder"):
        load_folder(path)


def test_broken_file_is_named(folder: Path) -> None:
    """A file that cannot be imported is named with its reason."""
    (folder / "zzz.py").write_text("import not_there_at_all")

    with pytest.raises(PluginError, match=r"shouting_plugin\.zzz.*not_there_at_all"):
        load_folder(folder)


def test_two_files_with_one_class_name_are_refused(folder: Path) -> None:
    """A worker finds classes by bare name, so one name twice is refused."""
    (folder / "second.py").write_text(SHOUTING.format(name=folder.name))

    with pytest.raises(PluginError, match="'Shout'"):
        load_folder(folder)
