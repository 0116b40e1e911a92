"""Several processes deliver one outbox; killed, forked and stopped ones lose and double nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import warm_processes
from little_registry import Fault
from waiting import wait_until

import artifact_plugins as ap
from artifact_plugins.delivery import Policy
from artifact_plugins.delivery.owners import is_gone, new_owner
from artifact_plugins.errors import LedgerBusyError
from artifact_plugins.ledger import Ledger
from artifact_plugins.session import current_session

SUPPORT = Path(__file__).parents[2] / "support"
QUICK = Policy(
    first_pause_seconds=0.01,
    longest_pause_seconds=0.05,
    lease_seconds=1.0,
    gather_seconds=0.001,
    poll_seconds=0.1,
)
START = f"""
import sys, time
sys.path.insert(0, {str(SUPPORT)!r})
import artifact_plugins as ap
from artifact_plugins.delivery import Policy, deliverer
quick = {QUICK!r}
deliverer.Policy = lambda: quick
"""


def script(places, body):
    """Start a process that has a session open while it runs `body`."""
    text = f"{START}\nwith ap.open_session(ap.Settings(**{places!r})) as session:\n"
    text += "\n".join(f"    {line}" for line in body.splitlines())
    return warm_processes.start(text)


def finished(process):
    """Wait for a process, and fail when it failed."""
    _, errors = process.communicate(timeout=110)
    assert process.returncode == 0, errors
    return errors


@pytest.mark.parametrize("lands", [True, False])
def test_a_process_killed_while_it_sends(places, registry, quick, lands):
    """After kill -9 in the middle of a request there is one record, whether the request landed or not."""
    arrived = threading.Event()

    def hang(asked):
        if asked.method == "POST" and not arrived.is_set():
            arrived.set()
            return Fault(delay_seconds=3.0, cut=None if lands else "request")
        return None

    registry.faults = hang
    process = script(places, "session.save(1, 'numbers')\ntime.sleep(100)")
    assert arrived.wait(60)
    process.kill()
    process.communicate()
    wait_until(lambda: registry.active == 0)
    assert len(registry.ours("versions")) == int(lands)

    with ap.Session(ap.Settings(**places)) as session:
        session.deliverer.sync(timeout_seconds=60)
        version = session.find("numbers")
    assert registry.ours("versions") == [version.id]


@pytest.mark.parametrize("is_here", [True, False])
def test_nobody_waits_for_the_lease_of_a_process_that_is_gone(
    places, registry, monkeypatch, is_here
):
    """The next process of the machine goes on at once; another machine cannot know, and waits."""
    policy = replace(QUICK, lease_seconds=60.0, late_seconds=0.5)
    monkeypatch.setattr("artifact_plugins.delivery.deliverer.Policy", lambda: policy)
    arrived = threading.Event()
    registry.faults = lambda asked: (arrived.set(), Fault(delay_seconds=1.0, cut="request"))[1]
    body = "deliverer.Policy = lambda: quick_60\nsession.save(1, 'numbers')\ntime.sleep(100)"
    process = script(places, body.replace("quick_60", repr(policy)))
    assert arrived.wait(60)
    process.kill()
    process.communicate()
    wait_until(lambda: registry.active == 0)
    registry.faults = lambda asked: None
    if not is_here:
        monkeypatch.setattr("artifact_plugins.delivery.owners._system", lambda: "another boot")

    with ap.Session(ap.Settings(**places | {"flush_seconds": 0.0})) as session:
        session.deliverer.sync(timeout_seconds=30 if is_here else 3)
        version = session.find("numbers")
    assert registry.ours("versions") == ([version.id] if is_here else [])


@pytest.mark.parametrize("owner", ["", "host:1", "host:boot:one:abc", "a:b:99999999999999999999:c"])
def test_a_strange_owner_is_not_gone(owner):
    """Only a process of this machine that has certainly ended is gone."""
    assert not is_gone(owner)
    assert not is_gone(new_owner())


def test_a_process_whose_end_nobody_asked_for_is_gone():
    """What a killed process held is free although its parent still keeps its number."""
    process = subprocess.Popen(["sleep", "100"])
    owner = new_owner().replace(f":{os.getpid()}:", f":{process.pid}:")
    assert not is_gone(owner)

    process.kill()

    wait_until(lambda: is_gone(owner))
    process.wait()


@pytest.mark.parametrize("point", ["commit.before", "commit.after"])
def test_a_process_killed_at_its_commit(places, registry, quick, monkeypatch, point):
    """What was committed when a process died is delivered by the next, and nothing else is."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_TESTING", "1")
    monkeypatch.setenv("ARTIFACT_PLUGINS_FAILPOINTS", f"{point}=kill")
    process = script(places, "session.save(1, 'numbers')")
    process.communicate(timeout=110)
    assert process.returncode == -signal.SIGKILL

    with ap.Session(ap.Settings(**places)) as session:
        session.deliverer.sync(timeout_seconds=60)
        committed = [version.id for version in session.versions()]
    assert registry.ours("versions") == committed
    assert len(committed) == (point == "commit.after")


def test_processes_share_one_outbox(places, registry, quick):
    """Three processes that save and deliver at once send every record once, each artifact in order."""
    registry.faults = lambda asked: Fault(delay_seconds=0.005)
    body = "for n in range(30):\n    session.save(n, f'numbers-{n % 3}')"

    processes = [script(places, body) for _ in range(3)]
    for process in processes:
        finished(process)

    with ap.Session(ap.Settings(**places)) as session:
        session.deliverer.sync(timeout_seconds=60)
        for name in range(3):
            query = f"name == 'numbers-{name}'"
            found = session.versions(query, order_by="version", limit=1000)
            wanted = [version.id for version in found]
            there = [
                r["ours"] for r in registry.tables["versions"] if r["name"] == f"numbers-{name}"
            ]
            assert there == wanted
    assert len(registry.ours("versions")) == 90


def test_a_stopped_process_does_not_hold_its_streams(places, registry, quick):
    """What a process that hangs has claimed is delivered by another one when its lease ends."""
    registry.faults = lambda asked: Fault(status=503)
    process = script(places, "for n in range(3):\n    session.save(n, 'numbers')\ntime.sleep(100)")
    wait_until(lambda: len(registry.asked) > 2)
    stop_between_writes(process, places)
    try:
        registry.faults = lambda asked: None
        with ap.Session(ap.Settings(**places)) as session:
            (status,) = session.deliverer.sync(timeout_seconds=60)
            assert status.is_done
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate()
    assert len(registry.ours("versions")) == 3
    assert not registry.duplicates()


def stop_between_writes(process, places):
    """Stop a process when it does not hold the ledger: that would stop everybody."""
    with Ledger.open(places["ledger_url"], durable=False, busy_timeout_seconds=0.5) as ledger:
        while True:
            process.send_signal(signal.SIGSTOP)
            try:
                with ledger._database.transaction():
                    return
            except LedgerBusyError:
                process.send_signal(signal.SIGCONT)
                time.sleep(0.05)


def test_a_lease_is_kept_while_a_request_takes_long(places, registry, quick):
    """A request three times as long as the lease is not sent by a second process as well."""
    registry.faults = lambda asked: Fault(delay_seconds=3.5) if asked.method == "POST" else None
    process = script(places, "session.save(1, 'numbers')")
    wait_until(lambda: registry.writes())

    with ap.Session(ap.Settings(**places)) as session:
        (status,) = session.deliverer.sync(timeout_seconds=60)
    finished(process)

    assert status.is_done
    assert len(registry.writes()) == 1


def save_in_child(name):
    """Save in a forked child, whose parent has delivered already."""
    session = current_session()
    session.save(os.getpid(), name)
    assert session.deliverer.flush(60)


def test_a_forked_child_delivers_by_itself(session, registry):
    """A child forked while its parent delivers sends its own records; nothing hangs or is doubled."""
    registry.faults = lambda asked: Fault(delay_seconds=0.02)
    for number in range(20):
        session.save(number, "parents")
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=save_in_child, args=(f"child-{n}",)) for n in range(2)]

    for child in children:
        child.start()
    for child in children:
        child.join(100)

    assert [child.exitcode for child in children] == [0, 0]
    assert session.deliverer.flush(60)
    assert len(registry.ours("versions")) == 22
    assert not registry.duplicates()


def test_rows_of_other_processes_are_found(session, registry, places):
    """A session that delivers sends also what a process without deliverer left, without being told."""
    session.save(1, "numbers")
    assert session.deliverer.flush(30)

    # As a worker of a pool: it commits, and leaves the delivery to others.
    worker = ap.Session(ap.Settings(**places), is_worker=True)
    version = worker.save(2, "others")
    worker.close()

    wait_until(lambda: version.id in registry.ours("versions"))


def test_a_worker_never_delivers(places, registry, quick):
    """A worker's session leaves rows in the outbox and sends nothing itself."""
    worker = ap.Session(ap.Settings(**places), is_worker=True)
    version = worker.save(2, "others")
    time.sleep(0.3)
    worker.close()

    assert registry.asked == []
    with ap.Session(ap.Settings(**places)) as session:
        session.deliverer.sync(timeout_seconds=60)
    assert registry.ours("versions") == [version.id]


def test_closing_returns_while_a_request_hangs(places, registry, quick):
    """A session closes in time though a request is under way, whose answer still counts."""
    goes_on = threading.Event()
    registry.faults = lambda asked: Fault(until=goes_on) if asked.method == "POST" else None
    session = ap.Session(ap.Settings(**places | {"flush_seconds": 0.2}))
    session.save(1, "numbers")
    wait_until(lambda: registry.writes())
    session.close()
    assert registry.active == 1

    goes_on.set()
    wait_until(lambda: registry.active == 0)
    time.sleep(0.5)
    with ap.Session(ap.Settings(**places)) as again:
        (status,) = again.deliverer.sync(timeout_seconds=60)
        assert status.is_done
    assert len(registry.ours("versions")) == 1
