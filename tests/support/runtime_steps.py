"""Small steps for runs on every runtime, and how the tasks of the newest run ended."""

from __future__ import annotations

from typing import Annotated

import artifact_plugins as ap
from artifact_plugins.records import RunQuery, TaskQuery, TaskState

EVERY = ["inline", "threads:3", "processes:2"]


@ap.step
def make(x: int = 3) -> Annotated[int, "o"]:
    return x


@ap.step
def use(i: int, factor: int = 2) -> Annotated[int, "o2"]:
    return i * factor


@ap.step
def total(numbers: list[int]) -> int:
    return sum(numbers)


@ap.step
def breaks(i: int) -> int:
    raise ZeroDivisionError(f"at {i}")


@ap.pipeline
def inner(d):
    return use(use(d))


def last(session) -> dict[str, TaskState]:
    """Return the states of the tasks of the newest run by name."""
    run = session.ledger.runs(RunQuery())[0]
    return {task.name: task.state for task in session.ledger.tasks(TaskQuery(run_id=run.id))}
