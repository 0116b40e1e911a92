"""A stand-in for the few names that a Dioptra plugin file imports, where Dioptra is not installed."""

from __future__ import annotations

import abc
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_PACKAGES = ("dioptra", "dioptra.sdk", "dioptra.sdk.api")
_INTERFACE = "dioptra.sdk.api.artifact"
_PLUGINS = "dioptra.pyplugs"


def use_interface() -> None:
    """Make `from dioptra.sdk.api.artifact import ArtifactTaskInterface` work from now on.

    The real package wins wherever it is installed: only names that nobody
    else finds are stood in for. Calling it again changes nothing.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


class _Finder(MetaPathFinder, Loader):
    """Last on `sys.meta_path`: asked when nothing else knows a module."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in (*_PACKAGES, _INTERFACE, _PLUGINS):
            return None
        return ModuleSpec(fullname, self, is_package=fullname in _PACKAGES)

    def exec_module(self, module: ModuleType) -> None:
        """Define what the module is imported for."""
        if module.__name__ == _INTERFACE:
            vars(module)["ArtifactTaskInterface"] = _interface()
        elif module.__name__ == _PLUGINS:
            vars(module)["register"] = _register


def _interface() -> type:
    def serialize(working_dir: Path, name: str, contents: Any, **kwargs: Any) -> Path:
        raise NotImplementedError

    def deserialize(working_dir: Path, path: str, **kwargs: Any) -> Any:
        raise NotImplementedError

    def validation() -> dict[str, Any] | None:
        raise NotImplementedError

    methods = (serialize, deserialize, validation)
    members = {method.__name__: staticmethod(abc.abstractmethod(method)) for method in methods}
    # Like Dioptra's own, its base is a metaclass: subclasses are never instantiated.
    return type("ArtifactTaskInterface", (abc.ABCMeta,), {**members, "__module__": _INTERFACE})


def _register(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Mark a function task; bare and with options, it stays the function it is."""
    return function if function is not None else _register
