"""Whether the libraries and the Python here can run archived code."""

from __future__ import annotations

import importlib
import platform
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING

from artifact_plugins.code.libraries import library_of
from artifact_plugins.code.ownership import file_of
from artifact_plugins.errors import EnvironmentMismatchError, PythonVersionMismatchError
from artifact_plugins.records import PluginSnapshot

if TYPE_CHECKING:
    from packaging.version import Version

PYTHON = "Python"
_OURS = "artifact-plugins"
_FIRST_YEAR = 2000
# Their first number is the year, in two digits: it says nothing about what changed.
_YEARLY = frozenset({"attrs", "black", "packaging", "pip", "structlog", "twisted"})


@dataclass(frozen=True)
class Mismatch:
    """One difference between what was recorded and what is here.

    Attributes:
        name: Distribution, or `Python`.
        wanted: The recorded version.
        found: The installed one; None when it is not installed.
        is_fatal: Whether the archived code cannot be expected to work.
    """

    name: str
    wanted: str
    found: str | None
    is_fatal: bool

    def __str__(self) -> str:
        return f"{self.name}: wanted {self.wanted}, found {self.found or 'nothing'}"


def mismatches(snapshot: PluginSnapshot, *, same_minor: bool = False) -> tuple[Mismatch, ...]:
    """Compare what a snapshot recorded with what is installed; nothing is imported or executed.

    A library that is missing is fatal, and so is another major version, or
    another minor one before 1.0. Versions that begin with a year are not
    compared that way, nor is artifact_plugins, whose contracts stay. Another
    minor version of Python is fatal only for classes of a script.

    Args:
        same_minor: Whether another minor version is fatal too, as it may be for
            a pickle, which names the innards of libraries.

    Returns:
        Fatal ones first, each by name.

    Source:
        Semantic Versioning 2.0.0, items 4 and 8; PEP 440 for the numbers.
    """
    found = [
        _python(snapshot, same_minor=same_minor),
        *(_library(*item, same_minor=same_minor) for item in snapshot.libraries.items()),
    ]
    listed = [mismatch for mismatch in found if mismatch is not None]
    return tuple(sorted(listed, key=lambda item: (not item.is_fatal, item.name.lower())))


def check_environment(snapshot: PluginSnapshot, *, same_minor: bool = False) -> None:
    """Refuse to run archived code that cannot be expected to work here; see `mismatches`.

    Raises:
        PythonVersionMismatchError: It needs another Python, and maybe other libraries.
        EnvironmentMismatchError: It needs other libraries; `mismatches` lists each
            with name, wanted and found.
    """
    fatal = [
        mismatch for mismatch in mismatches(snapshot, same_minor=same_minor) if mismatch.is_fatal
    ]
    if not fatal:
        return
    needs_python = any(mismatch.name == PYTHON for mismatch in fatal)
    error = PythonVersionMismatchError if needs_python else EnvironmentMismatchError
    raise error(
        f"the archived code of plugin {snapshot.plugin!r} does not fit what is installed: "
        + ", ".join(map(str, fatal)),
        hint="nothing was executed and the stored bytes are untouched; install the wanted "
        'versions, or set isolation="uv"',
        plugin=snapshot.plugin,
        snapshot_id=snapshot.id,
        mismatches=tuple((item.name, item.wanted, item.found) for item in fatal),
    )


def _python(snapshot: PluginSnapshot, *, same_minor: bool) -> Mismatch | None:
    wanted, here = snapshot.python_version, platform.python_version()
    if wanted.split(".")[:2] == here.split(".")[:2]:
        return None
    is_fatal = same_minor or any(archive.role == "main" for archive in snapshot.archives)
    return Mismatch(PYTHON, wanted, here, is_fatal)


def _library(name: str, wanted: str, *, same_minor: bool) -> Mismatch | None:
    found = _installed_version(name)
    if found is None:
        return Mismatch(name, wanted, None, is_fatal=True)
    if found == wanted or _is_compatible(wanted, found, same_minor=same_minor):
        return None
    is_fatal = name != _OURS and not _is_calendar(name, wanted, found)
    return Mismatch(name, wanted, found, is_fatal)


def _installed_version(name: str) -> str | None:
    found = _version_of(name)
    if found is None:
        # Installed since the last look, as a notebook does: the folders are read anew.
        _version_of.cache_clear()
        importlib.invalidate_caches()
        found = _version_of(name)
    return found


@lru_cache(maxsize=1024)
def _version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except (metadata.PackageNotFoundError, ValueError):
        pass
    # A library without metadata was recorded by the name of its module.
    module = name.replace("-", "_")
    return library_of(module).version if file_of(module) is not None else None


def _is_compatible(wanted: str, found: str, *, same_minor: bool) -> bool:
    one, other = _parsed(wanted), _parsed(found)
    if one is None or other is None:
        # A library that does not know its version is what it is.
        return "unknown" in (wanted, found)
    if one.epoch != other.epoch or one.major != other.major:
        return False
    return one.minor == other.minor or (one.major > 0 and not same_minor)


def _is_calendar(name: str, wanted: str, found: str) -> bool:
    one, other = _parsed(wanted), _parsed(found)
    if one is None or other is None:
        return False
    return name in _YEARLY or (one.major >= _FIRST_YEAR and other.major >= _FIRST_YEAR)


@lru_cache(maxsize=1024)
def _parsed(version: str) -> Version | None:
    from packaging.version import InvalidVersion, Version  # late: loads in 10 ms

    try:
        return Version(version)
    except InvalidVersion:
        return None
