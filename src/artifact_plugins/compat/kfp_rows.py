"""Task rows of Kubeflow Pipelines as our tasks, and the parameters in them as links."""

from __future__ import annotations

import re
import uuid

from artifact_plugins.compat.kfp_records import KfpParameter, KfpTask, KfpTaskType
from artifact_plugins.records import ArtifactTaskLink, IOType, Task, TaskType

_LOOP_NAME = re.compile(r"for-loop-\d+(-\d+)*")
_EXIT_NAME = re.compile(r"exit-handler-\d+(-\d+)*")
_UNWRITTEN = uuid.UUID("5b7d7f2e-3c59-5e63-9a39-6a1b6f6f0c11")
"""Namespace of the ids of links that KFP keeps as parameters in its task rows."""


def tasks_of(rows: list[KfpTask]) -> list[Task]:
    """Return the tasks: KFP's loops in loops and watched groups are told by their names."""
    by_id = {row.id: row for row in rows}
    return [
        Task(
            id=row.id,
            run_id=row.run_id,
            parent_id=row.parent_id,
            name=row.name,
            scope_path=_path(row, by_id),
            type=_task_type(row),
            iteration_index=row.iteration_index,
            iteration_count=row.iteration_count,
            state=row.state,
            cache_key=row.cache_key,
            started_at=row.started_at,
            ended_at=row.ended_at,
            error=row.error,
        )
        for row in rows
    ]


def _path(row: KfpTask, by_id: dict[str, KfpTask]) -> str:
    """Return the names from the root down; the children of a loop with their iteration."""
    parts: list[str] = []
    seen: set[str] = set()
    above: KfpTask | None = row
    while above is not None and above.id not in seen:
        seen.add(above.id)
        parent = by_id.get(above.parent_id or "")
        is_iteration = parent is not None and _task_type(parent) is TaskType.LOOP
        parts.append(f"{above.name}#{above.iteration_index}" if is_iteration else above.name)
        above = parent
    return "/".join(reversed(parts))


def _task_type(row: KfpTask) -> TaskType:
    if row.type is KfpTaskType.DAG and _LOOP_NAME.fullmatch(row.name):
        return TaskType.LOOP
    if row.type is KfpTaskType.DAG and _EXIT_NAME.fullmatch(row.name):
        return TaskType.EXIT_HANDLER
    return TaskType.DAG if row.type is KfpTaskType.CONDITION else TaskType(row.type.value)


def parameter_links(rows: list[KfpTask]) -> list[ArtifactTaskLink]:
    """Return a link per value in KFP's form: a list that was put together is several."""
    lists = _Lists(rows)
    found = []
    for row in rows:
        for number, one in enumerate((*row.inputs, *row.outputs)):
            is_input = number < len(row.inputs)
            values = one.value if is_input and lists.is_spread(row, one) else [one.value]
            found += [_link(row, one, value, (number, place)) for place, value in enumerate(values)]
    return found


class _Lists:
    """Tells which inputs are lists that were put together of several values.

    That is a fan-in, and what the parent hands down of one: what it does not
    hold as one value.
    """

    def __init__(self, rows: list[KfpTask]) -> None:
        self._rows = {row.id: row for row in rows}
        self._held: dict[str, dict[str, bool]] = {}

    def is_spread(self, row: KfpTask, one: KfpParameter) -> bool:
        """Tell whether each element of the value of an input is a value of its own."""
        if not isinstance(one.value, list):
            return False
        parent = self._rows.get(row.parent_id or "")
        if one.io_type is not IOType.COMPONENT_INPUT or parent is None:
            return one.io_type is IOType.COLLECTED_INPUTS
        return self._lists_of(parent).get(repr(one.value), True)

    def _lists_of(self, row: KfpTask) -> dict[str, bool]:
        """Return the lists that a task was given, and whether they are spread."""
        held = self._held.get(row.id)
        if held is None:
            held = self._held[row.id] = {}  # in a circle of parents nothing is known
            for one in row.inputs:
                if isinstance(one.value, list):
                    text = repr(one.value)
                    held[text] = self.is_spread(row, one) or held.get(text, False)
        return held


def _link(
    row: KfpTask, parameter: KfpParameter, value: object, place: tuple[int, int]
) -> ArtifactTaskLink:
    return ArtifactTaskLink(
        id=str(uuid.uuid5(_UNWRITTEN, repr((row.id, parameter.parameter_key, place)))),
        run_id=row.run_id,
        task_id=row.id,
        io_type=parameter.io_type,
        key=parameter.parameter_key,
        producer=parameter.producer,
        position=place[1],
        value=value,
    )
