"""The two sides of an operator: fields, places inside them, values and lists of values."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from artifact_plugins.errors import QueryError
from artifact_plugins.ledger.filters.fields import Field, Kind
from artifact_plugins.ledger.filters.literals import (
    Moment,
    Scalar,
    Values,
    constant,
    fit,
    handed_over,
    moment,
)
from artifact_plugins.ledger.filters.patterns import check_pattern
from artifact_plugins.ledger.filters.source import Source, near
from artifact_plugins.ledger.filters.tree import Column, Literal, Lower, Operand, Path

TEXT_FUNCTIONS = ("startswith", "endswith", "contains", "matches")

_POSITION_MAX = 2**31 - 1
_WORDS: dict[type[ast.operator], str] = {ast.BitAnd: "and", ast.BitOr: "or"}


class Terms:
    """Reads what stands on either side of an operator.

    Attributes:
        source: The text.
        kind: What it is about.
        values: For names that are no fields.
    """

    def __init__(self, source: Source, kind: Kind, values: Mapping[str, Any] | None) -> None:
        self.source = source
        self.kind = kind
        taken = {name.partition(".")[0]: None for name in (*kind.fields, *kind.functions)}
        self.values = handed_over(values, taken)
        self.unused = set(self.values)

    def called(self, node: ast.Call) -> tuple[str, list[ast.expr]]:
        """Return the name of a function and its arguments; a method's field is the first."""
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            self.fail(node, "functions take plain values, one after the other")
        known = (*TEXT_FUNCTIONS, "lower", "date", "datetime", *self.kind.functions)
        match node.func:
            case ast.Name(id=name) if name in known:
                return name, node.args
            case ast.Attribute(value=owner, attr=name) if name in (*TEXT_FUNCTIONS, "lower"):
                return name, [owner, *node.args]
            case ast.Name(id=name) | ast.Attribute(attr=name):
                self.fail(node.func, f"there is no function {name!r}", near(name, known))
        return self.fail(node, "this is no function of a filter")

    def term(self, node: ast.expr) -> Operand | Scalar | Values:
        """Return a field, a place in one, a value or a list of values."""
        match node:
            case ast.Constant():
                return constant(node, self.refuser(node))
            case ast.UnaryOp(
                op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float() as value)
            ) if not isinstance(value, bool):
                signed = -value if isinstance(node.op, ast.USub) else value
                return constant(ast.Constant(signed), self.refuser(node))
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                return tuple([self._item(item) for item in items])
            case ast.Name(id=name) if name in self.values:
                self.unused.discard(name)
                return self.values[name]
            case ast.Name() | ast.Attribute():
                return self._field(node)
            case ast.Subscript():
                return self._path(node)
            case ast.Call():
                return self._function(node)
            case ast.BinOp(op=operator) if type(operator) in _WORDS:
                word = _WORDS[type(operator)]
                self.fail(node, f"conditions are joined by {word!r}", "as in Python")
        return self.fail(
            node, f"{self.source.written(node)!r} is not part of a filter", "nothing was evaluated"
        )

    def _item(self, node: ast.expr) -> Scalar:
        value = self.term(node)
        if isinstance(value, tuple | Column | Path | Lower):
            self.fail(node, "a list holds plain values")
        return value

    def _field(self, node: ast.Name | ast.Attribute) -> Operand:
        match node:
            case ast.Name(id=name):
                pass
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute):
                name = f"{owner}.{attribute}"
                if owner in self.kind.fields:
                    hint = f'{owner}["{attribute}"] is a place in it'
                    hint = hint if self.kind.fields[owner].type in ("object", "json") else ""
                    self.fail(node, f"{owner!r} has no {attribute!r}", hint)
            case _:
                self.fail(node, f"{self.source.written(node)!r} is no field")
        if name in self.kind.functions:
            self.fail(node, f"{name!r} is a function", f"write {name}()")
        if name not in self.kind.fields:
            self.fail(
                node, f"{self.kind.name} have no field {name!r}", near(name, self.kind.fields)
            )
        if self.kind.fields[name].type in ("json", "object"):
            return Path(name, ())
        return Column(name)

    def _path(self, node: ast.Subscript) -> Operand:
        steps: list[str | int] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Subscript):
            step = self.term(inner.slice) if not isinstance(inner.slice, ast.Slice) else None
            if isinstance(step, bool) or not isinstance(step, str | int):
                self.fail(inner.slice, "in brackets stands a key or a position")
            if isinstance(step, int) and abs(step) > _POSITION_MAX:
                self.fail(inner.slice, "no list is that long")
            steps.append(step)
            inner = inner.value
        base = self.term(inner)
        if not isinstance(base, Path):
            self.fail(inner, f"nothing is inside {self.source.written(inner)!r}")
        return Path(base.name, tuple(reversed(steps)))

    def _function(self, node: ast.Call) -> Operand | Moment:
        name, arguments = self.called(node)
        if name in ("date", "datetime") and len(arguments) == 1:
            return moment(self.text(arguments[0]), self.refuser(node))
        if name == "lower" and len(arguments) == 1:
            operand = self.operand(arguments[0])
            if isinstance(operand, Path) and operand.steps:
                return Lower(operand)
            if isinstance(operand, Column) and self.kind.fields[operand.name].type == "text":
                return Lower(operand)
            self.fail(arguments[0], "only text has letters")
        return self.fail(node, f"{name} cannot be compared")

    def operand(self, node: ast.expr) -> Operand:
        """Return a field or a place in one; anything else is refused."""
        found = self.term(node)
        if not isinstance(found, Column | Path | Lower):
            self.fail(node, "here stands a field", near("", self.kind.fields))
        return found

    def comparable(self, operand: Operand, node: ast.expr) -> Field:
        """Return the field of an operand; one inside JSON may hold any JSON."""
        name = name_of(operand)
        field = self.kind.fields[name]
        place = operand.operand if isinstance(operand, Lower) else operand
        if isinstance(place, Path) and place.steps:
            return JSON_PLACE
        if field.type == "labels":
            self.fail(node, f"{name!r} are not compared as a whole", f'use "label" in {name}')
        if field.type == "object":
            self.fail(node, f"{name!r} is not compared as a whole", f'use {name}["key"]')
        return field

    def fit(self, operand: Operand, field: Field, value: Scalar, node: ast.expr) -> Literal:
        """Return a value as the operand keeps its values."""
        if isinstance(operand, Lower) and value is not None:
            return Literal(self.needle(operand, value, node))
        return fit(value, field, name_of(operand), self.refuser(node))

    def fit_fields(self, one: Field, other: Field, node: ast.expr) -> None:
        """Refuse to compare fields of which no value is like one of the other."""
        if one.type != other.type and "json" not in (one.type, other.type):
            self.fail(node, f"a {one.type} field is not compared with a {other.type} field")
        if "json" in (one.type, other.type) and "time" in (one.type, other.type):
            self.fail(node, "JSON has no times")

    def needle(self, operand: Operand, value: object, node: ast.expr, how: str = "") -> str:
        """Return a text that is looked for in the operand, which must be able to hold it."""
        field = self.kind.fields[name_of(operand)]
        is_inside = isinstance(operand, Path) or (
            isinstance(operand, Lower) and field.type != "text"
        )
        if isinstance(operand, Column) and field.type != "text":
            self.fail(node, f"{operand.name!r} is a {field.type} field, not text")
        if isinstance(operand, Path) and field.type == "object" and not operand.steps:
            self.fail(node, f"{operand.name!r} is not text", f'use {operand.name}["key"]')
        if not isinstance(value, str):
            self.fail(node, "here stands text", "put quotes around it")
        if isinstance(operand, Lower) and any("A" <= letter <= "Z" for letter in value):
            self.fail(node, "lower(...) never has a capital letter", "write small letters")
        if how == "matches":
            check_pattern(value, self.refuser(node))
        return (
            value
            if is_inside
            else str(fit(value, _PART if field.is_normal else _RAW, "", self.refuser(node)).value)
        )

    def text(self, node: ast.expr) -> str:
        """Return a text that is written out or handed over."""
        value = self.term(node)
        if not isinstance(value, str):
            self.fail(node, "here stands text", "put quotes around it")
        return str(fit(value, _PART, "", self.refuser(node)).value)

    def refuser(self, node: ast.expr) -> Callable[[str, str], QueryError]:
        """Return what makes an error of a message and a hint at this place."""
        return lambda message, hint: self.source.refuse(node, message, hint)

    def fail(self, node: ast.AST, message: str, hint: str = "") -> NoReturn:
        """Raise the error of this place."""
        raise self.source.refuse(node, message, hint)


# What stands for a place in JSON, for a label, and for a part of a text.
JSON_PLACE = Field(type="json", table="", column="", is_nullable=True)
LABEL = _PART = Field(type="text", table="", column="")
_RAW = Field(type="text", table="", column="", is_normal=False)


def name_of(operand: Operand) -> str:
    """Return the name of the field that an operand is, or is a part of."""
    return name_of(operand.operand) if isinstance(operand, Lower) else operand.name
