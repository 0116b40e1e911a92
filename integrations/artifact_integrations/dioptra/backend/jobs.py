"""One Dioptra job per run, per task that ran, and per artifact saved by hand; each with its MLflow run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from artifact_plugins.contracts.backend import Delivery
from artifact_plugins.errors import BackendRejectedError
from artifact_plugins.transport import once_more

from .attaching import Attaching, fitting
from .inputs import Inputs
from .lines import described, parted
from .naming import resource_name
from .server import SYSTEM, ApiError, DioptraApi, says
from .skeleton import Shape, Skeleton
from .tracking import JOB_TAG, TASK_TAG, Tracking, hexadecimal

# What a server says of things that were noted and are not there any more: it
# was restored from a backup, or somebody deleted them.
_is_stale = says("EntityDoesNotExistError", "EntityNotRegisteredError", "EntityDeletedError")
_FINAL = ("finished", "failed")
FOLDER = "artifact_plugins"


@dataclass(frozen=True, slots=True)
class JobOrder:
    """A job that is wanted.

    Attributes:
        kind: Of the record that it stands for, and of its line.
        record_id: Our id of that record; it is in the line.
        pipeline: Project and pipeline: the experiment.
        step: What it ran: the entrypoint.
        name: Of the MLflow run.
        text: For people.
        run_id: Ours, for the tag of all jobs of a run.
        parent: MLflow run of the run, when this is a task of one.
    """

    kind: Literal["run", "task", "saved"]
    record_id: str
    pipeline: tuple[str, str]
    step: tuple[str, ...]
    name: str
    text: str
    line: Mapping[str, Any]
    inputs: Inputs
    started_at: datetime
    run_id: str | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job and its MLflow run.

    Attributes:
        artifact_uri: Where files of the MLflow run lie, as MLflow spells it.
        status: Last known to us.
        is_theirs: Somebody else runs it: its status and the end of its MLflow
            run are not ours, and files of ours are in a folder of their own.
    """

    id: int
    experiment: int
    mlflow_run: str
    artifact_uri: str
    status: str
    is_theirs: bool = False

    def noted(self) -> dict[str, Any]:
        """Return it as it is noted."""
        noted = {
            "external_id": str(self.id),
            "experiment": self.experiment,
            "mlflow_run": self.mlflow_run,
            "artifact_uri": self.artifact_uri,
            "status": self.status,
        }
        return noted | ({"is_theirs": True} if self.is_theirs else {})

    @classmethod
    def of(cls, noted: Mapping[str, Any]) -> Job:
        """Return a job from its note."""
        return cls(
            id=int(noted["external_id"]),
            experiment=int(noted["experiment"]),
            mlflow_run=noted["mlflow_run"],
            artifact_uri=noted["artifact_uri"],
            status=noted["status"],
            is_theirs=noted.get("is_theirs", False),
        )


class Jobs:
    """Makes jobs, finds them again, and moves their status."""

    def __init__(
        self, api: DioptraApi, tracking: Tracking, skeleton: Skeleton, attaching: Attaching
    ) -> None:
        self._api = api
        self._tracking = tracking
        self._skeleton = skeleton
        self._attaching = attaching

    def ensure(self, order: JobOrder, delivery: Delivery, *, is_first: bool) -> Job:
        """Return the job of a record with an MLflow run, made when there is none; notes it.

        Args:
            is_first: Nobody can have made it before: it is not looked for.
        """
        noted = delivery.external(order.kind, order.record_id) or {}
        found = None
        if "external_id" in noted:
            found = self._api.found(f"jobs/{noted['external_id']}")
            is_first = False
        if found is None and not is_first:
            found = self.find(order.kind, order.record_id)
        if found is None:
            found = once_more(
                lambda anew: self._create(order, delivery, anew=anew), is_stale=_is_stale
            )
            delivery.note(order.kind, order.record_id, {"external_id": str(found["id"])})
        job_id, experiment = int(found["id"]), int(found["experiment"]["id"])
        if found["status"] in ("queued", "deferred"):
            self.move(experiment, job_id, "started")  # at once: a worker then leaves it alone
        info, is_again = self._mlflow_run(order, experiment, job_id, is_first=is_first)
        is_over = found["status"] in _FINAL and not is_again
        status = str(found["status"]) if is_over else "started"
        if order.run_id is not None:
            self._skeleton.mark(f"jobs/{job_id}", run_tag(order.run_id), delivery)
        job = Job(job_id, experiment, str(info["run_id"]), str(info["artifact_uri"]), status)
        delivery.note(order.kind, order.record_id, job.noted())
        return job

    def attached(self, order: JobOrder, delivery: Delivery) -> Job:
        """Return the job of a worker that the URL names, for a record; notes it.

        Raises:
            BackendRejectedError: There is none, no worker has begun it, or
                MLflow has lost its run.
        """
        found, mlflow_run = self._attaching.job()
        info = self._tracking.run(hexadecimal(mlflow_run))
        if info is None:
            raise BackendRejectedError(
                f"MLflow has lost the run of {SYSTEM} job {found['id']}",
                hint="its worker has to run it again; the ledger has the record",
                status=404,
            )
        # One job may hold several runs of ours, each with files of the same names.
        uri = f"{info['artifact_uri']}/{FOLDER}-{order.run_id or order.record_id}"
        if order.kind == "run":
            self._skeleton.mark(f"jobs/{found['id']}", run_tag(order.record_id), delivery)
        experiment, status = int(found["experiment"]["id"]), str(found["status"])
        job = Job(int(found["id"]), experiment, str(info["run_id"]), uri, status, is_theirs=True)
        delivery.note(order.kind, order.record_id, job.noted())
        return job

    def find(self, kind: str, record_id: str) -> dict[str, Any] | None:
        """Return the oldest job whose line names a record of ours; None when there is none."""
        for job in self._api.searched("jobs/", record_id, sort="id"):
            line = parted(job.get("description"))[1]
            if line.get("kind") == kind and line.get(kind) == record_id:
                return job
        return None

    def end(
        self, job: Job, *, is_failed: bool, ended_at: datetime | None, tags: Mapping[str, str]
    ) -> Job:
        """Give a job and its MLflow run their end; those of somebody else have their own."""
        if job.is_theirs:
            return job
        status = "failed" if is_failed else "finished"
        for key, value in tags.items():
            self._tracking.tag(job.mlflow_run, key, value)
        moment = ended_at or datetime.now(UTC)
        self._tracking.end_run(job.mlflow_run, is_failed=is_failed, ended_at=moment)
        if job.status != status:
            self.move(job.experiment, job.id, status)
        return replace(job, status=status)

    def move(self, experiment: int, job_id: int, status: str) -> None:
        """Set the status of a job, by the way there that Dioptra allows."""
        path = f"experiments/{experiment}/jobs/{job_id}/status"
        try:
            self._api.put(path, {"status": status})
        except ApiError as error:
            if error.error != "JobInvalidStatusTransitionError":
                raise
            found = self._api.get(path)["status"]
            if found == status:
                return
            if found == "queued":
                self._api.put(path, {"status": "started"})
                self._api.put(path, {"status": status})
            elif status == "started":
                return  # it went on
            else:
                # finished to failed or back leads over reset, which drops the MLflow run.
                raise BackendRejectedError(
                    f"Dioptra job {job_id} is {found} and cannot become {status}",
                    hint="its artifacts and the run document are right; the ledger has the record",
                    status=400,
                ) from error

    def missing_run(self, order: JobOrder, job: Job) -> Job:
        """Give a job another MLflow run: MLflow has lost the one it had."""
        self._restart(job.experiment, job.id)
        info, _ = self._mlflow_run(order, job.experiment, job.id, is_first=False)
        run_id, uri = str(info["run_id"]), str(info["artifact_uri"])
        return Job(job.id, job.experiment, run_id, uri, "started")

    def _create(self, order: JobOrder, delivery: Delivery, *, anew: bool) -> dict[str, Any]:
        inputs, entrypoint = self._entrypoint(order, delivery, anew=anew)
        experiment = self._skeleton.experiment(order.pipeline, entrypoint, delivery, anew=anew)
        body = {
            "description": described(order.text, order.line),
            "entrypoint": entrypoint,
            "queue": self._skeleton.queue(delivery),
            "values": dict(inputs.values),
            "artifactValues": {name: dict(ids) for name, ids in inputs.artifacts.items()},
        }
        made: dict[str, Any] = self._api.post(f"experiments/{experiment}/jobs", body)
        return made

    def _entrypoint(self, order: JobOrder, delivery: Delivery, *, anew: bool) -> tuple[Inputs, int]:
        """Return what a job is of, and what of its inputs that takes."""
        theirs = self._attaching.entrypoint() if order.kind == "run" else None
        if theirs is not None:
            self._skeleton.serve(theirs, self._skeleton.queue(delivery, anew=anew))
            return fitting(order.inputs, theirs), int(theirs["id"])
        shape = Shape(order.step, order.inputs.types, tuple(order.inputs.artifacts))
        return order.inputs, self._skeleton.entrypoint(shape, delivery, anew=anew)

    def _mlflow_run(
        self, order: JobOrder, experiment: int, job_id: int, *, is_first: bool
    ) -> tuple[dict[str, Any], bool]:
        """Return `info` of the MLflow run of a job, and whether the job was taken back for it."""
        is_again = False
        if not is_first:
            run_id = self._api.get(f"jobs/{job_id}/mlflowRun").get("mlflowRunId")
            if run_id is not None:
                info = self._tracking.run(hexadecimal(run_id))
                if info is not None:
                    return info, False
                self._restart(experiment, job_id)
                is_again = True
        tags = {JOB_TAG: str(job_id), TASK_TAG: order.record_id}
        if order.parent is not None:
            tags["mlflow.parentRunId"] = order.parent
        info = self._tracking.create_run(
            self._tracking.experiment(resource_name(*order.pipeline)),
            name=order.name,
            tags=tags,
            started_at=order.started_at,
            is_first=is_first,
        )
        try:
            self._api.post(f"jobs/{job_id}/mlflowRun", {"mlflowRunId": info["run_id"]})
        except ApiError as error:
            if error.error != "JobMlflowRunAlreadySetError":
                raise
            # Another deliverer was faster: its run is the job's.
            run_id = self._api.get(f"jobs/{job_id}/mlflowRun").get("mlflowRunId")
            taken = self._tracking.run(hexadecimal(run_id))
            if taken is None:
                raise
            return taken, is_again
        return info, is_again

    def _restart(self, experiment: int, job_id: int) -> None:
        """Take a job back to `started` without an MLflow run; `reset` is the only way."""
        path = f"experiments/{experiment}/jobs/{job_id}/status"
        self._api.put(path, {"status": "reset"})
        self._api.put(path, {"status": "started"})


def run_tag(run_id: str) -> str:
    """Return the tag of every job that holds something of a run of ours."""
    return resource_name(f"run-{run_id}")
