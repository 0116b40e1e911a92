"""Every shape in which ZenML, or something else, says no, is a named error with its message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from artifact_integrations.zenml.failures import explain, is_illegal
from artifact_plugins.errors import (
    BackendAuthError,
    BackendContractError,
    BackendError,
    BackendRejectedError,
    BackendUnavailableError,
)
from artifact_plugins.transport import HttpAnswer, is_missing, is_taken

SECRET = "hunter2-in-the-payload"
VALIDATION = (
    "1 validation error:\n {'type': 'string_type', 'loc': ('body', 'values', 'k'), "
    f"'msg': 'Input should be a valid string', 'input': '{SECRET}'}}"
)


def error_of(status: int, body: Any, **headers: str) -> BackendError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = HttpAnswer("ZenML", "POST /steps", status, headers, data)
    return explain(answer) or answer.error()


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (409, {"detail": ["EntityExistsError", "taken"]}, BackendRejectedError, "EntityExistsError: taken"),
        (404, {"detail": ["KeyError", "\"no 'x'\""]}, BackendRejectedError, "KeyError: no 'x'"),
        (400, {"detail": ["ValueError", "used"]}, BackendRejectedError, "ValueError: used"),
        (403, {"detail": ["IllegalOperationError", "finished"]}, BackendRejectedError, "finished"),
        (403, {"detail": ["AuthorizationException", "no"]}, BackendAuthError, "no"),
        (401, {"detail": ["CredentialsNotValid", "wrong"]}, BackendAuthError, "wrong"),
        (401, {"detail": "Not authenticated"}, BackendAuthError, "Not authenticated"),
        (422, ["ValueError", VALIDATION], BackendRejectedError, "body.values.k: Input should be"),
        (500, {"detail": ["RuntimeError", "broken"]}, BackendUnavailableError, "broken"),
        (500, {"detail": "An unexpected error occurred.", "request_id": "1"}, BackendUnavailableError, "unexpected"),
        (429, {"error": "Server too busy. Please try again later."}, BackendUnavailableError, "too busy"),
        (500, b"Internal Server Error", BackendUnavailableError, "Internal Server Error"),
        (503, b"<html>away</html>", BackendUnavailableError, "away"),
        (401, b"<html>who?</html>", BackendAuthError, "who"),
        (404, {"detail": "Not Found"}, BackendContractError, "not as ZenML does"),
        (405, {"detail": "Method Not Allowed"}, BackendContractError, "not as ZenML does"),
        (404, b"<html>nothing here</html>", BackendContractError, "not as ZenML does"),
        (418, {"tea": 1}, BackendContractError, "not as ZenML does"),
        (302, b"", BackendContractError, "not as ZenML does"),
        (404, b"\xff\xfe[[[[", BackendContractError, "not as ZenML does"),
    ],
)  # fmt: skip
def test_every_shape(status: int, body: Any, kind: type[BackendError], message: str) -> None:
    """The five shapes of ZenML keep its message; what has none of them is no ZenML."""
    error = error_of(status, body)

    assert type(error) is kind
    assert message in str(error)
    assert getattr(error, "status", None) == status


def test_payload_is_not_repeated() -> None:
    """A validation error says where and why, not what was sent."""
    assert SECRET not in str(error_of(422, ["ValueError", VALIDATION]))


def test_waiting_time_is_kept() -> None:
    """Retry-After of a busy server reaches the deliverer."""
    error = error_of(429, {"error": "busy"}, **{"retry-after": "7"})

    assert isinstance(error, BackendUnavailableError)
    assert error.retry_after_seconds == 7


def test_kinds_of_refusal() -> None:
    """Missing, taken and illegal are told apart."""
    missing = error_of(404, {"detail": ["KeyError", "x"]})
    taken = error_of(409, {"detail": ["EntityExistsError", "x"]})
    illegal = error_of(403, {"detail": ["IllegalOperationError", "x"]})

    assert [is_missing(one) for one in (missing, taken, illegal)] == [True, False, False]
    assert [is_taken(one) for one in (missing, taken, illegal)] == [False, True, False]
    assert [is_illegal(one) for one in (missing, taken, illegal)] == [False, False, True]
