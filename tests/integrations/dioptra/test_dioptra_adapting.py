"""A Dioptra artifact task, unchanged, saves and loads here; what a worker would trip over is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from artifact_plugins import Session
from artifact_plugins.errors import (
    ArtifactPluginsError,
    NotSerializableError,
    PluginError,
    SettingsError,
    TrustError,
)
from artifact_plugins.testing import session_on_disk


@pytest.fixture
def session(tmp_path: Path):
    with session_on_disk(tmp_path / "session", trust_home=tmp_path / "home") as opened:
        yield opened


def is_empty(session: Session) -> bool:
    return not session.versions().items and not list(session.store.version_ids())


def test_class_is_taken_unchanged(session: Session, tasks: ModuleType) -> None:
    """A class is named by `task=`; its import path is recorded, its file stored as it is."""
    version = session.save("hello", "x", task=tasks.TextTask, options={"suffix": "text"})

    assert version.artifact_task == "dioptra_tasks:TextTask"
    assert version.parameters == {"suffix": "text"}
    assert [file.path for file in version.files] == ["artifact.text"]
    assert session.load(version) == "hello"


def test_import_path_in_the_settings(tmp_path: Path, tasks: ModuleType) -> None:
    """`Settings.artifact_tasks` takes the import path of a Dioptra class."""
    with session_on_disk(
        tmp_path / "s",
        trust_home=tmp_path / "home",
        artifact_tasks={"builtins:str": "dioptra_tasks:TextTask"},
    ) as session:
        version = session.save("hello", "x")

        assert version.artifact_task == "dioptra_tasks:TextTask"
        assert session.load(version) == "hello"


def test_class_without_the_base_is_known_by_its_methods(
    session: Session, tasks: ModuleType
) -> None:
    """A class with the three methods is enough."""
    assert session.load(session.save("hello", "x", task=tasks.NoBase)) == "hello"


def test_only_what_was_returned_is_kept(session: Session, tasks: ModuleType) -> None:
    """A worker uploads what serialize returned, and so is it here: nothing beside it."""
    value = {"a": "1", "b": "2"}

    version = session.save(value, "x", task=tasks.FolderTask)

    assert [file.path for file in version.files] == ["artifact/a", "artifact/b"]
    assert session.load(version) == value


def test_path_outside_the_folder_is_copied(
    session: Session, tasks: ModuleType, tmp_path: Path
) -> None:
    """A returned path that lies elsewhere is copied in; a loaded path stays readable."""
    (tmp_path / "data.bin").write_bytes(b"\0\1")

    version = session.save(tmp_path / "data.bin", "x", task=tasks.FileTask)
    loaded = session.load(version)

    assert [file.path for file in version.files] == ["data.bin"]
    assert loaded.read_bytes() == b"\0\1"
    assert (tmp_path / "data.bin").exists()


def test_g9_arguments_are_stored_and_none_are_given_on_load(
    session: Session, tasks: ModuleType
) -> None:
    """G9: arguments are stored with the version; a Dioptra class gets none on load."""
    version = session.save("a", "x", task=tasks.TextTask, options={"suffix": "text"})

    assert session.find("x").parameters == {"suffix": "text"}
    assert session.load(version) == "a"


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("NoValidation", "validation"),
        ("WithSelf", "deserialize"),
        ("OtherNames", "deserialize"),
        ("TooFew", "serialize"),
        ("SchemaItCannotTake", "'other'"),
        ("DefaultItRefuses", "'txt'"),
        ("NoSchema", "JSON Schema"),
        ("ListAsValidation", "validation"),
        ("RaisingValidation", "no schema today"),
    ],
)
def test_g17_class_that_a_worker_cannot_use_is_refused(
    session: Session, tasks: ModuleType, name: str, named: str
) -> None:
    """G17: a missing method, a wrong signature or a contradicting schema is refused by name."""
    with pytest.raises(PluginError, match=named) as caught:
        session.save("a", "x", task=getattr(tasks, name))

    assert name in str(caught.value)
    assert is_empty(session)


@pytest.mark.parametrize(
    ("name", "named"), [("ReturnsText", "returned a str"), ("ReturnsMissing", r"out\.npy")]
)
def test_g17_wrong_result_is_refused(
    session: Session, tasks: ModuleType, name: str, named: str
) -> None:
    """G17: text instead of a path, or a path that is not there, is refused at save."""
    with pytest.raises(NotSerializableError, match=named) as caught:
        session.save("a", "x", task=getattr(tasks, name))

    assert name in str(caught.value)
    assert is_empty(session)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("TextTask", {"sufix": "txt"}),
        ("TextTask", {"suffix": "csv"}),
        ("TextTask", {"suffix": 3}),
        ("FileTask", {"anything": 1}),
    ],
)
def test_g18_wrong_arguments_are_refused_before_anything_is_written(
    session: Session, tasks: ModuleType, name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    """G18: what Dioptra lets pass, an unknown or wrongly typed argument, is refused."""
    folder = tmp_path / "folder"  # beside the store
    folder.mkdir()
    value = "a" if name == "TextTask" else folder

    with pytest.raises(SettingsError):
        session.save(value, "x", task=getattr(tasks, name), options=options)

    assert is_empty(session)


def test_g19_loading_never_changes_the_stored_bytes(session: Session, tasks: ModuleType) -> None:
    """G19: a class that empties what it reads does so to a private copy."""
    version = session.save("hello", "x", task=tasks.Emptying)

    assert [session.load(version) for _ in range(2)] == ["hello", "hello"]
    session.store.check(version)


def test_g21_type_is_checked_on_load(
    session: Session, tasks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G21: a value of another type than was saved is refused."""
    version = session.save("hello", "x", task=tasks.TextTask)
    monkeypatch.setattr(tasks.TextTask, "deserialize", staticmethod(lambda working_dir, path: 3))

    with pytest.raises(ArtifactPluginsError, match="builtins:int"):
        session.load(version)


def test_loading_asks_for_trust(session: Session, tasks: ModuleType) -> None:
    """Nobody knows what a Dioptra class executes, so its versions need a trusted signature."""
    version = session.save("hello", "x", task=tasks.TextTask)

    with (
        Session(session.settings.model_copy(update={"trust": "installed"})) as careful,
        pytest.raises(TrustError),
    ):
        careful.load(version)


def test_class_may_say_that_it_executes_nothing(
    session: Session, tasks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`executes_on_load = False` on the class is believed."""
    monkeypatch.setattr(tasks.TextTask, "executes_on_load", False, raising=False)
    version = session.save("hello", "x", task=tasks.TextTask)

    with Session(session.settings.model_copy(update={"trust": "installed"})) as careful:
        assert careful.load(version) == "hello"


def test_nothing_of_dioptra_is_imported() -> None:
    """Opening a session and adapting nothing neither imports nor stands in for Dioptra."""
    script = (
        "import sys, artifact_plugins as ap\n"
        "ap.Settings\n"
        "from artifact_plugins.plugins import load_plugins\n"
        "load_plugins()\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] == 'dioptra']\n"
        "assert not any('dioptra' in type(f).__module__ for f in sys.meta_path)\n"
        "try:\n    import dioptra.sdk.api.artifact\n"
        "except ImportError: pass\n"
        "else: assert 'site-packages' in dioptra.sdk.api.artifact.__file__\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
