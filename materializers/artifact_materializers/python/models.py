"""pydantic models: their exact state, restored without validating it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import attrgetter, ne
from types import MemberDescriptorType, NoneType
from typing import Any

from pydantic import BaseModel

from artifact_materializers.python.classes import Family, is_plain_object
from artifact_materializers.python.columns import columns_of_dicts, for_each, new_objects
from artifact_materializers.python.objects import refuse_others, slot_names, some_fields
from artifact_materializers.python.plain import TAG
from artifact_materializers.python.state import (
    Decode,
    Decoding,
    Encode,
    Encoding,
    MakeObjects,
    ReadColumns,
)

_OTHER_PLACES = ("__pydantic_extra__", "__pydantic_private__")
_NOTHING = frozenset({NoneType})
_GIVEN = attrgetter("__pydantic_fields_set__")
_OWN_SLOTS = frozenset({"__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"})


def _is_model(cls: type) -> bool:
    return (
        issubclass(cls, BaseModel)
        and is_plain_object(cls)
        and _OWN_SLOTS.issuperset(slot_names(cls))
    )


def _names(cls: Any) -> tuple[str, ...]:
    return tuple(cls.model_fields)


def _encoder(cls: type) -> Encode:
    names = _names(cls)
    everything = frozenset(names)

    def encode(value: Any, state: Encoding) -> Any:
        number = state.class_number(value)
        attributes = value.__dict__
        if tuple(attributes) == names:
            tree = {TAG: number, "v": state.items(list(attributes.values()))}
        else:
            present = _present_fields(value, names)
            if len(present) == len(names):  # cached properties lie among them
                tree = {TAG: number, "v": state.items(list(present.values()))}
            else:
                pairs = [[name, state.encode(item)] for name, item in present.items()]
                tree = {TAG: number, "some": pairs}
        given = value.__pydantic_fields_set__
        if given != everything:
            tree["set"] = sorted(given)
        for place in ("extra", "private"):
            found = getattr(value, f"__pydantic_{place}__", None)
            if found is not None:
                tree[place] = [[name, state.encode(item)] for name, item in found.items()]
        return tree

    return encode


def _present_fields(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    attributes = value.__dict__
    refuse_others(value, attributes, names)
    return {name: attributes[name] for name in names if name in attributes}


def _reader(cls: type) -> ReadColumns | None:
    names = _names(cls)
    everything = frozenset(names)

    def read(values: Sequence[Any]) -> list[list[Any]] | None:
        for place in _OTHER_PLACES:
            if not _NOTHING.issuperset(
                map(type, map(getattr, values, repeat(place), repeat(None)))
            ):
                return None
        columns = columns_of_dicts(values, names, _present_fields)
        if columns is not None and any(map(ne, map(_GIVEN, values), repeat(everything))):
            # One more column than fields: the names that were given.
            columns.append(list(map(sorted, map(_GIVEN, values))))
        return columns

    return read if names else None


def _decoder(cls: Any, names: tuple[str, ...]) -> Decode:
    put = object.__setattr__
    places = _places(cls)

    def decode(tree: dict[str, Any], state: Decoding) -> Any:
        value = object.__new__(cls)
        values = tree.get("v")
        pairs = some_fields(tree, names) if values is None else zip(names, values, strict=True)
        put(value, "__dict__", dict(pairs))
        put(value, "__pydantic_fields_set__", set(tree.get("set", names)))
        for place in places:
            found = tree.get(place)
            put(value, f"__pydantic_{place}__", None if found is None else dict(found))
        return value

    return decode


def _places(cls: type) -> list[str]:
    # A RootModel has none of the two, and says so with a class attribute.
    return [
        place
        for place in ("extra", "private")
        if isinstance(getattr(cls, f"__pydantic_{place}__", None), MemberDescriptorType)
    ]


def _maker(cls: Any, names: tuple[str, ...]) -> MakeObjects:
    put = object.__setattr__
    places = _places(cls)

    def make(columns: list[list[Any]]) -> list[Any]:
        fields = columns[: len(names)]
        given = columns[len(names)] if len(columns) > len(names) else repeat(names)
        if len(columns) > len(names) + 1 or len(fields) < len(names):
            raise ValueError(f"{len(columns)} columns for {len(names)} fields")
        objects = new_objects(cls, len(columns[0]))
        states = map(dict, map(zip, repeat(names), zip(*fields, strict=True)))
        for_each(put, objects, "__dict__", states)
        for_each(put, objects, "__pydantic_fields_set__", map(set, given))
        for place in places:
            for_each(put, objects, f"__pydantic_{place}__", repeat(None))
        return objects

    return make


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    yield from value.__dict__.items()
    for place in ("extra", "private"):
        yield from (getattr(value, f"__pydantic_{place}__", None) or {}).items()


MODELS = Family("pydantic", _is_model, _names, _encoder, _decoder, _reader, _maker, _members)
