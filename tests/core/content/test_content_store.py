"""What every kind of store promises of files: equal bytes, whole versions, private buffers."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest

from artifact_plugins.content import ContentStore
from artifact_plugins.contracts.files import FileReader, FileSink, FileWriter
from artifact_plugins.errors import ArtifactMissingError, ResourceLimitError, StoreWriteError
from artifact_plugins.records import new_id

MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize(
    "size", [0, 1, 4096, 4097, 65_536, 65_537, 300_000, MEBIBYTE, 20 * MEBIBYTE]
)
def test_bytes_come_back(store, save, size):
    """A file of any size loads as the bytes that were written."""
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]

    version = save(store, {"data.bin": data})

    assert bytes(store.reader(version).buffer("data.bin")) == data
    store.check(version)


@pytest.mark.parametrize(("size", "inline"), [(0, True), (99, True), (100, True), (101, False)])
def test_inline_limit_is_inclusive(open_store, url, save, size, inline):
    """A single file up to the limit lies in the record; one byte more makes a file."""
    store = open_store(url, inline_max_bytes=100)

    version = save(store, {"data.bin": b"x" * size})

    assert version.uri.startswith("data:application/octet-stream;base64,") is inline
    assert (version.manifest_digest is None) is inline
    assert (list(store.version_ids()) == []) is inline


def test_limit_of_zero_inlines_only_the_empty_file(open_store, url, save):
    """With a limit of 0 a file of one byte is a file."""
    store = open_store(url, inline_max_bytes=0)

    assert save(store, {"data.bin": b""}).manifest_digest is None
    assert save(store, {"data.bin": b"x"}).manifest_digest is not None


def test_two_small_files_are_files(store, save):
    """Only a value of one file lies in its record."""
    version = save(store, {"a": b"1", "b": b"22"})

    assert list(store.version_ids()) == [version.id]
    assert bytes(store.reader(version).buffer("a")) == b"1"
    assert bytes(store.reader(version).buffer("b")) == b"22"


def test_version_without_files(store, save):
    """A version may consist of no file at all."""
    version = save(store, {})

    assert version.files == ()
    assert store.reader(version).names() == ()
    store.check(version)


def test_nothing_is_visible_before_publish(store):
    """Until publish, no reader can find any file of the version."""
    writer = store.writer(new_id())
    with writer.open("data.bin") as sink:
        sink.write(b"x" * MEBIBYTE)
    writer.finish()

    # In a bucket the payload has a place at once, under an id that nobody knows.
    keys = list(store._place.blobs.list_prefix("versions"))
    assert [key for key in keys if key.endswith("/manifest.json")] == []
    assert keys == [] or ("://" in store.url and not store.url.startswith(("file:", "memory:")))


def test_abort_leaves_nothing_and_may_be_repeated(store):
    """An aborted save leaves no version and no file; a second abort does nothing."""
    writer = store.writer(new_id())
    writer.open("open.bin").write(b"x" * (2 * MEBIBYTE))
    with writer.open("closed.bin") as sink:
        sink.write(b"y" * 5000)

    writer.abort()
    writer.abort()

    assert list(store.version_ids()) == []
    assert store.collect_staging() == 0


def test_abort_after_publish_removes_the_version(store, save):
    """A version that could not be registered is removed, and no other one."""
    kept = save(store, {"data.bin": b"k" * 5000})
    writer = store.writer(new_id())
    with writer.open("data.bin") as sink:
        sink.write(b"x" * 5000)
    writer.publish({}, "text/plain")

    writer.abort()

    assert list(store.version_ids()) == [kept.id]
    assert bytes(store.reader(kept).buffer("data.bin")) == b"k" * 5000


def test_version_id_is_used_once(store, save):
    """Publishing a second version under one id fails and leaves the first."""
    version = save(store, {"data.bin": b"first" * 1000})

    with pytest.raises(StoreWriteError, match="exists already") as caught:
        save(store, {"data.bin": b"second" * 1000}, id=version.id)

    assert caught.value.retryable is False
    assert bytes(store.reader(version).buffer("data.bin")) == b"first" * 1000


def test_buffers_are_private(store, save):
    """Writing to a buffer changes neither the store nor another buffer."""
    version = save(store, {"small": b"abc", "large": b"abc" * MEBIBYTE})

    for name in ("small", "large"):
        buffer = store.reader(version).buffer(name)
        buffer[0:3] = b"XYZ"
        assert bytes(store.reader(version).buffer(name)[0:3]) == b"abc"
    store.check(version)


def test_inline_buffer_is_private(store, save):
    """A buffer from the record is writable and a copy."""
    version = save(store, {"data.bin": b"abc"})

    buffer = store.reader(version).buffer("data.bin")
    buffer[0:1] = b"X"

    assert bytes(store.reader(version).buffer("data.bin")) == b"abc"


def test_buffers_outlive_the_store(open_store, url, save):
    """A buffer stays readable after reader and store are closed."""
    store = open_store(url)
    reader = store.reader(save(store, {"data.bin": b"x" * MEBIBYTE}))
    buffer = reader.buffer("data.bin")

    reader.close()
    store.close()

    assert bytes(buffer) == b"x" * MEBIBYTE


@pytest.mark.parametrize("chunk", [1, 1000, 262_144, 262_145, 3 * MEBIBYTE])
def test_chunking_does_not_change_the_digest(store, save, chunk):
    """However a file is cut into writes, its bytes and digest are the same."""
    data = bytes(range(256)) * (24 if chunk == 1 else 40_000)
    whole = save(store, {"data.bin": data})
    writer = store.writer(new_id())
    sink = writer.open("data.bin")
    for start in range(0, len(data), chunk):
        sink.write(data[start : start + chunk])
    assert sink.tell() == len(data)
    sink.close()

    assert writer.finish().files == whole.files


def test_small_and_large_writes_keep_their_order(store):
    """A header, a large buffer and a footer are hashed in the order of writing."""
    parts = [b"head", b"L" * (9 * MEBIBYTE), b"mid", b"M" * 70_000, b"N" * (2 * MEBIBYTE), b"tail"]
    writer = store.writer(new_id())
    with writer.open("data.bin") as sink:
        for part in parts:
            sink.write(part)
    other = store.writer(new_id())
    with other.open("data.bin") as sink:
        sink.write(b"".join(parts))

    assert writer.finish() == other.finish()
    writer.abort()
    other.abort()


def test_typed_buffers_are_written_as_bytes(store):
    """Arrays of other items, views with gaps and bytearrays are taken byte by byte."""
    numbers = array("d", [1.0, 2.0, 3.0])
    gaps = memoryview(b"a-b-c-")[::2]
    writer = store.writer(new_id())
    with writer.open("data.bin") as sink:
        assert sink.write(memoryview(numbers)) == 24
        assert sink.write(gaps) == 3
        assert sink.write(bytearray(b"end")) == 3
        assert sink.write(memoryview(b"")) == 0

    assert writer.finish().inline == numbers.tobytes() + b"abc" + b"end"


def test_files_open_at_the_same_time(store, save):
    """Several files may be written in turn."""
    writer = store.writer(new_id())
    sinks = [writer.open(f"part-{index}") for index in range(3)]
    for _ in range(3):
        for index, sink in enumerate(sinks):
            sink.write(bytes([index]) * (2 * MEBIBYTE))

    written = writer.finish()

    same = save(store, {f"part-{i}": bytes([i]) * (6 * MEBIBYTE) for i in range(3)})
    assert written.files == same.files
    writer.abort()


def test_sub_writers_and_readers(store, save):
    """A prefix shortens names on both sides."""
    writer = store.writer(new_id())
    with writer.sub("left").open("a") as sink:
        sink.write(b"1")
    with writer.sub("right").sub("deep").open("b") as sink:
        sink.write(b"2")
    assert [file.path for file in writer.finish().files] == ["left/a", "right/deep/b"]
    version = save(store, {"left/a": b"1", "right/deep/b": b"2", "rightmost": b"3"})

    right = store.reader(version).sub("right")

    assert right.names() == ("deep/b",)
    assert bytes(right.sub("deep").buffer("b")) == b"2"
    assert [path.name for path in right.directory().iterdir()] == ["deep"]


def test_equal_content_has_equal_hash(store, save):
    """The content hash depends on paths and bytes only, not on the order of writing."""
    one = save(store, {"a": b"1", "b": b"2"})
    two = save(store, {"b": b"2", "a": b"1"})
    other = save(store, {"a": b"2", "b": b"1"})

    assert one.content_hash == two.content_hash
    assert one.content_hash != other.content_hash


def test_hash_of_one_file_is_its_digest(store, save):
    """A version of one file has the digest of that file as its hash."""
    version = save(store, {"a": b"x" * 9000})

    assert version.content_hash == version.files[0].digest


@pytest.mark.parametrize("digest", ["blake3", "sha256"])
def test_digest_setting_is_used_and_readable_by_others(open_store, url, save, digest):
    """A store reads digests of both algorithms whatever it writes itself."""
    version = save(open_store(url, digest=digest), {"a": b"x" * 9000})

    assert version.content_hash.startswith(f"{digest}:")
    open_store(url).check(version)


def test_reopened_store_is_the_same(open_store, url, save):
    """A store keeps its id, and what one opener wrote another one reads."""
    first = open_store(url)
    version = save(first, {"a": b"x" * 9000})

    second = open_store(url)

    assert second.store_id == first.store_id
    assert bytes(second.reader(version).buffer("a")) == b"x" * 9000


def test_missing_file_is_named(store, save):
    """Asking for a file that the version does not have names the ones it has."""
    version = save(store, {"a": b"1"})

    with pytest.raises(ArtifactMissingError, match="'b'.*'a'"):
        store.reader(version).buffer("b")


def test_load_limit(open_store, url, save):
    """A version above the limit is refused before anything is read; at the limit it loads."""
    version = save(open_store(url), {"a": b"x" * 9000})

    assert open_store(url, load_max_bytes=9000).reader(version).buffer("a").nbytes == 9000
    with pytest.raises(ResourceLimitError, match="9000"):
        open_store(url, load_max_bytes=8999).reader(version)


def test_the_contracts_hold(store: ContentStore, save) -> None:
    """Writer, sink and reader have every member that materializers may use."""
    writer: FileWriter = store.writer(new_id())
    sink: FileSink = writer.open("a")
    reader: FileReader = store.reader(save(store, {"a": b"1"}))

    assert sink.write(b"1") == 1
    assert reader.names() == ("a",)


def test_relative_path_is_made_absolute(tmp_path: Path, monkeypatch, open_store):
    """A store opened by a relative path stays the same when the process moves."""
    monkeypatch.chdir(tmp_path)
    store = open_store("here")

    assert store.url == (tmp_path / "here").as_uri()
