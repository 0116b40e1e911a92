"""DioptraBackend: runs and tasks as jobs, versions as artifacts pinned to the code that wrote them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar, TypeVar

from artifact_plugins.contracts.backend import (
    Ability,
    Backend,
    BackendInfo,
    BackendOperation,
    Delivery,
    RecordKind,
    RemoteQuery,
    RemoteVersion,
)
from artifact_plugins.errors import BackendRejectedError
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    Page,
    Run,
    Task,
    TaskState,
    TaskType,
    check_metadata,
    check_tags,
)
from artifact_plugins.transport import digest_of, is_noted, noted_id

from .abilities import ABILITIES
from .attaching import Attaching
from .documents import Documents
from .inputs import inputs_of, parameter_inputs
from .jobs import Job, JobOrder, Jobs
from .lines import parted, run_line, saved_line, task_line
from .metrics import metrics_of, send_metrics
from .place import Place
from .publishing import Publishing
from .reading import Reading, task_path
from .server import SYSTEM, ApiError, DioptraApi, MlflowUnknownError
from .skeleton import Skeleton
from .tracking import Tracking
from .versions import Versions, pair_of

T = TypeVar("T")
# The other task types are groups: run.json has them.
_JOBS = (TaskType.ROOT, TaskType.RUNTIME, TaskType.IMPORTER)
_SAVED = "saved by hand"
_ERROR_MAX = 2_000


class DioptraBackend(Backend):
    """One Dioptra and the MLflow server that it keeps files in.

    Args:
        url: `dioptra+http://host:port/?mlflow=http://host:port`, with `queue=`
            and `group=` when they are not the usual ones, and `experiment=`,
            `entrypoint=` or `job=` to attach to one that exists.
        timeout_seconds: Of one request; registering a file may take 60 s.

    Raises:
        SettingsError: The URL lacks `mlflow`, or cannot be meant.
    """

    scheme: ClassVar[str] = "dioptra"
    system: ClassVar[str] = SYSTEM
    abilities: ClassVar[Mapping[BackendOperation, Ability]] = ABILITIES

    def __init__(self, url: str, *, timeout_seconds: float = 30.0) -> None:
        super().__init__(url, timeout_seconds=timeout_seconds)
        self._place = Place.parse(url)
        self._api = DioptraApi(self._place, timeout_seconds=timeout_seconds)
        self._tracking = Tracking(self._place, timeout_seconds=timeout_seconds)
        self._attaching = Attaching(self._place, self._api)
        self._skeleton = Skeleton(self._place, self._api, self._attaching)
        publishing = Publishing(self._api, self._skeleton)
        self._jobs = Jobs(self._api, self._tracking, self._skeleton, self._attaching)
        self._versions = Versions(self._api, self._tracking, self._skeleton, publishing)
        self._documents = Documents(self._api, self._tracking, self._skeleton)
        self._reading = Reading(self._api, self._tracking, self._documents)

    def probe(self) -> BackendInfo:
        """Look that both servers answer, log in, and find the group."""
        version = self._api.version()
        self._tracking.probe()
        self._skeleton.forget()
        self._skeleton.group()
        self._attaching.check()
        user = self._api.group()[1]
        place = self._place
        facts = {"mlflow": place.mlflow, "group": place.group}
        facts |= {"queue": place.queue} if place.job is None else {"job": str(place.job)}
        return BackendInfo(system=SYSTEM, version=version, user=user, facts=facts)

    def deliver_run(self, run: Run, delivery: Delivery) -> None:
        """Make the job of a run; when the run has ended, its document, and the end of the job."""
        root = next((t for t in delivery.tasks(run.id) if t.type is TaskType.ROOT), None)
        order = JobOrder(
            kind="run",
            record_id=run.id,
            pipeline=(run.project, run.pipeline),
            step=(run.project, run.pipeline),
            name=run.name,
            text=f"Run {run.name} of {run.pipeline}, recorded by artifact_plugins.",
            line=run_line(run, root),
            inputs=parameter_inputs(run.parameters),
            started_at=run.started_at,
            run_id=run.id,
        )
        job = self._job(order, delivery)
        if run.ended_at is None:
            return

        noted = delivery.external("run", run.id) or {}
        if noted.get("state") == str(run.state) and self._documents.is_known(run, delivery):
            return

        def finish(job: Job) -> Job:
            self._documents.bring(run, job, delivery)
            tags = {"ap.state": str(run.state)}
            tags |= {"ap.error": run.error[:_ERROR_MAX]} if run.error else {}
            is_failed = run.state.value == "FAILED"
            return self._jobs.end(job, is_failed=is_failed, ended_at=run.ended_at, tags=tags)

        self._in_job(order, job, delivery, finish, state=str(run.state))

    def deliver_task(self, task: Task, delivery: Delivery) -> None:
        """Make the job of a task that ended, with its inputs and the artifacts of its versions."""
        if task.type not in _JOBS or task.state is TaskState.RUNNING:
            return
        of_run = self._of_run(task.run_id, delivery)
        if task.type is TaskType.ROOT:
            delivery.note("task", task.id, {**of_run})
            return
        run = delivery.run(task.run_id)
        links = list(delivery.links(task_id=task.id))
        line, document = task_line(task, run, links)
        order = JobOrder(
            kind="task",
            record_id=task.id,
            pipeline=(run.project, run.pipeline),
            step=(run.project, run.pipeline, task.name),
            name=task.scope_path,
            text=f"Task {task.scope_path} of {run.name}: {task.state}.",
            line=line,
            inputs=inputs_of(links, lambda version_id: _pair(version_id, delivery)),
            started_at=task.started_at,
            run_id=run.id,
            parent=of_run.get("mlflow_run"),
        )
        noted = delivery.external("task", task.id) or {}
        is_first = delivery.is_first and "external_id" not in noted
        job = self._job(order, delivery)
        prefix = "" if self._place.job is None else f"{task.name}_"
        metrics = metrics_of(delivery.versions(task_id=task.id), prefix=prefix)
        measured = digest_of(repr(metrics).encode())

        def finish(job: Job) -> Job:
            mark = digest_of(document)
            known = noted if noted.get("mlflow_run") == job.mlflow_run else {}
            if known.get("document") != mark and (job.is_theirs or "document_digest" in line):
                self._tracking.upload(job.artifact_uri, task_path(line), document)
            for version in delivery.versions(task_id=task.id):
                self._versions.bring(version, job, delivery, is_first=is_first)
            if "document" in noted and noted["document"] != mark and run.ended_at is not None:
                # A job cannot be changed: what came later is in the run document.
                self._documents.bring(run, Job.of(of_run), delivery)
            if known.get("measured") != measured:
                step = (task.iteration_index or 0) if job.is_theirs else 0
                send_metrics(self._api, job.id, metrics, step=step)
            if noted.get("state") == str(task.state) and job.status != "started":
                return job
            tags = {"ap.state": str(task.state)}
            tags |= {"ap.error": task.error[:_ERROR_MAX]} if task.error else {}
            is_failed = task.state is TaskState.FAILED
            return self._jobs.end(job, is_failed=is_failed, ended_at=task.ended_at, tags=tags)

        marks = {"document": digest_of(document), "measured": measured, "state": str(task.state)}
        self._in_job(order, job, delivery, finish, **marks)

    def deliver_version(self, version: ArtifactVersion, delivery: Delivery) -> None:
        """Make or change the artifact of a version.

        It belongs to the job of its task; of a task that still runs, to the job
        of the run; of no run, to a job for everything saved under its name.
        """
        if version.deleted_at is not None:
            self._versions.mark_deleted(version, delivery)
            return
        is_known = noted_id(delivery, "version", version.id) is not None
        is_first = delivery.is_first and not is_known
        if version.run_id is None:
            self._deliver_saved(version, delivery, is_first=is_first)
            return
        noted = self._home(version, delivery)
        if is_known or noted_id(delivery, "version", version.id) is None:
            self._versions.bring(version, Job.of(noted), delivery, is_first=is_first)

    def _deliver_saved(
        self, version: ArtifactVersion, delivery: Delivery, *, is_first: bool
    ) -> None:
        """Make or change the artifact of a version of no run, in the job of its name."""
        order = _saved(version)

        def bring(job: Job) -> Job:
            if job.status == "started":
                job = self._jobs.end(job, is_failed=False, ended_at=None, tags={})
            self._versions.bring(version, job, delivery, is_first=is_first)
            return job

        with delivery.only("saved", order.record_id):
            job = self._job(order, delivery, is_first=is_first)
            self._in_job(order, job, delivery, bring)

    def missing(self, kind: RecordKind, noted: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
        """Return what is gone, belongs to somebody else now, or lost its pin or description."""
        ours = {key: value for key, value in noted.items() if is_noted(value)}
        if kind == "version":

            @cache
            def plugin_exists(plugin: str) -> bool:
                return self._api.found(f"plugins/{plugin}") is not None

            return [k for k, v in ours.items() if not self._has_version(k, v, plugin_exists)]
        return [key for key, value in ours.items() if not self._has_job(kind, key, value)]

    def version(self, external_id: str) -> RemoteVersion:
        return self._reading.version(external_id)

    def versions(self, query: RemoteQuery) -> Page[RemoteVersion]:
        return self._reading.versions(query)

    def links(self, run_id: str) -> Sequence[ArtifactTaskLink]:
        return self._reading.links(run_id)

    def update_version(
        self,
        external_id: str,
        *,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        description: str | None = None,
    ) -> None:
        """Write a new description with the same pin.

        Raises:
            ArtifactMissingError: There is no such artifact.
            BackendRejectedError: It carries no record of ours.
        """
        found = self._reading.artifact(external_id)
        record = self._reading.remote(found).record
        if record is None:
            raise BackendRejectedError(
                f"{SYSTEM} artifact {external_id} was not registered by artifact_plugins",
                hint="nothing was changed",
                status=None,
            )
        changed: dict[str, Any] = {"updated_at": datetime.now(UTC)}
        changed |= {} if tags is None else {"tags": check_tags(tags)}
        changed |= {} if metadata is None else {"metadata": check_metadata(metadata)}
        changed |= {} if description is None else {"description": description or None}
        self._versions.rewrite(found, record.model_copy(update=changed))

    def close(self) -> None:
        for http in (self._api.http, self._tracking.http):
            http.close()

    # Jobs of records.

    def _job(self, order: JobOrder, delivery: Delivery, *, is_first: bool | None = None) -> Job:
        noted = delivery.external(order.kind, order.record_id) or {}
        if "mlflow_run" in noted:
            return Job.of(noted)
        if self._place.job is not None:
            return self._jobs.attached(order, delivery)
        first = delivery.is_first if is_first is None else is_first
        return self._jobs.ensure(order, delivery, is_first=first)

    def _in_job(
        self,
        order: JobOrder,
        job: Job,
        delivery: Delivery,
        work: Callable[[Job], Job],
        **noted: Any,
    ) -> None:
        """Do something in a job; in another MLflow run, or another job, when it was lost."""
        try:
            done = work(job)
        except (ApiError, MlflowUnknownError) as error:
            again = self._replaced(order, job, delivery, error)
            if again is None:
                raise
            done = work(again)
        delivery.note(order.kind, order.record_id, {**done.noted(), **noted})

    def _replaced(
        self, order: JobOrder, job: Job, delivery: Delivery, error: Exception
    ) -> Job | None:
        if job.is_theirs:
            again = self._jobs.attached(order, delivery)
            return again if again.mlflow_run != job.mlflow_run else None
        if self._api.found(f"jobs/{job.id}") is None:
            return self._jobs.ensure(order, delivery, is_first=False)
        lost = isinstance(error, MlflowUnknownError) or (
            isinstance(error, ApiError) and error.error == "JobMlflowRunNotSetError"
        )
        if lost and (isinstance(error, ApiError) or self._tracking.run(job.mlflow_run) is None):
            return self._jobs.missing_run(order, job)
        return None

    def _home(self, version: ArtifactVersion, delivery: Delivery) -> Mapping[str, Any]:
        """Return the note of the job that a version of a run belongs to."""
        assert version.run_id is not None
        if version.task_id is not None:
            task = delivery.task(version.task_id)
            if task.type in _JOBS and task.state is not TaskState.RUNNING:
                noted = delivery.need("task", task.id)
                if "mlflow_run" not in noted:
                    self.deliver_task(task, delivery)
                return delivery.need("task", task.id)
        return self._of_run(version.run_id, delivery)

    def _of_run(self, run_id: str, delivery: Delivery) -> Mapping[str, Any]:
        """Return the note of a run; one that was given up half made is finished first."""
        noted = delivery.need("run", run_id)
        if "mlflow_run" not in noted:
            self.deliver_run(delivery.run(run_id), delivery)
        return delivery.need("run", run_id)

    def _has_version(
        self, version_id: str, noted: Mapping[str, Any], plugin_exists: Callable[[str], bool]
    ) -> bool:
        same = self._versions.find(version_id)
        if not same or str(same[0]["id"]) != noted["external_id"]:
            return False
        pair = {name: noted.get(name) for name in ("pluginSnapshotId", "taskId")}
        is_right = same[0]["artifactUri"] == noted.get("uri") and pair_of(same[0]) == pair
        if not is_right or not plugin_exists(str(same[0]["task"]["pluginResourceId"])):
            return False
        also: list[int] = noted.get("also", [])
        return [int(item["id"]) for item in same[1:]] == also

    def _has_job(self, kind: RecordKind, key: str, noted: Mapping[str, Any]) -> bool:
        found = self._api.found(f"jobs/{noted['external_id']}")
        line = parted((found or {}).get("description"))[1]
        if noted.get("is_theirs"):
            return found is not None and self._tracking.run(str(noted["mlflow_run"])) is not None
        if line.get("kind") != kind:
            # The ROOT task is the job of its run.
            return kind == "task" and line.get("kind") == "run" and line.get("task") == key
        if line.get(kind) != key:
            return False
        return self._tracking.run(str(noted.get("mlflow_run"))) is not None


def _pair(version_id: str, delivery: Delivery) -> dict[str, int] | None:
    """Return the artifact of an input; None for one that the server cannot have."""
    noted = delivery.external("version", version_id)
    if not is_noted(noted):
        noted = delivery.wish("version", version_id)
    if not is_noted(noted):
        return None
    return {"id": int(noted["external_id"]), "snapshotId": int(noted["snapshot"])}


def _saved(version: ArtifactVersion) -> JobOrder:
    name = f"artifact-plugins:{version.project}/{version.artifact}"
    saved_id = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    return JobOrder(
        kind="saved",
        record_id=saved_id,
        pipeline=(version.project, _SAVED),
        step=(version.project, _SAVED, version.artifact),
        name=f"{version.artifact} {_SAVED}",
        text=f"What was saved as {version.artifact} outside of runs.",
        line=saved_line(saved_id, version.project, version.artifact),
        inputs=parameter_inputs({}),
        started_at=version.created_at,
    )
