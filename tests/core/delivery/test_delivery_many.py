"""100,000 pending records: bounded memory, any number of processes, and what a step pays."""

from __future__ import annotations

import statistics
import time
import tracemalloc

import pytest
from little_registry import Fault

import artifact_plugins as ap
from artifact_plugins.delivery import Policy
from artifact_plugins.records import Batch, Run, RunState, Task, new_id, now

PENDING = 100_000
RUNS = 100


def fill(session):
    """Write runs and tasks, so that `PENDING` rows wait."""
    tasks_each = PENDING // RUNS - 1
    for number in range(RUNS):
        run = Run(
            id=new_id(),
            project="default",
            pipeline="many",
            name=f"many-{number}",
            state=RunState.SUCCEEDED,
            started_at=now(),
        )
        tasks = tuple(
            Task(
                id=new_id(), run_id=run.id, name=f"t{n}", scope_path=f"ROOT/t{n}", started_at=now()
            )
            for n in range(tasks_each)
        )
        session.ledger.write(Batch(runs=(run,), tasks=tasks))


@pytest.mark.slow
def test_memory_is_bounded(places, registry, monkeypatch):
    """With 100,000 pending rows, delivering and looking at them holds a few megabytes."""
    policy = Policy(gather_seconds=0.0)
    monkeypatch.setattr("artifact_plugins.delivery.deliverer.Policy", lambda: policy)
    with ap.Session(ap.Settings(**places | {"flush_seconds": 0.0})) as session:
        fill(session)
        assert session.deliverer.status()[0].pending == PENDING
        tracemalloc.start()
        try:
            session.deliverer.flush(10.0)
            session.deliverer.status()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        delivered = session.deliverer.status()[0].delivered

    assert delivered > 100
    # What the server of this process keeps of each record is in it too.
    assert peak < 16e6 + 20e3 * delivered
    assert not registry.duplicates()


@pytest.mark.slow
def test_a_run_is_in_order_among_many(places, registry, monkeypatch):
    """From 100,000 pending rows every run goes out before its tasks, and its tasks in their order."""
    policy = Policy(gather_seconds=0.0)
    monkeypatch.setattr("artifact_plugins.delivery.deliverer.Policy", lambda: policy)
    with ap.Session(ap.Settings(**places | {"flush_seconds": 0.0})) as session:
        fill(session)
        session.deliverer.flush(10.0)
        wanted = {run.id: [] for run in session.runs(limit=1000)}
        there = {row["id"]: row["ours"] for row in registry.tables["runs"]}
        for row in list(registry.tables["tasks"]):
            wanted[there[row["run"]]].append(row["name"])

    started = [names for names in wanted.values() if names]
    assert started
    for names in started:
        assert names == [f"t{n}" for n in range(len(names))]


def test_a_commit_does_not_wait_for_backends(places, registry, quick):
    """With a backend that takes long, waking the deliverer costs a save next to nothing."""
    registry.faults = lambda asked: Fault(delay_seconds=0.2)
    with ap.Session(ap.Settings(**places | {"flush_seconds": 0.0})) as session:
        session.save(0, "numbers")
        deliverer = session.deliverer
        times = []
        for _ in range(2000):
            started = time.perf_counter()
            deliverer.wake()
            times.append(time.perf_counter() - started)

        assert statistics.median(times) < 1e-4
