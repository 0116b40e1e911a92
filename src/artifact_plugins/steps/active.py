"""What is running now, and the records it writes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

from artifact_plugins.errors import ArtifactPluginsError
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    Batch,
    IOType,
    LinkQuery,
    Producer,
    Run,
    RunState,
    Task,
    TaskQuery,
    TaskState,
    TaskType,
    VersionQuery,
    new_id,
    now,
)
from artifact_plugins.session import Session
from artifact_plugins.steps.handles import Stored

_log = logging.getLogger("artifact_plugins")

active_run: ContextVar[ActiveRun | None] = ContextVar("artifact_plugins_run", default=None)
active_task: ContextVar[ActiveTask | None] = ContextVar("artifact_plugins_task", default=None)

ROOT = "ROOT"


class ActiveRun:
    """A run in progress: its root task, and the names it has given.

    Attributes:
        record: The run as last written.
        root: The ROOT task.
    """

    def __init__(self, session: Session, pipeline: str, parameters: dict[str, Any]) -> None:
        run_id = new_id()
        self.session = session
        self.record = Run(
            id=run_id,
            project=session.settings.project,
            pipeline=pipeline,
            name=f"{pipeline}-{run_id[-8:]}",
            parameters=parameters,
            started_at=now(),
        )
        self.root = self.make_task(ROOT, None, TaskType.ROOT)
        self._names: dict[str, int] = {}
        self._numbers: dict[str, int] = {}

    def make_task(
        self,
        name: str,
        parent: Task | None,
        task_type: TaskType = TaskType.RUNTIME,
        *,
        index: int | None = None,
        count: int | None = None,
    ) -> Task:
        """Make the record of a task that starts now."""
        shown = name if index is None else f"{name}#{index}"
        return Task(
            id=new_id(),
            run_id=self.record.id,
            parent_id=parent.id if parent else None,
            name=name,
            scope_path=f"{parent.scope_path}/{shown}" if parent else shown,
            type=task_type,
            iteration_index=index,
            iteration_count=count,
            started_at=now(),
        )

    def task_name(self, step_name: str) -> str:
        """Return `step_name`, or `step_name-2`, `-3` when it was given before."""
        count = self._names[step_name] = self._names.get(step_name, 0) + 1
        return step_name if count == 1 else f"{step_name}-{count}"

    def number(self, of: str) -> int:
        """Return 1, 2, ... for each thing of a kind: `for-loop`, `loop-item-param`."""
        count = self._numbers[of] = self._numbers.get(of, 0) + 1
        return count

    def link(
        self,
        task: Task,
        io_type: IOType,
        key: str,
        stored: Stored,
        producer: Producer,
        position: int = 0,
    ) -> ArtifactTaskLink:
        """Make the record of a link of `task`."""
        version = stored.version
        return ArtifactTaskLink(
            id=new_id(),
            run_id=self.record.id,
            task_id=task.id,
            io_type=io_type,
            key=key,
            producer=producer,
            position=position,
            version_id=version.id if version is not None else None,
            value=stored.literal if version is None else None,
        )

    def write(self, *, durable: bool | None = None, **records: Any) -> tuple[ArtifactVersion, ...]:
        """Write records in one ledger transaction; see `Batch` for what they are."""
        batch = Batch(**{name: tuple(items) for name, items in records.items()})
        return self.session.ledger.write(batch, durable=durable)

    def open(self, links: Iterable[ArtifactTaskLink]) -> None:
        """Record the run and its root task with the run arguments."""
        if self.session.plugins.listens("before_run"):
            self.session.plugins.call_veto("before_run", run=self.record)
        self.write(runs=(self.record,), tasks=(self.root,), links=links)

    def close(
        self, error: BaseException | None = None, links: Iterable[ArtifactTaskLink] = ()
    ) -> None:
        """Record how the run ended, in the ledger and as one document in the store."""
        ended_at, text = now(), describe_error(error)
        self.record = self.record.model_copy(
            update={
                "state": RunState.FAILED if error else RunState.SUCCEEDED,
                "ended_at": ended_at,
                "error": text,
            }
        )
        self.root = ended(self.root, error)
        self.write(runs=(self.record,), tasks=(self.root,), links=links)
        self.session.store.put_run(self.record.id, self._document())
        if self.session.plugins.listens("after_run"):
            self.session.plugins.call("after_run", run=self.record)

    def _document(self) -> bytes:
        """Everything of this run, so that the ledger can be rebuilt from the store."""
        ledger, run_id = self.session.ledger, self.record.id
        document: dict[str, Any] = {"format_version": 1, "run": self.record.model_dump(mode="json")}
        listings = {
            "tasks": (ledger.tasks, TaskQuery(run_id=run_id)),
            "versions": (ledger.versions, VersionQuery(run_id=run_id)),
            "links": (ledger.links, LinkQuery(run_id=run_id)),
        }
        for name, (listing, query) in listings.items():
            items: list[Any] = []
            token = None
            while True:
                page = listing(query, limit=1000, page_token=token)  # type: ignore[operator]
                items.extend(item.model_dump(mode="json", exclude_defaults=True) for item in page)
                token = page.next_token
                if token is None:
                    break
            document[name] = items
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


class ActiveTask:
    """A step function that is being called, and what it did by hand.

    Attributes:
        record: RUNNING.
        read: Input links made by `load_artifact`, written when the task ends.
        metadata: What `log_metadata` attached, by output key; None is every output.
    """

    def __init__(self, run: ActiveRun, record: Task) -> None:
        self.run = run
        self.record = record
        self.read: list[ArtifactTaskLink] = []
        self.metadata: dict[str | None, dict[str, Any]] = {}
        self._positions: dict[str, int] = {}

    def position(self, key: str) -> int:
        """Return the next position under a key."""
        place = self._positions.get(key, 0)
        self._positions[key] = place + 1
        return place


def ended(task: Task, error: BaseException | None = None) -> Task:
    """Return the record of a task that ends now."""
    state = TaskState.FAILED if error is not None else TaskState.SUCCEEDED
    return task.model_copy(
        update={"state": state, "ended_at": now(), "error": describe_error(error)}
    )


def describe_error(error: BaseException | None) -> str | None:
    """Return `Type: message`, at most 2,000 characters."""
    if error is None:
        return None
    code = f"[{error.code}] " if isinstance(error, ArtifactPluginsError) else ""
    text = f"{type(error).__name__}: {code}{error}"[:2000]
    return text.encode("utf-8", "replace").decode()
