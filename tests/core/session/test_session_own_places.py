"""A folder that holds the store or the ledger is not saved into itself."""

from __future__ import annotations

from pathlib import Path

import pytest

import artifact_plugins as ap
from artifact_plugins.errors import NotSerializableError
from artifact_plugins.session.own_places import own_places


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a file, a folder for a store and one for a ledger."""
    for name in ("work/data", "work/records", "work/store"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "work" / "data" / "a.txt").write_text("a")
    return tmp_path / "work"


def settings(folder: Path) -> ap.Settings:
    """Return settings whose store and ledger lie in different folders of `folder`."""
    return ap.Settings(
        store_url=str(folder / "store"), ledger_url=f"sqlite:///{folder / 'records/l.sqlite'}"
    )


@pytest.mark.parametrize("how", ["value", "element", "directory"])
@pytest.mark.parametrize("name", [".", "..", "records", "store", "records/l.sqlite"])
def test_own_places_are_refused(folder, monkeypatch, name, how):
    """Alone, in a list and by an artifact task: a named error, and nothing is written."""
    monkeypatch.chdir(folder)
    with ap.open_session(settings(folder)) as session:
        before = sorted(folder.rglob("*"))
        value = [Path(name)] if how == "element" else Path(name)

        with pytest.raises(NotSerializableError, match="where this session keeps its versions"):
            session.save(value, "all", task=how if how == "directory" else None)

        assert len(list(session.versions())) == 0
        assert [path for path in sorted(folder.rglob("*")) if path not in before] == []


@pytest.mark.parametrize("task", [None, "directory"])
def test_folder_beside_them_is_saved(folder, monkeypatch, task):
    """Negative control: a folder beside the store is a value as any other."""
    monkeypatch.chdir(folder)
    with ap.open_session(settings(folder)) as session:
        loaded = session.load(session.save(Path("data"), "data", task=task))

        assert (loaded / "a.txt").read_text() == "a"


def test_link_to_them_is_seen_through(folder):
    """A symbolic link to the working folder holds what the folder holds."""
    (folder.parent / "link").symlink_to(folder)
    with (
        ap.open_session(settings(folder)) as session,
        pytest.raises(NotSerializableError, match="where this session keeps its versions"),
    ):
        session.save(folder.parent / "link", "all")


def test_places_elsewhere_are_none():
    """A bucket, a server and memory are in no folder."""
    assert own_places("s3://bucket/prefix", "postgresql://host/db") == ()
    assert own_places("memory://", "sqlite://") == ()
