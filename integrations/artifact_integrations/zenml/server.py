"""One ZenML server: who asks, which version answers, in which project and stack it works."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from artifact_plugins.errors import (
    BackendAuthError,
    BackendRejectedError,
)
from artifact_plugins.transport import (
    BackendUrl,
    Credentials,
    HttpClient,
    check_release,
    quoted,
    release_of,
    unless_missing,
)

from .failures import explain

SYSTEM = "ZenML"
_OLDEST, _NEWEST = "0.91", "0.98"
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the server records go, and what this version of it can do.

    Attributes:
        version: Of the server: `0.98.0`.
        project_id: Bodies of requests want the id; filters take the name.
        stack_id: Every pipeline snapshot has a stack; nothing of ours runs on it.
        reads_lists: An input of a step may be a list of outputs (from 0.94).
        skips: Steps may be skipped (from 0.94).
    """

    version: str
    project: str
    project_id: str
    stack_id: str
    reads_lists: bool
    skips: bool


class Server:
    """Requests to one server; opens nothing when made. Safe to share between threads.

    Args:
        url: Its base is the server's address; options: `project`, `stack`.
        timeout_seconds: Of one request.
    """

    def __init__(self, url: BackendUrl, *, timeout_seconds: float) -> None:
        self.url = url
        self.project = url.options.get("project") or "default"
        self._stack = url.options.get("stack") or "default"
        self._credentials = Credentials(url)
        self._http = HttpClient(
            f"{url.base}/api/v1",
            system=SYSTEM,
            timeout_seconds=timeout_seconds,
            log_in=self._log_in,
            explain=explain,
        )
        self._lock = threading.Lock()
        self._place: Place | None = None

    def get(self, path: str, query: Any = None) -> dict[str, Any]:
        """Return a JSON object."""
        return self._http.request("GET", path, query=query).json_object()

    def post(self, path: str, body: Mapping[str, Any], *, key: UUID | None = None) -> Any:
        """Create something and return the answer.

        Args:
            path: Below `/api/v1`.
            body: JSON.
            key: The server answers the same to the same key for 300 seconds.
        """
        headers = None if key is None else {"Idempotency-Key": str(key)}
        return self._http.request("POST", path, json_body=body, headers=headers).json()

    def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change something and return it."""
        return self._http.request("PUT", path, json_body=body).json_object()

    def delete(self, path: str) -> bool:
        """Delete something; False when it is not there."""
        request = partial(self._http.request, "DELETE", path, expect=(200, 204))
        return unless_missing(request) is not None

    def write_metadata(self, kind: str, external_id: str, values: Mapping[str, Any]) -> None:
        """Set metadata of something; what it had under other keys stays."""
        body = {
            "project": self.place().project_id,
            "resources": [{"id": external_id, "type": kind}],
            "values": dict(values),
            "types": {key: type(value).__name__ for key, value in values.items()},
        }
        self.post("/run-metadata", body)

    def items(self, path: str, query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the items of all pages of a listing, oldest first."""
        number = 1
        while True:
            page = self.page(path, {"sort_by": "asc:created", "size": _PAGE, **query}, number)
            yield from page["items"]
            if number >= page["total_pages"] or not page["items"]:
                return
            number += 1

    def page(self, path: str, query: Mapping[str, Any], number: int) -> dict[str, Any]:
        """Return one page of a listing: `items`, `total` and `total_pages`.

        Raises:
            BackendContractError: It is no page.
        """
        answer = self._http.request("GET", path, query={**query, "page": number})
        page = answer.json_object()
        items = page.get("items")
        if not isinstance(items, list) or not isinstance(page.get("total_pages"), int):
            raise answer.unexpected("a listing without items and total_pages")
        if not all(isinstance(item, dict) and isinstance(item.get("id"), str) for item in items):
            raise answer.unexpected("items without an id")
        return page

    def first(self, path: str, query: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the oldest item of a listing; None when there is none."""
        items = self.page(path, {"sort_by": "asc:created", "size": 1, **query}, 1)["items"]
        found: dict[str, Any] | None = items[0] if items else None
        return found

    def info(self) -> dict[str, Any]:
        """Return what the server says about itself without a login.

        Raises:
            BackendContractError: It is no ZenML server, or of a version that
                is not known.
        """
        answer = self._http.request("GET", "/info", is_open=True)
        said = answer.json_object()
        if not isinstance(said.get("version"), str) or "auth_scheme" not in said:
            raise answer.unexpected("no version and auth_scheme")
        check_release(said["version"], _OLDEST, _NEWEST, where=f"ZenML at {self.url.host}")
        return said

    def place(self) -> Place:
        """Return where records go; asked once, and again after `forget`.

        Raises:
            BackendRejectedError: There is no such project or stack.
        """
        with self._lock:
            if self._place is None:
                self._place = self._look_around()
            return self._place

    def forget(self) -> None:
        """Look around again before the next request: the server may be another one by now."""
        with self._lock:
            self._place = None

    def user(self) -> str:
        """Return as whom the server knows us."""
        return str(self.get("/current-user").get("name", ""))

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _look_around(self) -> Place:
        version = self.info()["version"]
        numbers = release_of(version)
        return Place(
            version=version,
            project=self.project,
            project_id=self._project_id(),
            stack_id=self._stack_id(),
            reads_lists=numbers >= (0, 94),
            skips=numbers >= (0, 94),
        )

    def _project_id(self) -> str:
        found = unless_missing(lambda: self.get(f"/projects/{quoted(self.project)}"))
        if found is None:
            raise self._without("project", self.project, self._names("/projects"))
        return str(found["id"])

    def _stack_id(self) -> str:
        found = self.first("/stacks", {"name": self._stack})
        if found is None:
            raise self._without("stack", self._stack, self._names("/stacks"))
        return str(found["id"])

    def _names(self, path: str) -> Sequence[str]:
        page = self.page(path, {"size": 20}, 1)
        return [str(item.get("name", "")) for item in page["items"]]

    def _without(self, kind: str, name: str, there: Sequence[str]) -> BackendRejectedError:
        return BackendRejectedError(
            f"ZenML at {self.url.host} has no {kind} {name!r}",
            hint=f"there are {sorted(there)}; name one in the URL (?{kind}=...) or create it; "
            "nothing was sent, the ledger has the records",
            status=404,
        )

    def _log_in(self) -> Mapping[str, str]:
        """Return the headers of a new token; an API key is not sent with every request.

        The server hashes a key each time it sees one, which takes longer than the request.
        """
        scheme = self.info()["auth_scheme"]
        if scheme == "NO_AUTH":
            return {}
        # A URL with a user of its own is not for the key of another server.
        has_user = self._credentials.are_in_url("username", "password")
        has_key = self._credentials.are_in_url("api_key")
        key = None if has_user and not has_key else self._credentials.find("api_key")
        if key is not None:
            with self._credentials.named("api_key"):
                return self._token({"grant_type": "zenml-api-key", "password": key})
        username = self._username()
        password = self._credentials.require("password")
        if scheme == "HTTP_BASIC":
            pair = base64.b64encode(f"{username}:{password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        with self._credentials.named("username", "password"):
            return self._token({"username": username, "password": password})

    def _username(self) -> str:
        name = self._credentials.find("username")
        if name is None:
            raise BackendAuthError(
                f"backend zenml at {self.url.host} needs credentials",
                hint=f"set {self._credentials.variable('api_key')}, or "
                f"{self._credentials.variable('username')} and "
                f"{self._credentials.variable('password')}; nothing was lost",
                system="zenml",
            )
        return name

    def _token(self, form: Mapping[str, str]) -> Mapping[str, str]:
        answer = self._http.request("POST", "/login", form=form, is_open=True)
        token = answer.json_object().get("access_token")
        if not isinstance(token, str) or not token:
            raise answer.unexpected("no access_token")
        return {"Authorization": f"Bearer {token}"}
