"""A task: one execution of a step, or a group of them, in a run."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class TaskType(StrEnum):
    """What a task stands for (KFP's names)."""

    ROOT = "ROOT"
    RUNTIME = "RUNTIME"
    LOOP = "LOOP"
    DAG = "DAG"
    CONDITION_BRANCH = "CONDITION_BRANCH"
    EXIT_HANDLER = "EXIT_HANDLER"
    IMPORTER = "IMPORTER"


class TaskState(StrEnum):
    """Where a task stands."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CACHED = "CACHED"


class Task(BaseModel):
    """The record of one task.

    Attributes:
        parent_id: The task that this one ran in; None for the ROOT.
        scope_path: Names from the root down, `ROOT/for-loop-1/mean#3`.
        iteration_index: 0-based iteration of the enclosing loop, if any.
        iteration_count: Of a LOOP: how many iterations it has.
        attempt: 1, 2, ... counts retries.
        code_snapshot: Digest of the step's source, if captured.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    run_id: str
    parent_id: str | None = None
    name: str
    scope_path: str
    type: TaskType = TaskType.RUNTIME
    iteration_index: int | None = None
    iteration_count: int | None = None
    state: TaskState = TaskState.RUNNING
    attempt: int = 1
    code_snapshot: str | None = None
    cache_key: str | None = None
    started_at: datetime
    ended_at: datetime | None = None
    error: str | None = None
