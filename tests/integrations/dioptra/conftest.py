"""Dioptra's interface for tests, and the real Dioptra: its environment, its servers, a session."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from dioptra_server import PASSWORD, USER, DioptraServer, dioptra_programs
from transport_server import speaking  # noqa: F401  # a fixture for tests without a server

from artifact_integrations.dioptra import use_interface
from artifact_integrations.dioptra.backend import DioptraBackend
from artifact_integrations.dioptra.backend.server import DioptraApi
from artifact_plugins import Session, Settings, open_session

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def tasks() -> ModuleType:
    """The classes of `dioptra_tasks.py`, imported as any module of a project."""
    use_interface()
    return _imported("dioptra_tasks")


@pytest.fixture(scope="session")
def flights() -> ModuleType:
    """The pipeline of `flights.py`, imported as any module of a project."""
    return _imported("flights")


def _imported(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def dioptra_python() -> Path:
    """A Python 3.11 with the real Dioptra and without artifact_plugins; made once per machine."""
    return dioptra_programs() / "python"


@pytest.fixture(scope="session")
def dioptra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DioptraServer]:
    """A real Dioptra for all tests; nothing there can be deleted, so each uses names of its own."""
    with DioptraServer(tmp_path_factory.mktemp("dioptra")) as server:
        yield server


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of the user of the real Dioptra, where they are looked for."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_DIOPTRA_USERNAME", USER)
    monkeypatch.setenv("ARTIFACT_PLUGINS_DIOPTRA_PASSWORD", PASSWORD)


@pytest.fixture
def project() -> str:
    """A project that no other test has."""
    return f"project_{uuid.uuid4().hex[:8]}"


@pytest.fixture
def session(tmp_path: Path, project: str) -> Iterator[Session]:
    """A session with a store and a ledger of its own."""
    settings = Settings(
        store_url=str(tmp_path / "store"),
        ledger_url=f"sqlite:///{tmp_path}/ledger.sqlite",
        project=project,
    )
    with open_session(settings) as opened:
        yield opened


@pytest.fixture
def backend(dioptra: DioptraServer, login: None) -> Iterator[DioptraBackend]:
    """A backend of the real Dioptra."""
    made = DioptraBackend(dioptra.backend_url())
    yield made
    made.close()


@pytest.fixture
def api(backend: DioptraBackend) -> DioptraApi:
    """The REST API itself, as the same user."""
    return backend._api


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
