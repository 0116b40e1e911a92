"""Classes of users: which families are understood, and how a document names a class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Generic

from artifact_materializers.python.plain import TAG
from artifact_materializers.python.state import (
    Decode,
    Encode,
    MakeObjects,
    ReadColumns,
    Refused,
)
from artifact_plugins.contracts.refs import ARCHIVED, note_function, note_type, type_path
from artifact_plugins.errors import LoadFailedError

_HEAP_TYPE = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: set for every class made by a class statement."""


@dataclass(frozen=True, slots=True)
class Family:
    """Classes whose objects are stored alike.

    Attributes:
        kind: Its name in documents.
        claims: Whether a class belongs to it.
        names: The fields of a class, in order; empty if there are none.
        encoder: Makes the encoder of one class.
        decoder: Makes the decoder of one class from the fields that were stored.
        reader: Makes what reads many objects of one class as columns; None if nothing can.
        maker: Makes what turns columns into objects again, from the fields that were stored.
        members: The parts of one object by name, for paths and previews.
    """

    kind: str
    claims: Callable[[type], bool]
    names: Callable[[type], tuple[str, ...]]
    encoder: Callable[[type], Encode]
    decoder: Callable[[type, tuple[str, ...]], Decode]
    reader: Callable[[type], ReadColumns | None]
    maker: Callable[[type, tuple[str, ...]], MakeObjects]
    members: Callable[[Any], Iterator[tuple[str, Any]]]


def is_plain_object(cls: type) -> bool:
    """Tell whether objects of a class have no state but slots and `__dict__`.

    A class that inherits `list` or `Exception` has some, which a list of
    fields would lose.
    """
    return all(
        base.__flags__ & _HEAP_TYPE or base is object or base is Generic for base in cls.__mro__
    )


def path_of_class(cls: type, value: Any) -> str:
    """Return the import path of a class, after looking that it leads back to it.

    Raises:
        Refused: The class is defined in `__main__` or inside a function, or
            its path leads to something else; `value` is the object to blame.
    """
    path = type_path(cls)
    module, _, name = path.partition(":")
    hint = "nothing was saved; define the class in a module that can be imported"
    if module == "__main__":
        raise Refused(
            value,
            f"belongs to class {name!r} of the running script (__main__)",
            f"{hint}, or save the value with materializer='pickle.object'",
            script_class=name,
        )
    if "<locals>" in name:
        raise Refused(value, f"belongs to class {path!r}, defined inside a function", hint)
    try:
        is_lasting = note_type(cls, path)
    except Exception as error:
        raise Refused(value, f"belongs to class {path!r}, which has no such path", hint) from error
    if not is_lasting:
        raise Refused(value, f"belongs to class {path!r}, but another class has that path", hint)
    return path


def path_of_function(function: FunctionType, value: Any) -> str:
    """Return the import path of a function, after looking that it leads back to it.

    Raises:
        Refused: It is a lambda, or defined in `__main__`, inside a function or in
            archived code; `value` is the object to blame.
    """
    name = function.__qualname__
    in_script = function.__module__ == "__main__"
    path = None
    if not in_script and not function.__module__.startswith(ARCHIVED):
        path = note_function(function)
    if path is None:
        raise Refused(
            value,
            f"names the function {function.__module__}:{name}, which no other program finds",
            "nothing was saved; define it with `def` in a module that can be imported",
            script_class=name if in_script else None,
        )
    return path


def class_entry(family: Family, cls: type, value: Any) -> dict[str, Any]:
    """Return what a document says about a class.

    Raises:
        Refused: See `path_of_class`.
    """
    path = path_of_class(cls, value)
    return {TAG: "class", "kind": family.kind, "name": path, "fields": family.names(cls)}


def check_fields(cls: type, stored: tuple[str, ...], current: tuple[str, ...]) -> None:
    """Compare the fields of a class with those that were stored.

    Raises:
        LoadFailedError: Names the class and the first field lost or gained.
    """
    lost = [name for name in stored if name not in current]
    gained = [name for name in current if name not in stored]
    if lost or gained:
        change = f"no longer has field {lost[0]!r}" if lost else f"has a new field {gained[0]!r}"
        raise LoadFailedError(
            f"class {type_path(cls)!r} {change}",
            hint="the stored bytes are intact; restore the fields the class had when it was saved",
            data_type=type_path(cls),
            field=(lost or gained)[0],
        )
