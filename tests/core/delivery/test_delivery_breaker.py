"""A backend that is away, or refuses who asks, is left alone; nothing is lost meanwhile."""

from __future__ import annotations

import json
import logging
import threading
import time

import pytest
from little_registry import TOKEN_VARIABLE, Fault, little_registry
from waiting import wait_until

import artifact_plugins as ap
from artifact_plugins.delivery import Policy
from artifact_plugins.delivery.breaker import Breaker, BreakerState, Standing
from artifact_plugins.delivery.notes import LedgerNotes
from artifact_plugins.delivery.notices import Notices
from artifact_plugins.records import OutboxState


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    changes = []
    made = Breaker(Policy(), changes.append, clock=clock)
    made.changes = changes
    return made


def test_it_opens_after_five_failures_in_a_row(breaker):
    """Four failures and a success leave it closed; five in a row open it."""
    for _ in range(4):
        breaker.failed("no")
    breaker.succeeded()
    for _ in range(4):
        breaker.failed("no")
    assert breaker.standing().state is BreakerState.CLOSED

    breaker.failed("no")

    assert breaker.standing().state is BreakerState.OPEN
    assert [change.state for change in breaker.changes] == [BreakerState.OPEN]


def test_it_opens_sooner_when_nobody_is_there(breaker):
    """Two refused connections are enough."""
    breaker.failed("refused", is_unreached=True)
    assert breaker.standing().state is BreakerState.CLOSED
    breaker.failed("refused", is_unreached=True)
    assert breaker.standing().state is BreakerState.OPEN


def test_it_waits_longer_each_time_up_to_a_minute(breaker, clock):
    """Between half and all of 0.5, 1, 2, ... seconds pass between two looks, at most 60."""
    for _ in range(5):
        breaker.failed("no")
    for longest in [0.5, 1, 2, 4, 8, 16, 32, 60, 60]:
        wait = breaker.standing().wait_seconds
        assert longest / 2 <= wait <= longest
        clock.now += wait
        assert breaker.standing().wait_seconds == 0
        breaker.reached()
        assert breaker.standing().state is BreakerState.TRYING
        breaker.failed("no")


def test_one_success_closes_it(breaker, clock):
    """When a record gets through after an outage, everything goes on and pauses begin anew."""
    for _ in range(9):
        breaker.failed("no")
    breaker.reached()
    breaker.succeeded()

    assert breaker.standing().state is BreakerState.CLOSED
    for _ in range(5):
        breaker.failed("no")
    assert breaker.standing().wait_seconds <= 0.5


def test_patience_asked_for_is_kept_even_in_a_hurry(breaker, clock):
    """`Retry-After` opens it at once, and nobody who hurries looks before."""
    breaker.failed("429", 7.0)
    breaker.hurry()

    assert breaker.standing().wait_seconds == pytest.approx(7.0)
    clock.now += 7.1
    assert breaker.standing().wait_seconds == 0


def test_a_success_beside_it_does_not_undo_the_patience_asked_for(breaker, clock):
    """What the server asked of one stream holds, whatever gets through of the others; then it is closed."""
    breaker.failed("429", 7.0)
    breaker.succeeded()
    breaker.reached()

    assert breaker.standing() == Standing(BreakerState.OPEN, "429", pytest.approx(7.0))
    clock.now += 7.1
    breaker.reached()
    breaker.succeeded()
    assert breaker.standing().state is BreakerState.CLOSED


def test_a_success_undoes_the_pauses_that_nobody_asked_for(breaker):
    """The negative control: without `Retry-After` a success closes it at once."""
    for _ in range(9):
        breaker.failed("503")
    breaker.succeeded()

    assert breaker.standing() == Standing(BreakerState.CLOSED)


def test_who_hurries_looks_at_once(breaker):
    """An open or paused one without `Retry-After` is looked at now by who hurries."""
    breaker.refused("401")
    assert breaker.standing().state is BreakerState.PAUSED
    assert breaker.standing().wait_seconds > 0

    breaker.hurry()

    assert breaker.standing().wait_seconds == 0


def test_a_refusal_of_what_was_asked_before_postpones_no_hurried_look(breaker, clock):
    """Only one of what was asked after it counts, and pauses."""
    asked = clock()
    clock.now += 1
    breaker.hurry()
    hurried = clock()
    clock.now += 1
    breaker.refused("403", asked)
    assert breaker.standing().wait_seconds == 0
    assert not breaker.missed_since(hurried)

    breaker.refused("403", hurried)

    assert breaker.standing().wait_seconds > 0
    assert breaker.missed_since(hurried)


@pytest.mark.parametrize("late", ["refused", "failed"])
def test_a_late_answer_does_not_undo_what_was_found_since(breaker, clock, late):
    """What was asked before somebody hurried ends no pause that a later question began."""
    asked = clock()
    clock.now += 1
    breaker.hurry()
    hurried = clock()
    breaker.refused("403", hurried)
    wait = breaker.standing().wait_seconds

    if late == "refused":
        breaker.refused("403", asked)
    else:
        breaker.failed("503", 0.0, is_look=True, begun=asked)

    assert breaker.standing().wait_seconds == wait > 0
    assert breaker.missed_since(hurried)


def test_a_late_refusal_after_a_success_is_looked_at_once(breaker, clock):
    """The pause that the success ended does not come back with it."""
    asked = clock()
    clock.now += 1
    breaker.hurry()
    breaker.refused("403", clock())
    breaker.succeeded()

    breaker.refused("403", asked)

    assert breaker.standing().wait_seconds == 0


def test_patience_asked_for_by_an_older_look_is_not_waited_out(breaker, clock):
    """Who would wait for as long as the backend is there learns that it is not; others look again."""
    asked = clock()
    clock.now += 1
    breaker.hurry()
    breaker.failed("503", is_look=True, begun=asked)
    for _ in range(5):
        breaker.failed("503", begun=asked)
    assert not breaker.missed_since(clock())

    breaker.failed("503", 300.0, is_look=True, begun=asked)

    assert breaker.missed_since(clock())


def test_a_backend_that_is_away_is_left_alone(places, quick, caplog):
    """With 50 records pending a server that is away is asked a few times, and gets all when back."""
    with little_registry() as registry:
        port = registry.port
    with (
        caplog.at_level(logging.WARNING),
        ap.Session(
            ap.Settings(**places | {"backends": (f"little+http://127.0.0.1:{port}",)})
        ) as session,
    ):
        saved = {session.save(number, f"numbers-{number}").id for number in range(50)}
        wait_until(lambda: session.deliverer.status()[0].standing == "waiting")
        status = session.deliverer.status()[0]
        assert status.pending == 50
        assert "was not reached" in status.reason
        rows = session.deliverer.rows(limit=1000)
        assert sum(row.tries for row in rows) <= 12
        with little_registry(port) as registry:
            assert session.deliverer.flush(60)
            assert set(registry.ours("versions")) == saved
            assert not registry.duplicates()
            assert session.deliverer.status()[0].standing == "delivering"
    assert caplog.text.count("is left alone for now") == 1


def test_an_outage_of_any_length_makes_no_dead_letters(session, registry):
    """While every request fails, for many more looks than tries, nothing is given up."""
    registry.faults = lambda asked: Fault(status=503)
    for number in range(5):
        session.save(number, "numbers")

    wait_until(lambda: len(registry.asked) > 60)

    assert session.deliverer.status()[0].dead == 0
    registry.faults = lambda asked: None
    assert session.deliverer.flush(60)
    assert len(registry.ours("versions")) == 5


def test_a_backend_that_is_away_holds_nobody_up(places, quick):
    """Twenty saves return while a backend hangs in its first request."""
    goes_on = threading.Event()
    with little_registry() as registry:
        registry.faults = lambda asked: Fault(until=goes_on)
        with ap.Session(
            ap.Settings(**places | {"backends": (registry.url,), "flush_seconds": 0.0})
        ) as session:
            session.save(0, "numbers")
            wait_until(lambda: registry.asked)
            for number in range(20):
                session.save(number, "numbers")
            assert registry.active == len(registry.asked)
            goes_on.set()


def test_wrong_credentials_pause_and_lose_nothing(session, registry, monkeypatch):
    """After 401 no record is tried over and over; when the token is there, all are delivered."""
    registry.token = "right-token"
    monkeypatch.setenv(TOKEN_VARIABLE, "wrong-token")

    saved = [session.save(number, "numbers").id for number in range(5)]
    wait_until(lambda: session.deliverer.status()[0].standing == "paused")
    time.sleep(0.5)

    (status,) = session.deliverer.status()
    assert status.standing == "paused"
    assert "401" in status.reason
    assert (status.pending, status.dead) == (5, 0)
    # Once, and once more with a renewed login.
    assert len(registry.writes()) == 2
    assert all(row.tries == 0 for row in session.deliverer.rows())
    monkeypatch.setenv(TOKEN_VARIABLE, "right-token")
    assert session.deliverer.flush(30)
    assert registry.ours("versions") == saved


def test_a_record_that_alone_is_refused_is_given_up(session, registry):
    """What is answered with 403 while others get through is a dead letter with that reason."""
    registry.faults = forbids("secret")

    bad = session.save(1, "secret")
    good = [session.save(number, f"numbers-{number}").id for number in range(20)]
    assert session.deliverer.sync(timeout_seconds=60)[0].pending == 0

    (row,) = session.deliverer.rows(state=OutboxState.DEAD)
    assert row.record_id == bad.id
    assert "403: " in row.error
    assert sorted(registry.ours("versions")) == sorted(good)
    assert session.deliverer.status()[0].standing == "delivering"
    registry.faults = lambda asked: None
    assert session.deliverer.replay("little") == 1
    assert session.deliverer.flush(30)
    assert bad.id in registry.ours("versions")


def test_a_refused_record_at_the_head_of_its_stream_does_not_stop_it(session, registry):
    """With nobody else to tell, the next record of the stream does; then they go on in their order."""
    registry.faults = forbids(1)
    saved = [session.save(number, "numbers", metadata={"n": number}).id for number in (1, 2, 3, 4)]

    assert session.deliverer.sync(timeout_seconds=60)[0].pending == 0

    assert [row.record_id for row in session.deliverer.rows(state=OutboxState.DEAD)] == saved[:1]
    assert registry.ours("versions") == saved[1:]


def test_who_may_look_and_not_write_loses_nothing(session, registry):
    """Negative control: when every record is refused, though the look is not, none is given up."""
    registry.faults = lambda asked: Fault(status=403) if asked.is_write else None
    saved = [session.save(number, f"numbers-{number % 3}").id for number in range(9)]

    session.deliverer.sync(timeout_seconds=2.0)

    # Between two looks: for the time of each it waits for the answer.
    wait_until(lambda: session.deliverer.status()[0].standing == "paused")
    (status,) = session.deliverer.status()
    assert (status.pending, status.dead) == (9, 0)
    registry.faults = lambda asked: None
    assert session.deliverer.flush(30)
    assert sorted(registry.ours("versions")) == sorted(saved)


def test_a_refusal_of_what_was_asked_before_does_not_end_a_flush(session, registry):
    """It says nothing of now: the flush has the backend looked at once more, and all gets there."""
    answers = threading.Event()
    registry.faults = lambda asked: Fault(status=403, until=answers)
    saved = session.save(1, "numbers").id
    wait_until(lambda: registry.active > 0)
    registry.faults = lambda asked: None

    threading.Timer(0.3, answers.set).start()

    assert session.deliverer.flush(30)
    assert registry.ours("versions") == [saved]


def forbids(what):
    """Refuse the artifact of a name, or the version with that number in its metadata."""

    def fault(asked):
        record = json.loads(asked.body.get("record", "{}"))
        is_meant = what in (record.get("artifact"), record.get("metadata", {}).get("n"))
        return Fault(status=403, body=b'{"detail": "not this one"}') if is_meant else None

    return fault


def test_a_server_that_takes_nothing_makes_no_dead_letters(session, registry):
    """When every record is refused and so is the look at the server, it is paused instead."""
    registry.faults = lambda asked: Fault(status=404, body=b'{"detail": "no such project"}')
    session.save(1, "numbers")

    wait_until(lambda: session.deliverer.status()[0].standing == "paused")

    (status,) = session.deliverer.status()
    assert (status.pending, status.dead) == (1, 0)
    assert "no such project" in status.reason
    registry.faults = lambda asked: None
    assert session.deliverer.flush(30)


def test_other_processes_see_how_a_backend_stands(session, registry, places):
    """A session that has sent nothing itself shows why the backend waits, until it is there again."""
    registry.token = "right"
    session.save(1, "numbers")
    wait_until(lambda: session.deliverer.status()[0].standing == "paused")

    with ap.Session(ap.Settings(**places)) as other:
        assert other.deliverer.status()[0].standing == "paused"
        assert "401" in other.deliverer.status()[0].reason
    registry.token = None
    assert session.deliverer.flush(30)
    with ap.Session(ap.Settings(**places)) as other:
        assert other.deliverer.status()[0].standing == "delivering"


@pytest.mark.parametrize("is_told", [False, True], ids=["untold", "told"])
def test_it_is_there_again_for_who_heard_that_it_was_away(session, caplog, is_told):
    """A pause that was over before anybody told of it is not told of either."""
    notices = Notices("little", LedgerNotes(session.ledger, 1), "somebody")
    states = [BreakerState.PAUSED if is_told else BreakerState.CLOSED, BreakerState.CLOSED]

    with caplog.at_level(logging.INFO, logger="artifact_plugins"):
        for state in states:
            notices.stands(lambda state=state: Standing(state, "refused"))

    said = [line for line in caplog.messages if "little" in line]
    assert [line.partition(":")[0] for line in said] == (
        ["backend little is left alone for now", "backend little is there again"] if is_told else []
    )


def test_one_backend_away_leaves_the_other_alone(places, registry, quick):
    """Of two backends the one that is there gets everything, and the other one waits."""
    with little_registry() as away:
        port = away.port
    urls = (registry.url, f"little+http://127.0.0.1:{port}/")
    with ap.Session(ap.Settings(**places | {"backends": urls, "flush_seconds": 0.0})) as session:
        saved = [session.save(number, "numbers").id for number in range(5)]
        names = list(session.backends)
        assert names == [f"little@127.0.0.1:{registry.port}", f"little@127.0.0.1:{port}"]
        assert session.deliverer.flush(30, names=names[:1])
        assert registry.ours("versions") == saved
        pending = {status.name: status.pending for status in session.deliverer.status()}
        assert pending == {names[0]: 0, names[1]: 5}
        assert not session.deliverer.flush(30)
