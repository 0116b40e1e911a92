"""100,000 pending records: bounded memory, any number of processes, and what a step pays."""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections import defaultdict

import pytest
from little_registry import Fault, little_registry

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


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Begin to deliver 100,000 rows; return the registry, how many went, and the peak of memory."""
    place = tmp_path_factory.mktemp("many")
    with little_registry() as registry, pytest.MonkeyPatch.context() as patch:
        policy = Policy(gather_seconds=0.0)
        patch.setattr("artifact_plugins.delivery.deliverer.Policy", lambda: policy)
        settings = ap.Settings(
            store_url=str(place / "store"),
            ledger_url=f"sqlite:///{place / 'ledger.sqlite'}",
            durability="process",
            plugins=("little_registry",),
            backends=(registry.url,),
            flush_seconds=0.0,
        )
        with ap.Session(settings) as session:
            fill(session)
            assert session.deliverer.status()[0].pending == PENDING
            tracemalloc.start()
            try:
                while len(registry.tables["tasks"]) < 300:
                    session.deliverer.flush(0.5)
                session.deliverer.status()
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            delivered = session.deliverer.status()[0].delivered
        yield registry, delivered, peak


@pytest.mark.slow
def test_memory_is_bounded(begun):
    """With 100,000 pending rows, delivering and looking at them holds a few megabytes."""
    registry, delivered, peak = begun

    assert delivered > 100
    # What the server of this process keeps of each record is in it too.
    assert peak < 16e6 + 20e3 * delivered
    assert not registry.duplicates()


@pytest.mark.slow
def test_a_run_is_in_order_among_many(begun):
    """From 100,000 pending rows every run goes out before its tasks, and its tasks in their order."""
    registry = begun[0]
    names = defaultdict(list)
    there = {row["id"]: row["ours"] for row in registry.tables["runs"]}

    for row in registry.tables["tasks"]:
        names[there[row["run"]]].append(row["name"])

    assert names
    assert all(found == [f"t{n}" for n in range(len(found))] for found in names.values())


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
