"""Real MLTE backends over each of its stores, and sessions whose records go there."""

from __future__ import annotations

import itertools
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from server_environments import ServerProcess, environment
from transport_server import speaking  # noqa: F401  # a fixture for every test here

import artifact_plugins as ap
from artifact_integrations.mlte.backend import MlteBackend

REQUIREMENTS = ("mlte[backend,rdbs]==2.7.0",)
SECRET = "a secret of forty characters for tests.."
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def programs() -> Path:
    """The programs of an environment with the real MLTE and without artifact_plugins."""
    return environment("mlte", REQUIREMENTS)


@pytest.fixture(scope="session")
def start_mlte(
    programs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], ServerProcess]]:
    """Start a server over a store: `memory`, `fs` or `sqlite`; all end with the tests."""
    started: list[ServerProcess] = []

    def start(store: str) -> ServerProcess:
        folder = tmp_path_factory.mktemp(f"mlte-{store}")
        (folder / "store").mkdir()
        uri = {
            "memory": "memory://",
            "fs": f"fs://{folder}/store",
            "sqlite": f"sqlite:///{folder}/mlte.db",
        }[store]
        command = [str(programs / "mlte"), "backend", "--host", "127.0.0.1", "--port", "{port}"]
        command += ["--store-uri", uri, "--jwt-secret", SECRET]
        server = ServerProcess(command, cwd=folder, ready="/api/healthz")
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def memory_server(start_mlte: Callable[[str], ServerProcess]) -> ServerProcess:
    """A server that keeps everything in memory: the quickest."""
    return start_mlte("memory")


@pytest.fixture(scope="session")
def fs_server(start_mlte: Callable[[str], ServerProcess]) -> ServerProcess:
    """A server that keeps everything in files."""
    return start_mlte("fs")


@pytest.fixture(scope="session")
def sqlite_server(start_mlte: Callable[[str], ServerProcess]) -> ServerProcess:
    """A server that keeps everything in SQLite: the file `mlte.db` beside its log."""
    return start_mlte("sqlite")


@pytest.fixture(scope="session", params=["memory", "fs"])
def quick_server(request: pytest.FixtureRequest) -> ServerProcess:
    """A server over each of the stores that do not slow down with every model."""
    found: ServerProcess = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture(scope="session", params=["memory", "fs", "sqlite"])
def server(request: pytest.FixtureRequest) -> ServerProcess:
    """A server over each of the stores."""
    found: ServerProcess = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture(scope="session")
def backend(server: ServerProcess) -> Iterator[MlteBackend]:
    """A backend over each of the stores; it logs in once."""
    opened = MlteBackend(f"mlte+{server.url}")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def quick_backend(quick_server: ServerProcess) -> Iterator[MlteBackend]:
    """A backend over each of the quick stores."""
    opened = MlteBackend(f"mlte+{quick_server.url}")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def memory_backend(memory_server: ServerProcess) -> Iterator[MlteBackend]:
    """A backend whose server keeps everything in memory."""
    opened = MlteBackend(f"mlte+{memory_server.url}")
    yield opened
    opened.close()


class RawMlte:
    """Plain requests to a server, for what no delivery sends."""

    def __init__(self, url: str, username: str = "admin", password: str = "admin1234") -> None:
        self._url = f"{url}/api"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        form = {"grant_type": "password", "username": username, "password": password}
        status, token = self._send("POST", "/token", urllib.parse.urlencode(form).encode(), {})
        assert status == 200, token
        self._login = {"Authorization": f"Bearer {token['access_token']}"}

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return the status and the JSON of an answer."""
        data = None if body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"}
        return self._send(method, path, data, self._login | kind)

    def write(
        self, model: str, version: str, case: str, value: Any, **more: Any
    ) -> tuple[int, Any]:
        """Write an evidence document with a value of any kind."""
        artifact = {
            "header": {"identifier": f"evidence.{case}", "type": "evidence", "creator": None},
            "body": {
                "artifact_type": "evidence",
                "metadata": {
                    "test_case_id": case,
                    "measurement": {
                        "measurement_class": "a.B",
                        "output_class": "a.C",
                        "additional_data": {},
                    },
                },
                "evidence_class": "a.C",
                "value": value,
            },
        }
        body = {"artifact": artifact, "force": False, "parents": True, **more}
        return self("POST", f"/model/{model}/version/{version}/artifact", body)

    def _send(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int, Any]:
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=120) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read()
            try:
                return error.code, json.loads(said)
            except ValueError:
                return error.code, said


@pytest.fixture(scope="session")
def raw(server: ServerProcess) -> RawMlte:
    """Plain requests to a server over each of the stores."""
    return RawMlte(server.url)


@pytest.fixture(scope="session")
def quick_raw(quick_server: ServerProcess) -> RawMlte:
    """Plain requests to a server over each of the quick stores."""
    return RawMlte(quick_server.url)


@pytest.fixture(scope="session")
def memory_raw(memory_server: ServerProcess) -> RawMlte:
    """Plain requests to the server that keeps everything in memory."""
    return RawMlte(memory_server.url)


@pytest.fixture(scope="session")
def log_in_raw() -> type[RawMlte]:
    """Plain requests as another user, or to another server."""
    return RawMlte


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user that every MLTE has at first."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_MLTE_USERNAME", "admin")
    monkeypatch.setenv("ARTIFACT_PLUGINS_MLTE_PASSWORD", "admin1234")


@pytest.fixture
def open_project(tmp_path: Path) -> Iterator[Callable[..., ap.Session]]:
    """Open sessions in folders of their own, each with a project that no other test has."""
    opened: list[Any] = []

    def start(project: str = "shop", **more: Any) -> ap.Session:
        number = next(_numbers)
        folder = tmp_path / f"session-{number}"
        places = {
            "store_url": str(folder / "store"),
            "ledger_url": f"sqlite:///{folder / 'ledger.sqlite'}",
            "durability": "process",
            "project": f"{project}-{number}",
        }
        session = ap.open_session(ap.Settings(**{**places, **more}))
        opened.append(session)
        found: ap.Session = session.__enter__()
        return found

    yield start
    for session in reversed(opened):
        session.__exit__(None, None, None)


@pytest.fixture
def session(open_project: Callable[..., ap.Session]) -> ap.Session:
    """A session with a project of its own."""
    return open_project()
