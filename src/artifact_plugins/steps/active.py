"""What is running now, and the records it writes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from artifact_plugins.errors import ArtifactPluginsError, describe
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    Batch,
    IOType,
    Producer,
    Run,
    RunState,
    Task,
    TaskState,
    TaskType,
    new_id,
    now,
)
from artifact_plugins.session import Session
from artifact_plugins.session.saving import Staged
from artifact_plugins.steps.handles import Stored
from artifact_plugins.steps.opening import Opening
from artifact_plugins.steps.story import Story

_log = logging.getLogger("artifact_plugins")

active_run: ContextVar[ActiveRun | None] = ContextVar("artifact_plugins_run", default=None)
active_task: ContextVar[ActiveTask | None] = ContextVar("artifact_plugins_task", default=None)

ROOT = "ROOT"


class Brought:
    """What the arguments of a call bring into the run, written when its task opens.

    Attributes:
        literals: Literals that became versions: bytes staged, no record yet.
        tasks, links: Of IMPORTER tasks.
    """

    def __init__(self) -> None:
        self.literals: list[tuple[Staged, Stored]] = []
        self.tasks: list[Task] = []
        self.links: list[ArtifactTaskLink] = []

    def discard(self) -> None:
        """Forget all of it: the call is not made."""
        for staged, _ in self.literals:
            staged.discard()
        self.literals, self.tasks, self.links = [], [], []


class ActiveRun:
    """A run in progress: its root task, and the names it has given.

    Attributes:
        record: The run as last written.
        root: The ROOT task.
        brought: What the call being made brings in.
        defaults: Declared defaults that became versions, by input.
    """

    def __init__(self, session: Session, pipeline: str) -> None:
        run_id = new_id()
        self.session = session
        self.record = Run(
            id=run_id,
            project=session.settings.project,
            pipeline=pipeline,
            name=f"{pipeline}-{run_id[-8:]}",
            started_at=now(),
        )
        self.root = self.make_task(ROOT, None, TaskType.ROOT)
        self.brought = Brought()
        self.defaults: dict[tuple[str, int], Stored] = {}
        self.opening = Opening(lambda tasks: self.write(tasks=tasks, durable=False))
        self._story = Story(session.ledger, run_id)
        self._pid = os.getpid()
        self._names = {ROOT}
        self._numbers: dict[str, int] = {}

    @property
    def is_ours(self) -> bool:
        """Whether this process opened the run; a forked child did not."""
        return os.getpid() == self._pid

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

    def task_name(self, wanted: str) -> str:
        """Return `wanted`, or `wanted-2`, `-3`, ... when a task of the run has that name."""
        name = wanted
        while name in self._names:
            name = f"{wanted}-{self.number(wanted) + 1}"
        self._names.add(name)
        return name

    def number(self, of: str) -> int:
        """Return 1, 2, ... for each thing of a kind."""
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

    def write(
        self,
        *,
        runs: Sequence[Run] = (),
        tasks: Sequence[Task] = (),
        links: Iterable[ArtifactTaskLink] = (),
        staged: Sequence[Staged] = (),
        task: Task | None = None,
        durable: bool | None = None,
    ) -> tuple[ArtifactVersion, ...]:
        """Write records in one ledger transaction.

        Args:
            staged: Values whose versions become visible with it.
            task: The task that made them.
        """
        batch = Batch(runs=tuple(runs), tasks=tuple(tasks), links=tuple(links))
        committed: tuple[ArtifactVersion, ...] = ()
        if staged:
            committed = self.session.commit(batch, staged, task=task, durable=durable)
        else:
            self.session.ledger.write(batch, durable=durable)
        self._story.add(batch, committed)
        return committed

    def try_write(self, **records: Any) -> bool:
        """Write on the way out of an error, which matters more than a failure here."""
        try:
            self.write(**records)
        except ArtifactPluginsError:
            _log.warning("the end of run %s was not recorded", self.record.id, exc_info=True)
            return False
        return True

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """While arguments are looked at: what they brought goes when one is refused."""
        try:
            yield
        except BaseException:
            self.brought.discard()
            self.defaults.clear()
            raise

    def open_task(self, task: Task, links: Iterable[ArtifactTaskLink] = ()) -> None:
        """Record a task that starts, with what its arguments brought in.

        A step that brings nothing in is only noted; see `Opening`.
        """
        brought = self.brought
        if task.type is TaskType.RUNTIME and not (brought.literals or brought.tasks):
            self.opening.note(task)
            if self.session.plugins.listens("before_step_run"):
                self.opening.require(task.id)
            return
        with self.gathering():
            self._write_brought(tasks=[task], links=links)

    def _write_brought(
        self, *, tasks: Sequence[Task], links: Iterable[ArtifactTaskLink], runs: Sequence[Run] = ()
    ) -> None:
        brought, self.brought = self.brought, Brought()
        committed = self.write(
            runs=runs,
            tasks=[*brought.tasks, *tasks],
            links=[*brought.links, *links],
            staged=[staged for staged, _ in brought.literals],
            task=self.root,
            # A task that starts is made durable by the commit that ends it.
            durable=None if runs or brought.literals else False,
        )
        for (_, stored), version in zip(brought.literals, committed, strict=False):
            stored.version = version

    def open(self, parameters: Mapping[str, Stored], links: Iterable[ArtifactTaskLink]) -> None:
        """Record the run and its root task with the run arguments."""
        shown = {name: s.literal for name, s in parameters.items() if s.version is None}
        self.record = self.record.model_copy(update={"parameters": shown})
        with self.gathering():
            if self.session.plugins.listens("before_run"):
                self.session.plugins.call_veto("before_run", run=self.record)
            self._write_brought(runs=[self.record], tasks=[self.root], links=links)

    def close(
        self, error: BaseException | None = None, links: Iterable[ArtifactTaskLink] = ()
    ) -> None:
        """Record how the run ended, in the ledger and as one document in the store."""
        if not self.is_ours:
            return
        self.opening.close()
        self.record = self.record.model_copy(
            update={
                "state": RunState.FAILED if error else RunState.SUCCEEDED,
                "ended_at": now(),
                "error": describe(error) if error else None,
            }
        )
        self.root = ended(self.root, error)
        if error is None:
            self.write(runs=[self.record], tasks=[self.root], links=links)
        else:
            self.try_write(runs=[self.record], tasks=[self.root])
        try:
            self.session.store.put_run(self.record.id, self._story.document())
        except ArtifactPluginsError:
            # Everything is committed; the document only helps to rebuild the ledger.
            _log.warning("run %s has no document in the store", self.record.id, exc_info=True)
        if self.session.plugins.listens("after_run"):
            self.session.plugins.call("after_run", run=self.record)


class ActiveTask:
    """A step function that is being called, and what it did by hand.

    Attributes:
        record: RUNNING.
        read: Input links made by `load_artifact`, written when the task ends.
        metadata: What `log_metadata` attached, by output key; None is every output.
        failed: What the step function itself raised.
    """

    def __init__(self, run: ActiveRun, record: Task, outputs: Sequence[str]) -> None:
        self.run = run
        self.record = record
        self.outputs = outputs
        self.failed: BaseException | None = None
        self._written: dict[str, int] = {}
        self._start_attempt()

    def _start_attempt(self) -> None:
        self.read: list[ArtifactTaskLink] = []
        self.metadata: dict[str | None, dict[str, Any]] = {}
        self._reads: dict[str, int] = {}

    def next_attempt(self) -> Task:
        """Forget what the failed attempt read and attached; what it logged stays (R12)."""
        self._start_attempt()
        self.record = self.record.model_copy(update={"attempt": self.record.attempt + 1})
        return self.record

    def position(self, key: str, *, is_read: bool = False) -> int:
        """Return the next position under a key."""
        places = self._reads if is_read else self._written
        place = places.get(key, 0)
        places[key] = place + 1
        return place


def ended(task: Task, error: BaseException | None = None) -> Task:
    """Return the record of a task that ends now."""
    state = TaskState.FAILED if error is not None else TaskState.SUCCEEDED
    text = describe(error) if error is not None else None
    return task.model_copy(update={"state": state, "ended_at": now(), "error": text})
