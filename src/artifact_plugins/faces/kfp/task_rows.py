"""Tasks of the ledger as KFP tasks, and back.

A task row holds what our own readers need: name, type, state, times, place in
the run. The rest lies in the task's note, as the message was sent: display
name, pods, parameters, status, history; and type or state where KFP's has no
equal among ours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from artifact_plugins.compat import KfpParameter, KfpTask
from artifact_plugins.faces.kfp.face import index_of
from artifact_plugins.faces.kfp.messages import TASK
from artifact_plugins.faces.kfp.notes import Note
from artifact_plugins.faces.kfp.protojson import read, write
from artifact_plugins.records import Task, TaskState, TaskType, now

UNKNOWN_STATE, UNKNOWN_TYPE = "RUNTIME_STATE_UNSPECIFIED", "TASK_TYPE_UNSPECIFIED"
_NOTED = (
    "display_name",
    "pods",
    "status_metadata",
    "state_history",
    "inputs",
    "outputs",
    "type_attributes",
    "type",
    "state",
    "parent_task_id",
)
# Types that ours has not, as the nearest that it has.
_NEAREST = {UNKNOWN_TYPE: TaskType.RUNTIME, "CONDITION": TaskType.DAG}
# Of these a value without an iteration is one of many under its key.
_MANY = frozenset({"COLLECTED_INPUTS", "ITERATOR_INPUT", "ITERATOR_INPUT_RAW", "ITERATOR_OUTPUT"})

Message = dict[str, Any]


def note_of(task: Message) -> Note:
    """Return what is noted of a task message, as JSON."""
    kept = {name: task[name] for name in _NOTED if task.get(name) is not None}
    for side in ("inputs", "outputs"):
        if side in kept:
            kept[side] = {"parameters": kept[side].get("parameters", [])}
    return {"task": write(TASK, kept)}


def row_of(task: Message, *, task_id: str, run_id: str, started_at: datetime) -> Task:
    """Return the row of a task message.

    Raises:
        Refusal: An iteration does not fit the ledger.
    """
    kind, state = task.get("type", UNKNOWN_TYPE), task.get("state", UNKNOWN_STATE)
    attributes = task.get("type_attributes") or {}
    message = (task.get("status_metadata") or {}).get("message")
    return Task(
        id=task_id,
        run_id=run_id,
        parent_id=task.get("parent_task_id") or None,
        name=task.get("name", ""),
        scope_path=task.get("scope_path", ""),
        type=_NEAREST.get(kind) or TaskType(kind),
        iteration_index=index_of(attributes.get("iteration_index"), "iteration_index"),
        iteration_count=index_of(attributes.get("iteration_count"), "iteration_count"),
        state=TaskState.RUNNING if state == UNKNOWN_STATE else TaskState(state),
        cache_key=task.get("cache_fingerprint") or None,
        started_at=started_at,
        ended_at=task.get("end_time"),
        error=(message or None) if state == "FAILED" else None,
    )


def message_of(row: Task, note: Note) -> Message:
    """Return a task made over this API, without children and artifacts."""
    noted = read(TASK, note["task"])
    attributes = dict(noted.get("type_attributes", {}))
    attributes |= {"iteration_index": row.iteration_index, "iteration_count": row.iteration_count}
    return {
        **noted,
        "name": row.name,
        "task_id": row.id,
        "run_id": row.run_id,
        "cache_fingerprint": row.cache_key or "",
        "create_time": row.started_at,
        "end_time": row.ended_at,
        "state": str(row.state) if "state" in noted else UNKNOWN_STATE,
        "type": noted.get("type", UNKNOWN_TYPE),
        "type_attributes": attributes if _has_some(attributes) else None,
        "parent_task_id": noted.get("parent_task_id") or None,
        "inputs": {"parameters": noted.get("inputs", {}).get("parameters", [])},
        "outputs": {"parameters": noted.get("outputs", {}).get("parameters", [])},
        "scope_path": row.scope_path,
    }


def native_message(task: KfpTask) -> Message:
    """Return a task of our own steps, without children and artifacts."""
    attributes = {"iteration_index": task.iteration_index, "iteration_count": task.iteration_count}
    return {
        "name": task.name,
        "display_name": task.name,
        "task_id": task.id,
        "run_id": task.run_id,
        "cache_fingerprint": task.cache_key or "",
        "create_time": task.started_at,
        "end_time": task.ended_at,
        "state": str(task.state),
        "status_metadata": {"message": task.error} if task.error else None,
        "type": str(task.type),
        "type_attributes": attributes if _has_some(attributes) else None,
        "parent_task_id": task.parent_id,
        "inputs": {"parameters": [_parameter(one) for one in task.inputs]},
        "outputs": {"parameters": [_parameter(one) for one in task.outputs]},
        "scope_path": task.scope_path,
    }


def identity(task: Message, run_id: str) -> str | None:
    """Return what a repeated create is recognized by; None when it is not given in full."""
    parts = [task.get("scope_path"), task.get("name"), task.get("type", UNKNOWN_TYPE)]
    if not parts[0] or not parts[1] or parts[2] == UNKNOWN_TYPE:
        return None
    iteration = (task.get("type_attributes") or {}).get("iteration_index")
    whole = [run_id, task.get("parent_task_id") or "", *parts, iteration]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def merged(old: Iterable[Message], new: Iterable[Message]) -> list[Message]:
    """Return parameters of both, the later value of each; their order means nothing."""
    found = {_place(one): one for one in (*old, *new)}
    return [found[key] for key in sorted(found)]


def entered(state: str, history: Iterable[Message]) -> list[Message]:
    """Return a state history with one more state."""
    return [*history, {"update_time": now(), "state": state}]


def _place(parameter: Message) -> str:
    producer = parameter.get("producer", {})
    kind, iteration = parameter.get("type", ""), producer.get("iteration")
    place = [kind, parameter.get("parameter_key", ""), producer.get("task_name", ""), iteration]
    if iteration is None and kind in _MANY:
        place.append(json.dumps(parameter.get("value"), sort_keys=True))
    return hashlib.sha256(json.dumps(place).encode()).hexdigest()


def _parameter(one: KfpParameter) -> Message:
    return {
        "value": one.value,
        "type": str(one.io_type),
        "parameter_key": one.parameter_key,
        "producer": {"task_name": one.producer.task_name, "iteration": one.producer.iteration},
    }


def _has_some(attributes: Mapping[str, Any]) -> bool:
    return any(value is not None for value in attributes.values())
