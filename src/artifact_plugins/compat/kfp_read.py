"""Read the links of a run in either form, Kubeflow's or ours, as ours.

What our form says more is found again from the tree: which child fed a group,
which link of the parent is handed down, which sibling was read. Not to be
found again are: whether a run argument was a pipeline default, whether a value
of the same iteration came alone or as a list of one, where a constant stood
among the steps of a list, and what KFP merged because its links have no
position.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from artifact_plugins.compat.kfp_records import CleanRun, KfpTask
from artifact_plugins.compat.kfp_rows import parameter_links, tasks_of
from artifact_plugins.compat.kfp_write import BY_HAND
from artifact_plugins.compat.tree import (
    Place,
    RunTree,
    is_group,
    is_picked,
    place_of,
    value_of,
)
from artifact_plugins.records import ArtifactTaskLink, IOType, Producer, Task, TaskType

_HARD_CODED = re.compile(r"pipelinechannel--loop-item-param-\d+(-\d+)*")
_NOBODY = Producer()


def read_kfp(tasks: Iterable[KfpTask], links: Iterable[ArtifactTaskLink]) -> CleanRun:
    """Return tasks and links in our form, as far as they are determined.

    Artifact links that are in our form already come back unchanged.

    Args:
        tasks: All tasks of one run, parameters inside.
        links: All its artifact links, in the order in which they were written.

    Returns:
        Artifact links keep their ids. A parameter becomes a link, a list that
        was collected one link per element; their ids depend only on what they
        say.
    """
    rows = list(tasks)
    clean_tasks = tasks_of(rows)
    raw = [*links, *parameter_links(rows)]
    reader = _Reader(RunTree(clean_tasks, raw))
    return CleanRun(tuple(clean_tasks), tuple(_positioned(reader, map(reader.of, raw))))


class _Reader:
    """The rules; every link is read once."""

    def __init__(self, tree: RunTree) -> None:
        self.tree = tree
        self._known: dict[str, ArtifactTaskLink] = {}
        self._origins: dict[str, tuple[int | None, ArtifactTaskLink]] = {}
        self._near: dict[Place, list[Task]] = defaultdict(list)
        for task in tree.tasks.values():
            self._near[place_of(task)].append(task)

    def of(self, link: ArtifactTaskLink) -> ArtifactTaskLink:
        """Return a link in our form."""
        found = self._known.get(link.id)
        if found is None:
            task = self.tree.tasks.get(link.task_id)
            if task is None or link.key.startswith(BY_HAND):
                found = link
            elif link.io_type.is_output:
                found = self._output(task, link)
            else:
                found = self._input(task, link)
            self._known[link.id] = found
        return found

    def order(self, link: ArtifactTaskLink) -> tuple[int, ...]:
        """Return what orders the elements of a list: the iterations in which they were made."""
        if link.io_type in (IOType.ITERATOR_INPUT, IOType.ITERATOR_INPUT_RAW):
            return (_number(link.producer.iteration),)
        found = []
        origin = self._origins.get(link.id)
        while origin is not None:
            iteration, link = origin
            found.append(_number(iteration))
            origin = self._origins.get(link.id)
        return (*found, link.position)

    def _output(self, task: Task, link: ArtifactTaskLink) -> ArtifactTaskLink:
        """Rules R2 and R3."""
        written = self.tree.fed_by(task, link) if is_group(task) else None
        if written is None:
            return link
        child, inner = written
        if is_picked(task, link, child, inner):
            return link
        before = self.of(inner)
        self._origins[link.id] = (child.iteration_index, inner)
        is_fan_out = is_group(child) and before.io_type is IOType.ITERATOR_OUTPUT
        if task.type is TaskType.LOOP or is_fan_out:
            io_type = IOType.ITERATOR_OUTPUT
        elif task.type is TaskType.CONDITION_BRANCH:
            io_type = IOType.ONE_OF_OUTPUT
        else:
            io_type = before.io_type if is_group(child) else IOType.OUTPUT
        iteration = child.iteration_index
        if iteration is None and is_fan_out:
            iteration = before.producer.iteration
        return _changed(link, io_type, Producer(task_name=child.name, iteration=iteration))

    def _input(self, task: Task, link: ArtifactTaskLink) -> ArtifactTaskLink:
        io_type = link.io_type
        if io_type is IOType.ITERATOR_INPUT and _HARD_CODED.fullmatch(link.key):
            producer = Producer(iteration=link.producer.iteration)
            return _changed(link, IOType.ITERATOR_INPUT_RAW, producer)
        if io_type in (IOType.RUNTIME_VALUE_INPUT, IOType.COMPONENT_DEFAULT_INPUT):
            return _changed(link, io_type, _NOBODY)
        if io_type is IOType.COMPONENT_INPUT:
            return self._handed_down(task, link)
        if io_type is IOType.TASK_FINAL_STATUS_OUTPUT:
            return _changed(link, io_type, self._watched(task, link))
        if io_type is IOType.COLLECTED_INPUTS:
            return self._collected(task, link)
        return self._from_sibling(task, link) if io_type is IOType.TASK_OUTPUT_INPUT else link

    def _handed_down(self, task: Task, link: ArtifactTaskLink) -> ArtifactTaskLink:
        """Rule R6."""
        parent = self.tree.parent(task)
        above = self._above(parent, task, link) if parent is not None else None
        if parent is None or above is None:
            return link
        self._origins[link.id] = (None, above)
        producer = self.of(above).producer
        if not producer.task_name:  # the parent holds a literal or a hard-coded item
            producer = Producer(task_name=parent.name, iteration=producer.iteration)
        return _changed(link, link.io_type, producer)

    def _above(self, parent: Task, task: Task, link: ArtifactTaskLink) -> ArtifactTaskLink | None:
        """Return the input link of the parent that is handed down by this link."""
        value, name = value_of(link), link.producer.task_name
        tries = [
            link.producer,
            Producer(task_name=name, iteration=parent.iteration_index),
            Producer(task_name=name),
        ]
        if name == parent.name:  # an item of the parent, hard-coded or not
            own = Producer(task_name=name, iteration=task.iteration_index)
            tries = [own, Producer(iteration=link.producer.iteration), *tries]
        for producer in tries:
            found = self.tree.reads(parent, producer, value)
            if found is not None:
                return found
        return next(
            (
                one
                for one in self.tree.inputs[parent.id]
                if one.producer.task_name == name and value_of(one) == value
            ),
            None,
        )

    def _collected(self, task: Task, link: ArtifactTaskLink) -> ArtifactTaskLink:
        """Rule R5, or a value of the same iteration, which KFP calls collected too."""
        value, name = value_of(link), link.producer.task_name
        for sibling, output in self.tree.siblings_with(task, name, value):
            if is_group(sibling) and self.of(output).io_type is IOType.ITERATOR_OUTPUT:
                producer = Producer(task_name=name, iteration=sibling.iteration_index)
                self._origins[link.id] = (None, output)
                return _changed(link, link.io_type, producer)
            is_own = link.producer.iteration == task.iteration_index is not None
            if not is_group(sibling) and is_own and not self._is_put_together(task, link):
                return _changed(link, IOType.TASK_OUTPUT_INPUT, self.of(output).producer)
        return link

    def _is_put_together(self, task: Task, link: ArtifactTaskLink) -> bool:
        """Tell whether the elements of a list come from several tasks: that is our own form."""
        names = {
            other.producer.task_name
            for other in self.tree.inputs[task.id]
            if other.key == link.key and other.io_type is link.io_type
        }
        return len(names) > 1

    def _from_sibling(self, task: Task, link: ArtifactTaskLink) -> ArtifactTaskLink:
        """Rule R4, or an element of a fan-out in an outer iteration, which KFP calls an output."""
        value, producer = value_of(link), link.producer
        tries = (producer, Producer(task_name=producer.task_name))
        written = (one for some in tries for one in self.tree.siblings_from(task, some, value))
        for sibling, output in written:
            if not is_group(sibling):
                return _changed(link, link.io_type, self.of(output).producer)
            if output.io_type is IOType.ITERATOR_OUTPUT:
                continue  # one element picked from a fan-out: our own form
            clean = self.of(output)
            if clean.io_type is IOType.ITERATOR_OUTPUT:
                collected = Producer(task_name=sibling.name, iteration=sibling.iteration_index)
                self._origins[link.id] = (None, output)
                return _changed(link, IOType.COLLECTED_INPUTS, collected)
            return _changed(link, link.io_type, clean.producer)
        return link

    def _watched(self, task: Task, link: ArtifactTaskLink) -> Producer:
        """Return whose final status it is (R10), when KFP names the parent."""
        parent = self.tree.parent(task)
        if parent is None or link.producer.task_name != parent.name:
            return link.producer
        near = self._near[place_of(task)]
        said = link.value if isinstance(link.value, dict) else {}
        name = said.get("task_name") or said.get("pipelineTaskName")
        named = [one for one in near if one.name == name]
        handlers = [one for one in near if one.type is TaskType.EXIT_HANDLER]
        watched = named or (handlers if len(handlers) == 1 and name != parent.name else [])
        if not watched:
            return Producer(task_name=parent.name, iteration=parent.iteration_index)
        return Producer(task_name=watched[0].name, iteration=watched[0].iteration_index)


def _positioned(reader: _Reader, links: Iterable[ArtifactTaskLink]) -> Iterator[ArtifactTaskLink]:
    """Number the links of a list where nobody did: in the order of what they came from."""
    links = list(links)
    groups: dict[tuple[str, IOType, str], list[ArtifactTaskLink]] = defaultdict(list)
    for link in links:
        if link.task_id in reader.tree.tasks:
            groups[link.task_id, link.io_type, link.key].append(link)
    places: dict[str, int] = {}
    for group in groups.values():
        if len(group) > 1 and not any(link.position for link in group):
            ordered = sorted(group, key=reader.order)
            places.update({link.id: place for place, link in enumerate(ordered)})
    for link in links:
        place = places.get(link.id, link.position)
        yield link if place == link.position else link.model_copy(update={"position": place})


def _number(iteration: int | None) -> int:
    return -1 if iteration is None else iteration


def _changed(link: ArtifactTaskLink, io_type: IOType, producer: Producer) -> ArtifactTaskLink:
    if link.io_type is io_type and link.producer == producer:
        return link
    return link.model_copy(update={"io_type": io_type, "producer": producer})
