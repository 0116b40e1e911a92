"""What a server may answer, and which error or server that is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from transport_server import Said, Speaker, answer, speaking  # noqa: F401  # a fixture

from artifact_integrations.kfp.api import KfpApi, predicates
from artifact_integrations.kfp.backend import KfpBackend
from artifact_integrations.kfp.failures import explain, is_duplicate
from artifact_integrations.kfp.options import KfpOptions
from artifact_plugins.contracts.backend import RemoteQuery
from artifact_plugins.errors import (
    ArtifactMissingError,
    BackendAuthError,
    BackendContractError,
    BackendError,
    BackendRejectedError,
    BackendUnavailableError,
    QueryError,
    SettingsError,
)
from artifact_plugins.transport import HttpAnswer

Start = Callable[[Callable[[int, bytes], Said]], Speaker]
PRESENT = {
    "code": 3,
    "message": "Failed to list: Invalid input error: At least one filter (task_ids, run_ids, or "
    "artifact_ids) is required",
    "details": [{"@type": "x", "code": 3, "message": "At least one filter is required"}],
}
NO_ROUTE = {"code": 5, "message": "Not Found", "details": []}
NO_RUN = {"code": 5, "message": "ResourceNotFoundError: Run", "details": [{"message": "Run gone"}]}


def status(code: int, message: str, clean: str | None) -> dict[str, Any]:
    details = [] if clean is None else [{"@type": "x", "code": code, "message": clean}]
    return {"code": code, "message": message, "details": details}


def said(http: int, body: Any) -> HttpAnswer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpAnswer("Kubeflow Pipelines", "POST /x", http, {"retry-after": "3"}, data)


@pytest.mark.parametrize(
    ("http", "body", "kind", "text"),
    [
        (400, status(3, "a: Invalid input error: b", "b"), BackendRejectedError, "400: b"),
        (401, status(16, "Unauthenticated: who", "who"), BackendAuthError, "who"),
        (403, status(7, "PermissionDenied: no", "no"), BackendAuthError, "403: no"),
        (404, status(5, "x: Run r not found", "Run r not found"), BackendRejectedError, "Run r"),
        (404, NO_ROUTE, BackendContractError, "after release 2.17"),
        (409, status(6, "there", "there"), BackendRejectedError, "there"),
        (429, status(8, "slow", None), BackendUnavailableError, "slow"),
        (
            500,
            status(13, "add: Duplicate entry 'x'", "Internal Server Error"),
            BackendUnavailableError,
            "Duplicate entry",
        ),
        (503, status(14, "later", None), BackendUnavailableError, "later"),
    ],
)
def test_errors_have_the_message_of_the_server(http, body, kind, text):
    """Each status is its error; the clean message is shown, of an internal one the whole chain."""
    error = explain(said(http, body))

    assert type(error) is kind
    assert text in str(error)


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"{}", b'{"message": 3}', b"\xff"])
def test_other_shapes_are_left_to_the_transport(body):
    """An answer that is no status of KFP is explained by its HTTP status alone."""
    assert explain(said(502, body)) is None


@pytest.mark.parametrize(
    ("message", "is_one"),
    [
        ("Failed to add artifact-task: Error 1062: Duplicate entry 'a' for key 'UniqueLink'", True),
        ("UNIQUE constraint failed: artifact_tasks.ArtifactID", True),
        ("pq: duplicate key value violates unique constraint", True),
        ("connection lost", False),
    ],
)
def test_a_duplicate_is_told_by_its_text(message, is_one):
    """KFP answers a row that is there already with 500; only the text says so."""
    error = explain(said(500, status(13, message, "Internal Server Error")))

    assert isinstance(error, BackendError)
    assert is_duplicate(error) is is_one


def server(routes: dict[str, tuple[int, Any]]) -> Callable[[int, bytes], Said]:
    """Return a script that answers by path, anything else as KFP does an unknown route."""
    routes = {TASKS: (200, {}), **routes}

    def script(_: int, request: bytes) -> Said:
        path = request.split(b" ")[1].decode().partition("?")[0]
        http, body = routes.get(path, (404, NO_ROUTE))
        return answer(http, body if isinstance(body, bytes) else json.dumps(body).encode())

    return script


ROWS = "/apis/v2beta1/artifact_tasks"
NOWHERE = "00000000-0000-4000-8000-000000000000"
TASKS = f"/apis/v2beta1/runs/{NOWHERE}/tasks"
HEALTH = "/apis/v2beta1/healthz"
GOOD = {
    ROWS: (400, PRESENT),
    TASKS: (200, {}),
    HEALTH: (200, {"tag_name": "2.18.0", "commit_sha": "x"}),
}


def test_a_server_with_the_api_is_known(speaking: Start):  # noqa: F811
    """The probe says version, dialect and mode, and writes nothing."""
    speaker = speaking(server(GOOD))

    info = KfpBackend(f"kfp+{speaker.url}").probe()

    assert (info.version, info.facts["dialect"], info.facts["mode"]) == (
        "2.18.0",
        "M",
        "single-user",
    )
    assert {request.split(b" ")[0] for request in speaker.requests} == {b"GET"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({ROWS: (404, NO_ROUTE)}, "release 2.17 and older"),
        ({ROWS: (404, b"<html>nginx</html>")}, "release 2.17 and older"),
        ({ROWS: (200, {"artifact_tasks": []})}, "where its artifact API would refuse"),
        ({ROWS: (400, {"message": "no such thing"})}, "where its artifact API would refuse"),
        ({TASKS: (404, NO_ROUTE)}, "no tasks in dialect M and S"),
        ({HEALTH: (200, b"<html>")}, "no JSON"),
    ],
    ids=["old", "other", "DSP", "else", "no dialect", "no JSON"],
)
def test_other_servers_are_refused_by_name(speaking: Start, changes, text):  # noqa: F811
    """An old server, one of the other dialect and one of another kind are told apart and refused."""
    speaker = speaking(server({**GOOD, **changes}))

    with pytest.raises(BackendContractError, match=text):
        KfpBackend(f"kfp+{speaker.url}").probe()


def test_an_unknown_run_answers_the_probe_too(speaking: Start):  # noqa: F811
    """In multi-user mode the probing run is not found, which says that the route is there."""
    health = (200, {"tag_name": "3", "multi_user": True})
    artifacts = "/apis/v2beta1/artifacts"
    speaker = speaking(server({**GOOD, TASKS: (404, NO_RUN), HEALTH: health, artifacts: (200, {})}))

    info = KfpBackend(f"kfp+{speaker.url}?namespace=team").probe()

    assert info.facts["mode"] == "multi-user"
    with pytest.raises(BackendRejectedError, match="needs a namespace"):
        KfpBackend(f"kfp+{speaker.url}").probe()


def test_a_run_that_is_not_there_is_named(speaking: Start):  # noqa: F811
    """The probe refuses a URL whose run the server does not have."""
    routes = {"/apis/v2beta1/runs/gone": (404, NO_RUN), TASKS.replace(NOWHERE, "gone"): (200, {})}
    speaker = speaking(server({**GOOD, **routes}))

    with pytest.raises(BackendRejectedError, match="no run 'gone'"):
        KfpBackend(f"kfp+{speaker.url}?run_id=gone").probe()


@pytest.mark.parametrize(
    "url",
    [
        "kfp+http://user:secret@host",
        "kfp+http://host?token=secret",
        "kfp+http://host?name_space=x",
        "kfp+http://",
        "kfp+ftp://host",
        "kfp+http://host:port",
        "kfp+http://host?dialect=T",
        "kfp+http://host?links=both",
    ],
)
def test_wrong_urls_are_refused_without_their_secrets(url):
    """A URL that cannot be meant is a setting error; a credential in it is not repeated."""
    with pytest.raises(SettingsError) as caught:
        KfpBackend(url)

    assert "secret" not in str(caught.value)


def test_nobody_there_is_unavailable():
    """A host that answers nothing is a named error of the network."""
    with pytest.raises(BackendUnavailableError):
        KfpBackend("kfp+http://127.0.0.1:9", timeout_seconds=2).probe()


def test_the_token_is_sent_and_looked_up_again(speaking: Start, monkeypatch, tmp_path):  # noqa: F811
    """A token file is read again after a 401: it was renewed in between."""
    token = tmp_path / "token"
    token.write_text("old")

    def script(_: int, request: bytes) -> Said:
        if b"Authorization: Bearer new" in request:
            return answer(200, b'{"artifact_id": "a", "name": "n"}')
        token.write_text("new")
        return answer(401, json.dumps(status(16, "expired", "expired")).encode())

    speaker = speaking(script)
    backend = KfpBackend(f"kfp+{speaker.url}?token=file:{token}")

    assert backend.version("a").name == "n"
    assert len(speaker.requests) == 2
    assert "new" not in backend.url


def test_a_wrong_token_is_an_auth_error(speaking: Start, monkeypatch):  # noqa: F811
    """A token that is refused twice pauses the backend; it is not in the message."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_KFP_TOKEN", "s3cret")
    body = json.dumps(status(16, "Unauthenticated: no", "no")).encode()
    speaker = speaking(lambda *_: answer(401, body))

    with pytest.raises(BackendAuthError, match="no") as caught:
        KfpBackend(f"kfp+{speaker.url}").version("a")

    assert "s3cret" not in str(caught.value)
    assert all(b"Bearer s3cret" in request for request in speaker.requests)


def test_an_artifact_that_is_not_there_is_missing(speaking: Start):  # noqa: F811
    """A 404 with details is an artifact that the server has not."""
    speaker = speaking(server({"/apis/v2beta1/artifacts/a%2Fb": (404, NO_RUN)}))

    with pytest.raises(ArtifactMissingError, match="no artifact version 'a/b'"):
        KfpBackend(f"kfp+{speaker.url}").version("a/b")


@pytest.mark.parametrize(
    "body",
    [{"artifacts": {"a": 1}}, {"artifacts": [1]}, [1], b"<html>", b'{"artifacts": ['],
)
def test_a_listing_of_another_shape_is_a_contract_error(speaking: Start, body):  # noqa: F811
    """What is no list of artifacts is refused, however it is damaged."""
    speaker = speaking(server({"/apis/v2beta1/artifacts": (200, body)}))

    with pytest.raises(BackendContractError):
        KfpBackend(f"kfp+{speaker.url}").versions(RemoteQuery())


def test_a_page_that_comes_again_ends_the_listing(speaking: Start):  # noqa: F811
    """A server whose pages go round in a circle is refused instead of being read for ever."""
    page = {"artifacts": [{"artifact_id": "a"}], "next_page_token": "t"}
    speaker = speaking(server({"/apis/v2beta1/artifacts": (200, page)}))

    with pytest.raises(BackendContractError, match="second time"):
        KfpBackend(f"kfp+{speaker.url}").versions(RemoteQuery(artifact="x"))


@pytest.mark.parametrize("token", ["%%%", "bm9uZQ==", "W10="])
def test_a_token_of_nobody_is_refused(token):
    """A page token that was not handed out is a query error."""
    with pytest.raises(QueryError, match="no page token"):
        KfpBackend("kfp+http://127.0.0.1:9").versions(RemoteQuery(page_token=token))


def test_fewer_artifacts_than_sent_is_a_contract_error(speaking: Start):  # noqa: F811
    """A batch that is answered with fewer artifacts cannot be told apart, so it is refused."""
    speaker = speaking(server({"/apis/v2beta1/artifacts:batchCreate": (200, {"artifacts": []})}))
    api = KfpApi(KfpOptions.parse(f"kfp+{speaker.url}"), timeout_seconds=5)

    with pytest.raises(BackendContractError, match="other than the 1"):
        api.create_artifacts([{}])


@pytest.mark.parametrize(("iteration", "made"), [("0", "there"), ("1", "new")])
def test_a_task_of_dialect_s_is_looked_for_by_its_place(speaking: Start, iteration, made):  # noqa: F811
    """Where a repeated create would make a second task, the one of that place is taken."""
    task = {"name": "make", "type": "RUNTIME", "scope_path": "root.make", "parent_task_id": "p"}
    there = {**task, "task_id": "there", "type_attributes": {"iteration_index": "0"}}

    def script(_: int, request: bytes) -> Said:
        is_listing = request.startswith(b"GET")
        return answer(
            200, json.dumps({"tasks": [there]} if is_listing else {"task_id": "new"}).encode()
        )

    speaker = speaking(script)
    api = KfpApi(KfpOptions.parse(f"kfp+{speaker.url}?dialect=S"), timeout_seconds=10)
    body = {**task, "type_attributes": {"iteration_index": iteration}}

    found = api.create_task("r", body)
    first = api.create_task("r", body, is_first=True)

    assert (found["task_id"], first["task_id"]) == (made, "new")


def test_percent_and_plus_of_a_filter_are_encoded_twice():
    """The server decodes a filter a second time, so these two survive it."""
    assert predicates(("EQUALS", "name", {"string_value": "50%+x"})) == (
        '{"predicates":[{"operation":"EQUALS","key":"name","string_value":"50%25%2Bx"}]}'
    )


def test_links_that_cannot_be_read_are_a_contract_error(speaking: Start):  # noqa: F811
    """A row of an unknown type, and a task without an id, are named and not passed over."""
    tasks = "/apis/v2beta1/runs/r/tasks"
    row = {"id": "x", "artifact_id": "a", "task_id": "t", "type": "NEW_INPUT", "key": "k"}
    found = {"/apis/v2beta1/runs": (200, {}), tasks: (200, {"tasks": [{"task_id": "t"}]})}
    rows = {ROWS: (200, {"artifact_tasks": [row]}), "/apis/v2beta1/artifacts": (200, {})}
    strange = speaking(server({**found, **rows}))
    nameless = speaking(server({**found, tasks: (200, {"tasks": [{"name": "x"}]})}))

    with pytest.raises(BackendContractError, match="NEW_INPUT"):
        KfpBackend(f"kfp+{strange.url}").links("r")
    with pytest.raises(BackendContractError, match="without task_id"):
        KfpBackend(f"kfp+{nameless.url}").links("r")
