"""Families of classes that have no common base to name; nothing is imported to tell them."""

from __future__ import annotations

import enum
import io
import sys
from collections.abc import Callable
from dataclasses import is_dataclass

from artifact_plugins.contracts.offers import Kind


def kind_of(cls: type) -> Kind | None:
    """Return the family a class belongs to, or None.

    A class may look like several (an Enum with a dataclass mixin, a dataclass
    with `__next__`); the first of enum, namedtuple, pydantic, attrs,
    dataclass, iterator is what it is. The order goes from how values are made
    to how they are used, so nothing that has members or fields is consumed.
    """
    for kind, holds in _KINDS:
        if holds(cls):
            return kind
    return None


def is_enum(cls: type) -> bool:
    """Tell whether the values are members of an enumeration, str and int ones too."""
    return enum.Enum in cls.__mro__


def is_namedtuple(cls: type) -> bool:
    """Tell whether it was made by `typing.NamedTuple` or `collections.namedtuple`."""
    fields = getattr(cls, "_fields", None)
    return (
        tuple in cls.__mro__
        and isinstance(fields, tuple)
        and all(isinstance(name, str) for name in fields)
        and hasattr(cls, "_make")
    )


def is_pydantic(cls: type) -> bool:
    """Tell whether it is a pydantic 2 model (a pydantic dataclass is a dataclass)."""
    # The front door of pydantic loads BaseModel at first use; this module has it.
    base = getattr(sys.modules.get("pydantic.main"), "BaseModel", None)
    return base is not None and base in cls.__mro__


def is_attrs(cls: type) -> bool:
    """Tell whether attrs made it."""
    return isinstance(getattr(cls, "__attrs_attrs__", None), tuple)


def is_iterator(cls: type) -> bool:
    """Tell whether values are consumed by `next`; open files are not meant."""
    return (
        callable(getattr(cls, "__next__", None))
        and callable(getattr(cls, "__iter__", None))
        and not issubclass(cls, io.IOBase)
    )


_KINDS: tuple[tuple[Kind, Callable[[type], bool]], ...] = (
    ("enum", is_enum),
    ("namedtuple", is_namedtuple),
    ("pydantic", is_pydantic),
    ("attrs", is_attrs),
    ("dataclass", is_dataclass),
    ("iterator", is_iterator),
)
