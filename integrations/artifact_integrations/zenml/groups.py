"""Tasks that are no steps in ZenML: loops, branches, pipelines and the root, with their links.

ZenML draws steps and artifacts and nothing around them. What a group read and
exposed are versions that its steps read and wrote anyway, so a group lies in
the metadata of its run, where `links` reads it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from artifact_plugins.contracts.backend import Delivery
from artifact_plugins.records import ArtifactTaskLink, Task, TaskState, TaskType
from artifact_plugins.transport import compact, sha256_of

from . import fields
from .runs import RUN
from .server import Server

STEPS = frozenset({TaskType.RUNTIME, TaskType.IMPORTER})


class Groups:
    """Sends groups of the ledger to one server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def deliver(self, task: Task, delivery: Delivery) -> None:
        """Write a group that ended into the metadata of its run."""
        if task.state is TaskState.RUNNING:
            return
        run_id = delivery.need("run", task.run_id)["external_id"]
        text = told(task, list(delivery.links(task_id=task.id)))
        digest = sha256_of(text)
        noted = delivery.external("task", task.id) or {}
        if noted.get("run") == run_id and noted.get("digest") == digest:
            return
        self._server.write_metadata(RUN, run_id, fields.carried(key_of(task.id), text))
        delivery.note("task", task.id, {"run": run_id, "digest": digest})


def key_of(task_id: str) -> str:
    """Return the metadata key of a group."""
    return f"{fields.TASK}.{task_id}"


def told(task: Task, links: Sequence[ArtifactTaskLink], **more: Any) -> str:
    """Return a task with its links as JSON."""
    return compact(
        {
            "task": task.model_dump(mode="json"),
            "links": [link.model_dump(mode="json") for link in links],
            **more,
        }
    )
