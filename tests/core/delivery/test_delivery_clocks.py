"""A clock that was days off, and was set right, holds nothing back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from chaos_sessions import once, row_of, status_of
from waiting import wait_until

from artifact_plugins.ledger.outbox import claims, clock, decoding
from artifact_plugins.records import now


@pytest.fixture
def postponed(start, registry, proxy, monkeypatch):
    """Return a function that has a save fail under a clock that is some days off."""

    def fail(days):
        monkeypatch.setattr(clock, "now", lambda: now() + timedelta(days=days))
        proxy.is_away.set()
        session = start(flush_seconds=0.0)
        version = session.save([1], "numbers")
        wait_until(lambda: row_of(session, version).error)
        session.close()
        monkeypatch.setattr(clock, "now", now)
        proxy.is_away.clear()
        return version

    return fail


@pytest.mark.parametrize("days", [3, -400])
def test_what_waits_is_sent_after_the_clock_is_set_right(start, registry, postponed, days):
    """A record that failed under a wrong clock is sent by the next process, without a replay."""
    version = postponed(days)

    once(start(), registry, version)


def test_without_a_longest_pause_it_would_wait_for_days(start, registry, postponed, monkeypatch):
    """Negative control: who believes every time waits until that day comes."""
    version = postponed(3)
    for module in (claims, decoding):
        monkeypatch.setattr(module, "farthest", lambda now: 2**62)
    session = start()

    assert not session.deliverer.flush(1)

    assert registry.ours("versions") == []
    assert row_of(session, version).next_at > now() + timedelta(days=2)
    assert status_of(session).pending == 1
