"""One conformance suite for every BlobStore."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from artifact_plugins.content import identity
from artifact_plugins.content.memory import MemoryBlobs
from artifact_plugins.errors import (
    ArtifactMissingError,
    ResourceLimitError,
    StoreCapabilityError,
)
from artifact_plugins.records import new_id


@pytest.fixture
def blobs(store):
    """The small objects of a store of each kind."""
    return store._place.blobs


def test_put_new_creates_once(blobs):
    """The second writer of a key is told so, and changes nothing."""
    assert blobs.put_new("runs/a.json", b"first") is True
    assert blobs.put_new("runs/a.json", b"second") is False
    assert blobs.get("runs/a.json", limit_bytes=100) == b"first"


def test_put_new_has_one_winner(blobs):
    """Of eight writers at once exactly one creates the key, whole."""
    start = threading.Barrier(8)

    def put(number):
        start.wait()
        return blobs.put_new("runs/race.json", bytes([number]) * 1000)

    for _ in range(5):
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(put, range(8)))
        data = blobs.get("runs/race.json", limit_bytes=1000)
        assert won.count(True) == 1
        assert data == bytes([won.index(True)]) * 1000
        blobs.delete("runs/race.json")


def test_get_and_head(blobs):
    """An object has its size; a missing one has none and is missing."""
    blobs.put_new("runs/a.json", b"12345")

    assert blobs.head("runs/a.json") == 5
    assert blobs.head("runs/b.json") is None
    assert blobs.head("nowhere/b.json") is None
    with pytest.raises(ArtifactMissingError):
        blobs.get("runs/b.json", limit_bytes=5)


def test_get_has_a_limit(blobs):
    """An object at the limit is read, one byte more is refused."""
    blobs.put_new("runs/a.json", b"12345")

    assert blobs.get("runs/a.json", limit_bytes=5) == b"12345"
    with pytest.raises(ResourceLimitError):
        blobs.get("runs/a.json", limit_bytes=4)


def test_list_prefix_is_sorted_and_deep(blobs):
    """A listing holds every key below a folder, and nothing of its neighbours."""
    for key in ("runs/b", "runs/deep/a", "runs/a", "runs2/x"):
        blobs.put_new(key, b"")

    assert list(blobs.list_prefix("runs")) == ["runs/a", "runs/b", "runs/deep/a"]
    assert list(blobs.list_prefix("runs/")) == ["runs/a", "runs/b", "runs/deep/a"]
    assert list(blobs.list_prefix("none")) == []


def test_delete_is_idempotent(blobs):
    """Deleting twice, or what never was, does nothing more."""
    blobs.put_new("runs/a", b"")

    blobs.delete("runs/a")
    blobs.delete("runs/a")
    blobs.delete("nowhere/a")

    assert blobs.head("runs/a") is None
    assert blobs.put_new("runs/a", b"again") is True


def test_replace_is_whole(blobs):
    """Readers beside a writer that replaces see one text or the other."""
    blobs.replace("runs/a", b"0" * 50_000)
    done = threading.Event()
    seen = []

    def read():
        while not done.is_set():
            seen.append(blobs.get("runs/a", limit_bytes=100_000))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(50):
        blobs.replace("runs/a", str(number % 10).encode() * 50_000)
    done.set()
    reader.join()

    assert all(len(data) == 50_000 and len(set(data)) == 1 for data in seen)


def test_no_glob_is_expanded(blobs):
    """A key with glob characters names itself."""
    blobs.put_new("runs/a", b"victim")
    blobs.put_new("runs/[a]", b"own")

    assert blobs.get("runs/[a]", limit_bytes=100) == b"own"
    blobs.delete("runs/*")
    assert blobs.get("runs/a", limit_bytes=100) == b"victim"


def test_store_that_overwrites_is_refused():
    """A store that ignores put-if-absent is found at its first use; an honest one is not."""

    class Careless(MemoryBlobs):
        def put_new(self, key, data):
            self.replace(key, data)
            return True

    careless, honest = Careless(new_id()), MemoryBlobs(new_id())

    with pytest.raises(StoreCapabilityError):
        identity.store_id(careless)
    assert identity.store_id(honest) == identity.store_id(honest)
    assert list(careless.list_prefix("staging")) == []
