"""Lost answers, killed backends, locks and crowds: nothing is lost or there twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cutting_proxy import CuttingProxy, cutting_proxy
from ledger_numbers import numbers
from ledger_urls import ONLY_POSTGRESQL

from artifact_plugins.errors import (
    CommitUnknownError,
    LedgerBusyError,
    LedgerCorruptError,
    StoreFullError,
    StoreReadError,
    StoreWriteError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.ledger.commit import Batch, _Prepared, _write
from artifact_plugins.ledger.database import repeatable
from artifact_plugins.ledger.opening import has_ledger
from artifact_plugins.records import VersionQuery

pytestmark = [pytest.mark.server, ONLY_POSTGRESQL]
WORKERS = Path(__file__).with_name("ledger_workers.py")


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WORKERS), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_open_an_empty_database_at_once_make_one_ledger(url):
    """Six processes find no tables at the same moment; all of them get the same ledger."""
    assert has_ledger(url) is False
    processes = [start("many", url, worker, 1) for worker in range(6)]

    ended = [process.communicate(timeout=100) for process in processes]

    assert [process.returncode for process in processes] == [0] * 6, ended
    with Ledger.open(url, durable=False) as ledger:
        assert numbers(ledger) == list(range(1, 7))


@pytest.fixture
def proxy(postgresql_server: Any) -> Iterator[CuttingProxy]:
    """Loses COMMITs, their answers or both."""
    with cutting_proxy(postgresql_server.port, b"COMMIT\0") as running:
        yield running


@pytest.fixture
def cut_ledger(url: str, proxy: CuttingProxy, postgresql_server: Any) -> Iterator[Ledger]:
    """A ledger behind the proxy."""
    through = url.replace(f":{postgresql_server.port}/", f":{proxy.port}/")
    with Ledger.open(through, durable=False, busy_timeout_seconds=20) as opened:
        yield opened


@pytest.mark.timeout(300)
def test_a_lost_commit_is_repeated_with_the_same_key(cut_ledger, proxy, make):
    """Of 500 saves with 45 % of their COMMITs cut, none is lost and none is there twice (B6)."""
    proxy.share = {"answer": 0.3, "request": 0.15}

    saved = [make.save(cut_ledger, key=f"k{n}") for n in range(500)]

    assert proxy.cut["answer"] > 100
    assert proxy.cut["request"] > 40
    assert [version.version for version in saved] == list(range(1, 501))
    assert numbers(cut_ledger) == list(range(1, 501))
    assert cut_ledger.check() == []


def test_without_its_key_a_lost_commit_is_there_twice(cut_ledger, proxy, make):
    """Negative control: whoever repeats a lost commit under a new key doubles it."""
    proxy.share = {"answer": 0.3, "request": 0.0}
    database = cut_ledger._database

    def save_until_answered() -> None:
        while True:
            try:
                prepared = _Prepared(Batch(versions=(make.draft(),)))
                _write(database, {}, prepared, False)
                return
            except CommitUnknownError:
                continue

    for _ in range(60):
        save_until_answered()

    assert len(numbers(cut_ledger)) == 60 + proxy.cut["answer"] > 65


def test_a_server_that_stays_away_leaves_the_outcome_unknown(url, proxy, postgresql_server, make):
    """A commit whose answer is lost for good is CommitUnknownError; later its key finds it (B6)."""
    through = url.replace(f":{postgresql_server.port}/", f":{proxy.port}/")
    with Ledger.open(through, durable=True, busy_timeout_seconds=0.3) as ledger:
        proxy.share = {"answer": 1.0, "request": 0.0}
        proxy.is_away.set()
        started = time.monotonic()

        with pytest.raises(CommitUnknownError, match="same idempotency keys"):
            make.save(ledger, key="k")

        assert time.monotonic() - started < 10
        with pytest.raises(StoreReadError):
            ledger.versions(VersionQuery())
        proxy.share["answer"] = 0.0
        proxy.is_away.clear()
        assert make.save(ledger, key="k").version == 1
        assert numbers(ledger) == [1]


def test_an_edit_whose_answer_was_lost_is_not_done_again(cut_ledger, proxy, make):
    """An edit has no key, so a lost answer is said and the edit is not repeated."""
    version = make.save(cut_ledger)
    proxy.share = {"answer": 1.0, "request": 0.0}

    with pytest.raises(CommitUnknownError):
        cut_ledger.set_alias(version.id, "prod")

    proxy.share = {"answer": 0.0, "request": 0.0}
    assert proxy.cut["answer"] == 1
    assert cut_ledger.version(version.id).aliases == ("prod",)


def test_the_id_of_a_ledger_survives_lost_answers(cut_ledger, proxy):
    """The first id stays, so making it is repeated until somebody answers."""
    proxy.share = {"answer": 0.9, "request": 0.0}

    identity = cut_ledger.identity()

    proxy.share = {"answer": 0.0, "request": 0.0}
    assert proxy.cut["answer"] >= 1
    assert cut_ledger.identity() == identity


def end_sessions(server: Any) -> int:
    """Kill every backend of the ledger under test; return how many there were."""
    rows = server.run(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE application_name = 'artifact-plugins'"
    )
    return int(rows[0][0])


def test_a_backend_killed_in_mid_transaction_is_replaced(ledger, url, postgresql_server, make):
    """pg_terminate_backend between two statements: the batch is written again, once (D9)."""
    attempts: list[int] = []
    first = make.save(ledger)

    @repeatable
    def work(database: Any) -> None:
        with database.transaction() as cursor:
            cursor.execute("UPDATE version SET description = 'x'")
            attempts.append(1)
            if len(attempts) == 1:
                assert end_sessions(postgresql_server) >= 1
            cursor.execute("UPDATE version SET description = description || 'y'")

    work(ledger._database)

    assert len(attempts) == 2
    assert ledger.version(first.id).description == "xy"


def test_backends_killed_all_the_time_lose_nothing(ledger, url, postgresql_server, make):
    """While somebody ends every session again and again, 150 saves give 150 versions (D9)."""
    stop = threading.Event()
    ended: list[int] = []

    def end() -> None:
        while not stop.is_set():
            ended.append(end_sessions(postgresql_server))
            time.sleep(0.02)

    killer = threading.Thread(target=end)
    killer.start()
    try:
        saved = [make.save(ledger, key=f"k{n}").version for n in range(150)]
    finally:
        stop.set()
        killer.join()

    assert sum(ended) > 3
    assert saved == list(range(1, 151))
    assert numbers(ledger) == saved
    assert ledger.check() == []


def failing(code: str, times: int, attempts: list[str]) -> Callable[[Any], None]:
    @repeatable
    def work(database: Any) -> None:
        with database.transaction() as cursor:
            attempts.append(code)
            if len(attempts) <= times:
                raised = f"RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}'"
                cursor.execute(f"DO $$ BEGIN {raised}; END $$")

    return work


@pytest.mark.parametrize("code", ["40001", "40P01", "57014", "53300"])
def test_what_the_server_undid_is_done_again(ledger, code):
    """Serialization failures, deadlocks, timeouts and full tables of sessions are repeated (D9)."""
    attempts: list[str] = []

    failing(code, 2, attempts)(ledger._database)

    assert len(attempts) == 3


@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_repeats_are_bounded(url, code):
    """What fails every time is LedgerBusyError in the end (D9)."""
    attempts: list[str] = []
    with (
        Ledger.open(url, durable=False, busy_timeout_seconds=0.1) as ledger,
        pytest.raises(LedgerBusyError, match="nothing was written"),
    ):
        failing(code, 1000, attempts)(ledger._database)

    assert 2 < len(attempts) < 100


@pytest.mark.parametrize(
    ("code", "error"),
    [("53100", StoreFullError), ("42501", StoreWriteError), ("XX001", LedgerCorruptError)],
)
def test_what_will_not_pass_is_not_repeated(ledger, code, error):
    """A full disk, a missing right and damage are named at once."""
    attempts: list[str] = []

    with pytest.raises(error):
        failing(code, 1000, attempts)(ledger._database)

    assert len(attempts) == 1


def test_opposite_orders_of_locks_end_well(ledger, make):
    """Batches that write the same artifacts in opposite orders do not stop each other."""
    names = [f"a{n}" for n in range(12)]

    def save(number: int) -> None:
        order = names if number % 2 else names[::-1]
        ledger.write(Batch(versions=tuple(make.draft(name) for name in order)))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(save, range(36)))

    assert {one.versions for one in ledger.artifacts()} == {36}
    assert ledger.check() == []


def test_a_row_locked_for_too_long_is_named(url, postgresql_server, make):
    """An artifact that somebody else keeps locked is LedgerBusyError after the timeout (D1)."""
    import psycopg

    with Ledger.open(url, durable=False, busy_timeout_seconds=0.3) as ledger:
        make.save(ledger)
        with psycopg.connect(url) as other:
            other.execute("SELECT 1 FROM artifact FOR UPDATE")

            with pytest.raises(LedgerBusyError, match="stayed locked") as caught:
                make.save(ledger)

            assert caught.value.waited >= 0.3
        assert make.save(ledger).version == 2


def test_many_threads_share_few_connections(url, postgresql_server, make):
    """40 threads use at most 8 sessions of the server, and all get their turn."""
    ledger = Ledger.open(f"{url}&application_name=threads", durable=False)
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda _: make.save(ledger), range(200)))
    text = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'threads'"

    (count,) = postgresql_server.run(text)[0]

    assert 1 <= count <= 8
    assert numbers(ledger) == list(range(1, 201))
    ledger.close()
    ended = time.monotonic() + 10
    while postgresql_server.run(text)[0][0] and time.monotonic() < ended:
        time.sleep(0.05)
    assert postgresql_server.run(text)[0][0] == 0


def test_a_child_leaves_the_sessions_of_its_parent_alone(ledger, make):
    """A forked child that ends does not end the sessions that it inherited (A26)."""
    make.save(ledger)
    backend = ledger._database.read("SELECT pg_backend_pid()")

    child = os.fork()
    if child == 0:
        code = 1
        try:
            make.save(ledger)
            mine = ledger._database.read("SELECT pg_backend_pid()")
            ledger.close()
            code = 0 if mine != backend else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert ledger._database.read("SELECT pg_backend_pid()") == backend
    assert numbers(ledger) == [1, 2]
