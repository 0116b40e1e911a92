"""Arguments become input links: rules R1 and R4-R9 of the link types.

An argument of a step call is normalized to an `Argument`: the values it
brings, each with the link type and producer it has for a task of the body
that is running. A group hands its arguments down (`Group.take`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from artifact_plugins.errors import HandleUsageError, MaterializerError, NoMaterializerError
from artifact_plugins.records import (
    ArtifactVersion,
    FinalStatus,
    IOType,
    SaveType,
    Task,
    TaskType,
)
from artifact_plugins.session import Session
from artifact_plugins.session.saving import SaveRequest
from artifact_plugins.steps.active import ActiveRun, ended
from artifact_plugins.steps.handles import FanOut, Handle, OutputHandles
from artifact_plugins.steps.ports import Lazy
from artifact_plugins.steps.scopes import leaf_origin, leaf_type, literal_port, own_producer
from artifact_plugins.steps.signature import ANYTHING, InputPort
from artifact_plugins.steps.views import NOBODY, Incoming, LinkPlan, Stored

_SCALARS = (type(None), bool, str)
_INT64 = 2**63
MAX_DEPTH = 32
"""A literal nested deeper is no parameter value; metadata has the same limit."""

Shape = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Argument:
    """What one argument brings.

    Attributes:
        group_port: Name of the port it gets on a group that hands it down;
            empty for constants, which need none.
        is_list: Whether the step gets a list of the items.
        shape: Of the result of nested maps: None for a value, a tuple of
            shapes for a list; None when the list is flat.
    """

    items: tuple[Incoming, ...]
    is_list: bool = False
    group_port: str = ""
    shape: Shape | None = None

    def given(self, items: Sequence[Incoming]) -> Argument:
        """Return the same argument as a group hands it down."""
        return Argument(tuple(items), self.is_list, self.group_port, self.shape)

    def plans(self, task: Task, key: str) -> list[LinkPlan]:
        """Return one link per value (R1)."""
        return [
            LinkPlan(task, io_type, key, stored, producer, position)
            for position, (io_type, producer, stored) in enumerate(self.items)
        ]

    def load(self, session: Session, port: InputPort) -> Any:
        """Return the value as the step's annotation wants it; always a private one."""
        if not self.is_list:
            return _load(session, port, self.items[0].stored) if self.items else None
        element = port.element()
        if self.shape is not None and element.container() is not None:
            inner = element.element()
            flat = iter([_load(session, inner, item.stored) for item in self.items])
            values = [_nested(shape, flat) for shape in self.shape]
        else:
            values = [_load(session, element, item.stored) for item in self.items]
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
                "or use .map for one call per item; nothing was called",
            )
        return self


def normalize(run: ActiveRun, argument: Any, name: str) -> Argument:
    """Return what an argument brings into the body that is running.

    Raises:
        HandleUsageError: A handle of another session or of a group that has
            ended, a list that holds something else besides handles, or a
            literal that cannot be stored.
    """
    if isinstance(argument, Handle):
        argument = _of_this_run(run, argument, name)
    if isinstance(argument, Handle):
        port = argument._group_port()
        return Argument(
            run.scope.bring((argument._incoming(),), argument._home, port), group_port=port
        )
    if isinstance(argument, FanOut):
        return _fan_in(run, argument, name)
    if isinstance(argument, ArtifactVersion):
        return normalize(run, import_version(run, argument), name)
    if type(argument) in (list, tuple) and any(map(is_handle, argument)):
        items = tuple(_element(run, item, name) for item in argument)
        return Argument(items, is_list=True, group_port=literal_port(name))
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
    scope = run.scope
    task = scope.make_task(scope.task_name("importer"), TaskType.IMPORTER)
    stored, producer = Stored(version), own_producer(task)
    run.brought.tasks.append(ended(task))
    run.brought.links.append(LinkPlan(task, leaf_type(task), "artifact", stored, producer))
    return Handle(
        run,
        scope,
        stored,
        IOType.TASK_OUTPUT_INPUT,
        producer,
        "artifact",
        origin=leaf_origin(task, "artifact"),
    )


def is_handle(item: Any) -> bool:
    """Tell whether an argument stands for something stored."""
    return isinstance(item, Handle | FanOut | OutputHandles | ArtifactVersion)


def _of_this_run(run: ActiveRun, handle: Handle, name: str) -> Any:
    """Return a handle of this run; of an earlier one, its version imported or its value."""
    if handle._run is run:
        return handle
    if handle._run.session is not run.session:
        raise HandleUsageError(
            f"input {name!r} got {handle!r} of another session",
            hint="hand over ap.value(handle); nothing was called",
        )
    stored = handle._stored
    handle._run.settle(stored)
    return stored.literal if stored.version is None else import_version(run, stored.version)


def _fan_in(run: ActiveRun, fan_out: FanOut, name: str) -> Argument:
    if fan_out._run is not run:
        items = tuple(_element(run, element, name) for element in fan_out._flat())
        return Argument(items, is_list=True, group_port=literal_port(name))
    items = run.scope.bring(fan_out._incoming(), fan_out._home, fan_out._port)
    shape = _shape(fan_out) if fan_out._is_nested() else None
    return Argument(items, is_list=True, group_port=fan_out._port, shape=shape)


def _shape(fan_out: FanOut) -> Shape:
    return tuple(
        _shape(element) if isinstance(element, FanOut) else None for element in fan_out._elements
    )


def _nested(shape: Shape | None, flat: Iterator[Any]) -> Any:
    return next(flat) if shape is None else [_nested(inner, flat) for inner in shape]


def _load(session: Session, port: InputPort, stored: Stored) -> Any:
    version = stored.version
    if stored.parts is not None:
        return {name: _load(session, ANYTHING, part) for name, part in stored.parts.items()}
    if version is None:
        literal = stored.literal
        if (port.is_record or port.is_lazy) and literal is not None:
            raise HandleUsageError(
                f"input {port.name!r} takes an artifact version but got a parameter value",
                hint="hand over the result of a step, or an ArtifactVersion",
            )
        if port.is_status and isinstance(literal, dict):
            return FinalStatus(**literal)
        return literal if isinstance(literal, (*_SCALARS, int, float)) else deepcopy(literal)
    if port.is_record:
        return version
    if port.is_lazy:
        return Lazy(session, version, port.annotation)
    return session.loader.load(version, port.annotation, port.selection)


def _element(run: ActiveRun, item: Any, name: str) -> Incoming:
    if isinstance(item, ArtifactVersion):
        item = import_version(run, item)
    if isinstance(item, Handle):
        item = _of_this_run(run, item, name)
    if isinstance(item, Handle):
        (brought,) = run.scope.bring((item._incoming(),), item._home, item._group_port())
        if brought.io_type is IOType.TASK_OUTPUT_INPUT:
            return brought._replace(io_type=IOType.COLLECTED_INPUTS)
        return brought
    if isinstance(item, FanOut | OutputHandles):
        raise HandleUsageError(
            f"input {name!r} got a list that holds {item!r}",
            hint="hand over the mapped result itself, or a flat list of handles",
        )
    return Incoming(IOType.RUNTIME_VALUE_INPUT, NOBODY, store_literal(run, item, name))
