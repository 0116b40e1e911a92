"""A process that was asleep in the middle of a stream goes on only where nobody else has begun."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from little_registry import Fault
from waiting import wait_until

from artifact_plugins.delivery import deliverer
from artifact_plugins.delivery.streams import Streams

LEASE_SECONDS = 0.3
OTHER = "another process"


@pytest.fixture
def short_leases(quick, monkeypatch):
    """Leases that end soon, and that nobody extends: the machine sleeps."""
    policy = replace(vars(deliverer)["Policy"](), lease_seconds=LEASE_SECONDS)
    monkeypatch.setattr(deliverer, "Policy", lambda: policy)
    monkeypatch.setattr(Streams, "extend", lambda streams: None)


def writes_after_a_sleep(session, registry):
    """Sleep in the second of five records until another has the stream; return how many were sent then."""
    is_there, is_answered = threading.Event(), threading.Event()
    outbox, backend_id = session.ledger.outbox, session.deliverer.backend_id("little")
    taken: list[str] = []

    def fault(asked):
        if not is_there.is_set():
            return Fault(status=503)
        if asked.is_write and '"version":2' in asked.body["record"] and not taken:
            # Its own courier, which is awake here, claims what nobody has: be faster.
            while not taken:
                taken.extend(outbox.claim(backend_id, owner=OTHER, lease_seconds=60, limit=1))
            is_answered.set()
        return None

    registry.faults = fault
    for number in range(5):
        session.save(number, "numbers")
    is_there.set()
    assert is_answered.wait(30)
    wait_until(lambda: session.deliverer.status()[0].in_flight == 0)
    sent = len(registry.ours("versions"))
    outbox.release(backend_id, taken[0], owner=OTHER)
    return sent


def test_who_slept_asks_before_it_goes_on(short_leases, session, registry):
    """What another process has claimed meanwhile is left to it, from the next record on."""
    assert writes_after_a_sleep(session, registry) == 2
    assert session.deliverer.flush(30)
    assert len(registry.ours("versions")) == 5
    assert not registry.duplicates()


def test_without_asking_two_would_send_the_same(short_leases, session, registry, monkeypatch):
    """Negative control: a sender that does not ask goes on beside the other one."""
    monkeypatch.setattr(Streams, "_extend", lambda streams, stream: None)

    assert writes_after_a_sleep(session, registry) > 2
