"""An HTTP proxy that damages what passes: the network between us and a registry, on a bad day."""

from __future__ import annotations

import contextlib
import http.client
import random
import select
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from typing import BinaryIO


class Fault(StrEnum):
    """What may happen to one request."""

    CUT_REQUEST = "the server gets a part of the request"
    CUT_ANSWER = "the server answers, a part of it arrives"
    LOSE_ANSWER = "the server answers, nothing of it arrives"
    RESET = "the connection is reset before the server hears of it"
    DELAY = "the answer comes late"
    HANG = "the connection stays open, nothing comes"
    LIMIT_SECONDS = "429 with Retry-After in seconds"
    LIMIT_DATE = "429 with Retry-After as a date"
    LIMIT_ABSURD = "429 with Retry-After of thirty years"
    STATUS_500 = "500, the server never saw it"
    STATUS_502 = "502, after the server did it"
    STATUS_503 = "503, the server never saw it"
    STATUS_504 = "504, after the server did it"
    HTML = "a page for people with status 200, after the server did it"
    TRUNCATED_JSON = "half of the answer as if it were all of it"
    WRONG_LENGTH = "more or fewer bytes than Content-Length says"
    TRICKLE = "the answer byte by byte"
    ENDLESS = "an answer that does not end"
    REDIRECT = "307 to another host"


LOST_BEFORE = frozenset(
    {
        Fault.CUT_REQUEST,
        Fault.RESET,
        Fault.HANG,
        Fault.LIMIT_SECONDS,
        Fault.LIMIT_DATE,
        Fault.LIMIT_ABSURD,
        Fault.STATUS_500,
        Fault.STATUS_503,
        Fault.REDIRECT,
    }
)
"""After these the server has not done it; after the others it may have."""

_PAGE = b"<!doctype html><title>Sign in</title><h1>Welcome to the hotel's network</h1>"
_ENDLESS_BYTES = 2**30


class _Ended(Exception):
    """The connection to the client is over."""


class ChaosProxy:
    """Stands before a server on this machine and damages a share of the requests.

    Args:
        port: Of the server.
        shares: Probability of each fault; the rest passes unharmed.
        seed: Of the dice.
        touches: Which requests may be damaged, by method and path; all by default.
        delay_seconds: How late `DELAY` is.
        byte_seconds: How long one byte of `TRICKLE` takes.
        retry_after_seconds: What a 429 asks for, absurd ones aside.
        redirect_to: Where `REDIRECT` leads.

    Attributes:
        port: Where to connect.
        shares, touches: May be changed at any time.
        script: Faults of the next requests, in order, before any dice; None
            lets one pass. May be filled at any time.
        counted: How often each fault happened; `passed` counts the others.
        is_away: While set, every connection is reset at once.
    """

    def __init__(
        self,
        port: int,
        *,
        shares: Mapping[Fault, float] | None = None,
        seed: int = 0,
        touches: Callable[[str, str], bool] = lambda method, path: True,
        delay_seconds: float = 0.05,
        byte_seconds: float = 1.0,
        retry_after_seconds: int = 1,
        redirect_to: str = "http://127.0.0.2:9/",
    ) -> None:
        self.shares = dict(shares or {})
        self.script: list[Fault | None] = []
        self.counted: Counter[str] = Counter()
        self.is_away = threading.Event()
        self.redirect_to = redirect_to
        self._server = port
        self.touches = touches
        self._delay_seconds = delay_seconds
        self._byte_seconds = byte_seconds
        self._retry_after_seconds = retry_after_seconds
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._idle: list[_Server] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop taking connections and let go of those that hang."""
        self._closed.set()
        # Closing alone would leave the thread in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        while self._idle:
            self._idle.pop().close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # A client that was cut comes back with a new connection; the server need not notice.
        try:
            server = self._idle.pop()
        except IndexError:
            server = _Server(self._server)
        with (
            client,
            client.makefile("rb") as sent,
            contextlib.suppress(_Ended, OSError, http.client.HTTPException),
        ):
            while self._handle(client, sent, server):
                pass
        if server.is_asking or self._closed.is_set():
            server.close()
        else:
            self._idle.append(server)

    def _handle(self, client: socket.socket, sent: BinaryIO, server: _Server) -> bool:
        """Serve one request; False when the connection is not to be used again."""
        head = _head(sent)
        if self.is_away.is_set():
            return self._reset(client)
        fault = self._fault(*head.split(b" ", 2)[:2])
        with self._lock:
            self.counted[fault or "passed"] += 1
        if fault in (Fault.RESET, Fault.HANG):
            return self._reset(client) if fault is Fault.RESET else self._hang(client)
        if fault is Fault.CUT_REQUEST:
            return self._cut_request(client, head, sent)
        request = head + _body(client, head, sent)
        if fault in LOST_BEFORE:
            client.sendall(self._made_up(fault))
            return True
        answer = server.ask(request)
        if fault is None:
            client.sendall(answer.raw)
            return True
        return self._damage(fault, client, answer)

    def _fault(self, method: bytes, path: bytes) -> Fault | None:
        if not self.touches(method.decode(), path.decode()):
            return None
        with self._lock:
            if self.script:
                return self.script.pop(0)
            thrown = self._dice.random()
        for fault, share in self.shares.items():
            thrown -= share
            if thrown < 0:
                return fault
        return None

    def _between(self, most: int) -> int:
        with self._lock:
            return self._dice.randrange(most) if most > 0 else 0

    def _cut_request(self, client: socket.socket, head: bytes, sent: BinaryIO) -> bool:
        """Hand on a part: mostly of the body when there is one, else of the head."""
        length = int(_field(head, b"content-length") or 0)
        part = head[: self._between(len(head))]
        if length and self._between(4):
            part = head + _exactly(sent, self._between(length))
        with socket.create_connection(("127.0.0.1", self._server)) as half:
            half.sendall(part)
        return self._reset(client)

    def _reset(self, client: socket.socket) -> bool:
        """Close so that the other side sees a reset, not an end."""
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        return False

    def _hang(self, client: socket.socket) -> bool:
        while not self._closed.wait(0.05):
            if select.select([client], [], [], 0)[0] and not client.recv(65536):
                break
        return False

    def _made_up(self, fault: Fault) -> bytes:
        """Return an answer that the server knows nothing of."""
        if fault is Fault.REDIRECT:
            return _answer(307, b"", location=self.redirect_to)
        if fault in (Fault.STATUS_500, Fault.STATUS_503):
            return _answer(int(fault.name[-3:]), b"upstream connect error")
        return _answer(429, b'{"detail": "slow down"}', retry_after=self._retry_after(fault))

    def _retry_after(self, fault: Fault) -> str:
        if fault is Fault.LIMIT_ABSURD:
            return str(10**9)
        if fault is Fault.LIMIT_SECONDS:
            return str(self._retry_after_seconds)
        # The header has whole seconds: rounded up, so that it is not over already.
        at = datetime.now(UTC) + timedelta(seconds=self._retry_after_seconds + 1)
        return format_datetime(at.replace(microsecond=0), usegmt=True)

    def _damage(self, fault: Fault, client: socket.socket, answer: _Answer) -> bool:
        """Send what is left of an answer."""
        raw, body = answer.raw, answer.body
        match fault:
            case Fault.DELAY:
                self._closed.wait(self._delay_seconds)
                client.sendall(raw)
                return True
            case Fault.LOSE_ANSWER:
                pass
            case Fault.CUT_ANSWER:
                client.sendall(raw[: self._between(len(raw))])
            case Fault.STATUS_502 | Fault.STATUS_504:
                client.sendall(_answer(int(fault.name[-3:]), b"<h1>Bad Gateway</h1>"))
                return True
            case Fault.HTML:
                client.sendall(_answer(200, _PAGE, content_type="text/html"))
                return True
            case Fault.TRUNCATED_JSON:
                client.sendall(_answer(answer.status, body[: len(body) // 2]))
                return True
            case Fault.WRONG_LENGTH:
                wrong = len(body) + 100 if self._between(2) else len(body) // 2
                client.sendall(_answer(answer.status, body, length=wrong))
                return wrong < len(body)  # what is too much lies in the way of the next answer
            case Fault.TRICKLE:
                for byte in raw:
                    client.sendall(bytes([byte]))
                    if self._closed.wait(self._byte_seconds):
                        break
            case Fault.ENDLESS:
                self._send_endlessly(client)
        return False

    def _send_endlessly(self, client: socket.socket) -> None:
        client.sendall(_answer(200, b"[", length=None))
        sent, chunk = 0, b"0," * 2**15
        while sent < _ENDLESS_BYTES and not self._closed.is_set():
            client.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            sent += len(chunk)


class _Answer:
    """What the server said, as one message with a length."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.body = answer.read()
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        dropped = ("content-length", "transfer-encoding", "connection")
        lines += [f"{k}: {v}" for k, v in answer.getheaders() if k.lower() not in dropped]
        if answer.status not in (204, 304):
            lines.append(f"Content-Length: {answer.getheader('Content-Length') or len(self.body)}")
        self.raw = "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


class _Server:
    """The connection to the server; opened when needed and as long as the server keeps it.

    Attributes:
        is_asking: Whether an answer is still to come; then nobody else may ask.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self.is_asking = False

    def ask(self, request: bytes) -> _Answer:
        # One that the server has ended since is readable: its end waits there.
        if self._socket is not None and select.select([self._socket], [], [], 0)[0]:
            self.close()
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.is_asking = True
        self._socket.sendall(request)
        with http.client.HTTPResponse(
            self._socket, method=request.split(b" ", 1)[0].decode()
        ) as answer:
            answer.begin()
            found = _Answer(answer)
            ends = answer.will_close
        self.is_asking = False
        if ends:
            self.close()
        return found

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _answer(
    status: int,
    body: bytes,
    *,
    length: int | None = -1,
    content_type: str = "application/json",
    **headers: str,
) -> bytes:
    """Compose an answer; `length` None starts one in chunks, of which `body` is the first."""
    lines = [f"HTTP/1.1 {status} Made up", f"Content-Type: {content_type}"]
    lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
    if length is None:
        lines.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%b\r\n" % (len(body), body)
    else:
        lines.append(f"Content-Length: {len(body) if length < 0 else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _head(sent: BinaryIO) -> bytes:
    """Read a request up to the empty line."""
    lines = [sent.readline()]
    while lines[-1] not in (b"\r\n", b""):
        lines.append(sent.readline())
    if not lines[-1]:
        raise _Ended
    return b"".join(lines)


def _field(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def _body(client: socket.socket, head: bytes, sent: BinaryIO) -> bytes:
    """Read the rest of a request as it was sent."""
    if _field(head, b"expect").lower() == b"100-continue":
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if _field(head, b"transfer-encoding").lower() != b"chunked":
        return _exactly(sent, int(_field(head, b"content-length") or 0))
    body, size = b"", -1
    while size:
        line = sent.readline()
        size = int(line.split(b";")[0], 16)
        body += line + _exactly(sent, size + 2)
    return body


def _exactly(sent: BinaryIO, length: int) -> bytes:
    body = sent.read(length)
    if len(body) < length:
        raise _Ended
    return body


@contextlib.contextmanager
def chaos_proxy(
    port: int,
    *,
    shares: Mapping[Fault, float] | None = None,
    script: Sequence[Fault | None] = (),
    **options: object,
) -> Iterator[ChaosProxy]:
    """Run a proxy for the time of a block."""
    proxy = ChaosProxy(port, shares=shares, **options)  # type: ignore[arg-type]  # handed on
    proxy.script.extend(script)
    try:
        yield proxy
    finally:
        proxy.close()
