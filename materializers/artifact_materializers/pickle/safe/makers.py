"""What stands for a name of the list while a pickle is read: makers, and values half made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from artifact_plugins.errors import UnsafeFormatError


class Maker:
    """Stands for a class or function that a pickle names; the real one is never called.

    Args:
        name: As people know it.
        call: Makes what calling it would return, from checked arguments.
        new: Makes what `cls.__new__(cls, *args)` would, the state still to come.
        of: What it stands for, for makers that compare.
        is_stateless: Whether the state that follows `new` holds only what
            its class computes again, and is left out.
    """

    __slots__ = ("call", "is_stateless", "name", "new", "of")

    def __init__(
        self,
        name: str,
        *,
        call: Callable[..., Any] | None = None,
        new: Callable[..., Any] | None = None,
        of: Any = None,
        is_stateless: bool = False,
    ) -> None:
        self.name = name
        self.call = call
        self.new = new
        self.of = of
        self.is_stateless = is_stateless


class Draft:
    """A value whose state is still to come; `finish` makes it. It cannot be used before.

    Attributes:
        slot: Where in the memo it lies; None when it does not.
    """

    __slots__ = ("finish", "slot")

    def __init__(self, finish: Callable[[Any], Any]) -> None:
        self.finish = finish
        self.slot: int | None = None


class Inner:
    """A piece that only means something to another maker: a block of a frame.

    Attributes:
        leaves: What it costs to use it, besides what it was made from.
    """

    __slots__ = ("kind", "leaves", "value")

    def __init__(self, kind: str, value: Any, *, leaves: int = 0) -> None:
        self.kind = kind
        self.value = value
        self.leaves = leaves


class Arguments(tuple[Any, ...]):
    """A tuple that holds what is no value by itself; only a maker may take it."""

    __slots__ = ()


NO_VALUE = (Maker, Draft, Inner, Arguments, memoryview)
"""Types of what must not end up inside a value."""


def refuse(what: str) -> NoReturn:
    """Refuse a pickle.

    Raises:
        UnsafeFormatError: Always.
    """
    raise UnsafeFormatError(
        f"the pickle is more than plain values: {what}",
        hint="nothing was executed",
    )


def need(holds: object, what: str) -> None:
    """Refuse a pickle unless `holds`.

    Raises:
        UnsafeFormatError: It does not.
    """
    if not holds:
        refuse(what)


def is_int(value: object) -> bool:
    """Tell whether a value is an int and no bool."""
    return type(value) is int


def inner(value: object, kind: str) -> Any:
    """Return what a piece of a kind holds.

    Raises:
        UnsafeFormatError: It is no such piece.
    """
    if type(value) is not Inner or value.kind != kind:
        refuse(f"a {type(value).__name__} where a {kind} belongs")
    return value.value


def state_of(state: object, *, needed: set[str], allowed: set[str] = frozenset()) -> dict[str, Any]:  # type: ignore[assignment]
    """Return a state that is a dict with the keys `needed` and perhaps some of `allowed`.

    Raises:
        UnsafeFormatError: It is anything else.
    """
    if type(state) is not dict:
        refuse("a state that is no dict")
    keys = set(state)
    need(
        needed <= keys and keys <= needed | allowed,
        f"a state with the keys {sorted(map(str, keys))}",
    )
    return state
