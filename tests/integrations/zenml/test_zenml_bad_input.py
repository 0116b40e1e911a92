"""Wrong URLs, servers, credentials, projects and versions: each is a named error that says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from refused_logins import CANARY, left_by_a_refused_login
from transport_server import Said, Speaker
from zenml_servers import NEW, PASSWORD, USERNAME, ZenML, serve

import artifact_plugins as ap
from artifact_integrations.zenml import register_backends
from artifact_integrations.zenml.backend import ZenMLBackend
from artifact_plugins import Session
from artifact_plugins.contracts.backend import BackendOperation, RemoteQuery
from artifact_plugins.errors import (
    ArtifactMissingError,
    BackendAuthError,
    BackendContractError,
    BackendRejectedError,
    BackendUnavailableError,
    SettingsError,
    UnsupportedByBackendError,
)
from artifact_plugins.testing.backend_driver import drive

Speaking = Callable[[Callable[[int, bytes], Said]], Speaker]
server_ = pytest.mark.server
slow_ = pytest.mark.timeout(300)


def said(status: str, body: bytes, kind: str = "application/json") -> Said:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    head += "Connection: close\r\n\r\n"
    return Said(head.encode() + body)


def test_offer_names_the_backend() -> None:
    """The plugin offers the scheme, and the class it names has it."""
    (offer,) = register_backends()

    assert offer.scheme == ZenMLBackend.scheme == "zenml"
    assert offer.target == f"{ZenMLBackend.__module__}:{ZenMLBackend.__name__}"


def test_every_operation_is_told() -> None:
    """The table of abilities has every operation with a sentence; what is not there is refused."""
    assert set(ZenMLBackend.abilities) == set(BackendOperation)
    assert all(
        ability.how.strip(" .") == ability.how for ability in ZenMLBackend.abilities.values()
    )
    with pytest.raises(UnsupportedByBackendError, match="keeps import paths, no code"):
        ZenMLBackend("zenml+http://127.0.0.1:1/").refuse(BackendOperation.PIN_SNAPSHOT)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        "zenml+ftp://127.0.0.1",
        "zenml+http://",
        "zenml+http://admin:secret@127.0.0.1:8080/",
        "zenml+http://127.0.0.1:8080/?password=secret",
        "zenml+http://127.0.0.1:8080/?projekt=x",
        "zenml+http://127.0.0.1:99999999/",
    ],
)
def test_url_that_cannot_be_used(url: str) -> None:
    """A URL that is none, or holds a credential, is refused unopened; the credential is not repeated."""
    with pytest.raises(SettingsError) as caught:
        ZenMLBackend(url)

    assert "secret" not in str(caught.value)


def test_nobody_answers(known: None) -> None:
    """A port that nobody listens on is unavailable."""
    with pytest.raises(BackendUnavailableError, match="was not reached"):
        ZenMLBackend("zenml+http://127.0.0.1:1/").probe()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        ("200 OK", b"<html>Welcome to nginx</html>", "text/html"),
        ("404 Not Found", b"<html>no such page</html>", "text/html"),
        ("404 Not Found", b'{"detail":"Not Found"}', "application/json"),
        ("200 OK", b'{"version":"1.2.3"}', "application/json"),
        ("200 OK", b"[]", "application/json"),
        ("302 Found", b"", "text/html"),
    ],
)
def test_server_is_something_else(
    speaking: Speaking, known: None, status: str, body: bytes, kind: str
) -> None:
    """Something else at the URL is a broken contract, and gets no credentials."""
    speaker = speaking(lambda number, request: said(status, body, kind))

    with pytest.raises(BackendContractError):
        ZenMLBackend(f"zenml+{speaker.url}/").probe()

    assert not any(PASSWORD.encode() in request for request in speaker.requests)


@pytest.mark.parametrize("version", ["0.90.9", "0.99.0", "1.0.0", "", "next", "0", "98"])
def test_version_that_nobody_knows(speaking: Speaking, known: None, version: str) -> None:
    """A server older or newer than those we know is refused before anything is sent."""
    body = json.dumps({"version": version, "auth_scheme": "NO_AUTH"}).encode()
    speaker = speaking(lambda number, request: said("200 OK", body))

    with pytest.raises(BackendContractError, match=r"known are 0\.91 to 0\.98"):
        ZenMLBackend(f"zenml+{speaker.url}/").probe()

    assert len(speaker.requests) == 1


def test_login_that_gives_no_token(speaking: Speaking, known: None) -> None:
    """A login without a token in its answer is a broken contract."""
    info = b'{"version":"0.98.0","auth_scheme":"OAUTH2_PASSWORD_BEARER"}'
    speaker = speaking(
        lambda number, request: said("200 OK", info if b"/info" in request[:60] else b"{}")
    )

    with pytest.raises(BackendContractError, match="no access_token"):
        ZenMLBackend(f"zenml+{speaker.url}/").probe()


def test_no_credentials(speaking: Speaking) -> None:
    """Without credentials the error names the variables to set."""
    info = b'{"version":"0.98.0","auth_scheme":"OAUTH2_PASSWORD_BEARER"}'
    speaker = speaking(lambda number, request: said("200 OK", info))

    with pytest.raises(BackendAuthError, match="ARTIFACT_PLUGINS_ZENML_API_KEY"):
        ZenMLBackend(f"zenml+{speaker.url}/").probe()


@server_
@slow_
def test_probe_tells_who_and_where(server: ZenML, project: str, backend: ZenMLBackend) -> None:
    """A probe tells the version, as whom it is known, and the project."""
    info = backend.probe()

    assert (info.system, info.version, info.user) == ("ZenML", server.version, USERNAME)
    assert info.facts["project"] == project


@server_
@slow_
def test_wrong_password(
    server: ZenML, open_backend: Callable[..., ZenMLBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong password is an error of credentials with the server's words, and is not repeated."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_ZENML_PASSWORD", "hunter2")

    with pytest.raises(BackendAuthError, match="CredentialsNotValid") as caught:
        open_backend(server.url).probe()

    assert "hunter2" not in str(caught.value)
    assert "ARTIFACT_PLUGINS_ZENML_PASSWORD" in str(caught.value)


@server_
@slow_
def test_a_refused_login_leaves_no_password_anywhere(
    server: ZenML,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It is in no file of ledger or store, no log and no output; that the login failed is."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_ZENML_USERNAME", USERNAME)
    monkeypatch.setenv("ARTIFACT_PLUGINS_ZENML_PASSWORD", CANARY)

    left = left_by_a_refused_login(f"zenml+{server.url}/", tmp_path, caplog, capfd)

    assert "BackendAuthError" in left
    assert CANARY not in left


@server_
@slow_
def test_api_key(
    server: ZenML,
    project: str,
    open_backend: Callable[..., ZenMLBackend],
    monkeypatch: pytest.MonkeyPatch,
    session: Session,
) -> None:
    """An API key of a service account does; a wrong one is an error of credentials."""
    name = f"robot-{project}"
    account = server.ask("POST", "/service_accounts", {"name": name, "active": True})
    key = server.ask("POST", f"/service_accounts/{account['id']}/api_keys", {"name": "k"})
    monkeypatch.delenv("ARTIFACT_PLUGINS_ZENML_USERNAME")
    monkeypatch.delenv("ARTIFACT_PLUGINS_ZENML_PASSWORD")
    monkeypatch.setenv("ARTIFACT_PLUGINS_ZENML_API_KEY", key["body"]["key"])
    backend = open_backend(server.url, project)

    ap.save(1, "one")
    drive(session, backend)

    assert backend.probe().user == name
    monkeypatch.setenv("ARTIFACT_PLUGINS_ZENML_API_KEY", key["body"]["key"][:-4] + "AAAA")
    with pytest.raises(BackendAuthError):
        open_backend(server.url, project).probe()


@server_
@slow_
def test_project_that_does_not_exist(
    server: ZenML, open_backend: Callable[..., ZenMLBackend], session: Session
) -> None:
    """A missing project is refused by name, with those there are; nothing is sent."""
    ap.save(1, "one")
    backend = open_backend(server.url, "nowhere")

    with pytest.raises(BackendRejectedError, match="has no project 'nowhere'.*'default'"):
        drive(session, backend)
    with pytest.raises(BackendRejectedError, match="has no project"):
        backend.probe()


@server_
@slow_
def test_stack_that_does_not_exist(server: ZenML, known: None) -> None:
    """A missing stack is refused by name."""
    with pytest.raises(BackendRejectedError, match="has no stack 'nowhere'"):
        ZenMLBackend(f"zenml+{server.url}/?stack=nowhere").probe()


@server_
@slow_
@pytest.mark.parametrize("external_id", ["nothing", "0f8fad5b-d9cb-469f-a165-70867728950e", "../x"])
def test_version_that_is_not_there(backend: ZenMLBackend, external_id: str) -> None:
    """An id that the server does not have is missing, whatever it looks like."""
    with pytest.raises(ArtifactMissingError):
        backend.version(external_id)
    with pytest.raises(ArtifactMissingError):
        backend.update_version(external_id, tags=["a"])
    with pytest.raises(ArtifactMissingError):
        backend.links("0f8fad5b-d9cb-469f-a165-70867728950e")


@server_
@pytest.mark.timeout(400)
def test_token_that_expires(
    tmp_path: Path, open_backend: Callable[..., ZenMLBackend], session: Session
) -> None:
    """A token that the server no longer takes is renewed once, unseen by who delivers."""
    with serve(tmp_path / "zenml", NEW, ZENML_SERVER_JWT_TOKEN_EXPIRE_MINUTES="1") as server:
        backend = open_backend(server.url)
        ap.save(1, "one")
        drive(session, backend)
        login = backend._server._http._login
        assert login is not None
        server.stop()
        # Another key signs from now on: every token from before is expired.
        another = serve(
            tmp_path / "zenml",
            NEW,
            ZENML_SERVER_JWT_SECRET_KEY="another-0123456789abcdef0123456789abcdef0123456",
        )
        another.port = server.port
        with another:
            ap.save(2, "two")
            drive(session, backend, is_first=False)

            assert len(backend.versions(RemoteQuery())) == 2
            assert backend._server._http._login != login


@server_
@slow_
def test_server_without_a_login(
    tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server with NO_AUTH asks for no credentials and gets none."""
    more = {"ZENML_SERVER_AUTH_SCHEME": "NO_AUTH", "ZENML_DEFAULT_USER_NAME": "default"}
    with serve(tmp_path / "zenml", NEW, **more, ZENML_DEFAULT_USER_PASSWORD="") as server:
        backend = ZenMLBackend(f"zenml+{server.url}/")
        ap.save(1, "one")

        drive(session, backend)

        assert backend.probe().user == "default"
        assert len(backend.versions(RemoteQuery())) == 1
        backend.close()
