"""Environments on disk: built once, published whole by a rename, checked before each use."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from artifact_plugins.errors import EnvironmentMismatchError
from artifact_plugins.file_lock import locked_file
from artifact_plugins.isolation.requirements import Requirements
from artifact_plugins.isolation.uv import UvFailedError, find_uv, run_uv

_log = logging.getLogger("artifact_plugins")
_REQUIREMENTS = "requirements.txt"
_BUILT = "environment.json"
"""Written last: an environment that has it is whole."""


def environment_python(
    requirements: Requirements,
    *,
    cache_home: Path | None,
    recorded_at: datetime,
    seconds: float,
) -> Path:
    """Return the interpreter of a recorded environment; builds it when it is not there.

    Args:
        cache_home: `environments/<identity>/` lies below it.
        recorded_at: Libraries that the record leaves open are taken as of then,
            when the index knows when it got them.
        seconds: For building it, or for waiting until another process has.

    Raises:
        EnvironmentMismatchError: It cannot be built; names what was asked for
            and what uv said. Nothing half-built stays.
    """
    home = (cache_home or _default_home()) / "environments"
    place = home / requirements.identity
    if _is_whole(place):
        return _python_of(place)
    uv = find_uv()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with locked_file(home / f"{requirements.identity}.lock", seconds=seconds) as is_held:
            if _is_whole(place):
                return _python_of(place)
            if not is_held:
                raise _failure(requirements, f"another process builds it, {seconds:.0f} seconds on")
            _build(uv, requirements, place, recorded_at, time.monotonic() + seconds)
    except OSError as error:
        raise _failure(requirements, f"{home} cannot be used: {error}") from error
    return _python_of(place)


def _default_home() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "artifact_plugins"


def _is_whole(place: Path) -> bool:
    # The interpreter is a link: it dangles once its base is uninstalled.
    return (place / _BUILT).is_file() and _python_of(place).exists()


def _python_of(place: Path) -> Path:
    return place / "bin/python"


def _build(
    uv: list[str], requirements: Requirements, place: Path, recorded_at: datetime, until: float
) -> None:
    for left in place.parent.glob(f"{place.name}.building-*"):  # of a builder that was killed
        shutil.rmtree(left, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{place.name}.building-", dir=place.parent))
    try:
        said = _fill(uv, requirements, draft / "env", recorded_at, until)
        if said:
            raise _failure(requirements, "\n".join(said))
        if place.exists():  # no longer whole
            place.rename(draft / "broken")
        (draft / "env").rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _fill(
    uv: list[str], requirements: Requirements, env: Path, recorded_at: datetime, until: float
) -> list[str]:
    """Fill a new environment and return nothing, or what uv said to each attempt."""
    said: list[str] = []
    make = ["venv", "--no-project", "--relocatable", "--python", _interpreter(requirements)]
    try:
        run_uv(uv, [*make, str(env)], seconds=until - time.monotonic())
        (env / _REQUIREMENTS).write_text("\n".join(requirements.lines) + "\n")
    except UvFailedError as error:
        return [f"uv venv --python {requirements.python}: {error}"]
    for options in _attempts(recorded_at):
        if not options:
            _log.warning(
                "no wheels make the recorded environment %s; building from sources, "
                "which may take many minutes",
                ", ".join(requirements.lines),
            )
        install = ["pip", "install", "--python", str(_python_of(env)), *options]
        try:
            run_uv(
                uv,
                [*install, "--requirement", str(env / _REQUIREMENTS)],
                seconds=max(until - time.monotonic(), 1.0),
            )
            # What is there after all, for people who look.
            frozen = run_uv(uv, ["pip", "freeze", "--python", str(_python_of(env))], seconds=60)
        except UvFailedError as error:
            said.append(f"uv pip install {' '.join(options)}: {error}")
        else:
            built = {"python": requirements.python, "wanted": requirements.lines}
            built["installed"] = tuple(frozen.split())
            (env / _BUILT).write_text(json.dumps(built, indent=1))
            return []
    return said


def _attempts(recorded_at: datetime) -> Iterator[list[str]]:
    """Yield options from the most faithful to the least: wheels of then, wheels, sources too."""
    wheels = ["--only-binary", ":all:"]
    yield ["--exclude-newer", recorded_at.strftime("%Y-%m-%dT%H:%M:%SZ"), *wheels]
    yield wheels
    yield []


def _interpreter(requirements: Requirements) -> str:
    """Return the running interpreter when it has the recorded minor version."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    base = getattr(sys, "_base_executable", "") or sys.executable
    return base if requirements.python == here and base else requirements.python


def _failure(requirements: Requirements, why: str) -> EnvironmentMismatchError:
    return EnvironmentMismatchError(
        f"the recorded environment (Python {requirements.python}, "
        f"{', '.join(requirements.lines)}) cannot be built:\n{why}",
        hint="nothing was executed and nothing half-built stays; the stored bytes are untouched",
        wanted=requirements.lines,
        python=requirements.python,
    )
