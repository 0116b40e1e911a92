"""Many writers: processes, threads, forks, kills and locks."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import warm_processes
from ledger_numbers import numbers
from ledger_urls import ONLY_SQLITE
from warm_processes import WarmProcess

from artifact_plugins.errors import LedgerBusyError
from artifact_plugins.ledger import Ledger
from artifact_plugins.ledger.sqlite import gate
from artifact_plugins.ledger.sqlite.gate import WriteGate
from artifact_plugins.records import Batch, VersionQuery

WORKERS = Path(__file__).with_name("ledger_workers.py")


def start(*arguments: Any, **environment: str) -> WarmProcess:
    return warm_processes.start(WORKERS, *arguments, env={**os.environ, **environment})


def finish(process: WarmProcess) -> tuple[int | None, str, str]:
    out, err = process.communicate(timeout=100)
    return process.returncode, out, err


def test_sixteen_processes_number_one_artifact_without_gaps(url):
    """16 processes that save the same new artifact 20 times give 1..320 (B1, B2)."""
    processes = [start("many", url, worker, 20) for worker in range(16)]

    ended = [finish(process) for process in processes]

    assert [code for code, _, _ in ended] == [0] * 16, [err for _, _, err in ended]
    with Ledger.open(url, durable=False) as ledger:
        assert numbers(ledger) == list(range(1, 321))
        assert ledger.check() == []


@ONLY_SQLITE
def test_highest_number_plus_one_would_collide(ledger, make, url):
    """Negative control: numbers read before they are written are given twice."""
    make.save(ledger)
    path = url.removeprefix("sqlite:///")
    text = "SELECT max(version) + 1 FROM version"

    first, second = (sqlite3.connect(path) for _ in range(2))
    given = [raw.execute(text).fetchone()[0] for raw in (first, second)]
    first.close()
    second.close()

    assert given == [2, 2]


def test_one_key_from_many_threads_is_one_version(ledger, make):
    """The same key and content at once from 8 threads is one version for all (B3)."""
    with ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(lambda _: make.save(ledger, key="k"), range(40)))

    assert len({version.id for version in saved}) == 1
    assert numbers(ledger) == [1]


def save_from_threads(ledger: Ledger, make: Any) -> list[int]:
    def work(_: int) -> int:
        saved = make.save(ledger)
        return ledger.version(saved.id).version

    with ThreadPoolExecutor(16) as pool:
        return sorted(pool.map(work, range(200)))


def test_threads_share_a_ledger(ledger, make):
    """Threads that save and read through one ledger get dense numbers and no errors (B17)."""
    assert save_from_threads(ledger, make) == list(range(1, 201))
    assert ledger.check() == []


def test_threads_share_a_ledger_in_memory(make):
    """In memory there is one connection, and threads take turns with it (B17)."""
    with Ledger.open("sqlite://", durable=False) as ledger:
        assert save_from_threads(ledger, make) == list(range(1, 201))
        assert ledger.check() == []


@ONLY_SQLITE
def test_connections_of_threads_that_ended_are_used_again(ledger, make):
    """A thousand short threads do not leave a thousand connections open."""
    for _ in range(30):
        thread = threading.Thread(target=make.save, args=(ledger,))
        thread.start()
        thread.join()

    assert len(ledger._database._all) <= 3
    assert numbers(ledger) == list(range(1, 31))


def test_a_forked_child_has_its_own_connection_and_lock(ledger, make):
    """A child forked from a process with an open ledger saves beside its parent (A26)."""
    make.save(ledger)

    child = os.fork()
    if child == 0:
        code = 1
        try:
            for _ in range(20):
                make.save(ledger)
            ledger.close()
            code = 0
        finally:
            os._exit(code)
    for _ in range(20):
        make.save(ledger)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert numbers(ledger) == list(range(1, 42))
    assert ledger.check() == []


@ONLY_SQLITE
def test_a_fork_waits_for_the_transaction_of_another_thread(url, make):
    """A child forked while a thread of its parent commits can write: nothing is locked for ever."""
    with Ledger.open(url, durable=False, busy_timeout_seconds=3) as ledger:
        make.save(ledger)
        inside, ended = threading.Event(), threading.Event()

        def commit() -> None:
            with ledger._database.transaction():
                inside.set()
                time.sleep(0.5)
                ended.set()

        thread = threading.Thread(target=commit)
        thread.start()
        assert inside.wait(10)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                make.save(ledger)
                code = 0
            finally:
                os._exit(code)

        assert ended.is_set()
        thread.join()
        _, status = os.waitpid(child, 0)
        assert status == 0
        assert numbers(ledger) == [1, 2]


@pytest.mark.parametrize("point", ["commit.before", "commit.inside", "commit.after"])
def test_a_kill_leaves_all_or_nothing_and_the_repeat_gives_one_version(url, make, point):
    """A kill -9 at any point of a commit, then the same save: exactly one version (A6-A8)."""
    with Ledger.open(url, durable=True) as ledger:
        make.save(ledger, "other")
    points = {
        "ARTIFACT_PLUGINS_TESTING": "1",
        "ARTIFACT_PLUGINS_FAILPOINTS": f"{point}=kill",
    }

    code, _, err = finish(start("one", url, "k", **points))

    assert code == -signal.SIGKILL, err
    with Ledger.open(url, durable=True) as ledger:
        left = ledger.versions(VersionQuery(artifact="flights")).items
        assert len(left) == (1 if point == "commit.after" else 0)
        code, out, err = finish(start("one", url, "k"))
        assert code == 0, err
        (version,) = ledger.versions(VersionQuery(artifact="flights")).items
        assert out.split() == [version.id, "1"]
        assert not left or left[0].id == version.id
        assert ledger.check() == []


@ONLY_SQLITE
def test_a_lock_held_by_others_is_a_named_error(url, make):
    """A ledger locked for longer than the timeout says so and how long (D1)."""
    ledger = Ledger.open(url, durable=False, busy_timeout_seconds=0.1)
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(LedgerBusyError, match="nothing was written") as caught:
        make.save(ledger)

    assert caught.value.waited >= 0.09
    assert caught.value.retryable
    other.execute("ROLLBACK")
    assert make.save(ledger).version == 1
    other.close()
    ledger.close()


@ONLY_SQLITE
def test_a_closed_gate_is_a_named_error(url, make):
    """Waiting for the write gate ends with the timeout too."""
    ledger = Ledger.open(url, durable=False, busy_timeout_seconds=0.1)
    other = WriteGate(Path(url.removeprefix("sqlite:///")), 1.0)
    other.acquire(across_processes=True)

    try:
        if gate.FILE_LOCK_NEEDED:
            with pytest.raises(LedgerBusyError, match="busy_timeout_seconds"):
                make.save(ledger)
    finally:
        other.release()

    assert make.save(ledger).version == 1
    other.close()
    ledger.close()


def test_a_gate_that_was_not_had_is_kept_shut_for_a_fork(tmp_path):
    """Who waited for a gate in vain does not hold it: a fork of that thread keeps writers out."""
    other, own = WriteGate(tmp_path / "x", 1.0), WriteGate(tmp_path / "x", 0.02)
    other.acquire(across_processes=True)
    with pytest.raises(LedgerBusyError):
        own.acquire(across_processes=True)

    assert own.keep_shut()
    assert not other.keep_shut()  # the control: it is held by this very thread

    own.open_again()
    other.release()


def test_the_gate_lets_one_in_at_a_time(tmp_path):
    """Two holders of one gate, in one process or several, never overlap."""
    gates = [WriteGate(tmp_path / "x", 10.0) for _ in range(2)]
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        own = gates[number % 2]
        for _ in range(20):
            own.acquire(across_processes=True)
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.0002)
            inside.remove(number)
            own.release()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert set(most) == {1}
    for one in gates:
        one.close()


def test_readers_see_whole_batches(ledger, make):
    """A reader beside a writer sees all versions of a batch or none (B15)."""
    stop = threading.Event()
    seen: set[int] = set()

    def read() -> None:
        while not stop.is_set():
            seen.add(len(ledger.versions(VersionQuery(), limit=1000)) % 5)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(40):
        ledger.write(Batch(versions=tuple(make.draft(f"a{n}") for n in range(5))))
    stop.set()
    reader.join()

    assert seen == {0}
