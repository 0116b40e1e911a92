"""Everything a digest was read from, so that a second look costs next to nothing."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Mapping
from types import CodeType, FunctionType
from typing import Any
from weakref import ref

from artifact_plugins.code.constants import Encoder, TooLarge, is_immutable

MISSING: Any = object()
_MARSHALLED = (list, dict, set, bytearray, tuple, frozenset)


class Watch:
    """What was read, and whether it would be read the same again.

    Holds the followed code alive, so that no new object takes the address of an
    old one, but not the values that are no plain data: those may be large.
    """

    def __init__(self, is_followed: Callable[[type], bool]) -> None:
        self.names: dict[int, str] = {}
        self.code: list[Any] = []
        self._root: ref[FunctionType] | None = None
        self._root_state: tuple[Any, ...] = ()
        self._is_followed = is_followed
        self._reads: list[tuple[Mapping[str, Any], str, Any]] = []
        self._types: list[tuple[Mapping[str, Any], str, type]] = []
        self._functions: list[tuple[FunctionType, CodeType, Any, Any]] = []
        self._cells: list[tuple[Any, Any]] = []
        self._sizes: list[tuple[Mapping[str, Any], int]] = []
        self._simple: dict[type, bool] = {}
        self._watched: set[int] = set()
        self._values: list[tuple[Any, bytes]] = []

    def read(self, namespace: Mapping[str, Any], name: str) -> Any:
        """Read a name; `MISSING` when it is not there."""
        value = namespace.get(name, MISSING)
        self._reads.append((namespace, name, value))
        return value

    def forget(self, value: Any) -> None:
        """Watch only the type of a value that was read: its state does not count."""
        kept = []
        for namespace, name, read in self._reads:
            if read is value:
                self._types.append((namespace, name, type(value)))
            else:
                kept.append((namespace, name, read))
        self._reads = kept

    def cell(self, cell: Any) -> Any:
        """Read a closure cell; `MISSING` when it is empty."""
        value = _contents(cell)
        self._cells.append((cell, value))
        return value

    def function(self, function: FunctionType) -> None:
        """Watch what can be exchanged in a function; the first is the one asked for."""
        if self._root is None:
            self._root = ref(function)
        if self._root() is function:  # this watch must not keep it alive
            self._root_state = _state(function)
            return
        self._functions.append(
            (function, function.__code__, function.__defaults__, function.__kwdefaults__)
        )

    def size(self, namespace: Mapping[str, Any]) -> None:
        """Watch that no name is added to a class."""
        self._sizes.append((namespace, len(namespace)))

    def value(self, value: Any) -> None:
        """Watch the content of a value that can change in place."""
        if not is_immutable(value) and id(value) not in self._watched:
            self._watched.add(id(value))
            self._values.append((value, self._fingerprint(value)))

    def holds(self, root: FunctionType) -> bool:
        """Tell whether everything reads as it did for the function asked for."""
        if any(a is not b for a, b in zip(_state(root), self._root_state, strict=True)):
            return False
        for namespace, name, value in self._reads:
            if namespace.get(name, MISSING) is not value:
                return False
        for function, code, defaults, named in self._functions:
            if (
                function.__code__ is not code
                or function.__defaults__ is not defaults
                or function.__kwdefaults__ is not named
            ):
                return False
        return (
            all(_contents(cell) is value for cell, value in self._cells)
            and all(type(space.get(name, MISSING)) is cls for space, name, cls in self._types)
            and all(len(namespace) == size for namespace, size in self._sizes)
            and all(self._fingerprint(value) == print_ for value, print_ in self._values)
        )

    def _fingerprint(self, value: Any) -> bytes:
        cls = type(value)
        try:  # a hundred times faster than encoding, for plain data and in this process only
            if cls in _MARSHALLED:
                return marshal.dumps(value, 2)
            if self._is_simple(cls):
                return marshal.dumps(vars(value), 2)
        except ValueError:
            pass  # holds something other than plain data
        encoder = Encoder(lambda item: self.names.get(id(item)), self._is_followed)
        try:
            return encoder.encode(value)
        except TooLarge:
            return b"too large"
        except Exception:  # noqa: BLE001  # an author's property may raise anything
            return b"cannot be read"

    def _is_simple(self, cls: type) -> bool:
        """Tell whether all there is to an object of ours is its `__dict__`."""
        simple = self._simple.get(cls)
        if simple is None:
            simple = self._is_followed(cls) and cls.__dictoffset__ != 0
            simple = simple and cls.__basicsize__ == _Plain.__basicsize__
            self._simple[cls] = simple
        return simple


class _Plain:
    """Has a `__dict__` and nothing else."""


def _state(function: FunctionType) -> tuple[Any, ...]:
    return function.__code__, function.__defaults__, function.__kwdefaults__


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING
