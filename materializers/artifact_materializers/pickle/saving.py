"""A pickle written piece by piece: large buffers stay out of it and are never copied."""

from __future__ import annotations

import copyreg
import pickle
import types
from collections import ChainMap
from contextlib import suppress
from dataclasses import Field, dataclass, field
from typing import Any, ClassVar, Final, Protocol, cast

import cloudpickle

from artifact_materializers.pickle.loading import found_at, set_field
from artifact_materializers.pickle.refused import REFUSED
from artifact_plugins.contracts.files import Buffer
from artifact_plugins.contracts.refs import ARCHIVED, note_type, original_name, type_path

PROTOCOL: Final = 5
# A file costs a sync; a smaller buffer costs less as a copy.
BUFFER_BYTES = 64 * 1024
MAX_BUFFERS = 1_000


@dataclass(slots=True)
class Named:
    """What a pickle needs to be read.

    Attributes:
        globals: `module:name` of the classes and functions it refers to.
        by_value: Whether it holds compiled code, which only the same Python reads.
    """

    globals: set[str] = field(default_factory=set)
    by_value: bool = False

    def modules(self) -> list[str]:
        """Return the modules of what it refers to, sorted."""
        return sorted({path.partition(":")[0] for path in self.globals})


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Notes what it names, refuses what it would change, keeps large buffers out.

    Archived code has a module name that only this process knows: its classes
    and functions are stored under the name they had.
    """

    dispatch_table: ClassVar[Any] = ChainMap(cast(Any, REFUSED), cloudpickle.Pickler.dispatch_table)

    def __init__(self, file: Any, named: Named, buffers: list[memoryview] | None) -> None:
        super().__init__(
            file, PROTOCOL, None if buffers is None else lambda found: _is_inside(found, buffers)
        )
        self._noted = named

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type):
            self._note(obj)
            if obj.__module__.startswith(ARCHIVED):
                path = type_path(obj)
                note_type(obj, path)
                return found_at, (path,)
            if obj.__module__ == "__main__" and "<" not in obj.__qualname__:
                with suppress(AttributeError):  # deleted: what made the objects is pickled
                    note_type(obj, f"__main__:{obj.__qualname__}")
        elif isinstance(obj, types.FunctionType):
            self._note(obj)
            if obj.__module__.startswith(ARCHIVED) and "<" not in obj.__qualname__:
                return found_at, (f"{original_name(obj.__module__)}:{obj.__qualname__}",)
        elif isinstance(obj, types.BuiltinFunctionType):
            self._note(obj)
        elif isinstance(obj, types.CodeType):
            self._noted.by_value = True
        elif type(obj) is Field:
            return _of_field(obj)
        return super().reducer_override(obj)

    def _note(self, obj: Any) -> None:
        module = getattr(obj, "__module__", None)
        # What has no lasting name is stored with its code.
        if isinstance(module, str) and module != "__main__" and "<" not in obj.__qualname__:
            self._noted.globals.add(f"{original_name(module)}:{obj.__qualname__}")


def _of_field(part: Field[Any]) -> tuple[Any, ...]:
    """Return the parts of a field of a dataclass, its metadata not as a view but as a dict."""
    _, slots = cast(Any, part).__getstate__()
    state = {**slots, "metadata": dict(part.metadata)}
    return copyreg.__newobj__, (Field,), state, None, None, set_field  # type: ignore[attr-defined]


class Sink(Protocol):
    """Takes bytes."""

    def write(self, data: Buffer, /) -> int: ...


def write_pickle(value: Any, sink: Sink, buffers: list[memoryview] | None) -> Named:
    """Write a pickle of protocol 5.

    Args:
        sink: Gets the pickle, in pieces.
        buffers: Filled with the memory of large buffers, in the order in which
            the pickle asks for them; None keeps them inside.

    Returns:
        What reading it needs.

    Raises:
        Refused: A part would be stored as something else.
        Exception: Whatever the parts of the value raise.
    """
    named = Named()
    Pickler(_Pieces(sink), named, buffers).dump(value)
    return named


class _Pieces:
    """What a pickler writes to: gives buffers on in the order of their memory."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: bytes | pickle.PickleBuffer, /) -> int:
        return self._sink.write(data if type(data) is bytes else memoryview(_raw(data)))


def _raw(data: Any) -> Any:
    # A Fortran array would else be written in C order.
    return data.raw() if type(data) is pickle.PickleBuffer else data


def _is_inside(found: pickle.PickleBuffer, buffers: list[memoryview]) -> bool:
    try:
        view = found.raw()
    except BufferError:  # not in one piece
        return True
    if view.nbytes < BUFFER_BYTES or len(buffers) >= MAX_BUFFERS:
        return True
    buffers.append(view)
    return False
