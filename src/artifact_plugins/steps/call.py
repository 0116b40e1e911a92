"""One step call as the driver sees it: open, run here or elsewhere, commit, tell.

resolve       arguments are links already; nothing is written yet
open          the task starts; it becomes visible when it lasts
run           inputs, function, outputs: `job`, in this thread, a pool or a worker
commit        versions, links and SUCCEEDED become visible together
after         hooks that only observe
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from artifact_plugins.errors import (
    ArtifactPluginsError,
    CacheEntryTakenError,
    RunInterruptedError,
)
from artifact_plugins.records import (
    ArtifactVersion,
    IOType,
    Task,
    TaskQuery,
    TaskState,
    now,
)
from artifact_plugins.session.saving import Staged
from artifact_plugins.steps.active import ActiveRun, ended
from artifact_plugins.steps.bindings import Argument
from artifact_plugins.steps.inside import ActiveTask
from artifact_plugins.steps.job import Code, Outcome, StagedOutputs, each, perform
from artifact_plugins.steps.lanes import Lane, Report, lane_for
from artifact_plugins.steps.outgoing import tell_failure
from artifact_plugins.steps.scheduler import Node
from artifact_plugins.steps.scopes import Place, exposed_port, leaf_type, own_producer
from artifact_plugins.steps.views import LinkPlan, Made, Stored

if TYPE_CHECKING:
    from artifact_plugins.steps.cache import CacheKey


class Call(Node):
    """One task and everything around it.

    Attributes:
        task: Its record.
        outputs: The values it makes, by key.
    """

    def __init__(
        self, run: ActiveRun, code: Code, arguments: Mapping[str, Argument], place: Place
    ) -> None:
        super().__init__()
        self.run = run
        self.code = code
        self.arguments = arguments
        self.place = place
        self.task: Task = place.scope.make_task(place.name)
        self.lane: Lane | None = None
        self.outputs: dict[str, Stored] = {
            port.key: Stored(None, source=self) for port in code.signature.outputs
        }
        self._seconds = 0.0
        self._has_bytes = True  # what it stages is nobody else's to remove
        self._is_told = False  # the ledger says, or will say, how it ended
        self._key: CacheKey | None = None
        self._replaces: str | None = None
        self.is_served = False

    # ---- here and now

    def make(self, sources: Sequence[Node]) -> None:
        """Run it in this thread, unless what it needs could not be made.

        What the step raises is kept, with a note, for whoever asks for its outputs.

        Raises:
            BaseException: An interrupt, or why its outputs could not be recorded.
        """
        run, active = self.run, self.active()
        if sources:
            run.scheduler.wait_all(sources)
        cause = next((node.error for node in sources if node.error is not None), None)
        if cause is not None:
            self.skip(cause)
            self._end_without_outputs(cause, is_skipped=True)
            return
        for name, argument in self.arguments.items():
            _settle(run, self.code, name, argument)
        if self.serve():
            self.is_done = True
            return
        self.open()
        outcome: Outcome | None = None
        try:
            outcome = perform(self.code, self.arguments, active, self.start)
            self.commit(active.record, outcome.staged, active.read, outcome.seconds)
        except BaseException as error:
            report = Report(active.record, error=error, read=active.read)
            self._give_up(report, outcome.staged if outcome is not None else {})
            # A forked child must not go on with the body of its parent.
            if outcome is not None or not isinstance(error, Exception) or not run.is_ours:
                raise
            self._end_without_outputs(error)
            return
        self.release()
        self.is_done = True
        self.announce()

    def _end_without_outputs(self, error: BaseException, *, is_skipped: bool = False) -> None:
        self.place.scope.group.nodes.append(self)
        self.run.scheduler.end_here(self, error, is_skipped=is_skipped)

    def open(self) -> None:
        """Take note that the task starts."""
        run = self.run
        self.start(self.task)
        if run.session.plugins.listens("before_step_run"):
            run.outgoing.require(self.task.id)

    def start(self, task: Task) -> None:
        """Take note of an attempt that starts."""
        self.run.outgoing.start(task, self._input_links)

    def active(self) -> ActiveTask:
        """Return what the step function can ask for, in this process."""
        return ActiveTask(self.run.session, self.task, list(self.outputs), self._log)

    def _log(self, staged: Staged, plan: LinkPlan) -> ArtifactVersion:
        outgoing, stored = self.run.outgoing, plan.stored
        outgoing.require(plan.task.id)
        outgoing.add(links=[plan], made=[Made(staged, stored)])
        outgoing.flush()
        assert stored.version is not None
        return stored.version

    # ---- from the cache

    def serve(self) -> bool:
        """Use the results of an earlier task, if there is one with the same key (R11)."""
        run, code = self.run, self.code
        wanted = run.session.settings.cache if code.cache is None else code.cache
        if not wanted:
            return False
        from artifact_plugins.steps import cache  # late: reads source code, which few runs need

        self._key = cache.cache_key(run.session, code, self.arguments)
        hit = cache.find_hit(run.session, code, self._key)
        self._replaces = hit.task_id if hit is not None else None
        if hit is None or hit.versions is None:
            return False
        for key, found in hit.versions.items():
            self.outputs[key].version, self.outputs[key].parts = found.version, found.parts
        update = {"state": TaskState.CACHED, "ended_at": now(), "cache_key": self._key.key}
        self.task = task = self.task.model_copy(update=update)
        inputs, links = self._input_links(task), self._output_links(task)
        run.outgoing.add(tasks=[task], inputs=inputs, links=links)
        self.release()
        self.is_served = True
        return True

    # ---- how it ends

    def commit(
        self,
        record: Task,
        staged: StagedOutputs,
        read: Sequence[LinkPlan],
        seconds: float,
        logged: Sequence[tuple[Staged, LinkPlan]] = (),
    ) -> None:
        """Hand everything of a task that succeeded to the ledger."""
        self._seconds = seconds
        self.task = done = ended(record)
        made = []
        for key, item in staged.items():
            made += _fill(self.outputs[key], item)
        inputs = self._input_links(done)
        links = [*read, *self._output_links(done)]
        links += [plan for _, plan in logged]
        made += [Made(item, plan.stored) for item, plan in logged]
        if self._key is not None:
            self._commit_cached(done, inputs, links, made)
            return
        outgoing, plugins = self.run.outgoing, self.run.session.plugins
        outgoing.take(tasks=[done], inputs=inputs, links=links, made=made)
        self._has_bytes, self._is_told = False, True
        if plugins.listens("after_step_run") or plugins.listens("after_artifact_saved"):
            outgoing.flush()
        else:
            outgoing.write_due()

    def _give_up(self, report: Report, staged: StagedOutputs) -> None:
        """Record a task that failed, unless the ledger has told already what became of it."""
        assert report.error is not None
        if self._has_bytes:
            for item in each(staged):
                item.discard()
        if not self._is_told:
            self.fail(report.record, report.read, report.error, report.logged)

    def _commit_cached(
        self,
        done: Task,
        inputs: Sequence[LinkPlan],
        links: Sequence[LinkPlan],
        made: Sequence[Made],
    ) -> None:
        """Commit results that others may use; use theirs when somebody was first."""
        assert self._key is not None
        self.task = done = done.model_copy(update={"cache_key": self._key.key})
        entry = self._key.entry(done, self._replaces)
        self._has_bytes = False
        try:
            self.run.outgoing.commit_cached(
                tasks=[done], inputs=inputs, links=links, made=made, cache=entry
            )
        except CacheEntryTakenError:
            if not self.serve():
                raise
        except BaseException:
            # An interrupt may come right after the commit.
            with suppress(ArtifactPluginsError):
                written = self.run.session.committed.tasks(TaskQuery(ids=(done.id,)), limit=1)
                self._is_told = [task.state for task in written] == [TaskState.SUCCEEDED]
            raise
        self._is_told = True

    def release(self) -> None:
        """The outputs are there."""
        self.place.scope.group.has_ended = True
        for stored in self.outputs.values():
            stored.source = None

    def fail(
        self,
        record: Task,
        read: Sequence[LinkPlan],
        error: BaseException,
        logged: Sequence[tuple[Staged, LinkPlan]] = (),
    ) -> None:
        """Record a task that failed, with what it had read."""
        run = self.run
        if not run.is_ours:
            return  # a forked child; the task is its parent's
        self.task = task = ended(record, error)
        if logged:
            run.outgoing.add(
                tasks=[task],
                links=[plan for _, plan in logged],
                made=[Made(item, plan.stored) for item, plan in logged],
            )
        run.try_write(task, read, inputs=self._input_links(task))
        tell_failure(run.session, task, error)

    def announce(self) -> None:
        """Call the hooks that only observe."""
        plugins = self.run.session.plugins
        if self.error is None and not self.is_served and plugins.listens("after_step_run"):
            versions = {
                key if part is stored else f"{key}.{name}": part.version
                for key, stored in self.outputs.items()
                for name, part in (stored.parts or {"": stored}).items()
            }
            plugins.call(
                "after_step_run",
                task=self.task,
                outputs=versions,
                duration_seconds=self._seconds,
            )

    def _input_links(self, task: Task) -> list[LinkPlan]:
        return [
            plan
            for name, argument in self.arguments.items()
            for plan in argument.plans(task, name)
            if plan.stored.source is None
        ]

    def _output_links(self, task: Task) -> list[LinkPlan]:
        """R2 for the task itself, R3 for the loop it leaves."""
        producer, io_type = own_producer(task), leaf_type(task)
        links = []
        for key, stored in self.outputs.items():
            links.append(LinkPlan(task, io_type, key, stored, producer))
            if self.place.exposure is not None:
                loop, position = self.place.exposure
                port = exposed_port(self.place.name, key)
                links.append(
                    LinkPlan(loop.task, IOType.ITERATOR_OUTPUT, port, stored, producer, position)
                )
        return links

    # ---- elsewhere, through the scheduler

    def launch(self) -> Future[Any] | None:
        """Start it on its lane; None when it is served from the cache."""
        assert self.lane is not None
        for argument in self.arguments.values():
            for item in argument.items:
                self.run.settle(item.stored)
        if self.serve():
            return None
        self.open()
        return self.lane.submit(self)

    def complete(self, future: Future[Any] | None) -> None:
        """Take what came back from its lane."""
        if future is None:
            return
        try:
            assert self.lane is not None
            report = self.lane.report(future)
        except CancelledError:
            report = Report(self.task, error=RunInterruptedError("the task was cancelled"))
        except BaseException as error:  # noqa: BLE001  # recorded, then raised where it is waited for
            report = Report(self.task, error=error)
        if report.error is None and report.outcome is not None:
            outcome: Outcome = report.outcome
            try:
                self.commit(
                    report.record, outcome.staged, report.read, outcome.seconds, report.logged
                )
            except BaseException as error:  # noqa: BLE001  # as above
                report.error = error
            else:
                self.release()
                return
        self.error = report.error
        self._give_up(report, report.outcome.staged if report.outcome is not None else {})

    def lost(self) -> BaseException | None:
        """Return why its outputs are not there although it had made them."""
        return self.run.outgoing.lost.get(self.task.id)

    def skip(self, cause: BaseException) -> None:
        """Record that it is not run: what it needs is not there."""
        run = self.run
        run.outgoing.forget(self.task.id)
        is_interrupted = isinstance(cause, RunInterruptedError)
        state = TaskState.FAILED if is_interrupted else TaskState.SKIPPED
        update = {
            "state": state,
            "ended_at": now(),
            "error": str(cause) if is_interrupted else None,
        }
        self.task = self.task.model_copy(update=update)
        run.outgoing.add(tasks=[self.task], links=self._input_links(self.task))


def call_step(run: ActiveRun, code: Code, arguments: Mapping[str, Argument], place: Place) -> Call:
    """Make one call of a step: at once, or as soon as its inputs are there.

    A step that raises ends neither the body nor anything that does not need it.

    Raises:
        MaterializerError, StoreError, LedgerError: Its outputs could not be
            registered, when it runs here; the task is FAILED then.
    """
    call = Call(run, code, arguments, place)
    run.bring_in()
    call.lane = lane_for(run, code)
    sources = {
        item.stored.source: None
        for argument in arguments.values()
        for item in argument.items
        if item.stored.source is not None
    }
    if call.lane is None:
        call.make(tuple(sources))
        return call
    place.scope.group.nodes.append(call)
    run.scheduler.add(call, sources)
    return call


def _fill(stored: Stored, item: Staged | Mapping[str, Staged]) -> list[Made]:
    """Give a value the records of what was staged for it."""
    if isinstance(item, Staged):
        stored.version = item.draft.version
        return [Made(item, stored)]
    stored.parts = {name: Stored(part.draft.version) for name, part in item.items()}
    return [Made(item[name], part) for name, part in stored.parts.items()]


def _settle(run: ActiveRun, code: Code, name: str, argument: Argument) -> None:
    """See that a record that is handed over has its number."""
    port = code.signature.inputs[name]
    if port.is_record or port.is_lazy or argument.is_list:
        for item in argument.items:
            run.settle(item.stored)
