"""A TCP proxy that loses answers: what a network does between a server's work and its word."""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import threading
from collections.abc import Iterator
from typing import Literal


class CuttingProxy:
    """Stands before a server on this machine.

    Args:
        port: Of the server.
        mark: Bytes of a request that may be lost.
        seed: Of the dice.

    Attributes:
        port: Where to connect.
        share: How many of the marked requests are cut.
        cut: What was cut so far: `answer` after the server has worked on the
            request, `request` before it saw it.
        is_away: While set, new connections are closed at once.
    """

    def __init__(self, port: int, mark: bytes, *, seed: int = 0) -> None:
        self._server = port
        self._mark = mark
        self._dice = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.share = {"answer": 0.0, "request": 0.0}
        self.cut = {"answer": 0, "request": 0}
        self.is_away = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.is_away.is_set():
                    client.close()
                else:
                    threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._server))
        with client, server, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ)
            ready.register(server, selectors.EVENT_READ)
            with contextlib.suppress(OSError):
                while True:
                    for key, _ in ready.select():
                        if not self._pass_on(key.fileobj, client, server):
                            return

    def _pass_on(self, source: object, client: socket.socket, server: socket.socket) -> bool:
        """Hand on what came; False when the connection ends."""
        if source is server:
            data = server.recv(65536)
            client.sendall(data)
            return bool(data)
        data = client.recv(65536)
        lost = self._lost(data)
        if lost != "request":
            server.sendall(data)
        if lost == "answer":
            server.recv(65536)  # the server has done it, and nobody will know
        if lost:
            self.cut[lost] += 1
        return bool(data) and not lost

    def _lost(self, data: bytes) -> Literal["answer", "request"] | None:
        if self._mark not in data:
            return None
        thrown = self._dice.random()
        if thrown < self.share["answer"]:
            return "answer"
        return "request" if thrown < self.share["answer"] + self.share["request"] else None


@contextlib.contextmanager
def cutting_proxy(port: int, mark: bytes) -> Iterator[CuttingProxy]:
    """Run a proxy for the time of a block."""
    proxy = CuttingProxy(port, mark)
    try:
        yield proxy
    finally:
        proxy.close()
