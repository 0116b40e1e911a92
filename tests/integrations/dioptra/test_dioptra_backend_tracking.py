"""An MLflow behind a login: who asks is found as all credentials are, and never in the URL."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from dioptra_server import DioptraServer

from artifact_integrations.dioptra.backend import DioptraBackend
from artifact_integrations.dioptra.backend.place import Place
from artifact_plugins import Session
from artifact_plugins.errors import BackendAuthError, SettingsError
from artifact_plugins.testing.backend_driver import Notes, drive

SECRET = "s3cret-of-mlflow"
BASIC = f"Basic {base64.b64encode(f'keeper:{SECRET}'.encode()).decode()}"
BEARER = f"Bearer {SECRET}"
Open = Callable[..., DioptraBackend]


class Guard(BaseHTTPRequestHandler):
    """A gateway before MLflow that lets in who knows the secret, as companies have one."""

    protocol_version = "HTTP/1.1"
    port: int
    wanted: str

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != self.wanted:
            self._answer(401, b"who are you?")
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        kind = {"Content-Type": self.headers.get("Content-Type") or "text/plain"}
        connection.request(self.command, self.path, body, kind)
        answer = connection.getresponse()
        self._answer(answer.status, answer.read())
        connection.close()

    do_POST = do_PUT = do_GET

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep stderr for failures."""


@pytest.fixture
def guarded(dioptra: DioptraServer, login: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open backends whose MLflow is behind the gateway."""
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    opened: list[DioptraBackend] = []
    servers: list[ThreadingHTTPServer] = []

    def open_one(wanted: str, options: str = "") -> DioptraBackend:
        handler = type("Wanted", (Guard,), {"port": dioptra.mlflow.port, "wanted": wanted})
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        servers[-1].daemon_threads = True
        Thread(target=servers[-1].serve_forever, daemon=True).start()
        mlflow = f"http://127.0.0.1:{servers[-1].server_port}"
        opened.append(DioptraBackend(f"dioptra+{dioptra.url}/?mlflow={mlflow}{options}"))
        return opened[-1]

    yield open_one
    for backend in opened:
        backend.close()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.server
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["variables", "token", "references"])
def test_a_login_is_found(
    session: Session, guarded: Open, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By MLflow's own variables or by references in the URL, which go before them."""
    if kind == "variables":
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "keeper")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
        backend = guarded(BASIC)
    elif kind == "token":
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", f"{SECRET}\n")
        backend = guarded(BEARER)
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "somebody")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "of another MLflow")
        monkeypatch.setenv("KEEPER", SECRET)
        backend = guarded(BEARER, "&mlflow_token=env:KEEPER")
    version = session.save({"a": [1]}, "kept")

    backend.probe()
    notes = drive(session, backend)

    assert backend.version(notes.external("version", version.id)["external_id"]).record == version


@pytest.mark.server
@pytest.mark.timeout(600)
@pytest.mark.parametrize("password", [None, "wrong-of-mlflow"])
def test_a_refused_login_is_an_outage_that_names_it(
    session: Session, guarded: Open, password: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing or wrong: an error that says where to look; once it is right, all is delivered."""
    backend = guarded(BASIC)
    if password is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "keeper")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    version = session.save({"a": [2]}, "kept")
    notes = Notes()

    for attempt in (backend.probe, lambda: drive(session, backend, notes=notes)):
        with pytest.raises(BackendAuthError, match="MLFLOW_TRACKING_USERNAME") as caught:
            attempt()
        assert caught.value.status == 401
        assert password is None or password not in str(caught.value)

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "keeper")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
    drive(session, backend, notes=notes)
    assert backend.version(notes.external("version", version.id)["external_id"]).record == version


@pytest.mark.parametrize("field", ["mlflow_username", "mlflow_password", "mlflow_token"])
def test_a_login_of_mlflow_is_never_in_the_url(field: str) -> None:
    """Only its place may be there; what stands there instead is not repeated."""
    url = "dioptra+http://h:5000/?mlflow=http://h:35000"

    assert Place.parse(f"{url}&{field}=env:NAME").url.options[field] == "env:NAME"
    with pytest.raises(SettingsError, match="holds a credential") as caught:
        Place.parse(f"{url}&{field}={SECRET}")
    assert SECRET not in str(caught.value)
