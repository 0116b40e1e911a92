"""Where modules are and whose they are; nothing is imported to find out."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from itertools import accumulate
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple

from artifact_plugins.code.libraries import library_of
from artifact_plugins.code.ownership import OURS, Owner, is_installed, owner_of

_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
_MAIN = ("__main__", "__mp_main__")


class Located(NamedTuple):
    """A module as it lies on disk, in a zip file, or in memory only.

    Attributes:
        name: Its import name.
        kind: `source`: it has a file of Python. `compiled`: an extension, or
            bytecode without source. `folder`: a package without `__init__`.
            `memory`: made by `exec` or typed into a notebook.
        file: Path of its source or of the extension.
        folders: Where its submodules are looked for; empty when it is no package.
        loader: What imports it, for source that is no file.
    """

    name: str
    kind: Literal["source", "compiled", "folder", "memory"]
    file: str | None
    folders: tuple[str, ...]
    loader: Any

    @property
    def is_package(self) -> bool:
        """Whether it is a regular package, with an `__init__`."""
        return bool(self.folders) and self.kind != "folder"


def locate(name: str) -> Located | None:
    """Find a module, imported or not; None when there is none of that name."""
    loaded = sys.modules.get(name)
    if loaded is not None:
        return _of_module(name, loaded)
    spec = _find_spec(name)
    return _of_spec(name, spec) if spec is not None else None


def places(modules: Iterable[str]) -> tuple[str | None, ...]:
    """Return the file of each module, of a namespace package its first folder."""
    found = (locate(module) for module in modules)
    return tuple(each and (each.file or next(iter(each.folders), None)) for each in found)


def _of_module(name: str, module: ModuleType) -> Located:
    spec = getattr(module, "__spec__", None)
    file = getattr(module, "__file__", None)
    loader = getattr(spec, "loader", None) or getattr(module, "__loader__", None)
    folders = tuple(str(folder) for folder in getattr(module, "__path__", None) or ())
    return _located(name, file if isinstance(file, str) else None, folders, loader)


def _of_spec(name: str, spec: ModuleSpec) -> Located:
    folders = tuple(str(folder) for folder in spec.submodule_search_locations or ())
    return _located(name, spec.origin if spec.has_location else None, folders, spec.loader)


def _located(name: str, file: str | None, folders: tuple[str, ...], loader: Any) -> Located:
    if file is None:
        return Located(name, "folder" if folders else "memory", None, folders, loader)
    is_compiled = file.endswith((*EXTENSION_SUFFIXES, ".so", ".pyd", ".pyc"))
    return Located(name, "compiled" if is_compiled else "source", file, folders, loader)


def _find_spec(name: str) -> ModuleSpec | None:
    """Ask the finders of Python, without importing the parents as `find_spec` does."""
    above, _, _ = name.rpartition(".")
    path: list[str] | None = None
    if above:
        parent = locate(above)
        if parent is None or not parent.folders:
            return None
        path = list(parent.folders)
    for finder in tuple(sys.meta_path):
        try:
            spec = finder.find_spec(name, path, None)
        except Exception:  # noqa: BLE001, S112  # a finder of somebody else may raise anything
            continue
        if spec is not None:
            return spec
    return None


def is_first_party(module: str) -> bool:
    """Tell whether a module is the user's own code: no library's, not Python's.

    What lies in a `site-packages` or `dist-packages` folder, what comes with
    Python and artifact_plugins itself is not; `__main__` is.
    """
    top = module.partition(".")[0]
    if top in OURS:
        return False
    if top in _MAIN:
        return True
    above = locate(top) if "." in module else None
    if above is not None and above.kind == "folder":
        # Parts of a namespace package lie anywhere: each is judged by its own place.
        found = locate(module)
        return found is not None and not _is_installed(found)
    return owner_of(module) is Owner.FIRST_PARTY and not _is_recorded(top)


def _is_recorded(top: str) -> bool:
    """Tell whether an installer put a top-level module into a folder of another name.

    As `pip install --target` does: the record of the distribution lies beside it.
    """
    found = locate(top)
    if found is None or not (found.file or found.folders):
        return False
    folder = os.path.dirname(found.folders[0] if found.folders else found.file or "")  # noqa: PTH120  # each save
    try:
        return top in _recorded(folder, os.stat(folder or ".").st_mtime_ns)  # noqa: PTH116
    except OSError:
        return False


@lru_cache(maxsize=64)
def _recorded(folder: str, changed_ns: int) -> frozenset[str]:
    """Return the top-level names in the records of the distributions in a folder."""
    del changed_ns  # a part of the key: an installation is seen
    names: set[str] = set()
    for name in os.listdir(folder or "."):  # noqa: PTH208  # a glob takes ten times as long
        if name.endswith(".dist-info") and (record := Path(folder, name, "RECORD")).is_file():
            lines = record.read_text(encoding="utf-8", errors="replace").splitlines()
            names.update(re.split(r"[/.,]", line, maxsplit=1)[0] for line in lines)
    return frozenset(names)


def _is_installed(found: Located) -> bool:
    return is_installed(found.file or next(iter(found.folders), ""))


def distribution_name(name: str) -> str:
    """Return the name of a distribution as it is compared.

    Source:
        Python packaging specifications, "Names and normalization" (PEP 503).
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def libraries_of(modules: Iterable[str]) -> dict[str, str]:
    """Return name and version of the distributions that modules come from, sorted by name.

    Modules of Python and of the user count for nothing, nor does what is not
    installed.
    """
    found: dict[str, str] = {}
    owners: dict[str, bool | None] = {}
    for module in sorted(set(modules)):
        top = module.partition(".")[0]
        if top not in owners:
            owners[top] = _is_library(top)
        if owners[top] is None and not is_first_party(module) and locate(module) is not None:
            name, version = library_of(_deepest(module))
            found[name] = version
        elif owners[top]:
            owners[top] = False  # one distribution; its other modules say nothing new
            name, version = library_of(top)
            found[name] = version
    return dict(sorted(found.items()))


def _is_library(top: str) -> bool | None:
    """Tell whether a top-level module is a library's; None when it is a namespace."""
    if top in OURS:
        return True
    if is_standard(top):
        return False
    found = locate(top)
    if found is None:
        return False
    return None if found.kind == "folder" else not is_first_party(top)


def is_standard(top: str) -> bool:
    """Tell whether a top-level module comes with Python."""
    return top in sys.builtin_module_names or owner_of(top) is Owner.STANDARD


def _deepest(module: str) -> str:
    """Return the longest part of a dotted name that is imported, the name when none is."""
    parts = module.split(".")
    for depth in range(len(parts), 1, -1):
        name = ".".join(parts[:depth])
        if name in sys.modules:
            return name
    return module


def owns(distribution: str, module: str) -> bool:
    """Tell whether a module that is installed came with a distribution."""
    return library_of(module).name == distribution_name(distribution)


def installed_version(top: str) -> Mapping[str, str]:
    """Return the distribution of a package that is installed for editing, if it has its name."""
    try:
        return {distribution_name(top): metadata.version(top)}
    except (metadata.PackageNotFoundError, ValueError):
        return {}


def project_of(file: str) -> Path | None:
    """Return the folder of the project that a file belongs to."""
    # Text, not paths: looked at for every module, up to the root.
    folders = accumulate(file.split(os.sep)[:-1], lambda above, part: f"{above}{os.sep}{part}")  # noqa: PTH206
    for folder in reversed(list(folders)):
        if any(os.path.isfile(f"{folder}{os.sep}{name}") for name in _PROJECT_FILES):  # noqa: PTH113
            return Path(folder or os.sep)
    return None
