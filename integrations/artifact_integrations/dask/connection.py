"""Connection: a client of a Dask scheduler, the calls in flight, and a watch over both.

Dask waits for a lost scheduler, and for a first worker, without telling
anybody. The watch looks every second and ends the calls when that lasts.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial
from typing import Any

from artifact_integrations.dask.call import DaskCall
from artifact_integrations.dask.setting import Cluster
from artifact_plugins.errors import PluginError, RuntimeUnavailableError, describe

_log = logging.getLogger("artifact_plugins")
_LOOK_SECONDS = 1.0
_CLOSE_SECONDS = 3.0
_SAFE = "what had ended before is committed"


class Connection:
    """Everything that is opened for one cluster; used once, until it is closed or lost.

    Attributes:
        workers: Threads of all workers when they were last counted, at least 1.
        lost: Why it can be used no more; None while it can.

    Raises:
        RuntimeUnavailableError: The scheduler does not answer in time.
        PluginError: Dask is not installed.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._client = _client(cluster)
        # Not pure: two equal calls are two calls.
        self._executor = self._client.get_executor(pure=False)
        self._calls: dict[Future[Any], DaskCall] = {}
        self._lock = threading.Lock()
        self._given_up: queue.SimpleQueue[Future[Any] | None] = queue.SimpleQueue()
        self._answered_at = self._worker_at = time.monotonic()
        self.workers = 1
        self.lost: str | None = None
        self._look()
        self._thread = threading.Thread(
            target=self._watch, name="artifact_plugins-dask", daemon=True
        )
        self._thread.start()

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Send a call to the cluster.

        Raises:
            RuntimeUnavailableError: The connection is lost.
        """
        call = DaskCall(self._cluster.address, self._given_up.put)
        with self._lock:
            if not self._calls:
                self._worker_at = time.monotonic()
            self._calls[call] = call
        call.add_done_callback(self._forget)
        try:
            if self.lost is not None:
                raise RuntimeError(self.lost)
            call.follow(self._executor.submit(function, *args))
        except Exception as error:
            self._forget(call)
            raise self._unavailable(describe(error)) from error
        return call

    def close(self) -> None:
        """Drop what still runs and disconnect; the cluster goes on."""
        self._given_up.put(None)
        self._end(CancelledError)

    def _watch(self) -> None:
        while self.lost is None:
            try:
                given_up = self._given_up.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                self._look()
                continue
            if given_up is None:
                return
            # Here, because Dask must not be waited for by its own thread, nor
            # by one that holds a lock which that thread wants.
            with suppress(Exception):  # a client that closes by itself; `_look` sees it
                given_up.cancel()

    def _look(self) -> None:
        """Count the workers; end the calls when there is none, or no scheduler, for too long."""
        cluster, client, now = self._cluster, self._client, time.monotonic
        try:
            threads = client.sync(client.scheduler.ncores, callback_timeout=cluster.connect_seconds)
        except Exception as error:  # noqa: BLE001  # a closed client has no scheduler, loop, ...
            # One that is busy answers late; one that is gone breaks the connection.
            is_gone = client.status != "running"
            patience = cluster.connect_seconds if is_gone else cluster.worker_seconds
            if client.status == "closed" or now() - self._answered_at > patience:
                self._lose(f"its scheduler does not answer: {describe(error)}")
            return
        self._answered_at = now()
        count = sum(threads.values())
        with self._lock:
            if count or not self._calls:
                self._worker_at = now()
        self.workers = max(1, count)
        if now() - self._worker_at > cluster.worker_seconds:
            self._lose(f"it has had no worker for {cluster.worker_seconds:g} s")

    def _lose(self, reason: str) -> None:
        self.lost = reason
        self._end(partial(self._unavailable, reason))

    def _end(self, error: Callable[[], BaseException]) -> None:
        with self._lock:
            calls = list(self._calls.values())
        for call in calls:
            call.lose(error())
        _close(self._client)

    def _forget(self, call: Future[Any]) -> None:
        with self._lock:
            self._calls.pop(call, None)

    def _unavailable(self, reason: str) -> RuntimeUnavailableError:
        return unavailable(self._cluster, reason, f"{_SAFE}; this task may have been called")


def _client(cluster: Cluster) -> Any:
    try:
        import distributed  # late: a second that other runtimes never need
    except ImportError as error:
        raise PluginError(
            f"a Dask cluster cannot be used without the package distributed: {describe(error)}",
            hint="install artifact-plugins[dask]; nothing was called",
        ) from error
    kind: Any = distributed.Client
    client = kind.__new__(kind)  # in hand before it connects: one that cannot has a thread
    ended: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def connect() -> None:
        try:
            client.__init__(
                cluster.address,
                timeout=cluster.connect_seconds,
                set_as_default=False,
                name="artifact_plugins",
            )
        except Exception as caught:  # noqa: BLE001  # raised by the thread that waits
            ended.put(caught)
        else:
            ended.put(None)

    # Dask's own timeout ends where somebody accepts the connection and says nothing.
    threading.Thread(target=connect, name="artifact_plugins-dask-connect", daemon=True).start()
    try:
        failure = ended.get(timeout=cluster.connect_seconds + _LOOK_SECONDS)
    except queue.Empty:
        failure = TimeoutError(f"no answer in {cluster.connect_seconds:g} s")
    except BaseException:
        _close(client)
        raise
    if failure is not None:
        _close(client)
        raise unavailable(cluster, describe(failure), "no step was called") from failure
    return client


def _close(client: Any) -> None:
    with suppress(Exception):  # nothing of it matters to anybody any more
        client.close(timeout=_CLOSE_SECONDS)
    with suppress(Exception):  # what closed by itself has left its thread behind
        client._loop_runner.stop()
    client.status = "closed"  # else its finalizer waits for the thread that is gone


def unavailable(cluster: Cluster, reason: str, hint: str) -> RuntimeUnavailableError:
    """Return the error of a cluster that cannot be used."""
    return RuntimeUnavailableError(
        f"the Dask cluster at {cluster.address} cannot be used: {reason}",
        hint=hint,
        address=cluster.address,
        reason=reason,
    )
