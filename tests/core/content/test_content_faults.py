"""Full disks, failing disks, killed processes: a named error, nothing half-visible."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
from contextlib import contextmanager

import pytest
import warm_processes

from artifact_plugins.content import ContentStore, staging
from artifact_plugins.errors import (
    ArtifactMissingError,
    StoreFullError,
    StoreReadError,
    StoreWriteError,
)
from artifact_plugins.records import new_id


@pytest.fixture(params=["local", "memory", pytest.param("s3", marks=pytest.mark.server)])
def url(request, url_of):
    """The URL of a store that does not exist yet; all buckets share what is tested here."""
    return url_of(request.param)


MEBIBYTE = 1024 * 1024
POINTS = ["save.before_payload", "save.mid_payload", "save.after_payload", "save.after_manifest"]
SIZES = {"inline": 10, "file": 5000, "mapped": 3 * MEBIBYTE}


def attempt(store, data):
    """Save one file as a session does: abort on any error."""
    writer = store.writer(new_id())
    try:
        with writer.open("a") as sink:
            sink.write(data)
        writer.finish()
        return writer.publish({}, "text/plain")
    except BaseException:
        writer.abort()
        raise


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(
    ("name", "error"),
    [("ENOSPC", StoreFullError), ("EDQUOT", StoreFullError), ("EIO", StoreWriteError)],
)
def test_error_at_every_point(store, trip, size, point, name, error):
    """An error of the disk at any point is named; nothing is visible; the repeat works."""
    data = b"x" * SIZES[size]
    trip(f"{point}=error:{name}")

    with pytest.raises(error) as caught:
        attempt(store, data)

    assert caught.value.errno == getattr(errno, name)
    assert caught.value.retryable is False
    assert list(store.version_ids()) == []
    attempt(store, data)
    assert len(list(store.version_ids())) == (size != "inline")


@pytest.mark.parametrize("point", POINTS)
def test_interrupt_at_every_point(store, trip, point):
    """Ctrl-C passes through unchanged and leaves nothing."""
    trip(f"{point}=interrupt")

    with pytest.raises(KeyboardInterrupt):
        attempt(store, b"x" * MEBIBYTE * 3)

    assert list(store.version_ids()) == []
    assert attempt(store, b"x" * 5000)


@pytest.mark.parametrize("passage", range(1, 8))
def test_failed_sync_is_never_retried(open_store, tmp_path, trip, passage):
    """Whichever sync of a durable save fails, the version is thrown away."""
    store = open_store(tmp_path / "store", durable=True)
    trip(f"save.fsync=error:EIO@{passage}")

    with pytest.raises(StoreWriteError) as caught:
        attempt(store, b"x" * 5000)

    assert caught.value.errno == errno.EIO
    assert list(store.version_ids()) == []
    assert attempt(store, b"x" * 5000)


def test_a_durable_save_syncs_file_manifest_and_folders(open_store, tmp_path, trip):
    """Negative control: the eighth sync does not exist, so a fault there changes nothing."""
    store = open_store(tmp_path / "store", durable=True)
    trip("save.fsync=error:EIO@8")

    assert attempt(store, b"x" * 5000)


def test_process_durability_never_syncs(local, trip):
    """Without durability no save waits for the disk."""
    trip("save.fsync=error:EIO")

    assert attempt(local, b"x" * 5000)
    local.put_run(new_id(), b"{}")


def test_broken_file_cannot_be_published(local, trip):
    """A writer that swallows the error of a file is stopped at finish."""
    trip("save.mid_payload=error:EIO")
    writer = local.writer(new_id())
    sink = writer.open("a")
    with pytest.raises(StoreWriteError):
        sink.write(b"x" * MEBIBYTE)

    for call in (lambda: sink.write(b"more"), sink.close, writer.finish):
        with pytest.raises(StoreWriteError, match="not finished"):
            call()

    writer.abort()


def test_exception_in_a_with_block_passes_through(store):
    """What a materializer raises while writing is what its caller sees; the file is not kept."""
    writer = store.writer(new_id())

    with pytest.raises(TypeError), writer.open("a") as sink:
        sink.write("no bytes")

    with pytest.raises(StoreWriteError):
        writer.finish()
    writer.abort()


def test_full_disk(open_store, small_disk):
    """A disk that is really full gives StoreFullError; afterwards the store works."""
    store = open_store(small_disk / "store")
    kept = attempt(store, b"k" * 5000)

    with pytest.raises(StoreFullError):
        attempt(store, b"x" * (2 * MEBIBYTE))

    assert len(list(store.version_ids())) == 1
    assert kept.uri.endswith(next(store.version_ids()))
    assert attempt(store, b"x" * 100_000)


def test_disk_full_to_the_last_page(open_store, small_disk):
    """Wherever the last page is used up - file, manifest or folder - nothing is half-visible."""
    store = open_store(small_disk / "store")
    attempt(store, b"x" * 5000)
    page = 4096
    for left in range(8):
        filler = small_disk / "filler"
        free = shutil.disk_usage(small_disk).free
        filler.write_bytes(b"f" * max(0, free - left * page))
        before = set(store.version_ids())
        try:
            attempt(store, b"y" * 5000)
        except StoreFullError:
            assert set(store.version_ids()) == before
        else:
            assert len(set(store.version_ids())) == len(before) + 1
        filler.unlink()
    assert attempt(store, b"x" * 5000)


def test_read_only_disk(open_store, small_disk, save):
    """A read-only store can be read, restored and listed; a save is a StoreWriteError."""
    store = open_store(small_disk / "store")
    version = save(store, {"a": b"x" * 9000})
    store.close()
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(remount, check=True)
    store = open_store(small_disk / "store")

    assert bytes(store.reader(version).buffer("a")) == b"x" * 9000
    assert (store.reader(version).directory() / "a").stat().st_size == 9000
    assert list(store.version_ids()) == [version.id]
    with pytest.raises(StoreWriteError) as caught:
        attempt(store, b"x" * 9000)
    assert caught.value.errno == errno.EROFS
    with pytest.raises(StoreWriteError):
        open_store(small_disk / "new")


@contextmanager
def as_nobody():
    """Give up root for a while, who may write everywhere."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_folder_without_write_permission(local, tmp_path):
    """A store folder that may not be written gives StoreWriteError."""
    (tmp_path / "store").chmod(0o555)
    try:
        with as_nobody(), pytest.raises(StoreWriteError):
            attempt(local, b"x" * 9000)
    finally:
        (tmp_path / "store").chmod(0o755)
    assert attempt(local, b"x" * 9000)


def test_file_size_limit(local):
    """A limit of the process on file sizes is a StoreWriteError with its errno."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEBIBYTE, hard))
    try:
        with pytest.raises(StoreWriteError) as caught:
            attempt(local, b"x" * (3 * MEBIBYTE))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert caught.value.errno == errno.EFBIG
    assert attempt(local, b"x" * (3 * MEBIBYTE))


def test_no_file_descriptors_left(local, save):
    """Without descriptors save and load fail as retryable, and work again afterwards."""
    version = save(local, {"a": b"x" * 9000})
    held = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        try:
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pass
        with pytest.raises(StoreWriteError) as on_save:
            attempt(local, b"x" * 9000)
        with pytest.raises(StoreReadError) as on_load:
            local.reader(version).buffer("a")
    finally:
        for file in held:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert (on_save.value.retryable, on_load.value.retryable) == (True, True)
    assert bytes(local.reader(version).buffer("a")) == b"x" * 9000
    assert attempt(local, b"x" * 9000)


def test_short_writes_are_completed(local, save, monkeypatch):
    """An operating system that takes 1000 bytes at a time gets them all."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, bytes(data[:1000])))

    version = save(local, {"a": bytes(range(256)) * 400})

    monkeypatch.undo()
    assert bytes(local.reader(version).buffer("a")) == bytes(range(256)) * 400


def test_cleaner_that_removes_staging(local, tmp_path):
    """A removed staging folder fails the running save by name; the next one works."""
    writer = local.writer(new_id())
    writer.open("a").write(b"x" * MEBIBYTE)
    shutil.rmtree(tmp_path / "store" / "staging")

    with pytest.raises(StoreWriteError):
        writer.publish({}, "text/plain")

    writer.abort()
    assert attempt(local, b"x" * 9000)
    local.put_run(new_id(), b"{}")


def test_closed_store_says_so(local, save):
    """Using a store after close is an error, not a write somewhere else."""
    version = save(local, {"a": b"x" * 9000})
    local.close()
    local.close()

    with pytest.raises(StoreWriteError):
        attempt(local, b"x" * 9000)
    with pytest.raises(StoreReadError):
        local.reader(version).buffer("a")


def test_store_path_that_is_a_file(open_store, tmp_path):
    """A file where the store should be is named."""
    (tmp_path / "file").write_bytes(b"")

    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreWriteError, match="file"):
            open_store(path)


KILLED = """
import sys
from artifact_plugins.content import ContentStore, staging
store = ContentStore.open(sys.argv[1], durable=False)
writer = store.writer(sys.argv[2])
with writer.open("a") as sink:
    sink.write(b"x" * int(sys.argv[3]))
writer.publish({}, "text/plain")
print("published")
"""


CREATED = """
import sys
from artifact_plugins.content import ContentStore, staging
ContentStore.open(sys.argv[1], durable=True)
"""


@pytest.mark.parametrize("point", [*POINTS, None])
def test_kill_at_every_point(open_store, tmp_path, point):
    """Kill -9 leaves no readable version before the last point, and the repeat works."""
    version_id = new_id()
    environment = {**os.environ, "ARTIFACT_PLUGINS_TESTING": "1"}
    if point:
        environment["ARTIFACT_PLUGINS_FAILPOINTS"] = f"{point}=kill"

    ended = warm_processes.run(KILLED, tmp_path / "store", version_id, 3_000_000, env=environment)

    assert (ended.returncode, ended.stdout) == ((-9, "") if point else (0, "published\n"))
    store = open_store(tmp_path / "store")
    whole = point in ("save.after_manifest", None)
    assert list(store.version_ids()) == ([version_id] if whole else [])
    freed = store.collect_staging()
    assert (freed > 0) is (point in ("save.mid_payload", "save.after_payload"))
    assert store.collect_staging() == 0
    if not whole:
        writer = store.writer(version_id)
        writer.open("a").write(b"x" * 3_000_000)
        writer.publish({}, "text/plain")
    assert list(store.version_ids()) == [version_id]


def test_killed_while_the_store_is_created(open_store, tmp_path):
    """A store whose creator died before store.json was written is created by the next one."""
    environment = {
        **os.environ,
        "ARTIFACT_PLUGINS_TESTING": "1",
        "ARTIFACT_PLUGINS_FAILPOINTS": "save.fsync=kill@4",
    }

    ended = warm_processes.run(CREATED, tmp_path / "store", env=environment)

    assert ended.returncode == -9
    assert not (tmp_path / "store" / "store.json").exists()
    assert isinstance(open_store(tmp_path / "store"), ContentStore)


def test_collecting_spares_the_living(open_store, tmp_path):
    """Files that a living process is staging are not collected, its own or another's."""
    one, two = open_store(tmp_path / "store"), open_store(tmp_path / "store")
    writer = one.writer(new_id())
    writer.open("a").write(b"x" * MEBIBYTE)

    assert (one.collect_staging(), two.collect_staging()) == (0, 0)

    assert writer.publish({}, "text/plain").manifest_digest


@pytest.mark.parametrize("before", ["open_below", "try_lock"])
def test_a_folder_collected_before_its_lock_is_made_again(
    open_store, tmp_path, monkeypatch, before
):
    """Between mkdir and lock it looks like a dead process's; the save goes on in another one."""
    root = tmp_path / "store"
    writer, collector = open_store(root), open_store(root)
    shutil.rmtree(root / "staging")  # those that they have since they opened
    real, left = getattr(staging, before), []

    def overtaken(*args):
        if not left and list(root.glob("staging/*")):
            monkeypatch.setattr(staging, before, real)
            collector.collect_staging()
            left.append(list(root.glob("staging/*")))
        return real(*args)

    monkeypatch.setattr(staging, before, overtaken)

    published = attempt(writer, b"x" * 9000)

    assert left == [[]]  # the control: its first folder was gone
    assert published.manifest_digest


def test_close_leaves_staging_empty(open_store, tmp_path):
    """A store that was closed has no private folder left."""
    store = open_store(tmp_path / "store")
    attempt(store, b"x" * 9000)

    store.close()

    assert list((tmp_path / "store" / "staging").iterdir()) == []


def test_missing_run_is_missing(local):
    """Negative control: an absent run is missing, not an error of the disk."""
    with pytest.raises(ArtifactMissingError):
        local.get_run(new_id())
