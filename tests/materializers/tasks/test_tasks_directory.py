"""directory: the files of a folder under their own names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from artifact_materializers.tasks.directory import Directory
from artifact_plugins.errors import LossyConversionError, NotSerializableError
from artifact_plugins.testing import ArtifactTaskContract, session_on_disk


class TestDirectory(ArtifactTaskContract):
    task = Directory

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.folder = tmp_path_factory.mktemp("values")

    def values(self) -> list[Path]:
        full = self.folder / "full"
        (full / "inner").mkdir(parents=True, exist_ok=True)
        (full / "a.txt").write_text("a")
        (full / "inner" / "ä b.bin").write_bytes(b"\0\xff")
        single = self.folder / "single"
        single.mkdir(exist_ok=True)
        (single / "only.txt").write_text("one")
        empty = self.folder / "empty"
        empty.mkdir(exist_ok=True)
        return [full, single, empty]

    def refused(self) -> list[Any]:
        file = self.folder / "file"
        file.write_text("")
        return [file, self.folder / "missing", "text"]

    def wrong_parameters(self) -> list[dict[str, Any]]:
        return [{"lossy": "yes"}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "value"
    made.mkdir()
    (made / "a.txt").write_text("a")
    return made


def test_files_are_stored_under_their_names(folder: Path, tmp_path: Path) -> None:
    """A mirror holds the files themselves, without anything beside them."""
    with session_on_disk(tmp_path) as session:
        version = session.save(folder, "x", task="directory")

        assert [file.path for file in version.files] == ["a.txt"]


def test_loaded_folder_is_private(folder: Path, tmp_path: Path) -> None:
    """Changing the loaded folder changes nothing stored."""
    with session_on_disk(tmp_path) as session:
        version = session.save(folder, "x", task="directory")
        loaded = session.load(version)
        (loaded / "a.txt").write_text("changed")

        assert (session.load(version) / "a.txt").read_text() == "a"


@pytest.mark.parametrize("what", ["empty folder", "executable"])
def test_what_a_mirror_loses_is_refused_unless_lossy(
    folder: Path, tmp_path: Path, what: str
) -> None:
    """Empty folders and executable bits are named, and left out with `lossy`."""
    if what == "executable":
        (folder / "a.txt").chmod(0o755)
    else:
        (folder / "sub" / "empty").mkdir(parents=True)
    with session_on_disk(tmp_path) as session:
        with pytest.raises(LossyConversionError, match=r"empty|a\.txt"):
            session.save(folder, "x", task="directory")
        version = session.save(folder, "x", task="directory", options={"lossy": True})

        assert [file.path for file in version.files] == ["a.txt"]


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_links_and_pipes_are_refused(folder: Path, tmp_path: Path, kind: str) -> None:
    """What is neither a file nor a folder is refused by its name, lossy or not."""
    if kind == "link":
        (folder / "odd").symlink_to(folder / "a.txt")
    else:
        os.mkfifo(folder / "odd")
    with session_on_disk(tmp_path) as session, pytest.raises(NotSerializableError, match="odd"):
        session.save(folder, "x", task="directory", options={"lossy": True})
