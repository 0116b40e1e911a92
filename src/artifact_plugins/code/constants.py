"""Plain data as bytes that are the same in every process and on every machine."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import re
import sys
import types
import typing
import uuid
import zoneinfo
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from pathlib import Path, PurePath
from typing import Any

from artifact_plugins.code.wrappers import is_step, is_wrapper, unwrapped, wraps
from artifact_plugins.contracts.refs import type_path

MAX_BYTES = 1024 * 1024
MAX_ITEMS = 10_000
MAX_DEPTH = 64

Refer = Callable[[Any], str | None]
"""Gives the name of what is code (a function, class or module), None for data."""

_ATOMS: dict[type, str] = {
    type(None): "none",
    bool: "bool",
    int: "int",
    float: "float",
    complex: "complex",
    type(...): "ellipsis",
    type(NotImplemented): "notimplemented",
    range: "range",
    decimal.Decimal: "decimal",
    fractions.Fraction: "fraction",
    uuid.UUID: "uuid",
    datetime.date: "date",
    datetime.timedelta: "timedelta",
    datetime.timezone: "timezone",
}
_SEQUENCES: dict[type, str] = {list: "list", tuple: "tuple"}
_IMMUTABLE = frozenset({*_ATOMS, str, bytes})
_LASTING = (re.Pattern, PurePath, enum.Enum, property, staticmethod, classmethod)
_PARTIAL_LIKE = (functools.partial, functools.partialmethod)
_FRAMES = ("DataFrame", "Series")
_PANDAS_SCALARS = ("Timestamp", "Timedelta", "NaTType", "NAType", "Period", "Interval")
_TYPING = (types.GenericAlias, types.UnionType)


class TooLarge(Exception):
    """A value has more items, bytes or levels than are looked at."""


class Encoder:
    """Encodes one value; remembers what in it could not be.

    Attributes:
        unknown: Types of the parts that are no plain data; only that they are
            there counts, not their state.
        has_data: Whether it holds any data.
        is_code: Whether it is a wrapper around code.
    """

    def __init__(self, refer: Refer, is_followed: Callable[[type], bool]) -> None:
        self.unknown: list[type] = []
        self.has_data = False
        self.is_code = False
        self._refer = refer
        self._is_followed = is_followed
        self._out: list[bytes] = []
        self._open: list[int] = []
        self._items = 0
        self._bytes = 0

    def encode(self, value: Any) -> bytes:
        """Return the encoding of a value.

        Raises:
            TooLarge: It has more than 10,000 items, 1 MiB or 64 levels.
        """
        self.is_code = is_wrapper(value)
        self._value(value)
        return b"".join(self._out)

    def _put(self, tag: str, data: bytes | str = b"") -> None:
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        self._bytes += len(raw)
        if self._bytes > MAX_BYTES:
            raise TooLarge
        self._out += (tag.encode(), b" %d:" % len(raw), raw)

    def _value(self, value: Any) -> None:
        self._items += 1
        if self._items > MAX_ITEMS or len(self._open) > MAX_DEPTH:
            raise TooLarge
        cls = type(value)
        if cls in _IMMUTABLE and value is not None:
            self.has_data = True
        if cls is int:
            self._put("int", hex(value))  # decimal digits of long integers are refused
        elif cls in _ATOMS:
            self._put(_ATOMS[cls], repr(value))
        elif cls is str:
            self._put("str", value)
        elif cls is bytes:
            self._put("bytes", value)
        elif id(value) in self._open:
            self._put("cycle", str(len(self._open) - self._open.index(id(value))))
        else:
            self._open.append(id(value))
            self._compound(value, cls)
            self._open.pop()

    def _compound(self, value: Any, cls: type) -> None:
        name = self._refer(value)
        if name is not None:
            self._put("code", name)
        elif cls in _SEQUENCES:
            self._many(_SEQUENCES[cls], value)
        elif cls is dict:
            self._pairs("dict", value)
        elif cls in (set, frozenset):
            self._unordered(cls.__name__, value)
        elif not (self._standard(value, cls) or self._wrapper(value) or self._foreign(value, cls)):
            self._object(value, cls)

    def _many(self, tag: str, values: Iterable[Any]) -> None:
        members = list(values) if not isinstance(values, list | tuple) else values
        self._put(tag, str(len(members)))
        if self._items + len(members) > MAX_ITEMS:
            raise TooLarge
        for member in members:
            self._value(member)

    def _pairs(self, tag: str, mapping: Any) -> None:
        self._put(tag, str(len(mapping)))
        if self._items + 2 * len(mapping) > MAX_ITEMS:
            raise TooLarge
        for key, member in list(mapping.items()):
            self._value(key)
            self._value(member)

    def _unordered(self, tag: str, members: Any) -> None:
        if self._items + len(members) > MAX_ITEMS:
            raise TooLarge
        outer, encoded = self._out, []
        for member in members:
            self._out = []
            self._value(member)
            encoded.append(b"".join(self._out))
        self._out = outer
        self._put(tag, str(len(encoded)))
        self._out += sorted(encoded)

    def _standard(self, value: Any, cls: type) -> bool:
        """Encode a value of the standard library; False when it is none we know."""
        if isinstance(value, enum.Enum):
            self._put("enum", f"{self._class(cls)}.{value.name}")
            self._value(value._value_)
        elif isinstance(value, PurePath):
            concrete = isinstance(value, Path)
            self._put("path" if concrete else cls.__name__, value.as_posix())
        elif cls is re.Pattern:
            self._put("pattern", str(value.flags))
            self._value(value.pattern)
        elif cls in (datetime.datetime, datetime.time):
            self._put(cls.__name__, f"{value.replace(tzinfo=None).isoformat()} {value.fold}")
            self._value(value.tzinfo)
        elif cls is zoneinfo.ZoneInfo:
            self._put("zone", str(value.key))
        elif cls in (bytearray, memoryview):
            self._put(cls.__name__, bytes(value))
        elif cls is array:
            self._put(f"array {value.typecode} {sys.byteorder}", value.tobytes())
        elif cls is slice:
            self._many("slice", [value.start, value.stop, value.step])
        elif cls is deque:
            self._many(f"deque {value.maxlen}", value)
        elif cls in (OrderedDict, Counter):
            self._pairs(cls.__name__, value)
        elif cls is defaultdict:
            self._value(value.default_factory)
            self._pairs("defaultdict", value)
        elif cls.__module__ == "operator":  # itemgetter and the like
            self._many("operator", value.__reduce__())
        elif cls is types.MappingProxyType:
            self._pairs("proxy", value)
        elif cls is types.SimpleNamespace:
            self._pairs("namespace", vars(value))
        elif isinstance(value, _TYPING) or cls.__module__ == "typing":
            self._put("typing", "" if typing.get_args(value) else repr(value))
            self._many("of", [typing.get_origin(value), *typing.get_args(value)])
        else:
            return False
        return True

    def _wrapper(self, value: Any) -> bool:
        """Encode what only holds functions: bound methods, partials, properties, steps."""
        cls = type(value)
        if cls is types.MethodType:
            self._many("method", [value.__func__, value.__self__])
        elif cls is types.BuiltinMethodType:  # of an object: that of a module is code
            self._many(f"method {value.__name__}", [value.__self__])
        elif isinstance(value, _PARTIAL_LIKE):
            self._many("partial", [value.func, value.args, value.keywords])
        elif cls in (staticmethod, classmethod):
            self._many(cls.__name__, [value.__func__])
        elif cls is property:
            self._many("property", [value.fget, value.fset, value.fdel])
        elif cls is functools.cached_property:
            self._many("cached_property", [value.func])
        elif wraps(value) and not self._is_followed(cls):
            self._many(f"wrapper {self._class(cls)}", [unwrapped(value), *_fixed(value)])
        else:
            return False
        return True

    def _foreign(self, value: Any, cls: type) -> bool:
        """Encode arrays and frames by their bytes; no library is imported for it."""
        top = cls.__module__.partition(".")[0]
        if (top == "numpy" and cls.__name__ == "ndarray") or _is_numpy_scalar(cls):
            self._array(value)
        elif top == "pandas" and (cls.__name__ in _FRAMES or cls.__name__.endswith("Index")):
            self._frame(value, cls.__name__)
        elif top == "pandas" and cls.__name__ in _PANDAS_SCALARS:
            self._put("pandas", repr(value))
        else:
            return False
        return True

    def _array(self, value: Any) -> None:
        if value.nbytes > MAX_BYTES:
            raise TooLarge
        if value.dtype.hasobject:
            self._put("array", f"object {value.shape}")
            self._many("of", value.ravel().tolist())
        else:
            self._put("array", f"{value.dtype.descr!r} {value.shape}")
            self._put("of", value.tobytes())

    def _frame(self, value: Any, kind: str) -> None:
        self._put("pandas", kind)
        if kind == "DataFrame":
            self._value(value.columns)
            self._value(value.index)
            self._many("columns", [column for _, column in value.items()])
            return
        self._value(value.name if kind == "Series" else list(value.names))
        if kind == "Series":
            self._value(value.index)
        self._put("dtype", str(value.dtype))
        if value.dtype.__class__.__module__.startswith("numpy") and not value.dtype.hasobject:
            self._array(value.to_numpy())
        else:
            self._many("of", value.tolist())

    def _object(self, value: Any, cls: type) -> None:
        """Encode an object of a class of the user by its state, any other by its class."""
        name = self._class(cls)
        if isinstance(value, tuple) and hasattr(cls, "_fields"):
            self._many(f"named {name}", list(value))
        elif self._is_followed(cls) or dataclasses.is_dataclass(cls):
            self._put("object", name)
            if isinstance(value, int | float | complex | str | bytes):
                self._put("base", _plain_repr(value))
                self.has_data = True
            if isinstance(value, list | tuple):
                self._many("items", list(value))
            elif isinstance(value, dict):
                self._pairs("items", value)
            elif isinstance(value, set | frozenset):
                self._unordered("items", value)
            self._pairs("state", state_of(value, cls))
        else:
            self.unknown.append(cls)
            self._put("unknown", name)
            self._code_in(value)

    def _code_in(self, value: Any) -> None:
        """Encode the functions that an object of a library was made with."""
        attributes = getattr(value, "__dict__", None)
        for name, member in sorted(attributes.items()) if type(attributes) is dict else ():
            if type(member) is types.FunctionType or is_wrapper(member):
                self._put("with", name)
                self._value(member)

    def _class(self, cls: type) -> str:
        return self._refer(cls) or type_path(cls)


def _plain_repr(value: complex | str | bytes) -> str:
    bases = [base for base in (int, float, complex, str, bytes) if isinstance(value, base)]
    return hex(value) if isinstance(value, int) else str(bases[0].__repr__(value))


def state_of(value: Any, cls: type) -> dict[str, Any]:
    """Return the attributes of an object, in `__dict__` or slots, without cached properties."""
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            name = f"_{base.__name__.lstrip('_')}{slot}" if _is_private(slot) else slot
            if slot not in ("__dict__", "__weakref__") and hasattr(value, name):
                found[name] = getattr(value, name)
    for name, member in getattr(value, "__dict__", {}).items():
        # What `functools.update_wrapper` copied says nothing; what it wraps does.
        if _is_dunder(name) and name != "__wrapped__":
            continue
        if not isinstance(getattr(cls, name, None), functools.cached_property):
            found[name] = member
    return dict(sorted(found.items(), key=lambda item: str(item[0])))


def _is_private(slot: str) -> bool:
    return slot.startswith("__") and not slot.endswith("__")


def _is_dunder(name: object) -> bool:
    return isinstance(name, str) and name.startswith("__") and name.endswith("__")


def _fixed(value: Any) -> list[Any]:
    """Return the inputs that `step.partial(...)` bound."""
    fixed = getattr(value, "bound", None) if is_step(value) else None
    return [fixed] if isinstance(fixed, dict) and fixed else []


def _is_numpy_scalar(cls: type) -> bool:
    return any(base.__module__ == "numpy" and base.__name__ == "generic" for base in cls.__mro__)


def is_immutable(value: Any) -> bool:
    """Tell whether a value cannot change as long as it is the same object."""
    cls = type(value)
    if cls is tuple or cls is frozenset:
        return len(value) <= 100 and all(map(is_immutable, value))
    return cls in _IMMUTABLE or isinstance(value, _LASTING)
