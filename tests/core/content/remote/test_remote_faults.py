"""Damaged requests between a store and its bucket: success or a named error, never a lie."""

from __future__ import annotations

import os
import time

import pytest

from artifact_plugins.content.remote import retrying, sending
from artifact_plugins.content.remote.s3 import S3Bucket
from artifact_plugins.errors import (
    ArtifactMissingError,
    SizeMismatchError,
    StoreCapabilityError,
    StoreReadError,
    StoreWriteError,
)
from artifact_plugins.records import new_id

pytestmark = pytest.mark.server

MEBIBYTE = 1024 * 1024
LARGE = 20 * MEBIBYTE


@pytest.fixture
def store(proxy, s3_url, open_store):
    """An empty S3 store behind the proxy, which damages nothing yet."""
    return open_store(s3_url)


def every(what, nth, *methods):
    """Damage every nth request of these methods, so that its repeat gets through."""
    return lambda method, path, number: what if method in methods and number % nth == 0 else None


def first(what, *marks):
    """Damage the first request whose method and path hold all marks."""
    hit = []

    def damage(method, path, number):
        if not hit and all(mark in f"{method} {path}" for mark in marks):
            hit.append(path)
            return what
        return None

    return damage


@pytest.mark.parametrize("what", ["500", "SlowDown", "cut", "lose", "truncate"])
@pytest.mark.parametrize("size", [5000, LARGE], ids=["put", "parts"])
def test_damaged_saves_and_loads_succeed(store, proxy, save, what, size):
    """With every third request damaged a save and a load give the same bytes, once."""
    data = os.urandom(size)
    proxy.damage = every(what, 3, "PUT", "POST", "GET")

    version = save(store, {"data.bin": data})
    loaded = bytes(store.reader(version).buffer("data.bin"))

    proxy.damage = lambda *_: None
    assert loaded == data
    assert list(store.version_ids()) == [version.id]
    assert len(list(store._place.blobs.list_prefix("versions"))) == 2
    # A lost answer to the beginning of an upload leaves one without a byte.
    assert sum(left.size_bytes for left in store._place.bucket.dangling("versions/")) == 0


@pytest.mark.parametrize("marks", [("PUT", "data.bin"), ("PUT", "manifest.json")])
def test_lost_answer_to_our_own_put_is_success(store, proxy, save, marks):
    """A put whose answer was lost finds its key taken, knows its own object, and succeeds."""
    proxy.damage = first("lose", *marks)

    version = save(store, {"data.bin": b"x" * 5000})

    assert bytes(store.reader(version).buffer("data.bin")) == b"x" * 5000


def test_lost_answer_to_the_end_of_an_upload_is_success(store, proxy, save):
    """An upload whose end was not answered is known again and not sent twice."""
    proxy.damage = first("lose", "POST", "uploadId=")

    version = save(store, {"data.bin": b"x" * LARGE})

    assert bytes(store.reader(version).buffer("data.bin")) == b"x" * LARGE


def test_without_a_write_id_a_lost_answer_is_a_conflict(store, proxy, save, monkeypatch):
    """Negative control: who does not know its own object takes it for another writer's."""
    monkeypatch.setattr(sending, "is_ours", _never_ours)
    monkeypatch.setattr("artifact_plugins.content.remote.draft.is_ours", _never_ours)
    proxy.damage = first("lose", "PUT", "data.bin")

    with pytest.raises(StoreWriteError, match="exists already"):
        save(store, {"data.bin": b"x" * 5000})


def _never_ours(bucket, key, write_id, attempt, *, tries):
    try:
        retrying.retried(bucket, attempt, tries=tries)
    except sending.Fault as fault:
        if fault.kind != "taken":
            raise
        return False
    return True


def test_without_retries_a_cut_body_is_an_error(store, proxy, save, monkeypatch):
    """Negative control: a cut body is only survived because it is asked for again."""
    version = save(store, {"data.bin": b"x" * 500_000})
    proxy.damage = first("truncate", "GET", "data.bin")
    monkeypatch.setattr(
        "artifact_plugins.content.remote.fetching.retried", lambda bucket, attempt: attempt()
    )

    with pytest.raises(StoreReadError, match="cut body"):
        store.reader(version).buffer("data.bin")


def test_conflict_is_tried_again(store, proxy, save):
    """A 409 of another write under way is repeated until one of both has won."""
    proxy.damage = first("conflict", "PUT", "data.bin")

    version = save(store, {"data.bin": b"x" * 5000})

    assert bytes(store.reader(version).buffer("data.bin")) == b"x" * 5000


def test_silence_has_an_end(store, proxy, save, monkeypatch):
    """A request that is never answered is given up in time and made again."""
    monkeypatch.setattr("artifact_plugins.content.remote.connection.ANSWER_SECONDS", 2)
    proxy.damage = first("hang", "PUT", "data.bin")
    began = time.monotonic()

    version = save(store, {"data.bin": b"x" * 5000})

    assert time.monotonic() - began < 8
    assert bytes(store.reader(version).buffer("data.bin")) == b"x" * 5000


@pytest.mark.parametrize(
    ("what", "retryable", "told"),
    [
        ("500", True, "InternalError (500)"),
        ("SlowDown", True, "SlowDown (503)"),
        ("cut", True, "Error"),
        ("denied", False, "access was denied (AccessDenied (403))"),
        ("expired", False, "credentials have expired (ExpiredToken (400))"),
    ],
)
def test_giving_up_is_named(impatient, store, proxy, save, monkeypatch, what, retryable, told):
    """What does not pass is a named error with what to do, without texts of the server."""
    kept = save(store, {"data.bin": b"k" * 5000})
    proxy.damage = lambda method, path, number: what if "data.bin" in path else None

    with pytest.raises(StoreWriteError) as writing:
        save(store, {"data.bin": b"x" * 5000})
    with pytest.raises(StoreReadError) as reading:
        store.reader(kept).buffer("data.bin")

    for caught in (writing.value, reading.value):
        assert caught.retryable is retryable
        assert told in str(caught)
        assert "hunter2" not in str(caught)
        assert "nothing was" in caught.hint
    proxy.damage = lambda *_: None
    assert bytes(store.reader(kept).buffer("data.bin")) == b"k" * 5000
    assert bytes(store.reader(save(store, {"data.bin": b"x" * 5000})).buffer("data.bin"))


def test_expired_credentials_are_asked_for_once_more(store, proxy, save):
    """A token that was renewed in the environment meanwhile is found, and the save goes on."""
    expired = set()

    def damage(method, path, number):
        part = path.partition("partNumber=")[2][:1]
        if method == "PUT" and part not in expired:
            expired.add(part)
            return "expired"
        return None

    proxy.damage = damage

    version = save(store, {"data.bin": b"x" * LARGE})

    assert expired == {"", "1", "2", "3"}
    assert bytes(store.reader(version).buffer("data.bin")) == b"x" * LARGE


def test_failed_upload_leaves_nothing(impatient, store, proxy):
    """An upload that fails in the middle is thrown away with its parts."""
    proxy.damage = lambda method, path, number: "500" if "partNumber=2" in path else None
    writer = store.writer(new_id())

    with pytest.raises(StoreWriteError), writer.open("data.bin") as sink:
        sink.write(b"x" * LARGE)
    writer.abort()

    proxy.damage = lambda *_: None
    assert list(store._place.bucket.dangling("versions/")) == []
    assert list(store._place.blobs.list_prefix("versions")) == []


def test_dangling_uploads_of_dead_writers_are_collected(store, monkeypatch):
    """An upload that a killed writer left is thrown away after a day, not before."""
    bucket = store._place.bucket
    upload = bucket.begin(f"versions/ab/{new_id()}/data.bin", "0" * 32)
    upload.part(0, 0, b"x" * (5 * MEBIBYTE), last=False)

    assert store.collect_staging() == 0
    assert len(list(bucket.dangling("versions/"))) == 1
    monkeypatch.setattr("artifact_plugins.content.remote.removing.GRACE_SECONDS", -60)
    assert store.collect_staging() == 5 * MEBIBYTE
    assert list(bucket.dangling("versions/")) == []


def test_upload_that_was_collected_is_a_named_error(impatient, store):
    """A writer whose upload was thrown away is told so; nothing of it is visible."""
    writer = store.writer(new_id())
    sink = writer.open("data.bin")
    sink.write(b"x" * LARGE)
    for dangling in store._place.bucket.dangling("versions/"):
        store._place.bucket.abort(dangling)

    with pytest.raises(StoreWriteError) as caught:
        sink.close()
    writer.abort()

    assert caught.value.retryable is True
    assert list(store._place.blobs.list_prefix("versions")) == []


def test_changed_object_is_found(store, save):
    """An object that grew, shrank or vanished is not parsed."""
    bucket = store._place.bucket
    for change, error in [
        (b"x" * 4000, SizeMismatchError),
        (b"x" * 6000, SizeMismatchError),
        (b"x" * LARGE, SizeMismatchError),
        (None, ArtifactMissingError),
    ]:
        version = save(store, {"data.bin": b"x" * 5000})
        key = f"versions/{version.id[-2:]}/{version.id}/data.bin"
        bucket.delete(key)
        if change is not None:
            bucket.put(key, change, "", new=True)

        with pytest.raises(error):
            store.reader(version).buffer("data.bin")


def test_client_that_drops_conditions_is_refused(s3_url, monkeypatch):
    """A botocore without conditional writes is found before anything is written."""
    bucket = S3Bucket("flights", "x/")
    client = bucket._connection.filesystem.s3
    shape = client.meta.service_model.operation_model("PutObject").input_shape
    monkeypatch.delitem(shape.members, "IfNoneMatch")

    with pytest.raises(StoreCapabilityError, match="botocore"):
        bucket.put("a", b"", "", new=True)
    bucket.close()
