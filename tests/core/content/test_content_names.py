"""Hostile and unusual file names."""

from __future__ import annotations

import os
import socket

import pytest

from artifact_plugins.content.names import is_plain, path_fault, stored_names
from artifact_plugins.errors import (
    ArtifactMissingError,
    InvalidKeyError,
    ManifestInvalidError,
    NotSerializableError,
)
from artifact_plugins.records import FileRecord, new_id


@pytest.fixture(params=["local", "memory", pytest.param("s3", marks=pytest.mark.server)])
def url(request, url_of):
    """The URL of a store that does not exist yet; all buckets share what is tested here."""
    return url_of(request.param)


PLAIN = ["a", "data.arrow", "A b-c_d.e", "deep/er/x.npy", "x" * 121, "/".join("abcdefghi")]

NUMBERED = [
    "ü.txt",
    ".hidden",
    "-rf",
    "a..b",
    "con",
    "x/AUX.txt",
    "lpt1.log",
    "a.",
    "b ",
    "manifest.json",
    "Manifest.JSON",
    "manifest.json/x",
    "_3",
    "_0/x",
    "ab:c",
    "[a]",
    "*",
    "~root",
    "new\nline",
    "%2e%2e%2f",
    "s\u202etxt.exe",
    "x" * 122,
    "x" * 255,
    "/".join("abcdefghij"),
]

REFUSED = [
    "",
    ".",
    "..",
    "../x",
    "a/../../b",
    "a/./b",
    "a//b",
    "a/",
    "/etc/passwd",
    "C:\\x",
    "C:x",
    "\\\\server\\share",
    "..\\x",
    "nul\0byte",
    "\udcff",
    "x" * 256,
    "é" * 128,
    "a/" * 3000 + "a",
]


@pytest.mark.parametrize("name", PLAIN)
def test_plain_names_are_kept(local, save, folder_of, name):
    """A safe name is the name of the file in the store."""
    version = save(local, {name: b"1", "other": b"2"})

    assert (folder_of(version) / name).read_bytes() == b"1"


@pytest.mark.parametrize("name", NUMBERED)
def test_other_names_are_stored_under_numbers(local, save, folder_of, name):
    """A name that is unsafe somewhere is data, not a name; it comes back exactly."""
    version = save(local, {name: b"1", "zz": b"2"})

    names = {file.name for file in folder_of(version).iterdir()}
    assert names == {"manifest.json", "_0", "zz"} or names == {"manifest.json", "_1", "zz"}
    assert local.reader(version).names() == tuple(sorted([name, "zz"]))
    assert bytes(local.reader(version).buffer(name)) == b"1"
    assert (local.reader(version).directory() / name).read_bytes() == b"1"
    local.check(version)


@pytest.mark.parametrize("name", NUMBERED)
def test_other_names_work_in_memory(open_store, save, name):
    """A memory store keeps unusual names as well."""
    store = open_store(f"memory://{new_id()}")

    version = save(store, {name: b"1" * 5000})

    assert bytes(store.reader(version).buffer(name)) == b"1" * 5000


@pytest.mark.parametrize("name", REFUSED)
def test_impossible_names_are_refused_at_save(store, name):
    """A name that could not be restored stops the save at once."""
    with pytest.raises(InvalidKeyError, match="file name"):
        store.writer(new_id()).open(name)


@pytest.mark.parametrize("name", [name for name in REFUSED if name != "\udcff"])
@pytest.mark.parametrize("size", [10, 5000])
def test_impossible_names_are_refused_at_restore(store, save, name, size):
    """A record with such a name writes nothing outside the private folder."""
    version = save(store, {"a": b"x" * size})
    file = version.files[0].model_copy(update={"path": name})
    changed = version.model_copy(update={"files": (file,)})

    with pytest.raises(ManifestInvalidError, match="cannot be restored"):
        store.reader(changed).directory()


@pytest.mark.parametrize(
    "names", [("A", "a"), ("é", "e\u0301"), ("ß/x", "SS/x"), ("a", "A/b"), ("x/Y", "x/y")]
)
def test_names_that_are_one_file_elsewhere(store, save, names):
    """Names that differ in case or Unicode form only load from buffers, not into a folder."""
    version = save(store, {names[0]: b"1", names[1]: b"2"})

    assert [bytes(store.reader(version).buffer(name)) for name in names] == [b"1", b"2"]
    with pytest.raises(ManifestInvalidError, match="one file"):
        store.reader(version).directory()


def test_streamed_clash_is_renamed_at_the_end(local, folder_of, save):
    """Large files whose names clash are stored under numbers, both of them."""
    data = {"Big": b"1" * 200_000, "big": b"2" * 200_000, "deep/x": b"3"}

    version = save(local, data)

    assert {file.name for file in folder_of(version).iterdir() if file.is_file()} == {
        "manifest.json",
        "_0",
        "_1",
    }
    for name, content in data.items():
        assert bytes(local.reader(version).buffer(name)) == content


@pytest.mark.parametrize("pair", [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a/b/c", "a/b")])
def test_one_name_for_two_files_is_refused(store, pair):
    """A name is used once, and not as a file and a folder."""
    writer = store.writer(new_id())
    writer.open(pair[0]).close()

    with pytest.raises(InvalidKeyError):
        writer.open(pair[1])

    writer.abort()


def test_stored_names_never_collide():
    """Whatever the names, two files of a version never share a name in the store."""
    paths = sorted({*PLAIN, *NUMBERED, "_1", "_2", "A", "Ü.txt", "DEEP"})

    names = stored_names(paths)

    assert len({name.casefold() for name in names}) == len(paths)
    assert all(is_plain(name) or name.startswith("_") for name in names)


def test_every_plain_name_is_restorable():
    """Negative control of the checks: plain names pass both."""
    assert [path_fault(name) for name in PLAIN] == [None] * len(PLAIN)
    assert all(map(is_plain, PLAIN))
    assert not any(map(is_plain, NUMBERED + REFUSED))


@pytest.mark.parametrize("kind", ["symlink", "dangling", "loop", "fifo", "socket"])
def test_special_files_are_refused_by_name(store, tmp_path, monkeypatch, kind):
    """A folder with anything but files and folders is not stored, and the path is named."""
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "plain").write_bytes(b"1")
    path = folder / "deep" / "odd"
    if kind == "symlink":
        path.symlink_to(folder / "plain")
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "loop":
        path.symlink_to(folder)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        monkeypatch.chdir(path.parent)
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("odd")
    writer = store.writer(new_id())

    for call in (store.describe_path, writer.add_directory):
        with pytest.raises(NotSerializableError, match="odd"):
            call(folder)

    path.unlink()
    assert [file.path for file in store.describe_path(folder)] == ["plain"]


@pytest.mark.parametrize("names", [["A", "a"], [b"\xff"], ["back\\slash"]])
def test_folders_that_could_not_come_back_are_refused(store, tmp_path, names):
    """A folder whose names could not be restored everywhere is refused at save."""
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(b"1")

    with pytest.raises(NotSerializableError):
        store.describe_path(tmp_path)


def test_hard_linked_file_is_copied(local, tmp_path):
    """A file of the scratch folder with a second name cannot be changed through it."""
    writer = local.writer(new_id())
    scratch = writer.scratch()
    (scratch / "a").write_bytes(b"x" * 9000)
    os.link(scratch / "a", tmp_path / "second")
    (scratch / "b").write_bytes(b"y" * 9000)

    writer.add_directory(scratch)
    uri = writer.publish({}, "text/plain").uri
    (tmp_path / "second").write_bytes(b"changed!!")

    published = tmp_path / "store" / uri.partition("/store/")[2] / "a"
    assert published.read_bytes() == b"x" * 9000


def test_missing_path_is_named(store, tmp_path):
    """Describing what is not there is an ArtifactMissingError."""
    with pytest.raises(ArtifactMissingError, match="nothing-here"):
        store.describe_path(tmp_path / "nothing-here")


def test_large_folder_keeps_its_order(local, save):
    """A version of a thousand files lists and loads them all."""
    files = {f"part-{index:04}/x.bin": index.to_bytes(4, "big") for index in range(1000)}

    version = save(local, files)

    assert local.reader(version).names() == tuple(files)
    assert FileRecord in {type(file) for file in version.files}
    assert bytes(local.reader(version).buffer("part-0999/x.bin")) == files["part-0999/x.bin"]
