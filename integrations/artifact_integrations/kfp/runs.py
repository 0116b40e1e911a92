"""The run there that a run of ours is delivered to: one that exists, or a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from artifact_plugins.contracts.backend import Delivery
from artifact_plugins.errors import BackendRejectedError
from artifact_plugins.records import Run
from artifact_plugins.transport import clipped, is_missing, noted_id

from .api import SYSTEM, KfpApi
from .limits import NAME_MAX
from .options import KfpOptions
from .probing import no_such_run
from .tasks import Scope

_OURS = "artifact_plugins run "
_EXPERIMENT = "Default"
_ID_END = 8


class Runs:
    """Finds or makes the runs of one server."""

    def __init__(self, api: KfpApi, options: KfpOptions) -> None:
        self._api = api
        self._options = options

    def deliver(self, run: Run, delivery: Delivery) -> None:
        """Note where a run of ours goes; KFP has nothing of a run that could change."""
        if noted_id(delivery, "run", run.id) is None:
            given = self._options.run_id
            scope = self._own(run, delivery) if given is None else self._attached(run, given)
            delivery.note("run", run.id, note_of(scope))

    def find(self, run_id: str) -> str | None:
        """Return the run there that was made for a run of ours, or that all are attached to."""
        if self._options.run_id is not None:
            return self._options.run_id
        # The name of a run ends with the end of its id.
        for found in self._api.runs(self._options.namespace, run_id[-_ID_END:]):
            if _OURS + run_id in str(found.get("description", "")):
                return str(found["run_id"])
        return None

    def place(self, run_id: str) -> tuple[Scope, str | None]:
        """Return an existing run as a scope, and the task that ours are below there.

        Raises:
            BackendRejectedError: The server has no such run or task.
        """
        task_id = self._options.task_id
        try:
            self._api.run(run_id)
            if task_id is not None:
                above = self._api.task(run_id, task_id)
            else:
                roots = (one for one in self._api.tasks(run_id) if one.get("type") == "ROOT")
                above = next(roots, {})
        except BackendRejectedError as error:
            if not is_missing(error):
                raise
            raise no_such_run(run_id) from error
        found = above.get("task_id")
        return Scope(run_id, path=str(above.get("scope_path") or "root")), found

    def _attached(self, run: Run, run_id: str) -> Scope:
        name = _name_of(run)
        scope, above = self.place(run_id)
        return Scope(run_id, above, name, f"{scope.path}.{name}")

    def _own(self, run: Run, delivery: Delivery) -> Scope:
        found = None if delivery.is_first else self.find(run.id)
        if found is None:
            found = self._create(run)
        return Scope(found)

    def _create(self, run: Run) -> str:
        # Its parameters are links of our ROOT; given here the server would make them too.
        body = {
            "display_name": _name_of(run),
            "description": f"pipeline {run.pipeline}, {_OURS}{run.id}",
        }
        experiment_id = self._experiment()
        if experiment_id is not None:
            body["experiment_id"] = experiment_id
        try:
            answer = self._api.create_run(body)
        except BackendRejectedError as error:
            raise BackendRejectedError(
                f"{SYSTEM} makes no run of its own for ours: {error.message}",
                hint="it runs pipelines only; name an existing run in the URL: ?run_id=ID; "
                "the ledger has the records",
                status=error.status,
            ) from error
        return str(answer["run_id"])

    def _experiment(self) -> str | None:
        """Return the experiment of the namespace: in multi-user mode it says whose a run is."""
        namespace = self._options.namespace
        if namespace is None:
            return None
        found = list(self._api.experiments(namespace))
        named = [one for one in found if one.get("display_name") == _EXPERIMENT]
        first = next(iter([*named, *found]), None)
        return None if first is None else str(first["experiment_id"])


def _name_of(run: Run) -> str:
    """Return the name of a run there; a long one ends as ours does, with the end of its id."""
    tail = f"-{run.id[-_ID_END:]}"
    short = clipped(run.name, NAME_MAX - len(tail)) + tail
    return run.name if len(run.name) <= NAME_MAX else short


def note_of(scope: Scope) -> dict[str, Any]:
    """Return a scope as it is noted."""
    return {
        "external_id": scope.run_id,
        "parent_task_id": scope.parent_task_id,
        "root_name": scope.root_name,
        "path": scope.path,
    }


def scope_of(note: Mapping[str, Any]) -> Scope:
    """Return the scope that was noted of a run."""
    return Scope(note["external_id"], note["parent_task_id"], note["root_name"], note["path"])
