"""What the names in a function stand for at this moment."""

from __future__ import annotations

import builtins
import functools
import importlib
import importlib.util
import logging
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from artifact_plugins.code.canonical import Canonical, Chain, Import, Rules
from artifact_plugins.code.ownership import OURS, module_label
from artifact_plugins.code.reading import read_function
from artifact_plugins.code.watch import MISSING
from artifact_plugins.code.wrappers import innermost

if TYPE_CHECKING:
    from artifact_plugins.code.reach import Walk

# Where code is, not what it does: other on every machine.
_PLACES = frozenset(
    (
        *("__name__", "__qualname__", "__module__", "__file__", "__path__", "__spec__"),
        *("__loader__", "__package__", "__builtins__", "__cached__", "__doc__", "__debug__"),
        "__class__",
    )
)
_DYNAMIC = frozenset({"eval", "exec", "globals", "__import__"})
_LOG_METHODS = frozenset(
    ("debug", "info", "warning", "warn", "error", "critical", "fatal", "exception", "log")
)


class Names:
    """Resolves the names of one function, or of the body of a class."""

    def __init__(self, walk: Walk, function: types.FunctionType, name: str) -> None:
        self._walk = walk
        self._watch = walk.watch
        self._function = function
        self._name = name
        self._is_root = function is walk.root
        self._namespace: Mapping[str, Any] = function.__globals__
        self._label = module_label(self._namespace)
        code = function.__code__
        self._cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        self._imported: dict[str, tuple[str, Any]] = {}

    @classmethod
    def of_module(cls, walk: Walk, namespace: Mapping[str, Any]) -> Names:
        """Return a resolver for code that runs at the top of a module."""
        nothing = types.FunctionType(_nothing.__code__, dict(namespace))
        made = cls(walk, nothing, "")
        made._namespace, made._is_root = namespace, False
        return made

    def bindings(self) -> dict[str, str]:
        """Return what each name in the function is bound to, and its source under ""."""
        function = self._function
        self._watch.function(function)
        reading = read_function(function.__code__, self._namespace)
        silent = {c for c in reading.callees if c[0] in reading.names and self._is_silent(c)}
        own = {c for c in reading.decorators if self._is_own_decorator(c)}
        own_name = function.__code__.co_name if self._calls_itself(reading.names) else None
        rules = Rules(frozenset(silent), frozenset(own), own_name)
        source = reading.canonical(rules)
        found = {"": source.text}
        for item in source.imports:
            found.update(self._import(item))
        body = source.chains if reading.node is None else self._global(source, reading.names)
        for chain in sorted(body | source.outer):
            binding = self.resolve(chain, needed=chain in body)
            if binding is not None and chain[0] != own_name:
                found[".".join(chain)] = binding
        found.update(self._defaults(source))
        return found

    def _global(self, source: Canonical, names: frozenset[str]) -> set[Chain]:
        """Return the chains that start outside the function; `__x` in a class is `_C__x`."""
        found = {c for c in source.chains if c[0] in names or c[0] in self._imported}
        for chain in source.chains:
            if chain[0].startswith("__") and chain[0] not in names:
                found |= {(n, *chain[1:]) for n in names if n[:1] == "_" and n.endswith(chain[0])}
        if "__class__" in self._cells:
            found.add(("__class__",))
        return found

    def _calls_itself(self, names: frozenset[str]) -> bool:
        name = self._function.__code__.co_name
        return self._is_root and name in names and innermost(self._look(name)) is self._walk.root

    def _look(self, name: str) -> Any:
        if name in self._imported:
            return self._imported[name][1]
        if name in self._cells:
            return self._watch.cell(self._cells[name])
        return self._watch.read(self._namespace, name)

    def resolve(self, chain: Chain, *, needed: bool = False) -> str | None:
        """Return what a chain is bound to; None for a builtin, and for what is not there.

        Args:
            chain: A name and attributes.
            needed: The body reads it: when it is not there, that counts.
        """
        first, *rest = chain
        if first in _PLACES and first not in self._cells:
            return None
        value = self._look(first)
        place = self._place(first)
        if value is MISSING:
            if hasattr(builtins, first):
                if first in _DYNAMIC:
                    self._walk.found.unfollowed.add(f"{first} (code made at run time)")
                return None
            return "missing" if needed else None
        return self._descend(place, value, rest)

    def _place(self, name: str) -> str:
        if name in self._imported:
            return self._imported[name][0]
        if name in self._cells:
            return f"closure {name}" if self._is_root else f"{self._name} closure {name}"
        return f"{self._label}:{name}"

    def _descend(self, place: str, value: Any, rest: list[str]) -> str:
        """Follow attributes as long as they are those of first-party modules."""
        while rest and isinstance(value, types.ModuleType):
            attribute, *after = rest
            if not self._walk.is_ours(value.__name__):
                deeper = vars(value).get(attribute)
                # Several distributions may share a package that has no file.
                if getattr(value, "__file__", None) or not isinstance(deeper, types.ModuleType):
                    break
            elif attribute in _PLACES:
                return "place"
            found = self._attribute(value, attribute)
            if found is MISSING:
                return "missing"
            place, value, rest = f"{module_label(vars(value))}:{attribute}", found, after
        binding = self._walk.value(place, value)
        if binding.startswith("not followed"):
            self._watch.forget(value)
        return binding

    def _attribute(self, module: types.ModuleType, name: str) -> Any:
        found = self._watch.read(vars(module), name)
        if found is not MISSING:
            return found
        try:  # a module may make its names when they are asked for
            return getattr(module, name)
        except Exception:  # noqa: BLE001  # and raise anything
            return _import_module(f"{module.__name__}.{name}")

    def _import(self, item: Import) -> dict[str, str]:
        """Import what the function itself imports, if it is first-party."""
        module = item.module
        if item.level:
            package = self._namespace.get("__package__") or ""
            try:
                module = importlib.util.resolve_name("." * item.level + module, package)
            except ImportError:
                return {f"import {module}": "missing"}
        if not self._walk.is_ours(module):
            return {f"import {module}": self._walk.foreign(module, module)}
        loaded = _import_module(module)
        if loaded is MISSING:
            return {f"import {module}": "missing"}
        key = f"import {module} {item.attribute or ''}"
        if item.attribute is None:
            if item.name == "*":
                return {key: self._descend(module, loaded, [])}
            if item.name:
                self._imported[item.name] = (module, loaded)
            return {}
        value = self._attribute(loaded, item.attribute)
        if value is MISSING:
            return {key: "missing"}
        place = f"{module_label(vars(loaded))}:{item.attribute}"
        if item.name:
            self._imported[item.name] = (place, value)
            return {}
        return {key: self._descend(place, value, [])}

    def _defaults(self, source: Canonical) -> dict[str, str]:
        """Return what the defaults are; one that is no data counts as it is written."""
        function, code, found = self._function, self._function.__code__, {}
        values = function.__defaults__ or ()
        names = code.co_varnames[: code.co_argcount][code.co_argcount - len(values) :]
        pairs = [*zip(names, values, strict=True), *sorted((function.__kwdefaults__ or {}).items())]
        for name, value in pairs:
            place = f"default {name}" if self._is_root else f"{self._name} default {name}"
            binding = self._walk.value(place, value)
            if binding.startswith("not followed"):
                binding += f" {source.defaults.get(name, '')}"
            found[f"default {name}"] = binding
        return found

    def _is_silent(self, chain: Chain) -> bool:
        """Tell whether a callee is the builtin print, or logs."""
        if chain == ("print",):
            return self._look("print") is MISSING and type(print) is types.BuiltinFunctionType
        *before, last = chain
        if last not in _LOG_METHODS:
            return False
        value = self._look(chain[0])
        if not before:
            owner = getattr(value, "__self__", None) or getattr(value, "__module__", None)
            return isinstance(owner, logging.Logger) or owner == "logging"
        for name in before[1:]:
            if name == "()":
                return value is logging.getLogger
            value = vars(value).get(name) if isinstance(value, types.ModuleType) else None
        return value is logging or isinstance(value, logging.Logger | logging.LoggerAdapter)

    def _is_own_decorator(self, chain: Chain) -> bool:
        value = self._look(chain[0])
        for name in chain[1:]:
            if isinstance(value, types.ModuleType) and value.__name__.partition(".")[0] in OURS:
                return True
            value = getattr(value, name, None) if isinstance(value, types.ModuleType) else None
        value = value.func if isinstance(value, functools.partial) else value
        return str(getattr(value, "__module__", "")).partition(".")[0] in OURS


def _nothing() -> None:
    pass


def _import_module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception:  # noqa: BLE001  # importing runs a module, which may raise anything
        return MISSING
