"""Real ZenML servers, and what tests ask them without our backend."""

from __future__ import annotations

import hashlib
import itertools
import json
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server_environments import ServerProcess, environment

from artifact_integrations.zenml.backend import ZenMLBackend
from artifact_plugins import Session
from artifact_plugins.contracts.backend import RecordKind
from artifact_plugins.errors import BackendError
from artifact_plugins.testing.backend_driver import Notes, drive

NEW, OLD = "0.98.0", "0.91.2"
USERNAME, PASSWORD = "admin", "admin-pass-1"
_numbers = itertools.count(1)


def settings_of(folder: Path, **more: str) -> dict[str, str]:
    """Return the variables of a server that keeps everything in a folder."""
    for name in ("config", "stores"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return {
        "ZENML_SERVER": "true",
        "ZENML_CONFIG_PATH": f"{folder}/config",
        "ZENML_LOCAL_STORES_PATH": f"{folder}/stores",
        "ZENML_STORE_TYPE": "sql",
        "ZENML_STORE_URL": f"sqlite:///{folder}/zenml.db",
        "ZENML_ANALYTICS_OPT_IN": "false",
        "ZENML_SERVER_DEPLOYMENT_TYPE": "local",
        "ZENML_SERVER_AUTH_SCHEME": "OAUTH2_PASSWORD_BEARER",
        "ZENML_SERVER_AUTO_ACTIVATE": "true",
        "ZENML_DEFAULT_USER_NAME": USERNAME,
        "ZENML_DEFAULT_USER_PASSWORD": PASSWORD,
        "ZENML_SERVER_JWT_SECRET_KEY": "loopback-only-0123456789abcdef0123456789abcdef",
        "ZENML_SERVER_ALLOW_LOCAL_FILE_ACCESS": "true",
        "ZENML_SERVER_DISPLAY_ANNOUNCEMENTS": "false",
        "ZENML_SERVER_DISPLAY_UPDATES": "false",
        "ZENML_LOGGING_COLORS_DISABLED": "true",
        "ZENML_LOGGING_VERBOSITY": "INFO",
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def serve(folder: Path, version: str, *, port: int | None = None, **more: str) -> ServerProcess:
    """Return a server of a version over a folder; not started."""
    programs = environment("zenml", [f"zenml[server]=={version}"])
    command = [str(programs / "uvicorn"), "zenml.zen_server.zen_server_api:app"]
    command += ["--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning"]
    env = settings_of(folder, **more)
    return ServerProcess(command, ready="/ready", cwd=folder, env=env, port=port)


@dataclass
class ZenML:
    """A running server, asked as anybody would without our backend."""

    url: str
    version: str
    _token: str = field(default="", repr=False)

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Send one request and return the JSON of the answer."""
        if not self._token:
            form = urllib.parse.urlencode({"username": USERNAME, "password": PASSWORD}).encode()
            self._token = self._sent("POST", "/login", form, {})["access_token"]
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        tail = f"?{urllib.parse.urlencode(query, doseq=True)}" if query else ""
        data = None if body is None else json.dumps(body).encode()
        return self._sent(method, path + tail, data, headers)

    def count(self, path: str, **query: Any) -> int:
        """Return how many there are."""
        total: int = self.ask("GET", path, size=1, **query)["total"]
        return total

    def new_project(self) -> str:
        """Make a project and return its name."""
        name = f"project-{next(_numbers)}-{hashlib.sha256(self.url.encode()).hexdigest()[:6]}"
        self.ask("POST", "/projects", {"name": name, "display_name": name})
        return name

    def _sent(self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]) -> Any:
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}", data=data, method=method, headers=dict(headers)
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return json.loads(answer.read())


@dataclass
class Persistent:
    """Delivers as the outbox does: again after a failure, and never again as if for the first time.

    Attributes:
        notes: What the backend noted.
        failures: What it raised.
    """

    notes: Notes = field(default_factory=Notes)
    failures: list[BackendError] = field(default_factory=list)
    _tried: set[tuple[str, str]] = field(default_factory=set)

    def deliver(
        self,
        session: Session,
        backend: ZenMLBackend,
        run_id: str | None = None,
        *,
        tries: int = 40,
    ) -> None:
        """Deliver a run, or everything the ledger has."""
        for _ in range(tries):
            try:
                drive(session, backend, run_id, notes=self.notes, is_first=self._is_first)
            except BackendError as error:
                self.failures.append(error)
            else:
                return
        raise self.failures[-1]

    def _is_first(self, kind: RecordKind, record_id: str) -> bool:
        is_first = (kind, record_id) not in self._tried
        self._tried.add((kind, record_id))
        return is_first
