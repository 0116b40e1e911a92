"""Who is whose parent and sibling, and which task wrote or read a value where."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import TypeAlias

from artifact_plugins.records import ArtifactTaskLink, IOType, Producer, Task, TaskType

Value: TypeAlias = tuple[str, str]
Place: TypeAlias = tuple[str | None, int | None]
Written: TypeAlias = tuple[Task, ArtifactTaskLink]

_LEAVES = frozenset({TaskType.RUNTIME, TaskType.IMPORTER})


class _Writers:
    """The children of one name that wrote one value: a cache gives it to many iterations."""

    def __init__(self) -> None:
        self._exact: dict[tuple[int | None, int | None], Written] = {}
        self._of_child: dict[int | None, Written] = {}

    def add(self, written: Written) -> None:
        """Take note of one; the first of equals stays."""
        task, link = written
        self._exact.setdefault((task.iteration_index, link.producer.iteration), written)
        self._of_child.setdefault(task.iteration_index, written)

    def find(self, of_child: int | None, of_element: int | None) -> Written | None:
        """Return the one of this iteration, best with this iteration of the element."""
        exact = self._exact.get((of_child, of_element)) or self._of_child.get(of_child)
        return exact or next(iter(self._of_child.values()), None)


class RunTree:
    """The tasks and links of one run, found by what a rule asks for in constant time.

    Attributes:
        tasks: By id.
        inputs, outputs: Links by task id, in the order given.
    """

    def __init__(self, tasks: Iterable[Task] = (), links: Iterable[ArtifactTaskLink] = ()) -> None:
        self.tasks: dict[str, Task] = {}
        self.inputs: dict[str, list[ArtifactTaskLink]] = defaultdict(list)
        self.outputs: dict[str, list[ArtifactTaskLink]] = defaultdict(list)
        self._children: dict[tuple[str | None, str, Value], _Writers] = defaultdict(_Writers)
        self._exposed: dict[tuple[str, str, Value], ArtifactTaskLink] = {}
        self._siblings: dict[tuple[Place, str, Value], list[Written]] = defaultdict(list)
        self._from: dict[tuple[Place, Producer, Value], list[Written]] = defaultdict(list)
        self._read: dict[tuple[str, Producer, Value], ArtifactTaskLink] = {}
        self.add(tasks, links)

    def add(self, tasks: Iterable[Task], links: Iterable[ArtifactTaskLink]) -> None:
        """Take in more of the run: new tasks, and new links in the order in which they were written."""
        self.tasks.update((task.id, task) for task in tasks)
        for link in links:
            task = self.tasks.get(link.task_id)
            if task is not None:  # without its task a link says nothing about the tree
                self._add(task, link)

    def _add(self, task: Task, link: ArtifactTaskLink) -> None:
        value = value_of(link)
        if not link.io_type.is_output:
            self.inputs[task.id].append(link)
            self._read.setdefault((task.id, link.producer, value), link)
            return
        self.outputs[task.id].append(link)
        place, written = place_of(task), (task, link)
        self._children[task.parent_id, task.name, value].add(written)
        self._exposed.setdefault((task.id, link.producer.task_name, value), link)
        self._siblings[place, task.name, value].append(written)
        self._from[place, link.producer, value].append(written)

    def parent(self, task: Task) -> Task | None:
        """Return the group that a task is in; None for the ROOT."""
        return self.tasks.get(task.parent_id) if task.parent_id is not None else None

    def fed_by(self, group: Task, link: ArtifactTaskLink) -> Written | None:
        """Return the child of a group, and its output link, that the group exposes by a link."""
        writers = self._children.get((group.id, link.producer.task_name, value_of(link)))
        if writers is None:
            return None
        said = link.producer.iteration
        of_child = said if group.type is TaskType.LOOP else group.iteration_index
        return writers.find(of_child, said)

    def exposes(self, group: Task, child: str, value: Value) -> ArtifactTaskLink | None:
        """Return the output link of a group that exposes this value of a child."""
        return self._exposed.get((group.id, child, value))

    def siblings_with(self, reader: Task, name: str, value: Value) -> list[Written]:
        """Return the output links with a value of the siblings of that name and iteration."""
        return self._siblings.get((place_of(reader), name, value), [])

    def siblings_from(self, reader: Task, producer: Producer, value: Value) -> list[Written]:
        """Return the output links of siblings that name this producer and hold this value."""
        return self._from.get((place_of(reader), producer, value), [])

    def reads(self, task: Task, producer: Producer, value: Value) -> ArtifactTaskLink | None:
        """Return the input link of a task that names this producer and holds this value."""
        return self._read.get((task.id, producer, value))

    def path(self, task: Task) -> list[Task]:
        """Return the tasks from the root down to this one."""
        found, seen = [task], {task.id}
        while (above := self.parent(found[-1])) is not None and above.id not in seen:
            found.append(above)
            seen.add(above.id)
        return found[::-1]


def is_group(task: Task) -> bool:
    """Tell whether a task only holds others: a loop, a branch, a pipeline."""
    return task.type not in _LEAVES


def is_picked(group: Task, link: ArtifactTaskLink, child: Task, inner: ArtifactTaskLink) -> bool:
    """Tell whether a group exposes one element of a child's fan-out, which KFP cannot do.

    Args:
        group: The task of `link`, an output.
        child: The task of `inner`, the output that it exposes.
    """
    fan_out = IOType.ITERATOR_OUTPUT
    is_fan_out = is_group(child) and inner.io_type is fan_out
    return is_fan_out and group.type is not TaskType.LOOP and link.io_type is not fan_out


def place_of(task: Task) -> Place:
    """Return what tasks share that see each other's outputs: the parent and the iteration."""
    return task.parent_id, task.iteration_index


def value_of(link: ArtifactTaskLink) -> Value:
    """Return the version of a link, or its parameter as text."""
    if link.version_id is not None:
        return "version", link.version_id
    return "parameter", json.dumps(link.value, sort_keys=True)
