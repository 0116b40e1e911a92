"""Loads archived modules from verified bytes: nothing is read from disk, nothing written."""

from __future__ import annotations

import errno
import linecache
import os
import posixpath
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.util import decode_source
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from artifact_plugins.snapshots.finder import all_or_nothing
from artifact_plugins.snapshots.members import MAIN_MEMBER

if TYPE_CHECKING:
    from artifact_plugins.snapshots.resources import ArchivedFolder
    from artifact_plugins.snapshots.restored import RestoredArchive


class ArchiveLoader(Loader):
    """The `__loader__` of the modules of one archive.

    A member `shop/orders.py` has the `__file__` `<snapshot 6f1ae9cb>/shop/orders.py`,
    which is a name for people and for `get_data`, not a place on disk.
    """

    def __init__(self, archive: RestoredArchive) -> None:
        self._archive = archive
        self._codes: dict[str, CodeType] = {}

    def __repr__(self) -> str:
        return f"<ArchiveLoader of {self._archive.label}>"

    def find_spec(self, private: str) -> ModuleSpec | None:
        """Return how to load a private module; None when there is no such member."""
        archive = self._archive
        if private == archive.prefix.rstrip("."):
            spec = ModuleSpec(private, self, origin=archive.label, is_package=True)
            spec.submodule_search_locations = []
            return spec
        member = archive.members.modules.get(archive.original(private))
        if member is None:
            return None
        spec = ModuleSpec(
            private, self, origin=archive.place_of(member.path), is_package=member.is_package
        )
        if member.is_package:
            folder = posixpath.dirname(member.path) if member.has_source else member.path
            spec.submodule_search_locations = [archive.place_of(folder)]
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave the making of the module to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Execute the source of a member in its module."""
        name = module.__name__
        namespace = vars(module)
        namespace["__builtins__"] = self._archive.builtins()
        member = self._archive.members.modules.get(self._archive.original(name))
        if member is not None and member.has_source:
            namespace["__file__"] = self._archive.place_of(member.path)
            with all_or_nothing(name):
                if member.path == MAIN_MEMBER:
                    # Late: cloudpickle is only needed by classes of a script.
                    from artifact_plugins.snapshots.main_classes import fill_main

                    fill_main(module, self._archive)
                else:
                    exec(self.get_code(name), namespace)  # noqa: S102  # the archive is trusted
            self._archive.builtins()
        if member is not None and member.is_package:
            self._archive.join_packages(module)

    def get_code(self, fullname: str) -> CodeType:
        """Compile a member; the bytes of the archive are the only input."""
        code = self._codes.get(fullname)
        if code is None:
            data, filename = self._source(fullname)
            code = compile(data, filename, "exec", dont_inherit=True)
            self._show(fullname, filename)
            self._codes[fullname] = code
        return code

    def _show(self, fullname: str, filename: str) -> None:
        """Give tracebacks, `inspect` and pdb the archived text.

        They ask `linecache`, which looks for a file before it asks a loader;
        an entry without a time is never looked for again.
        """
        text = self.get_source(fullname)
        lines = text.splitlines(keepends=True)
        linecache.cache[filename] = (len(text), None, lines, filename)

    def get_source(self, fullname: str) -> str:
        """Return the text of a member."""
        return decode_source(self._source(fullname)[0])

    def _source(self, fullname: str) -> tuple[bytes, str]:
        member = self._archive.members.modules.get(self._archive.original(fullname))
        if member is None:
            raise ImportError(f"no module {fullname!r} in {self._archive.label}", name=fullname)
        if member.path == MAIN_MEMBER or not member.has_source:
            return b"", self._archive.place_of(member.path)
        return self._archive.members.sources[member.path], self._archive.place_of(member.path)

    def is_package(self, fullname: str) -> bool:
        """Tell whether a member has submodules."""
        member = self._archive.members.modules.get(self._archive.original(fullname))
        if member is None:
            raise ImportError(f"no module {fullname!r} in {self._archive.label}", name=fullname)
        return member.is_package

    def get_filename(self, fullname: str) -> str:
        """Return the `__file__` of a member."""
        return self._source(fullname)[1]

    def get_data(self, path: str | os.PathLike[str]) -> bytes:
        """Return the bytes of a member by the path that `__file__` leads to.

        Raises:
            FileNotFoundError: There is no such member.
        """
        member = self._archive.member_at(path)
        if member is None or member not in self._archive.members.sources:
            raise FileNotFoundError(errno.ENOENT, "not in the archive", os.fspath(path))
        return self._archive.members.sources[member]

    def get_resource_reader(self, fullname: str) -> Any:
        """Return what `importlib.resources` reads the data files of a package with."""
        from artifact_plugins.snapshots.resources import reader_of  # late: few modules have data

        return reader_of(self._folder(fullname))

    def _folder(self, fullname: str) -> ArchivedFolder:
        from artifact_plugins.snapshots.resources import ArchivedFolder  # late, as above

        member = self._archive.members.modules[self._archive.original(fullname)]
        folder = posixpath.dirname(member.path) if member.has_source else member.path
        return ArchivedFolder(self._archive, folder)
