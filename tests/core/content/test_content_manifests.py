"""What lies beside the files (manifests, run records, store.json) is whole or refused by name."""

from __future__ import annotations

import json

import pytest

from artifact_plugins.errors import (
    ArtifactMissingError,
    InvalidKeyError,
    ManifestInvalidError,
    ManifestTooLargeError,
    MetadataValueError,
    StoreCapabilityError,
)
from artifact_plugins.records import new_id

MEBIBYTE = 1024 * 1024
ANOTHER = "01890a5d-ac96-774b-bcce-b302099a8057"


def test_run_records(store):
    """A run record is found again, listed, and replaced as a whole."""
    first, second = sorted([new_id(), new_id()])
    store.put_run(first, b"{}")
    store.put_run(second, b"old" * 100)
    store.put_run(second, b"new")

    assert store.get_run(second) == b"new"
    assert list(store.run_ids()) == [first, second]
    with pytest.raises(ArtifactMissingError):
        store.get_run(new_id())


@pytest.mark.parametrize("bad", ["", "..", "../../etc/passwd", "x" * 36, f"{ANOTHER.upper()}/"])
def test_ids_are_uuids(store, bad):
    """Nothing but a UUID becomes part of a key."""
    for call in (store.writer, store.get_run, lambda text: store.put_run(text, b"")):
        with pytest.raises(InvalidKeyError):
            call(bad)


def test_huge_manifest_is_refused(store):
    """A manifest over 16 MiB stops the save; nothing becomes visible."""
    writer = store.writer(new_id())
    with writer.open("a") as sink:
        sink.write(b"x" * 9000)

    with pytest.raises(ManifestTooLargeError):
        writer.publish({"note": "x" * (17 * MEBIBYTE)}, "text/plain")

    writer.abort()
    assert list(store.version_ids()) == []


def test_manifest_without_json_form_is_refused(store):
    """A manifest value that JSON cannot hold stops the save by name."""
    for value in (float("nan"), object(), {1, 2}):
        writer = store.writer(new_id())
        writer.open("a").write(b"x" * 9000)
        with pytest.raises(MetadataValueError):
            writer.publish({"note": value}, "text/plain")
        writer.abort()
    assert list(store.version_ids()) == []


@pytest.mark.parametrize("media_type", ["", "text", "text/plain,x", "a/b;base64", "é/x"])
def test_odd_media_types_are_refused(store, media_type):
    """A media type that would break a data: URI stops the save."""
    writer = store.writer(new_id())
    writer.open("a").write(b"x")

    with pytest.raises(InvalidKeyError, match="media type"):
        writer.publish({}, media_type)


def test_manifest_says_what_the_files_are(local, save, folder_of):
    """The manifest alone tells store, version, artifact and every file."""
    version = save(local, {"a.txt": b"1", "ü.txt": b"2"})

    data = (folder_of(version) / "manifest.json").read_bytes()
    manifest = json.loads(data)

    assert manifest["store_id"] == local.store_id
    assert manifest["version_id"] == version.id
    assert manifest["artifact"] == "flights"
    assert [(f["path"], f.get("stored")) for f in manifest["files"]] == [
        ("a.txt", None),
        ("ü.txt", "_1"),
    ]
    assert data == json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()


def test_newer_store_format_is_refused(open_store, tmp_path):
    """A store of a newer release is left alone."""
    open_store(tmp_path / "store").close()
    path = tmp_path / "store" / "store.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 2}))

    with pytest.raises(StoreCapabilityError, match="format 2"):
        open_store(tmp_path / "store")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format_version": 1}', "[" * 60_000])
def test_damaged_store_json_is_named(open_store, tmp_path, text):
    """A store.json that cannot be read stops the opening."""
    open_store(tmp_path / "store").close()
    (tmp_path / "store" / "store.json").write_text(text)

    with pytest.raises(ManifestInvalidError, match=r"store\.json"):
        open_store(tmp_path / "store")


def test_lost_store_json_is_not_replaced(open_store, tmp_path, save):
    """A store with versions never gets a second identity."""
    store = open_store(tmp_path / "store")
    save(store, {"a": b"x" * 9000})
    (tmp_path / "store" / "store.json").unlink()

    with pytest.raises(ManifestInvalidError, match="no store.json"):
        open_store(tmp_path / "store")
