"""Connections whose answers have one deadline from the first byte of the head to the last of the body.

urllib3 counts its timeout anew for every byte that comes, so a server that
sends one now and then would be waited for without an end. Imported when the
first connection is opened: urllib3 is loaded with it.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

_at = threading.local()


@contextmanager
def ends_at(deadline: float) -> Iterator[None]:
    """Have what this thread reads from its connections end at a moment of `time.monotonic`."""
    _at.deadline = deadline
    try:
        yield
    finally:
        del _at.deadline


class _Reader(io.RawIOBase):
    """Reads a socket until the deadline of the request."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer did not end in time")
        self._socket.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer that ends in time, and whose head was whole."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        deadline = getattr(_at, "deadline", None)
        if deadline is not None:
            self.fp.close()
            self.fp = io.BufferedReader(_Reader(sock, deadline))

    def begin(self) -> None:
        super().begin()
        # urllib3 only logs it, with a traceback, and goes on with half of the headers.
        if _is_torn(self.msg):
            raise http.client.HTTPException("the head of the answer is no whole one")


def _is_torn(head: Message) -> bool:
    try:
        urllib3.util.response.assert_header_parsing(head)  # type: ignore[arg-type]  # HTTPMessage
    except urllib3.exceptions.HeaderParsingError:
        return True
    return False


class _Http(HTTPConnection):
    response_class = _Answer


class _Https(HTTPSConnection):
    response_class = _Answer


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https


def with_deadlines(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    """Return a manager of connections that makes none but those of this module."""
    manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return manager
