"""pydantic models: their exact state, restored without validating it again."""

from __future__ import annotations

from collections.abc import Iterator
from types import MemberDescriptorType
from typing import Any

from pydantic import BaseModel

from artifact_materializers.python.classes import Family, is_plain_object
from artifact_materializers.python.objects import refuse_others, slot_names, some_fields
from artifact_materializers.python.state import TAG, Decode, Decoding, Encode, Encoding

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
            refuse_others(value, attributes, names)
            present = {name: attributes[name] for name in names if name in attributes}
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


def _decoder(cls: Any, names: tuple[str, ...]) -> Decode:
    put = object.__setattr__
    # A RootModel has none of the two, and says so with a class attribute.
    places = [
        place
        for place in ("extra", "private")
        if isinstance(getattr(cls, f"__pydantic_{place}__", None), MemberDescriptorType)
    ]

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


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    yield from value.__dict__.items()
    for place in ("extra", "private"):
        yield from (getattr(value, f"__pydantic_{place}__", None) or {}).items()


MODELS = Family("pydantic", _is_model, _names, _encoder, _decoder, _members)
