"""The artifact tasks of a Dioptra plugin folder: a folder of `.py` files, all imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from artifact_plugins.errors import PluginError, describe

from .adapting import is_dioptra_task
from .interface import use_interface


def load_folder(folder: str | Path) -> Mapping[str, type]:
    """Import a Dioptra plugin folder under its own name and return its artifact tasks.

    A worker imports every file of a plugin as `<folder>.<file>`, and so does
    this. Where Dioptra is not installed, its interface is stood in for.

    Args:
        folder: Holds the plugin's files; its name is the plugin's.

    Returns:
        The artifact tasks by class name.

    Raises:
        PluginError: It is no folder, has the name of another module, a file
            cannot be imported, or two files define one class name.
    """
    place = Path(folder).resolve()
    name = place.name
    if not place.is_dir() or not name.isidentifier():
        raise PluginError(
            f"{str(folder)!r} is no Dioptra plugin folder",
            hint="name a folder with .py files whose name can be imported",
            folder=str(folder),
        )
    use_interface()
    _import_package(name, place)
    found: dict[str, type] = {}
    for file in sorted(place.glob("*.py")):
        if file.stem == "__init__":
            continue
        module = _import_file(f"{name}.{file.stem}", place)
        for label, member in vars(module).items():
            is_here = getattr(member, "__module__", None) == module.__name__
            if not is_here or not is_dioptra_task(member):
                continue
            if found.setdefault(label, member) is not member:
                raise PluginError(
                    f"two files of the Dioptra plugin {name!r} define {label!r}",
                    hint="a worker finds classes by their name alone; rename one",
                    folder=str(place),
                )
    return found


def class_of(text: str) -> type:
    """Return what `FOLDER:CLASS` names.

    Raises:
        PluginError: There is no such folder or class.
    """
    folder, _, name = text.rpartition(":")
    tasks = load_folder(folder)
    if name not in tasks:
        raise PluginError(
            f"the Dioptra plugin folder {folder!r} has no artifact task {name!r}",
            hint=f"it has {sorted(tasks)}",
            folder=folder,
        )
    return tasks[name]


def _import_package(name: str, place: Path) -> None:
    known = sys.modules.get(name)
    if known is not None:
        if str(place) not in list(getattr(known, "__path__", ())):
            raise _name_taken(name, place)
        return
    try:
        elsewhere = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        elsewhere = None
    places = list(elsewhere.submodule_search_locations or ()) if elsewhere else [str(place)]
    if places != [str(place)]:
        raise _name_taken(name, place)
    spec: ModuleSpec | None = ModuleSpec(name, None, is_package=True)
    if (place / "__init__.py").is_file():
        spec = importlib.util.spec_from_file_location(
            name, place / "__init__.py", submodule_search_locations=[str(place)]
        )
    if spec is None:
        raise _name_taken(name, place)
    if spec.loader is None:
        spec.submodule_search_locations = [str(place)]
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        if spec.loader is not None:
            spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        raise _broken(f"{name}.__init__", place, error) from error


def _import_file(name: str, place: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise _broken(name, place, error) from error


def _broken(name: str, place: Path, error: BaseException) -> PluginError:
    return PluginError(
        f"file {name!r} of the Dioptra plugin folder {str(place)!r} cannot be imported: "
        f"{describe(error)}",
        hint="install what it imports; a worker would fail too",
        folder=str(place),
    )


def _name_taken(name: str, place: Path) -> PluginError:
    return PluginError(
        f"the Dioptra plugin folder {str(place)!r} has the name of another module, {name!r}",
        hint="rename the folder; two versions of one plugin need two names in one process",
        folder=str(place),
    )
