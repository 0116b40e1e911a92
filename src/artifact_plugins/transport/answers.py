"""What a server answered, and which named error an unwanted answer is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            BackendContractError: It is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise BackendContractError(
                f"{self.system} answered {self.request} with {self.status} and no JSON: "
                f"{self.text[:120]!r}",
                hint=f"is it {self.system} at all? {_STILL_SAFE}",
                status=self.status,
            ) from error

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
        what = f"{self.system} answered {self.request} with {self.status}"
        what += f": {said}" if said else ""
        status = self.status
        if status in (401, 403, 407):
            return BackendAuthError(
                what, hint=f"look at the credentials; {_STILL_SAFE}", status=status
            )
        if status in (408, 425, 429) or status >= 500:
            return BackendUnavailableError(
                what,
                hint=f"it is tried again; {_STILL_SAFE}",
                status=status,
                retry_after_seconds=retry_after_seconds(self.headers.get("retry-after")),
                may_have_happened=status not in (425, 429),
            )
        if 400 <= status < 500:
            return BackendRejectedError(what, hint=_STILL_SAFE, status=status)
        return BackendContractError(
            what, hint=f"redirects are not followed; {_STILL_SAFE}", status=status
        )
