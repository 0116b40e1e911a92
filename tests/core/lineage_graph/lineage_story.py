"""Makes records, and a run whose lineage is known."""

from __future__ import annotations

from typing import Any

from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    Batch,
    FileRecord,
    IOType,
    Producer,
    Run,
    Task,
    TaskState,
    TaskType,
    VersionDraft,
    new_id,
    now,
)

DIGEST = f"blake3:{'00' * 32}"


class Make:
    """Makes valid records; every field can be given."""

    def run(self, **fields: Any) -> Run:
        own = {"project": "default", "pipeline": "delays", "name": f"delays-{new_id()[-8:]}"}
        return Run(**{"id": new_id(), "started_at": now(), **own, **fields})

    def task(self, run: Run, name: str, **fields: Any) -> Task:
        values = {"id": new_id(), "scope_path": f"ROOT/{name}", "started_at": now(), **fields}
        return Task(run_id=run.id, name=name, **values)

    def draft(self, artifact: str, **fields: Any) -> VersionDraft:
        values = {
            "id": new_id(),
            "project": "default",
            "data_type": "builtins:int",
            "format": "json/1",
            "uri": "data:application/json;base64,NQ==",
            "files": (FileRecord(path="value.json", size_bytes=1, digest=DIGEST),),
            "size_bytes": 1,
            "content_hash": DIGEST,
            "created_at": now(),
            "created_by": "tester",
            **fields,
        }
        version = ArtifactVersion(artifact=artifact, **values)
        return VersionDraft(version, version.id)

    def link(self, task: Task, io_type: IOType, key: str, **fields: Any) -> ArtifactTaskLink:
        producer = Producer(task_name=fields.pop("producer", ""))
        values = {"id": new_id(), "run_id": task.run_id, "task_id": task.id, "producer": producer}
        return ArtifactTaskLink(**values, io_type=io_type, key=key, **fields)

    def save(self, ledger: Ledger, artifact: str = "flights", **fields: Any) -> ArtifactVersion:
        (version,) = ledger.write(Batch(versions=(self.draft(artifact, **fields),)))
        return version


class Story:
    """A run: load -> flights; a loop of mean over two months; rank collects; one branch of use."""

    def __init__(self, ledger: Ledger, make) -> None:
        self.ledger, self.make = ledger, make
        self.run = make.run()
        self.root = make.task(self.run, "root", type=TaskType.ROOT)
        ledger.write(Batch(runs=(self.run,), tasks=(self.root,)))
        self.flights = self.step("load", "flights", {"month": 1}, kind="Dataset")
        loop = make.task(self.run, "for-loop-1", type=TaskType.LOOP)
        ledger.write(Batch(tasks=(loop,)))
        self.delays = [
            self.step("mean", "delay", {"flights": self.flights, "carrier": "UA"}, index=n)
            for n in range(2)
        ]
        for number, delay in enumerate(self.delays):
            self.link(loop, IOType.ITERATOR_OUTPUT, "delay", delay, number, "mean")
            self.link(self.root, IOType.ITERATOR_OUTPUT, "delay", delay, number, "for-loop-1")
        self.ranking = self.step("rank", "ranking", {"delays": self.delays})

    def link(self, task, io_type, key, value, position=0, producer="") -> None:
        is_version = hasattr(value, "content_hash")
        link = self.make.link(
            task,
            io_type,
            key,
            position=position,
            producer=producer,
            version_id=value.id if is_version else None,
            value=None if is_version else value,
        )
        self.ledger.write(Batch(links=(link,)))

    def step(self, name, artifact, inputs, *, index=None, kind="Metric", state="SUCCEEDED"):
        task = self.make.task(
            self.run, name, iteration_index=index, parent_id=self.root.id, state=TaskState(state)
        )
        draft = self.make.draft(artifact, artifact_type=kind, run_id=self.run.id, task_id=task.id)
        (version,) = self.ledger.write(Batch(tasks=(task,), versions=(draft,)))
        for key, value in inputs.items():
            if isinstance(value, list):
                for number, one in enumerate(value):
                    self.link(task, IOType.COLLECTED_INPUTS, key, one, number, "for-loop-1")
            elif hasattr(value, "content_hash"):
                self.link(task, IOType.TASK_OUTPUT_INPUT, key, value, producer="load")
            else:
                self.link(task, IOType.RUNTIME_VALUE_INPUT, key, value)
        out = IOType.OUTPUT if index is None else IOType.ITERATOR_OUTPUT
        self.link(task, out, artifact, version, producer=name)
        return version
