"""Stores in buckets: what opens, what is refused, what is asked of the provider and when."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from artifact_plugins.content import ContentStore
from artifact_plugins.content.remote import sending
from artifact_plugins.content.remote.faults import Fault
from artifact_plugins.errors import (
    StoreCapabilityError,
    StoreReadError,
    StoreWriteError,
)
from artifact_plugins.records import new_id

MEBIBYTE = 1024 * 1024
SECRET = "hunter2hunter2"

BUCKETS = [
    pytest.param("s3", marks=pytest.mark.server),
    pytest.param("gcs", marks=pytest.mark.server),
    pytest.param("azure", marks=[pytest.mark.server, pytest.mark.timeout(600)]),
]


@pytest.fixture(params=BUCKETS)
def url(request, url_of):
    """The URL of a store that does not exist yet, on each provider."""
    return url_of(request.param)


def test_local_stores_load_no_provider(tmp_path):
    """Opening and using a local store imports no library of a provider and no fsspec."""
    script = f"""
import sys
from artifact_plugins.content import ContentStore
store = ContentStore.open({str(tmp_path / "store")!r}, durable=False)
heavy = {{"fsspec", "s3fs", "gcsfs", "adlfs", "aiohttp", "botocore", "azure", "google"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("url", "library", "extra"),
    [
        ("s3://flights", "s3fs", "s3"),
        ("gs://flights", "gcsfs", "gcs"),
        ("az://flights", "adlfs", "azure"),
    ],
)
def test_missing_library_names_its_extra(url, library, extra):
    """Without the provider's library the error is the line that installs it."""
    script = f"""
import sys
sys.modules[{library!r}] = None
from artifact_plugins.content import ContentStore
from artifact_plugins.errors import StoreCapabilityError
try:
    ContentStore.open({url!r}, durable=False)
except StoreCapabilityError as error:
    assert "pip install 'artifact-plugins[{extra}]'" in str(error), error
    assert {library!r} in str(error)
else:
    raise SystemExit("it opened")
"""
    subprocess.run([sys.executable, "-c", script], check=True)


class HalfKeeping:
    """A resumable upload whose server keeps half of each chunk, and at times nothing."""

    def __init__(self):
        self.kept = b""
        self.requests = 0

    def call_upload(self, method, location, *, headers, data):
        self.requests += 1
        place, _, total = headers["Content-Range"].removeprefix("bytes ").partition("/")
        start, stop = (int(part) for part in place.split("-"))
        sent = data.read()
        assert start == len(self.kept) and len(sent) == stop - start + 1
        if self.requests % 3:
            self.kept += sent[: max(len(sent) // 2, 1)]
        if total == str(len(self.kept)):
            return {}, json.dumps({"size": str(len(self.kept))}).encode()
        return ({"Range": f"bytes=0-{len(self.kept) - 1}"} if self.kept else {}), b""


def test_chunk_that_was_not_kept_is_sent_again():
    """GCS may keep a part of a chunk, or nothing; the object is whole all the same."""
    gcs = pytest.importorskip("artifact_plugins.content.remote.gcs")
    server = HalfKeeping()
    upload = gcs.GcsUpload(server, "https://upload")
    chunks = [os.urandom(1000) for _ in range(3)]

    with pytest.raises(Fault):
        upload.complete(3000)
    for number, chunk in enumerate(chunks):
        for _ in range(20):
            with suppress(Fault):
                upload.part(number, number * 1000, chunk, last=number == 2)
                break
    upload.complete(3000)

    assert server.kept == b"".join(chunks)


def test_part_sizes_reach_terabytes():
    """10,000 parts hold the largest object of S3, and none is larger than S3 takes."""
    sizes = [sending.part_bytes(number) for number in range(10_000)]

    assert sum(sizes) >= 5 * 1024**4
    assert max(sizes) <= 5 * 1024**3
    assert all(size % (256 * 1024) == 0 for size in sizes)


def test_growing_parts_are_one_file(url, open_store, save, monkeypatch):
    """A file whose parts grow on the way comes back whole."""
    monkeypatch.setattr(sending, "PART_BYTES", 5 * MEBIBYTE)
    monkeypatch.setattr(sending, "SAME_SIZE_PARTS", 2)
    store = open_store(url)
    data = os.urandom(26 * MEBIBYTE + 1)

    version = save(store, {"data.bin": data})

    assert bytes(store.reader(version).buffer("data.bin")) == data


def test_file_of_exactly_one_part(url, open_store, save):
    """A file that ends where a part ends has no empty part behind it."""
    store = open_store(url)
    for size in (sending.PART_BYTES, 2 * sending.PART_BYTES):
        version = save(store, {"data.bin": b"x" * size})

        assert store.reader(version).buffer("data.bin").nbytes == size


def test_empty_files_come_back(url, open_store, save):
    """Nothing is stored and loaded as nothing."""
    store = open_store(url)

    version = save(store, {"empty": b"", "other": b"x"})

    assert bytes(store.reader(version).buffer("empty")) == b""
    store.check(version)


def test_mark_of_another_request_is_payload(url, open_store, save):
    """What looks like the end of a multipart request is stored as it is."""
    store = open_store(url)
    data = b"\r\n--==0==--\r\n--==0==\nContent-Type: x\n\n" * 200

    version = save(store, {"data.bin": data})

    assert bytes(store.reader(version).buffer("data.bin")) == data


def test_version_prefix_is_private(url, open_store, save):
    """A second writer of an id changes nothing of the first one, large files included."""
    store = open_store(url)
    kept = save(store, {"small": b"k" * 5000, "large": b"k" * (9 * MEBIBYTE)})

    def save_again(name, size):
        writer = store.writer(kept.id)
        try:
            with writer.open(name) as sink:
                sink.write(b"x" * size)
            with writer.open("other") as sink:
                sink.write(b"o" * 5000)
            writer.publish({}, "text/plain")
        finally:
            writer.abort()

    for name, size in (("small", 5000), ("large", 9 * MEBIBYTE)):
        with pytest.raises(StoreWriteError, match="exists already"):
            save_again(name, size)

    assert bytes(store.reader(kept).buffer("small")) == b"k" * 5000
    assert bytes(store.reader(kept).buffer("large")) == b"k" * (9 * MEBIBYTE)


def test_removed_version_is_gone_whole(url, open_store, save):
    """A version that the ledger gave up leaves no object; removing it again frees nothing."""
    store = open_store(url)
    kept, gone = save(store, {"a": b"k" * 5000}), save(store, {"a": b"x" * 5000, "b/c": b"y"})

    freed = store.remove_version(gone.id, "collected")

    assert freed > 5001
    assert store.remove_version(gone.id, "collected") == 0
    assert list(store.version_ids()) == [kept.id]


def test_missing_bucket_is_named(url, open_store):
    """A bucket that does not exist is named, with what to do; nothing is created."""
    missing = url.replace("flights", "nobodys-flights")

    with pytest.raises((StoreReadError, StoreWriteError), match="nobodys-flights") as caught:
        open_store(missing)

    assert "no such bucket" in str(caught.value)
    assert caught.value.retryable is False


def test_a_forked_child_goes_on(url, open_store, save):
    """A child of a fork reads and writes with connections of its own; so does its parent."""
    store = open_store(url)
    version = save(store, {"data.bin": b"x" * 5000})
    version_id = new_id()

    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert bytes(store.reader(version).buffer("data.bin")) == b"x" * 5000
            save(store, {"data.bin": b"c" * (9 * MEBIBYTE)}, id=version_id)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert version_id in set(store.version_ids())
    assert bytes(store.reader(version).buffer("data.bin")) == b"x" * 5000


def test_a_forked_child_ends(url, open_store):
    """A child that ends as Python programs do, with all finalizers, ends."""
    store = open_store(url)

    child = os.fork()
    if child == 0:
        store.put_run(new_id(), b"{}")
        sys.stderr = sys.stdout = None
        atexit._run_exitfuncs()
        os._exit(0)
    deadline = time.monotonic() + 30
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the child did not end")
        time.sleep(0.1)

    assert len(list(store.run_ids())) == 1


def test_a_save_does_not_cross_a_fork(url, open_store):
    """A child that goes on with its parent's save is told so, and removes nothing."""
    store = open_store(url)
    writer = store.writer(new_id())
    with writer.open("a") as sink:
        sink.write(b"x" * 5000)

    child = os.fork()
    if child == 0:
        code = 1
        try:
            writer.publish({}, "text/plain")
        except StoreWriteError:
            writer.abort()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert writer.publish({}, "text/plain").uri.startswith(store.url)


def test_threads_share_a_store(url, open_store, save):
    """Eight threads save and load at once; every version is whole."""
    store = open_store(url)

    def one(number):
        data = bytes([number]) * (9 * MEBIBYTE if number % 4 == 0 else 5000)
        version = save(store, {"data.bin": data})
        return bytes(store.reader(version).buffer("data.bin")) == data

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(16)))


@pytest.mark.server
def test_second_opening_is_one_request(proxy, s3_url, open_store):
    """The first opening tries the store out; later ones only read store.json."""
    open_store(s3_url)
    assert len(proxy.requests) > 5
    proxy.forget()

    open_store(s3_url)

    assert [method for method, _ in proxy.requests] == ["GET"]


@pytest.mark.server
def test_a_copied_store_is_tried_out_again(proxy, s3_url, s3_server, open_store, monkeypatch):
    """What one endpoint promised says nothing about another one."""
    store_id = open_store(s3_url).store_id
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)

    again = open_store(s3_url)

    document = json.loads(again._place.blobs.get("store.json", limit_bytes=10_000))
    assert again.store_id == store_id
    assert len(document["probed"]) == 2


@pytest.mark.server
def test_requests_of_a_save(proxy, s3_url, open_store, save):
    """A value in its record asks nothing of the provider; a small file is two requests."""
    store = open_store(s3_url)
    proxy.forget()

    inline = save(store, {"data.bin": b"x" * 100})
    assert bytes(store.reader(inline).buffer("data.bin")) == b"x" * 100
    assert proxy.requests == []

    version = save(store, {"data.bin": b"x" * 5000})
    assert [method for method, _ in proxy.requests] == ["PUT", "PUT"]

    proxy.forget()
    other = open_store(s3_url)
    proxy.forget()
    assert bytes(other.reader(version).buffer("data.bin")) == b"x" * 5000
    assert [method for method, _ in proxy.requests] == ["GET", "GET"]


@pytest.mark.server
def test_read_only_credentials_read(proxy, s3_url, open_store, save):
    """Who may not write opens and reads a store that nobody tried out at this endpoint."""
    store = open_store(s3_url)
    version = save(store, {"data.bin": b"x" * 5000})
    document = json.loads(store._place.blobs.get("store.json", limit_bytes=10_000))
    document["probed"] = []
    store._place.blobs.replace("store.json", json.dumps(document).encode())
    proxy.damage = lambda method, path, number: "denied" if method in ("PUT", "DELETE") else None

    reading = open_store(s3_url)

    assert bytes(reading.reader(version).buffer("data.bin")) == b"x" * 5000
    with pytest.raises(StoreWriteError, match="access was denied"):
        save(reading, {"data.bin": b"x" * 5000})


@pytest.mark.server
def test_a_store_that_may_only_grow_is_a_store(proxy, s3_url, open_store, save):
    """Credentials that may not delete are enough to save and load."""
    proxy.damage = lambda method, path, number: "denied" if method == "DELETE" else None
    store = open_store(s3_url)

    version = save(store, {"data.bin": b"x" * 5000})

    assert bytes(store.reader(version).buffer("data.bin")) == b"x" * 5000


@pytest.mark.server
def test_no_credentials_are_named(s3_url, monkeypatch):
    """Without credentials the error says where they are looked for."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)

    with pytest.raises(StoreReadError, match="no credentials") as caught:
        ContentStore.open(s3_url, durable=False)

    assert "environment variables" in caught.value.hint


@pytest.mark.server
def test_secrets_stay_in_the_environment(s3_url, proxy, open_store, save, monkeypatch, caplog):
    """Keys are in no object, no error, no log and no record."""
    caplog.set_level("INFO")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", f"AKIA{SECRET}")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SECRET)
    store = open_store(s3_url)
    version = save(store, {"data.bin": b"x" * 5000})
    proxy.damage = lambda method, path, number: "denied"

    with pytest.raises(StoreWriteError) as caught:
        save(store, {"data.bin": b"x" * 5000})

    proxy.damage = lambda *_: None
    bucket = store._place.bucket
    objects = b"".join(
        bucket.get(entry.key, 0, 10_000).data for entry in bucket.entries("") if entry.size_bytes
    )
    told = [str(caught.value), repr(caught.value.__cause__), caplog.text, version.model_dump_json()]
    assert SECRET.encode() not in objects
    assert not any(SECRET in text for text in told)


@pytest.mark.server
def test_emulator_that_ignores_preconditions_is_refused(monkeypatch, serve, gcs_bucket, open_store):
    """A server that lets two writers create one object is refused before anything is written."""
    pytest.importorskip("gcp_storage_emulator")
    program = "gcp_storage_emulator"
    with serve(
        lambda port: [sys.executable, "-m", program, "start", "--port", str(port), "--in-memory"]
    ) as endpoint:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", endpoint)
        gcs_bucket(endpoint)

        with pytest.raises(StoreCapabilityError, match="does not refuse"):
            open_store(f"gs://flights/{new_id()}")
