"""What a server answers becomes the right named error, with its own words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from transport_server import Said, Speaker, answer

from artifact_integrations.mlte.backend import MlteBackend
from artifact_integrations.mlte.connection import Connection
from artifact_integrations.mlte.documents import Place
from artifact_plugins.errors import (
    ArtifactMissingError,
    BackendAuthError,
    BackendContractError,
    BackendRejectedError,
    BackendUnavailableError,
    SettingsError,
)

Speaking = Callable[[Callable[[int, bytes], Said]], Speaker]

TYPES = ["card", "evidence", "suite", "results", "report"]
PLACE = Place("m", "v", "x")
ARTIFACT = {"header": {"identifier": "evidence.x"}}


def described(types: list[str] = TYPES, title: str = "MLTE Artifact Store") -> Said:
    """What a server says of itself."""
    return as_json(
        {"info": {"title": title}, "components": {"schemas": {"ArtifactType": {"enum": types}}}}
    )


def as_json(value: Any, status: int = 200) -> Said:
    return answer(status, json.dumps(value).encode())


def mlte(**changed: Said) -> Callable[[int, bytes], Said]:
    """Answer as MLTE does, but for some routes; `me` is that of the user."""
    routes = {"user/me" if name == "me" else name: said for name, said in changed.items()}
    # A path of a document holds the name of its model too: the longer ones first.
    usual = {
        "artifact": as_json({"artifact": ARTIFACT}),
        "healthz": as_json({"status": "healthy"}),
        "openapi": described(),
        "token": as_json({"access_token": "t", "token_type": "bearer", "expires_in": 7200}),
        "user/me": as_json({"username": "admin", "role": "admin"}),
        "model": as_json({"identifier": "m", "versions": []}),
    } | routes

    def script(number: int, request: bytes) -> Said:
        path = request.split(b" ")[1].decode().partition("?")[0]
        return usual[next(name for name in usual if f"/{name}" in path)]

    return script


def connect(speaker: Speaker) -> Connection:
    return Connection(f"mlte+{speaker.url}", timeout_seconds=10)


def test_probe_tells_whom_it_found(speaking: Speaking) -> None:
    """A healthy MLTE of today is named with the user that it takes us for."""
    info = connect(speaking(mlte())).probe()

    assert (info.system, info.user, info.facts["role"]) == ("MLTE", "admin", "admin")


@pytest.mark.parametrize(
    "routes",
    [
        {"healthz": answer(200, b"<html>", "Content-Type: text/html")},
        {"healthz": as_json({"status": "ok"})},
        {"healthz": answer(404, b"not here", "Content-Type: text/plain")},
        {"healthz": answer(302, b"", "Location: http://127.0.0.2:9/")},
        {"openapi": described(title="ZenML")},
        {"openapi": as_json({"info": {}})},
        {"openapi": as_json([])},
        {"openapi": answer(404, b"{}")},
        {"token": answer(404, b"{}")},
        {"token": as_json({"token": 1})},
        {"token": as_json({"access_token": "two\nlines"})},
        {"me": as_json([])},
    ],
)
def test_a_server_that_is_something_else_is_refused(
    speaking: Speaking, routes: dict[str, Said]
) -> None:
    """Whatever is not MLTE's answer is a broken contract, and no other fault."""
    with pytest.raises(BackendContractError, match="MLTE"):
        connect(speaking(mlte(**routes))).probe()


def test_an_mlte_before_2_3_is_refused(speaking: Speaking) -> None:
    """Older servers choose other ids: nothing is sent to them, probed or not."""
    old = described(["negotiation_card", "evidence", "test_suite", "test_results", "report"])
    speaker = speaking(mlte(openapi=old))

    with pytest.raises(BackendContractError, match=r"older than 2\.3"):
        connect(speaker).probe()
    with pytest.raises(BackendContractError, match=r"older than 2\.3"):
        connect(speaker).create(PLACE, ARTIFACT)
    assert not any(b"POST" in request for request in speaker.requests)


def test_a_refused_login_is_about_credentials(speaking: Speaking) -> None:
    """MLTE answers a wrong password with 400; the message holds no password."""
    refused = as_json({"error": "invalid_grant", "error_description": "Wrong pair."}, 400)

    with pytest.raises(BackendAuthError, match=r"login of 'admin'.*Wrong pair\.") as caught:
        connect(speaking(mlte(token=refused))).probe()

    assert "admin1234" not in str(caught.value)


def test_without_credentials_nothing_is_asked_for(
    speaking: Speaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is named, with the variable to set."""
    monkeypatch.delenv("ARTIFACT_PLUGINS_MLTE_PASSWORD")

    with pytest.raises(BackendAuthError, match="ARTIFACT_PLUGINS_MLTE_PASSWORD"):
        connect(speaking(mlte())).probe()


def test_a_refused_token_is_renewed_once(speaking: Speaking) -> None:
    """A token that MLTE no longer takes is replaced; a second refusal is an error."""
    usual = mlte()

    def script(number: int, request: bytes) -> Said:
        return as_json({"detail": "no"}, 401) if b"/user/me" in request else usual(number, request)

    speaker = speaking(script)

    with pytest.raises(BackendAuthError, match="401: no"):
        connect(speaker).probe()

    assert sum(b"/token" in request for request in speaker.requests) == 2


def test_one_login_serves_many_requests(speaking: Speaking) -> None:
    """A login costs seconds, so the token is kept."""
    speaker = speaking(mlte())
    connection = connect(speaker)

    for _ in range(5):
        connection.create(PLACE, ARTIFACT)

    assert sum(b"/token" in request for request in speaker.requests) == 1
    assert sum(b"POST /api/model HTTP" in request for request in speaker.requests) == 1


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (as_json({"detail": "nope"}, 403), BackendAuthError, "nope"),
        (as_json({"detail": "gone"}, 404), BackendRejectedError, "gone"),
        (
            as_json({"detail": [{"loc": ["body", "x"], "msg": "bad", "input": "secret"}] * 5}, 422),
            BackendRejectedError,
            r"body\.x: bad; body\.x: bad; body\.x: bad; and 2 more",
        ),
        (as_json({"detail": "broke"}, 500), BackendUnavailableError, "broke"),
        (as_json({"detail": "busy"}, 429), BackendUnavailableError, "busy"),
        (answer(502, b"<h1>proxy</h1>"), BackendUnavailableError, "proxy"),
        (answer(200, b'{"artifact": {"hea'), BackendContractError, "no JSON"),
        (as_json({"artifact": {"header": {"identifier": "x.evidence"}}}), BackendContractError, "x.evidence"),
        (as_json({}), BackendContractError, "None instead of"),
        (answer(307, b"", "Location: http://127.0.0.2:9/"), BackendContractError, "307"),
    ],
)  # fmt: skip
def test_a_refused_document_is_the_right_error(
    speaking: Speaking, said: Said, error: type[Exception], words: str
) -> None:
    """Each kind of answer has its error, with what the server said and nothing that it was sent."""
    with pytest.raises(error, match=words) as caught:
        connect(speaking(mlte(artifact=said))).create(PLACE, ARTIFACT)

    assert "secret" not in str(caught.value)


def test_retry_after_is_passed_on(speaking: Speaking) -> None:
    """How long a server asks to be left alone is known to whoever tries again."""
    busy = answer(503, b"{}", "Retry-After: 7")

    with pytest.raises(BackendUnavailableError) as caught:
        connect(speaking(mlte(artifact=busy))).create(PLACE, ARTIFACT)

    assert caught.value.retry_after_seconds == 7


def test_nobody_there_is_unavailable() -> None:
    """A closed port is no contract, and nothing can have happened behind it."""
    with pytest.raises(BackendUnavailableError) as caught:
        Connection("mlte+http://127.0.0.1:9", timeout_seconds=5).probe()

    assert not caught.value.may_have_happened


def test_another_document_behind_one_url_is_none(speaking: Speaking) -> None:
    """MLTE finds `a/b` behind the URL of `a---b`: what has another id is not what was asked for."""
    other = as_json({"header": {"identifier": "evidence.a/b"}, "body": {}})

    assert connect(speaking(mlte(artifact=other))).read("m", "v", "evidence.a---b") is None


@pytest.mark.parametrize(
    "external_id", ["", "m", "m/v", "m/v/", "a---b/v/evidence.x", "//x", "m//x"]
)
def test_ids_that_no_url_names_are_missing(external_id: str) -> None:
    """Nothing is asked for such an id, which could only find something else."""
    backend = MlteBackend("mlte+http://127.0.0.1:9")

    with pytest.raises(ArtifactMissingError, match="no artifact version"):
        backend.version(external_id)
    with pytest.raises(ArtifactMissingError, match="no artifact version"):
        backend.delete_version(external_id)


def test_a_list_of_a_version_that_is_not_there_is_empty(speaking: Speaking) -> None:
    """Stores without SQL answer such a list with 500; other failures stay failures."""
    usual = mlte()

    def gone(number: int, request: bytes) -> Said:
        if b"/artifact" in request:
            return as_json({"detail": "broke"}, 500)
        return as_json({}, 404) if b"/version/v " in request else usual(number, request)

    assert connect(speaking(gone)).documents("m", "v") == []
    with pytest.raises(BackendUnavailableError):
        connect(speaking(mlte(artifact=as_json({}, 500)))).documents("m", "v")


@pytest.mark.parametrize(
    "url",
    ["mlte+http://admin:admin1234@host", "mlte+http://host?password=admin1234", "mlte+http://host?x=1"],
)  # fmt: skip
def test_urls_hold_no_credentials(url: str) -> None:
    """A credential in the URL is refused and not repeated; so is an option that nobody knows."""
    with pytest.raises(SettingsError) as caught:
        MlteBackend(url)

    assert "admin1234" not in str(caught.value)


def test_a_path_in_the_url_is_where_the_api_is(speaking: Speaking) -> None:
    """A server behind a proxy, or with another prefix, is reached by its own path."""
    speaker = speaking(mlte())

    Connection(f"mlte+{speaker.url}/mlte/api/", timeout_seconds=10).probe()

    assert speaker.requests[0].startswith(b"GET /mlte/api/healthz ")
