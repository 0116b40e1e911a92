"""Records on their way into the ledger: written in batches, soon, in their order.

A commit costs more than most trivial steps. So what a run has to say gathers
here and becomes visible together: when somebody wants to read it, when much
has gathered, or after a moment at the latest. A task that runs is only
written when it lasts longer than that moment, and then with what it reads.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Iterable, Sequence
from contextlib import suppress

from artifact_plugins.errors import (
    ArtifactPluginsError,
    CommitUnknownError,
    LedgerBusyError,
    StoreError,
    describe,
)
from artifact_plugins.failpoints import failpoint
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    Batch,
    CacheEntry,
    Run,
    Task,
    TaskState,
    VersionQuery,
    every,
)
from artifact_plugins.session import Session
from artifact_plugins.steps.story import Story
from artifact_plugins.steps.views import Inputs, LinkPlan, Made
from artifact_plugins.steps.writing import is_writing, writing

_log = logging.getLogger("artifact_plugins")
PATIENCE_SECONDS = 0.05
_MANY = 64
# What may be over at the next commit; records can be written twice.
_PASSING = (LedgerBusyError, CommitUnknownError, StoreError, KeyboardInterrupt, SystemExit)


class Outgoing:
    """What one run has not written yet; any thread may use it.

    The lock is held while rows are written: a task that ends waits for it, so
    RUNNING never comes after SUCCEEDED. What cannot be written because the ledger
    is locked, full or away is written with what comes next; only versions are
    given up, and their tasks are FAILED then.

    Attributes:
        lost: Why tasks that had ended are FAILED after all, by task id.
    """

    def __init__(self, session: Session, story: Story) -> None:
        self._session = session
        self._story = story
        self._begin()
        _open.add(self)

    def _begin(self) -> None:
        """Have nothing to write; also in a forked child, whose parent writes it."""
        self._lock = threading.RLock()
        self._starting: dict[str, tuple[float, Task, Inputs]] = {}
        self._shown: set[str] = set()
        self._runs: dict[str, Run] = {}
        self._tasks: dict[str, Task] = {}
        self._links: list[LinkPlan] = []
        self._kept: tuple[ArtifactTaskLink, ...] = ()
        self._made: list[Made] = []
        self._gone: set[str | None] = set()
        self.lost: dict[str, BaseException] = {}
        self._since = 0.0
        self._must_sync = False
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def start(self, task: Task, inputs: Inputs) -> None:
        """Take note of a task that starts; `inputs` gives what it was called with if it lasts."""
        with self._lock:
            self._starting[task.id] = (time.monotonic(), task, inputs)
            if self._thread is None:
                self._watch()

    def add(
        self,
        *,
        runs: Iterable[Run] = (),
        tasks: Iterable[Task] = (),
        inputs: Iterable[LinkPlan] = (),
        links: Iterable[LinkPlan] = (),
        made: Iterable[Made] = (),
        must_sync: bool = True,
    ) -> None:
        """Take records, and write them when there are many; see `take`.

        Raises:
            ArtifactPluginsError: What was taken could not be written.
        """
        self.take(
            runs=runs, tasks=tasks, inputs=inputs, links=links, made=made, must_sync=must_sync
        )
        self.write_due()

    def take(
        self,
        *,
        runs: Iterable[Run] = (),
        tasks: Iterable[Task] = (),
        inputs: Iterable[LinkPlan] = (),
        links: Iterable[LinkPlan] = (),
        made: Iterable[Made] = (),
        must_sync: bool = True,
    ) -> None:
        """Take records; those of one call become visible together.

        From here on the bytes of `made` are kept or removed as their commit ends.

        Args:
            inputs: Links that may be written already, since their task lasted.
            must_sync: Whether a power cut after the commit must not lose them.

        Raises:
            ArtifactPluginsError: What was taken before could not be written;
                nothing was taken.
        """
        with self._lock:
            self._raise_late()
            if not (self._tasks or self._runs or self._links):
                self._since = time.monotonic()
                if self._thread is None:
                    self._watch()
            for run in runs:
                self._runs[run.id] = run
            for task in tasks:
                self._starting.pop(task.id, None)
                self._tasks[task.id] = task
            self._links.extend(self._unshown(inputs))
            self._links.extend(links)
            self._made.extend(made)
            self._must_sync = self._must_sync or must_sync

    def write_due(self) -> None:
        """Write everything when it is much, or has waited long; see `flush`."""
        with self._lock:
            if len(self._tasks) >= _MANY or time.monotonic() - self._since > PATIENCE_SECONDS:
                self.flush()

    def commit_cached(
        self,
        *,
        tasks: Sequence[Task],
        inputs: Iterable[LinkPlan],
        links: Sequence[LinkPlan],
        made: Sequence[Made],
        cache: CacheEntry,
    ) -> None:
        """Write the end of a task whose results others may use, by itself and at once.

        Raises:
            CacheEntryTakenError: Another task was first; nothing was written and
                the bytes are gone.
            ArtifactPluginsError: It could not be written, likewise.
        """
        with self._lock, writing():
            try:
                self.flush()
            except BaseException:
                for item in made:
                    item.staged.discard()
                raise
            for task in tasks:
                self._starting.pop(task.id, None)
            plans = [*self._unshown(inputs), *links]
            batch = Batch(
                tasks=tuple(tasks),
                links=tuple([link for plan in plans for link in plan.links()]),
                cache=(cache,),
            )
            _begin_commit(made)
            committed = self._session.commit(batch, [item.staged for item in made])
            failpoint("step.after_commit")
            self._note(batch, made, committed)

    def require(self, task_id: str) -> None:
        """Make the row of a task that runs visible now."""
        with self._lock:
            noted = self._starting.pop(task_id, None)
            if noted is not None:
                self._show(*noted[1:])
            self.flush()

    def forget(self, task_id: str) -> None:
        """Let go of a task that starts: its process was forked, or it never runs."""
        with self._lock:
            self._starting.pop(task_id, None)

    def flush(self) -> None:
        """Write everything now, in one transaction.

        Raises:
            ArtifactPluginsError: It could not be written; tasks that made
                versions in it are FAILED, and their bytes are gone.
        """
        with self._lock:
            self._raise_late()
            self._write()

    def show(self) -> None:
        """Write everything for somebody who is about to read; the run hears of it, too.

        A run that is writing in another thread at this moment is not waited for
        by an observer of a commit: two of them could wait for each other.

        Raises:
            ArtifactPluginsError: As `flush`.
        """
        if not self._lock.acquire(blocking=not is_writing()):
            return
        try:
            has_made = bool(self._made)
            try:
                self._write()
            except Exception as error:
                if has_made:
                    self._error = self._error or error
                raise
        finally:
            self._lock.release()

    def close(self) -> None:
        """Stop watching; what is here stays here."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _show(self, task: Task, inputs: Inputs) -> None:
        """Have a task that runs written, and once what it was called with."""
        self._tasks.setdefault(task.id, task)
        self._links.extend(self._unshown(inputs(task)))
        self._shown.add(task.id)

    def _unshown(self, inputs: Iterable[LinkPlan]) -> list[LinkPlan]:
        return [plan for plan in inputs if plan.task.id not in self._shown]

    def _write(self) -> None:
        runs, tasks, links, made = self._runs, self._tasks, self._links, self._made
        if not (runs or tasks or links or made or self._kept):
            return
        kept, self._kept = self._kept, ()
        self._runs, self._tasks, self._links, self._made = {}, {}, [], []
        durable, self._must_sync = (None if self._must_sync else False), False
        new = [link for plan in links for link in plan.links()]
        if self._gone:  # a link to a version that never was would take all others with it
            new = [link for link in new if link.version_id not in self._gone]
        batch = Batch(runs=tuple(runs.values()), tasks=tuple(tasks.values()), links=(*kept, *new))
        with writing():
            self._commit(batch, made, durable=durable)

    def _commit(self, batch: Batch, made: Sequence[Made], *, durable: bool | None) -> None:
        try:
            if made:
                _begin_commit(made)
            committed = self._session.commit(batch, [item.staged for item in made], durable=durable)
        except BaseException as error:
            if not made:
                self._keep(batch, error)
            elif not self._was_committed(batch, made, error):
                self._mark_lost(batch, made, error)
            raise
        if made:
            failpoint("step.after_commit")
        self._note(batch, made, committed)

    def _note(
        self, batch: Batch, made: Sequence[Made], committed: Iterable[ArtifactVersion]
    ) -> None:
        for item, version in zip(made, committed, strict=True):
            item.stored.version = version
        self._story.add(batch, committed)

    def _was_committed(self, batch: Batch, made: Sequence[Made], error: BaseException) -> bool:
        """Look whether an interrupt came after the commit, which is all or nothing."""
        if isinstance(error, Exception):
            return False
        ids = tuple(item.staged.draft.version.id for item in made)
        try:
            query = VersionQuery(ids=ids, is_deleted=None)
            found = {v.id: v for v in every(self._session.committed.versions, query)}
        except ArtifactPluginsError:
            return False
        if len(found) < len(ids):
            return False
        self._note(batch, made, [found[version_id] for version_id in ids])
        return True

    def _mark_lost(self, batch: Batch, made: Sequence[Made], error: BaseException) -> None:
        """Say of tasks that their outputs are lost, if that much can be written."""
        makers = {item.staged.draft.version.task_id for item in made}
        lost = {"state": TaskState.FAILED, "error": describe(error)}
        tasks = tuple(
            task.model_copy(update=lost) if task.id in makers else task for task in batch.tasks
        )
        self._gone.update(item.staged.draft.version.id for item in made)
        links = tuple([link for link in batch.links if link.version_id not in self._gone])
        rest = Batch(runs=batch.runs, tasks=tasks, links=links)
        try:
            self._story.add(rest, self._session.commit(rest, ()))
        except ArtifactPluginsError as again:
            self._keep(rest, again)
        for task in tasks:
            if task.id in makers:
                self.lost[task.id] = error
                tell_failure(self._session, task, error)

    def _keep(self, batch: Batch, error: BaseException) -> None:
        """Take records back for the next commit, unless that would fail as well."""
        if not (isinstance(error, _PASSING) or getattr(error, "retryable", False)):
            _log.warning("%d tasks could not be recorded", len(batch.tasks), exc_info=error)
            self._shown.difference_update(link.task_id for link in batch.links)
            return
        self._runs = {run.id: run for run in batch.runs} | self._runs
        self._tasks = {task.id: task for task in batch.tasks} | self._tasks
        self._kept = (*batch.links, *self._kept)
        self._must_sync = True

    def _raise_late(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _watch(self) -> None:
        self._thread = threading.Thread(
            target=self._keep_writing, name="artifact_plugins-outgoing", daemon=True
        )
        self._thread.start()

    def _keep_writing(self) -> None:
        while not self._stop.wait(PATIENCE_SECONDS):
            with self._lock:
                self._write_late(time.monotonic() - PATIENCE_SECONDS)

    def _write_late(self, before: float) -> None:
        late = [starting for starting in self._starting.values() if starting[0] <= before]
        for _, task, inputs in late:
            del self._starting[task.id]
            self._show(task, inputs)
        is_due = (self._tasks or self._links or self._kept) and self._since <= before
        if not (late or is_due) or self._error is not None:
            return
        has_made = bool(self._made)
        try:
            self._write()
        except Exception as error:  # noqa: BLE001  # raised where the run next writes or ends
            if has_made or not isinstance(error, _PASSING):
                self._error = error


_open: weakref.WeakSet[Outgoing] = weakref.WeakSet()


def _after_fork() -> None:
    """In a child: its parent writes what there is, and may hold the locks for ever."""
    for outgoing in list(_open):
        outgoing._begin()


os.register_at_fork(after_in_child=_after_fork)


def _begin_commit(made: Sequence[Made]) -> None:
    """What stops it here stops it before anything can be committed."""
    try:
        failpoint("step.before_commit")
    except BaseException:
        for item in made:
            item.staged.discard()
        raise


def tell_failure(session: Session, task: Task, error: BaseException) -> None:
    """Note on an exception which task it ended, and call the hooks that listen."""
    with suppress(Exception):  # an exception may forbid notes
        error.add_note(f"in task {task.scope_path!r} of run {task.run_id}, attempt {task.attempt}")
    if session.plugins.listens("on_step_error"):
        session.plugins.call("on_step_error", task=task, error=error)
