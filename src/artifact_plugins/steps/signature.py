"""The inputs and outputs of a step, read once when it is decorated."""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from artifact_plugins.errors import InputError, StepDefinitionError, StepOutputError
from artifact_plugins.records import ArtifactVersion, check_name
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
    """

    name: str
    annotation: Any
    default: Any
    selection: Selection
    is_record: bool
    is_lazy: bool

    def element(self) -> InputPort:
        """Return the port that each element of a fan-in gets: `T` of `list[T]`."""
        args = get_args(self.annotation)
        return _input_port(self.name, args[0] if args else Any, self.default, self.selection)


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
    """

    inputs: dict[str, InputPort]
    positional: tuple[str, ...]
    outputs: tuple[OutputPort, ...]
    is_multiple: bool

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
        if dataclasses.is_dataclass(returned) and not isinstance(returned, type):
            return [getattr(returned, port.key) for port in self.outputs]
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
    signature = inspect.signature(function)
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
    outputs, is_multiple = _outputs(hints.get("return", Any), name)
    positional = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
    return StepSignature(inputs, positional, outputs, is_multiple)


def _input_port(name: str, annotation: Any, default: Any, selection: Selection) -> InputPort:
    if get_origin(annotation) is Annotated:
        base, *extras = get_args(annotation)
        for extra in extras:
            if isinstance(extra, Input):
                selection = extra.selection()
            if isinstance(extra, Output):
                raise StepDefinitionError(f"input {name!r} is annotated with an Output")
        annotation = base
    is_lazy = annotation is Lazy or get_origin(annotation) is Lazy
    if is_lazy:
        args = get_args(annotation)
        annotation = args[0] if args else Any
    return InputPort(name, annotation, default, selection, annotation is ArtifactVersion, is_lazy)


def _outputs(annotation: Any, step_name: str) -> tuple[tuple[OutputPort, ...], bool]:
    if annotation is None or annotation is type(None):
        return (), False
    fields = _fields(annotation)
    if fields and any(_spec(hint) is not None for hint in fields.values()):
        ports = tuple(_output_port(hint, key, key) for key, hint in fields.items())
    elif get_origin(annotation) is tuple and any(_spec(a) for a in get_args(annotation)):
        members = get_args(annotation)
        unnamed = [number for number, member in enumerate(members) if _spec(member) is None]
        if unnamed or Ellipsis in members:
            raise StepDefinitionError(
                f"step {step_name!r} names some of its outputs but not number {unnamed[:1]}",
                hint="annotate each member of the tuple with a name",
            )
        ports = tuple(_output_port(member, "", "") for member in members)
    else:
        return (_output_port(annotation, "Output", step_name),), False
    keys = [port.key for port in ports]
    if len(set(keys)) != len(keys):
        raise StepDefinitionError(f"step {step_name!r} declares an output twice: {keys}")
    return ports, True


def _fields(annotation: Any) -> Mapping[str, Any]:
    """Return the annotated fields of a NamedTuple or dataclass that lists outputs."""
    is_named = isinstance(annotation, type) and (
        (issubclass(annotation, tuple) and hasattr(annotation, "_fields"))
        or dataclasses.is_dataclass(annotation)
    )
    return typing.get_type_hints(annotation, include_extras=True) if is_named else {}


def _output_port(annotation: Any, key: str, artifact: str) -> OutputPort:
    spec = _spec(annotation)
    base = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    if spec is None:
        return OutputPort(key, check_name(artifact), base, None)
    return OutputPort(key if key and key != "Output" else spec.name, spec.name, base, spec)


def _spec(annotation: Any) -> Output | None:
    if get_origin(annotation) is not Annotated:
        return None
    found = [extra for extra in get_args(annotation)[1:] if isinstance(extra, Output | str)]
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
