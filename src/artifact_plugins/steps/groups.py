"""Groups open, their results leave them (R3), and they close when everything inside has ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from artifact_plugins.errors import HandleUsageError, RunInterruptedError
from artifact_plugins.records import IOType, TaskState, TaskType
from artifact_plugins.steps.active import ActiveRun, ended
from artifact_plugins.steps.handles import FanOut, Handle, OutputHandles
from artifact_plugins.steps.scheduler import Node
from artifact_plugins.steps.scopes import Group, Scope, foreign
from artifact_plugins.steps.views import CHANNEL, LinkPlan, Origin


class Leaving:
    """What leaves one group: links of the group, and the same values seen from around it.

    Attributes:
        plans: Links that nobody has taken yet; positions count per key.
    """

    def __init__(self, run: ActiveRun, group: Group) -> None:
        self.plans: list[LinkPlan] = []
        self._run = run
        self._group = group
        self._positions: dict[str, int] = {}

    def take_made(self) -> list[LinkPlan]:
        """Return the links whose values are there; they are the caller's now."""
        made: list[LinkPlan] = []
        waiting: list[LinkPlan] = []
        for plan in self.plans:  # looked at once: another thread may be making it
            (made if plan.stored.source is None else waiting).append(plan)
        self.plans = waiting
        return made

    def through(self, item: Any, inner: Scope, key: str | None) -> Any:
        """Let one result out of the body `inner`.

        Args:
            item: What the body returned: a handle, a fan-out, a list of them,
                or anything else, which comes back as it is.
            key: Name of the output; None names it after what is inside.

        Raises:
            HandleUsageError: A handle of a group that has no part in this, or
                a list that holds itself.
        """
        if isinstance(item, Handle):
            return self._handle(item, inner, key)
        if isinstance(item, FanOut):
            return self._fan_out(item, inner, key)
        if isinstance(item, OutputHandles):
            raise HandleUsageError(
                f"{item!r} was returned as one of several outputs",
                hint="return each of its outputs by a name of its own",
            )
        if type(item) in (list, tuple) and _holds_handles(item):
            return [self.through(element, inner, key) for element in item]
        return item

    def _handle(self, handle: Handle, inner: Scope, key: str | None) -> Any:
        if not inner.contains(handle._home):
            raise foreign(handle._home)
        origin = handle._origin
        kind = self._group.task.type
        if handle._home is not inner or origin is None:
            if kind is not TaskType.LOOP and kind is not TaskType.ROOT:
                # Handed through: nobody inside made it.
                return handle._passed if handle._home is inner else handle
            made = handle._producer
            origin = Origin(made.task_name, made.iteration, handle._group_port(), IOType.OUTPUT)
        io_type, producer = self._group.leaving(origin)
        name = key or origin.port
        position = self._positions.get(name, 0)
        self._positions[name] = position + 1
        task = self._group.task
        self.plans.append(LinkPlan(task, io_type, name, handle._stored, producer, position))
        outer = self._group.outer
        if outer is None:
            return handle
        iteration = origin.iteration if origin.is_fan_out else None
        if kind is TaskType.LOOP:
            iteration = inner.index
        seen = Origin(task.name, task.iteration_index, name, io_type, True, iteration)
        return Handle(
            self._run,
            outer,
            handle._stored,
            IOType.TASK_OUTPUT_INPUT,
            producer,
            name,
            origin=seen,
        )

    def _fan_out(self, fan_out: FanOut, inner: Scope, key: str | None) -> Any:
        if not inner.contains(fan_out._home):
            raise foreign(fan_out._home)
        is_given = fan_out._home is not inner or fan_out._io_type is IOType.COMPONENT_INPUT
        if is_given and self._group.task.type is not TaskType.ROOT:
            return fan_out._passed if fan_out._home is inner else fan_out
        elements = [self.through(element, inner, key) for element in fan_out._elements]
        outer = self._group.outer
        if outer is None:
            return fan_out
        port = key or fan_out._port
        if not port.startswith(CHANNEL):
            port = f"{CHANNEL}{self._group.task.name}-{port}"
        return FanOut(self._run, outer, elements, self._group.producer, port)


def named_results(result: Any, what: str) -> tuple[dict[str, Any], bool]:
    """Return what a body returned by the names of its outputs, and whether these are several.

    Raises:
        HandleUsageError: A dict has keys that are no text.
    """
    if isinstance(result, OutputHandles):
        return dict(result._by_key), True
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return dict(zip(result._fields, result, strict=True)), True
    if type(result) is tuple:
        return {f"Output_{number}": item for number, item in enumerate(result)}, True
    if isinstance(result, dict) and any(map(_holds_handles, result.values())):
        for key in result:
            if not isinstance(key, str):
                raise HandleUsageError(
                    f"{what} returned a dict with the key {key!r}",
                    hint="outputs of a pipeline are named by text",
                )
        return dict(result), True
    return {"Output": result}, False


def _holds_handles(item: Any, around: Sequence[Any] = ()) -> bool:
    if not isinstance(item, list | tuple):
        return isinstance(item, Handle | FanOut)
    if any(item is outer for outer in around):
        raise HandleUsageError("a list that holds itself was returned")
    # Every part is looked at: one that comes after a handle may be a cycle.
    found = [_holds_handles(part, (*around, item)) for part in item]
    return any(found)


def regroup(original: Any, named: Mapping[str, Any], is_multiple: bool) -> Any:
    """Return results in the form in which the body returned them."""
    if not is_multiple:
        return named["Output"]
    if isinstance(original, OutputHandles):
        return OutputHandles(dict(named))
    if isinstance(original, tuple):
        values = named.values()
        return type(original)(*values) if hasattr(original, "_fields") else tuple(values)
    return dict(named)


def open_group(run: ActiveRun, group: Group, links: Sequence[LinkPlan] = ()) -> None:
    """Record that a group starts, with what it was given."""
    run.bring_in(tasks=[group.task], links=_there(run, group, links))


def skip_group(run: ActiveRun, group: Group, links: Sequence[LinkPlan] = ()) -> None:
    """Record a group that has nothing to do, with what it was given (R13)."""
    group.task = group.task.model_copy(
        update={"state": TaskState.SKIPPED, "ended_at": group.task.started_at}
    )
    run.bring_in(tasks=[group.task], links=_there(run, group, links))


def close_group(run: ActiveRun, group: Group, plans: Sequence[LinkPlan] = ()) -> None:
    """Record how a group ended: at once, or when the last task inside has ended."""
    links = _there(run, group, plans)
    pending = [node for node in group.nodes if not node.is_done or node.error is not None]
    if not pending:
        if group.outer is not None:
            group.outer.group.has_ended = True
        group.task = ended(group.task)
        run.outgoing.add(tasks=[group.task], links=links)
        return
    run.outgoing.add(links=links)
    end = GroupEnd(run, group)
    if group.outer is not None:
        group.outer.group.nodes.append(end)
    run.scheduler.add(end, pending)


def fail_group(
    run: ActiveRun, group: Group, error: BaseException, links: Sequence[LinkPlan] = ()
) -> None:
    """Record a group whose body raised."""
    if run.is_ours:
        links = _there(run, group, links)
        group.task = ended(group.task, error)
        run.try_write(group.task, links)


def _there(run: ActiveRun, group: Group, links: Iterable[LinkPlan]) -> list[LinkPlan]:
    """Return links of values that are there; the others are written when theirs are."""
    found = [*links, *group.wanted, *group.late]
    group.wanted, group.late = [], []
    made: list[LinkPlan] = []
    late: list[LinkPlan] = []
    for plan in found:
        (made if plan.stored.source is None else late).append(plan)
    if late:
        sources = [plan.stored.source for plan in late]
        run.scheduler.add(LateLinks(run, late), {node for node in sources if node is not None})
    return made


def first_error(group: Group) -> BaseException | None:
    """Return what failed first inside a group whose tasks have ended."""
    return next((node.error for node in group.nodes if node.error is not None), None)


class _Writing(Node):
    """Something that only writes records, whatever became of what it waited for."""

    survives = True

    def __init__(self, run: ActiveRun) -> None:
        super().__init__()
        self._run = run

    def launch(self) -> Future[Any] | None:
        """There is nothing to start."""
        return None


class GroupEnd(_Writing):
    """The end of a group, after everything inside."""

    def __init__(self, run: ActiveRun, group: Group) -> None:
        super().__init__(run)
        self._group = group

    def complete(self, future: Future[Any] | None) -> None:
        """Record the state that the tasks inside leave; SKIPPED when all of them were (R13)."""
        group = self._group
        self.error = first_error(group)
        self.is_skipped = not group.has_ended and all(node.is_skipped for node in group.nodes)
        self._write(self.error)

    def skip(self, cause: BaseException) -> None:
        """Record that the run ended first."""
        self.is_skipped = False
        self._write(RunInterruptedError("the run ended before this group did"))

    def _write(self, error: BaseException | None) -> None:
        task = ended(self._group.task, error)
        if self.is_skipped:
            task = task.model_copy(update={"state": TaskState.SKIPPED, "error": None})
        self._group.task = task
        self._run.outgoing.add(tasks=[task])


class LateLinks(_Writing):
    """Links of a group whose values were still in the making."""

    def __init__(self, run: ActiveRun, plans: Sequence[LinkPlan]) -> None:
        super().__init__(run)
        self._plans = plans

    def complete(self, future: Future[Any] | None) -> None:
        """Record those whose values were made."""
        self._run.outgoing.add(links=[p for p in self._plans if p.stored.source is None])

    def skip(self, cause: BaseException) -> None:
        """Do the same when the run ends first."""
        self.complete(None)
