"""What a recorded environment is made of: exact versions of what was recorded, and what the child needs."""

from __future__ import annotations

import json
import platform
import re
import sys
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata

from artifact_plugins.errors import (
    EnvironmentMismatchError,
    ManifestInvalidError,
    PythonVersionMismatchError,
)
from artifact_plugins.records.snapshot import PluginSnapshot

_OURS = "artifact-plugins"
_OLDEST_PYTHON = (3, 11)
"""What the running core, which the child imports, needs (`requires-python`)."""

# Names and versions become lines for uv: nothing may pass for an option, a URL or a path.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_VERSION = re.compile(r"[0-9][A-Za-z0-9.!+_-]{0,98}")
_PYTHON = re.compile(r"(\d{1,2})\.(\d{1,3})(?:\..*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Requirements:
    """What `uv` is asked for.

    Attributes:
        python: Major and minor version: `3.11`.
        lines: Sorted lines of a requirements file.
        identity: 32 hex characters: the same for the same lines, Python and
            kind of machine.
    """

    python: str
    lines: tuple[str, ...]
    identity: str


def requirements_of(snapshot: PluginSnapshot) -> Requirements:
    """Return the environment in which archived code can run.

    Recorded libraries have their recorded versions. The packages of the
    archives and artifact_plugins itself are not installed: the child runs the
    archived sources and the core that is running here. What that core needs is
    added where the record does not say otherwise.

    Raises:
        PythonVersionMismatchError: The running core cannot run under that Python.
        EnvironmentMismatchError: A library was recorded without a version.
        ManifestInvalidError: A name or version is none.
    """
    archived = {_normal(archive.distribution or "") for archive in snapshot.archives}
    pins: dict[str, str] = {}
    for name, version in snapshot.libraries.items():
        if _NAME.fullmatch(name) is None:
            raise ManifestInvalidError(
                f"the snapshot names a library {name!r:.120}", hint="nothing was installed"
            )
        if _normal(name) in archived | {_OURS}:
            continue
        if _VERSION.fullmatch(version) is None:
            raise _unversioned(name, version)
        pins[_normal(name)] = version
    lines = [f"{name}=={version}" for name, version in pins.items()]
    lines += [line for line in _core_lines() if _normal(_name_of(line)) not in pins]
    lines += _carriers(pins)
    python = _python(snapshot.python_version)
    ordered = tuple(sorted(lines))
    text = json.dumps([python, ordered, sys.platform, platform.machine()])
    return Requirements(python, ordered, sha256(text.encode()).hexdigest()[:32])


def _unversioned(name: str, version: str) -> EnvironmentMismatchError | ManifestInvalidError:
    if version != "unknown":
        return ManifestInvalidError(
            f"the snapshot names version {version!r:.120} of {name!r}", hint="nothing was installed"
        )
    return EnvironmentMismatchError(
        f"library {name!r} was recorded without a version, so no index has it",
        hint="nothing was installed; install it here and load without isolation",
        name=name,
    )


def _python(recorded: str) -> str:
    found = _PYTHON.fullmatch(recorded)
    if found is None:
        raise ManifestInvalidError(f"the snapshot names Python {recorded!r:.40}")
    minor = (int(found[1]), int(found[2]))
    if minor < _OLDEST_PYTHON:
        oldest = ".".join(map(str, _OLDEST_PYTHON))
        raise PythonVersionMismatchError(
            f"recorded under Python {recorded}, and this release needs {oldest} or newer, "
            "in an isolated environment too",
            hint="the stored bytes are untouched; load it with an older release",
            wanted=recorded,
        )
    return f"{minor[0]}.{minor[1]}"


def _core_lines() -> list[str]:
    try:
        found = metadata.requires(_OURS) or []
    except metadata.PackageNotFoundError:  # run from a checkout that nobody installed
        found = ["cloudpickle", "pluggy", "pydantic", "pydantic-settings"]
    return [line for line in found if "extra ==" not in line]


def _carriers(pins: dict[str, str]) -> list[str]:
    """Return what carries frames back, when the record has frames and no Arrow."""
    if "pandas" not in pins or "pyarrow" in pins:
        return []
    # pyarrow 26 refuses to be imported beside numpy 1 without declaring so.
    older = pins.get("numpy", "2").split(".")[0] == "1" or pins["pandas"].split(".")[0] == "1"
    return ["pyarrow>=17,<26" if older else "pyarrow>=17"]


def _name_of(line: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", line)
    return found[0] if found else line


def _normal(name: str) -> str:
    """Return a name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
