"""What pickling takes an object apart into, one level at a time."""

from __future__ import annotations

import copyreg
import io
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from pickle import PickleBuffer
from typing import Any, Final, cast

from artifact_materializers.pickle.saving import PROTOCOL, Named, Pickler

ATOMS: Final = frozenset(
    {
        type(None),
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        bytearray,
        type(...),
        type(NotImplemented),
        PickleBuffer,
    }
)
SEQUENCES: Final = frozenset({list, tuple, deque})
MAPPINGS: Final = frozenset({dict, OrderedDict, defaultdict})
SETS: Final = frozenset({set, frozenset})
_SHOWN = 40


def reduced(part: Any) -> Any:
    """Return what a pickler would store of an object: a tuple, or the text of a global name.

    None for classes, functions and modules that are stored by name.

    Raises:
        Refused: It would be stored as something else.
        Exception: It cannot be pickled.
    """
    pickler = Pickler(io.BytesIO(), Named(), None)
    found = pickler.reducer_override(part)
    if found is not NotImplemented:
        return found
    if isinstance(part, type | types.FunctionType):
        return None
    reduce = Pickler.dispatch_table.get(type(part))
    found = reduce(part) if reduce is not None else part.__reduce_ex__(PROTOCOL)
    if isinstance(found, str):
        return None
    if not isinstance(found, tuple) or not 2 <= len(found) <= 6:
        raise TypeError("__reduce__ gave neither a tuple nor a name")
    return found


def members(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an object consists of, each with its step of a path: `.lock`, `['a']`, `[3]`.

    Raises:
        Refused, Exception: The object itself cannot be pickled.
    """
    cls: type = type(part)
    if cls in ATOMS:
        return
    if cls in SEQUENCES:
        yield from ((f"[{place}]", item) for place, item in enumerate(part))
    elif cls in SETS:
        yield from (("{...}", item) for item in part)
    elif cls in MAPPINGS:
        yield from _of_mapping(part)
    elif cls is types.CellType:
        yield from _of_cell(part)
    else:
        found = reduced(part)
        if found is not None:
            yield from _of_reduced(found)


def _of_mapping(part: Any) -> Iterator[tuple[str, Any]]:
    for place, (key, item) in enumerate(part.items()):
        if type(key) is str:
            yield f"[{key[:_SHOWN]!r}]", item
        elif type(key) is int and -(10**12) < key < 10**12:
            yield f"[{key}]", item
        else:
            yield f".keys()[{place}]", key
            yield f".values()[{place}]", item


def _of_cell(cell: types.CellType) -> Iterator[tuple[str, Any]]:
    try:
        yield ".cell_contents", cell.cell_contents
    except ValueError:  # it is empty
        return


def _of_reduced(found: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    parts: tuple[Any, ...] = (*found, None, None, None, None)
    function, arguments, state, items, pairs = parts[:5]
    is_plain = function in (copyreg.__newobj__, copyreg.__newobj_ex__)  # type: ignore[attr-defined]
    if isinstance(arguments, tuple):
        for place, item in enumerate(arguments[1:] if is_plain else arguments):
            yield f".__reduce__()[1][{place + is_plain}]", item
    spaces: tuple[Any, ...] = state if _is_pair(state) else (state,)
    for space in spaces:
        if type(space) is dict:
            yield from ((_attribute(name), item) for name, item in space.items())
        elif space is not None:
            yield ".__getstate__()", space
    for place, item in enumerate(items or ()):
        yield f"[{place}]", item
    for place, (key, item) in enumerate(pairs or ()):
        yield f".keys()[{place}]", key
        yield f"[{key!r:.40}]" if type(key) in (str, int) else f".values()[{place}]", item


def _attribute(name: Any) -> str:
    is_plain = type(name) is str and name.isidentifier()
    return (
        f".{name}"
        if is_plain
        else f".__dict__[{name!r:.40}]"
        if type(name) is str
        else ".__dict__[...]"
    )


def _is_pair(state: Any) -> bool:
    """Tell whether a state is that of an object with slots: its `__dict__`, its slots."""
    return (
        type(state) is tuple
        and len(state) == 2
        and all(space is None or type(space) is dict for space in state)
    )


def title(part: Any) -> str:
    """Return the class of a part as people know it."""
    cls = cast(type, type(part))
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )
