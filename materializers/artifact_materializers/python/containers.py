"""list, tuple, dict, set, deque and their relatives: plain JSON where JSON has them."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from types import FunctionType
from typing import Any

from artifact_materializers.python.classes import path_of_class, path_of_function
from artifact_materializers.python.json_text import to_json
from artifact_materializers.python.plain import CAREFUL, TAG, is_well_formed
from artifact_materializers.python.state import Decode, Decoding, Encode, Encoding, Refused
from artifact_plugins.contracts.refs import find_function, find_type
from artifact_plugins.errors import LoadFailedError

_TEXT = frozenset({str})
_SORTED_AS_THEY_ARE: frozenset[frozenset[type]] = frozenset(
    {frozenset({str}), frozenset({int}), frozenset({bytes})}
)


def _list(value: list[Any], state: Encoding) -> Any:
    return state.items(value)


def _dict(value: dict[Any, Any], state: Encoding) -> Any:
    if TAG in value or not _TEXT.issuperset(map(type, value)):
        return {TAG: "dict", "v": _pairs(value, state)}
    if state.atoms is CAREFUL and not all(map(is_well_formed, value)):
        return {TAG: "dict", "v": _pairs(value, state)}
    atoms, encoders = state.atoms, state.encoders
    if atoms.issuperset(map(type, value.values())):
        return value
    encoded = {}
    for key, item in value.items():
        cls = type(item)
        encoded[key] = item if cls in atoms else encoders[cls](item, state)
    return encoded


def _pairs(value: dict[Any, Any], state: Encoding) -> list[list[Any]]:
    encode = state.encode
    return [[encode(key), encode(item)] for key, item in value.items()]


def _sequence(tag: str) -> Encode:
    def encode(value: Any, state: Encoding) -> Any:
        return {TAG: tag, "v": state.items(value)}

    return encode


def _mapping(tag: str) -> Encode:
    def encode(value: Any, state: Encoding) -> Any:
        if value.__dict__:
            name = next(iter(value.__dict__))
            raise Refused(
                value,
                f"has the attribute {name!r} besides its items",
                "nothing was saved; make it an item or delete it",
            )
        return {TAG: tag, "v": _pairs(value, state)}

    return encode


def _deque(value: deque[Any], state: Encoding) -> Any:
    return {TAG: "deque", "v": state.items(list(value)), "maxlen": value.maxlen}


def _set(tag: str) -> Encode:
    # Elements are ordered by what they are, because their own order is by hash.
    def encode(value: Any, state: Encoding) -> Any:
        if len(value) < 2:
            items = list(value)
        elif frozenset(map(type, value)) in _SORTED_AS_THEY_ARE:
            items = sorted(value)
        elif state.names_classes:
            return {TAG: tag, "v": sorted(map(state.encode, value), key=to_json)}
        else:
            items = sorted(value, key=lambda item: to_json(state.scratch().encode(item)))
        return {TAG: tag, "v": state.items(items)}

    return encode


def _defaultdict(value: defaultdict[Any, Any], state: Encoding) -> Any:
    factory = value.default_factory
    if isinstance(factory, FunctionType):
        called = path_of_function(factory, value)
        return {TAG: "defaultdict", "call": called, "v": _pairs(value, state)}
    if factory is not None and not isinstance(factory, type):
        raise Refused(
            value,
            "is a defaultdict whose factory is neither a class nor a function",
            "nothing was saved; use a class like `list`, or store `dict(value)`",
        )
    path = None if factory is None else path_of_class(factory, value)
    return {TAG: "defaultdict", "factory": path, "v": _pairs(value, state)}


def _read_defaultdict(tree: dict[str, Any], state: Decoding) -> Any:
    if "call" in tree:
        # Whoever wrote the document chose it: unlike a class it always needs trust.
        return defaultdict(find_function(tree["call"]), _read_pairs(tree["v"]))
    path = tree["factory"]
    return defaultdict(None if path is None else find_type(path), _read_pairs(tree["v"]))


def _read_pairs(pairs: list[list[Any]]) -> Any:
    return ((key, item) for key, item in pairs)


def _read(make: Callable[[Any], Any]) -> Decode:
    def decode(tree: dict[str, Any], state: Decoding) -> Any:
        return make(tree["v"])

    return decode


def _read_mapping(make: Callable[[Any], Any]) -> Decode:
    def decode(tree: dict[str, Any], state: Decoding) -> Any:
        pairs = tree["v"]
        value = make(_read_pairs(pairs))
        if len(value) != len(pairs):
            raise _unequal_keys(len(pairs) - len(value))
        return value

    return decode


def _read_set(make: Callable[[Any], Any]) -> Decode:
    def decode(tree: dict[str, Any], state: Decoding) -> Any:
        items = tree["v"]
        value = make(items)
        if len(value) != len(items):
            raise _unequal_keys(len(items) - len(value))
        return value

    return decode


def _unequal_keys(lost: int) -> LoadFailedError:
    return LoadFailedError(
        f"{lost} elements of a stored dict or set are equal to others",
        hint="the stored bytes are intact; their class may compare differently now",
    )


def _counter(pairs: Any) -> Counter[Any]:
    counter: Counter[Any] = Counter()
    # Not `Counter(pairs)`, which would count the pairs.
    dict.update(counter, pairs)
    return counter


ENCODERS: dict[type, Encode] = {
    list: _list,
    tuple: _sequence("tuple"),
    dict: _dict,
    set: _set("set"),
    frozenset: _set("frozenset"),
    deque: _deque,
    OrderedDict: _mapping("ordereddict"),
    Counter: _mapping("counter"),
    defaultdict: _defaultdict,
}

DECODERS: dict[int | str, Decode] = {
    "tuple": _read(tuple),
    "dict": _read_mapping(dict),
    "set": _read_set(set),
    "frozenset": _read_set(frozenset),
    "deque": lambda tree, state: deque(tree["v"], tree["maxlen"]),
    "ordereddict": _read_mapping(OrderedDict),
    "counter": _read_mapping(_counter),
    "defaultdict": _read_defaultdict,
}
