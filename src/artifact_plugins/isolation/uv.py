"""Finding uv and running it: its own last lines become the reason when it fails."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence

from artifact_plugins.errors import EnvironmentMismatchError
from artifact_plugins.isolation.killing import kill_group

_LAST_LINES = 12
# What would make uv look at the running environment instead of the one it builds.
_OURS_ONLY = (
    "CONDA_PREFIX",
    "PYTHONHOME",
    "PYTHONPATH",
    "UV_PREFIX",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_TARGET",
    "VIRTUAL_ENV",
)


class UvFailedError(Exception):
    """One run of uv failed; the text is what it said last."""


def find_uv() -> list[str]:
    """Return the command that starts uv: from PATH, or the installed wheel.

    Raises:
        EnvironmentMismatchError: There is none.
    """
    found = shutil.which("uv")
    if found is not None:
        return [found]
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    raise EnvironmentMismatchError(
        "the recorded environment cannot be built: there is no uv on PATH and none installed here",
        hint="nothing was executed; pip install uv, or install the recorded libraries",
        tried=["uv", f"{sys.executable} -m uv"],
    )


def run_uv(uv: Sequence[str], arguments: Sequence[str], *, seconds: float) -> str:
    """Run uv and return what it printed.

    Its index, cache and credentials are those of the caller's environment and
    configuration files.

    Raises:
        UvFailedError: It failed or took longer than `seconds`.
    """
    environment = {name: text for name, text in os.environ.items() if name not in _OURS_ONLY}
    environment.update(NO_COLOR="1", UV_NO_PROGRESS="1")
    try:
        process = subprocess.Popen(
            [*uv, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise UvFailedError(f"it cannot be started: {error}") from error
    try:
        output, errors = process.communicate(timeout=max(seconds, 0.0))
    except BaseException as error:
        # A build of sources starts processes of its own, which would go on.
        kill_group(process)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise UvFailedError(f"no end after {seconds:.1f} seconds") from error
        raise
    if process.returncode:
        raise UvFailedError(_last_lines(errors or output) or f"exit {process.returncode}")
    return output.decode("utf-8", "replace")


def _last_lines(output: bytes) -> str:
    lines = [line.rstrip() for line in output.decode("utf-8", "replace").splitlines()]
    text = "\n".join([line for line in lines if line][-_LAST_LINES:])
    return re.sub(r"://[^/@\s]+@", "://***@", text)  # no credentials of an index
