"""The proxy that damages requests does what it says, and nothing else."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from chaos_proxy import LOST_BEFORE, ChaosProxy, Fault, chaos_proxy


class Echo(BaseHTTPRequestHandler):
    """Answers what it got, and keeps it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size + 2)[:-2]
            self.rfile.readline()
        else:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # half a request is none
                self.close_connection = True
                return
        self.server.seen.append(json.loads(body)["n"])  # type: ignore[attr-defined]
        answer = json.dumps({"got": json.loads(body), "path": self.path}).encode()
        self.wfile.write(
            b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(answer), answer)
        )

    def log_message(self, *_: Any) -> None:
        pass


class EchoServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.seen: list[int] = []
        super().__init__(("127.0.0.1", 0), Echo)

    def handle_error(self, request: object, client_address: object) -> None:
        """A cut connection is what the tests make."""


@pytest.fixture
def server() -> Iterator[EchoServer]:
    running = EchoServer()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


def post(proxy: ChaosProxy, n: int = 0, *, timeout: float = 20.0) -> tuple[int, dict, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=timeout)
    try:
        connection.request("POST", "/things?x=1", json.dumps({"n": n}))
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_what_is_not_damaged_passes_unchanged(server) -> None:
    """Requests of one connection, with a length or in chunks, arrive and are answered."""
    with chaos_proxy(server.server_port) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
        connection.request("POST", "/a", json.dumps({"n": 1}))
        first = json.loads(connection.getresponse().read())
        connection.request("POST", "/b", iter([b'{"n": 2, "t', b'ext": "\\r\\n0\\r\\n\\r\\n"}']))
        second = json.loads(connection.getresponse().read())
        connection.close()

    assert first == {"got": {"n": 1}, "path": "/a"}
    assert second == {"got": {"n": 2, "text": "\r\n0\r\n\r\n"}, "path": "/b"}
    assert server.seen == [1, 2]
    assert proxy.counted == {"passed": 2}


ERRORS = (OSError, http.client.HTTPException)
SHOWN = {
    Fault.LIMIT_SECONDS: 429,
    Fault.LIMIT_DATE: 429,
    Fault.LIMIT_ABSURD: 429,
    Fault.STATUS_500: 500,
    Fault.STATUS_502: 502,
    Fault.STATUS_503: 503,
    Fault.STATUS_504: 504,
    Fault.REDIRECT: 307,
    Fault.DELAY: 201,
}


@pytest.mark.parametrize("fault", SHOWN, ids=lambda fault: fault.name)
def test_a_made_up_answer_has_its_status(server, fault: Fault) -> None:
    """Statuses arrive as said; the server did it exactly when the fault says so."""
    with chaos_proxy(server.server_port, script=[fault]) as proxy:
        status, _, _ = post(proxy, 7)
        again, _, _ = post(proxy, 8)

    assert status == SHOWN[fault]
    assert again == 201
    assert server.seen == ([8] if fault in LOST_BEFORE else [7, 8])
    assert proxy.counted == {fault: 1, "passed": 1}


@pytest.mark.parametrize(
    "fault",
    [Fault.CUT_REQUEST, Fault.RESET, Fault.CUT_ANSWER, Fault.LOSE_ANSWER],
    ids=lambda fault: fault.name,
)
def test_a_cut_leaves_no_whole_answer(server, fault: Fault) -> None:
    """The client sees no whole answer; the server did it when only the answer was cut."""
    with chaos_proxy(server.server_port, script=[fault] * 20) as proxy:
        for n in range(20):
            # http.client takes a head that was cut for one without a body.
            with pytest.raises((*ERRORS, json.JSONDecodeError)):
                json.loads(post(proxy, n)[2])
        status, _, _ = post(proxy, 20)

    assert status == 201
    assert server.seen == ([20] if fault in LOST_BEFORE else list(range(21)))


def test_retry_after_is_seconds_a_date_or_absurd(server) -> None:
    """The three spellings of Retry-After are what they say."""
    script = [Fault.LIMIT_SECONDS, Fault.LIMIT_DATE, Fault.LIMIT_ABSURD]
    with chaos_proxy(server.server_port, script=script, retry_after_seconds=3) as proxy:
        found = [post(proxy)[1]["Retry-After"] for _ in script]

    assert (found[0], found[2]) == ("3", "1000000000")
    assert 2 < parsedate_to_datetime(found[1]).timestamp() - time.time() <= 4


def test_bodies_are_damaged_as_said(server) -> None:
    """HTML, half of a JSON text, and lengths that do not fit."""
    script = [Fault.HTML, Fault.TRUNCATED_JSON]
    with chaos_proxy(server.server_port, script=script) as proxy:
        page = post(proxy)
        half = post(proxy)
        proxy.script += [Fault.WRONG_LENGTH] * 20
        cut, short = 0, 0
        for _ in range(20):
            try:
                with pytest.raises(json.JSONDecodeError):
                    json.loads(post(proxy)[2])
                short += 1
            except http.client.IncompleteRead:
                cut += 1

    assert page[0] == 200
    assert page[1]["Content-Type"] == "text/html"
    assert half[0] == 201
    with pytest.raises(json.JSONDecodeError):
        json.loads(half[2])
    assert cut > 2
    assert short > 2
    assert len(server.seen) == 22


def test_slow_and_silent_ones_run_into_a_timeout(server) -> None:
    """A hanging connection and a trickling answer do not end by themselves."""
    script = [Fault.HANG, Fault.TRICKLE]
    with chaos_proxy(server.server_port, script=script) as proxy:
        with pytest.raises(TimeoutError):
            post(proxy, 1, timeout=0.2)
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
        connection.request("POST", "/", b'{"n": 2}')
        assert connection.sock.recv(100) == b"H"
        assert connection.sock.recv(100) == b"T"
        connection.close()

    assert time.monotonic() - began > 0.9
    assert server.seen == [2]


def test_an_endless_body_does_not_end(server) -> None:
    """The body goes on as long as somebody reads it."""
    with chaos_proxy(server.server_port, script=[Fault.ENDLESS]) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
        connection.request("POST", "/", b'{"n": 1}')
        answer = connection.getresponse()
        size = sum(len(answer.read(2**16)) for _ in range(200))
        connection.close()

    assert size == 200 * 2**16


def test_shares_are_kept_and_only_some_requests_touched(server) -> None:
    """Over many requests the dice give the shares asked for; others pass."""
    shares = {Fault.STATUS_500: 0.3, Fault.STATUS_502: 0.2}
    with chaos_proxy(server.server_port, shares=shares, seed=1) as proxy:
        statuses = [post(proxy)[0] for _ in range(300)]
    with chaos_proxy(server.server_port, shares=shares, touches=lambda m, p: p == "/x") as other:
        passed = [post(other)[0] for _ in range(20)]

    assert 60 < statuses.count(500) < 120
    assert 30 < statuses.count(502) < 90
    assert proxy.counted.total() == 300
    assert passed == [201] * 20


def test_nobody_answers_while_it_is_away(server) -> None:
    """An outage resets every connection, and ends."""
    with chaos_proxy(server.server_port) as proxy:
        proxy.is_away.set()
        with pytest.raises(ERRORS):
            post(proxy)
        proxy.is_away.clear()
        status, _, _ = post(proxy)

    assert status == 201
