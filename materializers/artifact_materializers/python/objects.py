"""Dataclasses and attrs classes: the values of their fields, restored without running their code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from functools import cached_property, lru_cache
from operator import attrgetter, itemgetter, setitem
from types import MemberDescriptorType
from typing import Any

from artifact_materializers.python.classes import Family, is_plain_object
from artifact_materializers.python.columns import (
    columns_of_dicts,
    columns_of_slots,
    columns_one_by_one,
    for_each,
    new_objects,
    spaces_of,
)
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

_MISSING = object()
_CACHED_HASH = "_attrs_cached_hash"


@lru_cache(maxsize=4096)
def slot_names(cls: type) -> tuple[str, ...]:
    """Return the attributes of a class that lie in slots, base classes first."""
    return tuple(
        name
        for base in reversed(cls.__mro__)
        for name, found in vars(base).items()
        if isinstance(found, MemberDescriptorType) and base is not object
    )


@lru_cache(maxsize=4096)
def derived_names(cls: type) -> frozenset[str]:
    """Return the attributes that a class computes again when they are missing."""
    names = {_CACHED_HASH}
    for base in cls.__mro__:
        space = vars(base)
        names.update(name for name, found in space.items() if isinstance(found, cached_property))
        if "__attrs_attrs__" in space:
            # attrs keeps the cached properties of a class with slots as the
            # default of the `__getattr__` that it writes.
            defaults = getattr(space.get("__getattr__"), "__defaults__", None)
            if defaults and isinstance(defaults[0], dict):
                names.update(defaults[0])
    return frozenset(names)


def state_of(value: Any) -> dict[str, Any]:
    """Return the attributes of an object that are set, in its `__dict__` or slots."""
    cls: type = type(value)
    attributes = dict(value.__dict__) if cls.__dictoffset__ else {}
    for name in slot_names(cls):
        try:
            attributes[name] = _slot(cls, name).__get__(value, cls)
        except AttributeError:  # the slot is empty
            continue
    return attributes


def _slot(cls: type, name: str) -> Any:
    return next(vars(base)[name] for base in cls.__mro__ if name in vars(base))


def refuse_others(value: Any, attributes: dict[str, Any], names: tuple[str, ...]) -> None:
    """Refuse attributes that are no fields, because they would be lost.

    Raises:
        Refused: Names the attribute.
    """
    cls: type = type(value)
    derived = derived_names(cls)
    for name in attributes:
        if name not in names and name not in derived:
            raise Refused(
                value,
                f"has the attribute {name!r}, which its class does not declare as a field",
                "nothing was saved; declare it or delete it",
            )


def present_fields(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields of an object that have a value, class defaults included.

    Raises:
        Refused: The object has attributes that are no fields, or a descriptor
            of its class keeps a field somewhere else.
    """
    attributes = state_of(value)
    refuse_others(value, attributes, names)
    present = {}
    for name in names:
        found = attributes.get(name, _MISSING)
        if found is _MISSING:
            _refuse_descriptor(value, name)
            found = getattr(type(value), name, _MISSING)
        if found is not _MISSING and not isinstance(found, MemberDescriptorType):
            present[name] = found
    return present


def _refuse_descriptor(value: Any, name: str) -> None:
    cls: type = type(value)
    found = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
    # A property or another data descriptor: what its class shows is not the value.
    if hasattr(type(found), "__set__") and not isinstance(found, MemberDescriptorType):
        raise Refused(
            value,
            f"keeps its field {name!r} in a descriptor of type {type(found).__qualname__!r}",
            "nothing was saved; make it a plain field, or write a materializer for the class",
        )


def some_fields(tree: dict[str, Any], names: tuple[str, ...]) -> list[tuple[str, Any]]:
    """Return the stored fields of an object that lacks some of them.

    Raises:
        ValueError: A name is no field; it is not set, whatever it may be.
    """
    pairs = [(name, item) for name, item in tree["some"]]
    if not {name for name, _ in pairs} <= set(names):
        raise ValueError("an object has stored names that are no fields")
    return pairs


def _encoder(cls: type, names: tuple[str, ...]) -> Encode:
    read = _reader(cls, names)

    def encode(value: Any, state: Encoding) -> Any:
        number = state.classes.get(cls)
        if number is None:
            number = state.class_number(value)
        values = read(value)
        if values is None:
            present = present_fields(value, names)
            if len(present) < len(names):
                pairs = [[name, state.encode(found)] for name, found in present.items()]
                return {TAG: number, "some": pairs}
            values = tuple(present.values())
        atoms, encoders = state.atoms, state.encoders
        encoded = []
        for item in values:
            kind = type(item)
            encoded.append(item if kind in atoms else encoders[kind](item, state))
        return {TAG: number, "v": encoded}

    return encode


def _reader(cls: type, names: tuple[str, ...]) -> Callable[[Any], Any]:
    """Return what reads all fields at once, or gives None when an object needs a closer look."""
    slots = slot_names(cls)
    count = len(names)
    if count < 2 or (slots and cls.__dictoffset__):
        return lambda value: None
    if not slots:
        pick = itemgetter(*names)

        def read_dict(value: Any) -> Any:
            attributes = value.__dict__
            if len(attributes) != count:
                return None
            try:
                return pick(attributes)
            except KeyError:
                return None

        return read_dict
    if set(slots) != set(names):
        return lambda value: None
    fetch = attrgetter(*names)

    def read_slots(value: Any) -> Any:
        try:
            return fetch(value)
        except AttributeError:
            return None

    return read_slots


def _column_reader(cls: type, names: tuple[str, ...]) -> ReadColumns | None:
    slots = slot_names(cls)
    if not slots and cls.__dictoffset__:
        read = columns_of_dicts
    elif not cls.__dictoffset__ and set(slots) == set(names):
        read = columns_of_slots
    else:
        read = columns_one_by_one

    def columns(values: Sequence[Any]) -> list[list[Any]] | None:
        return read(values, names, present_fields)

    return columns if names else None


def _decoder(cls: type, names: tuple[str, ...]) -> Decode:
    new = object.__new__
    assign = _assigner(cls)

    def decode(tree: dict[str, Any], state: Decoding) -> Any:
        value: Any = new(cls)
        values = tree.get("v")
        if values is None:
            assign(value, some_fields(tree, names))
        else:
            assign(value, zip(names, values, strict=True))
        return value

    return decode


def _maker(cls: type, names: tuple[str, ...]) -> MakeObjects:
    fill = _filler(cls, names)

    def make(columns: list[list[Any]]) -> list[Any]:
        if len(columns) != len(names):
            raise ValueError(f"{len(columns)} columns for {len(names)} fields")
        objects = new_objects(cls, len(columns[0]))
        fill(objects, columns)
        return objects

    return make


def _filler(
    cls: type, names: tuple[str, ...]
) -> Callable[[Sequence[Any], Sequence[Sequence[Any]]], None]:
    """Return what sets all fields of new objects, as `_assigner` does for one."""
    is_in_slots = bool(slot_names(cls))
    if _caches_hash(cls) or (is_in_slots and cls.__dictoffset__):
        assign = _assigner(cls)

        def fill_each(objects: Sequence[Any], columns: Sequence[Sequence[Any]]) -> None:
            for value, row in zip(objects, zip(*columns, strict=True), strict=True):
                assign(value, zip(names, row, strict=True))

        return fill_each
    is_usual = cls.__setattr__ is object.__setattr__  # type: ignore[comparison-overlap]
    put: Callable[[Any, str, Any], Any]
    if is_usual and (is_in_slots or not _hides_fields(cls, names)):
        put = setattr  # several times as fast as the other two
    else:
        put = object.__setattr__ if is_in_slots else setitem
    targets = spaces_of if put is setitem else None

    def fill(objects: Sequence[Any], columns: Sequence[Sequence[Any]]) -> None:
        found = objects if targets is None else list(map(targets, objects))
        for name, column in zip(names, columns, strict=True):
            for_each(put, found, name, column)

    return fill


def _hides_fields(cls: type, names: tuple[str, ...]) -> bool:
    """Tell whether a data descriptor of the class stands before a field in `__dict__`."""
    return any(
        hasattr(type(vars(base)[name]), door)
        for base in cls.__mro__
        for name in names
        if name in vars(base)
        for door in ("__set__", "__delete__")
    )


def _caches_hash(cls: type) -> bool:
    return _CACHED_HASH in slot_names(cls) or any(
        _CACHED_HASH
        in getattr(getattr(vars(base).get("__hash__"), "__code__", None), "co_names", ())
        for base in cls.__mro__
    )


def _assigner(cls: type) -> Callable[[Any, Any], None]:
    has_cached_hash = _caches_hash(cls)
    if not slot_names(cls) and not has_cached_hash:
        return lambda value, pairs: value.__dict__.update(pairs)
    put = object.__setattr__

    def assign(value: Any, pairs: Any) -> None:
        for name, item in pairs:
            put(value, name, item)
        if has_cached_hash:
            put(value, _CACHED_HASH, None)

    return assign


def _is_dataclass(cls: type) -> bool:
    return is_dataclass(cls) and is_plain_object(cls)


def _dataclass_names(cls: Any) -> tuple[str, ...]:
    return tuple(found.name for found in dataclass_fields(cls))


def _is_attrs(cls: type) -> bool:
    return hasattr(cls, "__attrs_attrs__") and is_plain_object(cls)


def _attrs_names(cls: Any) -> tuple[str, ...]:
    return tuple(found.name for found in cls.__attrs_attrs__)


def _members(names_of: Callable[[type], tuple[str, ...]]) -> Callable[[Any], Any]:
    names_once = lru_cache(maxsize=4096)(names_of)

    def members(value: Any) -> Iterator[tuple[str, Any]]:
        cls: type = type(value)
        names = names_once(cls)
        has_slots = slot_names(cls) or not cls.__dictoffset__
        attributes = state_of(value) if has_slots else value.__dict__
        return iter([(name, attributes[name]) for name in names if name in attributes])

    return members


def _family(
    kind: str, claims: Callable[[type], bool], names_of: Callable[[type], tuple[str, ...]]
) -> Family:
    return Family(
        kind,
        claims,
        names_of,
        lambda cls: _encoder(cls, names_of(cls)),
        _decoder,
        lambda cls: _column_reader(cls, names_of(cls)),
        _maker,
        _members(names_of),
    )


DATACLASSES = _family("dataclass", _is_dataclass, _dataclass_names)
ATTRS = _family("attrs", _is_attrs, _attrs_names)
