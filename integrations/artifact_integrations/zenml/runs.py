"""Pipelines, the one dynamic snapshot that each has, and runs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from artifact_plugins.contracts.backend import Delivery
from artifact_plugins.errors import BackendRejectedError
from artifact_plugins.records import Run, RunState
from artifact_plugins.transport import (
    found_or_made,
    is_missing,
    is_taken,
    made_once,
    once_more,
    quoted,
    sha256_of,
)

from . import fields
from .failures import is_illegal
from .server import Server
from .sources import moment

KIND = "zenml.pipeline"
RUN = "pipeline_run"
_NAMES = uuid.UUID("0b1a7f1d-3f43-5c0e-8a51-9a4a8f9d7f02")
_SNAPSHOT = "artifact-plugins"
_STATUSES = {RunState.SUCCEEDED: "completed", RunState.FAILED: "failed"}
_REASON_CHARACTERS = 255
_PARAMETERS = f"{fields.PREFIX}parameters"


class Runs:
    """Sends runs of the ledger to one server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def deliver(self, run: Run, delivery: Delivery) -> None:
        """Make a run there, or bring it up to date."""
        noted = delivery.external("run", run.id) or {}
        external_id = noted.get("external_id")
        if external_id is None and not delivery.is_first:
            found = self.find(run.id)
            external_id = None if found is None else found["id"]
        text = fields.text_of(run)
        digest = sha256_of(text)
        if external_id is not None and noted.get("digest") == digest:
            return
        if external_id is None:
            external_id = self._made(run, delivery)
            delivery.note("run", run.id, self._note(external_id))
        try:
            self._updated(run, external_id, text)
        except BackendRejectedError as error:
            if not is_missing(error) or not noted:
                raise
            # It was deleted there behind our back: made again, and its tasks by `reconcile`.
            external_id = self._made(run, delivery)
            delivery.note("run", run.id, self._note(external_id))
            self._updated(run, external_id, text)
        said = {"digest": digest, "state": run.state.value}
        delivery.note("run", run.id, {**self._note(external_id), **said})

    def find(self, run_id: str) -> dict[str, Any] | None:
        """Return the run that the server has under our id; None when it has none."""
        query = {
            "project": self._server.project,
            "orchestrator_run_id": run_id,
            "hydrate": True,
        }
        for item in self._server.items("/runs", query):
            # An unknown filter would be ignored, and the first of all runs found.
            if (item.get("metadata") or {}).get("orchestrator_run_id") == run_id:
                return item
        return None

    def _note(self, external_id: str) -> dict[str, Any]:
        """Return the id of a run with its page in the dashboard; nothing else of ours has one there.

        Source:
            `get_run_url` of ZenML's utils/dashboard_utils.py.
        """
        server = self._server
        page = f"{server.url.base}/projects/{quoted(server.project)}/runs/{external_id}"
        return {"external_id": external_id, "url": page}

    def _made(self, run: Run, delivery: Delivery) -> str:
        # Pipeline or snapshot may be deleted there, or it is an older copy of the server.
        return once_more(
            lambda anew: self._posted(run, self._snapshot(run.pipeline, delivery, anew=anew))
        )

    def _posted(self, run: Run, snapshot_id: str) -> str:
        """Make a run; the server itself finds the one that has our id already."""
        body: dict[str, Any] = {
            "project": self._server.place().project_id,
            "name": run.name,
            "snapshot": snapshot_id,
            "orchestrator_run_id": run.id,
            "status": "running",  # no other is taken for a new run
            "start_time": moment(run.started_at),
        }
        if run.ended_at is not None:
            # Later, the server would take its own time for the end.
            body["end_time"] = moment(run.ended_at)
        try:
            made = self._server.post("/runs", body)
        except BackendRejectedError as error:
            if not is_taken(error):
                raise
            # Another run has the name: another ledger's, or a person's.
            made = self._server.post("/runs", {**body, "name": f"{run.name}-{run.id}"})
        return str(made[0]["id"])

    def _updated(self, run: Run, external_id: str, text: str) -> None:
        values: dict[str, Any] = fields.carried(fields.RUN, text)
        if run.parameters and fields.fits(run.parameters):
            values[_PARAMETERS] = run.parameters
        self._server.write_metadata(RUN, external_id, values)
        status = _STATUSES.get(run.state)
        if status is None:
            return
        body: dict[str, Any] = {"status": status, "is_finished": True}
        if run.ended_at is not None:
            body["end_time"] = moment(run.ended_at)
        if run.error is not None:
            body["status_reason"] = run.error[:_REASON_CHARACTERS]
            body["exception_info"] = {"traceback": run.error, "message": run.error}
        try:
            self._server.put(f"/runs/{external_id}", body)
        except BackendRejectedError as error:
            # Somebody ended it otherwise in the dashboard; the record says how it really ended.
            if not is_illegal(error):
                raise

    def _snapshot(self, pipeline: str, delivery: Delivery, *, anew: bool) -> str:
        def make() -> dict[str, Any]:
            pipeline_id = self._pipeline_id(pipeline)
            snapshot_id = self._snapshot_id(pipeline, pipeline_id)
            return {"external_id": pipeline_id, "snapshot": snapshot_id}

        return str(made_once(delivery, KIND, pipeline, make, anew=anew)["snapshot"])

    def _pipeline_id(self, name: str) -> str:
        place = self._server.place()
        wanted = {"project": place.project, "name": f"equals:{name}"}

        def make() -> str:
            body = {"project": place.project_id, "name": name}
            return str(self._server.post("/pipelines", body, key=self._key("p", name))["id"])

        return found_or_made(lambda: self._named("/pipelines", wanted, name), make)

    def _snapshot_id(self, pipeline: str, pipeline_id: str) -> str:
        place = self._server.place()
        wanted = {
            "project": place.project,
            "pipeline": pipeline_id,
            "name": f"equals:{_SNAPSHOT}",
            "named_only": True,
        }

        def make() -> str:
            body = {
                "project": place.project_id,
                "name": _SNAPSHOT,
                "run_name_template": pipeline,
                # Steps of ours may come after one that failed: an exit step, other branches.
                "pipeline_configuration": {
                    "name": pipeline,
                    "execution_mode": "continue_on_failure",
                },
                "is_dynamic": True,
                "step_configurations": {},
                "stack": place.stack_id,
                "pipeline": pipeline_id,
                "client_version": place.version,
                "server_version": place.version,
            }
            key = self._key("s", pipeline_id)
            return str(self._server.post("/pipeline_snapshots", body, key=key)["id"])

        return found_or_made(lambda: self._named("/pipeline_snapshots", wanted, _SNAPSHOT), make)

    def _named(self, path: str, wanted: Mapping[str, Any], name: str) -> str | None:
        for item in self._server.items(path, wanted):
            if item.get("name") == name:
                return str(item["id"])
        return None

    def _key(self, kind: str, name: str) -> uuid.UUID:
        return uuid.uuid5(_NAMES, f"{self._server.place().project_id}/{kind}/{name}")
