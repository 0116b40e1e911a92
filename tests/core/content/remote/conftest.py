"""A proxy between a client and a real S3 endpoint that damages requests on purpose."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

# A damage gets (proxy, method, path, number of the request) and says what to do.
Damage = Callable[[str, str, int], str | None]

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>The token has expired.</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied for hunter2</Message></Error>"
CONFLICT = b"<Error><Code>ConditionalRequestConflict</Code><Message>again</Message></Error>"


class Proxy:
    """Passes requests on; counts them; does to each what `damage` asks for.

    `500`, `SlowDown`, `expired`, `denied`, `conflict`: answers so, passes nothing on.
    `cut`: closes the connection, passes nothing on.
    `hang`: the same, after a long silence.
    `lose`: passes the request on and closes the connection instead of answering.
    `truncate`: passes it on, and half of the answer back.
    """

    def __init__(self, endpoint: str) -> None:
        self.requests: list[tuple[str, str]] = []
        self.damage: Damage = lambda method, path, number: None
        self._lock = threading.Lock()
        self._target = urlsplit(endpoint).netloc
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                proxy.handle(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forget(self) -> None:
        """Count from 0 again."""
        with self._lock:
            self.requests.clear()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        with self._lock:
            number = len(self.requests)
            self.requests.append((request.command, request.path))
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        what = self.damage(request.command, request.path, number)
        canned = {
            "500": (500, b"<Error><Code>InternalError</Code></Error>"),
            "SlowDown": (503, SLOW_DOWN),
            "expired": (400, EXPIRED),
            "denied": (403, DENIED),
            "conflict": (409, CONFLICT),
        }
        if what in ("cut", "hang"):
            time.sleep(8 if what == "hang" else 0)
            request.close_connection = True
        elif what in canned:
            status, text = canned[what]
            _answer(request, status, {}, text, len(text))
        else:
            status, headers, text = self._pass_on(request, body)
            if what == "lose":
                request.close_connection = True
            elif what == "truncate":
                _answer(request, status, headers, text[: len(text) // 2], len(text))
                request.close_connection = True
            else:
                _answer(request, status, headers, text, len(text))

    def _pass_on(
        self, request: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self._target, timeout=60)
        headers = {k: v for k, v in request.headers.items() if k.lower() != "connection"}
        connection.request(request.command, request.path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        kept = {
            k: v
            for k, v in answer.getheaders()
            if k.lower() not in ("connection", "server", "date", "transfer-encoding")
        }
        connection.close()
        return answer.status, kept, text


def _answer(
    request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], text: bytes, size: int
) -> None:
    request.send_response(status)
    is_head = request.command == "HEAD"
    for name, value in headers.items():
        if name.lower() != "content-length":
            request.send_header(name, value)
    length = headers.get("Content-Length", str(size)) if is_head else str(size)
    request.send_header("Content-Length", length)
    request.end_headers()
    if not is_head:
        request.wfile.write(text)


@pytest.fixture
def proxy(s3_url: str, s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy before the S3 endpoint; every client of the test goes through it."""
    # The same steps, without waiting for a server that is not busy.
    monkeypatch.setattr("artifact_plugins.content.remote.retrying._FIRST_SECONDS", 0.01)
    proxy = Proxy(s3_server)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    yield proxy
    proxy.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up after two attempts, so that tests of giving up end soon."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    monkeypatch.setenv("AWS_RETRY_MODE", "standard")
