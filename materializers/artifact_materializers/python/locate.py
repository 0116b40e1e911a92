"""Where in a value something lies, as people would write it: `value['a'][3].handle`."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator
from datetime import datetime, time
from typing import Any

from artifact_materializers.python.families import family_of
from artifact_plugins.errors import NotSerializableError

MAX_DEPTH = 100

SEQUENCES: frozenset[type] = frozenset({list, tuple, deque})
MAPPINGS: frozenset[type] = frozenset({dict, OrderedDict, defaultdict, Counter})
SETS: frozenset[type] = frozenset({set, frozenset})
_CLOCKS: frozenset[type] = frozenset({datetime, time})
_SHOWN = 40


def children(value: Any) -> Iterable[tuple[str, Any]]:
    """Return the elements of a value that a document stores, each with its step of a path."""
    cls: type = type(value)
    if cls in SEQUENCES:
        return ((f"[{place}]", item) for place, item in enumerate(value))
    if cls in MAPPINGS:
        return _of_mapping(value)
    if cls in SETS:
        return (("{...}", item) for item in value)
    if cls is slice:
        return ((".start", value.start), (".stop", value.stop), (".step", value.step))
    if cls in _CLOCKS:
        return ((".tzinfo", value.tzinfo),)
    family = family_of(cls)
    if family is None:
        return ()
    return ((f".{name}", item) for name, item in family.members(value))


def _of_mapping(value: Any) -> Iterator[tuple[str, Any]]:
    for place, (key, item) in enumerate(value.items()):
        if type(key) is str:
            yield f"[{key if len(key) <= _SHOWN else key[:_SHOWN] + '...'!r}]", item
        elif type(key) is int and -(10**12) < key < 10**12:
            yield f"[{key}]", item
        else:
            yield f".keys()[{place}]", key
            yield f".values()[{place}]", item


def path_to(root: Any, wanted: Any, name: str) -> str:
    """Return the path of the object `wanted` inside `root`, which is called `name`.

    An object met at several places is shown at its first one.
    """
    for path, value in _walk(root, name):
        if value is wanted:
            return path
    return name


def check_nesting(root: Any, name: str) -> None:
    """Look for cycles and for more than 100 levels.

    Raises:
        NotSerializableError: Names the path of the object that contains
            itself, or the depth.
    """
    for _ in _walk(root, name):
        pass


def _walk(root: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield everything inside `root` with its path, depth first, without recursion."""
    yield name, root
    stack: list[tuple[str, Any, Iterator[tuple[str, Any]]]] = []
    above: set[int] = set()
    levels: dict[int, int] = {}
    pending: tuple[str, Any] | None = (name, root)
    while True:
        if pending is not None:
            path, value = pending
            stack.append((path, value, iter(children(value))))
            above.add(id(value))
            pending = None
        if not stack:
            return
        path, value, rest = stack[-1]
        step = next(rest, None)
        if step is None:
            stack.pop()
            above.discard(id(value))
            continue
        item_path, item = path + step[0], step[1]
        yield item_path, item
        if not _has_children(item):
            continue
        if id(item) in above:
            raise NotSerializableError(
                f"{item_path} is {path_of(stack, item)} again: the value contains itself",
                hint="nothing was saved; break the cycle",
                path=item_path,
            )
        if len(stack) >= MAX_DEPTH:
            raise NotSerializableError(
                f"{item_path[:200]}... is nested deeper than {MAX_DEPTH} levels (depth)",
                hint="nothing was saved; store a flatter value",
                path=item_path,
            )
        # Shared objects are walked once for each greater depth, not for each path.
        if levels.get(id(item), 0) < len(stack):
            levels[id(item)] = len(stack)
            pending = item_path, item


def path_of(stack: list[tuple[str, Any, Iterator[tuple[str, Any]]]], wanted: Any) -> str:
    """Return the path of an object that is being walked."""
    return next(path for path, value, _ in stack if value is wanted)


def _has_children(value: Any) -> bool:
    cls: type = type(value)
    return cls in SEQUENCES or cls in MAPPINGS or cls in SETS or family_of(cls) is not None
