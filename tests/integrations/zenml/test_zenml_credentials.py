"""Which of its credentials a ZenML server gets, when there are several."""

from __future__ import annotations

import json
from contextlib import closing
from urllib.parse import parse_qs

import pytest
from transport_server import answer, speaking  # noqa: F401  # a fixture

from artifact_integrations.zenml.backend import ZenMLBackend
from artifact_plugins.errors import BackendError

INFO = json.dumps({"auth_scheme": "OAUTH2_PASSWORD_BEARER", "version": "0.98.0"}).encode()


@pytest.fixture
def logged_in(speaking, monkeypatch):  # noqa: F811  # the fixture of that name
    """Return what a server is told at the login, given the options of its URL."""
    for name, value in {"API_KEY": "key-of-one", "USERNAME": "one", "PASSWORD": "of-one"}.items():
        monkeypatch.setenv(f"ARTIFACT_PLUGINS_ZENML_{name}", value)
    for name in ("KEY", "USER", "WORD"):
        monkeypatch.setenv(f"TWO_{name}", f"{name.lower()}-of-two")

    def said(options):
        server = speaking(
            lambda n, r: answer(200, INFO) if b"/info" in r.split(b"\r\n")[0] else answer(401)
        )
        backend = ZenMLBackend(f"zenml+{server.url}/{options}")
        with closing(backend), pytest.raises(BackendError):
            backend.probe()
        (login,) = {r for r in server.requests if r.startswith(b"POST /api/v1/login")}
        form = parse_qs(login.partition(b"\r\n\r\n")[2].decode())
        return {name: values[0] for name, values in form.items() if name != "grant_type"}

    return said


@pytest.mark.parametrize(
    ("options", "form"),
    [
        ("", {"password": "key-of-one"}),
        ("?api_key=env:TWO_KEY", {"password": "key-of-two"}),
        (
            "?username=env:TWO_USER&password=env:TWO_WORD",
            {"username": "user-of-two", "password": "word-of-two"},
        ),
        ("?password=env:TWO_WORD", {"username": "one", "password": "word-of-two"}),
    ],
)
def test_a_server_with_credentials_of_its_own_gets_those(logged_in, options, form):
    """What the URL names is sent, and the key of the environment is not sent to another server."""
    assert logged_in(options) == form
