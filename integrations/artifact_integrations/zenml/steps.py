"""Tasks that are steps in ZenML: made, found again, completed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from artifact_plugins.contracts.backend import Delivery
from artifact_plugins.errors import BackendRejectedError, UnsupportedByBackendError
from artifact_plugins.records import ArtifactTaskLink, Task
from artifact_plugins.transport import is_noted, is_taken, sha256_of

from . import fields
from .groups import told
from .server import Server
from .sources import step_names
from .step_bodies import EXTRA, Gathered, end_of, extra_of, step_body
from .versions import Versions

_NAMES = uuid.UUID("d2f5f7a6-9b7e-5d0c-8d5b-6a2f8f0f5b11")
OUTPUT = "zenml.output"
_RUNNING = frozenset({"initializing", "provisioning", "running"})


class Steps:
    """Sends leaf tasks of the ledger to one server.

    A step of ZenML is wired to its inputs when it is made; what is linked later
    counts as loaded by hand, and its graph draws no line. The ledger has them as
    soon as it has the task.
    """

    def __init__(self, server: Server, versions: Versions) -> None:
        self._server = server
        self._versions = versions

    def deliver(self, task: Task, delivery: Delivery) -> None:
        """Make the step of a task, with its versions, or bring it up to date."""
        gathered = self._gathered(task, delivery)
        text = told(task, gathered.links, versions=gathered.versions())
        digest = sha256_of(text)
        noted = delivery.external("task", task.id) or {}
        is_same_run = noted.get("run") == gathered.run_id
        if is_same_run and noted.get("digest") == digest:
            return
        step = None
        if is_same_run and "external_id" in noted:
            step = self._server.get(f"/steps/{noted['external_id']}")
        elif not delivery.is_first:
            step = self._found(gathered)
        is_found = step is not None
        if step is None:
            step = self._made(gathered, text)
        # One that was found, there or as an earlier answer of the server, may tell less.
        is_whole = not is_found and kept_in(step).get("digest") == digest
        self._note(gathered, step, delivery, digest if is_whole else "")
        if not is_whole:
            self._updated(gathered, step, text)
            self._note(gathered, step, delivery, digest)

    def _gathered(self, task: Task, delivery: Delivery) -> Gathered:
        """Send what the task wrote, wait for what it read, and return both with their ids."""
        run_id = delivery.need("run", task.run_id)["external_id"]
        links = list(delivery.links(task_id=task.id))
        own = list(delivery.versions(task_id=task.id))
        ours = {version.id for version in own}
        # First of all: nothing is half made when one of them has to be sent before.
        noted = {
            version_id: delivery.wish("version", version_id) or {}
            for version_id in dict.fromkeys(link.version_id for link in links)
            if version_id is not None and version_id not in ours
        }
        by_version: dict[str, ArtifactTaskLink] = {
            link.version_id: link
            for link in reversed(links)
            if link.io_type.is_output and link.version_id is not None
        }
        for version in own:
            link = by_version.get(version.id)
            # What was logged by hand has a row of its own in the outbox, and may have been sent.
            is_new = delivery.is_first and link is not None and not link.key.startswith("auto/")
            with suppress(UnsupportedByBackendError):  # noted; its own row tells
                self._versions.deliver(version, delivery, link=link, is_new=is_new)
            noted[version.id] = delivery.external("version", version.id) or {}
        there = {key: note for key, note in noted.items() if is_noted(note)}
        made_by = {
            version_id: made
            for version_id in there
            if (made := delivery.external(OUTPUT, f"{run_id}/{version_id}")) is not None
        }
        return Gathered(task, delivery.run(task.run_id).pipeline, run_id, links, there, made_by)

    def _made(self, gathered: Gathered, text: str) -> dict[str, Any]:
        """Make the step; return the one that is there when it was made already."""
        place = self._server.place()
        extra = extra_of(gathered, text)
        taken: BackendRejectedError | None = None
        for name in step_names(gathered.task):
            body = step_body(gathered, name=name, place=place, extra=extra)
            key = uuid.uuid5(_NAMES, f"{gathered.run_id}/{gathered.task.id}/{name}")
            try:
                made: dict[str, Any] = self._server.post("/steps", body, key=key)
                return made
            except BackendRejectedError as error:
                if not is_taken(error):
                    raise
                taken = error
                found = self._named(gathered, name)
                if found is not None:
                    return found
        assert taken is not None
        raise taken

    def _found(self, gathered: Gathered) -> dict[str, Any] | None:
        for name in step_names(gathered.task):
            found = self._named(gathered, name)
            if found is not None:
                return found
        return None

    def _named(self, gathered: Gathered, name: str) -> dict[str, Any] | None:
        """Return the step of that name if it is the task's."""
        query = {
            "project": self._server.project,
            "pipeline_run_id": gathered.run_id,
            "name": f"equals:{name}",
            "hydrate": True,
        }
        for item in self._server.items("/steps", query):
            if kept_in(item).get("task_id") == gathered.task.id:
                return item
        return None

    def _updated(self, gathered: Gathered, step: Mapping[str, Any], text: str) -> None:
        """Link what the step lacks, and end it at last if it has not ended."""
        path = f"/steps/{step['id']}"
        linked = step.get("resources") or {}
        missing = _lacking(gathered.ids(are_outputs=False), linked.get("inputs") or {})
        # One at a time: a request names one version for each key.
        for key, ids in missing.items():
            for external_id in ids:
                self._server.put(path, {"loaded_artifact_versions": {key: external_id}})
        if kept_in(step).get("digest") != sha256_of(text):
            values = fields.carried(fields.TASK, text)
            self._server.write_metadata("step_run", step["id"], values)
        update: dict[str, Any] = {}
        lacking = _lacking(gathered.ids(are_outputs=True), linked.get("outputs") or {})
        if lacking:
            update["outputs"] = lacking
        if (step.get("body") or {}).get("status") in _RUNNING:
            update |= end_of(gathered.task, self._server.place())
        if update:
            self._server.put(path, update)

    def _note(
        self, gathered: Gathered, step: Mapping[str, Any], delivery: Delivery, digest: str
    ) -> None:
        task = gathered.task
        delivery.note(
            "task",
            task.id,
            {
                "external_id": step["id"],
                "name": step["name"],
                "run": gathered.run_id,
                "digest": digest,
            },
        )
        for link in gathered.links:
            if link.io_type.is_output and link.version_id in gathered.noted:
                # Readers in this run are wired to the step that made it, or took it from a cache.
                made_by = {"step": step["name"], "output": link.key}
                delivery.note(OUTPUT, f"{gathered.run_id}/{link.version_id}", made_by)


def kept_in(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was kept with a step when it was made; empty for a step of somebody else."""
    config = (step.get("metadata") or {}).get("config") or {}
    found = (config.get("extra") or {}).get(EXTRA)
    return found if isinstance(found, dict) else {}


def _lacking(
    wanted: Mapping[str, list[str]], there: Mapping[str, list[Mapping[str, Any]]]
) -> dict[str, list[str]]:
    found = {}
    for key, ids in wanted.items():
        linked = {item["id"] for item in there.get(key, [])}
        rest = [external_id for external_id in dict.fromkeys(ids) if external_id not in linked]
        if rest:
            found[key] = rest
    return found
