"""The running packages inside the child, beside archived code of the same name.

Archived code has its own names there, so the running materializers that carry
values get a prefix: `_running.artifact_materializers.pandas`. Imports of their
own package are redirected to the prefixed one.
"""

from __future__ import annotations

import ast
import importlib
import sys
import types
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

PREFIX = "_running"


def install(roots: Mapping[str, Sequence[str]]) -> None:
    """Make the packages `roots` (name to folders) importable in this process.

    Under their own names only where the archive and the environment have none,
    and under `PREFIX` always.
    """
    package = types.ModuleType(PREFIX)
    package.__path__ = []
    sys.modules[PREFIX] = package
    # First: it answers for its prefix before anybody looks into the folders.
    sys.meta_path.insert(0, _Finder(roots, f"{PREFIX}."))
    sys.meta_path.append(_Finder(roots, ""))


def import_running(target: str) -> Any:
    """Import `module:Class` of a running package."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(f"{PREFIX}.{module}"), name)


class _Finder(MetaPathFinder):
    def __init__(self, roots: Mapping[str, Sequence[str]], prefix: str) -> None:
        self._roots = roots
        self._prefix = prefix

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find a module of a root, or nothing."""
        if not fullname.startswith(self._prefix):
            return None
        root, *parts = fullname.removeprefix(self._prefix).split(".")
        for folder in self._roots.get(root, ()):
            place = Path(folder, *parts)
            package = place / "__init__.py"
            file = package if package.is_file() else place.with_suffix(".py")
            if (parts == [] and file is not package) or not file.is_file():
                continue
            return spec_from_file_location(
                fullname,
                file,
                loader=self._loader(fullname, file),
                submodule_search_locations=[str(place)] if file is package else None,
            )
        return None

    def _loader(self, name: str, file: Path) -> SourceFileLoader:
        if self._prefix:
            return _Redirecting(name, str(file), self._roots, self._prefix)
        return SourceFileLoader(name, str(file))


class _Redirecting(SourceFileLoader):
    """Compiles a module with imports of the roots redirected below the prefix."""

    def __init__(
        self, fullname: str, path: str, roots: Mapping[str, Sequence[str]], prefix: str
    ) -> None:
        super().__init__(fullname, path)
        self._roots = roots
        self._prefix = prefix

    def get_code(self, fullname: str) -> types.CodeType:
        """Compile the source; a cached `.pyc` knows nothing of the prefix."""
        tree = ast.parse(self.get_data(self.path), self.path)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and not node.level and self._is_ours(node.module):
                node.module = f"{self._prefix}{node.module}"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.asname and self._is_ours(alias.name):
                        alias.name = f"{self._prefix}{alias.name}"
        code: types.CodeType = compile(tree, self.path, "exec", dont_inherit=True)
        return code

    def _is_ours(self, module: str | None) -> bool:
        return (module or "").partition(".")[0] in self._roots
