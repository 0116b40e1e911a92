"""Kills, full disks, damaged rows and crowds: the outbox holds what the ledger holds."""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import warm_processes
from ledger_urls import ONLY_SQLITE
from warm_processes import WarmProcess

from artifact_plugins.errors import (
    StoreFullError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    Batch,
    OutboxState,
    RunQuery,
    VersionQuery,
)

ZENML, MLTE = "zenml+http://there:8080", "mlte+http://there:8081"
Entry = tuple[str, str, str]
WORKERS = Path(__file__).with_name("outbox_workers.py")


@pytest.fixture
def backend(ledger: Ledger) -> int:
    """A backend that everything is delivered to."""
    number = ledger.register_backend(ZENML)
    ledger.deliver_to([number])
    return number


def work(url: str, how: str, *arguments: object, points: str = "") -> WarmProcess:
    testing = {"ARTIFACT_PLUGINS_TESTING": "1", "ARTIFACT_PLUGINS_FAILPOINTS": points}
    return warm_processes.start(WORKERS, how, url, *arguments, env={**os.environ, **testing})


def entries(ledger: Ledger, backend_id: int | None = None) -> list[Entry]:
    """Return stream, kind and record of everything in the outbox, in its order."""
    found = ledger.outbox.page(backend_id, state=None, limit=1000)
    return [(row.stream, row.kind, row.record_id) for row in found]


def fill(ledger: Ledger, make: Any) -> list[str]:
    """Save until there is no room; return what was acknowledged."""
    saved = []
    while True:
        try:
            saved.append(make.save(ledger).id)
        except StoreFullError:
            return saved


@ONLY_SQLITE
def test_a_full_disk_fails_the_save_before_it_is_acknowledged(ledger, make, backend):
    """A save whose row has no room fails as a whole: saved is what is there, and it has a row (C15)."""
    raw = ledger._database.connection().raw
    acknowledged = []
    for _ in range(3):
        pages = raw.execute("PRAGMA page_count").fetchone()[0]
        raw.execute(f"PRAGMA max_page_count={pages + 1}")
        acknowledged += fill(ledger, make)

    versions = [one.id for one in ledger.versions(VersionQuery(), newest_first=False, limit=1000)]
    assert versions == acknowledged
    assert [record for _, _, record in entries(ledger)] == versions
    assert len(versions) > 3


@pytest.mark.parametrize("point", ["commit.inside", "commit.after"])
def test_a_kill_leaves_a_record_with_its_row_or_neither(url, point):
    """Kill -9 inside the commit leaves neither the run nor its row; after it, both (C15)."""
    with Ledger.open(url, durable=True) as ledger:
        backend = ledger.register_backend(ZENML)

    process = work(url, "commit", backend, points=f"{point}=kill")
    _, err = process.communicate(timeout=100)

    assert process.returncode == -signal.SIGKILL, err
    with Ledger.open(url, durable=True) as ledger:
        runs = [run.id for run in ledger.runs(RunQuery())]
        assert runs == (["the-run"] if point == "commit.after" else [])
        assert [record for _, _, record in entries(ledger)] == runs
        claimed = ledger.outbox.claim(backend, owner="me", lease_seconds=9, limit=9)
        assert list(claimed) == runs


def test_a_row_in_a_transaction_of_its_own_would_be_lost(url):
    """Negative control: who writes the row after the commit loses it to a kill in between."""
    with Ledger.open(url, durable=True) as ledger:
        ledger.register_backend(ZENML)

    process = work(url, "commit_apart", 1, points="commit.after=kill")
    process.communicate(timeout=100)

    with Ledger.open(url, durable=True) as ledger:
        assert [run.id for run in ledger.runs(RunQuery())] == ["the-run"]
        assert entries(ledger) == []


def damage(ledger: Ledger, seq: int, change: str) -> None:
    with ledger._database.transaction() as cursor:
        cursor.execute(f"UPDATE outbox SET {change} WHERE seq = {seq}")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("kind = 'lnik'", "its kind is 'lnik'"),
        ("state = 'PENDIGN'", "its state is 'PENDIGN'"),
        ("next_at = 9000000000000000000", "beyond every calendar"),
    ],
)
def test_a_damaged_row_is_given_up_by_name(ledger, backend, change, what):
    """A row that cannot be read is dead, says what was wrong, and stops neither list nor stream (C15)."""
    ledger.outbox.enqueue(backend, [("s", "task", name) for name in ("a", "b", "c")])
    _, second, _ = ledger.outbox.rows(backend, "s")
    damage(ledger, second.seq, change)

    listed = ledger.outbox.page(None, state=None)
    rows = ledger.outbox.rows(backend, "s")

    assert [row.record_id for row in rows] == ["a", "c"]
    (dead,) = ledger.outbox.page(backend, state=OutboxState.DEAD)
    assert dead.seq == second.seq
    assert what in dead.error
    assert [row.seq for row in listed] == [row.seq for row in ledger.outbox.page(None, state=None)]
    assert (ledger.outbox.counts()[0].pending, ledger.outbox.counts()[0].dead) == (2, 1)
    assert ledger.outbox.claim(backend, owner="me", lease_seconds=9, limit=9) == ("s",)
    assert ledger.outbox.drop(backend, seqs=[second.seq], state=OutboxState.DEAD) == 1


@ONLY_SQLITE
@pytest.mark.parametrize(
    "change",
    [
        "next_at = 'soon'",
        "created_at = 'today'",
        "tries = 'few'",
        "generation = x'00'",
        "record_id = x'ff'",
        "error = CAST(x'ff' AS TEXT)",
        "stream = CAST(x'ff' AS TEXT)",
    ],
)
def test_a_row_of_other_types_is_given_up_by_name(ledger, backend, change):
    """SQLite keeps anything in any column: such a row is dead like any damaged one (C15)."""
    ledger.outbox.enqueue(backend, [("s", "task", name) for name in ("a", "b", "c")])
    seqs = [row.seq for row in ledger.outbox.rows(backend, "s")]
    damage(ledger, seqs[0], change)

    assert ledger.outbox.claim(backend, owner="me", lease_seconds=9, limit=9) == ("s",)
    listed = ledger.outbox.page(None, state=None)
    rows = ledger.outbox.rows(backend, "s")

    assert [row.seq for row in rows] == seqs[1:]
    assert [row.seq for row in listed] == seqs
    (dead,) = ledger.outbox.page(backend, state=OutboxState.DEAD)
    assert (dead.seq, "damaged" in dead.error) == (seqs[0], True)
    assert ledger.outbox.counts()[0].dead == 1


@ONLY_SQLITE
def test_a_damaged_row_of_a_ledger_that_can_only_be_read_is_shown(ledger, backend, monkeypatch):
    """Where nothing can be written, a damaged row is shown as dead and left as it is."""
    ledger.outbox.enqueue(backend, [("s", "task", "a")])
    damage(ledger, 1, "kind = 'lnik'")
    monkeypatch.setattr(ledger._database, "is_read_only", True)

    (row,) = ledger.outbox.page(None, state=None)

    assert row.state is OutboxState.DEAD
    assert ledger._database.read("SELECT state FROM outbox") == [("PENDING",)]


def test_processes_never_have_one_stream_at_the_same_time(url):
    """Eight processes empty 60 streams of 5 rows: each row once, no stream in two hands (C16)."""
    with Ledger.open(url, durable=False) as ledger:
        backend = ledger.register_backend(ZENML)
        wanted = [(f"s{n % 60}", "task", f"t{n}") for n in range(300)]
        ledger.outbox.enqueue(backend, wanted)

    processes = [work(url, "claim", f"worker-{n}", backend) for n in range(8)]
    ended = [process.communicate(timeout=200) for process in processes]

    assert [process.returncode for process in processes] == [0] * 8, [err for _, err in ended]
    had: dict[str, list[tuple[int, int]]] = {}
    records: dict[str, list[str]] = {}
    for line in "".join(out for out, _ in ended).splitlines():
        stream, began, left, found = json.loads(line)
        had.setdefault(stream, []).append((began, left))
        records.setdefault(stream, []).extend(found)
    for spans in had.values():
        ordered = sorted(spans)
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(ordered))
    assert sorted(itertools.chain(*records.values())) == sorted(one[2] for one in wanted)
    assert records["s7"] == [f"t{n}" for n in range(300) if n % 60 == 7]
    with Ledger.open(url, durable=False) as ledger:
        assert ledger._database.read("SELECT count(*) FROM outbox_claim") == [(0,)]


def deadlocks(request: pytest.FixtureRequest, url: str) -> int:
    """Return how often the server had to choose a victim."""
    if url.startswith("sqlite"):
        return 0
    server = request.getfixturevalue("postgresql_server")
    return int(server.run("SELECT sum(deadlocks) FROM pg_stat_database")[0][0])


def test_writers_and_deliverers_lose_nothing(url, make, request):
    """Commits, edits and deliveries of the same streams at once: no deadlock, no row left behind."""
    before = deadlocks(request, url)
    with Ledger.open(url, durable=False) as ledger:
        backends = [ledger.register_backend(one) for one in (ZENML, MLTE)]
        ledger.deliver_to(backends)
        names = [f"a{n}" for n in range(4)]
        firsts = [make.save(ledger, name) for name in names]
        stop = threading.Event()
        sent: set[tuple[int, str, int]] = set()

        def deliver(backend: int) -> None:
            owner = f"deliverer-{backend}-{threading.get_ident()}"
            while not stop.is_set() or ledger.outbox.next_due(backend) is not None:
                for stream in ledger.outbox.claim(backend, owner=owner, lease_seconds=60, limit=2):
                    rows = ledger.outbox.rows(backend, stream)
                    ledger.outbox.begin(rows)
                    for row in rows:
                        sent.add((backend, row.record_id, row.generation))
                        ledger.outbox.done(row)
                    ledger.outbox.release(backend, stream, owner=owner)
                time.sleep(0.005)

        def write(number: int) -> None:
            order = names if number % 2 else names[::-1]
            for _ in range(15):
                ledger.write(Batch(versions=tuple(make.draft(name) for name in order)))
                ledger.update_version(firsts[number % 4].id, description=f"by {number}")
                ledger.delete_versions([make.save(ledger, name).id for name in order[:2]])

        with ThreadPoolExecutor(10) as pool:
            deliverers = [pool.submit(deliver, backends[n % 2]) for n in range(4)]
            writers = [pool.submit(write, n) for n in range(6)]
            for one in writers:
                one.result(timeout=200)
            stop.set()
            for one in deliverers:
                one.result(timeout=200)

        written = {row[0] for row in ledger._database.read("SELECT id FROM version")}
        for backend in backends:
            assert {record for where, record, _ in sent if where == backend} == written
        assert entries(ledger) == []
        assert ledger._database.read("SELECT count(*) FROM outbox_claim") == [(0,)]
        assert ledger.check() == []
    assert deadlocks(request, url) == before


def test_numbers_of_a_stream_have_the_order_of_commits(url, make):
    """Threads that change one run at once: what is committed first has the smaller number."""
    with Ledger.open(url, durable=False) as ledger:
        backend = ledger.register_backend(ZENML)
        ledger.deliver_to([backend])
        run = make.run()
        ledger.write(Batch((run,)))
        seen: list[list[int]] = []

        def look() -> None:
            while len(ledger.outbox.rows(backend, run.id, limit=1000)) <= 200:
                rows = ledger.outbox.rows(backend, run.id, limit=1000)
                seen.append([row.seq for row in rows])

        with ThreadPoolExecutor(7) as pool:
            looking = pool.submit(look)
            list(pool.map(lambda _: ledger.write(Batch((), (make.task(run),))), range(200)))
            looking.result(timeout=200)

        # A later look never finds a number before one that an earlier look found.
        for earlier, later in itertools.pairwise(seen):
            assert later[: len(earlier)] == earlier
