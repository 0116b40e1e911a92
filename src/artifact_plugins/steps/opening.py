"""RUNNING tasks become visible when they last; a short one is written once, when it ends.

A commit costs more than most trivial steps. So a task that starts is noted
here, and a thread writes it when it is still running after a moment. Whoever
needs the row at once (a link made by hand, a hook) asks for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from artifact_plugins.errors import ArtifactPluginsError
from artifact_plugins.records import Task

_log = logging.getLogger("artifact_plugins")
PATIENCE_SECONDS = 0.05


class Opening:
    """The tasks of one run that run and are not in the ledger yet.

    The lock is held while rows are written: a task that ends waits for it, so
    RUNNING never comes after SUCCEEDED.
    """

    def __init__(self, write: Callable[[list[Task]], object]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[float, Task]] = {}
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def note(self, task: Task) -> None:
        """Take note of a task that starts."""
        with self._lock:
            self._waiting[task.id] = (time.monotonic(), task)
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._watch, name="artifact_plugins-opening", daemon=True
            )
            self._thread.start()

    def settle(self, task_id: str) -> None:
        """Forget a task that ends: the commit of its end writes the row."""
        with self._lock:
            self._waiting.pop(task_id, None)

    def require(self, task_id: str) -> None:
        """Write the row of a task now, if it is not written yet."""
        with self._lock:
            noted = self._waiting.pop(task_id, None)
            if noted is not None:
                self._write([noted[1]])

    def close(self) -> None:
        """Stop watching; nothing waits any more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(PATIENCE_SECONDS):
            with self._lock:
                before = time.monotonic() - PATIENCE_SECONDS
                late = [task for since, task in self._waiting.values() if since <= before]
                for task in late:
                    del self._waiting[task.id]
                if late:
                    self._try_write(late)

    def _try_write(self, tasks: list[Task]) -> None:
        try:
            self._write(tasks)
        except ArtifactPluginsError:
            # They are written when they end; until then nobody sees them run.
            _log.warning("%d running tasks could not be shown", len(tasks), exc_info=True)
