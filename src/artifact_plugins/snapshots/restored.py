"""One archive as modules of this process: which of them there are, and whose imports go where."""

from __future__ import annotations

import os
import posixpath
import re
from types import ModuleType
from typing import Any, NoReturn

from artifact_plugins.contracts.refs import ARCHIVED
from artifact_plugins.errors import (
    EnvironmentMismatchError,
    NotSerializableError,
    PayloadClassNotFoundError,
)
from artifact_plugins.records import CodeArchive
from artifact_plugins.snapshots import finder
from artifact_plugins.snapshots.loader import ArchiveLoader
from artifact_plugins.snapshots.members import Members
from artifact_plugins.snapshots.redirect import Redirect, own_builtins
from artifact_plugins.snapshots.stand_ins import stand_in_for

_SHOWN = 8


class CompiledModuleError(EnvironmentMismatchError, ImportError):
    """Archived code imports a compiled module, which is never archived.

    Also an ImportError, so that code which falls back to Python does so.
    """


class RestoredArchive:
    """The modules of one archive in this process; made by `restore`.

    Modules are imported when they are first asked for, under private names
    (`artifact_plugins._snap.6f1ae9cb3d5e7a10.shop.orders`), so they never meet
    the installed `shop` or another archive of it. Threads share an archive.

    Attributes:
        archive: What the snapshot says about it.
        key: The part of the private names that stands for the archive.
        beside: Other archives of its snapshot, where imports of their roots go.
    """

    def __init__(self, archive: CodeArchive, members: Members, *, key: str) -> None:
        self.archive = archive
        self.members = members
        self.key = key
        self.prefix = f"{ARCHIVED}{key}."
        self.label = finder.free_label(f"<snapshot {key[:_SHOWN]}>", f"<snapshot {key}>")
        self.beside: tuple[RestoredArchive, ...] = ()
        self.loader = ArchiveLoader(self)
        self.redirect = Redirect(self)
        self.builtins = own_builtins(self.redirect)
        self._holders: dict[tuple[str, int], RestoredArchive | None] = {}
        self._stand_ins: dict[str, ModuleType | None] = {}

    def __repr__(self) -> str:
        return f"<RestoredArchive of {self.archive.name!r}, {self.archive.digest}>"

    def __reduce__(self) -> NoReturn:
        raise NotSerializableError(
            f"restored code belongs to its process: {self!r} cannot be sent to another one",
            hint="send the artifact version and load it there",
        )

    @property
    def digest(self) -> str:
        """`sha256:hex` of the archive."""
        return self.archive.digest

    def answers_for(self, module: str) -> bool:
        """Tell whether a module, by its original name, is one of this archive's."""
        return self.members.answers_for(module)

    def module(self, name: str) -> ModuleType:
        """Return a module by its original name; imports it when needed.

        Raises:
            PayloadClassNotFoundError: The archive has no such module.
            EnvironmentMismatchError: It is compiled, so it was not archived.
            Exception: Whatever the archived code raises, with a note.
        """
        if name not in self.members.modules and name not in self.members.extensions:
            raise PayloadClassNotFoundError(
                f"archive {self.archive.name!r} ({self.digest}) has no module {name!r}",
                hint="the stored bytes are untouched",
                data_type=name,
            )
        try:
            return self._import(name)
        except Exception as error:
            error.add_note(f"while importing {name!r} from the archive {self.digest}")
            raise

    def find(self, path: str) -> Any:
        """Return the object at an original import path, `shop.orders:Order`.

        Raises:
            PayloadClassNotFoundError: The archive has no such module or object.
            EnvironmentMismatchError: Its module is compiled.
            Exception: Whatever the archived code raises when it is imported.
        """
        module, _, name = path.partition(":")
        found: Any = self.module(module)
        for part in filter(None, name.split(".")):
            try:
                found = getattr(found, part)
            except AttributeError as error:
                raise PayloadClassNotFoundError(
                    f"module {module!r} of the archive {self.digest} has no {name!r}",
                    hint="the stored bytes are untouched",
                    data_type=path,
                ) from error
        return found

    def holder_of(self, name: str) -> RestoredArchive | None:
        """Return the archive that an import in this archive's code goes to.

        None for what is the process's own. Where several could answer: the one
        with the source of that module, then the one with the nearest root.
        """
        known = (name, len(self.beside))  # it only grows
        if known in self._holders:
            return self._holders[known]
        best, found = (0, 0, 0), None
        for part in (self, *self.beside):
            root = part.members.root_of(name)
            if root is None and not part.members.is_above_root(name):
                continue
            member = part.members.modules.get(name)
            has_source = member is not None and member.has_source
            rank = (
                2 * (root is not None) + 2 * has_source,
                member is not None,
                len(root or "") + 1,
            )
            if rank > best:
                best, found = rank, part
        self._holders[known] = found
        return found

    def has_module(self, name: str) -> bool:
        """Tell whether an import of a name finds a module, or a compiled one that was left out."""
        holder = self.holder_of(name)
        return holder is not None and (
            name in holder.members.modules or name in holder.members.extensions
        )

    def load(self, name: str) -> ModuleType:
        """Import a module for archived code: from here or from an archive beside.

        Raises:
            ModuleNotFoundError: The archive that answers for it has no such module.
            EnvironmentMismatchError: It is compiled.
        """
        return (self.holder_of(name) or self)._import(name)

    def _import(self, name: str) -> ModuleType:
        if name not in self.members.modules:
            if name in self.members.extensions:
                raise CompiledModuleError(
                    f"module {name!r} is compiled and was not archived with {self.archive.name!r} "
                    f"({self.digest})",
                    hint="the stored bytes are untouched; install the package that it belongs to",
                    name=name,
                    wanted=name,
                    found=None,
                )
            raise ModuleNotFoundError(
                f"No module named {name!r} in the archive of {self.archive.name!r} ({self.digest})",
                name=name,
            )
        return finder.import_private(self.prefix + name)

    def original(self, private: str) -> str:
        """Return the original name of a module of this archive; of others their own."""
        if not f"{private}.".startswith(self.prefix):
            return private
        return private[len(self.prefix) :]

    def private(self, name: str) -> str:
        """Return the private name of a module, original or not; of others their own."""
        holder = self.holder_of(name)
        return name if holder is None else f"{holder.prefix}{name}"

    def place_of(self, path: str) -> str:
        """Return the `__file__` of a member."""
        return f"{self.label}/{path}" if path else self.label

    def member_at(self, path: str | os.PathLike[str]) -> str | None:
        """Return the path of a member from one that `__file__` led to; None: not such a path."""
        text = os.fspath(path)
        if not isinstance(text, str) or self.label not in text:
            return None
        # `Path(__file__).resolve()` puts the working folder in front.
        _, label, inside = f"/{text.replace(os.sep, '/')}".partition(f"/{self.label}/")
        return posixpath.normpath(inside) if label else None

    def stand_in(self, name: str) -> ModuleType | None:
        """Return what archived code gets in place of a module of Python; None: the real one."""
        if name not in self._stand_ins:
            self._stand_ins.setdefault(name, stand_in_for(name, self, self.redirect))
        return self._stand_ins[name]

    def distribution(self, name: str) -> tuple[str, str] | None:
        """Return name and version of the distribution that archived code came from."""
        for part in (self, *self.beside):
            recorded = part.archive.distribution
            if recorded is not None and _normal(recorded) == _normal(name):
                return recorded, part.archive.distribution_version or "0"
        return None

    def join_packages(self, module: ModuleType) -> None:
        """Let a package that lies in several archives, or partly in none, show all its parts."""
        name = self.original(module.__name__)
        if "__getattr__" in vars(module):
            return

        def other_part(child: str) -> Any:
            full = f"{name}.{child}"
            if not child.startswith("__"):
                holder = self.holder_of(full)
                if holder is not None and holder is not self and full in holder.members.modules:
                    return holder.load(full)
                if holder is None:
                    return _installed(name, child)
            raise AttributeError(f"module {name!r} has no attribute {child!r}")

        vars(module)["__getattr__"] = other_part


def _installed(package: str, child: str) -> Any:
    import importlib

    try:
        found = importlib.import_module(package)
        return vars(found)[child] if child in vars(found) else getattr(found, child)
    except (ModuleNotFoundError, AttributeError):
        pass
    full = f"{package}.{child}"
    try:
        return importlib.import_module(full)
    except ModuleNotFoundError as error:
        if error.name is not None and not f"{full}.".startswith(f"{error.name}."):
            raise
        raise AttributeError(f"module {package!r} has no attribute {child!r}") from error


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
