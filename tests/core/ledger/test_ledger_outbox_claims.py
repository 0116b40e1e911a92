"""Streams are claimed, held, given back and found by an index, however many there are."""

from __future__ import annotations

import statistics
import time
import tracemalloc
from typing import Any

import pytest
from ledger_urls import ONLY_POSTGRESQL, ONLY_SQLITE

from artifact_plugins.ledger import Ledger
from artifact_plugins.ledger.outbox import claims
from artifact_plugins.records import Batch, now

ZENML, MLTE = "zenml+http://there:8080", "mlte+http://there:8081"
MANY = 100_000


@pytest.fixture
def backend(ledger: Ledger) -> int:
    """A backend with nothing to do."""
    return ledger.register_backend(ZENML)


def put(ledger: Ledger, backend: int, *streams: str) -> None:
    for number, stream in enumerate(streams):
        ledger.outbox.enqueue(backend, [(stream, "task", f"{stream}-{number}")])


def claim(
    ledger: Ledger, backend: int, owner: str = "me", limit: int = 10, lease_seconds: float = 60.0
) -> tuple[str, ...]:
    return ledger.outbox.claim(backend, owner=owner, lease_seconds=lease_seconds, limit=limit)


def finish(ledger: Ledger, backend: int, stream: str, owner: str = "me") -> None:
    for row in ledger.outbox.rows(backend, stream, limit=1000):
        ledger.outbox.done(row)
    ledger.outbox.release(backend, stream, owner=owner)


def test_streams_come_oldest_first(ledger, backend):
    """The streams that wait longest are taken first, no more than asked for."""
    put(ledger, backend, "z", "y", "x", "z")

    assert claim(ledger, backend, limit=2) == ("z", "y")
    assert claim(ledger, backend, limit=2) == ("x",)
    assert claim(ledger, backend, limit=2) == ()


def test_a_stream_has_one_holder(ledger, backend):
    """What one holds nobody else gets, nor the holder a second time; another backend is apart."""
    other = ledger.register_backend(MLTE)
    put(ledger, backend, "s")
    put(ledger, other, "s")

    assert claim(ledger, backend) == ("s",)
    assert claim(ledger, backend, owner="you") == ()
    assert claim(ledger, backend) == ()
    assert claim(ledger, other, owner="you") == ("s",)


def test_a_stream_that_is_given_back_can_be_taken(ledger, backend):
    """What is left of a stream is due again at once; an empty one is forgotten."""
    put(ledger, backend, "s", "t")
    claim(ledger, backend)

    ledger.outbox.release(backend, "s", owner="me")
    finish(ledger, backend, "t")

    assert claim(ledger, backend, owner="you") == ("s",)
    finish(ledger, backend, "s", owner="you")
    assert ledger.outbox.next_due(backend) is None


def test_only_the_holder_gives_back_and_extends(ledger, backend):
    """`release` and `extend` of somebody who has not the stream change nothing."""
    put(ledger, backend, "s")
    claim(ledger, backend)

    ledger.outbox.release(backend, "s", owner="you")

    assert ledger.outbox.extend(backend, "s", owner="you", lease_seconds=60) is False
    assert ledger.outbox.extend(backend, "never", owner="me", lease_seconds=60) is False
    assert claim(ledger, backend, owner="you") == ()
    assert ledger.outbox.extend(backend, "s", owner="me", lease_seconds=60) is True


def test_a_lease_ends(ledger, backend):
    """Who is silent for longer than the lease loses the stream, and is told so."""
    put(ledger, backend, "s")
    claim(ledger, backend, lease_seconds=0.05)
    time.sleep(0.1)

    assert claim(ledger, backend, owner="you") == ("s",)

    assert ledger.outbox.extend(backend, "s", owner="me", lease_seconds=60) is False
    ledger.outbox.release(backend, "s", owner="me")
    assert claim(ledger, backend, owner="somebody") == ()


def test_a_lease_that_is_extended_does_not_end(ledger, backend):
    """An extended lease counts from the extension."""
    put(ledger, backend, "s")
    claim(ledger, backend, lease_seconds=0.05)

    assert ledger.outbox.extend(backend, "s", owner="me", lease_seconds=60) is True
    time.sleep(0.1)

    assert claim(ledger, backend, owner="you") == ()


def test_a_stream_waits_for_its_first_row(ledger, backend):
    """While the first row must wait, its stream is not due, whatever comes behind it."""
    put(ledger, backend, "s", "s")
    claim(ledger, backend)
    first, second = ledger.outbox.rows(backend, "s")
    ledger.outbox.postpone(first, seconds=1.0, error="503")
    ledger.outbox.release(backend, "s", owner="me")
    put(ledger, backend, "s")

    early = claim(ledger, backend)
    due = ledger.outbox.next_due(backend)
    time.sleep(1.1)

    assert early == ()
    assert second.next_at is None
    assert due < now()
    assert claim(ledger, backend) == ("s",)


def test_a_row_that_waits_behind_the_first_stops_nobody(ledger, backend):
    """Only the first row of a stream decides when it is due."""
    put(ledger, backend, "s", "s")
    _, second = ledger.outbox.rows(backend, "s")
    ledger.outbox.postpone(second, seconds=60, error="503")

    assert claim(ledger, backend) == ("s",)


def test_a_dead_row_stops_nobody(ledger, backend):
    """After the first row was given up, the second is the first."""
    put(ledger, backend, "s", "s")
    claim(ledger, backend)
    first, second = ledger.outbox.rows(backend, "s")

    ledger.outbox.bury(first, error="422")
    ledger.outbox.release(backend, "s", owner="me")

    assert claim(ledger, backend) == ("s",)
    assert ledger.outbox.rows(backend, "s") == (second,)


def test_a_stream_with_dead_rows_only_is_not_due(ledger, backend):
    """Nothing to send, nothing to claim, and nothing to wait for."""
    put(ledger, backend, "s")
    (row,) = ledger.outbox.rows(backend, "s")
    ledger.outbox.bury(row, error="422")

    assert claim(ledger, backend) == ()
    assert ledger.outbox.next_due(backend) is None


def test_a_change_while_a_stream_is_held_is_not_forgotten(ledger, make, backend):
    """A row that comes after the holder looked for the last time is due when he is done."""
    ledger.deliver_to([backend])
    run = make.run()
    ledger.write(Batch((run,)))
    claim(ledger, backend)
    rows = ledger.outbox.rows(backend, run.id)
    ledger.write(Batch((), (make.task(run),)))

    for row in rows:
        assert ledger.outbox.done(row)
    ledger.outbox.release(backend, run.id, owner="me")

    assert claim(ledger, backend, owner="you") == (run.id,)


def test_the_next_time_is_that_of_a_lease_too(ledger, backend):
    """With all streams held, the end of the first lease is when to look again."""
    put(ledger, backend, "s", "t")
    claim(ledger, backend, limit=1, lease_seconds=30)
    due_now = ledger.outbox.next_due(backend)
    claim(ledger, backend, limit=1, lease_seconds=600)

    later = ledger.outbox.next_due(backend)

    assert due_now <= now()
    assert 20 < (later - now()).total_seconds() < 31


def test_a_backend_without_rows_takes_no_lock(ledger, backend, monkeypatch):
    """Looking for work where there is none writes nothing, so it holds up nobody."""
    monkeypatch.setattr(ledger._database, "transaction", None)

    assert claim(ledger, backend) == ()
    assert ledger.outbox.next_due(backend) is None


def test_stale_claims_are_tidied_some_at_a_time(ledger, backend, monkeypatch):
    """Claims whose rows are gone cost a call only so much; the next call goes on."""
    put(ledger, backend, *(f"s{n}" for n in range(9)), "last")
    with ledger._database.transaction() as cursor:
        cursor.execute("DELETE FROM outbox WHERE stream <> 'last'")
    monkeypatch.setattr(claims, "_MOST_ROUNDS", 4)

    first, second = claim(ledger, backend, limit=2), claim(ledger, backend, limit=2)

    assert (first, second) == ((), ("last",))


@ONLY_POSTGRESQL
@pytest.mark.server
def test_leases_have_the_clock_of_the_server(ledger, backend, monkeypatch):
    """A machine whose clock is hours off takes no stream too early and waits for none too long."""
    from datetime import timedelta

    from artifact_plugins.ledger.outbox import changes, clock

    def wrong() -> Any:
        return now() + timedelta(hours=-3)

    put(ledger, backend, "s")
    claim(ledger, backend, lease_seconds=60)
    monkeypatch.setattr(clock, "now", lambda: now() + timedelta(hours=3))
    ahead = claim(ledger, backend, owner="you")
    put(ledger, backend, "made ahead")
    monkeypatch.setattr(clock, "now", wrong)
    taken = claim(ledger, backend, owner="you")
    due = ledger.outbox.next_due(backend)

    assert changes.own_moment() < clock.to_time(now()) - 1
    assert (ahead, taken) == ((), ("made ahead",))
    assert 50 < (due - wrong()).total_seconds() < 61


# a hundred thousand


def fill(ledger: Ledger, backend: int, stream: str, many: int = MANY) -> None:
    """Write many rows at once; `stream` is SQL for the stream of number `n`."""
    numbers = "WITH RECURSIVE few(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM few WHERE n < {many})"
    with ledger._database.transaction() as cursor:
        cursor.execute(
            f"INSERT INTO outbox (record_id, kind, backend_id, stream, is_first, created_at) "
            f"{numbers.format(many=many)} SELECT 'r' || n, 'task', {backend}, {stream}, true, n "
            f"FROM few"
        )
        cursor.execute(
            "INSERT INTO outbox_claim (stream, backend_id, due_at) "
            "SELECT stream, backend_id, min(created_at) FROM outbox GROUP BY stream, backend_id"
        )
        cursor.execute("ANALYZE")


def cpu_milliseconds(work: Any) -> float:
    times = []
    for _ in range(5):
        started = time.thread_time()
        work()
        times.append(time.thread_time() - started)
    return statistics.median(times) * 1000


@pytest.mark.parametrize("stream", ["'one'", "'s' || n"], ids=["one stream", "many streams"])
def test_a_hundred_thousand_rows_are_not_felt(ledger, backend, stream):
    """With 100,000 rows, in one stream or as many, claims are quick and small (C16)."""
    fill(ledger, backend, stream)
    outbox = ledger.outbox

    def turn() -> None:
        taken = claim(ledger, backend, limit=16)
        for one in taken:
            (row,) = outbox.rows(backend, one, limit=1)
            outbox.begin([row])
            outbox.done(row)
            outbox.release(backend, one, owner="me")
        assert taken
        assert outbox.next_due(backend) is not None

    tracemalloc.start()
    turn()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1_000_000
    # Far more than it takes, and far less than walking through the rows.
    assert cpu_milliseconds(turn) < 100
    assert cpu_milliseconds(lambda: claim(ledger, backend, limit=1000)) < 250
    assert outbox.counts()[0].pending > MANY - 200


QUESTIONS = {
    "DUE_STREAMS": (1, 2**62, 10),
    "NEXT_DUE": (1,),
    "LAST_DUE": (1,),
    "BRING_NEAR": (1, 1, 1, 2**62),
    "HEAD": ("s5000", 1),
    "LOCK_CLAIM": ("s5000", 1),
    "HOLDERS": (1, 2**62),
    "SHORTEN_CLAIM": (1, "s5000", 1, "me", 1),
    "ROWS_OF_STREAM": ("s5000", 1, 100),
    "ROW": ("r5000", "task", 1),
    "ROW_BY_SEQ": (5000,),
    "EXTERNAL": (1, "task", "k5000"),
    "EXTERNALS": ("task", "k5000"),
    "EXTERNAL_PAGE": (1, "task", "k5000", 100),
    "STREAM_OF_VERSION": ("v",),
    "RUNS_TO_ENQUEUE": ("", 0, 1, 1, 500),
    "TASKS_TO_ENQUEUE": ("", 0, 1, 1, 500),
    "VERSIONS_TO_ENQUEUE": (0, 0, 0, 1, 1, 500),
}


@pytest.fixture
def many(ledger: Ledger, backend: int) -> Ledger:
    """A ledger with many streams and many notes."""
    fill(ledger, backend, "'s' || n", many=10_000)
    with ledger._database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO external (backend_id, kind, key, value) "
            "SELECT backend_id, 'task', 'k' || seq, '{}' FROM outbox"
        )
        cursor.execute("ANALYZE")
    return ledger


@ONLY_SQLITE
def test_every_question_has_an_index_in_sqlite(many):
    """No question of a deliverer walks through the outbox, its claims or the notes."""
    for name, values in QUESTIONS.items():
        text = getattr(many._database.outbox_sql, name)
        plan = [row[3] for row in many._database.read(f"EXPLAIN QUERY PLAN {text}", values)]

        walks = [step for step in plan if step.startswith("SCAN")]
        allowed = ("SCAN (subquery", "SCAN head", "SCAN backend", "SCAN run", "SCAN task")
        assert all(step.startswith(allowed) for step in walks), (name, plan)
        assert "TEMP B-TREE" not in " ".join(plan), (name, plan)


@ONLY_POSTGRESQL
@pytest.mark.server
def test_every_question_has_an_index_in_postgresql(many):
    """No question of a deliverer walks through the outbox, its claims or the notes."""
    for name, values in QUESTIONS.items():
        text = getattr(many._database.outbox_sql, name)
        plan = "\n".join(row[0] for row in many._database.read(f"EXPLAIN {text}", values))

        for table in ("outbox", "outbox_claim", "external"):
            assert f"Seq Scan on {table}" not in plan, (name, plan)


def test_a_question_without_an_index_would_be_seen(many):
    """Negative control: a question by a column without an index walks through the outbox."""
    word = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}[many._database.dialect_name]

    plan = many._database.read(f"{word} SELECT 1 FROM outbox WHERE error = 'x'")

    assert "scan" in " ".join(str(part) for row in plan for part in row).lower()
