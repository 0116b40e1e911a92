"""Dioptra's interface for tests, and an environment with the real Dioptra."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from artifact_integrations.dioptra import use_interface

HERE = Path(__file__).parent
VERSION = "1.2.2"
# Newer ones of these break Dioptra 1.2.2.
REQUIREMENTS = (
    f"dioptra-platform=={VERSION}",
    "flask-restx==1.3.2",
    "marshmallow<4",
    "pillow",
    "pyarrow",
    "sqlalchemy<2.1",
    "werkzeug<3.1",
)


@pytest.fixture(scope="session")
def tasks() -> ModuleType:
    """The classes of `dioptra_tasks.py`, imported as any module of a project."""
    use_interface()
    name = "dioptra_tasks"
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def dioptra_python() -> Path:
    """A Python 3.11 with the real Dioptra and without artifact_plugins; made once per machine."""
    uv = shutil.which("uv")
    if uv is None or sys.platform == "win32":
        pytest.skip("the real Dioptra needs uv and a POSIX system")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "artifact_plugins-tests" / f"dioptra-{VERSION}"
    python = folder / "bin" / "python"
    ready = folder / "ready.json"
    if not ready.exists() or json.loads(ready.read_text()) != list(REQUIREMENTS):
        environment = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
        for command in (
            [uv, "venv", "--quiet", "--clear", "--python", "3.11", str(folder)],
            [uv, "pip", "install", "--quiet", "--python", str(python), *REQUIREMENTS],
        ):
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
            if done.returncode:
                pytest.skip(f"the real Dioptra cannot be installed: {done.stderr[-500:]}")
        ready.write_text(json.dumps(list(REQUIREMENTS)))
    return python


@pytest.fixture
def run_job(dioptra_python: Path) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Run one job as a worker does, in its own process and environment."""

    def run(job: dict[str, Any]) -> dict[str, Any]:
        folder = Path(job["folder"])
        for name in ("serialize", "deserialize", "artifacts", "plugins"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        done = subprocess.run(
            [str(dioptra_python), str(HERE / "dioptra_worker.py")],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            env=environment,
        )
        if done.returncode:
            raise JobFailedError(done.stderr)
        answer: dict[str, Any] = json.loads(done.stdout.rstrip("\n").rpartition("\n")[2])
        return answer

    return run


class JobFailedError(Exception):
    """What a worker wrote to stderr."""
