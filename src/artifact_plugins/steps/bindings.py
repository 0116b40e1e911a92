"""Arguments become input links: rules R1 and R4-R9 of the link types.

An argument of a step call is normalized to an `Argument`: the values it
brings, each with the link type and producer it has for a task of the
pipeline body. A loop hands its arguments down (`Argument.inside`).
"""

from __future__ import annotations

import json
import math
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from artifact_plugins.errors import HandleUsageError, MaterializerError, NoMaterializerError
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    IOType,
    Producer,
    SaveType,
    Task,
    TaskType,
)
from artifact_plugins.session.saving import SaveRequest
from artifact_plugins.steps.active import ActiveRun, ended
from artifact_plugins.steps.handles import FanOut, Handle, OutputHandles, Stored
from artifact_plugins.steps.ports import Lazy
from artifact_plugins.steps.signature import InputPort

NOBODY = Producer()
_SCALARS = (type(None), bool, str)
_INT64 = 2**63
MAX_DEPTH = 32
"""A literal nested deeper is no parameter value; metadata has the same limit."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One value on its way into a task."""

    io_type: IOType
    producer: Producer
    stored: Stored


@dataclass(frozen=True, slots=True)
class Argument:
    """What one argument brings.

    Attributes:
        group_port: Name of the port it gets on a group that hands it down;
            empty for constants, which need none.
        is_list: Whether the step gets a list of the items.
    """

    items: tuple[Incoming, ...]
    is_list: bool = False
    group_port: str = ""

    def inside(self, loop: str) -> Argument:
        """Return what a task inside a loop gets when the loop got this argument (R6)."""
        if not self.group_port:
            return self
        holder = Producer(task_name=loop)
        down = tuple(
            Incoming(
                IOType.COMPONENT_INPUT, i.producer if i.producer != NOBODY else holder, i.stored
            )
            for i in self.items
        )
        return Argument(down, self.is_list)

    def links(self, run: ActiveRun, task: Task, key: str) -> list[ArtifactTaskLink]:
        """Return one link per value (R1)."""
        return [
            run.link(task, item.io_type, key, item.stored, item.producer, position)
            for position, item in enumerate(self.items)
        ]

    def load(self, run: ActiveRun, port: InputPort) -> Any:
        """Return the value as the step's annotation wants it; always a private one."""
        if not self.is_list:
            return _load(run, port, self.items[0].stored) if self.items else None
        element = port.element()
        values = [_load(run, element, item.stored) for item in self.items]
        container = port.container() or list
        return values if container is list else container(values)

    def check(self, port: InputPort, name: str) -> Argument:
        """Return itself, when the input can take it.

        Raises:
            HandleUsageError: Several values for an input that takes one.
        """
        if self.is_list and port.container() is None:
            raise HandleUsageError(
                f"input {name!r} takes one value but got {len(self.items)}",
                hint="annotate it as a list (list[T], list[ArtifactVersion], list[Lazy[T]]), "
                "or use .map; nothing was called",
            )
        return self


def normalize(run: ActiveRun, argument: Any, name: str) -> Argument:
    """Turn what a caller handed to input `name` (`step.input`) into an `Argument`.

    Raises:
        HandleUsageError: Handles are nested where they cannot be followed.
        MaterializerError: A literal that is not JSON cannot be stored either.
    """
    if isinstance(argument, Handle):
        argument = _of_this_run(run, argument, name)
    if isinstance(argument, Handle):
        item = Incoming(argument._io_type, argument._producer, argument._stored)
        return Argument((item,), group_port=_port_name(argument))
    if isinstance(argument, FanOut):
        return _fan_in(run, argument, name)
    if isinstance(argument, ArtifactVersion):
        return normalize(run, import_version(run, argument), name)
    if type(argument) in (list, tuple) and any(map(is_handle, argument)):
        items = tuple(_element(run, item, name) for item in argument)
        return Argument(items, is_list=True, group_port=f"pipelinechannel--{name}")
    if isinstance(argument, OutputHandles) or (
        type(argument) is dict and any(map(is_handle, argument.values()))
    ):
        raise HandleUsageError(
            f"input {name!r} got {argument!r:.80}, whose parts are separate values",
            hint="hand over each output as an input of its own, or a list of handles",
        )
    stored = store_literal(run, argument, name)
    return Argument((Incoming(IOType.RUNTIME_VALUE_INPUT, NOBODY, stored),))


def default_argument(run: ActiveRun, port: InputPort, name: str) -> Argument:
    """Return the declared default of an input that was not given (R7); None has no link."""
    if port.default is None:
        return Argument(())
    known = (name, id(port.default))
    stored = run.defaults.get(known)
    if stored is None:
        stored = store_literal(run, port.default, name)
        if stored.version is not None:
            run.defaults[known] = stored
    return Argument((Incoming(IOType.COMPONENT_DEFAULT_INPUT, NOBODY, stored),))


def store_literal(run: ActiveRun, value: Any, name: str) -> Stored:
    """Keep a literal in its link when it is small JSON, else as an `external` version.

    The version is committed with the task that gets it.
    """
    if is_parameter(value, run.session.settings.inline_max_bytes):
        return Stored(None, value if isinstance(value, _SCALARS) else deepcopy(value))
    request = SaveRequest(artifact=name, save_type=SaveType.EXTERNAL, task=run.root)
    try:
        staged = run.session.saver.stage(value, request)
    except MaterializerError as error:
        problem = type(error) if isinstance(error, NoMaterializerError) else HandleUsageError
        raise problem(
            f"input {name!r} got a {type(value).__module__}.{type(value).__qualname__} "
            f"that is neither an artifact nor storable: {error}",
            hint="make it inside a step; nothing was called",
        ) from error
    stored = Stored(staged.draft.version)
    run.brought.literals.append((staged, stored))
    return stored


def is_parameter(value: Any, max_bytes: int) -> bool:
    """Tell whether a value is JSON that comes back exactly, of at most `max_bytes`."""
    if not isinstance(value, str | int | float | list | dict | None):
        return False
    try:
        # First, because it finds cycles and bounds what is looked at below.
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return len(text) <= max_bytes and _is_json(value, 0)


def _is_json(value: Any, depth: int) -> bool:
    kind = type(value)
    if kind is str:
        return value.isascii() or not any(0xD800 <= ord(c) <= 0xDFFF for c in value)
    if kind is int:
        return bool(-_INT64 <= value < _INT64)
    if kind is float:
        return math.isfinite(value)
    if kind in (list, dict) and depth >= MAX_DEPTH:
        return False
    if kind is list:
        return all(_is_json(item, depth + 1) for item in value)
    if kind is dict:
        return all(type(k) is str and _is_json(item, depth + 1) for k, item in value.items())
    return kind in (bool, type(None))


def import_version(run: ActiveRun, version: ArtifactVersion) -> Handle:
    """Bring an existing version into the run: an IMPORTER task with an OUTPUT link (R15)."""
    task = run.make_task(run.task_name("importer"), run.root, TaskType.IMPORTER)
    producer = Producer(task_name=task.name)
    stored = Stored(version)
    run.brought.tasks.append(ended(task))
    run.brought.links.append(run.link(task, IOType.OUTPUT, "artifact", stored, producer))
    io_type = IOType.TASK_OUTPUT_INPUT
    return Handle(run.session, run.record.id, stored, io_type, producer, "artifact")


def is_handle(item: Any) -> bool:
    """Tell whether an argument stands for something stored."""
    return isinstance(item, Handle | FanOut | OutputHandles | ArtifactVersion)


def _of_this_run(run: ActiveRun, handle: Handle, name: str) -> Any:
    """Return a handle of this run; of an earlier one, its version imported or its value."""
    if handle._session is not run.session:
        raise HandleUsageError(
            f"input {name!r} got {handle!r} of another session",
            hint="hand over ap.value(handle); nothing was called",
        )
    if handle._run_id == run.record.id:
        return handle
    version = handle._stored.version
    return handle._stored.literal if version is None else import_version(run, version)


def _fan_in(run: ActiveRun, fan_out: FanOut, name: str) -> Argument:
    elements = [_of_this_run(run, element, name) for element in fan_out._elements]
    if any(new is not old for new, old in zip(elements, fan_out._elements, strict=True)):
        items = tuple(_element(run, element, name) for element in elements)
        return Argument(items, is_list=True, group_port=f"pipelinechannel--{name}")
    items = tuple(
        Incoming(fan_out._io_type, fan_out._producer, element._stored) for element in elements
    )
    return Argument(items, is_list=True, group_port=f"pipelinechannel--{fan_out._key}")


def _load(run: ActiveRun, port: InputPort, stored: Stored) -> Any:
    version = stored.version
    if version is None:
        literal = stored.literal
        if (port.is_record or port.is_lazy) and literal is not None:
            raise HandleUsageError(
                f"input {port.name!r} takes an artifact version but got a parameter value",
                hint="hand over the result of a step, or an ArtifactVersion",
            )
        return literal if isinstance(literal, (*_SCALARS, int, float)) else deepcopy(literal)
    if port.is_record:
        return version
    if port.is_lazy:
        return Lazy(run.session, version, port.annotation)
    return run.session.loader.load(version, port.annotation, port.selection)


def _element(run: ActiveRun, item: Any, name: str) -> Incoming:
    if isinstance(item, ArtifactVersion):
        item = import_version(run, item)
    if isinstance(item, Handle):
        item = _of_this_run(run, item, name)
    if isinstance(item, Handle):
        return Incoming(IOType.COLLECTED_INPUTS, item._producer, item._stored)
    if isinstance(item, FanOut | OutputHandles):
        raise HandleUsageError(
            f"input {name!r} got a list that holds {item!r}",
            hint="hand over the mapped result itself, or a flat list of handles",
        )
    return Incoming(IOType.RUNTIME_VALUE_INPUT, NOBODY, store_literal(run, item, name))


def _port_name(handle: Handle) -> str:
    is_parameter_handle = handle._io_type is IOType.COMPONENT_INPUT
    name = handle._key if is_parameter_handle else f"{handle._producer.task_name}-{handle._key}"
    return f"pipelinechannel--{name}"
