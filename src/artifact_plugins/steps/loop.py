"""Loops: one LOOP task, one task or one body per iteration (rules R3, R5, R8)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from artifact_plugins.errors import HandleUsageError
from artifact_plugins.records import IOType, Producer, TaskType
from artifact_plugins.steps.active import ActiveRun
from artifact_plugins.steps.bindings import Argument, is_handle, normalize, store_literal
from artifact_plugins.steps.call import call_step
from artifact_plugins.steps.groups import (
    Leaving,
    close_group,
    fail_group,
    named_results,
    open_group,
    skip_group,
)
from artifact_plugins.steps.handles import FanOut, Handle, OutputHandles, collapse
from artifact_plugins.steps.progress import track
from artifact_plugins.steps.scopes import Exposure, Group, Place, Scope, exposed_port
from artifact_plugins.steps.views import CHANNEL, Incoming, LinkPlan, Origin, Stored

if TYPE_CHECKING:
    from artifact_plugins.steps.step import Step

MAX_ITERATIONS = 100_000


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


@dataclass(frozen=True, slots=True)
class _Loop:
    """An open loop.

    Attributes:
        rows: For each iteration: which item of each list it gets.
        ports: Names of the item ports, by input.
    """

    group: Group
    sources: Mapping[str, _Items]
    rows: Sequence[tuple[int, ...]]
    ports: Mapping[str, str]

    def arguments(self, index: int) -> dict[str, Argument]:
        """Return what iteration `index` gets of the lists."""
        producer = Producer(task_name=self.group.task.name, iteration=index)
        return {
            name: Argument(
                (Incoming(IOType.COMPONENT_INPUT, producer, source.items[place]),),
                group_port=self.ports[name],
            )
            for (name, source), place in zip(self.sources.items(), self.rows[index], strict=True)
        }


def map_step(
    run: ActiveRun,
    step: Step[..., Any],
    lists: Mapping[str, Any],
    broadcast: Mapping[str, Argument],
    *,
    is_product: bool = False,
) -> Any:
    """Call a step once per item; several lists are zipped, or combined with each other.

    Args:
        lists: What is iterated, by input name.
        broadcast: Arguments that every iteration gets.
        is_product: Whether every combination is made, the last list fastest.

    Returns:
        A `FanOut` of handles, or `OutputHandles` of them for several outputs.

    Raises:
        HandleUsageError: Something is not a list, or the lists differ in length.
    """
    loop, links = _prepare(run, lists, step.name, is_product=is_product)
    group, outer = loop.group, run.scope
    inside = {}
    for key, argument in broadcast.items():
        inside[key] = argument
        if argument.group_port:
            inside[key] = argument.given(group.take(argument.items, argument.group_port))
    name = outer.task_name(step.name)
    if not loop.rows:
        skip_group(run, group, links)
        return _fan_out(run, step, [], group, name)
    open_group(run, group, links)
    rows: list[dict[str, Stored]] = []
    try:
        for index in track(range(len(loop.rows)), name):
            place = Place(name, Scope(group, index), Exposure(group, index))
            arguments = {**loop.arguments(index), **inside}
            call = call_step(run, step.code, arguments, place)
            rows.append(call.outputs)
    except BaseException as error:
        fail_group(run, group, error)
        raise
    close_group(run, group)
    return _fan_out(run, step, rows, group, name)


def for_each_body(
    run: ActiveRun,
    body: Callable[..., Any],
    lists: Mapping[str, Any],
    *,
    name: str,
    is_product: bool = False,
) -> Any:
    """Run a body once per item; its step calls are tasks of the loop.

    Returns:
        What the iterations returned: a `FanOut`, or several by name.

    Raises:
        HandleUsageError: Something is not a list, the lists differ in length,
            or iterations return different outputs.
    """
    loop, links = _prepare(run, lists, name, is_product=is_product)
    group = loop.group
    if not loop.rows:
        skip_group(run, group, links)
        return _nothing(run, group, name)
    open_group(run, group, links)
    leaving = Leaving(run, group)
    columns: dict[str, list[Any]] = {}
    keys: list[str] = []
    is_multiple = False
    try:
        for index in track(range(len(loop.rows)), name):
            scope = Scope(group, index)
            with run.inside(scope):
                result = body(**_item_handles(run, loop, scope, index))
            if result is None:
                continue
            named, several = named_results(result, f"iteration {index} of {name!r}")
            keys = keys or list(named)
            if list(named) != keys:
                raise HandleUsageError(
                    f"iteration {index} of {name!r} returned the outputs {list(named)}, "
                    f"those before it {keys}",
                    hint="return the same outputs, or None, in every iteration",
                )
            is_multiple = several
            for key, item in named.items():
                left = leaving.through(item, scope, None)
                if isinstance(left, Handle | FanOut | list):
                    columns.setdefault(key, []).append(left)
                elif left is not None:
                    raise HandleUsageError(
                        f"iteration {index} of {name!r} returned {left!r:.80}, which no step made",
                        hint="return what step calls give; other values need no loop",
                    )
            run.outgoing.add(links=leaving.take_made())
    except BaseException as error:
        fail_group(run, group, error, leaving.plans)
        raise
    close_group(run, group, leaving.plans)
    outer = run.scope
    found = {}
    for key, elements in columns.items():
        parts = [_as_element(run, outer, group, element) for element in elements]
        port = next((h._group_port() for part in parts for h in _handles(part)), key)
        found[key] = FanOut(run, outer, parts, group.producer, port)
    if is_multiple:
        return OutputHandles(found)
    return found.get("Output", _nothing(run, group, name))


def _nothing(run: ActiveRun, group: Group, name: str) -> FanOut:
    return FanOut(run, run.scope, [], group.producer, f"{CHANNEL}{name}")


def _prepare(
    run: ActiveRun, lists: Mapping[str, Any], name: str, *, is_product: bool
) -> tuple[_Loop, list[LinkPlan]]:
    """Look at the lists; nothing is recorded when one of them cannot be iterated."""
    if not lists:
        raise HandleUsageError(f"{name!r} is mapped over nothing", hint="nothing was called")
    with run.gathering():
        for key, value in lists.items():
            _check_list(value, key, name)
        sources = {key: _items(run, value, key, name) for key, value in lists.items()}
        lengths = {key: len(source.items) for key, source in sources.items()}
        if not is_product and len(set(lengths.values())) != 1:
            raise HandleUsageError(
                f"{name!r} is mapped over lists of different lengths: {lengths}",
                hint="nothing was called",
            )
        count = math.prod(lengths.values()) if is_product else next(iter(lengths.values()))
        _check_count(count, name)
    ranges = [range(length) for length in lengths.values()]
    rows = list(itertools.product(*ranges) if is_product else zip(*ranges, strict=True))
    scope = run.scope
    group = scope.make_group(scope.group_name("for-loop"), TaskType.LOOP, count=count)
    links, ports = _loop_links(group, sources, rows)
    return _Loop(group, sources, rows, ports), links


def _loop_links(
    group: Group, sources: Mapping[str, _Items], rows: Sequence[tuple[int, ...]]
) -> tuple[list[LinkPlan], dict[str, str]]:
    links: list[LinkPlan] = []
    ports: dict[str, str] = {}
    seen: set[str] = set()
    for number, (name, source) in enumerate(sources.items()):
        raw = source.whole is None
        port = source.port
        if source.whole is not None:
            items = source.whole.items
            known = tuple(id(item.stored) for item in items)
            whole = group.port(source.whole.group_port, known)
            port = f"{whole}-loop-item"
            group.take(items, source.whole.group_port)
        places = [row[number] for row in rows]
        port = group.port(port, tuple(id(source.items[place]) for place in places))
        ports[name] = port
        if port in seen:
            continue  # one list under two inputs, item by item the same
        seen.add(port)
        io_type = IOType.ITERATOR_INPUT_RAW if raw else IOType.ITERATOR_INPUT
        task_name = "" if raw else group.task.name
        # The list itself first, then its items.
        links += _wanted(group)
        for index, place in enumerate(places):
            producer = Producer(task_name=task_name, iteration=index)
            stored = source.items[place]
            links.append(LinkPlan(group.task, io_type, port, stored, producer, index))
    return links, ports


def _wanted(group: Group) -> list[LinkPlan]:
    wanted, group.wanted = group.wanted, []
    return wanted


def _check_list(value: Any, key: str, name: str) -> None:
    if not isinstance(value, Handle | FanOut | list | tuple | range):
        raise HandleUsageError(
            f"{name!r} is mapped over a {type(value).__qualname__} as {key!r}",
            hint="map over a list, a handle of one, or a mapped result; "
            "bind constants with .partial(...)",
        )
    if isinstance(value, list | tuple | range):
        _check_count(len(value), name)


def _check_count(count: int, name: str) -> None:
    if count > MAX_ITERATIONS:
        raise HandleUsageError(
            f"{name!r} is mapped over {count} items, more than {MAX_ITERATIONS}",
            hint="nothing was called; give each call a batch of items",
        )


def _items(run: ActiveRun, value: Any, key: str, name: str) -> _Items:
    label = f"{name}-{key}"
    if isinstance(value, Handle):
        whole = normalize(run, value, label)
        return _Items(_elements(run, value, label), whole)
    if isinstance(value, FanOut):
        whole = normalize(run, value, label)
        return _Items([item.stored for item in whole.items], whole)
    values = list(value)
    if any(map(is_handle, values)):
        whole = normalize(run, values, label)
        return _Items([item.stored for item in whole.items], whole)
    items = [store_literal(run, item, label) for item in values]
    number = run.scope.number_around("loop-item-param")
    return _Items(items, None, f"{CHANNEL}loop-item-param-{number}")


def _elements(run: ActiveRun, handle: Handle, label: str) -> list[Stored]:
    """Return the elements of a list that one handle stands for (rows 60, 61)."""
    stored = handle._stored
    run.settle(stored)
    found = stored.literal if stored.version is None else run.session.loader.load(stored.version)
    if isinstance(found, Iterator):  # a streamed output
        found = list(itertools.islice(found, MAX_ITERATIONS + 1))
    if not isinstance(found, (list, tuple)):
        raise HandleUsageError(
            f"{handle!r} holds a {type(found).__qualname__}, which cannot be mapped over",
            hint="map over a list or tuple",
        )
    _check_count(len(found), label)
    return [store_literal(run, item, label) for item in found]


def _item_handles(run: ActiveRun, loop: _Loop, scope: Scope, index: int) -> dict[str, Any]:
    handles = {}
    for name, argument in loop.arguments(index).items():
        (item,) = argument.items
        handles[name] = Handle(
            run,
            scope,
            item.stored,
            item.io_type,
            item.producer,
            name,
            port=argument.group_port,
        )
    return handles


def _as_element(run: ActiveRun, outer: Scope, group: Group, element: Any) -> Handle | FanOut:
    if isinstance(element, list):
        parts = [_as_element(run, outer, group, part) for part in element]
        return FanOut(run, outer, parts, group.producer, f"{CHANNEL}{group.task.name}")
    assert isinstance(element, Handle | FanOut)
    return element


def _handles(part: Handle | FanOut) -> Iterator[Handle]:
    return part._flat() if isinstance(part, FanOut) else iter((part,))


def _fan_out(
    run: ActiveRun, step: Step[..., Any], rows: list[dict[str, Stored]], group: Group, name: str
) -> Any:
    outer, loop = run.scope, group.task
    found = {}
    for output in step.signature.outputs:
        port = exposed_port(name, output.key)
        elements = [
            Handle(
                run,
                outer,
                row[output.key],
                IOType.TASK_OUTPUT_INPUT,
                Producer(task_name=name, iteration=index),
                output.key,
                origin=Origin(
                    loop.name, loop.iteration_index, port, IOType.ITERATOR_OUTPUT, True, index
                ),
            )
            for index, row in enumerate(rows)
        ]
        found[output.key] = FanOut(run, outer, elements, group.producer, port)
    return collapse(found, step.signature.is_multiple)
