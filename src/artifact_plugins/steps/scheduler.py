"""Starts what a run has to do when its inputs are there, and commits what ends in batches."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from artifact_plugins.errors import RunInterruptedError
from artifact_plugins.steps.progress import Tally

if TYPE_CHECKING:
    from artifact_plugins.steps.active import ActiveRun
    from artifact_plugins.steps.lanes import Lane

_log = logging.getLogger("artifact_plugins")
GRACE_SECONDS = 5.0
"""How long calls that run are waited for when a run is interrupted."""


class Node(ABC):
    """Something that happens in a run when what it waits for has happened.

    Attributes:
        waits_for: Nodes that have not ended.
        followers: Nodes that wait for this one.
        is_done: Whether it has ended and its records are committed.
        error: What it raised, or why it was skipped.
        is_skipped: Whether it never happened, because of something it waited for.
        survives: Whether it happens although something it waited for failed.
        lane: Where it runs; None for what only writes records.
    """

    survives = False
    lane: Lane | None = None

    def __init__(self) -> None:
        self.waits_for: set[Node] = set()
        self.followers: list[Node] = []
        self.is_done = False
        self.error: BaseException | None = None
        self.is_skipped = False

    @abstractmethod
    def launch(self) -> Future[Any] | None:
        """Start it; None when it has nothing to do but to complete."""

    @abstractmethod
    def complete(self, future: Future[Any] | None) -> None:
        """Hand its records to the ledger; sets `error` when it failed."""

    @abstractmethod
    def skip(self, cause: BaseException) -> None:
        """Record that it never happens."""

    def lost(self) -> BaseException | None:
        """Return why its records could not be written, after they were handed over."""
        return None

    def announce(self) -> None:  # noqa: B027  # most have nothing to tell
        """Tell whoever listens, after the commit."""


class Scheduler:
    """One thread per run that launches, completes and commits.

    Each lane gets only so many calls at a time as it is wide, so that memory
    stays bounded however many wait.
    """

    def __init__(self, run: ActiveRun) -> None:
        self._run = run
        self._changed = threading.Condition()
        self._ready: dict[Lane | None, deque[Node]] = {}
        self._busy: Counter[Lane | None] = Counter()
        self._open: set[Node] = set()
        self._running: dict[Node, Future[Any] | None] = {}
        self._ended: deque[tuple[Node, Future[Any] | None]] = deque()
        self._is_stopped = False
        self._given_up: tuple[BaseException, BaseException] | None = None
        self._thread: threading.Thread | None = None
        self._tally = Tally()
        self.first_error: BaseException | None = None

    def add(self, node: Node, waits_for: Iterable[Node]) -> None:
        """Take a node; it is launched when everything it waits for has ended."""
        with self._changed:
            failed = None
            for other in waits_for:
                if not other.is_done:
                    node.waits_for.add(other)
                    other.followers.append(node)
                elif other.error is not None:
                    failed = other.error
            self._open.add(node)
            self._tally.called()
            if failed is not None and not node.survives:
                self._skip(node, failed)
            elif not node.waits_for:
                self._make_ready(node)
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._loop, name="artifact_plugins-scheduler", daemon=True
                )
                self._thread.start()

    def end_here(self, node: Node, error: BaseException, *, is_skipped: bool) -> None:
        """Take a node that failed, or was skipped, in the body itself."""
        with self._changed:
            node.error, node.is_skipped = error, is_skipped
            self._tally.called()
            self._end(node)

    def wait(self, node: Node) -> None:
        """Wait until a node has ended.

        Raises:
            BaseException: What it raised.
        """
        with self._changed:
            self._changed.wait_for(lambda: node.is_done)
        if node.error is not None:
            raise node.error

    def wait_all(self, nodes: Iterable[Node]) -> None:
        """Wait until nodes have ended, whether they failed or not."""
        waited = list(nodes)
        with self._changed:
            self._changed.wait_for(lambda: all(node.is_done for node in waited))

    def drain(self) -> None:
        """Wait until everything has ended."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open)

    def cancel(self, cause: BaseException) -> None:
        """Launch nothing any more; what runs has a moment to end."""
        lost = RunInterruptedError(
            "the run was interrupted while this task ran",
            hint="what had ended before is committed; its own outputs are not",
        )
        lost.__cause__ = cause
        with self._changed:
            self._given_up = (cause, lost)
            for node in [node for node in self._open if node not in self._running]:
                self._skip(node, cause)
            self._ready.clear()
            running = [(node, future) for node, future in self._running.items() if future]
        # Not under the lock: cancelling may wait for a thread that waits for it.
        cancelled = [node for node, future in running if future.cancel()]
        with self._changed:
            for node in cancelled:
                self._give_up(node)
            with suppress(KeyboardInterrupt):  # asked twice: do not wait
                self._changed.wait_for(lambda: not self._open, timeout=GRACE_SECONDS)
            for node in list(self._open):
                self._skip(node, lost)
            self._changed.notify_all()

    def _give_up(self, node: Node) -> None:
        """Skip a node whose future was cancelled; a call that had begun is FAILED."""
        assert self._given_up is not None
        cause, lost = self._given_up
        began = node.lane is not None and node.lane.starts_at_once
        if node in self._running:
            self._skip(node, lost if began else cause)

    def close(self) -> None:
        """End the thread; nothing is open any more."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _loop(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work)
                if self._is_stopped and not self._ended:
                    return
                ended = list(self._ended)
                self._ended.clear()
            self._complete(ended)
            self._launch()

    def _has_work(self) -> bool:
        return bool(self._is_stopped or self._ended or self._next_lane())

    def _make_ready(self, node: Node) -> None:
        self._ready.setdefault(node.lane, deque()).append(node)

    def _next_lane(self) -> deque[Node] | None:
        """Return the queue of a lane that has room."""
        for lane, queue in self._ready.items():
            if queue and (lane is None or self._busy[lane] < lane.width):
                return queue
        return None

    def _leave_lane(self, node: Node) -> bool:
        """Forget that a node runs; False when it was given up before."""
        if node not in self._running:
            return False
        del self._running[node]
        self._busy[node.lane] -= 1
        return True

    def _complete(self, ended: list[tuple[Node, Future[Any] | None]]) -> None:
        """Commit what ended, together; then let go what waited for it."""
        completed = []
        for node, future in ended:
            with self._changed:
                if self._given_up is not None and future is not None and future.cancelled():
                    self._give_up(node)
                if not self._leave_lane(node):
                    continue  # given up meanwhile
            try:
                node.complete(future)
            except BaseException as error:  # noqa: BLE001  # handed to whoever waits for the node
                node.error = node.error or error
            completed.append(node)
        if not completed:
            return
        try:
            self._run.outgoing.flush()
        except BaseException as error:  # noqa: BLE001  # as above
            for node in completed:
                node.error = node.error or error
        for node in completed:
            node.error = node.error or node.lost()
            try:
                node.announce()
            except BaseException as error:  # noqa: BLE001  # as above: a plugin that exits
                node.error = node.error or error
        with self._changed:
            for node in completed:
                self._end(node)
            self._changed.notify_all()

    def _end(self, node: Node) -> None:
        if node.error is not None and self.first_error is None:
            self.first_error = node.error
        node.is_done = True
        self._open.discard(node)
        self._tally.ended()
        followers, node.followers = node.followers, []
        for follower in followers:
            follower.waits_for.discard(node)
            if follower.is_done:
                continue
            if node.error is not None and not follower.survives:
                self._skip(follower, node.error)
            elif not follower.waits_for:
                self._make_ready(follower)

    def _skip(self, node: Node, cause: BaseException) -> None:
        if node.is_done:
            return
        node.error = cause
        node.is_skipped = not isinstance(cause, RunInterruptedError)
        try:
            node.skip(cause)
        except Exception:  # noqa: BLE001  # the cause matters more
            _log.warning("a task that was skipped could not be recorded", exc_info=True)
        self._leave_lane(node)
        self._end(node)

    def _launch(self) -> None:
        while True:
            with self._changed:
                queue = self._next_lane()
                if queue is None:
                    return
                node = queue.popleft()
                if node.is_done:
                    continue
                self._running[node] = None
                self._busy[node.lane] += 1
            try:
                future = node.launch()
            except BaseException as error:  # noqa: BLE001  # handed to whoever waits for the node
                future = Future()
                future.set_exception(error)
            if future is None:
                self._notice(node, None)
                continue
            with self._changed:
                if node in self._running:
                    self._running[node] = future
            future.add_done_callback(partial(self._notice, node))

    def _notice(self, node: Node, future: Future[Any] | None) -> None:
        with self._changed:
            self._ended.append((node, future))
            self._changed.notify_all()
