"""Delivery is the same from every kind of ledger."""

from __future__ import annotations

import random
import threading

import pytest
from ledger_urls import url  # noqa: F401  # a fixture
from little_registry import Fault

import artifact_plugins as ap
from artifact_plugins.ledger import Ledger


@ap.step
def numbers(count: int) -> list[int]:
    return list(range(count))


@ap.pipeline
def one_task(count: int):
    numbers(count)


def deliver_much(settings, registry):
    """Deliver a run, edits and saves through lost answers; return the session's versions."""
    dice = random.Random(3)
    faults = [Fault(cut="answer"), Fault(status=503), None, None, None]
    # The look whether it is there gets through: `flush` ends where even that fails.
    registry.faults = lambda asked: None if asked.path == "/info" else dice.choice(faults)
    with ap.open_session(ap.Settings(**settings)) as session:
        run = one_task(2000)
        for number in range(5):
            version = session.save(number, "by-hand")
        session.tag(version, add=["last"])
        assert session.deliverer.flush(100)
        assert registry.ours("runs") == [run.id]
        registry.faults = lambda asked: None
        assert not registry.duplicates()
        row = next(row for row in registry.tables["versions"] if row["ours"] == version.id)
        assert row["tags"] == ["last"]
        registry.forget("runs", run.id)
        assert session.deliverer.reconcile("little").lost == {"run": 1}
        assert session.deliverer.flush(100)
        assert registry.ours("runs") == [run.id]


@pytest.mark.usefixtures("quick")
def test_every_ledger_delivers(places, registry, url):  # noqa: F811  # the fixture
    """A SQLite file and a PostgreSQL server deliver everything once, through faults."""
    deliver_much(places | {"ledger_url": url}, registry)


@pytest.mark.usefixtures("quick")
def test_a_ledger_in_memory_delivers(places, registry):
    """A ledger that nobody else can open is delivered from as well."""
    deliver_much(places | {"ledger_url": "sqlite://"}, registry)


@pytest.mark.usefixtures("quick")
def test_a_relative_ledger_is_found_after_the_folder_changed(
    places, registry, tmp_path, monkeypatch
):
    """A session delivers what it committed after the process went to another folder."""
    (tmp_path / "there").mkdir()
    relative = {"ledger_url": "sqlite:///ledger.sqlite", "store_url": "store"}
    with ap.Session(ap.Settings(**places | relative)) as session:
        monkeypatch.chdir(tmp_path / "there")
        version = session.save(1, "numbers")
        assert session.deliverer.flush(60)

    assert registry.ours("versions") == [version.id]
    assert list((tmp_path / "there").iterdir()) == []


def test_the_main_thread_keeps_its_connection_at_exit(tmp_path, monkeypatch):
    """While a process exits its main thread counts as ended, and no other takes its connection."""
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}", durable=False) as ledger:
        ledger.outbox.counts()
        mine = ledger._database.connection()
        monkeypatch.setattr(threading.main_thread(), "is_alive", lambda: False)
        theirs = []
        other = threading.Thread(target=lambda: theirs.append(ledger._database.connection()))
        other.start()
        other.join()
        monkeypatch.undo()

        assert theirs[0] is not mine
