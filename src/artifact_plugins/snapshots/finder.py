"""Lets Python import archived modules by their private names."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from artifact_plugins.contracts.refs import ARCHIVED

if TYPE_CHECKING:
    from artifact_plugins.snapshots.restored import RestoredArchive

_TURN_SECONDS = 60
_turn = threading.RLock()
_here = threading.local()
# Another thread may hold it at that moment; in the child it would never let go.
os.register_at_fork(after_in_child=lambda: globals().update(_turn=threading.RLock()))
_losses = 0
_archives: dict[str, RestoredArchive] = {}
_labels: dict[str, RestoredArchive] = {}


def archive_of(name: str) -> RestoredArchive | None:
    """Return the restored archive that a private module name belongs to."""
    if not name.startswith(ARCHIVED):
        return None
    return _archives.get(name[len(ARCHIVED) :].partition(".")[0])


def is_taken(key: str) -> bool:
    """Tell whether an archive is registered under a key."""
    return key in _archives


def free_label(*labels: str) -> str:
    """Return the first of some labels that no archive has; the last one is always free."""
    return next((label for label in labels if label not in _labels), labels[-1])


def register(archive: RestoredArchive) -> None:
    """Make the modules of an archive importable; idempotent."""
    _archives[archive.key] = archive
    _labels[archive.label] = archive
    install()


def install() -> None:
    """Put the finder in front of Python's own and teach `pkgutil` the folders of archives.

    Nothing is found by it but names below `artifact_plugins._snap`. A test or
    a program that replaces these lists gets them back with the next restore.
    """
    if ArchiveFinder not in sys.meta_path:
        sys.meta_path.insert(0, ArchiveFinder)
    if ArchiveFolder not in sys.path_hooks:
        sys.path_hooks.insert(0, ArchiveFolder)


class ArchiveFinder:
    """Finds modules below `artifact_plugins._snap`, and nothing else."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return how to load a private module; None when there is no such member.

        Raises:
            ModuleNotFoundError: Its archive was not restored in this process.
        """
        if not name.startswith(ARCHIVED):
            return None
        archive = archive_of(name)
        if archive is None:
            raise ModuleNotFoundError(
                f"{name!r} is archived code that was not restored in this process; "
                "load the artifact version here instead of sending its value",
                name=name,
            )
        return archive.loader.find_spec(name)


class ArchiveFolder:
    """Lists the modules of a package of an archive for `pkgutil.iter_modules`.

    Args:
        path: An entry of the `__path__` of an archived package.

    Raises:
        ImportError: It is a path on disk: the next hook's business.
    """

    def __init__(self, path: str) -> None:
        label, _, self._folder = path.partition("/")
        archive = _labels.get(label)
        if archive is None:
            raise ImportError("not a folder of an archive")
        self._members = archive.members

    def find_spec(self, name: str, target: object = None) -> None:
        """Find nothing: `ArchiveFinder` has already looked."""
        return

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """Yield name and `is_package` of every module in the folder."""
        for name, is_package in self._members.submodules(self._folder):
            yield prefix + name, is_package


def import_private(name: str) -> ModuleType:
    """Import a module by its private name, one thread at a time.

    Python locks each module by itself, so that two threads in one circle of
    imports may see each other's unfinished modules; archived code is shared by
    whoever loads first, so here they take turns.
    """
    module = sys.modules.get(name)
    if module is not None:
        if not _is_loading(module):
            return module
        for attempt in _attempts()[:-1]:
            attempt.is_met = attempt.is_met or attempt.name == name
    with _own_turn():
        # Not import_module: of two threads in a circle it fails one (_DeadlockError
        # in CPython 3.11) where a statement accepts the unfinished module.
        __import__(name)
        return sys.modules[name]


def is_loaded(module: Any) -> bool:
    """Tell whether a module is the one that an import of its name would give, and finished."""
    if not isinstance(module, ModuleType) or _is_loading(module):
        return False
    return sys.modules.get(module.__name__) is module


def _is_loading(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


@contextmanager
def _own_turn() -> Iterator[None]:
    # Inside an import that came without a turn (pickle, pkgutil) waiting for one
    # could wait for a thread that waits for this very module. The limit is for
    # a circle through a module of the process itself; then Python's locks do.
    has_turn = _turn.acquire(timeout=0 if _attempts() else _TURN_SECONDS)
    try:
        yield
    finally:
        if has_turn:
            _turn.release()


class _Attempt:
    """The execution of one module; is_met: a module below imported it unfinished."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.loaded: list[str] = []
        self.is_met = False


def _attempts() -> list[_Attempt]:
    found: list[_Attempt] = _here.__dict__.setdefault("attempts", [])
    return found


@contextmanager
def all_or_nothing(name: str) -> Iterator[None]:
    """Execute a module; when that fails, forget the modules that hold on to it.

    Python forgets only the module itself. Its submodules, and the modules that
    imported it while it was unfinished, would keep the half-loaded one.
    """
    attempts = _attempts()
    this = _Attempt(name)
    attempts.append(this)
    is_loaded = False
    try:
        yield
        is_loaded = True
    finally:
        attempts.pop()
        kept = this.loaded
        if is_loaded:
            kept.append(name)
        else:
            lost = [each for each in kept if this.is_met or each.startswith(f"{name}.")]
            kept = [each for each in kept if each not in lost]
            for each in lost:
                _forget(each)
        if attempts:
            attempts[-1].loaded += kept


def losses() -> int:
    """Return how often modules were forgotten so far; imports remembered before are not valid."""
    return _losses


def _forget(name: str) -> None:
    global _losses
    _losses += 1
    module: Any = sys.modules.pop(name, None)
    package, _, child = name.rpartition(".")
    inside = vars(sys.modules[package]) if package in sys.modules else {}
    if inside.get(child) is module:
        inside.pop(child, None)
