"""Render a run as Kubeflow Pipelines itself would have recorded it.

KFP resolves an input by looking at the link that the parent or the producing
sibling was given before, and its output links climb from the leaf upwards. The
same is done here, on the tree of our own links: each link is rendered from the
rendered link that it came from. What KFP has no rule for (a value loaded by
hand, one element picked from a fan-out, a list put together from several
tasks, versions given as literals or looped over) keeps our form.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from artifact_plugins.compat.kfp_records import KfpParameter, KfpRun, KfpTask, KfpTaskType
from artifact_plugins.compat.tree import RunTree, Written, is_group, is_picked, value_of
from artifact_plugins.records import ArtifactTaskLink, IOType, Producer, Task, TaskType

_ITEMS = frozenset({IOType.ITERATOR_INPUT, IOType.ITERATOR_INPUT_RAW})
_LITERALS = frozenset(
    {
        IOType.RUNTIME_VALUE_INPUT,
        IOType.COMPONENT_DEFAULT_INPUT,
        IOType.TASK_FINAL_STATUS_OUTPUT,
    }
)
BY_HAND = "auto/"
"""How the keys of values begin that a step logged or loaded itself."""


class _Form(NamedTuple):
    """What KFP makes of a link.

    Attributes:
        is_list: Whether KFP hands the value over as an element of a list.
    """

    io_type: IOType
    producer: Producer
    is_list: bool = False


def render_kfp(tasks: Iterable[Task], links: Iterable[ArtifactTaskLink]) -> KfpRun:
    """Return the tasks and artifact links that KFP itself would have recorded.

    Links that hold a version become artifact links; links that hold a
    parameter value become `inputs.parameters` and `outputs.parameters`.

    Args:
        tasks: All tasks of one run.
        links: All its links, in the order in which they were written.

    Returns:
        Links keep their ids; of those that are one to KFP, the first stays.

    Source:
        The rules of the driver and launcher of kubeflow/pipelines, pull
        request 13986 at 6585b5143d67.
    """
    tasks, links = list(tasks), list(links)
    forms = _Forms(RunTree(tasks, links))
    rows, rendered = _rendered(forms, tasks, links)
    return KfpRun(rows, rendered)


class KfpRendering:
    """A run as `render_kfp` returns it, task by task, while it grows."""

    def __init__(self) -> None:
        self._tree = RunTree()
        self._links: dict[str, list[ArtifactTaskLink]] = defaultdict(list)
        self._forms = _Forms(self._tree)

    @property
    def known(self) -> Collection[str]:
        """The ids of the tasks that were added."""
        return self._tree.tasks.keys()

    def add(self, tasks: Iterable[Task], links: Sequence[ArtifactTaskLink]) -> None:
        """Take in more of the run: a task with those above it, before its first link.

        Args:
            tasks: New ones.
            links: New ones, in the order in which they were written.
        """
        self._tree.add(tasks, links)
        for link in links:
            self._links[link.task_id].append(link)
        # What is written later may change what KFP makes of a link.
        self._forms = _Forms(self._tree)

    def task(self, task: Task) -> tuple[KfpTask, tuple[ArtifactTaskLink, ...]]:
        """Return a task that was added, and its artifact links."""
        (row,), links = _rendered(self._forms, [task], self._links[task.id])
        return row, links


def _rendered(
    forms: _Forms, tasks: Iterable[Task], links: Iterable[ArtifactTaskLink]
) -> tuple[tuple[KfpTask, ...], tuple[ArtifactTaskLink, ...]]:
    """Render tasks with all their links."""
    read: dict[str, list[ArtifactTaskLink]] = defaultdict(list)
    written: dict[str, list[ArtifactTaskLink]] = defaultdict(list)
    rendered: dict[tuple[Any, ...], ArtifactTaskLink] = {}
    for link in links:
        if link.version_id is None:
            (written if link.io_type.is_output else read)[link.task_id].append(link)
            continue
        io_type, producer, _ = forms.of(link)
        index = -1 if producer.iteration is None else producer.iteration
        same = (link.version_id, link.task_id, io_type, index, link.key)
        if same not in rendered:
            is_same = (io_type, producer, 0) == (link.io_type, link.producer, link.position)
            changed = {"io_type": io_type, "producer": producer, "position": 0}
            rendered[same] = link if is_same else link.model_copy(update=changed)
    rows = tuple(_task(forms, task, read[task.id], written[task.id]) for task in tasks)
    return rows, tuple(rendered.values())


class _Forms:
    """The rules; every link is rendered once."""

    def __init__(self, tree: RunTree) -> None:
        self.tree = tree
        self._known: dict[str, _Form] = {}
        self._fan_outs: dict[str, dict[str, bool]] = {}

    def of(self, link: ArtifactTaskLink) -> _Form:
        """Return what KFP makes of a link."""
        found = self._known.get(link.id)
        if found is None:
            task = self.tree.tasks.get(link.task_id)
            if task is None:
                found = _as_it_is(link)
            elif link.io_type.is_output:
                found = self._output(task, link)
            else:
                found = self._input(task, link)
            self._known[link.id] = found
        return found

    def _output(self, task: Task, link: ArtifactTaskLink) -> _Form:
        written = self.tree.fed_by(task, link) if is_group(task) else None
        if written is None:
            return _as_it_is(link)
        child, inner = written
        if is_picked(task, link, child, inner):
            return _as_it_is(link)
        before = self.of(inner)
        io_type = before.io_type if is_group(child) else IOType.OUTPUT
        if kfp_type(task) is KfpTaskType.LOOP:
            io_type = IOType.ITERATOR_OUTPUT
        elif task.type is TaskType.CONDITION_BRANCH and not self._is_declared_list(task, link):
            io_type = IOType.ONE_OF_OUTPUT
        # Only a fan-out remembers its iterations; any other hop forgets them.
        is_fan_out = io_type is IOType.ITERATOR_OUTPUT
        iteration = before.producer.iteration if is_fan_out else None
        return _Form(io_type, Producer(task_name=child.name, iteration=iteration))

    def _is_declared_list(self, branch: Task, link: ArtifactTaskLink) -> bool:
        """Tell whether an output of a branch is collected by a loop, and so a list to KFP."""
        if link.io_type is IOType.ITERATOR_OUTPUT:
            return True
        task, value = branch, value_of(link)
        while (parent := self.tree.parent(task)) is not None:
            if parent.name.startswith("condition-branches") or not self.tree.exposes(
                parent, task.name, value
            ):
                return False
            if parent.type is TaskType.LOOP:
                return True
            task = parent
        return False

    def _input(self, task: Task, link: ArtifactTaskLink) -> _Form:
        if link.key.startswith(BY_HAND):
            return _as_it_is(link)
        if link.io_type in _ITEMS or link.io_type in _LITERALS:
            is_version = link.version_id is not None
            return _as_it_is(link) if is_version else self._parameter(task, link)
        if link.io_type is IOType.COMPONENT_INPUT:
            return self._handed_down(task, link)
        written = self._source(task, link)
        if written is None:
            return _as_it_is(link)
        sibling, output = written
        if self._is_fan_out(sibling, output.key):
            producer = Producer(task_name=sibling.name)
            return _Form(IOType.COLLECTED_INPUTS, _read_in(task, producer), is_list=True)
        producer = self.of(output).producer
        return _Form(IOType.TASK_OUTPUT_INPUT, _read_in(task, producer))

    def _parameter(self, task: Task, link: ArtifactTaskLink) -> _Form:
        """A literal or a loop item that is a parameter: KFP always names a producer."""
        if link.io_type in _ITEMS:
            producer = Producer(task_name=task.name, iteration=link.producer.iteration)
            return _Form(IOType.ITERATOR_INPUT, producer)
        parent = self.tree.parent(task)
        io_type = link.io_type
        if parent is None and io_type is IOType.COMPONENT_DEFAULT_INPUT:
            # The compiler merges pipeline defaults into the run arguments.
            io_type = IOType.RUNTIME_VALUE_INPUT
        return _Form(io_type, _read_in(task, Producer(task_name=(parent or task).name)))

    def _handed_down(self, task: Task, link: ArtifactTaskLink) -> _Form:
        above = self._above(task, link)
        if above is None:
            return _Form(link.io_type, _read_in(task, link.producer))
        _, producer, is_list = self.of(above)
        if not producer.task_name:  # a version given as a literal: KFP has no such thing
            producer = link.producer
        return _Form(link.io_type, _read_in(task, producer), is_list)

    def _above(self, task: Task, link: ArtifactTaskLink) -> ArtifactTaskLink | None:
        """Return the input link of the parent that is handed down by this link."""
        parent = self.tree.parent(task)
        if parent is None:
            return None
        value, producer = value_of(link), link.producer
        found = self.tree.reads(parent, producer, value)
        if found is None and producer.task_name == parent.name:
            # The parent holds a literal or a hard-coded item, which nobody produced.
            nobody = Producer(iteration=producer.iteration)
            found = self.tree.reads(parent, nobody, value)
        return found

    def _source(self, task: Task, link: ArtifactTaskLink) -> Written | None:
        """Return the output link of a sibling that is read by this link."""
        value, producer = value_of(link), link.producer
        if link.io_type is IOType.TASK_OUTPUT_INPUT:
            for sibling, output in self.tree.siblings_from(task, producer, value):
                # One element picked from a fan-out is nothing that KFP knows.
                if not is_group(sibling) or output.io_type is not IOType.ITERATOR_OUTPUT:
                    return sibling, output
        elif producer.iteration == task.iteration_index:
            for sibling, output in self.tree.siblings_with(task, producer.task_name, value):
                if is_group(sibling) and output.io_type is IOType.ITERATOR_OUTPUT:
                    return sibling, output
        return None

    def _is_fan_out(self, task: Task, key: str) -> bool:
        """Tell whether KFP finds several outputs of a task under a key, or one of a loop.

        Outputs that differ in nothing but the version are one output to KFP.
        """
        found = self._fan_outs.get(task.id)
        if found is None:
            forms: dict[str, set[tuple[IOType, Producer]]] = defaultdict(set)
            for output in self.tree.outputs[task.id]:
                form = self.of(output)
                forms[output.key].add((form.io_type, form.producer))
            found = self._fan_outs[task.id] = {
                name: len(some) > 1 or IOType.ITERATOR_OUTPUT in {io_type for io_type, _ in some}
                for name, some in forms.items()
            }
        return found[key]


def kfp_type(task: Task) -> KfpTaskType:
    """Return the task type that KFP writes."""
    if task.type is TaskType.EXIT_HANDLER or (
        task.type is TaskType.LOOP and task.iteration_index is not None
    ):
        return KfpTaskType.DAG
    is_named_so = task.name.startswith("condition") and not task.name.startswith("condition-branch")
    if task.type is TaskType.DAG and is_named_so:
        return KfpTaskType.CONDITION
    return KfpTaskType(task.type.value)


def _task(
    forms: _Forms,
    task: Task,
    read: Iterable[ArtifactTaskLink],
    written: Iterable[ArtifactTaskLink],
) -> KfpTask:
    names = [one.name for one in forms.tree.path(task)]
    return KfpTask(
        id=task.id,
        run_id=task.run_id,
        parent_id=task.parent_id,
        name=task.name,
        scope_path=".".join(["root", *names[1:]]),
        type=kfp_type(task),
        iteration_index=task.iteration_index,
        iteration_count=task.iteration_count,
        state=task.state,
        cache_key=task.cache_key,
        started_at=task.started_at,
        ended_at=task.ended_at,
        error=task.error,
        inputs=_read_parameters(forms, read),
        outputs=tuple(
            KfpParameter(link.value, form.io_type, link.key, form.producer)
            for link in written
            for form in (forms.of(link),)
        ),
    )


def _read_parameters(forms: _Forms, links: Iterable[ArtifactTaskLink]) -> tuple[KfpParameter, ...]:
    """Return one parameter per port and source; the elements of a list are one value."""
    grouped: dict[tuple[Any, ...], list[ArtifactTaskLink]] = defaultdict(list)
    for number, link in enumerate(links):
        io_type, producer, is_list = forms.of(link)
        item = number if io_type is IOType.ITERATOR_INPUT else None
        grouped[link.key, io_type, producer, is_list, item].append(link)
    found = []
    for (key, io_type, producer, is_list, _), group in grouped.items():
        values = [link.value for link in sorted(group, key=lambda link: link.position)]
        value = values if is_list or len(values) > 1 else values[0]
        found.append(KfpParameter(value, io_type, key, producer))
    return tuple(found)


def _as_it_is(link: ArtifactTaskLink) -> _Form:
    return _Form(link.io_type, link.producer)


def _read_in(task: Task, producer: Producer) -> Producer:
    """Return the producer as a task in an iteration gets it: with the reader's iteration."""
    if task.iteration_index is None:
        return producer
    return Producer(task_name=producer.task_name, iteration=task.iteration_index)
