"""Whose code a module is: the user's own, an installed library's, or Python's."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping
from enum import Enum
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

OURS = frozenset({"artifact_plugins", "artifact_materializers", "artifact_integrations"})
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_STANDARD = tuple(
    os.path.join(path, "")  # noqa: PTH118  # pathlib takes ten times as long, at the first save
    for name in ("stdlib", "platstdlib")
    if (path := sysconfig.get_path(name))
)


class Owner(Enum):
    """Who a module belongs to.

    FIRST_PARTY modules are followed, of a LIBRARY the version counts, what is
    STANDARD comes with Python and does not count.
    """

    FIRST_PARTY = "first-party"
    LIBRARY = "library"
    STANDARD = "standard"


def owner_of(module: str) -> Owner:
    """Tell whose a module is, imported or not; nothing is imported to find out.

    A module is a library's when its file lies in a `site-packages` or
    `dist-packages` folder, or when it is a part of artifact_plugins. An editable
    install lies elsewhere, so it is first-party, and so is a module without a
    file: a notebook, the interactive prompt, `exec`.
    """
    top = module.partition(".")[0]
    if top in OURS:
        return Owner.LIBRARY
    if top in ("__main__", "__mp_main__"):
        return Owner.FIRST_PARTY
    return _owner(top, file_of(top) or file_of(module))


@cache
def _owner(top: str, file: str | None) -> Owner:
    if file is None or file == "frozen":
        return Owner.STANDARD if top in sys.stdlib_module_names else Owner.FIRST_PARTY
    if is_installed(file):
        return Owner.LIBRARY
    # A name alone is no proof: people call their modules `code` and `test` too.
    if file.startswith(_STANDARD):
        return Owner.STANDARD
    return Owner.FIRST_PARTY


def is_installed(file: str) -> bool:
    """Tell whether a file or folder lies where installers put libraries."""
    return not _INSTALLED.isdisjoint(file.split(os.sep))  # noqa: PTH206  # as above


def file_of(module: str) -> str | None:
    """Return where a module's source or folder is, from `sys.modules` or the import path."""
    loaded = sys.modules.get(module)
    if loaded is not None:
        file = getattr(loaded, "__file__", None)
        if isinstance(file, str):
            return file
        return _first(getattr(loaded, "__path__", None))
    return None if "." in module else _found(module)


def _found(top: str) -> str | None:
    if top in sys.builtin_module_names:
        return "frozen"
    spec = PathFinder.find_spec(top)
    if spec is None:
        return None
    return spec.origin or _first(spec.submodule_search_locations)


def _first(folders: Any) -> str | None:
    return next((str(folder) for folder in folders or ()), None)


def module_label(namespace: Mapping[str, Any]) -> str:
    """Return the name of the module whose globals these are.

    The running script has the name that other programs import it by, so a
    function has one digest in both.
    """
    name = namespace.get("__name__")
    if name not in ("__main__", "__mp_main__"):
        return name if isinstance(name, str) else "exec"
    spec = namespace.get("__spec__")
    if getattr(spec, "name", None):
        return str(spec.name).removesuffix(".__main__")  # type: ignore[union-attr]  # looked at above
    file = namespace.get("__file__")
    return Path(file).stem if isinstance(file, str) else "__main__"
