"""Dioptra's REST API: login, requests, pages, look-ups, and what its errors really mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from artifact_plugins.errors import (
    BackendContractError,
    BackendError,
    BackendRejectedError,
    BackendUnavailableError,
)
from artifact_plugins.transport import (
    Credentials,
    HttpAnswer,
    HttpClient,
    check_release,
    release_of,
)

from .place import Place

SYSTEM = "Dioptra"
BASE = "/api/v1/"
PAGE_LENGTH = 1000
# Another User-Agent on the same cookies ends the login, also for the first one.
_AGENT = {"User-Agent": "artifact-plugins"}
# A file is looked at by MLflow before it is registered; both may be slow.
SLOW_SECONDS = 60.0
_OLDEST, _NEWEST = "1.1", "1"
# The server retries MLflow for four minutes and then calls the run unknown.
_MLFLOW_UNKNOWN = "MlflowRunNotFoundError"


class ApiError(BackendRejectedError):
    """What Dioptra does not take, by its own name for it.

    Attributes:
        error: Dioptra's name of the error; its messages are of no use.
        detail: What it says about it.
    """

    error: str = ""
    detail: Mapping[str, Any] = {}


class MlflowUnknownError(BackendUnavailableError):
    """Dioptra says so of a run that MLflow does not know, and of an MLflow that it cannot reach."""


class DioptraApi:
    """Speaks to one Dioptra. Threads share it; nothing is opened when made."""

    def __init__(self, place: Place, *, timeout_seconds: float) -> None:
        self._place = place
        self._credentials = Credentials(place.url)
        self.http = HttpClient(
            place.url.base,
            system=SYSTEM,
            timeout_seconds=timeout_seconds,
            log_in=self._log_in,
            explain=explain,
        )

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Return the JSON of a resource; paths are below `/api/v1/`."""
        return self.http.request("GET", BASE + path, query=query or None).json_object()

    def post(self, path: str, body: Any, *, seconds: float | None = None) -> Any:
        """Create something; what it answers."""
        return self.http.request(
            "POST", BASE + path, json_body=body, timeout_seconds=seconds
        ).json()

    def put(self, path: str, body: Any) -> Any:
        """Replace something; what it answers."""
        return self.http.request("PUT", BASE + path, json_body=body).json()

    def download(self, path: str, **query: Any) -> bytes:
        """Return the bytes of a file or bundle."""
        answer = self.http.request(
            "GET", BASE + path, query=query or None, timeout_seconds=SLOW_SECONDS
        )
        return answer.body

    def found(self, path: str, **query: Any) -> dict[str, Any] | None:
        """Return a resource; None when there is none of that id, or it was deleted."""
        try:
            return self.get(path, **query)
        except ApiError as error:
            if error.status in (404, 423):
                return None
            raise

    def page(self, collection: str, **query: Any) -> dict[str, Any]:
        """Return one page of a collection."""
        page = self.get(collection, **query)
        if not isinstance(page.get("data"), list):
            raise contract(f"a page of {collection!r} without data")
        return page

    def all(self, collection: str, *, sort: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield everything of a collection, in an order that pages keep."""
        index = 0
        while True:
            page = self.page(collection, index=index, pageLength=PAGE_LENGTH, sortBy=sort, **query)
            yield from page["data"]
            index += len(page["data"])
            if page.get("isComplete", True) or not page["data"]:
                return

    def searched(self, collection: str, text: str, *, sort: str) -> Iterator[dict[str, Any]]:
        """Yield what has a text in its description, in any case of letters."""
        yield from self.all(collection, sort=sort, search=f'description:"*{escaped(text)}*"')

    def named(self, collection: str, name: str) -> list[dict[str, Any]]:
        """Return the things of a name, the oldest first: two that ask at once make two."""
        found = self.all(collection, sort="createdOn", search=f'name:"{escaped(name)}"')
        same = [item for item in found if item.get("name") == name]  # the search ignores case
        return sorted(same, key=lambda item: int(item["id"]))

    def make(self, collection: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the thing of this name, made when there is none; of several the oldest."""
        found = self.named(collection, body["name"])
        if not found:
            try:
                self.post(collection, body)
            except ApiError as error:
                existing_id(error)
            found = self.named(collection, body["name"])
        if not found:
            raise contract(f"no {body['name']!r} in {collection!r} right after it was made")
        return found[0]

    def version(self) -> str:
        """Return the version of the server.

        Raises:
            BackendContractError: It is no Dioptra, or one that is not known.
        """
        said = self.http.request("GET", "/health", is_open=True).json_object()
        version = str(said.get("version", ""))
        if said.get("status") != "healthy" or not release_of(version):
            raise contract("no health of a Dioptra")
        check_release(version, _OLDEST, _NEWEST, where=f"{SYSTEM} at {self._place.url.host}")
        return version

    def group(self) -> tuple[int, str]:
        """Return the id of the group that is used, and as whom we are logged in.

        Raises:
            BackendRejectedError: The user is in no such group.
        """
        user = self.get("users/current")
        groups = {str(group["name"]): int(group["id"]) for group in user.get("groups", ())}
        if self._place.group not in groups:
            raise BackendRejectedError(
                f"{SYSTEM} user {user.get('username')!r} is in no group {self._place.group!r}",
                hint=f"there are {sorted(groups)}; name one in the URL (&group=...)",
            )
        return groups[self._place.group], str(user.get("username", ""))

    def _log_in(self) -> Mapping[str, str]:
        body = {field: self._credentials.require(field) for field in ("username", "password")}
        with self._credentials.named("username", "password"):
            answer = self.http.request(
                "POST", f"{BASE}auth/login", json_body=body, headers=_AGENT, is_open=True
            )
        cookies: dict[str, str] = {}
        for line in answer.headers.get("set-cookie", "").splitlines():
            try:
                cookies |= {name: found.value for name, found in SimpleCookie(line).items()}
            except CookieError as error:
                raise contract("a login with an unreadable cookie") from error
        if not cookies:
            raise contract("a login without cookies")
        return {**_AGENT, "Cookie": "; ".join(f"{name}={v}" for name, v in cookies.items())}


def explain(answer: HttpAnswer) -> BackendError | None:
    """Return what an unwanted answer means: by its name first, then by shape, last by status."""
    said = answer.said if answer.body else {}
    if not isinstance(said, dict):
        return None if answer.status >= 500 else answer.unexpected(f"{answer.status} and no JSON")
    name = str(said.get("error") or "")
    if answer.status == 401:
        return answer.error(str(said.get("message", name)))
    if name == _MLFLOW_UNKNOWN:
        return MlflowUnknownError(
            f"{SYSTEM} answered {answer.request}: its MLflow does not know the run, or is down",
            hint="it is tried again; the ledger has the record",
            status=answer.status,
        )
    message = name or "; ".join(_messages(said))
    if answer.status in (408, 425, 429) or answer.status > 500:
        return answer.error(message)  # of a gateway before it
    if name or "errors" in said:
        detail = said.get("detail") or {}
        return answer.rejected(ApiError, message + _shown(detail), error=name, detail=detail)
    return answer.error(message)


def escaped(text: str) -> str:
    """Return a text for double quotes in a search."""
    return re.sub(r'([\\?*"])', r"\\\1", text).replace("\n", "\\n")


def contract(what: str) -> BackendContractError:
    """Return the error for an answer that no known version gives."""
    return BackendContractError(
        f"{SYSTEM} answered with {what}",
        hint="is it Dioptra, of a version that is supported? the ledger has the record",
    )


def says(*names: str) -> Callable[[BackendError], bool]:
    """Return what tells errors by Dioptra's names for them."""
    return lambda error: isinstance(error, ApiError) and error.error in names


def existing_id(error: ApiError) -> Any:
    """Return the id of what is there already; raises an error that says anything else."""
    if error.error != "EntityExistsError":
        raise error
    return error.detail.get("existing_id")


def _messages(said: Mapping[str, Any]) -> Iterator[str]:
    if said.get("message"):
        yield str(said["message"])
    errors = said.get("errors")
    if isinstance(errors, dict):
        yield from (f"{name}: {problem}" for name, problem in errors.items())


def _shown(detail: Any) -> str:
    return f" {str(detail)[:300]}" if detail else ""
