"""One MLTE server: log in, create, read, list, delete; one named error for each refusal."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from artifact_integrations.mlte import CREDENTIALS, OPTIONS, ids
from artifact_integrations.mlte.documents import Place
from artifact_plugins.contracts.backend import BackendInfo
from artifact_plugins.errors import (
    BackendAuthError,
    BackendContractError,
    BackendError,
    BackendUnavailableError,
)
from artifact_plugins.transport import BackendUrl, Credentials, HttpAnswer, HttpClient, quoted

SYSTEM = "MLTE"

_TITLE = "MLTE Artifact Store"
_PREFIX = "/api"
# The type had another name before 2.3, when MLTE chose other ids too.
_TYPE_SINCE_2_3 = "card"
# A login takes longer with every model of a SQL store, a listing with every document.
_SLOW_FACTOR = 6.0
_LIST_LIMIT = 1_000_000_000
_LIST_BYTES = 256 * 1024 * 1024
_DETAILS_SHOWN = 3


class Connection:
    """Requests to one MLTE server. Safe to share between threads; opens nothing when made.

    Args:
        url: `mlte+http://host:port`, with a path when the API is not below `/api`.
        timeout_seconds: Of one request; logins and listings may take longer.
    """

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        place = BackendUrl.parse(url, known=OPTIONS, credentials=CREDENTIALS)
        self._credentials = Credentials(place)
        is_bare = place.base.count("/") == 2
        self._http = HttpClient(
            place.base + (_PREFIX if is_bare else ""),
            system=SYSTEM,
            timeout_seconds=timeout_seconds,
            max_body_bytes=_LIST_BYTES,
            log_in=self._log_in,
            explain=_explain,
        )
        self._slow_seconds = timeout_seconds * _SLOW_FACTOR
        self._lock = threading.Lock()
        self._is_checked = False
        self._models: set[str] = set()

    def close(self) -> None:
        """Close the connections; a later request opens them again."""
        self._http.close()

    def probe(self) -> BackendInfo:
        """Check that this is MLTE, of a version to work with, and that it knows us.

        Raises:
            BackendContractError: It is something else, or older than 2.3.
            BackendAuthError: It does not know us.
        """
        answer = self._http.request("GET", "/healthz", is_open=True, expect=range(200, 500))
        if answer.status != 200 or answer.json() != {"status": "healthy"}:
            raise answer.unexpected(
                f"{answer.status} and no word of its health: {answer.text[:80]!r}"
            )
        self._check_version()
        found = self._http.request("GET", "/user/me", timeout_seconds=self._slow_seconds)
        user = found.json_object()
        return BackendInfo(
            system=SYSTEM,
            version="2.3 or later",
            user=str(user.get("username", "")),
            facts={"role": str(user.get("role", "")), "api": self._http.base_url},
        )

    def create(self, place: Place, artifact: Mapping[str, Any]) -> dict[str, Any] | None:
        """Create one document, its model and its MLTE version.

        Returns:
            The document as it was stored; None when there is one of that id.

        Raises:
            BackendContractError: It was stored under another id.
        """
        self._ensure(place.model)
        try:
            answer = self._http.request(
                "POST",
                f"{_group(place.model, place.version)}/artifact",
                json_body={"artifact": artifact, "force": False, "parents": True},
                expect=(200, 409),
            )
        except BackendUnavailableError:
            # It may come back empty, and then the model must be made anew.
            with self._lock:
                self._models.discard(place.model)
            raise
        if answer.status == 409:
            return None
        stored = answer.json_object().get("artifact")
        if _identifier(stored) != place.identifier:
            raise answer.unexpected(
                f"a document {_identifier(stored)!r} instead of {place.identifier!r}"
            )
        assert isinstance(stored, dict)
        return stored

    def read(self, model: str, version: str, identifier: str) -> dict[str, Any] | None:
        """Return one document; None when there is none."""
        answer = self._http.request("GET", _path(model, version, identifier), expect=(200, 404))
        if answer.status == 404:
            return None
        found = answer.json_object()
        # Two ids have one URL when one of them has `---` where the other has `/`.
        return found if _identifier(found) == identifier else None

    def delete(self, model: str, version: str, identifier: str) -> bool:
        """Delete one document; False when there was none."""
        path = _path(model, version, identifier)
        return self._http.request("DELETE", path, expect=(200, 404)).status == 200

    def documents(self, model: str, version: str) -> list[dict[str, Any]]:
        """Return all documents of an MLTE version; none when there is no such version."""
        # One large page: the server reads the whole version for each, and
        # without a limit it would leave out what comes after the hundredth.
        path = f"{_group(model, version)}/artifact"
        try:
            answer = self._http.request(
                "GET",
                path,
                query={"limit": _LIST_LIMIT},
                expect=(200, 404),
                timeout_seconds=self._slow_seconds,
            )
        except BackendUnavailableError as error:
            # What stores without SQL say of a version that is not there.
            if error.status == 500 and not self.has_version(model, version):
                return []
            raise
        if answer.status == 404:
            return []
        return [one for one in answer.json_list() if isinstance(one, dict)]

    def models(self) -> list[str]:
        """Return the models that the user may see."""
        answer = self._http.request("GET", "/model", expect=(200, 403))
        if answer.status == 403:
            answer = self._http.request("GET", "/user/me/models")
        return sorted(str(one) for one in answer.json_list())

    def versions(self, model: str) -> list[str]:
        """Return the MLTE versions of a model; none when there is no such model."""
        path = f"/model/{quoted(model)}/version"
        answer = self._http.request("GET", path, expect=(200, 404))
        return [] if answer.status == 404 else sorted(str(one) for one in answer.json_list())

    def has_version(self, model: str, version: str) -> bool:
        """Tell whether a model has an MLTE version."""
        return self._http.request("GET", _group(model, version), expect=(200, 404)).status == 200

    def _ensure(self, model: str) -> None:
        """Check the server once; make a model before the first document in it.

        A model that comes to be with a document is not readable by the regular
        user who wrote it; one that is made by itself is.
        """
        self._check_version()
        with self._lock:
            if model in self._models:
                return
        made = {"identifier": model, "versions": []}
        self._http.request("POST", "/model", json_body=made, expect=(200, 409))
        with self._lock:
            self._models.add(model)

    def _check_version(self) -> None:
        if self._is_checked:
            return
        answer = self._http.request(
            "GET",
            "/openapi.json",
            is_open=True,
            expect=range(200, 500),
            timeout_seconds=self._slow_seconds,  # made when it is first asked for
        )
        if answer.status != 200:
            raise answer.unexpected(f"{answer.status} and no description of itself")
        try:
            described = answer.json_object()
            title = described["info"]["title"]
            types = described["components"]["schemas"]["ArtifactType"]["enum"]
        except (KeyError, TypeError) as error:
            raise answer.unexpected("the description of another service") from error
        if title != _TITLE:
            raise answer.unexpected(f"the description of {title!r}")
        if _TYPE_SINCE_2_3 not in types:
            raise BackendContractError(
                f"{SYSTEM} at {self._http.base_url} is older than 2.3: it has the artifact "
                f"types {types}",
                hint="older servers choose other document ids; upgrade it, nothing was sent",
                status=answer.status,
            )
        self._is_checked = True

    def _log_in(self) -> dict[str, str]:
        form = {
            "grant_type": "password",
            "username": self._credentials.require("username"),
            "password": self._credentials.require("password"),
        }
        answer = self._http.request(
            "POST",
            "/token",
            form=form,
            is_open=True,
            expect=range(200, 500),
            timeout_seconds=self._slow_seconds,
        )
        if answer.status in (400, 401, 403):
            raise BackendAuthError(
                f"{SYSTEM} at {self._http.base_url} refuses the login of "
                f"{form['username']!r}: {_message(answer)}",
                hint="look at ARTIFACT_PLUGINS_MLTE_USERNAME and _PASSWORD; the ledger has the record",
                status=answer.status,
            )
        if answer.status in (408, 425, 429):
            raise answer.error(_message(answer))
        token = answer.json_object().get("access_token") if answer.status == 200 else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise answer.unexpected(f"{answer.status} and no token")
        return {"Authorization": f"Bearer {token}"}


def _group(model: str, version: str) -> str:
    return f"/model/{quoted(model)}/version/{quoted(version)}"


def _path(model: str, version: str, identifier: str) -> str:
    return f"{_group(model, version)}/artifact/{quoted(ids.in_url(identifier))}"


def _identifier(artifact: object) -> str | None:
    header = artifact.get("header") if isinstance(artifact, dict) else None
    found = header.get("identifier") if isinstance(header, dict) else None
    return found if isinstance(found, str) else None


def _explain(answer: HttpAnswer) -> BackendError:
    return answer.error(_message(answer))


def _message(answer: HttpAnswer) -> str:
    """Return what the server says went wrong, without what it was sent."""
    said = answer.said
    if not isinstance(said, dict):
        return answer.text
    detail = said.get("detail") or said.get("error_description") or said.get("error")
    if not isinstance(detail, list):
        return str(detail or answer.text)[:500]
    shown = [_place_and_message(one) for one in detail[:_DETAILS_SHOWN]]
    more = len(detail) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def _place_and_message(one: object) -> str:
    if not isinstance(one, dict):
        return str(one)[:200]
    place = ".".join(str(part) for part in one.get("loc") or ())
    return f"{place}: {one.get('msg', '')}"[:200]
