"""Real ZenML servers of two versions, a project for each test, and ZenML's own client."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from server_environments import environment
from transport_server import speaking  # noqa: F401  # a fixture for tests without a server
from zenml_servers import NEW, OLD, PASSWORD, USERNAME, Persistent, ZenML, serve

import artifact_plugins as ap
from artifact_integrations.zenml.backend import ZenMLBackend
from artifact_plugins import Session

CHECKOUT = Path(ap.__file__).parents[2]


@pytest.fixture(scope="session")
def new_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZenML]:
    """ZenML 0.98.0."""
    with serve(tmp_path_factory.mktemp("zenml-new"), NEW) as server:
        yield ZenML(server.url, NEW)


@pytest.fixture(scope="session")
def old_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZenML]:
    """ZenML 0.91.2, of the time of the seed."""
    with serve(tmp_path_factory.mktemp("zenml-old"), OLD) as server:
        yield ZenML(server.url, OLD)


@pytest.fixture(params=[NEW, OLD])
def server(request: pytest.FixtureRequest) -> ZenML:
    """Each version in turn."""
    found: ZenML = request.getfixturevalue("new_server" if request.param == NEW else "old_server")
    return found


@pytest.fixture
def project(server: ZenML) -> str:
    """A project of its own on the server."""
    return server.new_project()


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The credentials of the servers, where a user puts them."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_ZENML_USERNAME", USERNAME)
    monkeypatch.setenv("ARTIFACT_PLUGINS_ZENML_PASSWORD", PASSWORD)


@pytest.fixture
def open_backend(known: None) -> Iterator[Callable[..., ZenMLBackend]]:
    """Open backends for a server's URL and a project; they are closed with the test."""
    opened: list[ZenMLBackend] = []

    def open_one(url: str, project: str = "default", **more: Any) -> ZenMLBackend:
        backend = ZenMLBackend(f"zenml+{url}/?project={project}", **more)
        opened.append(backend)
        return backend

    yield open_one
    for backend in opened:
        backend.close()


@pytest.fixture
def backend(server: ZenML, project: str, open_backend: Callable[..., ZenMLBackend]) -> ZenMLBackend:
    """A backend for the test's project."""
    return open_backend(server.url, project)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A session with a store and a ledger of its own, and no backends."""
    settings = ap.Settings(
        store_url=str(tmp_path / "store"), ledger_url=f"sqlite:///{tmp_path}/ledger.sqlite"
    )
    with ap.open_session(settings) as opened:
        yield opened


@pytest.fixture
def persistent() -> Persistent:
    """Delivers until everything is there."""
    return Persistent()


@pytest.fixture(scope="session")
def client_python() -> Path:
    """A Python with ZenML's client and this library, as somebody installs both."""
    declared = hashlib.sha256((CHECKOUT / "pyproject.toml").read_bytes()).hexdigest()[:8]
    requirements = [f"zenml=={NEW}", "pandas", "pyarrow", f"--editable={CHECKOUT}"]
    return environment(f"zenml-client-{declared}", requirements) / "python"


@pytest.fixture
def read_with_zenml(
    client_python: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Any]:
    """Run a function of `zenml_reader.py` in a process with ZenML's client; returns its JSON.

    The reader has the key of the writer, unless it is not to trust it.
    """

    def read(
        server: ZenML, project: str, function: str, *arguments: str, trusts: bool = True
    ) -> Any:
        folder = tmp_path / "zenml-client"
        folder.mkdir(exist_ok=True)
        config = tmp_path_factory.getbasetemp() / "config" if trusts else folder / "own"
        variables = {
            "PATH": str(client_python.parent),
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(config),
            "ZENML_CONFIG_PATH": str(folder / "config"),
            "ZENML_ANALYTICS_OPT_IN": "false",
            "ZENML_LOGGING_VERBOSITY": "ERROR",
            "ZENML_STORE_URL": server.url,
            "ZENML_STORE_USERNAME": USERNAME,
            "ZENML_STORE_PASSWORD": PASSWORD,
            "ZENML_ACTIVE_PROJECT_ID": server.ask("GET", f"/projects/{project}")["id"],
        }
        reader = Path(__file__).with_name("zenml_reader.py")
        done = subprocess.run(
            [str(client_python), str(reader), function, *arguments],
            capture_output=True,
            text=True,
            env=variables,
            cwd=folder,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return read
