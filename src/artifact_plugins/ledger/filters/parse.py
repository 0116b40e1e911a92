"""From the text of a filter or an order to a checked tree; nothing is ever evaluated.

The grammar is a part of Python's expressions: what is not named here is refused
with a caret under it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from artifact_plugins.errors import QueryError
from artifact_plugins.ledger.filters import tree
from artifact_plugins.ledger.filters.fields import Kind
from artifact_plugins.ledger.filters.literals import MAX_VALUES, Moment, Values, fit
from artifact_plugins.ledger.filters.source import Source
from artifact_plugins.ledger.filters.terms import LABEL, TEXT_FUNCTIONS, Terms, name_of
from artifact_plugins.ledger.filters.tree import Column, Lower, Path, Predicate

MAX_PREDICATES = 500
MAX_FILTERS = 20

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}
_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "==",  # negated
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


def parse_filter(
    where: str | Sequence[str], kind: Kind, values: Mapping[str, Any] | None = None
) -> Predicate:
    """Return the checked tree of a filter; of an empty one: `True`.

    Args:
        where: An expression over the fields of the kind, or several that must
            all hold.
        kind: What it filters.
        values: For names in it that are no fields.

    Raises:
        QueryError: Points at the column where it fails.
    """
    if values is not None and not isinstance(values, Mapping):
        raise QueryError("values are given by name", hint="such as values={'wanted': 3}")
    parts: list[Predicate] = []
    unused = set(values or ())
    texts = where if isinstance(where, list | tuple) else [where]
    if len(texts) > MAX_FILTERS:
        raise QueryError(f"{len(texts)} filters are more than {MAX_FILTERS}", hint="join them")
    for text in texts:
        parser = _Parser(Source(text, "filter"), kind, values)
        if parser.source.text:
            parts.append(parser.predicate(parser.source.parse()))
        unused &= parser.unused
    if unused:
        raise QueryError(f"no filter mentions the value {min(unused)!r}", hint="nothing was asked")
    if not parts:
        return tree.Constant(True)
    return parts[0] if len(parts) == 1 else tree.And(tuple(parts))


def parse_order(order: str | Sequence[str], kind: Kind) -> tuple[tree.SortKey, ...]:
    """Return the keys of an order, such as `-created_at, metadata["rmse"]`.

    Args:
        order: One text, or one for each key; `-` is descending.
        kind: What it orders.

    Raises:
        QueryError: Points at the column where it fails.
    """
    texts = order if isinstance(order, list | tuple) else [order]
    keys = tuple(key for text in texts for key in _keys(Source(text, "order"), kind))
    if not keys:
        raise QueryError("the order names no field", hint="nothing was asked")
    return keys


def _keys(source: Source, kind: Kind) -> list[tree.SortKey]:
    parser = _Parser(source, kind, None)
    parsed = source.parse()
    nodes = parsed.elts if isinstance(parsed, ast.Tuple) else [parsed]
    keys = []
    for node in nodes:
        is_descending = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        inner = node.operand if isinstance(node, ast.UnaryOp) else node
        if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.USub | ast.UAdd):
            raise source.refuse(node, "an order is a list of fields", "'-' is descending")
        operand = parser.term(inner)
        if not isinstance(operand, Column | Path | Lower):
            raise source.refuse(inner, "an order is by fields, not by values")
        name = name_of(operand)
        if kind.fields[name].type in ("labels", "object") and not (
            isinstance(operand, Path) and operand.steps
        ):
            raise source.refuse(inner, f"there is no order of {name!r}", f'{name}["key"] has one')
        keys.append(tree.SortKey(operand, is_descending))
    return keys


class _Parser(Terms):
    def __init__(self, source: Source, kind: Kind, values: Mapping[str, Any] | None) -> None:
        super().__init__(source, kind, values)
        self._predicates = 0
        self._listed = 0

    def predicate(self, node: ast.expr) -> Predicate:
        """Return the checked tree of what is true or false."""
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                return tree.And(tuple([self.predicate(part) for part in parts]))
            case ast.BoolOp(values=parts):
                return tree.Or(tuple([self.predicate(part) for part in parts]))
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return tree.Not(self.predicate(part))
        self._count(node, 1)
        match node:
            case ast.Compare(left=left, ops=ops, comparators=others):
                self._count(node, len(ops) - 1)
                pairs = zip([left, *others[:-1]], ops, others, strict=True)
                found = tuple([self._compare(*pair) for pair in pairs])
                return found[0] if len(found) == 1 else tree.And(found)
            case ast.Call():
                return self._call(node)
            case ast.Constant(value=bool(value)):
                return tree.Constant(value)
        operand = self.term(node)
        if not isinstance(operand, Column | Path | Lower):
            self.fail(node, "a value alone is no filter", "compare it with a field")
        return tree.Truth(operand)

    def _count(self, node: ast.expr, more: int) -> None:
        self._predicates += more
        if self._predicates > MAX_PREDICATES:
            self.fail(
                node,
                f"the filter has more than {MAX_PREDICATES} conditions",
                "ask `field in values` and hand the list over in `values`",
            )

    def _compare(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Predicate:
        if isinstance(operator, ast.In | ast.NotIn):
            found = self._membership(left, right)
        elif isinstance(operator, ast.Is | ast.IsNot):
            found = self._is_none(left, right)
        else:
            found = self._comparison(left, _OPERATORS[type(operator)], right)
        is_negated = isinstance(operator, ast.NotEq | ast.NotIn | ast.IsNot)
        return tree.Not(found) if is_negated else found

    def _is_none(self, left: ast.expr, right: ast.expr) -> Predicate:
        operand, value = self.operand(left), self.term(right)
        if value is not None:
            self.fail(right, "'is' only asks for None", "'==' compares")
        return tree.IsNone(operand)

    def _comparison(self, left: ast.expr, operator: str, right: ast.expr) -> Predicate:
        one, other = self.term(left), self.term(right)
        if not isinstance(one, Column | Path | Lower):
            if not isinstance(other, Column | Path | Lower):
                self.fail(left, "this compares two values", "one side is a field")
            left, right, one, other = right, left, other, one
            operator = _MIRRORED[operator]
        field = self.comparable(one, left)
        if operator != "==" and (field.type == "boolean" or field.choices):
            self.fail(left, f"there is no order of {name_of(one)!r}", "use ==, != or in")
        if isinstance(other, Column | Path | Lower):
            self.fit_fields(field, self.comparable(other, right), right)
            return tree.Compare(one, operator, other)  # type: ignore[arg-type]  # one of five
        if isinstance(other, tuple):
            self.fail(right, "a list is not compared as a whole", "use 'in'")
        literal = self.fit(one, field, other, right)
        if literal.value is None:
            if operator != "==":
                self.fail(right, "nothing is before or after None", "use 'is None'")
            return tree.IsNone(one)
        return tree.Compare(one, operator, literal)  # type: ignore[arg-type]  # one of five

    def _membership(self, left: ast.expr, right: ast.expr) -> Predicate:
        container = self.term(right)
        if isinstance(container, tuple):
            return self._one_of(left, container, right)
        if not isinstance(container, Column | Path | Lower):
            self.fail(right, "'in' asks for a list, a text or labels", "put brackets around it")
        value = self.term(left)
        if isinstance(value, tuple | Column | Path | Lower | Moment):
            self.fail(left, "before 'in' stands one value", "such as 'prod' in tags")
        field = self.kind.fields[name_of(container)]
        if isinstance(container, Lower) or field.type == "text":
            return tree.Text(container, "contains", self.needle(container, value, left))
        if field.type == "labels" and not isinstance(value, str):
            self.fail(left, f"{name_of(container)!r} are texts", "put quotes around it")
        if field.type in ("labels", "json", "object"):
            if field.type == "labels":
                value = fit(value, LABEL, name_of(container), self.refuser(left)).value
            return tree.Holds(container, value)
        return self.fail(right, f"nothing is in {name_of(container)!r}, a {field.type} field")

    def _one_of(self, left: ast.expr, values: Values, right: ast.expr) -> Predicate:
        operand = self.operand(left)
        field = self.comparable(operand, left)
        self._listed += len(values)
        if self._listed > MAX_VALUES:
            self.fail(right, f"lists have at most {MAX_VALUES} values together", "ask in parts")
        fitted = [self.fit(operand, field, value, right).value for value in values]
        known = tuple(dict.fromkeys([value for value in fitted if value is not None]))
        found = tree.OneOf(operand, known)
        return tree.Or((tree.IsNone(operand), found)) if None in fitted else found

    def _call(self, node: ast.Call) -> Predicate:
        name, arguments = self.called(node)
        if name in TEXT_FUNCTIONS:
            if len(arguments) != 2:
                self.fail(node, f"{name} takes a field and a text", f'name.{name}("a")')
            operand = self.operand(arguments[0])
            needles = self.term(arguments[1])
            self._count(node, len(needles) - 1 if isinstance(needles, tuple) else 0)
            parts = [
                tree.Text(operand, name, self.needle(operand, one, arguments[1], name))  # type: ignore[arg-type]  # in TEXT_FUNCTIONS
                for one in (needles if isinstance(needles, tuple) else (needles,))
            ]
            return parts[0] if len(parts) == 1 else tree.Or(tuple(parts))
        if name in self.kind.functions:
            wanted = self.kind.functions[name]
            if len(arguments) != wanted:
                self.fail(node, f"{name} takes {wanted} values, not {len(arguments)}")
            return tree.Linked(name, tuple([self.text(argument) for argument in arguments]))
        found = self.term(node)
        if not isinstance(found, Lower):
            self.fail(node, "a value alone is no filter", "compare it with a field")
        return tree.Truth(found)
