"""The steps that the table of link types speaks of, and a run as its lines."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import artifact_plugins as ap
from artifact_plugins.records import (
    Run,
    RunQuery,
    Task,
    TaskState,
    TaskType,
    VersionQuery,
    every,
)
from artifact_plugins.session import current_session
from artifact_plugins.steps import PipelineRun


@ap.step
def make(x: int = 3) -> Annotated[int, "o"]:
    return x


@ap.step
def use(i: int, factor: int = 2) -> Annotated[int, "o"]:
    return i * factor


@ap.step
def sink(i: int) -> Annotated[int, "o"]:
    return -i


@ap.step
def uselist(i: list[int]) -> Annotated[int, "o"]:
    return sum(i)


@ap.step
def items() -> list[int]:
    return [10, 20]


@ap.step
def flag(size: str = "big") -> str:
    return size


@ap.step
def is_even(i: int) -> bool:
    return i % 2 == 0


@ap.step
def breaks(i: int = 0) -> Annotated[int, "o"]:
    raise ZeroDivisionError("it breaks")


class Read(NamedTuple):
    """The links of one task, in the order in which they were written.

    Attributes:
        given: What it read.
        made: What it wrote.
    """

    given: list[str]
    made: list[str]


def links_of(run: PipelineRun, *, by_value: bool = False) -> dict[str, Read]:
    """Return the links of each task, by its path without ROOT: `for-loop-1/use#0`.

    A link is `TYPE value producer key [position]`; a version is shown as
    `artifact@number`, a parameter value by its repr, no producer as `none`.

    Args:
        by_value: Show versions by what they hold, for runs that number them
            in an order of their own.
    """
    links = run.links()
    ids = tuple({link.version_id for link in links if link.version_id is not None})
    session = current_session()
    query = VersionQuery(ids=ids, is_deleted=None)
    versions = {
        version.id: f"{version.artifact}={session.load(version)!r}"
        if by_value
        else f"{version.artifact}@{version.version}"
        for version in every(session.ledger.versions, query)
    }
    paths = {task.id: path for path, task in tasks_of(run).items()}
    found = {path: Read([], []) for path in paths.values()}
    for link in links:
        value = versions[link.version_id] if link.version_id is not None else repr(link.value)
        producer = str(link.producer) or "none"
        read = found[paths[link.task_id]]
        (read.made if link.io_type.is_output else read.given).append(
            f"{link.io_type.value} {value} {producer} {link.key} [{link.position}]"
        )
    return found


def tasks_of(run: PipelineRun) -> dict[str, Task]:
    """Return the tasks by path; no two have the same."""
    tasks = run.tasks()
    found = {task.scope_path.removeprefix("ROOT/"): task for task in tasks}
    assert len(found) == len(tasks)
    return found


def states_of(run: PipelineRun) -> dict[str, str]:
    """Return how each task ended, by path."""
    return {path: task.state.value for path, task in tasks_of(run).items()}


def newest_run() -> PipelineRun:
    """Return the run that was started last, also when it failed."""
    session = current_session()
    (record,) = session.ledger.runs(RunQuery(), limit=1)
    return PipelineRun(session, record.id)


def assert_complete(run: PipelineRun) -> Run:
    """Check that everything of a run has ended and that links are between what there is."""
    record = run.record
    assert record.ended_at is not None
    tasks = {task.id: task for task in run.tasks()}
    for task in tasks.values():
        assert task.state is not TaskState.RUNNING, task
        assert task.ended_at is not None, task
        assert task.parent_id in tasks or task.type is TaskType.ROOT, task
    known = {version.id for version in run.versions()}
    for link in run.links():
        assert link.task_id in tasks
        if link.io_type.is_output and tasks[link.task_id].type is TaskType.RUNTIME:
            assert link.version_id in known, link
    return record
