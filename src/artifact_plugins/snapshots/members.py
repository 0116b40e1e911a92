"""Which modules, packages and data files an archive holds."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

from artifact_plugins.records import CodeArchive

MAIN = "__main__"
MAIN_MEMBER = "__main__.pickle"
"""The member of an archive of role `main`: classes of a script, pickled by value."""


class Member(NamedTuple):
    """One importable member of an archive.

    Attributes:
        path: Its path in the archive; of a package without `__init__.py` its
            folder, which has no source.
        is_package: Whether it has submodules.
        has_source: Whether importing it executes something.
    """

    path: str
    is_package: bool
    has_source: bool


class Members:
    """The content of an archive, as Python's import system would see it on disk.

    Only names that the archive answers for, and the packages above them, are
    importable: another `json.py` in the archive is not `json` to anybody.

    Attributes:
        roots: Import names that the archive answers for.
        modules: Importable members by their original dotted name.
        sources: Verified bytes by path.
        extensions: Dotted names of compiled modules that were left out.
    """

    def __init__(self, archive: CodeArchive, sources: Mapping[str, bytes]) -> None:
        self.roots = archive.roots or ((MAIN,) if archive.role == "main" else ())
        self.sources: Mapping[str, bytes] = MappingProxyType(dict(sources))
        self.extensions = frozenset(archive.extensions)
        self._folders = {
            str(folder)
            for path in self.sources
            for folder in PurePosixPath(path).parents
            if str(folder) != "."
        }
        found = _modules(self.sources, self._folders)
        if archive.role == "main" and MAIN_MEMBER in self.sources:
            found[MAIN] = Member(MAIN_MEMBER, is_package=False, has_source=True)
        self.modules: Mapping[str, Member] = {
            name: member
            for name, member in found.items()
            if self.answers_for(name) or self.is_above_root(name)
        }

    def answers_for(self, module: str) -> bool:
        """Tell whether a dotted name is a root or lies below one."""
        return self.root_of(module) is not None

    def root_of(self, module: str) -> str | None:
        """Return the longest root that a dotted name is or lies below."""
        found = [root for root in self.roots if module == root or module.startswith(f"{root}.")]
        return max(found, key=len, default=None)

    def is_above_root(self, module: str) -> bool:
        """Tell whether a dotted name is a package that a root lies in."""
        return any(root.startswith(f"{module}.") for root in self.roots)

    def mentions(self, roots: tuple[str, ...]) -> bool:
        """Tell whether the sources may import any of some other roots.

        Said to be so when in doubt: the first part of a root stands in a line
        that imports or at the start of a text, or belongs to this archive as well.
        """
        tops = {root.partition(".")[0] for root in roots}
        if tops & {root.partition(".")[0] for root in self.roots}:
            return True
        words = b"|".join(re.escape(top.encode()) for top in sorted(tops))
        if MAIN_MEMBER in self.sources:
            return re.search(words, self.sources[MAIN_MEMBER]) is not None
        word = re.compile(rb"\b(?:%b)\b" % words)
        quoted = re.compile(rb"[\"'](?:%b)[.:\"']" % words)
        code = (data for path, data in self.sources.items() if path.endswith(".py"))
        return any(
            quoted.search(data)
            or any(b"import" in line and word.search(line) for line in data.splitlines())
            for data in code
        )

    def is_folder(self, path: str) -> bool:
        """Tell whether any member lies below a path; "" is the archive itself."""
        return path in self._folders or path == ""

    def inside(self, folder: str) -> Iterator[str]:
        """Yield the names directly inside a folder, sorted."""
        start = f"{folder}/" if folder else ""
        below = (path[len(start) :] for path in self.sources if path.startswith(start))
        yield from sorted({rest.partition("/")[0] for rest in below})

    def submodules(self, folder: str) -> Iterator[tuple[str, bool]]:
        """Yield name and `is_package` of every regular module directly inside a folder."""
        for name in self.inside(folder):
            path = posixpath.join(folder, name)
            if f"{path}/__init__.py" in self.sources:
                yield name, True
            elif name.endswith(".py") and name != "__init__.py":
                yield name.removesuffix(".py"), False


def _modules(sources: Mapping[str, bytes], folders: set[str]) -> dict[str, Member]:
    found = {
        folder.replace("/", "."): Member(folder, is_package=True, has_source=False)
        for folder in folders
        if "." not in folder
    }
    # On disk a package hides a module of the same name, and both hide a mere folder.
    for is_package in (False, True):
        for path in sources:
            stem = path.removesuffix(".py")
            if (
                stem == path
                or "." in stem
                or (PurePosixPath(stem).name == "__init__") != is_package
            ):
                continue
            name = stem.removesuffix("__init__").rstrip("/").replace("/", ".")
            if name:
                found[name] = Member(path, is_package=is_package, has_source=True)
    return found
