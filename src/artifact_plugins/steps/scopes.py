"""Groups and the bodies inside them: names, what is handed down (R6), what leaves (R3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from artifact_plugins.errors import HandleUsageError
from artifact_plugins.records import IOType, Producer, Task, TaskType, new_id, now
from artifact_plugins.steps.views import CHANNEL, NOBODY, Incoming, LinkPlan, Origin

if TYPE_CHECKING:
    from artifact_plugins.steps.scheduler import Node

ROOT = "ROOT"


class Group:
    """A task that other tasks run in.

    Attributes:
        task: Its record.
        outer: The body that it is part of; None for ROOT.
        wanted: Links found so far that nobody has taken to the ledger yet.
        late: The same, of values that were still in the making.
        nodes: What happens inside and had not ended, or failed, when it was called.
        has_ended: Whether something inside has ended that was not skipped.
    """

    __slots__ = ("_ports", "_taken", "has_ended", "late", "nodes", "outer", "task", "wanted")

    def __init__(self, task: Task, outer: Scope | None) -> None:
        self.task = task
        self.outer = outer
        self.wanted: list[LinkPlan] = []
        self.late: list[LinkPlan] = []
        self.nodes: list[Node] = []
        self.has_ended = False
        self._ports: dict[str, tuple[int, ...]] = {}
        self._taken: dict[tuple[int, ...], tuple[Incoming, ...]] = {}

    @property
    def producer(self) -> Producer:
        """Itself, as tasks beside it name it."""
        return Producer(task_name=self.task.name, iteration=self.task.iteration_index)

    def take(self, items: Sequence[Incoming], port: str) -> tuple[Incoming, ...]:
        """Hand values down: a link of the group the first time, then what its tasks see.

        Args:
            items: As a task beside the group would get them.
            port: Name of the port, if no other value has it.
        """
        key = tuple(id(item.stored) for item in items)
        known = self._taken.get(key)
        if known is None:
            name = self.port(port, key)
            for position, (io_type, producer, stored) in enumerate(items):
                plan = LinkPlan(self.task, io_type, name, stored, producer, position)
                (self.wanted if stored.source is None else self.late).append(plan)
            known = self._taken[key] = self.hand_down(items)
        return known

    def hand_down(self, items: Sequence[Incoming]) -> tuple[Incoming, ...]:
        """Return what tasks inside get of inputs of the group (R6)."""
        holder = Producer(task_name=self.task.name)
        return tuple(
            Incoming(IOType.COMPONENT_INPUT, holder if producer == NOBODY else producer, stored)
            for _, producer, stored in items
        )

    def port(self, wanted: str, key: tuple[int, ...]) -> str:
        """Return the name of the port of a value: `wanted`, or `wanted-2`, ..."""
        name, number = wanted, 1
        while self._ports.get(name, key) != key:
            number += 1
            name = f"{wanted}-{number}"
        self._ports[name] = key
        return name

    def leaving(self, origin: Origin) -> tuple[IOType, Producer]:
        """Return type and producer of the link of a value that leaves the group (R3)."""
        kind = self.task.type
        if kind is TaskType.LOOP or origin.is_fan_out:
            io_type = IOType.ITERATOR_OUTPUT
        elif kind is TaskType.CONDITION_BRANCH:
            io_type = IOType.ONE_OF_OUTPUT
        elif not origin.is_group:
            io_type = IOType.OUTPUT
        else:
            io_type = origin.io_type
        iteration = origin.child_iteration
        if iteration is None:
            iteration = origin.iteration
        return io_type, Producer(task_name=origin.child, iteration=iteration)


class Scope:
    """One execution of a body: of a pipeline, a branch, or one iteration of a loop.

    Attributes:
        group: The task that the body runs in.
        index: Iteration that its tasks have; None outside loops.
    """

    __slots__ = ("_names", "_numbers", "group", "index")

    def __init__(self, group: Group, index: int | None) -> None:
        self.group = group
        self.index = index
        self._names = {ROOT}
        self._numbers: dict[str, int] = {}

    @property
    def outer(self) -> Scope | None:
        """The body around the group; None for the body of the run."""
        return self.group.outer

    def task_name(self, wanted: str) -> str:
        """Return `wanted`, or `wanted-2`, `-3`, ... when a task of the body has that name."""
        name = wanted
        while name in self._names:
            name = f"{wanted}-{self.number(wanted) + 1}"
        self._names.add(name)
        return name

    def group_name(self, kind: str) -> str:
        """Return the name of the next group of a kind: `for-loop-1`, ..."""
        return self.task_name(f"{kind}-{self.number(kind)}")

    def number(self, of: str) -> int:
        """Return 1, 2, ... for each thing of a kind."""
        count = self._numbers[of] = self._numbers.get(of, 0) + 1
        return count

    def number_around(self, of: str) -> int:
        """Do the same, counted on from the bodies around: unique in what can be captured."""
        count, scope = self.number(of), self.outer
        while scope is not None:
            count += scope._numbers.get(of, 0)
            scope = scope.outer
        return count

    def make_task(
        self, name: str, task_type: TaskType = TaskType.RUNTIME, *, count: int | None = None
    ) -> Task:
        """Make the record of a task of this body that starts now."""
        parent = self.group.task
        shown = name
        if self.index is not None and parent.type is TaskType.LOOP:
            shown = f"{name}#{self.index}"
        return Task(
            id=new_id(),
            run_id=parent.run_id,
            parent_id=parent.id,
            name=name,
            scope_path=f"{parent.scope_path}/{shown}",
            type=task_type,
            iteration_index=self.index,
            iteration_count=count,
            started_at=now(),
        )

    def make_group(self, name: str, task_type: TaskType, *, count: int | None = None) -> Group:
        """Make a group of this body that opens now."""
        return Group(self.make_task(name, task_type, count=count), self)

    def contains(self, home: Scope) -> bool:
        """Whether values of `home` can be seen here: it is this body or one around it."""
        scope: Scope | None = self
        while scope is not None:
            if scope is home:
                return True
            scope = scope.outer
        return False

    def bring(self, items: Sequence[Incoming], home: Scope, port: str) -> tuple[Incoming, ...]:
        """Return values of `home` as tasks of this body get them.

        Every group on the way gets its own input link once.

        Args:
            items: As tasks of `home` get them.
            home: This body or one around it.
            port: Name of the port they get on the groups.

        Raises:
            HandleUsageError: `home` is a group that does not reach here.
        """
        if home is self:
            return tuple(items)
        if self.outer is None or not self.contains(home):
            raise foreign(home)
        return self.group.take(self.outer.bring(items, home, port), port)


class Exposure(NamedTuple):
    """A loop that shows the outputs of this call as its own (R3).

    Attributes:
        loop: The LOOP.
        position: Place of the iteration among its links.
    """

    loop: Group
    position: int


class Place(NamedTuple):
    """Where in the run a call happens.

    Attributes:
        name: Name of the task.
        scope: The body it is part of.
        exposure: The loop that shows its outputs, for a mapped step.
    """

    name: str
    scope: Scope
    exposure: Exposure | None = None


def foreign(home: Scope) -> HandleUsageError:
    """Return the error of a value that is used outside the group it was made in."""
    return HandleUsageError(
        f"a result made inside {home.group.task.scope_path!r} was used outside of it",
        hint="return it from there, and use what the call gives back; nothing was called",
    )


def literal_port(name: str) -> str:
    """Return the name of the port of a list that was put together in the body."""
    return f"{CHANNEL}{name}"


def exposed_port(name: str, key: str) -> str:
    """Return the name of a loop's output: the one of the step inside."""
    return f"{CHANNEL}{name}-{key}"


def leaf_origin(task: Task, key: str) -> Origin:
    """Return where an output of a leaf task comes from."""
    return Origin(task.name, task.iteration_index, key, leaf_type(task))


def leaf_type(task: Task) -> IOType:
    """Return the type of an output link of a leaf task (R2)."""
    return IOType.OUTPUT if task.iteration_index is None else IOType.ITERATOR_OUTPUT


def own_producer(task: Task) -> Producer:
    """Return a leaf task as the producer of its outputs."""
    return Producer(task_name=task.name, iteration=task.iteration_index)
