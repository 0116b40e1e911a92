"""Connections to one server: a few, which the threads of a process take turns with."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from artifact_plugins.ledger.failures import busy

# More than the statements that a process can have under way cost the server
# memory and win nothing; a server has about 100 for everybody.
LIMIT = 8


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection; `home` is where it lies when nobody uses it."""

    home: list[Connection] | None = None


# Connections of a parent process: closing them here would end its sessions.
_inherited: list[Connection] = []


class Pool:
    """Idle connections, last used first.

    Args:
        connect: Makes a connection.
        path: The ledger, for messages.
        timeout_seconds: How long to wait for a connection that another thread has.
    """

    def __init__(
        self, connect: Callable[[], Connection], path: str, timeout_seconds: float
    ) -> None:
        self._connect = connect
        self._path = path
        self._timeout = timeout_seconds
        self._idle: list[Connection] = []
        self._start()

    def take(self) -> Connection:
        """Return a connection of this process that nobody else has; `give` it back.

        Raises:
            LedgerBusyError: Other threads had all of them for the whole timeout.
            psycopg.Error: The server takes no connection.
        """
        if self._pid != os.getpid():
            _inherited.extend(self._idle)
            self._start()
        started = time.monotonic()
        if not self._free.acquire(timeout=self._timeout):
            raise busy(self._path, time.monotonic() - started)
        try:
            idle = self._idle
            try:
                return idle.pop()
            except IndexError:
                connection = self._connect()
                connection.home = idle
                return connection
        except BaseException:
            self._free.release()
            raise

    def adopt(self, connection: Connection) -> None:
        """Keep a connection that was made elsewhere."""
        connection.home = self._idle
        self._idle.append(connection)

    def give(self, connection: Connection) -> None:
        """Take a connection back; one that is in doubt, or from before `clear`, is closed."""
        if (
            connection.home is self._idle
            and not connection.closed
            and connection.info.transaction_status == TransactionStatus.IDLE
        ):
            self._idle.append(connection)
        else:
            connection.close()
        self._free.release()

    def clear(self) -> None:
        """Close the idle connections now, and those in use when they come back."""
        if self._pid != os.getpid():
            return
        idle, self._idle = self._idle, []
        while idle:
            idle.pop().close()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._idle = []
        self._free = threading.BoundedSemaphore(LIMIT)
