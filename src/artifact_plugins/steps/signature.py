"""The inputs and outputs of a step, read once when it is decorated."""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from artifact_plugins.errors import InputError, StepDefinitionError, StepOutputError
from artifact_plugins.records import ArtifactVersion, FinalStatus, check_name
from artifact_plugins.session import Selection
from artifact_plugins.session.wanted import accepts, annotation_name
from artifact_plugins.steps.ports import Input, Lazy, Output

_EVERYTHING = Selection()
_STREAMS = (
    collections.abc.Iterator,
    collections.abc.Generator,
    collections.abc.Iterable,
)


@dataclass(frozen=True, slots=True)
class InputPort:
    """One parameter of a step.

    Attributes:
        annotation: What a version is loaded as; `Any` when not annotated.
        default: `inspect.Parameter.empty` when there is none.
        is_record: Annotated `ArtifactVersion`: gets the record, nothing is loaded.
        is_lazy: Annotated `Lazy[T]`.
        is_status: Annotated `FinalStatus`: filled in for an exit step.
    """

    name: str
    annotation: Any
    default: Any
    selection: Selection
    is_record: bool
    is_lazy: bool
    is_status: bool = False

    def element(self) -> InputPort:
        """Return the port that each element of a fan-in gets: `T` of `list[T]`."""
        args = [a for a in get_args(_required(self.annotation)) if a is not Ellipsis]
        element = args[0] if len(args) == 1 else Any
        return _input_port(self.name, element, self.default, self.selection)

    def container(self) -> type | None:
        """Return what a fan-in comes as: list, tuple, set or frozenset; None: it cannot."""
        if self.is_record or self.is_lazy:
            return None
        if self.annotation in (Any, object):
            return list
        base = _required(self.annotation)
        base = get_origin(base) or base
        if base in (tuple, set, frozenset):
            found: type = base
            return found
        is_list = isinstance(base, type) and base is not str and issubclass(list, base)
        return list if is_list else None


ANYTHING = InputPort("", Any, inspect.Parameter.empty, _EVERYTHING, False, False)
"""An input without an annotation."""


@dataclass(frozen=True, slots=True)
class OutputPort:
    """One declared output.

    Attributes:
        key: Output name inside the task; `Output` for a single unnamed one.
        artifact: Name of the artifact that its versions belong to.
    """

    key: str
    artifact: str
    annotation: Any
    spec: Output | None


@dataclass(frozen=True, slots=True)
class StepSignature:
    """What a step takes and gives.

    Attributes:
        positional: Names of the inputs that may be given by position.
        is_multiple: Whether the function returns one value per output.
        container: The dataclass or NamedTuple that lists the outputs, if any.
    """

    inputs: dict[str, InputPort]
    positional: tuple[str, ...]
    outputs: tuple[OutputPort, ...]
    is_multiple: bool
    container: type | None = None

    def split(self, step_name: str, returned: Any) -> list[tuple[OutputPort, Any]]:
        """Pair what the function returned with the declared outputs.

        Raises:
            StepOutputError: The number or a type differs from the declaration.
        """
        if not self.outputs:
            if returned is not None:
                raise StepOutputError(
                    f"step {step_name!r} is declared to return nothing "
                    f"but returned a {type(returned).__qualname__}",
                    hint="annotate what it returns; nothing was saved",
                )
            return []
        if not self.is_multiple:
            pairs = [(self.outputs[0], returned)]
        else:
            pairs = list(zip(self.outputs, self._values(step_name, returned), strict=True))
        for port, item in pairs:
            if not accepts(port.annotation, type(item)) and not _is_stream(port.annotation, item):
                raise StepOutputError(
                    f"output {port.key!r} of step {step_name!r} is declared "
                    f"{annotation_name(port.annotation)} but is a {type(item).__qualname__}",
                    hint="nothing was saved",
                    step=step_name,
                    output=port.key,
                )
        return pairs

    def _values(self, step_name: str, returned: Any) -> list[Any]:
        if self.container is not None and dataclasses.is_dataclass(self.container):
            if isinstance(returned, self.container):
                return [getattr(returned, port.key) for port in self.outputs]
            raise StepOutputError(
                f"step {step_name!r} declares a {self.container.__qualname__} "
                f"but returned a {type(returned).__qualname__}",
                hint="nothing was saved",
                step=step_name,
            )
        if not isinstance(returned, tuple) or len(returned) != len(self.outputs):
            count = f"{len(returned)} values" if isinstance(returned, tuple) else "one value"
            raise StepOutputError(
                f"step {step_name!r} declares {len(self.outputs)} outputs "
                f"{[port.key for port in self.outputs]} but returned {count}",
                hint="nothing was saved",
                step=step_name,
            )
        return list(returned)


def read_signature(function: Callable[..., Any], name: str, *, bound: bool) -> StepSignature:
    """Read the declaration of a step.

    Args:
        bound: Whether the first parameter is `self` and not an input.

    Raises:
        StepDefinitionError: Names the step, the parameter or output, and why.
    """
    try:
        signature = inspect.signature(function)
    except ValueError as error:
        raise StepDefinitionError(
            f"{name!r} does not say what it takes: {error}", hint="wrap it in a function of yours"
        ) from error
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        raise StepDefinitionError(
            f"annotations of step {name!r} cannot be read: {error}",
            hint="import the names they use where the step is defined",
        ) from error
    parameters = list(signature.parameters.values())[1 if bound else 0 :]
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise StepDefinitionError(
                f"step {name!r} takes {parameter}",
                hint="every input of a step has a name of its own; write them out",
            )
    inputs = {
        parameter.name: _input_port(
            parameter.name, hints.get(parameter.name, Any), parameter.default, _EVERYTHING
        )
        for parameter in parameters
    }
    outputs, container = _outputs(hints.get("return", Any), name)
    positional = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
    return StepSignature(
        inputs,
        positional,
        outputs,
        is_multiple=container is not None,
        container=None if container is tuple else container,
    )


def _required(annotation: Any) -> Any:
    """Return `T` of `Optional[T]`; anything else as it is."""
    if get_origin(annotation) in (typing.Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        if len(members) == 1 and len(get_args(annotation)) == 2:
            return members[0]
    return annotation


def _unwrap(annotation: Any) -> tuple[Any, list[Any]]:
    """Split the metadata of `Annotated`, inside an Optional too, from the type."""
    if get_origin(annotation) is Annotated:
        base, *extras = get_args(annotation)
        inner, more = _unwrap(base)
        return inner, [*more, *extras]
    required = _required(annotation)
    if required is not annotation and get_origin(required) is Annotated:
        inner, extras = _unwrap(required)
        return typing.Optional[inner], extras  # noqa: UP045  # a type made at run time
    return annotation, []


def _input_port(name: str, annotation: Any, default: Any, selection: Selection) -> InputPort:
    annotation, extras = _unwrap(annotation)
    for extra in extras:
        if isinstance(extra, Input):
            selection = extra.selection()
        if isinstance(extra, Output):
            raise StepDefinitionError(f"input {name!r} is annotated with an Output")
    required = _required(annotation)
    is_lazy = required is Lazy or get_origin(required) is Lazy
    if is_lazy:
        args = get_args(required)
        annotation = args[0] if args else Any
    return InputPort(
        name,
        annotation,
        default,
        selection,
        is_record=required is ArtifactVersion,
        is_lazy=is_lazy,
        is_status=required is FinalStatus,
    )


def _outputs(annotation: Any, step_name: str) -> tuple[tuple[OutputPort, ...], type | None]:
    """Return the ports, and what holds several: tuple, a NamedTuple or a dataclass."""
    if annotation is None or annotation is type(None):
        return (), None
    fields = _fields(annotation)
    if fields and any(_spec(hint) is not None for hint in fields.values()):
        ports = tuple(_output_port(hint, key, key) for key, hint in fields.items())
        container: type = annotation
    elif get_origin(annotation) is tuple and any(_spec(a) for a in get_args(annotation)):
        members = get_args(annotation)
        unnamed = [number for number, member in enumerate(members) if _spec(member) is None]
        if unnamed or Ellipsis in members:
            raise StepDefinitionError(
                f"step {step_name!r} names some of its outputs but not number {unnamed[:1]}",
                hint="annotate each member of the tuple with a name",
            )
        ports = tuple(_output_port(member, "", "") for member in members)
        container = tuple
    else:
        return (_output_port(annotation, "Output", step_name),), None
    keys = [port.key for port in ports]
    if len(set(keys)) != len(keys):
        raise StepDefinitionError(f"step {step_name!r} declares an output twice: {keys}")
    return ports, container


def _fields(annotation: Any) -> Mapping[str, Any]:
    """Return the annotated fields of a NamedTuple or dataclass that may list outputs."""
    if not isinstance(annotation, type):
        return {}
    if dataclasses.is_dataclass(annotation):
        names = [field.name for field in dataclasses.fields(annotation)]
    elif issubclass(annotation, tuple) and hasattr(annotation, "_fields"):
        names = list(annotation._fields)
    else:
        return {}
    try:
        hints = typing.get_type_hints(annotation, include_extras=True)
    except Exception:  # noqa: BLE001  # unreadable hints name no outputs: it is one value
        return {}
    return {name: hints[name] for name in names if name in hints}


def _output_port(annotation: Any, key: str, artifact: str) -> OutputPort:
    spec = _spec(annotation)
    base, _ = _unwrap(annotation)
    if spec is None:
        return OutputPort(key, check_name(artifact), base, None)
    return OutputPort(key if key and key != "Output" else spec.name, spec.name, base, spec)


def _spec(annotation: Any) -> Output | None:
    found = [extra for extra in _unwrap(annotation)[1] if isinstance(extra, Output | str)]
    if len(found) > 1:
        raise StepDefinitionError(f"{annotation} names an output more than once")
    if not found:
        return None
    try:
        return found[0] if isinstance(found[0], Output) else Output(found[0])
    except InputError as error:
        raise StepDefinitionError(str(error)) from error


def _is_stream(annotation: Any, value: Any) -> bool:
    return get_origin(annotation) in _STREAMS and hasattr(value, "__next__")
