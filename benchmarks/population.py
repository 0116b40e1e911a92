"""Runs to fill a ledger of any size with: the same records in the same order each time.

A batch is a run: 200 tasks of 5 versions and 25 links each. Of a million
versions 90,000 are called `metrics`, 20,000 have the tag `prod`, 10,000 are
read by nobody, and every task reads the very first version, `baseline`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    Batch,
    FileRecord,
    IOType,
    Producer,
    Run,
    RunState,
    SaveType,
    Task,
    TaskState,
    VersionDraft,
    new_id,
)

TASKS, OUTPUTS, READS, PARAMETERS = 200, 5, 15, 5
VERSIONS = TASKS * OUTPUTS
LINKS = TASKS * (OUTPUTS + READS + PARAMETERS)
STEPS = ("load", "clean", "split", "train", "score", *(f"step-{n}" for n in range(15)))
TYPES = ("Dataset", "Model", "Metric", "Artifact", "HTML")
_START = datetime(2026, 1, 1, tzinfo=UTC)
_URI = "data:application/json;base64,eyJhY2N1cmFjeSI6MC41LCJlcG9jaCI6M30="
# One version in a hundred is read by nobody.
_UNUSED_EVERY = 100


@dataclass
class Population:
    """Makes one batch after the other, and remembers what questions ask for.

    Attributes:
        count: Batches so far.
        run_ids: Of each batch.
        version_ids: Of the last batch.
        baseline_id: Of the first version, which every task reads.
    """

    count: int = 0
    run_ids: list[str] = field(default_factory=list)
    version_ids: list[str] = field(default_factory=list)
    baseline_id: str = ""

    def next_batch(self) -> Batch:
        """Return a run of 200 tasks, 1,000 versions and 5,000 links."""
        number, before = self.count, self.version_ids
        project = "other" if number % 10 == 9 else "default"
        pipeline = f"pipeline-{number % 20}"
        at = _START + timedelta(minutes=number)
        run_id = new_id()
        run = Run(
            id=run_id,
            project=project,
            pipeline=pipeline,
            name=f"{pipeline}-{run_id[-8:]}",
            state=RunState.FAILED if number % 50 == 7 else RunState.SUCCEEDED,
            parameters={"rate": number / 7},
            started_at=at,
            ended_at=at + timedelta(seconds=30),
        )
        tasks = tuple([_task(run, index) for index in range(TASKS)])
        versions = [
            _version(run, tasks[index // OUTPUTS], number * VERSIONS + index)
            for index in range(VERSIONS)
        ]
        self.version_ids = [version.id for version in versions]
        self.baseline_id = self.baseline_id or self.version_ids[0]
        links = [
            link
            for index, task in enumerate(tasks)
            for link in self._links(task, index, before or self.version_ids)
        ]
        self.run_ids.append(run_id)
        self.count += 1
        drafts = tuple([VersionDraft(version, version.id) for version in versions])
        return Batch(runs=(run,), tasks=tasks, versions=drafts, links=tuple(links))

    def _links(self, task: Task, index: int, before: list[str]) -> list[ArtifactTaskLink]:
        own = self.version_ids[index * OUTPUTS : (index + 1) * OUTPUTS]
        reads = [self.baseline_id]
        for step in range(READS - 1):
            place = (index * (READS - 1) + step) % VERSIONS
            reads.append(before[place + 1 if place % _UNUSED_EVERY == 7 else place])
        made = [(IOType.OUTPUT, f"output_{n}", one, None) for n, one in enumerate(own)]
        read = [(IOType.TASK_OUTPUT_INPUT, f"input_{n}", one, None) for n, one in enumerate(reads)]
        given = [
            (IOType.COMPONENT_INPUT, f"parameter_{n}", None, {"value": n / 3})
            for n in range(PARAMETERS)
        ]
        producer = Producer(task_name=task.name)
        return [
            ArtifactTaskLink(
                id=new_id(),
                run_id=task.run_id,
                task_id=task.id,
                io_type=io_type,
                key=key,
                producer=producer,
                version_id=version_id,
                value=value,
            )
            for io_type, key, version_id, value in (*made, *read, *given)
        ]


def _task(run: Run, index: int) -> Task:
    name = STEPS[index % len(STEPS)]
    return Task(
        id=new_id(),
        run_id=run.id,
        name=name,
        scope_path=f"ROOT/{name}#{index}",
        state=TaskState.FAILED if index == 199 else TaskState.SUCCEEDED,
        started_at=run.started_at,
        ended_at=run.ended_at,
    )


def _version(run: Run, task: Task, number: int) -> ArtifactVersion:
    digest = f"blake3:{hashlib.sha256(str(number).encode()).hexdigest()}"
    is_metrics = number % 10 == 0
    tags = ("prod",) if number % 50 == 3 else ()
    return ArtifactVersion(
        id=new_id(),
        project=run.project,
        artifact="metrics" if is_metrics else f"{task.name}-{(number // VERSIONS + number) % 50}",
        artifact_type=TYPES[number % len(TYPES)],
        data_type=("builtins:dict", "pandas:DataFrame")[number % 2],
        materializer="materializers.python",
        format="json/1",
        uri=_URI,
        files=(FileRecord(path="value.json", size_bytes=28, digest=digest),),
        size_bytes=28,
        content_hash=digest,
        save_type=SaveType.STEP_OUTPUT,
        tags=tags,
        metadata={"rmse": number * 7919 % 100_003 / 100_003, "trained": {"rows": number}},
        run_id=run.id,
        task_id=task.id,
        created_at=run.started_at + timedelta(milliseconds=number % VERSIONS),
        created_by="benchmark",
    )
