"""Classes by their public import path, `pandas:DataFrame`, and back."""

from __future__ import annotations

import builtins
import importlib
import sys
import types
from collections.abc import Hashable
from functools import lru_cache
from typing import Any

from artifact_plugins.errors import (
    NotSerializableError,
    PayloadClassNotFoundError,
    PluginError,
    describe,
)


def type_path(cls: type) -> str:
    """Return the shortest public import path of a class.

    `pandas.core.frame.DataFrame` gives `pandas:DataFrame` under any pandas,
    because the package that exports a class is where it stays.
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
            hint="nothing was registered; move it to a module and import it from there",
            data_type=path,
        )
    try:
        if _named(path) is cls:
            return path
        problem = "another class has that path now"
    except Exception as error:  # noqa: BLE001  # importing its module may raise anything
        problem = f"it cannot be found there ({describe(error)})"
    raise NotSerializableError(
        f"class {path!r} would be lost: {problem}",
        hint="nothing was registered; define the class at the top level of a module, "
        "and make its objects anew after defining it again",
        data_type=path,
    )


@lru_cache(maxsize=4096)
def _type_path(cls: Hashable) -> str:
    assert isinstance(cls, type)
    module, name = cls.__module__, cls.__qualname__
    parts = module.split(".")
    for depth in range(1, len(parts)):
        prefix = ".".join(parts[:depth])
        if getattr(sys.modules.get(prefix), name, None) is cls:
            return f"{prefix}:{name}"
    if module == "builtins" and not hasattr(builtins, name):
        # NoneType, generator and others say builtins but are only found in types.
        for public, found in vars(types).items():
            if found is cls:
                return f"types:{public}"
    return f"{module}:{name}"


def find_type(path: str) -> type:
    """Return the class at an import path; imports its module when needed.

    Raises:
        PayloadClassNotFoundError: There is no such module or class here.
    """
    try:
        found = _named(path)
    except Exception as error:
        # Importing runs the module that defines the class: it may raise anything.
        raise PayloadClassNotFoundError(
            f"class {path!r} cannot be found: {describe(error)}",
            hint="the stored bytes are untouched; install or restore the module that defines it",
            data_type=path,
        ) from error
    if not isinstance(found, type):
        raise PayloadClassNotFoundError(f"{path!r} is not a class", data_type=path)
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
