"""A server that says exactly the bytes a test wants, and remembers what it was asked."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest


@dataclass
class Said:
    """One answer: bytes, and how they are sent.

    `pause_seconds` between single bytes; `stays` keeps the connection open after them.
    """

    data: bytes
    pause_seconds: float = 0.0
    stays: bool = False


@dataclass
class Speaker:
    """A server on loopback; `script` gets the number of the request and answers."""

    script: Callable[[int, bytes], Said]
    requests: list[bytes] = field(default_factory=list)
    url: str = ""

    def start(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._ended = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        self._ended.set()
        self._socket.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            try:
                request = _read_request(connection)
                if not request:
                    return
                number = len(self.requests)
                self.requests.append(request)
                said = self.script(number, request)
                if said.pause_seconds:
                    for byte in said.data:
                        connection.sendall(bytes([byte]))
                        time.sleep(said.pause_seconds)
                else:
                    connection.sendall(said.data)
                if said.stays:
                    self._ended.wait(30)
            except OSError:
                return


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return data
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(status: int, body: bytes = b"{}", *headers: str) -> Said:
    """Return a whole answer of one request."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", "Connection: close"]
    if not any(line.lower().startswith("content-type") for line in headers):
        lines.append("Content-Type: application/json")
    return Said("\r\n".join([*lines, *headers]).encode() + b"\r\n\r\n" + body)


@pytest.fixture
def speaking() -> Iterator[Callable[[Callable[[int, bytes], Said]], Speaker]]:
    """Start servers with scripts; all are stopped at the end."""
    started = []

    def start(script: Callable[[int, bytes], Said]) -> Speaker:
        speaker = Speaker(script)
        speaker.start()
        started.append(speaker)
        return speaker

    yield start
    for speaker in started:
        speaker.stop()
