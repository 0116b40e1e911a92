"""Background, wait and strict: what a run's end, a save and the end of a process wait for."""

from __future__ import annotations

import pickle
import threading
import time
from pathlib import Path

import pytest
import warm_processes
from little_registry import TOKEN_VARIABLE, Fault

import artifact_plugins as ap
from artifact_plugins.errors import (
    BackendAuthError,
    BackendRejectedError,
    BackendUnavailableError,
)
from artifact_plugins.ledger import Outbox

SUPPORT = Path(__file__).parents[2] / "support"


@ap.step
def number(value: int) -> int:
    return value


@ap.step
def breaks() -> int:
    raise ValueError("the step itself")


@ap.pipeline
def one_task():
    number(1)


@ap.pipeline
def broken():
    breaks()


@pytest.fixture(autouse=True)
def _quick(quick):
    """Have every deliverer of this file wait milliseconds."""


def opened(places, mode, **more):
    return ap.open_session(ap.Settings(**places | {"delivery": mode} | more))


def test_background_waits_for_nothing(places, registry):
    """A run ends while its delivery hangs in the first request."""
    goes_on = threading.Event()
    registry.faults = lambda asked: Fault(until=goes_on)
    with opened(places, "background"):
        one_task()

        assert registry.tables["runs"] == []
        goes_on.set()


def test_the_end_of_a_session_delivers_what_is_left(places, registry):
    """Closing a session waits for its deliveries, up to `flush_seconds`."""
    registry.faults = lambda asked: Fault(delay_seconds=0.05)
    with opened(places, "background"):
        run = one_task()

    assert registry.tables["runs"][0]["ours"] == run.id
    assert registry.tables["runs"][0]["state"] == "SUCCEEDED"


@pytest.mark.parametrize("mode", ["wait", "strict"])
def test_wait_and_strict_return_when_it_is_delivered(places, registry, mode):
    """At the end of a run, and after a save, everything of it is on the server."""
    registry.faults = lambda asked: Fault(delay_seconds=0.02)
    with opened(places, mode) as session:
        run = one_task()

        assert registry.tables["runs"][0]["state"] == "SUCCEEDED"
        assert {row["ours"] for row in registry.tables["tasks"]} == {t.id for t in run.tasks()}
        version = session.save(1, "by-hand")
        assert version.id in registry.ours("versions")


def test_wait_gives_up_without_an_error(places, registry):
    """With `wait` a backend that is away makes no error and no endless wait."""
    registry.faults = lambda asked: Fault(status=503)
    with opened(places, "wait", flush_seconds=0.5) as session:
        started = time.monotonic()
        one_task()

        assert time.monotonic() - started < 20
        assert session.runs()[0].state == "SUCCEEDED"
        assert session.deliverer.status()[0].pending > 0


def test_strict_says_what_is_safe_and_what_is_pending(places, registry):
    """A save that a backend refuses is registered, and the error says so and what to do."""
    with opened(places, "strict") as session:
        registry.faults = lambda asked: (
            Fault(status=422, body=b'{"detail": "bad name"}') if asked.is_write else None
        )

        with pytest.raises(BackendRejectedError, match="numbers@1 is committed, and not") as caught:
            session.save([1, 2], "numbers")

        error = caught.value
        assert "bad name" in str(error)
        assert "bytes and records are safe" in str(error)
        assert (error.backend, error.undelivered) == ("little", 1)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
        assert session.load("numbers") == [1, 2]
        registry.faults = lambda asked: None
        assert session.save([3], "numbers").version == 2, "an earlier dead letter is not its own"


def test_strict_raises_what_ended_the_delivery_of_a_run(places, registry, monkeypatch):
    """At a run's end the class of the error is what the backend raised; the run is committed."""
    with opened(places, "strict", flush_seconds=2.0) as session:
        registry.faults = lambda asked: Fault(status=503)
        with pytest.raises(BackendUnavailableError, match="is committed whole"):
            one_task()
        (found,) = session.runs()
        assert found.state == "SUCCEEDED"

        registry.faults = lambda asked: None
        registry.token = "right"
        monkeypatch.setenv(TOKEN_VARIABLE, "wrong")
        with pytest.raises(BackendAuthError):
            one_task()
        registry.token = None


def test_the_error_of_a_run_matters_more(places, registry):
    """A run that fails raises what failed in it, whatever the backends do."""
    with opened(places, "strict", flush_seconds=1.0):
        registry.faults = lambda asked: Fault(status=503)
        with pytest.raises(ValueError, match="the step itself"):
            broken()
        registry.faults = lambda asked: None


SCRIPT = """
import logging, sys
sys.path.insert(0, {support!r})
logging.basicConfig(level=logging.WARNING)
import artifact_plugins as ap
session = ap.Session(ap.Settings(**{settings!r}))
for number in range({count}):
    session.save(number, "numbers")
{end}
"""


def run_script(places, count, end="", **settings):
    script = SCRIPT.format(support=str(SUPPORT), settings=places | settings, count=count, end=end)
    return warm_processes.run(script)


def test_the_end_of_a_process_delivers_what_is_left(places, registry):
    """A process that never closes its session delivers at its exit."""
    done = run_script(places, 10)

    assert done.returncode == 0, done.stderr
    assert len(registry.ours("versions")) == 10
    assert "not delivered" not in done.stderr


def test_what_is_being_claimed_is_not_given_up(session, registry, monkeypatch):
    """A flush that looks between the claim of a stream and its sending waits for it."""
    claim = Outbox.claim

    def slowly(self, *given, **named):
        claimed = claim(self, *given, **{**named, "lease_seconds": 60.0})
        time.sleep(0.3)
        return claimed

    monkeypatch.setattr(Outbox, "claim", slowly)
    saved = session.save(1, "numbers").id

    assert session.deliverer.flush(30)  # shorter than the lease
    assert registry.ours("versions") == [saved]


def test_the_end_of_a_process_does_not_wait_for_ever(places, registry):
    """With a server that hangs a process ends after `flush_seconds` and says what is pending."""
    registry.faults = lambda asked: Fault(delay_seconds=60)
    started = time.monotonic()

    done = run_script(places, 3, flush_seconds=1.0)

    assert time.monotonic() - started < 50
    assert done.returncode == 0, done.stderr
    assert "not delivered yet: little 3" in done.stderr


def test_what_a_process_left_is_sent_by_the_next(places, registry):
    """Records of a process whose backend was away are delivered by one that commits later."""
    registry.faults = lambda asked: Fault(status=503)
    done = run_script(places, 3, flush_seconds=0.2)
    assert done.returncode == 0, done.stderr
    registry.faults = lambda asked: None

    with opened(places, "background") as session:
        session.save(1, "others")
        assert session.deliverer.flush(60)

    assert len(registry.ours("versions")) == 4
    assert not registry.duplicates()


def test_a_process_that_only_reads_delivers_nothing(places, registry):
    """A session that commits nothing sends nothing, though rows wait."""
    registry.faults = lambda asked: Fault(status=503)
    assert run_script(places, 1, flush_seconds=0.0).returncode == 0
    registry.faults = lambda asked: None
    registry.asked.clear()

    with opened(places, "background") as session:
        assert session.load("numbers") == 0
    assert registry.asked == []


def test_sync_delivers_in_the_foreground(places, registry):
    """`sync` delivers what earlier processes left, shows progress, and ends when a backend is away."""
    registry.faults = lambda asked: Fault(status=503)
    assert run_script(places, 5, flush_seconds=0.0).returncode == 0
    seen = []
    with opened(places, "background") as session:
        (status,) = session.deliverer.sync()
        assert status.pending == 5
        assert status.standing == "waiting"
        registry.faults = lambda asked: Fault(delay_seconds=0.3)
        (status,) = session.deliverer.sync(timeout_seconds=60, progress=seen.append)

    assert status.is_done
    assert len(registry.ours("versions")) == 5
    assert seen
    assert seen[0][0].pending > 0
