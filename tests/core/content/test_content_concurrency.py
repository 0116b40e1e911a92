"""Many threads and processes at one store; forks in the middle."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import warm_processes

from artifact_plugins.content import ContentStore
from artifact_plugins.errors import StoreWriteError
from artifact_plugins.records import new_id

MEBIBYTE = 1024 * 1024

forks = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def in_child(function):
    """Run `function` in a forked child; its exit code, or minus the signal after 20 s."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            function()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_eight_threads(store, save):
    """Threads that save and load through one store do not disturb each other."""

    def work(number):
        versions = []
        for size in (10, 5000, 200_000, 2 * MEBIBYTE):
            data = bytes([number]) * size
            version = save(store, {"a": data})
            assert bytes(store.reader(version).buffer("a")) == data
            versions.append(version)
        return versions

    with ThreadPoolExecutor(8) as pool:
        saved = [version for versions in pool.map(work, range(8)) for version in versions]

    assert len(list(store.version_ids())) == 8 * 3
    for version in saved:
        store.check(version)


def test_threads_creating_one_store(url):
    """Openers that come at the same time agree on the id of the store."""
    start = threading.Barrier(8)

    def create(_):
        start.wait()
        with ContentStore.open(url, durable=False) as store:
            return store.store_id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(create, range(8)))) == 1


def test_threads_publishing_one_version_id(store, save):
    """Of several savers of one id exactly one wins; nobody mixes files."""
    version_id = new_id()
    start = threading.Barrier(4)

    def publish(number):
        start.wait()
        try:
            return save(store, {"a": bytes([number]) * 9000}, id=version_id)
        except StoreWriteError:
            return None

    with ThreadPoolExecutor(4) as pool:
        won = [version for version in pool.map(publish, range(4)) if version]

    assert len(won) == 1
    store.check(won[0])


WORKER = """
import sys
from artifact_plugins.content import ContentStore
from artifact_plugins.records import new_id
store = ContentStore.open(sys.argv[1], durable=False)
for number in range(20):
    writer = store.writer(new_id())
    with writer.open("a") as sink:
        sink.write(b"x" * 9000)
    writer.publish({}, "text/plain")
store.put_run("00000000-0000-7000-8000-000000000000", sys.argv[2].encode() * 5000)
print(store.store_id)
"""


def test_processes_at_one_store(open_store, tmp_path):
    """Processes that start with no store at all end with one, and with every version."""
    path = str(tmp_path / "store")
    running = [warm_processes.start(WORKER, path, n) for n in range(4)]

    ids = {process.communicate()[0] for process in running}

    store = open_store(path)
    assert ids == {f"{store.store_id}\n"}
    assert len(list(store.version_ids())) == 80
    run = store.get_run("00000000-0000-7000-8000-000000000000")
    assert len(run) == 5000
    assert len(set(run)) == 1


@forks
def test_forked_child_saves_and_loads(local, save):
    """A forked child goes on with the store of its parent: large digests, own staging."""
    version = save(local, {"a": b"x" * (4 * MEBIBYTE)})

    def child():
        assert bytes(local.reader(version).buffer("a")) == b"x" * (4 * MEBIBYTE)
        local.check(version)
        save(local, {"a": b"y" * (4 * MEBIBYTE)})
        local.close()

    assert in_child(child) == 0
    assert len(list(local.version_ids())) == 2
    save(local, {"a": b"z" * 9000})


@forks
def test_fork_in_the_middle_of_a_save(local):
    """A child that aborts or drops its copy of a writer leaves the parent's save alone."""
    writer = local.writer(new_id())
    sink = writer.open("a")
    sink.write(b"x" * (4 * MEBIBYTE))

    def child():
        with pytest.raises(StoreWriteError, match="fork"):
            sink.write(b"x" * (64 * MEBIBYTE))
        writer.abort()
        local.close()

    assert in_child(child) == 0
    sink.close()
    assert writer.publish({}, "text/plain").manifest_digest


def test_forgotten_writer_ends_its_thread(local):
    """A writer that nobody finishes leaves no thread behind."""
    before = digesting()
    writer = local.writer(new_id())
    writer.open("a").write(b"x" * (4 * MEBIBYTE))
    (thread,) = digesting() - before

    writer._sinks.clear()
    del writer

    thread.join(60)
    assert not thread.is_alive()


def digesting():
    """The threads that compute digests; of other tests, too."""
    return {thread for thread in threading.enumerate() if thread.name == "artifact-digest"}
