"""Enums by member name, NamedTuples by position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum, Flag
from itertools import repeat
from operator import attrgetter, is_, itemgetter
from typing import Any

from artifact_materializers.python.classes import Family
from artifact_materializers.python.plain import TAG
from artifact_materializers.python.state import (
    Decode,
    Decoding,
    Encode,
    Encoding,
    MakeObjects,
    ReadColumns,
    Refused,
)
from artifact_plugins.contracts.refs import type_path
from artifact_plugins.errors import LoadFailedError

_NAME = attrgetter("_name_")
_SPACE = attrgetter("__dict__")


def _is_enum(cls: type) -> bool:
    return issubclass(cls, Enum)


def _enum_names(cls: type) -> tuple[str, ...]:
    return ()


def _enum_encoder(cls: type) -> Encode:
    members = cls.__members__  # type: ignore[attr-defined]  # an Enum class
    is_flag = issubclass(cls, Flag)

    def encode(value: Any, state: Encoding) -> Any:
        number = state.class_number(value)
        name = value._name_
        if members.get(name) is value:
            return {TAG: number, "v": name}
        if not is_flag:
            raise Refused(
                value,
                f"is no member of {type_path(cls)!r} but was made by its `_missing_`",
                "nothing was saved; store its value, or make it a member",
            )
        # Several flags at once, or bits that have no name.
        return {TAG: number, "bits": state.encode(value._value_)}

    return encode


def _enum_decoder(cls: Any, fields: tuple[str, ...]) -> Decode:
    members = cls.__members__

    def decode(tree: dict[str, Any], state: Decoding) -> Any:
        name = tree.get("v")
        if name in members:
            return members[name]
        if name is None and issubclass(cls, Flag):
            try:
                found = cls(tree["bits"])
            except ValueError:
                found = None
            if type(found) is cls and found._value_ == tree["bits"]:
                return found
        raise _no_member(cls, name or tree["bits"])

    return decode


def _enum_reader(cls: type) -> ReadColumns | None:
    members = cls.__members__  # type: ignore[attr-defined]  # an Enum class

    def read(values: Sequence[Any]) -> list[list[Any]] | None:
        names = list(map(_NAME, values))
        return [names] if all(map(is_, map(members.get, names), values)) else None

    return read


def _enum_maker(cls: Any, fields: tuple[str, ...]) -> MakeObjects:
    members = cls.__members__

    def make(columns: list[list[Any]]) -> list[Any]:
        (names,) = columns
        try:
            return list(map(members.__getitem__, names))
        except KeyError as error:
            raise _no_member(cls, error.args[0]) from None

    return make


def _no_member(cls: type, name: Any) -> LoadFailedError:
    return LoadFailedError(
        f"class {type_path(cls)!r} has no member {name!r}",
        hint="the stored bytes are intact; restore the member the class had",
        data_type=type_path(cls),
        field=name,
    )


def _no_members(value: Any) -> Iterator[tuple[str, Any]]:
    return iter(())


def _is_namedtuple(cls: type) -> bool:
    fields = getattr(cls, "_fields", None)
    return (
        issubclass(cls, tuple)
        and cls is not tuple
        and isinstance(fields, tuple)
        and hasattr(cls, "_make")
        and hasattr(cls, "_asdict")
    )


def _namedtuple_names(cls: Any) -> tuple[str, ...]:
    fields: tuple[str, ...] = cls._fields
    return fields


def _namedtuple_encoder(cls: Any) -> Encode:
    has_dict = cls.__dictoffset__ != 0

    def encode(value: Any, state: Encoding) -> Any:
        if has_dict and value.__dict__:
            name = next(iter(value.__dict__))
            raise Refused(
                value,
                f"has the attribute {name!r} besides its fields",
                "nothing was saved; make it a field or delete it",
            )
        return {TAG: state.class_number(value), "v": state.items(tuple(value))}

    return encode


def _namedtuple_decoder(cls: Any, fields: tuple[str, ...]) -> Decode:
    order = [fields.index(name) for name in cls._fields]
    is_same_order = fields == cls._fields

    def decode(tree: dict[str, Any], state: Decoding) -> Any:
        items = tree["v"]
        if len(items) != len(fields):
            raise ValueError(f"{len(items)} values for {len(fields)} fields")
        return tuple.__new__(cls, items if is_same_order else [items[place] for place in order])

    return decode


def _namedtuple_reader(cls: Any) -> ReadColumns | None:
    count = len(cls._fields)
    has_dict = cls.__dictoffset__ != 0

    def read(values: Sequence[Any]) -> list[list[Any]] | None:
        if has_dict and any(map(_SPACE, values)):
            return None
        rows = list(map(tuple, values))
        if set(map(len, rows)) != {count}:
            return None
        return [list(map(itemgetter(place), rows)) for place in range(count)]

    return read if count else None


def _namedtuple_maker(cls: Any, fields: tuple[str, ...]) -> MakeObjects:
    def make(columns: list[list[Any]]) -> list[Any]:
        by_name = dict(zip(fields, columns, strict=True))
        ordered = [by_name[name] for name in cls._fields]
        return list(map(tuple.__new__, repeat(cls), zip(*ordered, strict=True)))

    return make


def _namedtuple_members(value: Any) -> Iterator[tuple[str, Any]]:
    return zip(type(value)._fields, tuple(value), strict=True)


ENUMS = Family(
    "enum",
    _is_enum,
    _enum_names,
    _enum_encoder,
    _enum_decoder,
    _enum_reader,
    _enum_maker,
    _no_members,
)
NAMEDTUPLES = Family(
    "namedtuple",
    _is_namedtuple,
    _namedtuple_names,
    _namedtuple_encoder,
    _namedtuple_decoder,
    _namedtuple_reader,
    _namedtuple_maker,
    _namedtuple_members,
)
