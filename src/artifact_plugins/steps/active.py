"""The run in progress: its groups, and the records it writes."""

from __future__ import annotations

import contextvars
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cached_property
from typing import Any, TypeVar

from artifact_plugins.contracts.runtime import Runtime
from artifact_plugins.errors import ArtifactPluginsError, describe
from artifact_plugins.records import (
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
from artifact_plugins.steps.outgoing import Outgoing
from artifact_plugins.steps.scheduler import Scheduler
from artifact_plugins.steps.scopes import ROOT, Group, Scope
from artifact_plugins.steps.story import Story
from artifact_plugins.steps.views import LinkPlan, Made, Stored

T = TypeVar("T")
_log = logging.getLogger("artifact_plugins")

active_run: ContextVar[ActiveRun | None] = ContextVar("artifact_plugins_run", default=None)


class Brought:
    """What the arguments of a call bring into the run, written when its task opens.

    Attributes:
        literals: Literals that became versions: bytes staged, no record yet.
        tasks, links: Of IMPORTER tasks.
    """

    def __init__(self) -> None:
        self.literals: list[tuple[Staged, Stored]] = []
        self.tasks: list[Task] = []
        self.links: list[LinkPlan] = []

    def discard(self) -> None:
        """Forget all of it: the call is not made."""
        for staged, _ in self.literals:
            staged.discard()
        self.literals, self.tasks, self.links = [], [], []


class ActiveRun:
    """A run in progress.

    Attributes:
        record: The run as last written.
        top: ROOT.
        scope: The body that is running.
        runtime: What executes its steps.
        brought: What the call being made brings in.
        defaults: Declared defaults that became versions, by input.
        outgoing: Records on their way into the ledger.
        context: In which steps run that do not run in the body.
    """

    def __init__(self, session: Session, pipeline: str, runtime: Runtime | None = None) -> None:
        run_id = new_id()
        started_at = now()
        self.session = session
        self.runtime = runtime or session.runtime
        self.record = Run(
            id=run_id,
            project=session.settings.project,
            pipeline=pipeline,
            name=f"{pipeline}-{run_id[-8:]}",
            started_at=started_at,
        )
        root = Task(
            id=new_id(),
            run_id=run_id,
            name=ROOT,
            scope_path=ROOT,
            type=TaskType.ROOT,
            started_at=started_at,
        )
        self.top = Group(root, None)
        self.scope = Scope(self.top, None)
        self.brought = Brought()
        self.defaults: dict[tuple[str, int], Stored] = {}
        self._story = Story(session.ledger, run_id)
        self.outgoing = Outgoing(session, self._story)
        self.context = contextvars.copy_context()
        self._lanes: dict[str, Any] = {}
        self._pid = os.getpid()

    @property
    def root(self) -> Task:
        """The ROOT task."""
        return self.top.task

    @property
    def is_ours(self) -> bool:
        """Whether this process opened the run; a forked child did not."""
        return os.getpid() == self._pid

    @cached_property
    def scheduler(self) -> Scheduler:
        """Return what starts calls when their inputs are there; made at first use."""
        return Scheduler(self)

    @property
    def has_scheduler(self) -> bool:
        """Whether some call did not run in the body itself."""
        return "scheduler" in self.__dict__

    def lane(self, name: str, make: Callable[[ActiveRun], T]) -> T:
        """Return the lane of a name, made when a call first needs it."""
        if name not in self._lanes:
            self._lanes[name] = make(self)
        found: T = self._lanes[name]
        return found

    def drain(self) -> None:
        """Wait until everything has ended."""
        if self.has_scheduler:
            self.scheduler.drain()

    def stop(self, cause: BaseException) -> BaseException:
        """After the body raised: what was called goes on, unless it was interrupted.

        Returns:
            What ends the run: `cause`, or the interrupt that came meanwhile.
        """
        if not self.has_scheduler or not self.is_ours:
            return cause
        if isinstance(cause, Exception):
            try:
                self.scheduler.drain()
            except BaseException as interrupt:  # noqa: BLE001  # returned
                cause = interrupt
            else:
                return cause
        self.scheduler.cancel(cause)
        return cause

    @property
    def first_error(self) -> BaseException | None:
        """What failed first beside the body."""
        return self.scheduler.first_error if self.has_scheduler else None

    def wait_for(self, group: Group) -> None:
        """Wait until everything inside a group has ended, whether it failed or not."""
        if self.has_scheduler:
            self.scheduler.wait_all(group.nodes)

    @contextmanager
    def inside(self, scope: Scope) -> Iterator[Scope]:
        """Make step calls of the block tasks of `scope`."""
        before, self.scope = self.scope, scope
        try:
            yield scope
        finally:
            self.scope = before

    def settle(self, stored: Stored) -> None:
        """Wait until a value is there and its version has a number.

        Raises:
            Exception: What the task raised that should have made it.
        """
        if stored.source is not None:
            self.scheduler.wait(stored.source)
        if not stored.is_committed:
            self.outgoing.flush()

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """While arguments are looked at: what they brought goes when one is refused."""
        try:
            yield
        except BaseException:
            self.brought.discard()
            self.defaults.clear()
            raise

    def bring_in(
        self,
        *,
        tasks: Sequence[Task] = (),
        links: Iterable[LinkPlan] = (),
        runs: Sequence[Run] = (),
    ) -> None:
        """Record tasks that start, with what their arguments brought in.

        Literals that became versions are committed at once: whoever gets them
        may show their number.
        """
        brought, self.brought = self.brought, Brought()
        wanted = [link for group in self._groups() for link in group.wanted]
        for group in self._groups():
            group.wanted = []
        made = [Made(staged, stored) for staged, stored in brought.literals]
        if runs or tasks or wanted or made or brought.tasks:
            self.outgoing.add(
                runs=runs,
                tasks=[*brought.tasks, *tasks],
                links=[*brought.links, *wanted, *links],
                made=made,
                must_sync=bool(runs or made),
            )
        if runs or made:
            with self.gathering():
                self.outgoing.flush()

    def _groups(self) -> Iterator[Group]:
        scope: Scope | None = self.scope
        while scope is not None:
            yield scope.group
            scope = scope.outer

    def open(self, parameters: Mapping[str, Stored], links: Iterable[LinkPlan]) -> None:
        """Record the run and its root task with the run arguments."""
        shown = {name: s.literal for name, s in parameters.items() if s.version is None}
        self.record = self.record.model_copy(update={"parameters": shown})
        with self.gathering():
            if self.session.plugins.listens("before_run"):
                self.session.plugins.call_veto("before_run", run=self.record)
            self.bring_in(runs=[self.record], tasks=[self.root], links=links)
        self.session.before_reading(self.outgoing.show)

    def close(
        self, error: BaseException | None = None, links: Iterable[LinkPlan] = ()
    ) -> BaseException | None:
        """Record how the run ended, in the ledger and as one document in the store.

        Returns:
            What ended it: `error`, or why its end could not be recorded; with
            `strict` delivery, what backends do not have of it.
        """
        if not self.is_ours:
            return error
        self.session.stop_reading(self.outgoing.show)
        if self.has_scheduler:
            self.scheduler.close()
        for lane in self._lanes.values():
            if hasattr(lane, "close"):
                lane.close()
        error = self._end(error, links)
        self.outgoing.close()
        try:
            self.session.store.put_run(self.record.id, self._story.document())
        except ArtifactPluginsError:
            # Everything is committed; the document only helps to rebuild the ledger.
            _log.warning("run %s has no document in the store", self.record.id, exc_info=True)
        if self.session.plugins.listens("after_run"):
            self.session.plugins.call("after_run", run=self.record)
        # The run itself matters more than whether backends have heard of it.
        undelivered = self.session.delivering.after_run(self.record.id)
        return error or undelivered

    def _end(self, error: BaseException | None, links: Iterable[LinkPlan]) -> BaseException | None:
        try:
            self.outgoing.flush()
        except Exception as late:  # noqa: BLE001  # it ends the run, unless something did before
            error = error or late
        if error is None:
            try:
                self._write_end(None, links)
            except Exception as failed:  # noqa: BLE001  # handed to the caller, who raises it
                error = failed
            else:
                return None
        try:
            self._write_end(error, ())
        except ArtifactPluginsError:
            _log.warning("the end of run %s was not recorded", self.record.id, exc_info=True)
        return error

    def _write_end(self, error: BaseException | None, links: Iterable[LinkPlan]) -> None:
        self.record = self.record.model_copy(
            update={
                "state": RunState.FAILED if error else RunState.SUCCEEDED,
                "ended_at": now(),
                "error": describe(error) if error else None,
            }
        )
        self.top.task = ended(self.root, error)
        self.outgoing.add(runs=[self.record], tasks=[self.root], links=links)
        self.outgoing.flush()

    def try_write(
        self, task: Task, links: Sequence[LinkPlan], *, inputs: Sequence[LinkPlan] = ()
    ) -> None:
        """Record a task on the way out of an error, which matters more than a failure here."""
        for read, given in ((links, inputs), ((), ())):
            with suppress(ArtifactPluginsError):
                self.outgoing.add(tasks=[task], inputs=given, links=read)
                self.outgoing.flush()
                return
        _log.warning("the end of task %s was not recorded", task.scope_path)


def ended(task: Task, error: BaseException | None = None) -> Task:
    """Return the record of a task that ends now."""
    state = TaskState.FAILED if error is not None else TaskState.SUCCEEDED
    text = describe(error) if error is not None else None
    return task.model_copy(update={"state": state, "ended_at": now(), "error": text})
