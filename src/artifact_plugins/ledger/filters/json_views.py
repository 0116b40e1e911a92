"""What stands at a place inside a JSON column: its type and value, for each SQL dialect.

Every view is NULL where the place is missing or holds something else, and none
fails, whatever is stored there. The types are `number` (true and false are 1
and 0, as in Python), `text`, `list` and `object`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Float,
    Integer,
    Numeric,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.types import TypeEngine

from artifact_plugins.ledger.filters.tree import Value

Any_ = ColumnElement[Any]


class JsonView(Protocol):
    """One place inside a JSON column."""

    def number(self, like: object = None) -> Any_:
        """Return the number there, in the form that compares exactly with `like`."""

    def sortable(self) -> Any_:
        """Return the number there, as a double."""

    def text(self) -> Any_:
        """Return the text there."""

    def is_none(self) -> ColumnElement[bool]:
        """Tell whether nothing is there, or null."""

    def is_true(self) -> ColumnElement[bool]:
        """Tell whether what is there counts as true in Python."""

    def holds(self, value: Value) -> ColumnElement[bool]:
        """Tell whether the list, object or text there has an element, key or part."""


class SqliteJson(JsonView):
    """A place inside a JSON column of SQLite, found by `json_extract`."""

    def __init__(self, column: Any_, steps: tuple[str | int, ...]) -> None:
        self._type, self._value = _found(column, steps)

    def number(self, like: object = None) -> Any_:
        is_number = self._type.in_(["integer", "real", "true", "false"])
        return case((is_number, self._value))

    def sortable(self) -> Any_:
        return self.number()

    def text(self) -> Any_:
        return case((self._type == "text", self._value))

    def is_none(self) -> ColumnElement[bool]:
        return self._value.is_(None)

    def is_true(self) -> ColumnElement[bool]:
        return case(
            (self._type == "text", self._value != ""),
            (self._type == "array", self._value != "[]"),
            (self._type == "object", self._value != "{}"),
            else_=self._value != 0,
        )

    def holds(self, value: Value) -> ColumnElement[bool]:
        element = func.json_each(case((self._type == "array", self._value))).table_valued(
            "value", "type"
        )
        found = exists().where(_equals(element.c.type, element.c.value, value)).select_from(element)
        if not isinstance(value, str):
            return found
        key = func.json_each(case((self._type == "object", self._value))).table_valued("key")
        has_key = exists().where(key.c.key == value).select_from(key)
        return or_(found, has_key, func.instr(self.text(), value) > 0)


def _equals(type_: Any_, found: Any_, value: Value) -> ColumnElement[bool]:
    if value is None:
        return type_ == "null"
    if isinstance(value, str):
        return and_(type_ == "text", found == value)
    return and_(type_.in_(["integer", "real", "true", "false"]), found == value)


def _found(document: Any_, steps: tuple[str | int, ...]) -> tuple[Any_, Any_]:
    """Return type and value at the end of the steps.

    A path of SQLite cannot spell keys with quotes, backslashes or control
    characters in every version; those are looked for among the keys.
    """
    for number, step in enumerate(steps):
        if isinstance(step, str) and not _is_plain(step):
            type_, value = _found(document, steps[:number])
            each = func.json_each(case((type_ == "object", value))).table_valued(
                "key", "type", "value"
            )
            inner = case((each.c.type.in_(["object", "array"]), each.c.value))
            rest = steps[number + 1 :]
            found = _found(inner, rest) if rest else (each.c.type, each.c.value)
            pair = [
                select(one).where(each.c.key == step).limit(1).scalar_subquery() for one in found
            ]
            return pair[0], pair[1]
    path = literal("$" + "".join(map(_step, steps)), Text)
    return func.json_type(document, path), func.json_extract(document, path)


def _is_plain(key: str) -> bool:
    return key.isprintable() and '"' not in key and "\\" not in key and key != ""


def _step(step: str | int) -> str:
    if isinstance(step, str):
        return f'."{step}"'
    return f"[{step}]" if step >= 0 else f"[#{step}]"


# Texts of our own need no parameters.
_TYPES: dict[str, Any_] = {
    name: literal_column(f"'{name}'")
    for name in ("string", "number", "array", "object", "null", "boolean")
}
_ZERO: Any_ = literal_column("0")
_ONE: Any_ = literal_column("1")
_DIGITS: Any_ = literal_column("300")
_HERE: Any_ = literal_column("'{}'::text[]")
_HERE_TEXT: Any_ = literal_column("'{}'")
_TRUE: Any_ = literal_column("'true'")
_NUL: Any_ = literal_column(r"'\u0000'")
_NUL_ESCAPED: Any_ = literal_column(r"'(^|[^\\])(\\\\)*\\u0000'")


class PostgresqlJson(JsonView):
    r"""A place inside a JSON text of PostgreSQL, found by `->`.

    A document with the escape `\u0000` cannot be taken apart there; nothing is
    found in it.
    """

    def __init__(self, column: Any_, steps: tuple[str | int, ...]) -> None:
        has_nul = column.op("~", is_comparison=True)(_NUL_ESCAPED)
        is_whole = or_(func.strpos(column, _NUL) == _ZERO, ~has_nul)
        found: Any_ = cast(case((is_whole, column)), JSON)
        for step in steps:
            found = type_coerce(found.op("->")(_typed(step)), JSON)
        self._found = found
        self._table = column.table

    def number(self, like: object = None) -> Any_:
        return self._once(lambda type_, text, _: _number(type_, text, _kind(like)))

    def sortable(self) -> Any_:
        return self.number(0.0)

    def text(self) -> Any_:
        found = self._once(lambda type_, text, _: case((type_ == _TYPES["string"], text)))
        return found.collate("C")

    def is_none(self) -> ColumnElement[bool]:
        return _text(self._found).is_(None)

    def is_true(self) -> ColumnElement[bool]:
        def is_true(type_: Any_, text: Any_, found: Any_) -> Any_:
            return case(
                (type_ == _TYPES["number"], _number(type_, text, Float(53)) != _ZERO),
                (type_ == _TYPES["array"], func.json_array_length(found) != _ZERO),
                (type_ == _TYPES["object"], text != _HERE_TEXT),
                (type_ == _TYPES["string"], text != ""),
                else_=text == _TRUE,
            )

        return self._once(is_true)

    def _when(self, wanted: str) -> Any_:
        """Return the JSON there when it is of a type."""
        return self._once(lambda type_, _, found: case((type_ == _TYPES[wanted], found)))

    def _once(self, make: Callable[[Any_, Any_, Any_], Any_]) -> Any_:
        """Make something of the type, text and JSON there, which is looked for once a row."""
        # OFFSET 0 keeps the planner from writing the search out wherever it is used.
        at = select(self._found.label("found")).offset(_ZERO).correlate(self._table).subquery("at")
        found = type_coerce(at.c.found, JSON)
        return select(make(func.json_typeof(found), _text(found), found)).scalar_subquery()

    def holds(self, value: Value) -> ColumnElement[bool]:
        element = func.json_array_elements(self._when("array")).column_valued("element")
        type_: Any_ = func.json_typeof(element)
        text = _text(type_coerce(element, JSON))
        if value is None:
            is_equal = type_ == _TYPES["null"]
        elif isinstance(value, str):
            is_equal = and_(type_ == _TYPES["string"], text == value)
        else:
            is_equal = _number(type_, text, _kind(value)) == number_literal(value)
        found = select(_ONE).where(is_equal).exists()
        if not isinstance(value, str):
            return found
        key = func.json_object_keys(self._when("object")).column_valued("key")
        has_key = select(_ONE).where(key == value).exists()
        return or_(found, has_key, func.strpos(self.text(), value) > _ZERO)


def number_literal(value: float | bool) -> Any_:
    """Return a number as a parameter; True is 1."""
    if isinstance(value, float):
        return literal(value, Float(53))
    return literal(int(value), BigInteger)


def _text(found: Any_) -> Any_:
    return type_coerce(found.op("#>>")(_HERE), Text)


def _kind(value: object) -> TypeEngine[Any]:
    # Fractions are compared as doubles, whole numbers exactly.
    return Float(53) if isinstance(value, float) else Numeric()


def _typed(step: str | int) -> Any_:
    return cast(literal(step), Text if isinstance(step, str) else Integer)


def _number(type_: Any_, text: Any_, kind: TypeEngine[Any]) -> Any_:
    # Numbers of hundreds of digits are in no record of ours, and would not fit a double.
    return case(
        (and_(type_ == _TYPES["number"], func.length(text) <= _DIGITS), cast(text, kind)),
        (and_(type_ == _TYPES["boolean"], text == _TRUE), cast(_ONE, kind)),
        (type_ == _TYPES["boolean"], cast(_ZERO, kind)),
    )
