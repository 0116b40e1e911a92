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

    def inside(self) -> Argument:
        """Return what a task inside a loop gets when the loop got this argument (R6)."""
        if not self.group_port:
            return self
        down = tuple(Incoming(IOType.COMPONENT_INPUT, i.producer, i.stored) for i in self.items)
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
            return _load(run, port, self.items[0].stored)
        if not self.items:
            return []
        element = port.element()
        return [_load(run, element, item.stored) for item in self.items]


def normalize(run: ActiveRun, argument: Any, name: str) -> Argument:
    """Turn what a caller handed to input `name` (`step.input`) into an `Argument`.

    Raises:
        HandleUsageError: Handles are nested where they cannot be followed.
        MaterializerError: A literal that is not JSON cannot be stored either.
    """
    if isinstance(argument, Handle):
        item = Incoming(argument._io_type, argument._producer, argument._stored)
        return Argument((item,), group_port=_port_name(argument))
    if isinstance(argument, FanOut):
        producer = Producer(task_name=argument._loop)
        items = tuple(
            Incoming(IOType.COLLECTED_INPUTS, producer, element._stored)
            for element in argument._elements
        )
        return Argument(items, is_list=True, group_port=f"pipelinechannel--{argument._key}")
    if isinstance(argument, ArtifactVersion):
        return normalize(run, import_version(run, argument), name)
    if type(argument) in (list, tuple) and any(_is_handle(item) for item in argument):
        items = tuple(_element(run, item, name) for item in argument)
        return Argument(items, is_list=True, group_port=f"pipelinechannel--{name}")
    if isinstance(argument, OutputHandles) or (
        type(argument) is dict and any(_is_handle(item) for item in argument.values())
    ):
        raise HandleUsageError(
            f"input {name!r} got {argument!r:.80}, whose parts are separate values",
            hint="hand over each output as an input of its own, or a list of handles",
        )
    stored = store_literal(run, argument, name)
    return Argument((Incoming(IOType.RUNTIME_VALUE_INPUT, NOBODY, stored),))


def default_argument(run: ActiveRun, port: InputPort, name: str) -> Argument:
    """Return the declared default of an input that was not given (R7)."""
    stored = store_literal(run, port.default, name)
    return Argument((Incoming(IOType.COMPONENT_DEFAULT_INPUT, NOBODY, stored),))


def store_literal(run: ActiveRun, value: Any, name: str) -> Stored:
    """Keep a literal in its link when it is small JSON, else as an `external` version."""
    if is_parameter(value, run.session.settings.inline_max_bytes):
        return Stored(None, value if isinstance(value, _SCALARS) else deepcopy(value))
    request = SaveRequest(artifact=name, save_type=SaveType.EXTERNAL, task=run.root)
    try:
        draft = run.session.saver.stage(value, request).draft
    except MaterializerError as error:
        problem = type(error) if isinstance(error, NoMaterializerError) else HandleUsageError
        raise problem(
            f"input {name!r} got a {type(value).__module__}.{type(value).__qualname__} "
            f"that is neither an artifact nor storable: {error}",
            hint="make it inside a step; nothing was called",
        ) from error
    (version,) = run.write(versions=(draft,))
    return Stored(version)


def is_parameter(value: Any, max_bytes: int) -> bool:
    """Tell whether a value is JSON that comes back exactly, of at most `max_bytes`."""
    if not isinstance(value, str | int | float | list | dict | None):
        return False
    try:
        # First, because it finds cycles and bounds what is looked at below.
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return len(text) <= max_bytes and _is_json(value)


def _is_json(value: Any) -> bool:
    kind = type(value)
    if kind is str:
        return value.isascii() or not any(0xD800 <= ord(c) <= 0xDFFF for c in value)
    if kind is int:
        return bool(-_INT64 <= value < _INT64)
    if kind is float:
        return math.isfinite(value)
    if kind is list:
        return all(map(_is_json, value))
    if kind is dict:
        return all(type(key) is str and _is_json(item) for key, item in value.items())
    return kind in (bool, type(None))


def import_version(run: ActiveRun, version: ArtifactVersion) -> Handle:
    """Bring an existing version into the run: an IMPORTER task with an OUTPUT link (R15)."""
    task = run.make_task(run.task_name("importer"), run.root, TaskType.IMPORTER)
    producer = Producer(task_name=task.name)
    stored = Stored(version)
    link = run.link(task, IOType.OUTPUT, "artifact", stored, producer)
    run.write(tasks=(ended(task),), links=(link,))
    return Handle(run.session, stored, IOType.TASK_OUTPUT_INPUT, producer, "artifact")


def _load(run: ActiveRun, port: InputPort, stored: Stored) -> Any:
    version = stored.version
    if version is None:
        if port.is_record or port.is_lazy:
            raise HandleUsageError(
                f"input {port.name!r} takes an artifact version but got a parameter value",
                hint="hand over the result of a step, or an ArtifactVersion",
            )
        literal = stored.literal
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
        return Incoming(IOType.COLLECTED_INPUTS, item._producer, item._stored)
    if isinstance(item, FanOut | OutputHandles):
        raise HandleUsageError(
            f"input {name!r} got a list that holds {item!r}",
            hint="hand over the mapped result itself, or a flat list of handles",
        )
    return Incoming(IOType.RUNTIME_VALUE_INPUT, NOBODY, store_literal(run, item, name))


def _is_handle(item: Any) -> bool:
    return isinstance(item, Handle | FanOut | OutputHandles | ArtifactVersion)


def _port_name(handle: Handle) -> str:
    is_parameter_handle = handle._io_type is IOType.COMPONENT_INPUT
    name = handle._key if is_parameter_handle else f"{handle._producer.task_name}-{handle._key}"
    return f"pipelinechannel--{name}"
