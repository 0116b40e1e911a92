"""Classes by their public import path, `pandas:DataFrame`, and back."""

from __future__ import annotations

import builtins
import importlib
import sys
import types
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any, TypeVar, cast

from artifact_plugins.errors import (
    NotSerializableError,
    PayloadClassNotFoundError,
    PluginError,
    describe,
)

Kind = TypeVar("Kind")
ARCHIVED = "artifact_plugins._snap."
"""What the names of restored modules start with; the digest and the real name follow."""


@dataclass(slots=True)
class Noted:
    """What a save met.

    Attributes:
        classes: Whose import path was recorded.
        modules: That loading will import besides theirs.
        writers: Classes that wrote elements, with their key and plugin.
        executes: Whether loading an element executes code from the files.
    """

    classes: set[type] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)
    writers: set[tuple[type, str, str | None]] = field(default_factory=set)
    executes: bool = False


_noted: ContextVar[Noted | None] = ContextVar("artifact_plugins_noted", default=None)
_finder: ContextVar[Callable[[str], Any] | None] = ContextVar(
    "artifact_plugins_finder", default=None
)


@contextmanager
def noting_types() -> Iterator[Noted]:
    """Collect the classes whose path a save records; their code is pinned with the version."""
    noted = Noted()
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def noted_types() -> frozenset[type]:
    """Return the classes that the save under way has met so far."""
    noted = _noted.get()
    return frozenset() if noted is None else frozenset(noted.classes)


def note_modules(modules: Iterable[str]) -> None:
    """Say which modules loading the value being saved will import."""
    noted = _noted.get()
    if noted is not None:
        noted.modules.update(modules)


def note_writer(writer: type, *, key: str, plugin: str | None, executes: bool) -> None:
    """Say that an element of the value being saved is written by a class of its own."""
    noted = _noted.get()
    if noted is not None:
        noted.writers.add((writer, key, plugin))
        noted.executes = noted.executes or executes


@contextmanager
def finding_types(find: Callable[[str], Any]) -> Iterator[None]:
    """Let `find` look up every class that is loaded by its path inside the block.

    Args:
        find: Takes `module:Class`; what it raises passes.
    """
    token = _finder.set(find)
    try:
        yield
    finally:
        _finder.reset(token)


def original_name(module: str) -> str:
    """Return the name that a module had when it was archived; of others their own."""
    if not module.startswith(ARCHIVED):
        return module
    return module[len(ARCHIVED) :].partition(".")[2]


def type_path(cls: type) -> str:
    """Return the shortest public import path of a class.

    `pandas.core.frame.DataFrame` gives `pandas:DataFrame` under any pandas,
    because the package that exports a class is where it stays. A class of
    archived code has the path it had when it was archived.
    """
    try:
        return _type_path(cls)
    except TypeError:  # its metaclass has no hash
        return _type_path.__wrapped__(cls)


def lasting_path(cls: type) -> str:
    """Return `type_path(cls)`, after looking that it leads back to this very class.

    Raises:
        NotSerializableError: It does not: the class is defined inside a
            function or in the running script, or another one has its name by now.
    """
    path = type_path(cls)
    if cls.__module__ == "__main__":
        # Another script would find a class of its own under this path.
        raise NotSerializableError(
            f"class {cls.__qualname__!r} belongs to the running script or notebook, "
            "where no other program finds it",
            hint="nothing was registered; move it to a module and import it from there, or "
            "save the value with materializer='pickle.object'",
            data_type=path,
            script_class=cls.__qualname__,
        )
    try:
        if note_type(cls, path):
            return path
        problem = "another class has that path now"
        hint = "make its objects anew with the class that is there now"
    except Exception as error:  # noqa: BLE001  # importing its module may raise anything
        problem = f"it cannot be found there ({describe(error)})"
        hint = (
            "define the class at the top level of a module"
            if _is_in_source(cls)
            else "leave its object out of the value and make it anew after loading"
        )
    raise NotSerializableError(
        f"class {path!r} would be lost: {problem}",
        hint=f"nothing was registered; {hint}",
        data_type=path,
    )


def _is_in_source(cls: type) -> bool:
    """Tell whether a class was written in Python, and not in a compiled module like a lock."""
    # A notebook or a module made by hand has no file, and no loader that is built in.
    module = sys.modules.get(cls.__module__)
    origin = getattr(getattr(module, "__spec__", None), "origin", None) or ""
    return origin != "built-in" and not origin.endswith(tuple(EXTENSION_SUFFIXES))


@lru_cache(maxsize=4096)
def _type_path(cls: Hashable) -> str:
    assert isinstance(cls, type)
    module, name = cls.__module__, cls.__qualname__
    parts = module.split(".")
    for depth in range(1, len(parts)):
        prefix = ".".join(parts[:depth])
        if getattr(sys.modules.get(prefix), name, None) is cls:
            return f"{original_name(prefix)}:{name}"
    if module == "builtins" and not hasattr(builtins, name):
        # NoneType, generator and others say builtins but are only found in types.
        for public, found in vars(types).items():
            if found is cls:
                return f"types:{public}"
    return f"{original_name(module)}:{name}"


def note_type(cls: type, path: str) -> bool:
    """Tell whether a path that is to be recorded leads back to its class; see `noting_types`.

    Raises:
        Exception: Whatever importing its module raises.
    """
    noted = _noted.get()
    if noted is not None:
        noted.classes.add(cls)
    module, _, name = path.partition(":")
    if cls.__module__.startswith(ARCHIVED):
        digest = cls.__module__[len(ARCHIVED) :].partition(".")[0]
        module = f"{ARCHIVED}{digest}.{module}"
    return _named(f"{module}:{name}") is cls


def note_function(function: types.FunctionType) -> str | None:
    """Return the path of a function that loading the value being saved will import.

    Returns:
        `module:name`; None when that leads to something else, as for a lambda.
    """
    path = f"{function.__module__}:{function.__qualname__}"
    try:
        if _named(path) is not function:
            return None
    except Exception:  # noqa: BLE001  # importing its module may raise anything
        return None
    note_modules([function.__module__])
    noted = _noted.get()
    if noted is not None:
        noted.executes = True
    return path


def find_function(path: str) -> types.FunctionType:
    """Return the function at an import path; imports its module when needed.

    While a version is loaded, its session says whether anybody vouches for what
    it names: unlike a class, a function is asked for to be called.

    Raises:
        PayloadClassNotFoundError: There is no such module or function here.
        TrustError: The path comes from a store that nobody vouches for.
    """
    find = getattr(_finder.get(), "function", import_function)
    return cast(types.FunctionType, find(path))


def find_type(path: str) -> type:
    """Return the class at an import path; imports its module when needed.

    While a version is loaded, its session says which class is meant and
    whether its module may be imported; see `finding_types`.

    Raises:
        PayloadClassNotFoundError: There is no such module or class here.
        TrustError: The path comes from a store that nobody vouches for.
    """
    find = _finder.get()
    if find is not None:
        return cast(type, find(path))
    return import_type(path)


def import_type(path: str) -> type:
    """Return the class at an import path, whoever names it; see `find_type`."""
    return _imported(path, type, "class")


def import_function(path: str) -> types.FunctionType:
    """Return the function at an import path, whoever names it; see `find_function`."""
    return _imported(path, types.FunctionType, "function")


def _imported(path: str, kind: type[Kind], name: str) -> Kind:
    try:
        found = _named(path)
    except Exception as error:
        # Importing runs the module that defines it: it may raise anything.
        raise PayloadClassNotFoundError(
            f"{name} {path!r} cannot be found: {describe(error)}",
            hint="the stored bytes are untouched; install or restore the module that defines it",
            data_type=path,
        ) from error
    if not isinstance(found, kind):
        raise PayloadClassNotFoundError(f"{path!r} is not a {name}", data_type=path)
    return found


def _named(path: str) -> Any:
    module, _, name = path.partition(":")
    found: Any = sys.modules.get(module) or importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def load_target(target: str) -> Any:
    """Import `module:attribute` as named by a plugin or a setting (never by a store).

    Raises:
        PluginError: The module or attribute does not exist; names the target.
    """
    module, _, name = target.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in filter(None, name.split(".")):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise PluginError(
            f"target {target!r} cannot be imported: {error}",
            hint="check the plugin or the setting that names it",
            target=target,
        ) from error
    return found
