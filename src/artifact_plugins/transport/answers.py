"""What a server answered, and which named error an unwanted answer is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from artifact_plugins.errors import (
    BackendAuthError,
    BackendContractError,
    BackendError,
    BackendRejectedError,
    BackendUnavailableError,
)
from artifact_plugins.transport.retry_after import retry_after_seconds

_SHOWN_CHARACTERS = 500
_STILL_SAFE = "the ledger has the record"
_OF_CALLER = (401, 403, 407)
_FOR_NOW = (408, 425, 429)
_GATEWAY_TIMEOUT = 504
Rejected = TypeVar("Rejected", bound=BackendRejectedError)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One answer, read to its end.

    Attributes:
        system: Whose it is, for messages.
        request: What was asked, without query and credentials: `POST /api/v1/steps`.
        status: HTTP status.
        headers: By lower-case name; the last of several. `set-cookie` holds all of them,
            one a line.
        body: The bytes, decoded from gzip and the like.
    """

    system: str
    request: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        """Whether it says that it is JSON."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return kind == "application/json" or kind.endswith("+json")

    @property
    def text(self) -> str:
        """The beginning of the body on one line, for messages."""
        shown = self.body[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "replace")
        return " ".join("".join(c if c.isprintable() else " " for c in shown).split())[
            :_SHOWN_CHARACTERS
        ]

    @property
    def said(self) -> Any:
        """The body as JSON; None when it is none, as of a gateway before the server."""
        try:
            return self.json()
        except BackendContractError:
            return None

    @property
    def is_refusal(self) -> bool:
        """Whether the request itself was refused: not who asks, and not for now."""
        return 400 <= self.status < 500 and self.status not in _OF_CALLER + _FOR_NOW

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            BackendContractError: It is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            what = f"{self.status} and no JSON: {self.text[:120]!r}"
            raise self.unexpected(what) from error

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises:
            BackendContractError: It is none.
        """
        found = self.json()
        if not isinstance(found, dict):
            raise self.unexpected(f"a {type(found).__name__} instead of an object")
        return found

    def json_list(self) -> list[Any]:
        """Return the body as a JSON list.

        Raises:
            BackendContractError: It is none.
        """
        found = self.json()
        if not isinstance(found, list):
            raise self.unexpected(f"a {type(found).__name__} instead of a list")
        return found

    def unexpected(self, what: str) -> BackendContractError:
        """Return the error for an answer that no known version gives."""
        return BackendContractError(
            f"{self.system} answered {self.request} with {what}",
            hint=f"is it {self.system}, of a version that is supported? {_STILL_SAFE}",
            status=self.status,
        )

    def error(self, message: str | None = None) -> BackendError:
        """Return the error that an unwanted status is.

        Args:
            message: The server's own message; None: the beginning of the body.
        """
        said = message if message is not None else self.text
        if self.is_refusal:
            return self.rejected(BackendRejectedError, said)
        what, status = self._what(said), self.status
        if status in _OF_CALLER:
            return BackendAuthError(
                what, hint=f"look at the credentials; {_STILL_SAFE}", status=status
            )
        if status in _FOR_NOW or status >= 500:
            return BackendUnavailableError(
                what,
                hint=f"it is tried again; {_STILL_SAFE}",
                status=status,
                retry_after_seconds=retry_after_seconds(
                    self.headers.get("retry-after"), date=self.headers.get("date")
                ),
                may_have_happened=status not in (425, 429),
                is_late=status == _GATEWAY_TIMEOUT,
            )
        return BackendContractError(
            what, hint=f"redirects are not followed; {_STILL_SAFE}", status=status
        )

    def rejected(self, error: type[Rejected], message: str, /, **facts: Any) -> Rejected:
        """Return a refusal with the server's message; its class may have further facts."""
        return error(self._what(message), hint=_STILL_SAFE, status=self.status, **facts)

    def _what(self, message: str) -> str:
        what = f"{self.system} answered {self.request} with {self.status}"
        return f"{what}: {message}" if message else what
