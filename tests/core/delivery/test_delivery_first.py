"""What a session commits reaches its backends, in order and once."""

from __future__ import annotations

import artifact_plugins as ap


@ap.step
def numbers(count: int) -> list[int]:
    return list(range(count))


@ap.step
def total(values: list[int]) -> int:
    return sum(values)


@ap.pipeline
def sums(first: int, second: int):
    total(numbers(first))
    total(numbers(second))


def test_a_run_arrives_whole_and_in_order(session, registry):
    """A run, its tasks and their versions are on the server once, the run first."""
    run = sums(3, 2000)

    assert session.deliverer.flush(30)
    assert registry.ours("runs") == [run.id]
    assert registry.tables["runs"][0]["state"] == "SUCCEEDED"
    tasks = [task.id for task in run.tasks()]
    assert sorted(registry.ours("tasks")) == sorted(tasks)
    assert not registry.duplicates()
    assert sorted(registry.ours("versions")) == sorted(
        version.id for version in session.versions(limit=1000)
    )


def test_a_save_arrives(session, registry):
    """A version saved by hand is on the server, and the ledger knows its id there."""
    version = session.save([1, 2], "numbers")

    assert session.deliverer.flush(30)
    assert registry.ours("versions") == [version.id]
    (url,) = session.ledger.outbox.externals("version", version.id)
    assert url == registry.url
