"""DaskRuntime: connects when a step is first called, and tells how many can run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from artifact_integrations.dask.connection import Connection, unavailable
from artifact_integrations.dask.setting import parse_setting
from artifact_plugins.errors import RuntimeUnavailableError


class DaskRuntime:
    """The workers of a Dask cluster; they need the content store and the code of the steps.

    Args:
        setting: `dask://host:8786` or `dask+tls://host:8786`. After `?`:
            `connect_seconds` (10), `worker_seconds` (60), joined by `&`.

    Raises:
        SettingsError: The setting names no cluster.
    """

    name = "dask"
    is_local = False

    def __init__(self, setting: str) -> None:
        self._cluster = parse_setting(setting)
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._refused: str | None = None
        self._refused_until = 0.0

    @property
    def workers(self) -> int:
        """Threads of all workers, counted every second; at least 1.

        Raises:
            RuntimeUnavailableError: The scheduler does not answer in time.
        """
        connection = self._connection
        return (connection or self._connected()).workers

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Send a call to the cluster.

        Raises:
            RuntimeUnavailableError: There is none, or it has been lost.
        """
        return self._connected().submit(function, *args)

    def close(self) -> None:
        """Disconnect; the cluster itself, and what others do there, goes on."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> Connection:
        with self._lock:
            connection = self._connection
            if connection is not None and connection.lost is not None:
                self._refuse(connection.lost)
                connection = self._connection = None
            if connection is None:
                # Every task of a run would wait as long as the first did.
                if self._refused is not None and time.monotonic() < self._refused_until:
                    raise unavailable(self._cluster, self._refused, "this task was not called")
                try:
                    connection = self._connection = Connection(self._cluster)
                except RuntimeUnavailableError as error:
                    self._refuse(error.context["reason"])
                    raise
            return connection

    def _refuse(self, reason: str) -> None:
        self._refused = reason
        self._refused_until = time.monotonic() + self._cluster.connect_seconds
