"""Rows C1 to C8 of the table of faults, between a session and a registry behind a chaos proxy.

Every row ends with what always holds: what was saved is in the ledger, loads, and is
at the server once when the fault is over. C9 to C17 are in test_delivery_c_rows_late.py;
C18 to C20 are about buckets and stand beside their tests.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import little_registry as little
import pytest
from chaos_proxy import LOST_BEFORE, Fault
from chaos_sessions import once, row_of, status_of, sums
from server_environments import free_port
from waiting import wait_until

from artifact_plugins.delivery import Policy
from artifact_plugins.errors import (
    BackendUnavailableError,
)
from artifact_plugins.records import OutboxState
from artifact_plugins.transport import HttpAnswer

TESTS = Path(__file__).parents[2]


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_c01_nobody_answers_at_the_start(start, host):
    """The save is committed and waits; strict delivery makes it an error when the session opens."""
    url = f"little+http://{host}:{free_port()}/"
    session = start(backends=(url,))

    version = session.save([1], "numbers")

    assert session.load("numbers") == [1]
    assert not session.deliverer.flush(5)
    assert status_of(session).pending == 1
    assert status_of(session).standing == "waiting"
    assert "BackendUnavailableError" in status_of(session).reason
    assert row_of(session, version).state is OutboxState.PENDING
    with pytest.raises(BackendUnavailableError):
        start(backends=(url,), delivery="strict")


def test_c01_is_about_the_backend(start, registry):
    """Negative control: with somebody there, the same save waits for nothing and strict is content."""
    session = start(delivery="strict", flush_seconds=20.0)

    once(session, registry, session.save([1], "numbers"))


def test_c02_the_request_is_cut(start, proxy, registry):
    """A request of which a part arrives is sent again with the same key."""
    proxy.script += [Fault.CUT_REQUEST] * 3
    session = start()

    version = session.save([1], "numbers")

    once(session, registry, version)
    assert proxy.counted[Fault.CUT_REQUEST] == 3
    assert {asked.body["ours"] for asked in registry.writes()} == {version.id}


def test_c02_without_a_second_try_it_would_not_arrive(start, proxy, registry, policy):
    """Negative control: who tries once gives the record up."""
    policy(tries=1)
    proxy.script += [Fault.CUT_REQUEST]
    session = start()

    session.save([1], "numbers")

    assert session.deliverer.flush(60)
    assert registry.ours("versions") == []
    assert status_of(session).dead == 1


@pytest.mark.parametrize("fault", [Fault.CUT_ANSWER, Fault.LOSE_ANSWER], ids=lambda f: f.name)
def test_c03_the_answer_is_lost(start, proxy, registry, fault):
    """What the server committed before the answer was lost is found again, not made again."""
    proxy.script += [fault] * 4
    session = start()

    run = sums(3)

    assert session.deliverer.flush(60)
    assert registry.ours("runs") == [run.id]
    assert len(registry.ours("tasks")) == len(list(run.tasks()))
    assert registry.duplicates() == {}
    assert proxy.counted[fault] == 4


def test_c03_without_a_look_there_are_duplicates(start, proxy, registry, monkeypatch):
    """Negative control: who creates without looking has each record several times."""
    monkeypatch.setattr(little.LittleBackend, "looks_up", False)
    proxy.script += [Fault.LOSE_ANSWER] * 3
    session = start()

    version = session.save([1], "numbers")

    assert session.deliverer.flush(60)
    assert registry.ours("versions") == [version.id] * 4


@pytest.mark.parametrize(
    "fault", [Fault.TRUNCATED_JSON, Fault.WRONG_LENGTH, Fault.HTML], ids=lambda f: f.name
)
def test_c04_the_answer_is_no_answer(start, proxy, registry, fault):
    """Half an answer or a page for people is tried again; while it lasts, the record waits."""
    proxy.shares[fault], proxy.touches = 1.0, lambda method, path: True
    session = start()

    version = session.save([1], "numbers")
    wait_until(lambda: proxy.counted[fault] >= 4)

    assert row_of(session, version).state is OutboxState.PENDING
    told = status_of(session).reason or row_of(session, version).error
    assert re.search(r"BackendContractError|BackendUnavailableError", told)
    proxy.shares.clear()
    once(session, registry, version)


def test_c04_who_believes_any_answer_notes_an_id_that_is_none(start, proxy, registry, monkeypatch):
    """Negative control: who takes half an answer for one is content with an id that is none."""
    monkeypatch.setattr(HttpAnswer, "json_object", lambda self: {"id": 7})
    proxy.script.append(Fault.TRUNCATED_JSON)
    session = start()

    version = session.save([1], "numbers")

    assert session.deliverer.flush(60)
    assert row_of(session, version) is None
    noted = session.ledger.outbox.external(status_of(session).backend_id, "version", version.id)
    assert noted == {"external_id": "7"}
    assert [row["id"] for row in registry.tables["versions"]] != [7]


@pytest.mark.parametrize(
    "fault",
    [Fault.STATUS_500, Fault.STATUS_502, Fault.STATUS_503, Fault.STATUS_504],
    ids=lambda f: f.name,
)
def test_c05_the_server_fails(start, proxy, registry, fault):
    """A server that fails is asked again, whether it did the work or not."""
    proxy.script += [fault] * 6
    session = start()

    saved = [session.save([n], f"numbers-{n}") for n in range(3)]

    once(session, registry, *saved)
    # What the server had done was found and not sent again.
    assert proxy.counted[fault] == (6 if fault in LOST_BEFORE else 3)


def test_c05_without_a_second_try_it_would_not_arrive(start, proxy, registry, policy):
    """Negative control: who tries once gives up what the next try brings."""
    policy(tries=1)
    proxy.script.append(Fault.STATUS_500)
    session = start()

    session.save([1], "numbers")

    assert session.deliverer.flush(60)
    assert (registry.ours("versions"), status_of(session).dead) == ([], 1)


def test_c05_pauses_double_to_a_cap_and_end(start, proxy, registry, policy):
    """Pauses have full jitter below 0.5 s doubled up to a minute; twenty tries are the budget."""
    numbers = Policy()
    drawn = {tries: [numbers.pause_seconds(tries) for _ in range(2000)] for tries in (1, 4, 8, 20)}
    policy(tries=6, failures_to_open=10**6)
    proxy.shares[Fault.STATUS_500] = 1.0
    session = start()

    version = session.save([1], "numbers")
    wait_until(lambda: status_of(session).dead)

    for tries, most in {1: 0.5, 4: 4.0, 8: 60.0, 20: 60.0}.items():
        assert 0.9 * most < max(drawn[tries]) <= most
        assert min(drawn[tries]) < 0.1 * most
    assert numbers.tries == 20
    assert row_of(session, version).state is OutboxState.DEAD
    assert proxy.counted[Fault.STATUS_500] == 6


@pytest.mark.parametrize("fault", [Fault.LIMIT_SECONDS, Fault.LIMIT_DATE], ids=lambda f: f.name)
def test_c06_patience_is_asked_for(start, proxy, registry, fault):
    """A 429 is left alone as long as it asks, in seconds or until a date."""
    proxy.script.append(fault)
    session = start()
    began = time.monotonic()

    version = session.save([1], "numbers")
    once(session, registry, version)

    assert time.monotonic() - began >= 1.0
    assert row_of(session, version) is None


def test_c06_absurd_patience_is_ten_minutes(start, proxy, registry):
    """Thirty years are cut to ten minutes; nothing is given up or counted as a try."""
    proxy.script.append(Fault.LIMIT_ABSURD)
    session = start()

    version = session.save([1], "numbers")
    wait_until(lambda: row_of(session, version).next_at is not None)
    flushed = session.deliverer.flush(1)

    row = row_of(session, version)
    assert not flushed
    assert 590 < (row.next_at - datetime.now(UTC)).total_seconds() <= 600
    assert (row.state, row.tries) == (OutboxState.PENDING, 0)
    assert registry.ours("versions") == []


def test_c06_without_belief_it_is_asked_at_once(start, proxy, registry, policy):
    """Negative control: who does not believe Retry-After is back long before."""
    policy(longest_retry_after_seconds=0.0)
    proxy.script.append(Fault.LIMIT_ABSURD)
    session = start()

    once(session, registry, session.save([1], "numbers"))


@pytest.mark.parametrize("status", [401, 403])
def test_c07_nobody_knows_us(start, registry, policy, status):
    """Refused credentials pause the backend: few requests, nothing given up; then all arrives."""
    policy(login_pause_seconds=5.0, longest_login_pause_seconds=300.0)
    refusal = little.Fault(status=status, body=b'{"detail": "not you"}')
    registry.faults = lambda asked: refusal
    session = start()

    saved = [session.save([n], f"numbers-{n}") for n in range(20)]
    wait_until(lambda: status_of(session).standing == "paused")
    time.sleep(1.0)

    # At most one request on each of the streams that were under way, and a look.
    assert len(registry.asked) <= 2 * Policy().streams + 2
    assert (status_of(session).pending, status_of(session).dead) == (20, 0)
    assert f"answered POST /versions with {status}: " in status_of(session).reason
    registry.faults = lambda asked: None
    once(session, registry, *saved)


def test_c07_without_a_pause_it_is_a_storm(start, registry, policy):
    """Negative control: without the pause the same second sees many more requests."""
    policy(login_pause_seconds=0.001, longest_login_pause_seconds=0.001, first_pause_seconds=0.001)
    registry.faults = lambda asked: little.Fault(status=401)
    session = start()

    for n in range(20):
        session.save([n], f"numbers-{n}")
    wait_until(lambda: len(registry.asked) > 50)

    assert status_of(session).pending == 20


@pytest.mark.parametrize("status", [400, 422])
def test_c08_a_record_is_refused(start, registry, status):
    """A poison message is a dead letter after three tries; others of its stream go on; it is seen."""
    poison = little.Fault(status=status, body=b'{"detail": "not this one"}')
    registry.faults = lambda asked: poison if asked.body.get("description") == "poison" else None
    session = start()

    bad = session.save([0], "numbers", description="poison")
    good = [session.save([n], "numbers") for n in range(5)]

    assert session.deliverer.flush(60)
    assert registry.ours("versions") == [version.id for version in good]
    assert status_of(session).dead == 1
    row = row_of(session, bad)
    assert (row.state, row.tries) == (OutboxState.DEAD, 3)
    assert "not this one" in row.error
    assert session.load(bad) == [0]


def test_c08_without_an_end_it_stops_its_stream(start, registry, policy):
    """Negative control: a poison message that is never given up holds everything behind it."""
    policy(rejections=10**6, tries=10**6)
    registry.faults = lambda asked: (
        little.Fault(status=422) if asked.body.get("description") == "poison" else None
    )
    session = start()

    bad = session.save([0], "numbers", description="poison")
    session.save([1], "numbers")
    wait_until(lambda: row_of(session, bad).tries > 5)

    assert registry.ours("versions") == []


def test_every_row_has_its_test():
    """C1 to C20 each have a test that is named for it."""
    texts = [path.read_text(encoding="utf-8") for path in (TESTS / "core").rglob("test_*.py")]
    rows = {
        int(row) for text in texts for row in re.findall(r"^def test_c(\d\d)_", text, re.MULTILINE)
    }

    assert rows == set(range(1, 21))
