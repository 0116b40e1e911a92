"""A task as KFP's PipelineTask, and back.

`status_metadata.custom_properties` carries our record and, once the task has
ended, its links as text: exact times, attempts, positions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from artifact_plugins.contracts.rendering import RenderedTask
from artifact_plugins.records import ArtifactTaskLink, Task, TaskState, TaskType

from .limits import KEY_MAX, kfp_key, kfp_name
from .links import link_texts, links_from_texts, parameters, rendered_parameters

RECORD = "artifact_plugins"
RECORD_ID = "artifact_plugins_id"
LINKS_MAX = 2_000
"""A group with more links carries none as text: their order is that of the iterations."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The run there that a run of ours is delivered to, and where in it.

    Attributes:
        run_id: Of KFP.
        parent_task_id: The task there that our ROOT is below; None when our
            ROOT is the root there too.
        root_name: What our ROOT is called there.
        path: Names from the root there down to our ROOT, joined by dots.
    """

    run_id: str
    parent_task_id: str | None = None
    root_name: str = "ROOT"
    path: str = "root"

    @property
    def names(self) -> dict[str, str]:
        """Their names of our tasks, where they differ."""
        return {} if self.root_name == "ROOT" else {"ROOT": self.root_name}

    @property
    def is_attached(self) -> bool:
        """Whether the run there is somebody else's."""
        return self.root_name != "ROOT"


@dataclass(frozen=True, slots=True)
class RemoteTask:
    """A task of ours as a server has it.

    Attributes:
        record: Our record that it carries.
        links: Our links that it carries as text.
        keys: The long keys of its links, by what they are there.
        body: The PipelineTask.
    """

    record: Task
    links: Sequence[ArtifactTaskLink] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


def task_body(
    task: Task,
    links: Sequence[ArtifactTaskLink],
    scope: Scope,
    parent_task_id: str | None,
    *,
    rendered: RenderedTask | None = None,
) -> dict[str, Any]:
    """Return the PipelineTask of a task as it is now.

    Args:
        task: Ours.
        links: Of the task, in the form in which they are sent.
        scope: Where its run is there.
        parent_task_id: What it is below there.
        rendered: Its type and parameters as KFP itself would have written them,
            when they are wanted so.
    """
    is_root = task.parent_id is None
    is_attached_root = is_root and scope.is_attached
    name = kfp_name(scope.root_name if is_root else task.name)
    kfp_type = task.type.value if rendered is None else rendered.type
    if rendered is None:
        read, written = parameters(links, scope.names)
    else:
        read = rendered_parameters(rendered.inputs, scope.names)
        written = rendered_parameters(rendered.outputs, scope.names)
    attributes = {
        "iteration_index": task.iteration_index,
        "iteration_count": task.iteration_count,
    }
    body: dict[str, Any] = {
        "name": name,
        "display_name": name,
        "run_id": scope.run_id,
        "type": "DAG" if is_attached_root else kfp_type,
        "state": task.state.value,
        "scope_path": scope_path(task, scope),
        "type_attributes": {k: str(v) for k, v in attributes.items() if v is not None},
        "create_time": _seconds(task.started_at),
        "status_metadata": {
            "custom_properties": {RECORD: _record_text(task, links), RECORD_ID: task.id}
        },
        "inputs": {"parameters": read},
        "outputs": {"parameters": written},
    }
    if parent_task_id is not None:
        body["parent_task_id"] = parent_task_id
    if task.cache_key:
        body["cache_fingerprint"] = task.cache_key
    if task.ended_at is not None:
        body["end_time"] = _seconds(task.ended_at)
    if task.error:
        body["status_metadata"]["message"] = task.error
    return body


def opening_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task as it was before it ended: what it wrote is not there yet."""
    left_out = {"end_time", "outputs"}
    opened = {name: value for name, value in body.items() if name not in left_out}
    return {**opened, "state": TaskState.RUNNING.value}


def scope_path(task: Task, scope: Scope) -> str:
    """Return `root.for-loop-1.mean`: the names from the root there down, without iterations."""
    names = [kfp_name(part.partition("#")[0]) for part in task.scope_path.split("/")[1:]]
    return ".".join([scope.path, *names])


def importer_body(
    version_id: str, name: str, scope: Scope, parent_id: str | None
) -> dict[str, Any]:
    """Return the task that stands for a version brought in from outside of any run."""
    key = f"import-{version_id}"
    parent = {} if parent_id is None else {"parent_task_id": parent_id}
    return parent | {
        "name": key,
        "display_name": kfp_name(name),
        "run_id": scope.run_id,
        "type": TaskType.IMPORTER.value,
        "state": TaskState.SUCCEEDED.value,
        "scope_path": f"{scope.path}.{key}",
    }


def task_id_of(body: Mapping[str, Any]) -> str | None:
    """Return the id of our task that a task there is; None for somebody else's."""
    found = _properties(body).get(RECORD_ID)
    return found if isinstance(found, str) else None


def remote_task(body: Mapping[str, Any]) -> RemoteTask | None:
    """Return our task that a task there carries; None for somebody else's or a damaged one."""
    text = _properties(body).get(RECORD)
    if not isinstance(text, str):
        return None
    try:
        said = json.loads(text)
        record = Task.model_validate(said["task"])
    except (ValueError, TypeError, KeyError, ValidationError):
        return None
    if record.id != task_id_of(body):
        return None
    links = links_from_texts(said.get("links", ()), run_id=record.run_id, task_id=record.id)
    return RemoteTask(record, links, said.get("keys", {}), body)


def _properties(body: Mapping[str, Any]) -> Mapping[str, Any]:
    status = body.get("status_metadata")
    found = status.get("custom_properties") if isinstance(status, dict) else None
    return found if isinstance(found, dict) else {}


def _record_text(task: Task, links: Sequence[ArtifactTaskLink]) -> str:
    said: dict[str, Any] = {"task": task.model_dump(mode="json", exclude_defaults=True)}
    if task.state is not TaskState.RUNNING and len(links) <= LINKS_MAX:
        said["links"] = link_texts(links)
    if keys := {kfp_key(one.key): one.key for one in links if len(one.key) > KEY_MAX}:
        said["keys"] = keys
    # In ASCII: a value may hold half a character, which no request can.
    return json.dumps(said, separators=(",", ":"))


def _seconds(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
