"""The walk from one callable to everything that decides what it does."""

from __future__ import annotations

import sys
import types
from collections import deque
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from artifact_plugins.code.classes import ClassFacts, read_class
from artifact_plugins.code.constants import Encoder, TooLarge, is_immutable
from artifact_plugins.code.libraries import files_digest, library_of
from artifact_plugins.code.names import Names
from artifact_plugins.code.ownership import OURS, Owner, module_label, owner_of
from artifact_plugins.code.shown import show
from artifact_plugins.code.watch import MISSING, Watch
from artifact_plugins.code.wrappers import innermost, is_step, unwrapped, wraps
from artifact_plugins.contracts.refs import type_path

STEP = "step"
"""Name of the part that is the step's own source."""

_BUILTIN = (
    types.BuiltinFunctionType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)


@dataclass(slots=True)
class Reached:
    """What a walk found.

    Attributes:
        parts: Digest by name.
        values: Short text of constants and versions of libraries, by name.
        unfollowed: What is used but does not count: `name (type)`.
    """

    parts: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    unfollowed: set[str] = field(default_factory=set)


class Walk:
    """Follows one callable; `found` is complete when `run` returns."""

    def __init__(self) -> None:
        self.found = Reached()
        self.watch = Watch(self.is_followed)
        self._names: set[str] = set()
        self._pending: deque[tuple[Any, str]] = deque()
        self.root: Any = None
        self._root_module = ""

    def run(self, callable_: Any) -> None:
        """Follow a callable and everything it reaches."""
        while is_step(callable_):
            callable_ = unwrapped(callable_)
        self.root = root = innermost(callable_)
        if isinstance(root, types.FunctionType):
            self._root_module = str(root.__globals__.get("__name__"))
            self._name(root, STEP)
            self._own_library()
            self._owning_class(root)
        if root is not callable_ or not isinstance(root, types.FunctionType):
            place = "self" if isinstance(callable_, types.MethodType) else "wrapper"
            place = place if isinstance(root, types.FunctionType) else STEP
            binding = self.value(place, callable_)
            self.found.parts.setdefault(place, _sha(binding))
        while self._pending:
            item, name = self._pending.popleft()
            self._follow(item, name)
        self.root = None  # the watch lives on, and must not keep it

    def is_followed(self, cls: type) -> bool:
        """Tell whether a class is first-party."""
        module = getattr(cls, "__module__", None)
        return isinstance(module, str) and self.is_ours(module)

    def is_ours(self, module: str) -> bool:
        """Tell whether a module is first-party; that of the step always is."""
        return module == self._root_module or owner_of(module) is Owner.FIRST_PARTY

    def _own_library(self) -> None:
        """Count the files of an installed step: its helpers are as good as its own."""
        if owner_of(self._root_module) is not Owner.LIBRARY:
            return
        name = self.count_library(self._root_module)
        digest = files_digest(self._root_module)
        if digest is not None:
            self.found.parts[name.replace("library", "files of", 1)] = digest

    def _owning_class(self, root: types.FunctionType) -> None:
        """Follow the class that a method was defined in: it is what `self` will be."""
        outer, _, _ = root.__code__.co_qualname.rpartition(".")
        if not outer or "<locals>" in outer:
            return
        first, *rest = outer.split(".")
        owner: Any = root.__globals__.get(first)
        for name in rest:
            owner = getattr(owner, name, None)
        if isinstance(owner, type):
            self.refer(owner)

    def _name(self, item: Any, name: str) -> str:
        """Give a piece of code a name of its own and follow it later."""
        taken, number = name, 2
        while taken in self._names or taken in self.found.parts:
            taken, number = f"{name} ({number})", number + 1
        self._names.add(taken)
        self.watch.names[id(item)] = taken
        if item is not self.root:
            self.watch.code.append(item)
        self._pending.append((item, taken))
        return taken

    def refer(self, item: Any) -> str | None:
        """Return the name of a function, class or module, to be followed; None for data."""
        known = self.watch.names.get(id(item))
        if known is not None:
            return known
        if isinstance(item, types.FunctionType):
            module = str(item.__globals__.get("__name__"))
            name = f"{module_label(item.__globals__)}:{item.__code__.co_qualname}"
            if self.is_ours(module) or item.__closure__ or wraps(item):
                return self._name(item, name)
            return self.foreign(module, name)
        if isinstance(item, type):
            if self.is_followed(item):
                return self._name(item, f"{_label(item)}:{item.__qualname__}")
            return self.foreign(str(item.__module__), type_path(item))
        if isinstance(item, types.ModuleType):
            if self.is_ours(item.__name__):
                return self._name(item, f"module {module_label(vars(item))}")
            return self.foreign(item.__name__, item.__name__)
        if isinstance(item, _BUILTIN) and _is_code(item):
            module = getattr(item, "__module__", None) or type(item).__module__
            return self.foreign(str(module), f"{module}:{item.__qualname__}")
        return None

    def foreign(self, module: str, name: str) -> str:
        """Return the name of what is not first-party; the version of a library counts."""
        # An upgrade of artifact_plugins changes no step; what it stores has formats.
        if owner_of(module) is Owner.LIBRARY and module.partition(".")[0] not in OURS:
            self.count_library(module)
        return f"foreign {name}"

    def count_library(self, module: str) -> str:
        """Count the version of a library."""
        library = library_of(module)
        name = f"library {library.name}"
        self.found.parts[name] = _sha(library.version)
        self.found.values[name] = library.version
        return name

    def value(self, place: str, value: Any, *, quiet: bool = False) -> str:
        """Count a value that code uses; return what the code is bound to.

        Args:
            place: Name of the part, if the value is data.
            value: Anything.
            quiet: Do not list what cannot be followed: its source counts already.
        """
        cls = type(value)
        encoder = Encoder(self.refer, self.is_followed)
        try:
            name = self.refer(value)
            if name is not None:
                return name
            data = encoder.encode(value)
        except TooLarge:
            return self._not_followed(place, f"{type_path(cls)}, large", quiet=quiet)
        except Exception:  # noqa: BLE001  # an author's property may raise anything
            return self._not_followed(place, type_path(cls), quiet=quiet)
        if encoder.unknown == [cls] and not encoder.has_data:
            binding = self._not_followed(place, type_path(cls), quiet=quiet)
            return f"{binding} {_sha(data)}"
        for unknown in encoder.unknown:
            self._not_followed(place, type_path(unknown), quiet=quiet)
        self.watch.value(value)
        if not encoder.has_data and encoder.is_code:
            return f"code {_sha(data)}"
        place = f"{place} (value)" if place in self._names else place
        self.found.parts[place] = _sha(data)
        self.found.values[place] = show(place, value)
        return place

    def _not_followed(self, place: str, kind: str, *, quiet: bool) -> str:
        if not quiet:
            self.found.unfollowed.add(f"{place} ({kind})")
        return f"not followed: {kind}"

    def _follow(self, item: Any, name: str) -> None:
        if isinstance(item, types.ModuleType):
            bindings = self._module(item)
        elif isinstance(item, type):
            bindings = self._class(item, name)
        elif self.is_ours(str(item.__globals__.get("__name__"))):
            bindings = Names(self, item, name).bindings()
        else:
            bindings = self._wrapper(item, name)
        lines = [f"{key} = {bindings[key]}" for key in sorted(bindings)]
        if lines or name in self._names:
            self.found.parts[name] = _sha("\n".join(lines))

    def _wrapper(self, function: types.FunctionType, name: str) -> dict[str, str]:
        """Return what a function of a library holds of ours."""
        module = str(function.__globals__.get("__name__"))
        self.foreign(module, name)
        self.watch.function(function)
        is_library = owner_of(module) is Owner.LIBRARY
        bindings = {}
        if wraps(function):
            bindings["wrapped"] = self.value(f"{name} wrapped", unwrapped(function))
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for variable, cell in cells:
            value = self.watch.cell(cell)
            if value is MISSING:
                continue
            # A library's closure over data is what it was made for; Python's own
            # functions keep tokens and caches there.
            if _holds_code(value) or (is_library and is_immutable(value)):
                bindings[variable] = self.value(f"{name} closure {variable}", value, quiet=True)
        return bindings

    def _class(self, cls: type, name: str) -> dict[str, str]:
        facts: ClassFacts = read_class(cls)
        names = vars(cls)
        self.watch.size(names)
        bindings = {"": facts.text}
        for number, base in enumerate((*cls.__bases__, type(cls))):
            if base not in (object, type):
                bindings[f"base {number}"] = self.value(name, base)
        for attribute in facts.members:
            member = self.watch.read(names, attribute)
            place = f"{name}.{attribute}"
            quiet = facts.has_source
            bindings[f".{attribute}"] = self.value(place, member, quiet=quiet)
        if facts.enumeration:
            bindings["members"] = self.value(f"{name} members", facts.enumeration)
        resolver = Names.of_module(self, facts.namespace)
        for chain in sorted(facts.chains):
            binding = resolver.resolve(chain)
            if binding is not None:
                bindings[".".join(chain)] = binding
        return bindings

    def _module(self, module: types.ModuleType) -> dict[str, str]:
        """Return everything a module defines: somebody has it as a value."""
        namespace, label = vars(module), module_label(vars(module))
        bindings = {}
        for attribute in sorted(namespace):
            value = namespace[attribute]
            if attribute.startswith("__") or isinstance(value, types.ModuleType):
                continue
            self.watch.read(namespace, attribute)
            bindings[attribute] = self.value(f"{label}:{attribute}", value, quiet=True)
        self.watch.size(namespace)
        return bindings


def _holds_code(value: Any) -> bool:
    """Tell whether a value is code or, like a registry, a mapping to code."""
    if type(value) is dict:
        return bool(value) and all(map(callable, value.values()))
    return isinstance(value, types.FunctionType | type | types.MethodType)


def _is_code(builtin: Any) -> bool:
    """Tell whether a builtin is a function, not the method of some object."""
    if type(builtin) not in (types.BuiltinFunctionType, types.MethodWrapperType):
        return True
    return isinstance(builtin.__self__, types.ModuleType | type | None)


def _label(cls: type) -> str:
    module = sys.modules.get(cls.__module__)
    return module_label(vars(module)) if module is not None else cls.__module__


def _sha(data: bytes | str) -> str:
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return sha256(raw).hexdigest()
