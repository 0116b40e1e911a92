"""What an annotation asks for when a version is loaded."""

from __future__ import annotations

import operator
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Union, get_args, get_origin

from artifact_plugins.errors import InputError

# PEP 484: int is acceptable where float or complex is declared.
_TOWER: dict[type, tuple[type, ...]] = {float: (int,), complex: (float, int)}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of a value to load; None is everything.

    Attributes:
        columns: Column names of a table, in the order wanted.
        rows: Rows of a table or first axis of an array.

    Raises:
        InputError: `columns` is no list or tuple, or `rows` no slice of integers.
    """

    columns: Sequence[str] | None = None
    rows: slice | None = None

    def __post_init__(self) -> None:
        if self.columns is not None:
            _check_columns(self.columns)
        if self.rows is not None:
            _check_rows(self.rows)

    def keywords(self) -> dict[str, Any]:
        """Return what is set, as arguments of `load_part`."""
        chosen: dict[str, Any] = {}
        if self.columns is not None:
            chosen["columns"] = list(self.columns)
        if self.rows is not None:
            chosen["rows"] = self.rows
        return chosen


def wanted_classes(annotation: Any) -> tuple[type, ...]:
    """Return the classes an annotation accepts; empty when it accepts anything.

    `Annotated` is looked through, generics are their origin, a Union is all of
    its members in their order, a TypedDict is `dict`, a NewType its base. Type
    variables, `Any`, `object` and protocols that cannot be checked at run
    time accept anything.
    """
    if type(annotation) is type:  # most classes, and no TypedDict, Protocol or Any
        return () if annotation is object else (annotation,)
    if annotation is None:
        return (type(None),)
    # Not cached: `int | None` equals `None | int`, but their order differs.
    origin = get_origin(annotation)
    if origin is Annotated:
        return wanted_classes(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        args: tuple[Any, ...] = annotation.__args__
        if all(type(member) is type for member in args) and object not in args:
            return args
        members = [wanted_classes(member) for member in args]
        return () if not all(members) else tuple(cls for member in members for cls in member)
    if origin is typing.Literal:
        return tuple(dict.fromkeys(type(choice) for choice in get_args(annotation)))
    if isinstance(annotation, typing.NewType):
        return wanted_classes(annotation.__supertype__)
    try:
        return _class_of(annotation, origin)
    except TypeError:  # it has no hash
        return _class_of.__wrapped__(annotation, origin)


@lru_cache(maxsize=1024)
def _class_of(annotation: Any, origin: Any) -> tuple[type, ...]:
    if typing.is_typeddict(annotation) or typing.is_typeddict(origin):
        return (dict,)
    found = origin if isinstance(origin, type) else annotation
    if not isinstance(found, type) or found is object or found is Any:
        return ()
    try:
        issubclass(int, found)
    except TypeError:  # a protocol that is not `runtime_checkable`, or that has attributes
        return ()
    return (found,)


def accepts(annotation: Any, cls: type) -> bool:
    """Tell whether values of `cls` fit an annotation, element types aside."""
    if annotation is cls or annotation is Any:
        return True
    classes = wanted_classes(annotation)
    return not classes or any(
        issubclass(cls, want) or issubclass(cls, _TOWER.get(want, ())) for want in classes
    )


def check_annotation(annotation: Any) -> None:
    """Check that somebody who names a type by hand named one.

    Raises:
        InputError: It is text, a number or anything else that is no type.
    """
    if (
        isinstance(annotation, type)
        or annotation is None
        or get_origin(annotation) is not None
        or type(annotation).__module__ in ("typing", "typing_extensions", "types")
    ):
        return
    raise InputError(
        f"{annotation!r:.200} is no type",
        hint="hand in the class itself or an annotation; nothing was loaded",
    )


def annotation_name(annotation: Any) -> str:
    """Return an annotation as people write it."""
    return getattr(annotation, "__qualname__", None) or str(annotation).replace("typing.", "")


def _check_columns(columns: Any) -> None:
    if not isinstance(columns, list | tuple):
        hint = f"write columns=[{columns!r}]" if isinstance(columns, str) else "write columns=['a']"
        raise InputError(
            f"columns are a list of names, not a {type(columns).__qualname__}",
            hint=f"{hint}; nothing was loaded",
        )
    for column in columns:
        if isinstance(column, list | dict | set):
            raise InputError(
                f"columns hold {column!r:.200}, which is no name of a column",
                hint="nothing was loaded",
            )


def _check_rows(rows: Any) -> None:
    try:
        if not isinstance(rows, slice):
            raise TypeError
        for bound in (rows.start, rows.stop, rows.step):
            if bound is not None:
                operator.index(bound)
    except TypeError:
        raise InputError(
            f"rows are a slice of integers, not {rows!r:.200}",
            hint="write rows=slice(0, 100); nothing was loaded",
        ) from None
