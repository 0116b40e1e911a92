"""One HTTP client for all backends: deadlines, limits, one renewed login, named errors.

Nothing is repeated here but a request that was answered with 401 and got new
credentials: what to do after a lost answer is known only to who asked.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, urlencode

from artifact_plugins.errors import (
    BackendContractError,
    BackendError,
    BackendRejectedError,
    BackendUnavailableError,
    describe,
)
from artifact_plugins.transport.answers import HttpAnswer

if TYPE_CHECKING:
    import urllib3

Query = Mapping[str, Any] | Sequence[tuple[str, Any]]
_CHUNK_BYTES = 64 * 1024
_LARGE_BYTES = 1024 * 1024
_SECRET = re.compile(r"password|token|secret|key", re.IGNORECASE)
_SECRET_CHARACTERS = 6


class HttpClient:
    """Sends requests to one base URL. Safe to share between threads; opens nothing when made.

    Args:
        base_url: `http://host:port/prefix`; paths are joined to it.
        system: Name for messages.
        timeout_seconds: Of a whole request, from connecting to the last byte of
            the answer; a quarter of it for connecting, at most 10 s.
        max_body_bytes: A longer answer is refused.
        log_in: Returns the headers that say who asks; called before the first
            request that wants them and after a 401, once at a time.
        explain: Returns the error that an unwanted answer is, or None for the usual one.
        connections: Kept open at a time.
    """

    def __init__(
        self,
        base_url: str,
        *,
        system: str,
        timeout_seconds: float = 30.0,
        max_body_bytes: int = 64 * 1024 * 1024,
        log_in: Callable[[], Mapping[str, str]] | None = None,
        explain: Callable[[HttpAnswer], BackendError | None] | None = None,
        connections: int = 16,
    ) -> None:
        import urllib3  # noqa: F401  # here, where backends are made one at a time, not in `_send`

        self.base_url = base_url.rstrip("/")
        self.system = system
        self.timeout_seconds = timeout_seconds
        self._max_body_bytes = max_body_bytes
        self._log_in = log_in
        self._explain = explain
        self._connections = connections
        self._lock = threading.Lock()
        self._login_lock = threading.Lock()
        self._login: Mapping[str, str] | None = None
        self._pool: urllib3.PoolManager | None = None

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        json_body: Any = None,
        form: Mapping[str, str] | None = None,
        data: bytes | BinaryIO | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Iterable[int] = (200,),
        is_open: bool = False,
        timeout_seconds: float | None = None,
    ) -> HttpAnswer:
        """Send one request and read its answer to the end.

        Args:
            method: `GET`, `POST`, ...
            path: Joined to the base URL as it is: quote parts with `quoted`.
            query: Names and values; None is left out, lists repeat the name.
            json_body: Sent as JSON; NaN, infinity and lone surrogates are refused.
            form: Sent as a form.
            data: Sent as it is; a file from where it stands, which a renewed
                login rewinds.
            headers: Besides the usual ones.
            expect: Statuses that are no error.
            is_open: Needs no login.
            timeout_seconds: Instead of the client's.

        Raises:
            BackendUnavailableError: Not reached, too slow, cut, 408, 425, 429 or 5xx.
            BackendAuthError: 401 after a renewed login, 403, or a certificate that does
                not verify.
            BackendRejectedError: Another 4xx, or a body that is no JSON.
            BackendContractError: A redirect, or an answer over the limit.
        """
        kind, body = _encoded(self.system, json_body, form, data)
        sent = {"Accept": "application/json", **kind, **(headers or {})}
        start = 0
        if body is not None and not isinstance(body, bytes):
            start = body.tell()
            # Else it would be sent in chunks, which not every server takes.
            sent["Content-Length"] = str(body.seek(0, os.SEEK_END) - start)
            body.seek(start)
        used = None if is_open else self._who(None)
        send = (method, path, query, timeout_seconds or self.timeout_seconds)
        answer = self._send(*send, sent | dict(used or {}), body)
        if answer.status == 401 and used is not None:
            if body is not None and not isinstance(body, bytes):
                body.seek(start)
            answer = self._send(*send, sent | dict(self._who(used) or {}), body)
        if answer.status in tuple(expect):
            return answer
        logins = (*(self._login or {}).values(), *(used or {}).values())
        secrets = {secret for login in logins for secret in _secrets_of(login)}
        secrets.update(_given(form), _given(json_body))
        answer = replace(answer, body=_without(answer.body, secrets))
        raise (self._explain and self._explain(answer)) or answer.error()

    def forget_login(self) -> None:
        """Log in again before the next request."""
        with self._login_lock:
            self._login = None

    def close(self) -> None:
        """Close the connections; a later request opens them again."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.clear()

    def _who(self, refused: Mapping[str, str] | None) -> Mapping[str, str] | None:
        """Return the headers of the login, made anew when it is still the refused one."""
        if self._log_in is None:
            return None
        with self._login_lock:
            if self._login is None or self._login is refused:
                self._login = None
                self._login = self._log_in()
            return self._login

    def _send(
        self,
        method: str,
        path: str,
        query: Query | None,
        timeout_seconds: float,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None,
    ) -> HttpAnswer:
        import urllib3

        from artifact_plugins.transport.connections import ends_at

        started = time.monotonic()
        url = self.base_url + path + (f"?{_encoded_query(query)}" if query else "")
        request = f"{method} {path}"
        # On a new connection the body is sent within the time for connecting.
        is_large = body is not None and not (isinstance(body, bytes) and len(body) < _LARGE_BYTES)
        connect = timeout_seconds if is_large else min(10.0, timeout_seconds / 4)
        limits = urllib3.Timeout(connect=connect, read=timeout_seconds)
        try:
            with ends_at(started + timeout_seconds):
                response = self._opened().request(
                    method,
                    url,
                    body=body,
                    headers=headers,
                    timeout=limits,
                    retries=False,
                    redirect=False,
                    preload_content=False,
                )
                try:
                    content = self._read(response, request)
                except BaseException:
                    response.close()
                    raise
                response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreached(request, error) from error
        found = {name.lower(): value for name, value in response.headers.items()}
        if not content and _is_cut(response.status, found) and method != "HEAD":
            raise BackendUnavailableError(
                f"{self.system} ended its answer to {request} before its body",
                hint="it is tried again; the ledger has the record",
                status=response.status,
            )
        if cookies := response.headers.getlist("set-cookie"):
            found["set-cookie"] = "\n".join(cookies)
        return HttpAnswer(self.system, request, response.status, found, content)

    def _read(self, response: urllib3.BaseHTTPResponse, request: str) -> bytes:
        parts = []
        size = 0
        while chunk := response.read1(_CHUNK_BYTES):
            size += len(chunk)
            if size > self._max_body_bytes:
                raise BackendContractError(
                    f"{self.system} answered {request} with more than {self._max_body_bytes} bytes",
                    hint="the ledger has the record",
                    status=response.status,
                )
            parts.append(chunk)
        return b"".join(parts)

    def _opened(self) -> urllib3.PoolManager:
        from artifact_plugins.transport.connections import with_deadlines
        from artifact_plugins.transport.reaching import open_pool

        with self._lock:
            if self._pool is None:
                self._pool = with_deadlines(open_pool(self.base_url, self._connections))
            return self._pool

    def _unreached(self, request: str, error: Exception) -> BackendError:
        import urllib3

        from artifact_plugins.transport.reaching import refusal_of

        refusal = refusal_of(error, self.system, self.base_url)
        if refusal is not None:
            return refusal
        unsent = (
            urllib3.exceptions.NewConnectionError,
            urllib3.exceptions.ConnectTimeoutError,
            urllib3.exceptions.SSLError,
            urllib3.exceptions.ProxyError,
        )
        return BackendUnavailableError(
            f"{self.system} was not reached for {request}: {describe(error)[:300]}",
            hint="it is tried again; the ledger has the record",
            may_have_happened=not isinstance(error, unsent),
            is_late=isinstance(error, urllib3.exceptions.ReadTimeoutError | TimeoutError),
        )


def _is_cut(status: int, headers: Mapping[str, str]) -> bool:
    """Tell whether nothing says where an answer ends; an empty one ended in its headers."""
    framed = "content-length" in headers or "transfer-encoding" in headers
    return not framed and status not in (204, 304)


def _without(body: bytes, secrets: Iterable[str]) -> bytes:
    """Return an answer without the credentials that some servers repeat in their errors."""
    for secret in secrets:
        if len(secret) >= _SECRET_CHARACTERS:
            body = body.replace(secret.encode(), b"***")
    return body


def _secrets_of(header: str) -> list[str]:
    """Return what is secret in a header: the token after its scheme, the values of cookies."""
    token = header.rpartition(" ")[2]
    return [token, *(cookie.partition("=")[2] for cookie in header.split("; "))]


def _given(body: Any) -> list[str]:
    """Return the credentials that a form or a JSON object logs in with."""
    if not isinstance(body, Mapping):
        return []
    named = [value for name, value in body.items() if _SECRET.search(str(name))]
    return [value for value in named if isinstance(value, str)]


def quoted(part: str) -> str:
    """Return one part of a path with everything quoted that is not a plain letter or digit."""
    return quote(part, safe="")


def _encoded(
    system: str, json_body: Any, form: Mapping[str, str] | None, data: bytes | BinaryIO | None
) -> tuple[dict[str, str], bytes | BinaryIO | None]:
    if form is not None:
        return {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form).encode()
    if data is not None or json_body is None:
        return {}, data
    try:
        text = json.dumps(json_body, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        return {"Content-Type": "application/json"}, text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BackendRejectedError(
            f"the record cannot be sent to {system}: {describe(error)[:300]}",
            hint="JSON has no NaN, no infinity and no half characters; the ledger has the record",
        ) from error


def _encoded_query(query: Query) -> str:
    pairs = query.items() if isinstance(query, Mapping) else query
    return urlencode([(name, value) for name, value in pairs if value is not None], doseq=True)
