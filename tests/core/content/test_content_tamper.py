"""Bytes that changed after they were saved are never handed out."""

from __future__ import annotations

import hashlib
import json
import os
import socket

import pytest

from artifact_plugins.content import ContentStore
from artifact_plugins.errors import (
    ArtifactMissingError,
    DigestMismatchError,
    InvalidKeyError,
    ManifestInvalidError,
    SizeMismatchError,
    StoreIntegrityError,
)
from artifact_plugins.records import FileRecord, new_id

SIZES = [5000, 300_000]  # read, and mapped
ANOTHER = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture(params=["always", "first"])
def fresh(request, open_store, tmp_path):
    """Open the same store as a process would that has never seen its versions."""
    return lambda: open_store(tmp_path / "store", verify=request.param)


def flip(path, position):
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("size", SIZES)
def test_untouched_files_load(local, fresh, save, size):
    """Negative control: what nobody touched loads, again and again."""
    version = save(local, {"a": b"x" * size})

    for store in (local, fresh()):
        assert bytes(store.reader(version).buffer("a")) == b"x" * size
        assert bytes(store.reader(version).buffer("a")) == b"x" * size
        store.check(version)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("position", [0, 2500, -1])
def test_flipped_bit(local, fresh, save, folder_of, size, position):
    """One changed bit is found by every process, the writer included."""
    version = save(local, {"a": b"x" * size})
    flip(folder_of(version) / "a", position)

    for store in (local, fresh()):
        with pytest.raises(DigestMismatchError, match="flights@1"):
            store.reader(version).buffer("a")
        with pytest.raises(DigestMismatchError):
            store.reader(version).directory()
        with pytest.raises(DigestMismatchError):
            store.check(version)


def test_change_after_a_verified_load_is_found(local, save, folder_of):
    """A file that changes after its first load is verified again, by size and times."""
    version = save(local, {"a": b"x" * 5000})
    local.reader(version).buffer("a")
    path = folder_of(version) / "a"
    status = path.stat()

    flip(path, 0)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    with pytest.raises(DigestMismatchError):
        local.reader(version).buffer("a")


@pytest.mark.parametrize("size", [0, 4999, 5001])
def test_other_size(local, fresh, save, folder_of, size):
    """A truncated or longer file is refused by its size."""
    version = save(local, {"a": b"x" * 5000})
    (folder_of(version) / "a").write_bytes(b"x" * size)

    for store in (local, fresh()):
        with pytest.raises(SizeMismatchError, match="recorded are 5000"):
            store.reader(version).buffer("a")


def test_deleted_file_and_folder(local, fresh, save, folder_of):
    """A file or version that is gone is missing, not empty."""
    version = save(local, {"a": b"1", "b": b"2"})
    (folder_of(version) / "a").unlink()
    with pytest.raises(ArtifactMissingError):
        fresh().reader(version).buffer("a")
    assert bytes(fresh().reader(version).buffer("b")) == b"2"

    (folder_of(version) / "manifest.json").unlink()
    with pytest.raises(ArtifactMissingError, match="manifest"):
        fresh().reader(version).buffer("b")


@pytest.mark.parametrize("position", [0, 30, -2])
def test_changed_manifest(local, fresh, save, folder_of, position):
    """A changed manifest stops the load in a process that has not checked it."""
    version = save(local, {"a": b"x" * 5000})
    flip(folder_of(version) / "manifest.json", position)

    with pytest.raises(DigestMismatchError, match="manifest"):
        fresh().reader(version).buffer("a")
    with pytest.raises(DigestMismatchError, match="manifest"):
        local.check(version)


def test_swapped_manifests(local, fresh, save, folder_of):
    """The manifest of another version does not pass for this one."""
    one, two = (save(local, {"a": text * 5000}) for text in (b"1", b"2"))
    (folder_of(one) / "manifest.json").write_bytes((folder_of(two) / "manifest.json").read_bytes())

    with pytest.raises(DigestMismatchError):
        fresh().reader(one).buffer("a")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version_id", ANOTHER),
        ("store_id", ANOTHER),
        ("files", []),
        ("files", None),
        ("files", [{"path": "a"}]),
        ("format_version", 2),
    ],
)
def test_manifest_that_names_something_else(local, fresh, save, folder_of, field, value):
    """A manifest whose digest was put into the record must still name this very version."""
    version = save(local, {"a": b"x" * 5000})
    path = folder_of(version) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    changed = version.model_copy(update={"manifest_digest": _sha256(path.read_bytes())})

    with pytest.raises(ManifestInvalidError, match=field):
        fresh().reader(changed).buffer("a")


@pytest.mark.parametrize("text", ["", "[]", "{", "nonsense", "[" * 100_000])
def test_manifest_that_cannot_be_read(local, fresh, save, folder_of, text):
    """A manifest that is no JSON object is named, whatever its digest."""
    version = save(local, {"a": b"x" * 5000})
    path = folder_of(version) / "manifest.json"
    path.write_text(text)
    changed = version.model_copy(update={"manifest_digest": _sha256(path.read_bytes())})

    with pytest.raises(ManifestInvalidError):
        fresh().reader(changed).buffer("a")


def test_record_that_points_at_another_version(local, fresh, save):
    """A record with the address of another version is refused."""
    one, two = (save(local, {"a": text * 5000}) for text in (b"1", b"2"))
    changed = one.model_copy(update={"uri": two.uri, "manifest_digest": two.manifest_digest})

    with pytest.raises(ManifestInvalidError, match="another version"):
        fresh().reader(changed).buffer("a")


@pytest.mark.parametrize("version_id", ["../../etc", "a/b", "..", "A" * 36])
def test_record_with_a_path_for_an_id(local, save, version_id):
    """An id that is no UUID never becomes a path."""
    version = save(local, {"a": b"x" * 5000}).model_copy(update={"id": version_id})

    with pytest.raises(InvalidKeyError):
        local.reader(version).buffer("a")


@pytest.mark.parametrize(
    "digest", ["md5:00", "none:", "", "blake3", "BLAKE3:00", "sha1:" + "0" * 40]
)
@pytest.mark.parametrize("size", [10, 5000])
def test_unknown_digest_algorithm(store, save, digest, size):
    """A record that names another algorithm is refused, not believed."""
    version = save(store, {"a": b"x" * size})
    file = version.files[0].model_copy(update={"digest": digest})
    changed = version.model_copy(update={"files": (file,)})

    with pytest.raises(ManifestInvalidError):
        store.reader(changed).buffer("a")


@pytest.mark.parametrize("what", ["file", "folder", "shelf", "versions"])
def test_planted_symlink_is_not_followed(local, fresh, save, folder_of, tmp_path, what):
    """A symbolic link anywhere below the store is refused, even to equal bytes."""
    version = save(local, {"a": b"x" * 5000})
    folder = folder_of(version)
    path = {
        "file": folder / "a",
        "folder": folder,
        "shelf": folder.parent,
        "versions": folder.parent.parent,
    }[what]
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")

    with pytest.raises(StoreIntegrityError, match="symbolic link"):
        fresh().reader(version).buffer("a")


@pytest.mark.parametrize("kind", ["fifo", "socket", "folder"])
def test_planted_special_file_is_refused(local, fresh, save, folder_of, kind, monkeypatch):
    """A pipe, socket or folder in place of a file neither blocks nor loads."""
    version = save(local, {"a": b"x" * 5000})
    path = folder_of(version) / "a"
    path.unlink()
    monkeypatch.chdir(path.parent)  # socket names are short
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as planted:
            planted.bind("a")

    with pytest.raises(StoreIntegrityError if kind != "socket" else Exception) as caught:
        fresh().reader(version).buffer("a")

    assert caught.value.code in ("store-integrity", "store-read")


def test_replaced_root_is_not_used(local, save, tmp_path):
    """A store keeps the folder it opened, whatever its name points to later."""
    version = save(local, {"a": b"x" * 5000})
    (tmp_path / "store").rename(tmp_path / "real")
    (tmp_path / "fake").mkdir()
    (tmp_path / "store").symlink_to(tmp_path / "fake")

    second = save(local, {"a": b"y" * 5000})

    assert bytes(local.reader(version).buffer("a")) == b"x" * 5000
    assert bytes(local.reader(second).buffer("a")) == b"y" * 5000
    assert list((tmp_path / "fake").iterdir()) == []


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("data:text/plain;base64,eHh5", DigestMismatchError),
        ("data:text/plain;base64,eHh4eA==", SizeMismatchError),
        ("data:text/plain;base64,eHh4\n", ManifestInvalidError),
        ("data:text/plain;base64,e", ManifestInvalidError),
        ("data:text/plain;base64,\u00e9", ManifestInvalidError),
        ("data:text/plain,xxx", ManifestInvalidError),
        ("data:", ManifestInvalidError),
    ],
)
def test_changed_data_uri(store, save, uri, error):
    """A value in its record is verified, too."""
    version = save(store, {"a": b"xxx"})
    assert version.uri == "data:application/octet-stream;base64,eHh4"

    with pytest.raises(error):
        store.reader(version.model_copy(update={"uri": uri})).buffer("a")


def test_stripped_manifest_digest_opens_no_other_path(local, save, tmp_path):
    """Removing the manifest digest does not turn a version into a path of one's choice."""
    (tmp_path / "secret").write_bytes(b"secret")
    version = save(local, {"a": b"x" * 5000}).model_copy(
        update={"manifest_digest": None, "uri": (tmp_path / "secret").as_uri()}
    )

    with pytest.raises(ManifestInvalidError):
        local.reader(version).buffer("a")


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../secret", "C:\\x"])
def test_preexisting_record_stays_below_its_folder(local, save, tmp_path, path):
    """A registered folder gives no access to what lies beside it."""
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "set").mkdir()
    file = FileRecord(path=path, size_bytes=6, digest="blake3:00")
    version = save(local, {"b": b"1"}).model_copy(
        update={
            "manifest_digest": None,
            "uri": str(tmp_path / "set"),
            "files": (file,),
            "is_directory": True,
            "save_type": "preexisting",
        }
    )

    with pytest.raises(ManifestInvalidError):
        local.reader(version).buffer(path)


def test_changed_preexisting_file(local, save, tmp_path):
    """A registered file that changed since is refused."""
    path = tmp_path / "data.csv"
    path.write_bytes(b"1" * 100)
    version = save(local, {}).model_copy(
        update={
            "files": local.describe_path(path),
            "uri": path.as_uri(),
            "save_type": "preexisting",
        }
    )
    version = version.model_copy(update={"manifest_digest": None})
    assert bytes(local.reader(version).buffer("data.csv")) == b"1" * 100

    flip(path, 0)

    with pytest.raises(DigestMismatchError):
        local.reader(version).buffer("data.csv")


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"y" * 5000, DigestMismatchError), (b"y", SizeMismatchError), (None, ArtifactMissingError)],
)
def test_memory_store_is_verified_too(open_store, save, data, error):
    """Objects of a memory store that changed are refused."""
    import fsspec

    store = open_store(f"memory://{new_id()}")
    version = save(store, {"a": b"x" * 5000})
    path = version.uri.removeprefix("memory:/") + "/a"
    files = fsspec.filesystem("memory")
    files.rm_file(path)
    if data is not None:
        files.pipe_file(path, data)

    with pytest.raises(error):
        store.reader(version).buffer("a")


def test_copied_store_is_readable_elsewhere(local, open_store, save, tmp_path):
    """A store that was moved loads its versions, although their URIs name the old place."""
    version = save(local, {"a": b"x" * 5000})
    local.close()
    (tmp_path / "store").rename(tmp_path / "elsewhere")

    moved: ContentStore = open_store(tmp_path / "elsewhere")

    assert bytes(moved.reader(version).buffer("a")) == b"x" * 5000
    moved.check(version)


def _sha256(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
