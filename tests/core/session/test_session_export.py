"""Exported files lie in the target and nowhere else, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from artifact_plugins import errors


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder of two files and a subfolder."""
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("a" * 10_000)
    (root / "sub" / "b.txt").write_text("b" * 10_000)
    return root


@pytest.mark.parametrize("as_text", [False, True], ids=["Path", "text"])
def test_files_are_copied(session, tree, tmp_path, as_text):
    """The target may be a Path or text; it is made when it is not there."""
    version = session.register(tree, "tree")
    target = tmp_path / "new" / "target"

    written = session.export(version, str(target) if as_text else target)

    assert written == (target / "a.txt", target / "sub" / "b.txt")
    assert (target / "sub" / "b.txt").read_text() == "b" * 10_000


@pytest.mark.parametrize("path", ["../evil.json", "/tmp/evil.json", "a/../../evil.json", "..", ""])
def test_recorded_name_does_not_lead_out_of_the_target(session, tmp_path, path):
    """A record that somebody changed writes nothing outside."""
    version = session.save(1, "x")
    changed = version.model_copy(
        update={"files": (version.files[0].model_copy(update={"path": path}),)}
    )
    target = tmp_path / "deep" / "target"

    with pytest.raises(errors.ManifestInvalidError):
        session.export(changed, target)

    assert not list(tmp_path.rglob("evil*"))


def test_existing_file_is_not_replaced(session, tree, tmp_path):
    """Nothing is copied when one of the files is there, be it a dangling link."""
    version = session.register(tree, "tree")
    target = tmp_path / "target"
    (target / "sub").mkdir(parents=True)
    (target / "sub" / "b.txt").symlink_to(tmp_path / "nowhere")

    with pytest.raises(errors.InputError, match="exists"):
        session.export(version, target)

    assert not (target / "a.txt").exists()
    assert not (tmp_path / "nowhere").exists()


def test_target_that_is_a_file_is_refused(session, tmp_path):
    """A file cannot hold files."""
    (tmp_path / "file").write_text("mine")
    version = session.save(1, "x")

    with pytest.raises(errors.InputError, match="no folder"):
        session.export(version, tmp_path / "file")
    with pytest.raises(errors.InputError, match="folder"):
        session.export(version, 5)

    assert (tmp_path / "file").read_text() == "mine"


def test_target_below_a_file_is_named(session, tmp_path):
    """A folder cannot be made below a file."""
    (tmp_path / "file").write_text("mine")
    version = session.save(1, "x")

    with pytest.raises(errors.StoreWriteError, match="file"):
        session.export(version, tmp_path / "file" / "new")


def test_damaged_file_leaves_no_copy(session, tree, tmp_path):
    """The first file is removed again when the second is not what was registered."""
    version = session.register(tree, "tree")
    (tree / "sub" / "b.txt").write_text("c" * 10_000)

    with pytest.raises(errors.DigestMismatchError):
        session.export(version, tmp_path / "target")

    assert [path for path in (tmp_path / "target").rglob("*") if path.is_file()] == []


def test_export_works_after_a_failed_one(session, tree, tmp_path):
    """Negative control: what a failed export leaves is not in the way."""
    version = session.register(tree, "tree")
    (tree / "sub" / "b.txt").write_text("c" * 10_000)
    with pytest.raises(errors.DigestMismatchError):
        session.export(version, tmp_path / "target")
    (tree / "sub" / "b.txt").write_text("b" * 10_000)

    assert len(session.export(version, tmp_path / "target")) == 2
