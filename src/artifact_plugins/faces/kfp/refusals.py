"""What the server answers instead of a result: `google.rpc.Status` as KFP fills it."""

from __future__ import annotations

from typing import Any

_HTTP_OF_CODE = {3: 400, 5: 404, 7: 403, 13: 500, 14: 503, 16: 401}
_STATUS_TYPE = "type.googleapis.com/google.rpc.Status"


class Refusal(Exception):
    """An answer that is an error.

    Attributes:
        code: gRPC code.
        http: HTTP status.
        message: The whole chain, outermost first, joined by ": ".
        detail: What is meant for people; None for what never reached a service.
        headers: Further HTTP headers.
    """

    def __init__(
        self,
        code: int,
        message: str,
        detail: str | None = None,
        *,
        http: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.http = _HTTP_OF_CODE[code] if http is None else http
        self.message = message
        self.detail = detail
        self.headers = headers or {}

    def within(self, what: str) -> Refusal:
        """Return the same refusal as the one who asked for it reports it."""
        return Refusal(
            self.code, f"{what}: {self.message}", self.detail, http=self.http, headers=self.headers
        )

    def body(self) -> dict[str, Any]:
        """Return the JSON of the answer."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.detail is not None:
            detail = {"@type": _STATUS_TYPE, "code": self.code, "message": self.detail}
            body["details"] = [detail]
        return body


def invalid(text: str) -> Refusal:
    """Return the refusal of a request that breaks a rule."""
    return Refusal(3, f"Invalid input error: {text}", text)


def not_found(kind: str, name: str) -> Refusal:
    """Return the refusal of a request for a record that is not there."""
    text = f"{kind} {name} not found"
    return Refusal(5, f"ResourceNotFoundError: {text}", text)


def internal(text: str) -> Refusal:
    """Return the refusal of what the database does not take; people learn no more."""
    return Refusal(13, f"InternalServerError: {text}", "Internal Server Error")


def denied(text: str) -> Refusal:
    """Return the refusal of what the caller may not do."""
    return Refusal(7, f"PermissionDenied: {text}", text)


def unauthenticated(text: str) -> Refusal:
    """Return the refusal of a caller who is unknown."""
    return Refusal(16, f"Unauthenticated: {text}", text, headers={"www-authenticate": "Bearer"})


def malformed(text: str) -> Refusal:
    """Return the refusal of a body that is not the JSON of its message."""
    return Refusal(3, f"proto: {text}")


def gateway(code: int, text: str, http: int, **headers: str) -> Refusal:
    """Return a refusal of the HTTP layer, which no service saw."""
    return Refusal(code, text, http=http, headers=headers)
