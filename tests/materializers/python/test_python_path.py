"""A file or directory comes back with its name, its empty folders and its executable bits."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path, PurePath

import pytest

from artifact_materializers.python.path import PathMaterializer
from artifact_plugins.errors import LoadFailedError, NotSerializableError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a directory with files, folders and odd names."""
    root = tmp_path / "my data"
    (root / "empty" / "inner").mkdir(parents=True)
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "file.txt").write_bytes(b"text")
    (root / "a" / "none").write_bytes(b"")
    (root / "run.sh").write_bytes(b"#!")
    (root / "run.sh").chmod(0o755)
    (root / "ünï 12:30 #[x].csv").write_bytes(b"odd")
    return root


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return an empty folder."""
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def test_directory_comes_back_whole(tree, target):
    """Names, bytes, empty folders and executable bits are kept; modes of others are not."""
    materializer = PathMaterializer()

    materializer.save(tree, target)
    for folder in sorted(target.rglob("*"), reverse=True):  # stores keep files only
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    for file in target.rglob("*"):
        file.chmod(0o700 if file.is_dir() else 0o600)
    loaded = materializer.load(target, Path)

    assert type(loaded) is type(tree)
    assert loaded.name == "my data"
    assert materializer.equal(loaded, tree)
    assert (loaded / "empty" / "inner").is_dir()
    assert os.access(loaded / "run.sh", os.X_OK)
    assert not os.access(loaded / "a" / "none", os.X_OK)


@pytest.mark.parametrize("content", [b"", b"bytes" * 1000])
def test_file_comes_back_with_its_name(tmp_path, target, content):
    """A single file is loaded as a path of the same name."""
    file = tmp_path / "model.bin"
    file.write_bytes(content)
    materializer = PathMaterializer()

    materializer.save(file, target)
    loaded = materializer.load(target, Path)

    assert (loaded.name, loaded.read_bytes()) == ("model.bin", content)
    assert materializer.equal(loaded, file)


def test_empty_directory_comes_back(tmp_path, target):
    """A directory without anything in it is a directory again."""
    (tmp_path / "void").mkdir()

    PathMaterializer().save(tmp_path / "void", target)
    (target / "content" / "void").rmdir()
    loaded = PathMaterializer().load(target, Path)

    assert loaded.is_dir()
    assert list(loaded.iterdir()) == []


def test_same_tree_gives_the_same_bytes(tree, tmp_path):
    """Order on disk, times and place of the tree do not show."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        os.utime(tree / "run.sh", (1, 1))
        PathMaterializer().save(tree, folder)

    contents = [
        {f.relative_to(d).as_posix(): f.read_bytes() for f in d.rglob("*") if f.is_file()}
        for d in folders
    ]

    assert contents[0] == contents[1]
    assert contents[0]["tree.json"] == (
        b'{"name":"my data","is_directory":true,"empty_folders":["empty/inner"],'
        b'"executables":["run.sh"]}'
    )


def test_dot_has_the_name_of_its_folder(tree, target, monkeypatch):
    """`Path('.')` is saved under the name of the folder it stands for."""
    monkeypatch.chdir(tree)

    PathMaterializer().save(Path(), target)

    assert PathMaterializer().load(target, Path).name == "my data"


def test_what_is_no_file_is_refused_by_name(tree, target, monkeypatch):
    """Links, pipes, sockets and links in a circle are refused; the message has their path."""
    monkeypatch.chdir(tree / "a")
    for name, make, words in [
        ("link", lambda p: p.symlink_to("none"), "a symbolic link"),
        ("loop", lambda p: p.symlink_to(tree), "a symbolic link"),
        ("gone", lambda p: p.symlink_to("nowhere"), "a symbolic link"),
        ("pipe", os.mkfifo, "a named pipe"),
        ("plug", lambda p: _bind(p), "a socket"),
    ]:
        odd = tree / "a" / name
        make(odd)
        for value in (tree, odd):
            with pytest.raises(NotSerializableError, match=f"a/{name}' is {words}") as caught:
                PathMaterializer().save(value, target)
            assert caught.value.path == str(odd)
        odd.unlink()

    assert list(target.iterdir()) == []


def _bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind(path.name)  # relative: the path of a socket is at most 108 bytes


def test_device_and_root_are_refused(target):
    """A device is refused, and so is a path without a name."""
    for path in (Path("/dev/null"), Path("/")):
        with pytest.raises(NotSerializableError):
            PathMaterializer().save(path, target)


def test_path_to_nothing_is_refused(tmp_path, target):
    """A path at which nothing lies has no content to keep."""
    with pytest.raises(NotSerializableError, match="nowhere' cannot be read: No such file"):
        PathMaterializer().save(tmp_path / "nowhere", target)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse these names themselves")
@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([os.fsdecode(b"\xff")], "not Unicode"),
        (["a\\b"], "a backslash"),
        (["Data", "data"], "one name"),
        (["é", "e\u0301"], "one name"),
    ],
)
def test_names_that_cannot_be_restored_are_refused(tmp_path, target, names, words):
    """Names that another system would refuse or merge are refused when saving."""
    root = tmp_path / "root"
    root.mkdir()
    for name in names:
        (root / name).write_bytes(b"")

    with pytest.raises(NotSerializableError, match=words):
        PathMaterializer().save(root, target)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("../out", "x"), ("/etc", "x"), ("..", "x"), ("", "x"), ("a/b", "x"), (5, "x"),
        ("n", "../../out"), ("n", "/tmp/out"), ("n", "a//b"), ("n", "a/../b"), ("n", 5),
    ],
)  # fmt: skip
def test_header_cannot_lead_outside(target, tmp_path, name, folder):
    """Names in `tree.json` that leave the folder are refused, and nothing is made."""
    import json

    header = {"name": name, "is_directory": True, "empty_folders": [folder], "executables": []}
    (target / "tree.json").write_text(json.dumps(header))

    with pytest.raises(LoadFailedError):
        PathMaterializer().load(target, Path)
    assert [path.name for path in tmp_path.rglob("*")] == ["target", "tree.json"]


def test_missing_content_is_named(target):
    """A folder without what `tree.json` describes is an error, not a path to nothing."""
    with pytest.raises(LoadFailedError, match="tree.json"):
        PathMaterializer().load(target, Path)


def test_difference_is_seen(tree, tmp_path):
    """Other bytes, names or folders are not equal (negative control of the comparison)."""
    import shutil

    materializer = PathMaterializer()
    same = tmp_path / "copies" / "my data"
    shutil.copytree(tree, same)
    assert materializer.equal(tree, same)

    (same / "a" / "none").write_bytes(b"x")
    assert not materializer.equal(tree, same)
    (same / "a" / "none").write_bytes(b"")
    (same / "empty" / "inner").rmdir()
    assert not materializer.equal(tree, same)
    assert not materializer.equal(tree, tree / "a")


def test_tree_is_described(tree):
    """Metadata count files and bytes; the preview lists the files."""
    described = PathMaterializer().describe(tree)
    preview = PathMaterializer().preview(tree)[0]

    assert described == {"name": "my data", "is_directory": True, "files": 4, "size_bytes": 9}
    assert preview.kind == "text"
    assert "my data/run.sh" in preview.content


def test_pure_paths_are_values_not_trees(round_trip):
    """A pure path names no file: it is kept as it is written."""
    pure = PurePath("no/such/file")

    assert round_trip([pure]) == [pure]
