"""Which code and classes there are, found out without importing or restoring any of it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

from artifact_plugins.errors import PayloadClassNotFoundError
from artifact_plugins.plugins.index import loaded_object
from artifact_plugins.records import PluginSnapshot
from artifact_plugins.session.archived import ArchivedCode, Archives
from artifact_plugins.syntax import parse


class LookedArchives(Archives):
    """Opens snapshots as a load does, and restores none."""

    def _restore(self, snapshot: PluginSnapshot) -> ArchivedCode:
        from artifact_plugins.snapshots import check_environment  # late: most loads need none

        check_environment(snapshot)
        self.sources(snapshot)
        return _LookedCode(snapshot, ())


class _LookedCode(ArchivedCode):
    """Archived code that stays where it is."""

    def find(self, path: str) -> type | None:
        """Return anything for a class whose module is a member; None when there is none."""
        return object if holds(self.snapshot, path) else None


def holds(snapshot: PluginSnapshot, path: str) -> bool:
    """Tell whether an archive answers for the class at an import path."""
    module = path.partition(":")[0]
    stem = module.replace(".", "/")
    names = {f"{stem}.py", f"{stem}/__init__.py"}
    return any(
        (archive.role == "main" and module == "__main__")
        or any(file.path in names for file in archive.files)
        for archive in snapshot.archives
    )


def seen_type(path: str) -> type:
    """Return anything for a class that seems to be here; not even its packages are imported.

    Raises:
        PayloadClassNotFoundError: It is not.
    """
    if not _is_defined(path):
        raise PayloadClassNotFoundError(f"class {path!r} is not here", data_type=path)
    return object


def is_there(path: str) -> bool:
    """Tell whether a class seems to be at an import path; nothing is imported."""
    return isinstance(loaded_object(path), type) or _is_defined(path)


def is_here(module: str) -> bool:
    """Tell whether a module seems to be here; not even its packages are imported."""
    return module in sys.modules or _sought(module)[0]


def _is_defined(path: str) -> bool:
    module, _, name = path.partition(":")
    if module in sys.modules:
        return False  # a loaded module was asked for the class before
    is_found, spec = _sought(module)
    if spec is None:
        return is_found
    source = Path(spec.origin) if spec.origin is not None else None
    if source is None or source.suffix != ".py":
        return True  # nobody can tell without importing it
    try:
        return name.partition(".")[0] in _names(parse(source.read_bytes()))
    except (OSError, SyntaxError, ValueError):
        return False


def _sought(module: str) -> tuple[bool, ModuleSpec | None]:
    """Return whether a module seems to be here, and where, when a folder has it."""
    places: Sequence[str] | None = None
    spec = None
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:depth]), places)
        if spec is None:
            return depth == 1 and _is_found_otherwise(parts[0]), None
        places = list(spec.submodule_search_locations or ())
    return True, spec


def _is_found_otherwise(package: str) -> bool:
    """Tell whether a package comes from elsewhere than folders, as of an editable install.

    What it has inside nobody can tell without importing it.
    """
    try:
        return package in sys.modules or find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _names(tree: ast.Module) -> set[str]:
    """Return what may be a class: names that are defined or imported anywhere in a module."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found
