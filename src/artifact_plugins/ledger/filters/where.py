"""From a checked tree to a condition of SQLAlchemy; the only room that imports it while running.

A condition may be NULL, which counts as false: and, or keep that, and a negation
asks `IS NOT TRUE`. So a missing value is equal to None alone, comes neither
before nor after anything, and everything else is unequal to it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, case, false, func, or_, select, true
from sqlalchemy.sql.expression import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from artifact_plugins.ledger import schema
from artifact_plugins.ledger.filters import linked
from artifact_plugins.ledger.filters.fields import Field, Kind
from artifact_plugins.ledger.filters.json_views import (
    JsonView,
    PostgresqlJson,
    SqliteJson,
    number_literal,
)
from artifact_plugins.ledger.filters.patterns import to_glob, to_like
from artifact_plugins.ledger.filters.tree import (
    And,
    Column,
    Compare,
    Constant,
    Holds,
    IsNone,
    Linked,
    Lower,
    Not,
    OneOf,
    Operand,
    Or,
    Path,
    Predicate,
    Text,
    Truth,
    Value,
)

Condition = ColumnElement[bool]
Anything = ColumnElement[Any]

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_VIEWS: dict[str, Callable[[Anything, tuple[str | int, ...]], JsonView]] = {
    "sqlite": SqliteJson,
    "postgresql": PostgresqlJson,
}
# Which column leads to the tables that a record shares with others.
_LEADS_TO = {"artifact": "artifact_id", "version_kind": "kind_id", "run": "run_id"}


class Where:
    """Makes conditions over one kind of record.

    Args:
        kind: What is asked about.
        dialect_name: `sqlite` or `postgresql`.
        project: The only project that is asked for, if it is known.
        is_walk: Whether the rows come in their order anyway, so that indexes of
            other columns would only mislead a planner without statistics.
        seeks: Functions of links whose few records are worth looking up.
    """

    def __init__(
        self,
        kind: Kind,
        dialect_name: str,
        *,
        project: str | None = None,
        is_walk: bool = False,
        seeks: frozenset[Linked] = frozenset(),
    ) -> None:
        self.kind = kind
        self.dialect_name = dialect_name
        self.table: Table = schema.metadata.tables[kind.table]
        self._project = project
        self._is_walk = is_walk
        self._seeks = seeks

    def condition(self, node: Predicate) -> Condition:
        """Return what is true for the records that the predicate holds for."""
        match node:
            case And(parts):
                return and_(true(), *[self.condition(part) for part in parts])
            case Or(parts):
                return or_(false(), *[self.condition(part) for part in parts])
            case Not(part):
                return self._negated(part)
            case Constant(value):
                return true() if value else false()
            case Linked():
                return linked.condition(self.kind.name, node, is_seek=node in self._seeks)
            case Compare(left, _, Column() | Path() | Lower() as right):
                return self._compare_operands(node.operator, left, right)
            case Compare(operand) | OneOf(operand) | IsNone(operand) | Text(operand):
                return self._of_field(operand, node)
            case Holds(operand) | Truth(operand):
                return self._of_field(operand, node)

    def _negated(self, node: Predicate) -> Condition:
        match node:
            case And(parts):
                return or_(false(), *[self._negated(part) for part in parts])
            case Or(parts):
                return and_(true(), *[self._negated(part) for part in parts])
            case Not(part):
                return self.condition(part)
            case Constant(value):
                return false() if value else true()
            case IsNone(Column(name)) if self.field(name).table == self.table.name:
                return self.column(name).is_not(None)
            case _:
                return self.condition(node).is_not(true())

    def field(self, name: str) -> Field:
        """Return the description of a field."""
        return self.kind.fields[name]

    def column(self, name: str) -> Anything:
        """Return a field as a value of the row."""
        field = self.field(name)
        found: Anything = schema.metadata.tables[field.table].c[field.column]
        if field.table == self.table.name:
            return self._hidden(found) if name == "project" else found
        other = schema.metadata.tables[field.table]
        leads = self.table.c[_LEADS_TO[field.table]]
        return select(found).where(other.c.id == leads).correlate(self.table).scalar_subquery()

    def view(self, path: Path) -> JsonView:
        """Return a place inside a JSON field."""
        return _VIEWS[self.dialect_name](self.column(path.name), path.steps)

    def text(self, operand: Operand) -> Anything:
        """Return an operand as text; NULL when it is something else."""
        return self._text(operand, self.column)

    def shared(self, node: Predicate) -> Condition:
        """Return what a predicate over a shared table says about a row of that table."""
        columns = schema.metadata.tables
        return self._leaf(
            node, lambda name: columns[self.field(name).table].c[self.field(name).column]
        )

    def _of_field(self, operand: Operand, node: Predicate) -> Condition:
        inner = operand.operand if isinstance(operand, Lower) else operand
        field = self.field(inner.name)
        if field.table == self.table.name:
            return self._leaf(node, self.column)
        return self._through(field, node)

    def _through(self, field: Field, node: Predicate) -> Condition:
        """Ask about a shared row once, and not again for every record that has it."""
        other = schema.metadata.tables[field.table]
        leads = self.table.c[_LEADS_TO[field.table]]
        asked = self.shared(node)
        if field.table == "run":
            return (
                select(other.c.id).where(other.c.id == leads, asked).correlate(self.table).exists()
            )
        found = select(other.c.id).where(asked)
        if field.table == "artifact":
            projects: Any = (
                select(schema.version_kind.c.project).correlate(None)
                if self._project is None
                else [self._project]
            )
            found = found.where(other.c.project.in_(projects))
        return self._hidden(leads).in_(found.correlate(None))

    def _hidden(self, column: Anything) -> Anything:
        """Return a column without its index, where a planner without statistics would take it."""
        if self._is_walk and self.dialect_name == "sqlite":
            return UnaryExpression(column, operator=custom_op("+"))
        return column

    def _leaf(self, node: Predicate, column: Callable[[str], Anything]) -> Condition:
        match node:
            case Compare(operand, sign, right):
                return self._compare(operand, sign, right.value, column)  # type: ignore[union-attr]  # others went elsewhere
            case OneOf(operand, values):
                return self._one_of(operand, values, column)
            case IsNone(operand):
                return self._is_none(operand, column)
            case Text(operand, how, text):
                return self._like(self._text(operand, column), how, text)
            case Holds(Column(name), value):
                # The labels are JSON texts without quotes or backslashes inside.
                return self._position(column(name), f'"{value}"') if _is_label(value) else false()
            case Holds(Path() as path, value):
                return self.view(path).holds(value)
            case Truth(operand):
                return self._is_true(operand, column)
        raise AssertionError(node)

    def _compare(
        self, operand: Operand, sign: str, value: Value, column: Callable[[str], Anything]
    ) -> Condition:
        compare = _COMPARE[sign]
        if isinstance(operand, Column):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            right = number_literal(value) if is_number else value  # type: ignore[arg-type]  # not None
            found: Condition = compare(column(operand.name), right)
        elif isinstance(value, str):
            found = compare(self._text(operand, column), value)
        else:
            assert isinstance(operand, Path)
            assert value is not None
            found = compare(self.view(operand).number(value), number_literal(value))
        return found

    def _compare_operands(self, sign: str, left: Operand, right: Operand) -> Condition:
        compare = _COMPARE[sign]
        one, other = self._values(left), self._values(right)
        found = or_(false(), *[compare(one[name], other[name]) for name in one if name in other])
        if sign != "==":
            return found
        return or_(found, and_(self._is_none(left, self.column), self._is_none(right, self.column)))

    def _values(self, operand: Operand) -> dict[str, Anything]:
        """Return the operand by the types that it may have."""
        if isinstance(operand, Path):
            view = self.view(operand)
            return {"number": view.number(), "text": view.text()}
        if isinstance(operand, Lower):
            return {"text": self._text(operand, self.column)}
        type_, found = self.field(operand.name).type, self.column(operand.name)
        if type_ == "boolean":
            return {"number": case((found == true(), 1), else_=0)}
        return {"number" if type_ == "time" else type_: found}

    def _one_of(
        self, operand: Operand, values: tuple[Value, ...], column: Callable[[str], Anything]
    ) -> Condition:
        texts = [value for value in values if isinstance(value, str)]
        numbers = [number_literal(one) for one in values if isinstance(one, int | float)]
        if isinstance(operand, Column):
            if self.field(operand.name).type == "boolean":
                return or_(false(), *[column(operand.name) == value for value in values])
            return column(operand.name).in_(texts or numbers) if values else false()
        found = [self._text(operand, column).in_(texts)] if texts else []
        if isinstance(operand, Path):
            view = self.view(operand)
            for kind, others in ((float, int), (int, float)):
                numbers = [
                    number_literal(value)
                    for value in values
                    if isinstance(value, kind) and not isinstance(value, others)
                ]
                if numbers:
                    found.append(view.number(kind()).in_(numbers))
        return or_(false(), *found)

    def _is_none(self, operand: Operand, column: Callable[[str], Anything]) -> Condition:
        if isinstance(operand, Column):
            return column(operand.name).is_(None)
        if isinstance(operand, Lower):
            return self._text(operand, column).is_(None)
        return self.view(operand).is_none()

    def _is_true(self, operand: Operand, column: Callable[[str], Anything]) -> Condition:
        if isinstance(operand, Path):
            return self.view(operand).is_true()
        if isinstance(operand, Lower):
            return self._text(operand, column) != ""
        found = column(operand.name)
        match self.field(operand.name).type:
            case "text":
                return found != ""
            case "number":
                return found != 0
            case "boolean":
                return found == true()
            case _:
                return found.is_not(None)

    def _text(self, operand: Operand, column: Callable[[str], Anything]) -> Anything:
        if isinstance(operand, Lower):
            # In the order of code points, only ASCII letters have a lower case.
            return func.lower(self._text(operand.operand, column))
        return column(operand.name) if isinstance(operand, Column) else self.view(operand).text()

    def _like(self, found: Anything, how: str, text: str) -> Condition:
        if how == "contains":
            return self._position(found, text)
        if how == "matches":
            if self.dialect_name == "sqlite":
                return found.op("GLOB", is_comparison=True)(to_glob(text))
            return found.like(to_like(text))
        if text == "":
            return found.is_not(None)
        if how == "startswith":
            # An index finds where to start; the end of a range has no text of its own.
            return and_(found >= text, func.substr(found, 1, len(text)) == text)
        if self.dialect_name == "sqlite":
            return func.substr(found, -len(text)) == text
        return func.right(found, len(text)) == text

    def _position(self, found: Anything, text: str) -> Condition:
        position = func.instr if self.dialect_name == "sqlite" else func.strpos
        return position(found, text) > 0


def _is_label(value: Value) -> bool:
    return isinstance(value, str) and '"' not in value and "\\" not in value
