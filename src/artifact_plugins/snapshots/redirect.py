"""What archived code has in place of `__import__` and `open`.

Python looks both up in the built-ins of the module that uses them. Archived
modules have their own, so that their imports of their own package, at the top
of a module or years later in a method, lead back into the archive; nothing
else in the process is changed.

Not led back, because no import of archived code sees it: `sys.modules["shop"]`,
`builtins.__import__`, names that a library imports for the code (`joblib.load`),
and files that are looked for on disk (`Path(__file__)`, `os.listdir`).
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterable, Mapping
from importlib.util import resolve_name
from types import ModuleType
from typing import TYPE_CHECKING, Any

from artifact_plugins.snapshots.finder import import_private, is_loaded, losses

if TYPE_CHECKING:
    from artifact_plugins.snapshots.restored import RestoredArchive


class Redirect:
    """The imports of one archive: its own modules, its stand-ins, else the process's."""

    def __init__(self, archive: RestoredArchive) -> None:
        self._archive = archive
        self._done: dict[tuple[Any, ...], Any] = {}

    def import_statement(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002  # the names of __import__
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Iterable[str] | None = (),
        level: int = 0,
    ) -> Any:
        """Do what an import statement in archived code says; see `__import__`."""
        wanted = tuple(fromlist or ())
        package = self._package_of(globals) if level > 0 else ""
        if package is None:
            return builtins.__import__(name, globals, locals, wanted, level)
        # The same statement in a loop costs what it costs elsewhere.
        statement = (name, wanted, level, package, losses())
        done = self._done.get(statement)
        if done is not None and is_loaded(done):
            return done
        absolute = self._archive.original(name)
        if level > 0:
            absolute = _relative(name, package, level)
            if not absolute:
                return self._beside_it(wanted)
        if self._archive.holder_of(absolute) is not None:
            found = self._done[statement] = self._from_archives(absolute, wanted)
            return found
        found = builtins.__import__(absolute, globals, locals, wanted, 0)
        if not wanted:
            absolute = absolute.partition(".")[0]
            if self._archive.holder_of(absolute) is not None:
                return self._archive.load(absolute)
        stand_in = self._archive.stand_in(absolute)
        return found if stand_in is None else stand_in

    def import_module(self, name: str, package: str | None = None) -> Any:
        """Do what `importlib.import_module` does, for archived code."""
        absolute = self.absolute(name, package)
        if self._archive.holder_of(absolute) is not None:
            return self._archive.load(absolute)
        import importlib

        found = importlib.import_module(absolute)
        stand_in = self._archive.stand_in(absolute)
        return found if stand_in is None else stand_in

    def absolute(self, name: str, package: str | None = None) -> str:
        """Return the original absolute name of a module that archived code names."""
        original = self._archive.original
        return original(resolve_name(name, original(package) if package else package))

    def open(self, file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        """Open a file on disk, or for reading a member by the path `__file__` leads to."""
        if isinstance(file, (str, os.PathLike)):
            member = self._archive.member_at(file)
            if member is not None and member in self._archive.members.sources:
                from artifact_plugins.snapshots.resources import opened  # late: rarely used

                data = self._archive.members.sources[member]
                return opened(data, os.fspath(file), mode, *args, **kwargs)
        return builtins.open(file, mode, *args, **kwargs)

    def _package_of(self, namespace: Mapping[str, Any] | None) -> str | None:
        """Return the original package that a relative import starts from; None: not ours."""
        package = (namespace or {}).get("__package__")
        if not isinstance(package, str) or not f"{package}.".startswith(self._archive.prefix):
            return None
        return self._archive.original(package)

    def _beside_it(self, wanted: tuple[str, ...]) -> ModuleType:
        """Do `from . import x` of a module in no package, as scripts try it."""
        for item in wanted:
            self._archive.load(item)
        return import_private(self._archive.prefix.rstrip("."))

    def _from_archives(self, absolute: str, wanted: tuple[str, ...]) -> ModuleType:
        module = self._archive.load(absolute)
        if not wanted:
            return self._archive.load(absolute.partition(".")[0])
        if hasattr(module, "__path__"):
            names = [item for item in wanted if item != "*"]
            if "*" in wanted:
                names += getattr(module, "__all__", ())
            for item in names:
                full = f"{absolute}.{item}"
                if not hasattr(module, item) and self._archive.has_module(full):
                    self._archive.load(full)
        return module


def _relative(name: str, package: str, level: int) -> str:
    """Return the absolute name of `from ..name import x` in a package."""
    parts = package.split(".") if package else []
    if level - 1 > max(len(parts) - 1, 0):
        raise ImportError("attempted relative import beyond top-level package")
    base = ".".join(parts[: len(parts) - level + 1])
    return f"{base}.{name}" if base and name else base or name


def own_builtins(redirect: Redirect) -> Callable[[], dict[str, Any]]:
    """Return what gives the built-ins of an archive, always the same dictionary.

    Each call takes over what the process has added since, `gettext` for one.
    """
    own: dict[str, Any] = {}
    changed = {"__import__": redirect.import_statement, "open": redirect.open}

    def refreshed() -> dict[str, Any]:
        # Whole at each moment: other threads run code that looks names up in it.
        own.update({**vars(builtins), **changed})
        return own

    return refreshed
