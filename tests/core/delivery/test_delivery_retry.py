"""When a record is tried again, and when it is given up."""

from __future__ import annotations

import itertools
import logging

import pytest
from little_registry import Fault
from waiting import wait_until

import artifact_plugins as ap
from artifact_plugins.delivery import Policy
from artifact_plugins.records import OutboxState


def test_pauses_double_and_have_full_jitter():
    """The longest pause after failure n is 0.5 s doubled n - 1 times, at most 60 s; any is drawn."""
    policy = Policy()

    for tries, longest in [(1, 0.5), (2, 1.0), (5, 8.0), (8, 60.0), (20, 60.0), (10**6, 60.0)]:
        drawn = [policy.pause_seconds(tries) for _ in range(500)]
        assert all(0 <= pause <= longest for pause in drawn)
        assert min(drawn) < longest * 0.1
        assert max(drawn) > longest * 0.9


@pytest.mark.parametrize(
    ("asked", "least"), [(None, 0), (3, 3), (10**9, 600), (-5, 0), (float("inf"), 600)]
)
def test_retry_after_is_believed_up_to_ten_minutes(asked, least):
    """A pause is at least what the server asked for, and absurd wishes are ten minutes."""
    assert Policy().believed(asked) == least
    assert Policy().pause_seconds(1, asked) >= least


def test_retry_after_is_honored(session, registry):
    """After 429 with `Retry-After: 1` nothing is sent to the server for a second."""
    answers = iter([Fault(status=429, headers={"Retry-After": "1"})])
    registry.faults = lambda asked: next(answers, None)

    session.save(1, "numbers")
    session.save(1, "others")

    assert session.deliverer.flush(30)
    times = [asked.at for asked in registry.asked]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert max(gaps) >= 0.95
    assert not registry.duplicates()


def test_without_retry_after_the_next_try_is_soon(session, registry):
    """The control: the same answer without the header is tried again within the short pause."""
    answers = iter([Fault(status=429)])
    registry.faults = lambda asked: next(answers, None)

    session.save(1, "numbers")

    assert session.deliverer.flush(30)
    first, *_, last = [asked.at for asked in registry.asked]
    assert last - first < 0.9


def test_a_poison_message_is_a_dead_letter_after_three_tries(session, registry):
    """What the server refuses three times is given up with its reason, and others go on."""
    registry.faults = lambda asked: (
        Fault(status=422, body=b'{"detail": "no such type"}')
        if asked.is_write and asked.body["name"] == "poison"
        else None
    )
    poison = session.save(1, "poison")
    later = [session.save(number, "numbers").id for number in range(3)]

    assert session.deliverer.flush(30)
    (dead,) = session.deliverer.rows("little", state=OutboxState.DEAD)
    assert dead.record_id == poison.id
    assert dead.tries == 3
    assert "no such type" in dead.error
    assert registry.ours("versions") == later
    (status,) = session.deliverer.status()
    assert (status.pending, status.dead) == (0, 1)


def test_what_fails_in_other_ways_is_a_dead_letter_after_twenty_tries(session, registry):
    """A record that the server fails on each time, while it is there, is given up after 20 tries."""
    registry.faults = lambda asked: Fault(status=500) if asked.is_write else None
    session.save(1, "numbers")

    assert session.deliverer.flush(60)
    (dead,) = session.deliverer.rows(state=OutboxState.DEAD)
    assert dead.tries == 20
    posts = [asked for asked in registry.asked if asked.method == "POST"]
    assert len(posts) == 20


def test_dead_letters_are_replayed_and_dropped(session, registry):
    """`replay` sends a dead letter again, without making a second record; `drop` forgets one."""
    registry.faults = lambda asked: Fault(status=422, cut=None) if asked.method == "POST" else None
    session.save(1, "kept")
    session.save(1, "dropped")
    assert session.deliverer.flush(30)
    rows = session.deliverer.rows(state=OutboxState.DEAD)
    assert len(rows) == 2
    registry.faults = lambda asked: None

    kept = next(row for row in rows if row.stream.endswith("kept"))
    assert session.deliverer.replay("little", seqs=[kept.seq]) == 1
    assert session.deliverer.flush(30)
    assert session.deliverer.drop("little", state=OutboxState.DEAD) == 1
    assert registry.ours("versions") == [kept.record_id]
    assert session.deliverer.rows() == ()
    assert session.find("dropped").version == 1


def test_a_bug_of_a_backend_is_a_try_and_ends_no_thread(session, registry, caplog):
    """What a backend raises unexpectedly is kept with its text, and other records are delivered."""
    with caplog.at_level(logging.WARNING):
        bug = session.save(1, "bug")
        fine = session.save(1, "fine")

        assert session.deliverer.flush(60)
    (dead,) = session.deliverer.rows(state=OutboxState.DEAD)
    assert dead.record_id == bug.id
    assert dead.error.startswith("BackendContractError: KeyError: 'a bug of the backend'")
    assert registry.ours("versions") == [fine.id]
    assert caplog.text.count("as it never should") == 1


def test_a_lost_answer_makes_no_second_record(session, registry):
    """A POST whose answer was cut after the server worked on it is not repeated."""
    cuts = itertools.cycle([Fault(cut="answer"), None])
    registry.faults = lambda asked: next(cuts) if asked.method == "POST" else None

    saved = [session.save(number, "numbers").id for number in range(10)]

    assert session.deliverer.flush(60)
    assert registry.ours("versions") == saved


def test_a_backend_that_does_not_look_makes_duplicates(session, registry, monkeypatch):
    """The control: without the look-up, lost answers make second records."""
    monkeypatch.setattr("little_registry.LittleBackend.looks_up", False)
    cuts = itertools.cycle([Fault(cut="answer"), None])
    registry.faults = lambda asked: next(cuts) if asked.method == "POST" else None

    session.save(1, "numbers")

    assert session.deliverer.flush(60)
    assert registry.duplicates()


def test_a_new_record_is_not_looked_for(session, registry):
    """A record that nobody can have sent before costs one request."""
    session.save(1, "numbers")

    assert session.deliverer.flush(30)
    assert [asked.method for asked in registry.asked] == ["POST"]


def test_a_record_of_an_old_row_is_looked_for(places, registry, monkeypatch):
    """A row that waited long may come from a backup of the ledger, so its record is looked for."""
    policy = Policy(first_for_seconds=-1.0, gather_seconds=0.0)
    monkeypatch.setattr("artifact_plugins.delivery.deliverer.Policy", lambda: policy)

    with ap.Session(ap.Settings(**places)) as session:
        session.save(1, "numbers")

        assert session.deliverer.flush(30)
    assert [asked.method for asked in registry.asked] == ["GET", "POST"]


def test_bytes_that_are_gone_are_no_fault_of_the_backend(session, registry, monkeypatch):
    """A record whose bytes cannot be read is a dead letter in the end; the backend stays trusted."""
    monkeypatch.setattr(
        "little_registry.LittleBackend._bring_version",
        lambda self, version, delivery: delivery.archive("sha256:" + "0" * 64),
    )
    session.save(1, "numbers")

    assert session.deliverer.flush(60)
    (dead,) = session.deliverer.rows(state=OutboxState.DEAD)
    assert dead.error.startswith("ArtifactMissingError")
    assert session.deliverer.status()[0].standing == "delivering"


def test_the_hook_hears_of_every_attempt(places, registry, quick, monkeypatch):
    """`after_delivery` gets the error of an attempt that failed, and None of one that did not."""
    heard = []
    module = type(ap)("listener")

    @ap.hookimpl
    def after_delivery(backend, kind, record_id, error):
        heard.append((backend, kind, record_id, type(error).__name__))

    module.after_delivery = after_delivery
    monkeypatch.setitem(__import__("sys").modules, "listener", module)
    answers = iter([Fault(status=500)])
    registry.faults = lambda asked: next(answers, None)

    with ap.Session(
        ap.Settings(**places | {"plugins": ("little_registry", "listener")})
    ) as session:
        version = session.save(1, "numbers")
        assert session.deliverer.flush(30)

    wait_until(lambda: len(heard) == 2)
    assert heard == [
        (registry.url, "version", version.id, "BackendUnavailableError"),
        (registry.url, "version", version.id, "NoneType"),
    ]
