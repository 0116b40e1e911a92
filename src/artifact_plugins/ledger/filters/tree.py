"""The checked form of an expression: frozen nodes that hold no text of the user's but literals.

Operands   Column, Path, Lower, Literal
Predicates Compare, OneOf, IsNone, Text, Holds, Truth, Linked, Constant; And, Or, Not
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOfThese

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Column:
    """A field of the record, by its name in `fields`."""

    name: str


@dataclass(frozen=True, slots=True)
class Path:
    """A place inside a JSON field; keys are text, positions in a list are numbers."""

    name: str
    steps: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Lower:
    """The text of an operand with its ASCII letters in lower case."""

    operand: Column | Path


@dataclass(frozen=True, slots=True)
class Literal:
    """A value; times are microseconds since 1970 in UTC."""

    value: Value


Operand = Column | Path | Lower


@dataclass(frozen=True, slots=True)
class Compare:
    """`left operator right`; `!=` is a negated `==`."""

    left: Operand
    operator: OneOfThese["==", "<", "<=", ">", ">="]
    right: Operand | Literal


@dataclass(frozen=True, slots=True)
class OneOf:
    """The operand equals one of the values, none of which is None."""

    operand: Operand
    values: tuple[str | int | float | bool, ...]


@dataclass(frozen=True, slots=True)
class IsNone:
    """The operand has no value."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class Text:
    """The operand is text that begins with, ends with, contains or looks like `text`."""

    operand: Operand
    how: OneOfThese["startswith", "endswith", "contains", "matches"]
    text: str


@dataclass(frozen=True, slots=True)
class Holds:
    """`value in operand`: an element of a list, a key of an object, a part of a text, a label."""

    operand: Column | Path
    value: Value


@dataclass(frozen=True, slots=True)
class Truth:
    """The operand is neither missing, false, zero nor empty."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class Linked:
    """A function of the record's links, such as `used_by_run("delays-1a2b3c4d")`."""

    function: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """`True` or `False`: every record or none."""

    value: bool


@dataclass(frozen=True, slots=True)
class Not:
    """What the part is not."""

    part: Predicate


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of the parts."""

    parts: tuple[Predicate, ...]


Predicate = And | Or | Not | Compare | OneOf | IsNone | Text | Holds | Truth | Linked | Constant


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of an order; records without a value come last in both directions."""

    operand: Operand
    is_descending: bool


def conjuncts(predicate: Predicate) -> tuple[Predicate, ...]:
    """Return the predicates that must all hold."""
    if isinstance(predicate, And):
        return tuple(inner for part in predicate.parts for inner in conjuncts(part))
    return (predicate,)


def columns(predicate: Predicate) -> frozenset[str]:
    """Return the names of the fields that a predicate mentions."""
    match predicate:
        case And(parts) | Or(parts):
            return frozenset().union(*map(columns, parts))
        case Not(part):
            return columns(part)
        case Compare(left, _, right):
            return _names(left) | _names(right)
        case Linked() | Constant():
            return frozenset()
        case _:
            return _names(predicate.operand)


def _names(operand: Operand | Literal) -> frozenset[str]:
    match operand:
        case Literal():
            return frozenset()
        case Lower(inner):
            return _names(inner)
        case _:
            return frozenset({operand.name})
