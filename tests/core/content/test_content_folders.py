"""Folders and files by path: saved, restored for as long as they are wanted, or read in place."""

from __future__ import annotations

import stat

from artifact_plugins.records import ArtifactVersion, new_id, now

MEBIBYTE = 1024 * 1024


def test_directory_round_trip(store):
    """A folder saved by path comes back as a folder of equal files."""
    files = {"a.txt": b"small", "deep/er/b.bin": b"x" * (2 * MEBIBYTE), "empty": b""}
    writer = store.writer(new_id())
    scratch = writer.scratch()
    assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
    for name, data in files.items():
        (scratch / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / name).write_bytes(data)

    writer.add_directory(scratch)

    version = _record(writer)
    folder = store.reader(version).directory()
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert found == files
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not scratch.exists()


def test_foreign_folder_is_copied(store, tmp_path):
    """Adding a folder that is not the scratch folder leaves it as it is."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_bytes(b"a" * 9000)
    writer = store.writer(new_id())

    writer.add_directory(tmp_path / "mine")

    version = _record(writer)
    assert (tmp_path / "mine" / "a.txt").read_bytes() == b"a" * 9000
    assert bytes(store.reader(version).buffer("a.txt")) == b"a" * 9000


def test_single_small_file_of_a_folder_is_inline(store):
    """A path-based save of one small file touches versions/ as little as a direct one."""
    writer = store.writer(new_id())
    (writer.scratch() / "value.json").write_bytes(b"{}")
    writer.add_directory(writer.scratch())

    assert writer.finish().inline == b"{}"
    writer.abort()


def test_restored_folder_lives_until_close(store, save):
    """The folder goes with its reader, or with the store when it is kept."""
    version = save(store, {"a": b"1", "b": b"2"})
    reader, keeper = store.reader(version), store.reader(version)
    dropped, kept = reader.directory(), keeper.directory(keep=True)
    version = save(store, {"deep/a": b"1"})
    deep = store.reader(version).sub("deep")
    assert deep.directory(keep=True) == deep.directory()
    assert reader.directory() == dropped

    reader.close()
    keeper.close()
    assert (dropped.exists(), kept.exists()) == (False, True)

    store.close()
    assert not kept.exists()


def test_preexisting_file(store, save, tmp_path):
    """A registered file stays where it is and is verified like any other."""
    path = tmp_path / "data.csv"
    path.write_bytes(b"a,b\n" * 5000)
    files = store.describe_path(path)
    fields = {"files": files, "uri": path.as_uri(), "content_hash": store.content_hash(files)}
    version = save(store, {}, save_type="preexisting").model_copy(update=fields)

    assert bytes(store.reader(version).buffer("data.csv")) == b"a,b\n" * 5000
    store.check(version)


def test_preexisting_folder(store, save, tmp_path):
    """A registered folder is read file by file from where it is."""
    (tmp_path / "set" / "deep").mkdir(parents=True)
    (tmp_path / "set" / "a").write_bytes(b"1")
    (tmp_path / "set" / "deep" / "b").write_bytes(b"2")
    files = store.describe_path(tmp_path / "set")
    fields = {"files": files, "uri": str(tmp_path / "set"), "is_directory": True}
    version = save(store, {}, save_type="preexisting").model_copy(update=fields)

    assert store.reader(version).names() == ("a", "deep/b")
    assert bytes(store.reader(version).buffer("deep/b")) == b"2"
    assert (store.reader(version).directory() / "deep" / "b").read_bytes() == b"2"


def _record(writer):
    written = writer.finish()
    published = writer.publish({"artifact": "flights"}, "text/plain")
    return ArtifactVersion(
        id=published.uri[-36:],
        project="test",
        artifact="flights",
        data_type="pathlib:Path",
        format="path/1",
        uri=published.uri,
        files=written.files,
        content_hash=written.content_hash,
        manifest_digest=published.manifest_digest,
        created_at=now(),
    )
