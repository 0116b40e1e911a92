"""Pinned code in a store: written once, verified on every read, never removed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from artifact_plugins.content import archives
from artifact_plugins.errors import (
    ArtifactMissingError,
    DigestMismatchError,
    InvalidKeyError,
    ManifestInvalidError,
    ResourceLimitError,
    SignatureInvalidError,
    StoreFullError,
    StoreWriteError,
)
from artifact_plugins.records import Signature, new_id

ARCHIVE = b"PK" + bytes(range(256)) * 40
STATEMENT = b'{"_type":"snapshot","plugin":"materializers.shop"}'
SIG = "A" * 86 + "=="


def sha256(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def key_of(digest, end):
    return f"snapshots/{digest[7:9]}/{digest[7:]}{end}"


@pytest.fixture
def blobs(store):
    """The small objects of a store of each kind."""
    return store._place.blobs


def signature(number=0):
    return Signature(key_id=f"{number:032x}", sig=SIG)


def test_an_archive_comes_back(store):
    """What was put is returned, by any process, however often it was put."""
    for _ in range(2):
        store.put_archive(sha256(ARCHIVE), ARCHIVE)

    assert store.get_archive(sha256(ARCHIVE)) == ARCHIVE


def test_a_statement_comes_back_with_every_signature(store):
    """Each key has one signature; a statement without any is one, too."""
    snapshot_id = sha256(STATEMENT)
    store.put_statement(snapshot_id, STATEMENT, None)
    assert store.get_statement(snapshot_id) == (STATEMENT, ())

    for number in (2, 1, 2):
        store.put_statement(snapshot_id, STATEMENT, signature(number))

    assert store.get_statement(snapshot_id) == (STATEMENT, (signature(1), signature(2)))


def test_keys_are_those_of_the_layout(store, blobs):
    """Archive, statement and signature lie where the layout says, and nothing else does."""
    store.put_archive(sha256(ARCHIVE), ARCHIVE)
    store.put_statement(sha256(STATEMENT), STATEMENT, signature(7))

    assert sorted(blobs.list_prefix("snapshots")) == sorted(
        [
            key_of(sha256(ARCHIVE), ".zip"),
            key_of(sha256(STATEMENT), ".json"),
            key_of(sha256(STATEMENT), f".{7:032x}.sig.json"),
        ]
    )


def test_snapshot_ids_are_those_of_statements(store, blobs):
    """Archives, signatures and strangers' files are no snapshots."""
    statements = [b'{"n":%d}' % number for number in range(5)]
    for data in statements:
        store.put_statement(sha256(data), data, signature())
    store.put_archive(sha256(ARCHIVE), ARCHIVE)
    blobs.put_new("snapshots/ab/readme.json", b"")

    assert list(store.snapshot_ids()) == sorted(map(sha256, statements))


def test_eight_writers_of_one_archive_all_succeed(store):
    """Processes that pin the same code at once do not disturb each other."""
    start = threading.Barrier(8)

    def put(_):
        start.wait()
        store.put_archive(sha256(ARCHIVE), ARCHIVE)
        store.put_statement(sha256(STATEMENT), STATEMENT, signature())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(8)))

    assert store.get_archive(sha256(ARCHIVE)) == ARCHIVE
    assert store.get_statement(sha256(STATEMENT)) == (STATEMENT, (signature(),))


def test_what_is_missing_is_missing(store):
    """Code that nobody pinned here is ArtifactMissingError."""
    with pytest.raises(ArtifactMissingError):
        store.get_archive(sha256(b"other"))
    with pytest.raises(ArtifactMissingError):
        store.get_statement(sha256(b"other"))


def test_data_of_another_digest_is_not_written(store, blobs):
    """An archive or statement that is not what its name says is refused, and nothing is there."""
    with pytest.raises(DigestMismatchError, match="nothing was registered"):
        store.put_archive(sha256(ARCHIVE), ARCHIVE + b"x")
    with pytest.raises(DigestMismatchError, match="nothing was registered"):
        store.put_statement(sha256(STATEMENT), STATEMENT + b" ", signature())

    assert list(blobs.list_prefix("snapshots")) == []


@pytest.mark.parametrize("end", [".zip", ".json"])
@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"x", bytes.upper])
def test_changed_bytes_are_never_handed_out(store, blobs, end, change):
    """A changed archive or statement is refused on read (E11), and on the next save."""
    data = b"code of a plugin"
    put = store.put_archive if end == ".zip" else lambda *it: store.put_statement(*it, None)
    get = store.get_archive if end == ".zip" else store.get_statement
    put(sha256(data), data)
    blobs.replace(key_of(sha256(data), end), change(data))

    with pytest.raises(DigestMismatchError, match="nothing was executed"):
        get(sha256(data))
    with pytest.raises(DigestMismatchError, match="nothing was registered"):
        put(sha256(data), data)

    blobs.delete(key_of(sha256(data), end))
    put(sha256(data), data)
    assert get(sha256(data)) in (data, (data, ()))


def test_every_flipped_byte_of_archive_and_statement_is_found(open_store):
    """No byte of either can be changed: the digest is their name."""
    store = open_store(f"memory://{new_id()}")
    data = ARCHIVE[:500]
    store.put_archive(sha256(data), data)
    store.put_statement(sha256(data), data, None)

    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        for end, get in ((".zip", store.get_archive), (".json", store.get_statement)):
            store._place.blobs.replace(key_of(sha256(data), end), bytes(flipped))
            with pytest.raises(DigestMismatchError):
                get(sha256(data))


def test_archives_have_a_limit(store, blobs):
    """16 MiB are taken and returned, one byte more is neither written nor read."""
    data = b"x" * archives.MAX_BYTES
    store.put_archive(sha256(data), data)
    assert store.get_archive(sha256(data)) == data

    with pytest.raises(ResourceLimitError, match="16777217 bytes"):
        store.put_archive(sha256(data + b"x"), data + b"x")
    blobs.replace(key_of(sha256(data), ".zip"), data + b"x")
    with pytest.raises(ResourceLimitError):
        store.get_archive(sha256(data))
    with pytest.raises(DigestMismatchError):
        store.put_archive(sha256(data), data)


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "0" * 64,
        "md5:" + "0" * 32,
        "none:" + "0" * 64,
        "blake3:" + "0" * 64,
        "sha256:" + "0" * 63,
        "sha256:" + "A" * 64,
        "sha256:" + "0" * 64 + "\n",
        "sha256:../../" + "0" * 58,
        "sha256:" + "٠" * 64,
    ],
)
def test_other_names_are_no_keys(store, digest):
    """Only sha256 in lower-case hex names code (E18); no digest leads anywhere else."""
    for call in (store.get_archive, store.get_statement):
        with pytest.raises(InvalidKeyError, match="nothing was touched"):
            call(digest)
    with pytest.raises(InvalidKeyError):
        store.put_archive(digest, b"x")
    with pytest.raises(InvalidKeyError):
        store.put_statement(digest, b"x", None)


def spoiled():
    good = signature().to_json().encode()
    yield b" "
    yield b"null"
    yield b"[]"
    yield b"[" * 4000
    yield b"x" * 5000
    yield b"\xff" + good
    yield good + b"\n"
    yield good.replace(b'"sig"', b' "sig"')
    yield good.replace(b'"key_id"', b'"key_id":"","key_id"')
    yield good.replace(b"}", b',"more":1}')
    yield good.replace(b"AA==", b"AB==")  # stray bits: the same 64 bytes for a decoder
    yield good.replace(b"AA==", b"AA")
    yield good.replace(b"AAAA", b"A\\u0041AA", 1)
    yield good.replace(b"0" * 32, b"0" * 31)
    yield good.replace(b"0" * 32, b"A" * 32)


@pytest.mark.parametrize("data", list(spoiled()), ids=lambda data: data[:12].decode("latin1"))
def test_a_signature_that_cannot_be_read_is_named(store, blobs, data):
    """A damaged signature is SignatureInvalidError and not skipped; a second one of it, too."""
    snapshot_id = sha256(STATEMENT)
    store.put_statement(snapshot_id, STATEMENT, signature(1))
    blobs.replace(key_of(snapshot_id, f".{0:032x}.sig.json"), data)

    with pytest.raises(SignatureInvalidError, match="nothing was executed"):
        store.get_statement(snapshot_id)
    with pytest.raises(SignatureInvalidError, match="nothing was registered"):
        store.put_statement(snapshot_id, STATEMENT, signature())


def test_a_signature_under_another_name_is_named(store, blobs):
    """The name of a signature file is that of its key."""
    snapshot_id = sha256(STATEMENT)
    store.put_statement(snapshot_id, STATEMENT, None)
    blobs.put_new(key_of(snapshot_id, f".{1:032x}.sig.json"), signature(2).to_json().encode())

    with pytest.raises(SignatureInvalidError, match="another key"):
        store.get_statement(snapshot_id)


def test_signatures_have_a_limit(open_store):
    """A store full of signatures does not keep a reader busy."""
    store = open_store(f"memory://{new_id()}")
    for number in range(archives.MAX_SIGNATURES + 1):
        store.put_statement(sha256(STATEMENT), STATEMENT, signature(number))

    with pytest.raises(ResourceLimitError, match="101 signatures"):
        store.get_statement(sha256(STATEMENT))


def test_collectors_never_touch_pinned_code(store, blobs, save):
    """Removing versions and staging, and looking for both, leaves every snapshot."""
    store.put_archive(sha256(ARCHIVE), ARCHIVE)
    store.put_statement(sha256(STATEMENT), STATEMENT, signature())
    version = save(store, {"a": b"x" * 9000}, plugin_snapshot=sha256(STATEMENT))
    before = list(blobs.list_prefix("snapshots"))

    store.remove_version(version.id, "collected")
    store.collect_staging()

    assert list(store.version_ids()) == list(store.decided_ids()) == []
    assert list(blobs.list_prefix("snapshots")) == before


def test_a_store_that_lost_its_id_is_not_given_another(local, open_store, tmp_path):
    """Manifests in records are signed for a store: with snapshots alone it is one already."""
    local.put_archive(sha256(ARCHIVE), ARCHIVE)
    local.close()
    (tmp_path / "store" / "store.json").unlink()

    with pytest.raises(ManifestInvalidError, match=r"no store\.json"):
        open_store(tmp_path / "store")


def test_a_durable_store_syncs_code_and_folders(open_store, tmp_path, trip):
    """Whichever sync of an archive fails, the save fails; the repeat is durable."""
    passage = 0
    while True:
        passage += 1
        store = open_store(tmp_path / f"store{passage}", durable=True)
        trip(f"save.fsync=error:EIO@{passage}")
        try:
            store.put_archive(sha256(ARCHIVE), ARCHIVE)
        except StoreWriteError:
            store.put_archive(sha256(ARCHIVE), ARCHIVE)
        else:
            break
        assert store.get_archive(sha256(ARCHIVE)) == ARCHIVE

    # The file, its folder and the two above when they are made; then settled.
    assert passage > 6


def test_code_that_another_process_wrote_is_synced(open_store, tmp_path, trip):
    """A durable save does not rest on an archive that a process without fsync left."""
    open_store(tmp_path / "store").put_archive(sha256(ARCHIVE), ARCHIVE)
    store = open_store(tmp_path / "store", durable=True)

    for passage in range(1, 5):  # the file, snapshots/<2>, snapshots, the root
        trip(f"save.fsync=error:EIO@{passage}")
        with pytest.raises(StoreWriteError):
            open_store(tmp_path / "store", durable=True).put_archive(sha256(ARCHIVE), ARCHIVE)

    trip("save.fsync=error:EIO@5")
    store.put_archive(sha256(ARCHIVE), ARCHIVE)


def test_process_durability_never_syncs_code(local, trip):
    """Negative control: without durability no archive waits for the disk."""
    trip("save.fsync=error:EIO")

    local.put_archive(sha256(ARCHIVE), ARCHIVE)
    local.put_statement(sha256(STATEMENT), STATEMENT, signature())


@pytest.mark.parametrize(("name", "error"), [("ENOSPC", StoreFullError), ("EIO", StoreWriteError)])
def test_error_after_the_snapshot(store, trip, name, error):
    """An error right after a snapshot is named; the snapshot stays, and the repeat works."""
    trip(f"save.after_snapshot=error:{name}")

    with pytest.raises(error):
        store.put_statement(sha256(STATEMENT), STATEMENT, signature())

    assert store.get_statement(sha256(STATEMENT)) == (STATEMENT, (signature(),))
    store.put_statement(sha256(STATEMENT), STATEMENT, signature())


KILLED = """
import hashlib, sys
from artifact_plugins.content import ContentStore
from artifact_plugins.records import Signature
store = ContentStore.open(sys.argv[1], durable=False)
writer = store.writer(sys.argv[2])
with writer.open("a") as sink:
    sink.write(b"x" * 9000)
writer.finish()
name = lambda data: f"sha256:{hashlib.sha256(data).hexdigest()}"
store.put_archive(name(b"code"), b"code")
store.put_statement(name(b"{}"), b"{}", Signature(key_id="0" * 32, sig="A" * 86 + "=="))
writer.publish({"plugin_snapshot": name(b"{}")}, "text/plain")
print("published")
"""


@pytest.mark.parametrize("point", ["save.after_snapshot", "save.after_payload", None])
def test_kill_after_the_snapshot(open_store, tmp_path, point):
    """Kill -9 between snapshot and manifest leaves the snapshot, whole, and no version (A5)."""
    version_id = new_id()
    environment = {**os.environ, "ARTIFACT_PLUGINS_TESTING": "1"}
    if point:
        environment["ARTIFACT_PLUGINS_FAILPOINTS"] = f"{point}=kill"
    command = [sys.executable, "-c", KILLED, str(tmp_path / "store"), version_id]

    ended = subprocess.run(command, env=environment, capture_output=True, text=True)

    assert (ended.returncode, ended.stdout) == ((-9, "") if point else (0, "published\n"))
    store = open_store(tmp_path / "store")
    assert list(store.version_ids()) == ([] if point else [version_id])
    assert (store.collect_staging() > 0) is (point is not None)
    assert store.get_archive(sha256(b"code")) == b"code"
    assert store.get_statement(sha256(b"{}")) == (b"{}", (signature(),))
    assert list(store.snapshot_ids()) == [sha256(b"{}")]
    # Whoever repeats the save finds the snapshot and goes on.
    store.put_archive(sha256(b"code"), b"code")
    store.put_statement(sha256(b"{}"), b"{}", signature())


def test_kill_before_the_statement_leaves_no_snapshot(open_store, tmp_path):
    """Negative control: an archive alone is no snapshot; its statement is what names it."""
    store = open_store(tmp_path / "store")
    store.put_archive(sha256(ARCHIVE), ARCHIVE)

    assert list(store.snapshot_ids()) == []
    with pytest.raises(ArtifactMissingError):
        store.get_statement(sha256(STATEMENT))
