"""Runtimes over `concurrent.futures`: threads, processes, or an executor of the caller's."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from typing import Any

from artifact_plugins.errors import SettingsError


class ThreadsRuntime:
    """Threads of this process; right for steps that wait or release the GIL."""

    name = "threads"
    is_local = True

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or min(32, cpu_count() + 4)
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Start a call in a thread."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.workers, "artifact_plugins-step")
            return self._pool.submit(function, *args)

    def close(self) -> None:
        """End the threads when their calls have ended."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)


class ProcessesRuntime:
    """Worker processes of this machine, kept for the next run.

    They are started afresh and do not import the running script, so it needs
    no `if __name__ == "__main__"`.
    """

    name = "processes"
    is_local = False

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or cpu_count()
        self._pool: Executor | None = None
        self._lock = threading.Lock()

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Start a call in a worker; a pool that lost one is replaced."""
        with self._lock:
            if self._pool is None:
                self._pool = self._start()
            try:
                return self._pool.submit(function, *args)
            except BrokenExecutor:
                self._pool = self._start()
                return self._pool.submit(function, *args)

    def renew(self) -> None:
        """Give later calls fresh workers; calls that were sent end where they are."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)

    def close(self) -> None:
        """End the workers, also those that are in the middle of a call."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]  # loky's

    def _start(self) -> Executor:
        from loky import ProcessPoolExecutor  # late: costs 30 ms that other runtimes never need

        return ProcessPoolExecutor(self.workers)  # type: ignore[no-any-return]  # untyped


class ExecutorRuntime:
    """An executor that the caller made, and closes.

    Args:
        executor: A `ThreadPoolExecutor` shares this process; any other gets
            pickled calls.
    """

    name = "executor"

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.is_local = isinstance(executor, ThreadPoolExecutor)
        self.workers = int(getattr(executor, "_max_workers", 0) or cpu_count())

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Start a call in the executor."""
        return self._executor.submit(function, *args)

    def close(self) -> None:
        """Leave the executor to its owner."""


def workers_of(text: str, setting: str) -> int | None:
    """Return the number after `threads:` or `processes:`; None when there is none.

    Raises:
        SettingsError: It is no number from 1 to 1024.
    """
    if not text:
        return None
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 1024:
        return int(text)
    raise SettingsError(
        f"runtime {setting!r} asks for {text!r} workers",
        hint="write 'threads:8'; 1 to 1024; nothing was opened",
    )


def cpu_count() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1
