"""Classes that only the pickle materializer handles, and some that nothing can."""

from __future__ import annotations

import ctypes
import sqlite3
import ssl
import sys
import threading
import types
import weakref
from typing import Any

import numpy as np


class Model:
    """A model like those of scikit-learn: parameters, and arrays that were fitted."""

    def __init__(self, size: int = 8) -> None:
        self.alpha = 0.5
        self.mode = "auto"
        self.coef_ = np.arange(float(size)).reshape(2, -1)
        self.steps: list[Any] = [("scale", {"mean": np.zeros(3)}), ("fit", None)]

    def predict(self, x: float) -> float:
        return float(self.coef_.sum() * x + self.alpha)


class Slotted:
    """Slots, one of them not set."""

    __slots__ = ("left", "right")

    def __init__(self, left: Any) -> None:
        self.left = left


class Holder:
    """Holds one part, three steps down: `.model.layers[1].part`."""

    def __init__(self, part: Any) -> None:
        self.model = types.SimpleNamespace(layers=[Model(), types.SimpleNamespace(part=part)])


class Text(str):
    """A str with a note, which `str.__eq__` does not look at."""

    note = ""


class LosesItsNote(Text):
    """Pickles its note, and drops it when it is built."""

    def __setstate__(self, state: Any) -> None:
        return None


class TwoArguments(Exception):
    """Pickles, and does not unpickle."""

    def __init__(self, left: Any, right: Any) -> None:
        super().__init__(left)
        self.right = right


class Proxy:
    """Hands every attribute on, and recurses before it has its target."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)


class Junk:
    """Reduces to an int."""

    def __reduce__(self) -> Any:
        return int, (5,)


class JunkTuple:
    """Reduces to nothing that is a reduction."""

    def __reduce__(self) -> Any:
        return (1, 2, 3, 4, 5, 6, 7)


class RaisesWhenBuilt:
    """Its `__setstate__` raises while `is_broken`."""

    is_broken = True

    def __init__(self) -> None:
        self.n = 1

    def __setstate__(self, state: Any) -> None:
        if type(self).is_broken:
            raise ValueError("boom")
        self.__dict__.update(state)


class RaisesWhenDeleted:
    """Its `__del__` tells `deleted`."""

    deleted: list[int] = []

    def __del__(self) -> None:
        self.deleted.append(1)


class Moving:
    """Moves in a test."""

    def __init__(self, n: int) -> None:
        self.n = n


class Changing:
    """Comes back with another number each time."""

    def __init__(self) -> None:
        self.n = 0

    def __getstate__(self) -> Any:
        return {"n": self.n + 1}


class Unordered:
    """Holds a set and a NaN, and has no equality."""

    def __init__(self) -> None:
        self.names = {f"name-{number}" for number in range(50)}
        self.missing = float("nan")
        self.zero = -0.0


def module_function(x: int) -> int:
    return x + 1


def a_generator() -> Any:
    yield 1


async def a_coroutine() -> None:
    return None


def unpicklable() -> dict[str, Any]:
    """Return the rows H1 to H8 and H15 by name."""
    thread = threading.Thread(target=print)
    return {
        "H1 lock": threading.Lock(),
        "H2 generator": a_generator(),
        "H4 weakref": weakref.ref(Model),
        "H5 thread": thread,
        "H6 frame": sys._getframe(),
        "H7 sqlite connection": sqlite3.connect(":memory:"),
        "H8 ssl context": ssl.create_default_context(),
        "H15 ctypes pointer": ctypes.pointer(ctypes.c_int(1)),
        "H15 mappingproxy": types.MappingProxyType({"a": 1}),
        "H15 memoryview": memoryview(b"abc"),
        "H15 dict_keys": {"a": 1}.keys(),
        "H15 dict_values": {"a": 1}.values(),
        "H15 dict_items": {"a": 1}.items(),
    }
