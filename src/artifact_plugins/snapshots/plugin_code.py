"""The code of a plugin: its folder, or its module and what that reaches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from artifact_plugins.code.ownership import OURS
from artifact_plugins.errors import NotSerializableError
from artifact_plugins.snapshots.archive import Captured, pack
from artifact_plugins.snapshots.collected import Collected
from artifact_plugins.snapshots.folder import module_names, read_folder
from artifact_plugins.snapshots.kept import Stamps
from artifact_plugins.snapshots.locating import (
    Located,
    distribution_name,
    installed_version,
    is_first_party,
    is_standard,
    libraries_of,
    locate,
    owns,
    project_of,
)
from artifact_plugins.snapshots.modules import above, reach
from artifact_plugins.snapshots.running import source_of


class PluginCode:
    """What is known about a plugin before it is captured."""

    def __init__(
        self, module: str, name: str, distribution: str | None, version: str | None
    ) -> None:
        self._module = module
        self._name = name
        self._distribution = distribution
        self._version = version

    def capture(self) -> tuple[Stamps, Captured]:
        """Return the archive, and what it was read from; see `capture.capture_plugin`."""
        located = self._locate()
        members, roots, others = Collected(self._name), {self._module}, set[str]()
        extensions: set[str] = set()
        starts = [self._module]
        if located.folders and Path(located.folders[0]).is_dir():
            folder = read_folder(located, plugin=self._name)
            inside = self._module.replace(".", "/")
            for path, source in folder.sources.items():
                file = folder.files[path]
                members.add(f"{inside}/{path}", source.data, file=file, key=source.key)
            for path, file in sorted(folder.data.items()):
                members.add_file(f"{inside}/{path}", file)
            for watched in folder.folders:
                members.watch(watched)
            extensions, others = folder.extensions, folder.imported
            is_own = self._distribution is None and is_first_party(self._module)
            starts = module_names(folder, self._module) if is_own else []
        if starts:
            with_parents = self._distribution is None
            reached = reach(starts, belongs=self._belonging(located), with_parents=with_parents)
            members.add_reached(reached)
            extensions, others = extensions | reached.extensions, others | reached.others
            roots |= reached.sources.keys() - reached.parents
        for name in above(self._module):
            parent = locate(name)
            if parent is not None and parent.is_package:
                members.add_module(parent)
        roots = {root for root in roots if roots.isdisjoint(above(root))}
        outer = {name for name in others if roots.isdisjoint([name, *above(name)])}
        captured = pack(
            members.data,
            role="plugin",
            name=self._name,
            roots=roots,
            libraries=self._libraries(outer, located),
            extensions=extensions,
            distribution=self._distribution,
            distribution_version=self._version,
        )
        return members.stamps, captured

    def _locate(self) -> Located:
        located = locate(self._module)
        has_source = located is not None and (located.folders or source_of(located) is not None)
        if located is None or not has_source:
            raise NotSerializableError(
                f"the code of plugin {self._name!r} cannot be archived: "
                f"module {self._module!r} has no source",
                hint="nothing was registered; install the plugin with its Python files",
                plugin=self._name,
            )
        return located

    def _belonging(self, located: Located) -> Callable[[str], bool]:
        """Return what tells whether a module is a part of this plugin."""
        top = self._module.partition(".")[0]
        distribution = self._distribution
        home = project_of(located.file) if located.file else None

        def belongs(module: str) -> bool:
            if module == self._module or module.startswith(f"{self._module}."):
                return True
            first = module.partition(".")[0]
            if first in OURS:
                return top in OURS and module.split(".")[:2] == self._module.split(".")[:2] != [top]
            if is_standard(first):
                return False
            if not is_first_party(module):
                return distribution is not None and owns(distribution, module)
            return distribution is None or first == top or _in_project(module, home)

        return belongs

    def _libraries(self, outer: set[str], located: Located) -> dict[str, str]:
        """Return the distributions of what is imported from elsewhere."""
        found = libraries_of(outer)
        home = project_of(located.file or located.folders[0])
        top = self._module.partition(".")[0]
        for module in sorted(outer):
            first = module.partition(".")[0]
            if is_standard(first) or not is_first_party(module) or locate(module) is None:
                continue
            if self._distribution and (first == top or _in_project(module, home)):
                found |= {distribution_name(self._distribution): self._version or "unknown"}
            else:
                found |= installed_version(first)
        return found


def _in_project(module: str, home: Path | None) -> bool:
    """Tell whether a module lies in the project whose folder is given."""
    found = locate(module)
    place = (found.file or next(iter(found.folders), None)) if found is not None else None
    return home is not None and place is not None and project_of(place) == home
