"""map: one LOOP task, one task per iteration (rules R3, R5, R8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from artifact_plugins.errors import HandleUsageError
from artifact_plugins.records import (
    ArtifactTaskLink,
    IOType,
    Producer,
    Task,
    TaskState,
    TaskType,
)
from artifact_plugins.steps.active import ActiveRun, ended
from artifact_plugins.steps.bindings import (
    Argument,
    Incoming,
    is_handle,
    normalize,
    store_literal,
)
from artifact_plugins.steps.call import Place, call_step, collapse
from artifact_plugins.steps.handles import FanOut, Handle, Stored
from artifact_plugins.steps.progress import track

if TYPE_CHECKING:
    from artifact_plugins.steps.step import Step


@dataclass(frozen=True, slots=True)
class _Items:
    """What one input of a map iterates over.

    Attributes:
        whole: The list itself as an argument of the LOOP; None when hard-coded.
        port: Name of the item port of a hard-coded list.
    """

    items: list[Stored]
    whole: Argument | None
    port: str = ""


def map_step(
    run: ActiveRun,
    step: Step[..., Any],
    lists: Mapping[str, Any],
    broadcast: Mapping[str, Argument],
) -> Any:
    """Call a step once per item; several lists are zipped.

    Args:
        lists: What is iterated, by input name.
        broadcast: Arguments that every iteration gets.

    Returns:
        A `FanOut` of handles, or `OutputHandles` of them for several outputs.

    Raises:
        HandleUsageError: Something is not a list, or the lists differ in length.
    """
    with run.gathering():
        sources = {name: _items(run, value, name, step.name) for name, value in lists.items()}
        lengths = {name: len(source.items) for name, source in sources.items()}
        if len(set(lengths.values())) != 1:
            raise HandleUsageError(
                f"step {step.name!r} is mapped over lists of different lengths: {lengths}",
                hint="nothing was called",
            )
    count = next(iter(lengths.values()))
    loop_name = run.task_name(f"for-loop-{run.number('for-loop')}")
    loop = run.make_task(loop_name, run.root, TaskType.LOOP, count=count)
    name = run.task_name(step.name)
    links = _loop_links(run, loop, sources, broadcast)
    if count == 0:
        skipped = loop.model_copy(update={"state": TaskState.SKIPPED, "ended_at": loop.started_at})
        run.open_task(skipped, links)
        return _fan_out(step, [], loop, name)
    run.open_task(loop, links)
    try:
        rows = _iterate(run, step, loop, name, sources, broadcast)
    except BaseException as error:
        if run.is_ours:
            run.try_write(tasks=[ended(loop, error)])
        raise
    run.write(tasks=[ended(loop)], durable=False)
    return _fan_out(step, rows, loop, name)


def _iterate(
    run: ActiveRun,
    step: Step[..., Any],
    loop: Task,
    name: str,
    sources: Mapping[str, _Items],
    broadcast: Mapping[str, Argument],
) -> list[dict[str, Handle]]:
    inside = {key: argument.inside(loop.name) for key, argument in broadcast.items()}
    rows = []
    for index in track(range(loop.iteration_count or 0), name):
        producer = Producer(task_name=loop.name, iteration=index)
        mapped = {
            key: Argument((Incoming(IOType.COMPONENT_INPUT, producer, source.items[index]),))
            for key, source in sources.items()
        }
        rows.append(call_step(run, step, {**mapped, **inside}, Place(name, loop, index)))
    return rows


def _loop_links(
    run: ActiveRun,
    loop: Task,
    sources: Mapping[str, _Items],
    broadcast: Mapping[str, Argument],
) -> list[ArtifactTaskLink]:
    links: list[ArtifactTaskLink] = []
    ports = _Ports()
    for source in sources.values():
        raw, is_new, port = source.whole is None, True, source.port
        if source.whole is not None:
            whole, is_new = ports.name(source.whole)
            port = f"{whole}-loop-item"
            if is_new:
                links += source.whole.links(run, loop, whole)
        io_type = IOType.ITERATOR_INPUT_RAW if raw else IOType.ITERATOR_INPUT
        if not raw and not is_new:
            continue  # one list under two inputs has its items once
        for index, stored in enumerate(source.items):
            producer = Producer(task_name="" if raw else loop.name, iteration=index)
            links.append(run.link(loop, io_type, port, stored, producer, index))
    for argument in broadcast.values():
        if argument.group_port:
            port, is_new = ports.name(argument)
            if is_new:
                links += argument.links(run, loop, port)
    return links


class _Ports:
    """Names of the ports of a group: one for each thing that comes in."""

    def __init__(self) -> None:
        self._owners: dict[str, list[int]] = {}

    def name(self, argument: Argument) -> tuple[str, bool]:
        """Return the port of an argument, and whether it is new."""
        items = [id(item.stored) for item in argument.items]
        name, number = argument.group_port, 1
        while name in self._owners and self._owners[name] != items:
            number += 1
            name = f"{argument.group_port}-{number}"
        is_new = name not in self._owners
        self._owners[name] = items
        return name, is_new


def _items(run: ActiveRun, value: Any, name: str, step_name: str) -> _Items:
    label = f"{step_name}-{name}"
    if isinstance(value, Handle):
        whole = normalize(run, value, label)
        return _Items(_elements(run, value, label), whole)
    if isinstance(value, FanOut):
        whole = normalize(run, value, label)
        return _Items([item.stored for item in whole.items], whole)
    if not isinstance(value, list | tuple | range):
        raise HandleUsageError(
            f"step {step_name!r} is mapped over a {type(value).__qualname__} as {name!r}",
            hint="map over a list, a handle of one, or a mapped result; "
            "bind constants with .partial(...)",
        )
    values = list(value)
    if any(map(is_handle, values)):
        whole = normalize(run, values, label)
        return _Items([item.stored for item in whole.items], whole)
    items = [store_literal(run, item, label) for item in values]
    number = run.number("loop-item-param")
    return _Items(items, None, f"pipelinechannel--loop-item-param-{number}")


def _elements(run: ActiveRun, handle: Handle, label: str) -> list[Stored]:
    """Return the elements of a list that one handle stands for (rows 60, 61)."""
    stored = handle._stored
    found = stored.literal if stored.version is None else run.session.loader.load(stored.version)
    if isinstance(found, Iterator):  # a streamed output
        found = list(found)
    if not isinstance(found, (list, tuple)):
        raise HandleUsageError(
            f"{handle!r} holds a {type(found).__qualname__}, which cannot be mapped over",
            hint="map over a list or tuple",
        )
    return [store_literal(run, item, label) for item in found]


def _fan_out(step: Step[..., Any], rows: list[dict[str, Handle]], loop: Task, name: str) -> Any:
    producer = Producer(task_name=loop.name)
    return collapse(
        step,
        {
            port.key: FanOut([row[port.key] for row in rows], producer, f"{name}-{port.key}")
            for port in step.signature.outputs
        },
    )
