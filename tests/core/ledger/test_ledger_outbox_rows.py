"""The life of a row: begun, done, postponed, given up, replayed, dropped; and what is counted."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import outbox_rows
import pytest
from outbox_rows import MLTE, entries, only_row

from artifact_plugins.errors import (
    InputError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    Batch,
    OutboxRow,
    OutboxState,
    now,
)

backend = outbox_rows.backend


@pytest.fixture
def row(ledger: Ledger, make: Any, backend: int) -> OutboxRow:
    """A row of a run that was begun once."""
    run = make.run()
    ledger.write(Batch((run,)))
    ledger.outbox.begin([only_row(ledger)])
    return only_row(ledger)


def test_begin_counts_before_anything_is_sent(ledger, row, backend):
    """A row that was begun has a try more, and is no first time any more."""
    assert (row.tries, row.is_first) == (1, False)

    ledger.outbox.begin([row])

    assert only_row(ledger).tries == 2
    ledger.outbox.begin([])


def test_done_removes_the_row(ledger, row, backend):
    """What was delivered is not in the outbox, and saying so twice does no harm."""
    assert ledger.outbox.done(row) is True
    assert ledger.outbox.done(row) is True

    assert ledger.outbox.row(backend, "run", row.record_id) is None


def test_what_changed_while_it_was_sent_is_sent_again(ledger, row, backend):
    """`done` of an older generation keeps the row: pending, with one try, at once."""
    ledger.outbox.begin([row])
    ledger.write(Batch((ledger.run(row.record_id),)))

    assert ledger.outbox.done(row) is False

    again = only_row(ledger)
    assert (again.generation, again.tries, again.is_first) == (2, 1, False)
    assert (again.state, again.next_at) == (OutboxState.PENDING, None)
    assert ledger.outbox.done(again) is True


def test_a_late_done_does_not_remove_a_later_row(ledger, row, backend):
    """Negative control of numbers: a record that waits anew has a number of its own."""
    ledger.outbox.done(row)
    ledger.write(Batch((ledger.run(row.record_id),)))

    assert ledger.outbox.done(row) is True

    later = only_row(ledger)
    assert later.seq > row.seq
    assert later.generation == row.generation == 1


def test_a_postponed_row_waits_and_says_why(ledger, row, backend):
    """`postpone` sets when and why; `counts=False` takes the try back, not the memory of it."""
    ledger.outbox.postpone(row, seconds=30, error="503 from there")
    first = only_row(ledger)
    ledger.outbox.postpone(row, seconds=0.5, error="401 from there", counts=False)
    second = only_row(ledger)

    assert 20 < (first.next_at - now()).total_seconds() < 40
    assert (first.error, first.tries) == ("503 from there", 1)
    assert (second.error, second.tries, second.is_first) == ("401 from there", 0, False)
    assert second.next_at < first.next_at
    ledger.outbox.postpone(row, seconds=0.5, error="401 from there", counts=False)
    assert only_row(ledger).tries == 0


def test_a_change_does_not_end_a_pause(ledger, row, backend):
    """A record that changes while its row waits for a server waits on, with its tries."""
    ledger.outbox.postpone(row, seconds=30, error="503")
    before = only_row(ledger)

    ledger.write(Batch((ledger.run(row.record_id),)))

    after = only_row(ledger)
    assert (after.generation, after.tries) == (2, before.tries)
    assert (after.next_at, after.error) == (before.next_at, "503")


def test_a_buried_row_stays_for_people(ledger, row, backend):
    """A dead row is in no stream, and in the page of the dead with its reason."""
    ledger.outbox.bury(row, error="422: no such project")

    assert ledger.outbox.rows(backend, row.stream) == ()
    (dead,) = ledger.outbox.page(backend, state=OutboxState.DEAD)
    assert (dead.seq, dead.error, dead.tries) == (row.seq, "422: no such project", 1)
    assert ledger.outbox.page(backend, state=OutboxState.PENDING) == ()


def test_what_changed_while_it_was_refused_is_not_buried(ledger, row, backend):
    """What was refused is not what the record is now, so it is tried."""
    ledger.write(Batch((ledger.run(row.record_id),)))

    ledger.outbox.bury(row, error="422")

    assert only_row(ledger).state is OutboxState.PENDING


@pytest.mark.parametrize("how", ["change", "enqueue", "replay"])
def test_a_dead_row_comes_back(ledger, row, backend, how):
    """A change, `enqueue` and `replay` make it pending now, without tries, not for the first time."""
    ledger.outbox.bury(row, error="422")
    if how == "change":
        ledger.write(Batch((ledger.run(row.record_id),)))
    elif how == "enqueue":
        assert ledger.outbox.enqueue(backend, [(row.stream, "run", row.record_id)]) == 1
    else:
        assert ledger.outbox.replay(backend) == 1

    back = only_row(ledger)
    assert (back.seq, back.tries, back.is_first) == (row.seq, 0, False)
    assert (back.state, back.next_at, back.error) == (OutboxState.PENDING, None, None)
    assert ledger.outbox.claim(backend, owner="me", lease_seconds=9, limit=9) == (row.stream,)


def test_replay_lets_nothing_wait(ledger, row, backend):
    """`replay` ends the pause of what is pending, in the rows and for who claims."""
    outbox = ledger.outbox
    outbox.claim(backend, owner="me", lease_seconds=60, limit=1)
    outbox.postpone(row, seconds=300, error="503")
    outbox.release(backend, row.stream, owner="me")
    assert outbox.claim(backend, owner="me", lease_seconds=60, limit=1) == ()

    assert outbox.replay(backend) == 0

    assert only_row(ledger).next_at is None
    assert outbox.claim(backend, owner="me", lease_seconds=60, limit=1) == (row.stream,)


def dead_rows(ledger: Ledger, backend: int, count: int) -> list[OutboxRow]:
    ledger.outbox.enqueue(backend, [(f"s{n}", "run", f"r{n}") for n in range(count)])
    found = ledger.outbox.page(backend, state=OutboxState.PENDING, limit=1000)
    for row in found:
        ledger.outbox.bury(row, error="422")
    return list(found)


def test_replay_and_drop_take_those_that_were_named(ledger, backend):
    """Only the numbers that are given are touched, and only those of the backend."""
    first, second, third = dead_rows(ledger, backend, 3)
    other = ledger.register_backend(MLTE)

    assert ledger.outbox.replay(other, seqs=[first.seq]) == 0
    assert ledger.outbox.replay(backend, seqs=[first.seq, 999]) == 1
    assert ledger.outbox.drop(backend, seqs=[first.seq, second.seq], state=OutboxState.DEAD) == 1

    left = {row.seq: row.state for row in ledger.outbox.page(None, state=None)}
    assert left == {first.seq: OutboxState.PENDING, third.seq: OutboxState.DEAD}


def test_drop_takes_those_of_a_state(ledger, backend):
    """Dropping the pending leaves the dead, and nothing is left to claim."""
    dead_rows(ledger, backend, 2)
    ledger.outbox.enqueue(backend, [("s0", "run", "x"), ("s9", "run", "y")])

    assert ledger.outbox.drop(backend, seqs=None, state=OutboxState.PENDING) == 2

    assert ledger.outbox.claim(backend, owner="me", lease_seconds=9, limit=9) == ()
    assert ledger.outbox.next_due(backend) is None
    assert ledger.outbox.drop(backend, seqs=None, state=None) == 2
    assert entries(ledger) == []


def test_chunks_leave_nothing_behind(ledger, backend):
    """More rows than one transaction takes are all buried, replayed and dropped."""
    dead_rows(ledger, backend, 10)
    ledger.outbox.enqueue(backend, [("many", "task", f"t{n}") for n in range(1100)])
    with ledger._database.transaction() as cursor:
        cursor.execute("UPDATE outbox SET state = 'DEAD'")

    assert ledger.outbox.replay(backend) == 1110
    assert len(ledger.outbox.rows(backend, "many", limit=1000)) == 1000
    assert ledger.outbox.drop(backend, seqs=None, state=None) == 1110
    assert ledger.outbox.next_due(backend) is None


def test_an_unknown_kind_is_refused(ledger, backend):
    """Only runs, tasks and versions are delivered."""
    with pytest.raises(InputError, match="not 'link'"):
        ledger.outbox.enqueue(backend, [("s", "link", "x")])

    assert entries(ledger) == []


def test_pages_go_on_where_they_ended(ledger, backend):
    """Pages by number show each row once, of one backend or of all."""
    other = ledger.register_backend(MLTE)
    ledger.outbox.enqueue(backend, [("s", "task", f"t{n}") for n in range(5)])
    ledger.outbox.enqueue(other, [("s", "task", "t0")])

    seen, after = [], 0
    while found := ledger.outbox.page(backend, state=OutboxState.PENDING, after=after, limit=2):
        seen += [row.record_id for row in found]
        after = found[-1].seq

    assert seen == [f"t{n}" for n in range(5)]
    assert len(ledger.outbox.page(None, state=None)) == 6
    with pytest.raises(InputError, match="1 to 1000"):
        ledger.outbox.page(None, state=None, limit=0)


def test_counts_tell_what_waits(ledger, backend):
    """Of each backend: pending, dead, since when, and when the next can be claimed."""
    other = ledger.register_backend(MLTE)
    dead_rows(ledger, backend, 2)
    ledger.outbox.enqueue(backend, [("s", "run", "a"), ("s", "task", "b")])

    first, second = ledger.outbox.counts()

    assert (first.backend_id, first.pending, first.dead) == (backend, 2, 2)
    assert first.oldest_at <= now()
    assert first.next_at <= now()
    assert (second.backend_id, second.pending, second.dead) == (other, 0, 0)
    assert (second.oldest_at, second.next_at) == (None, None)


def test_what_is_in_nobodys_turn_is_found_and_mended(ledger, row, backend):
    """Rows of a stream without a claim are reported by `check`, and `replay` makes them due."""
    sound = ledger.check()
    with ledger._database.transaction() as cursor:
        cursor.execute("DELETE FROM outbox_claim")

    (problem,) = ledger.check()
    ledger.outbox.replay(backend)

    assert sound == ledger.check() == []
    assert row.stream in problem
    assert ledger.outbox.claim(backend, owner="me", lease_seconds=9, limit=9) == (row.stream,)


def move(ledger, *, claims=0, rows=0):
    """Say that a clock that was so many seconds ahead wrote what waits."""
    with ledger._database.transaction() as cursor:
        for table, column, seconds in (
            ("outbox_claim", "due_at", claims),
            ("outbox", "next_at", rows),
        ):
            text = f"UPDATE {table} SET {column} = {column} + {int(seconds * 1_000_000)}"
            cursor.execute(text)  # a row that waits for nothing has no time to move


def test_rows_from_the_future_can_be_replayed(ledger, row, backend):
    """What was written while the clock was a little ahead waits for it no longer after `replay`."""
    move(ledger, claims=300)
    before = ledger.outbox.claim(backend, owner="me", lease_seconds=9, limit=9)

    ledger.outbox.replay(backend)

    assert before == ()
    assert ledger.outbox.claim(backend, owner="me", lease_seconds=9, limit=9) == (row.stream,)


DAY = 24 * 3600


def test_what_a_clock_that_was_days_ahead_postponed_is_due_now(ledger, row, backend):
    """After the clock is set back nothing waits for longer than the longest pause."""
    ledger.outbox.claim(backend, owner="me", lease_seconds=9, limit=9)
    ledger.outbox.begin([row])
    ledger.outbox.postpone(row, seconds=300, error="away", counts=True)
    ledger.outbox.release(backend, row.stream, owner="me")
    is_waiting = ledger.outbox.next_due(backend) > now() + timedelta(seconds=290)
    before = ledger.outbox.claim(backend, owner="me", lease_seconds=9, limit=9)

    move(ledger, claims=3 * DAY, rows=3 * DAY)

    assert is_waiting and before == ()  # negative control: an honest pause is waited for
    assert ledger.outbox.next_due(backend) <= now()
    assert ledger.outbox.claim(backend, owner="me", lease_seconds=9, limit=9) == (row.stream,)
    (found,) = ledger.outbox.rows(backend, row.stream, limit=9)
    assert (found.next_at, found.tries, found.error) == (None, 2, "away")


def test_a_record_committed_by_a_clock_that_was_ahead_is_due_now(ledger, row, backend):
    """A stream that was begun under a fast clock is found beside one that is due by itself."""
    move(ledger, claims=400 * DAY)
    ledger.outbox.enqueue(backend, [("other", "task", "t")])

    taken = ledger.outbox.claim(backend, owner="me", lease_seconds=9, limit=9)

    assert sorted(taken) == sorted([row.stream, "other"])


def test_a_holder_from_the_future_has_one_lease_more(ledger, row, backend):
    """Who holds a stream and lives extends it; of a dead holder it is free after a lease."""
    ledger.outbox.claim(backend, owner="dead", lease_seconds=9, limit=9)
    move(ledger, claims=3 * DAY)

    first = ledger.outbox.claim(backend, owner="me", lease_seconds=0.2, limit=9)
    time.sleep(0.25)

    assert first == ()
    assert ledger.outbox.claim(backend, owner="me", lease_seconds=9, limit=9) == (row.stream,)


def test_no_pause_is_longer_than_the_longest(ledger, row, backend):
    """However long a row is told to wait, it is ten minutes: what lies further away is an error."""
    ledger.outbox.claim(backend, owner="me", lease_seconds=9, limit=9)

    ledger.outbox.postpone(row, seconds=10 * DAY, error="away", counts=False)
    ledger.outbox.release(backend, row.stream, owner="me")

    wait = (ledger.outbox.next_due(backend) - now()).total_seconds()
    assert 590 < wait <= 600
