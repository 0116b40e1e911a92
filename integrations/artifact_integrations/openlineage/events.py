"""The records of a run as OpenLineage run events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from openlineage.client.event_v2 import Job, RunEvent, RunState
from openlineage.client.event_v2 import Run as OpenLineageRun
from openlineage.client.facet_v2 import (
    JobFacet,
    RunFacet,
    error_message_run,
    job_type_job,
    parent_run,
)

from artifact_integrations.openlineage.datasets import Datasets
from artifact_integrations.openlineage.facets import (
    PARAMETERS,
    TASK,
    ParametersRunFacet,
    TaskRunFacet,
    link_of_value,
    link_of_version,
    producer,
)
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    Run,
    Task,
    TaskState,
    TaskType,
)

_LEAVES = frozenset({TaskType.RUNTIME, TaskType.IMPORTER})


def run_events(
    run: Run,
    tasks: Iterable[Task],
    links: Iterable[ArtifactTaskLink],
    versions: Iterable[ArtifactVersion],
    *,
    namespace: str | None = None,
) -> list[RunEvent]:
    """Return the events of a run and of its tasks, in the order in which they happened.

    The run is a job named by its pipeline; each task is a job below it. A task
    that still runs has only a START event.

    Args:
        run: The run.
        tasks: All its tasks.
        links: All its links.
        versions: Every version that a link names, those of other runs too.
        namespace: Of the datasets: the URL of the store, for example. Jobs are
            always in that of their project, versions by default in that of theirs.

    Raises:
        InputError: A link names a version that is not among `versions`.

    Source:
        OpenLineage 2-0-2.
    """
    made = _Events(run, tasks, links, Datasets(versions, namespace))
    return [event for _, event in sorted(made.all(), key=lambda pair: pair[0])]


_Order = tuple[datetime, int, int]


class _Events:
    def __init__(
        self,
        run: Run,
        tasks: Iterable[Task],
        links: Iterable[ArtifactTaskLink],
        datasets: Datasets,
    ) -> None:
        self._run = run
        self._datasets = datasets
        self._tasks = {task.id: task for task in tasks}
        self._links: dict[str, list[ArtifactTaskLink]] = defaultdict(list)
        for link in links:
            self._links[link.task_id].append(link)

    def all(self) -> Iterable[tuple[_Order, RunEvent]]:
        """Yield every event with what orders it: parents open first and close last."""
        roots = [task for task in self._tasks.values() if task.type is TaskType.ROOT]
        root = roots[0] if roots else None
        yield from self._pair(root, depth=0)
        for task in self._tasks.values():
            if task is not root:
                yield from self._pair(task, depth=task.scope_path.count("/") + 1)

    def _pair(self, task: Task | None, *, depth: int) -> Iterable[tuple[_Order, RunEvent]]:
        """Yield START and how it ended, of a task; of the run for its root or None."""
        is_run = task is None or task.type is TaskType.ROOT
        about = self._run if is_run or task is None else task
        started_at, ended_at, error = about.started_at, about.ended_at, about.error
        has_ended = about.state not in ("RUNNING", TaskState.RUNNING)
        start = self._event(task, is_run, RunState.START, started_at, is_last=not has_ended)
        yield (started_at, 0, depth), start
        if has_ended:
            when = max(ended_at or started_at, started_at)
            state = RunState.FAIL if about.state == "FAILED" else RunState.COMPLETE
            end = self._event(task, is_run, state, when, is_last=True)
            if state is RunState.FAIL and end.run.facets is not None:
                end.run.facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
                    message=error or "", programmingLanguage="python", producer=producer()
                )
            yield (when, 1, -depth), end

    def _event(
        self, task: Task | None, is_run: bool, state: RunState, when: datetime, *, is_last: bool
    ) -> RunEvent:
        own = self._links[task.id] if task is not None and is_last else []
        versions = [link for link in own if link.version_id is not None]
        is_leaf = task is not None and task.type in _LEAVES
        shown = versions if is_leaf else []
        read = [link for link in shown if not link.io_type.is_output]
        written = [link for link in shown if link.io_type.is_output]
        return RunEvent(
            eventType=state,
            eventTime=_text(when),
            run=OpenLineageRun(
                runId=self._run.id if is_run or task is None else task.id,
                facets=self._run_facets(task, is_run, own, [] if is_leaf else versions),
            ),
            job=self._job(None if is_run else task),
            inputs=self._datasets.inputs(read),
            outputs=self._datasets.outputs(written),
            producer=producer(),
        )

    def _run_facets(
        self,
        task: Task | None,
        is_run: bool,
        own: list[ArtifactTaskLink],
        exposed: list[ArtifactTaskLink],
    ) -> dict[str, RunFacet]:
        facets: dict[str, RunFacet] = {}
        if not is_run and task is not None:
            facets["parent"] = self._parent(task)
        if task is not None:
            facets[TASK] = TaskRunFacet(
                taskType=task.type.value,
                state=task.state.value,
                scopePath=task.scope_path,
                iterationIndex=task.iteration_index,
                iterationCount=task.iteration_count,
                attempt=task.attempt,
                links=[link_of_version(one, self._datasets.version(one)) for one in exposed],
                producer=producer(),
            )
        values = [link_of_value(link) for link in own if link.version_id is None]
        if values:
            facets[PARAMETERS] = ParametersRunFacet(values, producer=producer())
        return facets

    def _parent(self, task: Task) -> parent_run.ParentRunFacet:
        above = self._tasks.get(task.parent_id or "")
        if above is not None and above.type is TaskType.ROOT:
            above = None
        job = self._job(above)
        run, root = self._run, self._job(None)
        return parent_run.ParentRunFacet(
            run=parent_run.Run(runId=run.id if above is None else above.id),
            job=parent_run.Job(namespace=job.namespace, name=job.name),
            root=parent_run.Root(
                run=parent_run.RootRun(runId=run.id),
                job=parent_run.RootJob(namespace=root.namespace, name=root.name),
            ),
            producer=producer(),
        )

    def _job(self, task: Task | None) -> Job:
        """Return the job of a task; of the run for None. Iterations are one job."""
        names = [self._run.pipeline]
        if task is not None:
            parts = task.scope_path.split("/")
            names += [part.partition("#")[0] for part in parts[1:]] or [task.name]
        kind = "PIPELINE" if task is None else task.type.value
        facet: JobFacet = job_type_job.JobTypeJobFacet(
            processingType="BATCH",
            integration="ARTIFACT_PLUGINS",
            jobType=kind,
            producer=producer(),
        )
        return Job(namespace=self._run.project, name=".".join(names), facets={"jobType": facet})


def _text(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
