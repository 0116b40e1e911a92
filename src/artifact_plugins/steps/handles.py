"""What a step call returns inside a run: a stand-in for a value that is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from artifact_plugins.errors import HandleUsageError
from artifact_plugins.records import ArtifactVersion, IOType, Producer

if TYPE_CHECKING:
    from artifact_plugins.session import Session

T = TypeVar("T")


class _HandleAttributeError(HandleUsageError, AttributeError):
    """An attribute of a handle that only the value has; `hasattr` stays False."""


@dataclass(slots=True, eq=False)
class Stored:
    """One value of a run: a version, or a parameter value kept in the links.

    Attributes:
        version: None for a parameter value. Of a literal that became a version:
            a draft until the batch that brings it in is committed.
        literal: The parameter value when `version` is None.
    """

    version: ArtifactVersion | None
    literal: Any = None


class Handle:
    """The stand-in for one value.

    It can be handed to other steps; `ap.value(handle)` gives the value.
    """

    __slots__ = ("_io_type", "_key", "_producer", "_run_id", "_session", "_stored")

    def __init__(
        self,
        session: Session,
        run_id: str,
        stored: Stored,
        io_type: IOType,
        producer: Producer,
        key: str,
    ) -> None:
        self._session = session
        self._run_id = run_id
        self._stored = stored
        self._io_type = io_type
        self._producer = producer
        self._key = key

    @property
    def version(self) -> ArtifactVersion:
        """The record of the value.

        Raises:
            HandleUsageError: It stands for a parameter value, which has no version.
        """
        if self._stored.version is None:
            raise HandleUsageError(f"{self!r} is a parameter value and has no version")
        return self._stored.version

    def __repr__(self) -> str:
        if self._stored.version is None:
            return f"<parameter {self._key}>"
        return f"<handle of {self._stored.version} from {self._producer}>"

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
    versions is one too.
    """

    __slots__ = ("_elements", "_io_type", "_key", "_producer")

    def __init__(
        self,
        elements: Sequence[Handle],
        producer: Producer,
        key: str,
        io_type: IOType = IOType.COLLECTED_INPUTS,
    ) -> None:
        self._elements = tuple(elements)
        self._producer = producer
        self._key = key
        self._io_type = io_type

    def __len__(self) -> int:
        return len(self._elements)

    def __getitem__(self, index: Any) -> Any:
        return self._elements[index]

    def __repr__(self) -> str:
        return f"<{len(self)} handles from {self._producer}>"


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


def value(handle: T) -> T:
    """Return the value that a handle stands for; anything else comes back as it is.

    A list, tuple or dict of handles, or the result of `.map`, gives the same of values.

    Raises:
        MaterializerError, StoreError: The value could not be loaded.
    """
    found: Any = handle
    if isinstance(found, Handle):
        stored = found._stored
        if stored.version is None:
            return cast(T, deepcopy(stored.literal))
        return cast(T, found._session.loader.load(stored.version))
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
