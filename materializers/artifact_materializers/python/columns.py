"""Objects of one class as columns of their fields, and back, without a look at each object."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from operator import attrgetter, itemgetter
from typing import Any, TypeAlias

PresentFields: TypeAlias = Callable[[Any, tuple[str, ...]], dict[str, Any]]
"""The fields of one object that have a value; refuses what would be lost."""

spaces_of = attrgetter("__dict__")
_exhaust = deque[Any](maxlen=0).extend


def columns_of_dicts(
    values: Sequence[Any], names: tuple[str, ...], present_fields: PresentFields
) -> list[list[Any]] | None:
    """Return the columns of objects that keep their fields in `__dict__`.

    Returns:
        One list per name, in the order of `names`; None when an object lacks
        a field.

    Raises:
        Refused: See `present_fields`, which is asked about objects whose
            `__dict__` holds something else.
    """
    spaces = list(map(spaces_of, values))
    if set(map(len, spaces)) == {len(names)}:
        try:
            return [list(map(itemgetter(name), spaces)) for name in names]
        except KeyError:
            pass
    return columns_one_by_one(values, names, present_fields)


def columns_of_slots(
    values: Sequence[Any], names: tuple[str, ...], present_fields: PresentFields
) -> list[list[Any]] | None:
    """Return the columns of objects that have a slot for each field, and no other.

    Returns, Raises: See `columns_of_dicts`.
    """
    try:
        return [list(map(attrgetter(name), values)) for name in names]
    except AttributeError:  # a slot is empty
        return columns_one_by_one(values, names, present_fields)


def columns_one_by_one(
    values: Sequence[Any], names: tuple[str, ...], present_fields: PresentFields
) -> list[list[Any]] | None:
    """Return the columns of objects that need a look at each.

    Returns, Raises: See `columns_of_dicts`.
    """
    rows = [present_fields(value, names) for value in values]
    if set(map(len, rows)) != {len(names)}:
        return None
    return [list(map(itemgetter(name), rows)) for name in names]


def new_objects(cls: type, count: int) -> list[Any]:
    """Return `count` objects of a class without any state; no code of the class is run."""
    return list(map(object.__new__, repeat(cls, count)))


def for_each(
    put: Callable[[Any, str, Any], Any], objects: Iterable[Any], name: str, values: Iterable[Any]
) -> None:
    """Call `put` with each object, the name and its value."""
    _exhaust(map(put, objects, repeat(name), values))
