"""What a step call returns inside a run: a stand-in for a value that is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from artifact_plugins.errors import HandleUsageError
from artifact_plugins.records import ArtifactVersion, IOType, Producer
from artifact_plugins.steps.scopes import Scope
from artifact_plugins.steps.views import Incoming, Origin, Stored

if TYPE_CHECKING:
    from artifact_plugins.steps.active import ActiveRun

T = TypeVar("T")


class _HandleAttributeError(HandleUsageError, AttributeError):
    """An attribute of a handle that only the value has; `hasattr` stays False."""


class Handle:
    """The stand-in for one value.

    It can be handed to other steps; `ap.value(handle)` gives the value.
    """

    __slots__ = (
        "_home",
        "_io_type",
        "_key",
        "_origin",
        "_passed",
        "_port",
        "_producer",
        "_run",
        "_stored",
    )

    def __init__(
        self,
        run: ActiveRun,
        home: Scope,
        stored: Stored,
        io_type: IOType,
        producer: Producer,
        key: str,
        *,
        origin: Origin | None = None,
        port: str = "",
        passed: Any = None,
    ) -> None:
        self._run = run
        self._home = home
        self._stored = stored
        # Type and producer of the link of a task in the body `home` that reads it.
        self._io_type = io_type
        self._producer = producer
        self._key = key
        # None for what the body was given: it does not leave as a result.
        self._origin = origin
        self._port = port
        # Of a parameter of a pipeline: what the caller handed over.
        self._passed = passed

    @property
    def version(self) -> ArtifactVersion:
        """The record of the value; waits for the task that makes it.

        Raises:
            HandleUsageError: It stands for a parameter value, which has no version.
            Exception: What the task raised, if it failed.
        """
        self._run.settle(self._stored)
        if self._stored.parts is not None:
            raise HandleUsageError(
                f"{self!r} stands for {len(self._stored.parts)} metrics, a version each",
                hint="use ap.value(handle), or run.versions()",
            )
        if self._stored.version is None:
            raise HandleUsageError(f"{self!r} is a parameter value and has no version")
        return self._stored.version

    def __repr__(self) -> str:
        if self._stored.source is not None:
            return f"<handle of {self._key!r} from {self._producer}, in the making>"
        if self._stored.parts is not None:
            return f"<handle of the metrics {list(self._stored.parts)} from {self._producer}>"
        if self._stored.version is None:
            return f"<parameter {self._key}>"
        return f"<handle of {self._stored.version} from {self._producer}>"

    def _incoming(self) -> Incoming:
        return Incoming(self._io_type, self._producer, self._stored)

    def _group_port(self) -> str:
        return self._port if self._origin is None else self._origin.port

    def _picked(self) -> Handle:
        """Return an element of a fan-out as one value: it leaves a group as such."""
        if self._origin is None or not self._origin.is_fan_out:
            return self
        return Handle(
            self._run,
            self._home,
            self._stored,
            self._io_type,
            self._producer,
            self._key,
            origin=self._origin._replace(io_type=IOType.OUTPUT),
        )

    def _refuse(self, what: str) -> NoReturn:
        raise HandleUsageError(
            f"{self!r} was {what}, but it only stands for a value that is stored",
            hint="use ap.value(handle) for the value, or step.map(...) for one call per item",
        )

    def __bool__(self) -> bool:
        self._refuse("used as a truth value")

    def __iter__(self) -> Iterator[Any]:
        self._refuse("iterated")

    def __len__(self) -> int:
        self._refuse("asked for its length")

    def __contains__(self, item: object) -> bool:
        self._refuse("searched")

    def __getitem__(self, item: Any) -> Any:
        self._refuse("indexed")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse("called")

    def __eq__(self, other: object) -> bool:
        self._refuse("compared")

    def __ne__(self, other: object) -> bool:
        self._refuse("compared")

    __hash__ = object.__hash__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _HandleAttributeError(
            f"{self!r} was asked for .{name}, but it only stands for a value that is stored",
            hint="use ap.value(handle) for the value",
        )


def _refuse_operator(name: str) -> Any:
    def operator(self: Handle, *others: Any) -> Any:
        self._refuse(f"used with the operator {name}")

    return operator


_BINARY = "add sub mul truediv floordiv mod pow matmul and or xor"
_OTHERS = "lt le gt ge neg pos abs invert int float complex index array"
for _name in [*_BINARY.split(), *(f"r{name}" for name in _BINARY.split()), *_OTHERS.split()]:
    setattr(Handle, f"__{_name}__", _refuse_operator(_name))


class FanOut(Sequence[Any]):
    """The outputs of a mapped step, one handle per iteration, in order.

    Hand it to a step that takes a list (fan-in), to another `.map` (fan-out),
    or pick one element by index. A pipeline parameter that is a list of
    versions is one too. The results of nested maps are fan-outs of fan-outs.
    """

    __slots__ = ("_elements", "_home", "_io_type", "_passed", "_port", "_producer", "_run")

    def __init__(
        self,
        run: ActiveRun,
        home: Scope,
        elements: Sequence[Handle | FanOut],
        producer: Producer,
        port: str,
        *,
        io_type: IOType = IOType.COLLECTED_INPUTS,
        passed: Any = None,
    ) -> None:
        self._run = run
        self._home = home
        self._elements = tuple(elements)
        self._producer = producer
        self._port = port
        # COMPONENT_INPUT when the body was given it: each element has its own producer then.
        self._io_type = io_type
        self._passed = passed

    def __len__(self) -> int:
        return len(self._elements)

    def __getitem__(self, index: Any) -> Any:
        found = self._elements[index]
        if isinstance(found, tuple):
            return [_pick(element) for element in found]
        return _pick(found)

    def __repr__(self) -> str:
        return f"<{len(self)} handles from {self._producer}>"

    def _flat(self) -> Iterator[Handle]:
        for element in self._elements:
            if isinstance(element, FanOut):
                yield from element._flat()
            else:
                yield element

    def _is_nested(self) -> bool:
        return any(isinstance(element, FanOut) for element in self._elements)

    def _incoming(self) -> tuple[Incoming, ...]:
        if self._io_type is IOType.COMPONENT_INPUT:
            return tuple(element._incoming() for element in self._flat())
        return tuple(
            Incoming(self._io_type, self._producer, element._stored) for element in self._flat()
        )


def _pick(element: Handle | FanOut) -> Handle | FanOut:
    return element._picked() if isinstance(element, Handle) else element


class OutputHandles(Sequence[Any]):
    """The handles of a step with several outputs: unpacks, and has attributes."""

    __slots__ = ("_by_key",)

    def __init__(self, by_key: dict[str, Any]) -> None:
        self._by_key = by_key

    def __len__(self) -> int:
        return len(self._by_key)

    def __getitem__(self, index: Any) -> Any:
        return list(self._by_key.values())[index]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._by_key[name]
        except KeyError:
            raise _HandleAttributeError(
                f"the step has no output {name!r}, only {list(self._by_key)}"
            ) from None

    def __repr__(self) -> str:
        return f"<outputs {list(self._by_key)}>"


def collapse(by_key: dict[str, Any], is_multiple: bool) -> Any:
    """Return what a call gives its caller: one handle, several, or None."""
    if is_multiple:
        return OutputHandles(by_key)
    return next(iter(by_key.values()), None)


def value(handle: T) -> T:
    """Return the value that a handle stands for; anything else comes back as it is.

    A list, tuple or dict of handles, or the result of `.map`, gives the same of
    values. Waits for tasks that still run.

    Raises:
        MaterializerError, StoreError: The value could not be loaded.
        Exception: What the task that should make it raised.
    """
    found: Any = handle
    if isinstance(found, Handle):
        stored, run = found._stored, found._run
        run.settle(stored)
        if stored.parts is not None:
            return cast(T, {key: _loaded(run, part) for key, part in stored.parts.items()})
        return cast(T, _loaded(run, stored))
    if isinstance(found, FanOut):
        return cast(T, [value(element) for element in found])
    if isinstance(found, OutputHandles):
        return cast(T, tuple(value(element) for element in found))
    if isinstance(found, tuple) and hasattr(found, "_fields"):
        return cast(T, type(found)(*map(value, found)))
    if type(found) in (list, tuple):
        return cast(T, type(found)(map(value, found)))
    if type(found) is dict:
        return cast(T, {key: value(element) for key, element in found.items()})
    return handle


def _loaded(run: ActiveRun, stored: Stored) -> Any:
    if stored.version is None:
        return deepcopy(stored.literal)
    return run.session.loader.load(stored.version)
