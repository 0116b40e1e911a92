"""What an annotation asks for when a version is loaded."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Union, get_args, get_origin

# PEP 484: int is acceptable where float or complex is declared.
_TOWER: dict[type, tuple[type, ...]] = {float: (int,), complex: (float, int)}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of a value to load; None is everything.

    Attributes:
        columns: Column names of a table, in the order wanted.
        rows: Rows of a table or first axis of an array.
    """

    columns: Sequence[str] | None = None
    rows: slice | None = None

    def keywords(self) -> dict[str, Any]:
        """Return what is set, as arguments of `load_part`."""
        chosen: dict[str, Any] = {}
        if self.columns is not None:
            chosen["columns"] = list(self.columns)
        if self.rows is not None:
            chosen["rows"] = self.rows
        return chosen


def _cached(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    cached = lru_cache(maxsize=1024)(function)

    def call(annotation: Any) -> Any:
        try:
            return cached(annotation)
        except TypeError:  # unhashable metadata inside Annotated
            return function(annotation)

    return call


def wanted_classes(annotation: Any) -> tuple[type, ...]:
    """Return the classes an annotation accepts; empty when it accepts anything.

    `Annotated` is looked through, generics are their origin, a Union is all of
    its members, a TypedDict is `dict`, a NewType its base. Type variables,
    `Any` and `object` accept anything.
    """
    found: tuple[type, ...] = _wanted_classes(annotation)
    return found


@_cached
def _wanted_classes(annotation: Any) -> tuple[type, ...]:
    if annotation is None or annotation is type(None):
        return (type(None),)
    origin = get_origin(annotation)
    if origin is Annotated:
        return wanted_classes(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        members = [wanted_classes(member) for member in get_args(annotation)]
        return () if not all(members) else tuple(cls for member in members for cls in member)
    if origin is typing.Literal:
        return tuple({type(choice) for choice in get_args(annotation)})
    if typing.is_typeddict(annotation) or typing.is_typeddict(origin):
        return (dict,)
    if isinstance(annotation, typing.NewType):
        return wanted_classes(annotation.__supertype__)
    found = origin if isinstance(origin, type) else annotation
    return (found,) if isinstance(found, type) and found not in (object, Any) else ()


def accepts(annotation: Any, cls: type) -> bool:
    """Tell whether values of `cls` fit an annotation, element types aside."""
    classes = wanted_classes(annotation)
    return not classes or any(
        issubclass(cls, want) or issubclass(cls, _TOWER.get(want, ())) for want in classes
    )


def annotation_name(annotation: Any) -> str:
    """Return an annotation as people write it."""
    return getattr(annotation, "__qualname__", None) or str(annotation).replace("typing.", "")
