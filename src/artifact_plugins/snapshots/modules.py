"""Which modules belong together: what code of the user reaches by import."""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from artifact_plugins.snapshots.data_files import declared, read_beside
from artifact_plugins.snapshots.imports import Imports, imports_of, literal_all
from artifact_plugins.snapshots.locating import Located, locate
from artifact_plugins.snapshots.running import Source, source_of

MAINS = ("__main__", "__mp_main__")


@dataclass(slots=True)
class Reached:
    """What was reached.

    Attributes:
        sources: Modules with their source, by import name.
        located: Where they are, by import name.
        others: Import names that lead out: to libraries, Python, or nowhere.
        extensions: Compiled modules among them.
        data: Data files by the path of their member: where they lie.
        parents: Modules that are only there because another one lies in them.
    """

    sources: dict[str, Source] = field(default_factory=dict)
    located: dict[str, Located] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    extensions: set[str] = field(default_factory=set)
    data: dict[str, str] = field(default_factory=dict)
    parents: set[str] = field(default_factory=set)


def reach(
    modules: Iterable[str], *, belongs: Callable[[str], bool], with_parents: bool = True
) -> Reached:
    """Return modules and all that they reach by import, as far as it belongs to them.

    Followed are `import` and `from` statements wherever they stand, relative and
    absolute, star imports, names written out in `import_module` and `__import__`.
    A module of a package that imports by computed names reaches all modules
    beside it. The packages around a module are reached with it.

    Args:
        modules: Import names to start from; `__main__` is read, not captured.
        belongs: Whether a module is to be captured, by its import name.
        with_parents: Whether the imports of the packages around a module are
            followed. If not, only their `__init__` is taken.

    Raises:
        NotSerializableError: A file was edited after it was imported.
    """
    walk = _Walk(belongs, with_parents=with_parents)
    for module in sorted(set(modules)):
        walk.start(module)
    return walk.finish()


def member_path(located: Located) -> str:
    """Return the path of a module in an archive: its import name as a file."""
    place = located.name.replace(".", "/")
    return f"{place}/__init__.py" if located.is_package else f"{place}.py"


def above(module: str) -> list[str]:
    """Return the packages that a module lies in, outermost first."""
    parts = module.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


class _Walk:
    def __init__(self, belongs: Callable[[str], bool], *, with_parents: bool) -> None:
        self._belongs = belongs
        self._with_parents = with_parents
        self._found = Reached()
        self._seen: set[str] = set()
        self._read: set[str] = set()
        self._pending: list[tuple[str, Imports]] = []
        self._texts: dict[str, set[str]] = {}

    def start(self, module: str) -> None:
        if module in MAINS:
            located = locate(module)
            source = source_of(located) if located is not None else None
            if source is not None:
                self._queue(module, source, is_package=False)
        else:
            self._reach(module)

    def finish(self) -> Reached:
        while self._pending:
            module, imports = self._pending.pop()
            for name in sorted(imports.modules):
                self._reach(name)
            for name in sorted(imports.members):
                self._reach(name, is_sure=False)
            for name in sorted(imports.packages):
                self._reach_all(name)
            if imports.is_dynamic:
                self._reach_beside(module)
            self._texts[module] = imports.texts
        for module, texts in self._texts.items():
            self._add_data(module, texts)
        self._found.parents = self._found.sources.keys() - self._read
        return self._found

    def _reach(self, module: str, *, is_sure: bool = True) -> None:
        """Visit a module and the packages around it, outermost first."""
        if not self._with_parents and not self._belongs(module):
            self._found.others.add(module)
            return
        for name in [*above(module), module]:
            is_parent = name != module
            if not self._visit(name, is_parent=is_parent, is_sure=is_sure or is_parent):
                return

    def _visit(self, module: str, *, is_parent: bool, is_sure: bool) -> bool:
        """Take a module if it is one of ours; tell whether to look further inside it."""
        follows = self._with_parents or not is_parent
        if module in self._seen:
            if follows and module in self._found.sources and module not in self._read:
                is_package = self._found.located[module].is_package
                self._queue(module, self._found.sources[module], is_package=is_package)
            return module in self._found.located
        located = locate(module)
        if located is None:
            if is_sure:
                self._seen.add(module)
                self._found.others.add(module)
            return False
        if self._with_parents and not self._belongs(module):
            # Parts of a namespace package may be ours where others are not.
            if located.kind == "folder":
                return True
            self._found.others.add(module)
            return False
        self._seen.add(module)
        self._take(module, located, follows=follows)
        return True

    def _take(self, module: str, located: Located, *, follows: bool) -> None:
        self._found.located[module] = located
        if located.kind == "compiled":
            self._found.extensions.add(module)
            return
        source = source_of(located)
        if source is None:
            return
        self._found.sources[module] = source
        if follows:
            self._queue(module, source, is_package=located.is_package)

    def _queue(self, module: str, source: Source, *, is_package: bool) -> None:
        self._read.add(module)
        try:
            imports = imports_of(source.data, module=module, is_package=is_package)
        except (SyntaxError, ValueError, RecursionError):
            return  # it cannot be imported either
        self._pending.append((module, imports))

    def _reach_all(self, package: str) -> None:
        """Visit the submodules that `from package import *` imports."""
        source = self._found.sources.get(package)
        for name in literal_all(source.data) if source is not None else ():
            self._reach(f"{package}.{name}", is_sure=False)

    def _reach_beside(self, module: str) -> None:
        """Visit what a module may import by a computed name: all that lies beside it."""
        located = self._found.located.get(module)
        package = (
            module if located is not None and located.is_package else module.rpartition(".")[0]
        )
        home = self._found.located.get(package)
        if home is None or not home.is_package:
            return
        for each in pkgutil.iter_modules(list(home.folders)):
            if each.name != "__main__":
                self._reach(f"{package}.{each.name}", is_sure=False)

    def _add_data(self, module: str, texts: set[str]) -> None:
        located = self._found.located.get(module)
        if located is None or located.file is None:
            return
        homes = {module if located.is_package else module.rpartition(".")[0]}
        if texts:
            homes |= {text for text in texts if text in self._found.located}
        for home in sorted(homes):
            around = self._found.located.get(home)
            if around is not None and around.folders:
                folder, is_package = around.folders[0], around.is_package
            else:
                folder, is_package = os.path.dirname(located.file), False  # noqa: PTH120
            files = read_beside(texts, folder=folder, is_package=is_package)
            if is_package:
                files |= declared(home, folder)
            inside = home.replace(".", "/")
            for name, place in files.items():
                self._found.data[f"{inside}/{name}" if inside else name] = place
