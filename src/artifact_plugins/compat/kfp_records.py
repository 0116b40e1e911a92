"""Tasks and parameters in the shape in which Kubeflow Pipelines keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from artifact_plugins.records import ArtifactTaskLink, IOType, Producer, Task, TaskState


class KfpTaskType(StrEnum):
    """The task types that KFP writes; CONDITION is a group that is only named like one."""

    ROOT = "ROOT"
    RUNTIME = "RUNTIME"
    CONDITION_BRANCH = "CONDITION_BRANCH"
    CONDITION = "CONDITION"
    LOOP = "LOOP"
    EXIT_HANDLER = "EXIT_HANDLER"
    IMPORTER = "IMPORTER"
    DAG = "DAG"


@dataclass(frozen=True, slots=True)
class KfpParameter:
    """One value in `inputs.parameters` or `outputs.parameters` of a task.

    Attributes:
        value: JSON. A fan-in is one list.
        io_type: How it came.
        parameter_key: Name of the port.
        producer: Always named, for literals too.
    """

    value: Any
    io_type: IOType
    parameter_key: str
    producer: Producer


@dataclass(frozen=True, slots=True, kw_only=True)
class KfpTask:
    """A task row of KFP; parameters are kept in it and never as links.

    Attributes:
        scope_path: `root.for-loop-1.mean`; the names without iterations.
        inputs, outputs: The parameters.
    """

    id: str
    run_id: str
    parent_id: str | None = None
    name: str
    scope_path: str
    type: KfpTaskType
    iteration_index: int | None = None
    iteration_count: int | None = None
    state: TaskState = TaskState.RUNNING
    cache_key: str | None = None
    started_at: datetime
    ended_at: datetime | None = None
    error: str | None = None
    inputs: tuple[KfpParameter, ...] = ()
    outputs: tuple[KfpParameter, ...] = ()


@dataclass(frozen=True, slots=True)
class KfpRun:
    """A run as KFP would have recorded it.

    Attributes:
        tasks: In the order given, parameters inside.
        links: Artifact links only; `position` is always 0, and no two have
            the same version, task, type, key and producer iteration.
    """

    tasks: tuple[KfpTask, ...]
    links: tuple[ArtifactTaskLink, ...]


@dataclass(frozen=True, slots=True)
class CleanRun:
    """A run in our own form: every value is a link."""

    tasks: tuple[Task, ...]
    links: tuple[ArtifactTaskLink, ...]
