"""Deliverer: brings what the ledger committed to every backend, beside the work of the process."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from artifact_plugins.content import ContentStore
from artifact_plugins.delivery.courier import Courier
from artifact_plugins.delivery.opening import Backends
from artifact_plugins.delivery.outcomes import Told
from artifact_plugins.delivery.overview import Overview
from artifact_plugins.delivery.policy import Policy
from artifact_plugins.delivery.status import BackendStatus
from artifact_plugins.errors import ArtifactPluginsError
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import OutboxRow

_log = logging.getLogger("artifact_plugins")
_LOOK_SECONDS = 0.05
_PROGRESS_SECONDS = 0.5
_JOIN_SECONDS = 2.0
Watch = Callable[[str, str, str, "BaseException | None"], None]


class Deliverer(Overview):
    """Delivers the outbox of one ledger to the backends of one session.

    Nothing runs before the first `wake`, `flush` or `sync`. Several processes
    may deliver the same outbox: each stream is sent by one of them at a time.
    In a forked child it begins anew.

    Args:
        ledger: Of the deliverer alone; closed with it, when it `owns_ledger`.
        store: Where the bytes are.
        backends: Where to.
        backend_ids: Their numbers in the ledger, by name.
        owns_ledger: False for a ledger in memory, which nobody else can open.
        flush_seconds: How long the end of the process waits for it.
        policy: When to try again and when to give up.
        watch: Called after each attempt with the URL of the backend, kind and
            id of the record and the error, in a thread of the deliverer.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: ContentStore,
        backends: Backends,
        *,
        backend_ids: dict[str, int],
        owns_ledger: bool = True,
        flush_seconds: float = 5.0,
        policy: Policy | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.backends = backends
        self.policy = policy or Policy()
        self._ledger = ledger
        self._store = store
        self._backend_ids = backend_ids
        self._owns_ledger = owns_ledger
        self._flush_seconds = flush_seconds
        self._watch = watch
        self._begin()
        _open.add(self)

    def _begin(self) -> None:
        """Have no threads yet; also in a forked child, which has none of its parent's."""
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._is_started = False
        self._is_closed = False
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._keeper: threading.Thread | None = None
        self._couriers: dict[str, Courier] = {}

    # Beside the work.

    def wake(self) -> None:
        """Say that something was committed; costs the setting of an event."""
        self._woken.set()
        if not self._is_started:
            self._start()

    def flush(self, timeout_seconds: float, *, names: Sequence[str] = ()) -> bool:
        """Wait until everything is delivered, as far as that can be.

        Returns early when nothing more can be delivered in time: every backend
        that something waits for was found away or refusing meanwhile.

        Args:
            timeout_seconds: How long at most.
            names: Of the backends; all when empty.

        Returns:
            Whether nothing is pending any more; dead letters are not counted.

        Raises:
            LedgerError: The outbox cannot be read.
            InputError: There is no backend of that name.
        """
        return self._wait(self._chosen(names), timeout_seconds, gives_up=True, progress=None)

    def sync(
        self,
        *,
        names: Sequence[str] = (),
        timeout_seconds: float | None = None,
        progress: Callable[[tuple[BackendStatus, ...]], None] | None = None,
    ) -> tuple[BackendStatus, ...]:
        """Deliver in the foreground: until nothing is pending, or it makes no sense to wait.

        Args:
            names: Of the backends; all when empty.
            timeout_seconds: How long at most. None: as long as the backends are
                there and accept who asks.
            progress: Called about twice a second with the status.

        Returns:
            How the chosen backends stand afterwards.

        Raises:
            LedgerError: The outbox cannot be read.
            InputError: There is no backend of that name.
        """
        chosen = self._chosen(names)
        gives_up = timeout_seconds is None
        self._wait(chosen, timeout_seconds, gives_up=gives_up, progress=progress)
        return tuple(status for status in self.status() if status.name in chosen)

    # For a caller who waits for records of its own.

    def settle(
        self, streams: Sequence[str], idle_seconds: float, *, stops_at_failure: bool
    ) -> dict[str, list[OutboxRow]]:
        """Wait until the records of some streams are delivered, or nothing moves any more.

        Args:
            streams: Run ids, or `artifact:<project>/<name>`.
            idle_seconds: How long to wait without any record getting through.
            stops_at_failure: Whether a backend that is away or refuses ends it.

        Returns:
            What is not delivered, pending or dead, by the name of the backend.

        Raises:
            LedgerError: The outbox cannot be read.
        """
        started = last = time.monotonic()
        delivered = -1
        self._hurry(list(self.backends))
        while True:
            waiting = [
                name for name, number in self._backend_ids.items() if self._pending(number, streams)
            ]
            if not waiting:
                return self.undelivered(streams)
            now = time.monotonic()
            count = sum(courier.delivered for courier in self._couriers.values())
            if count != delivered:
                delivered, last = count, now
            is_away = all(
                self._is_away(name, started) or self._is_too_late(name, idle_seconds)
                for name in waiting
            )
            if now - last >= idle_seconds or (stops_at_failure and is_away):
                return self.undelivered(streams)
            self._pause(min(_LOOK_SECONDS, idle_seconds))

    # The end.

    def close(self, timeout_seconds: float | None = None) -> None:
        """Deliver what can be delivered in time, and stop; the rest stays for the next process.

        Args:
            timeout_seconds: `flush_seconds` when not given.
        """
        with self._lock:
            if self._is_closed or self._pid != os.getpid():
                return
            self._is_closed = True
        _open.discard(self)
        seconds = self._flush_seconds if timeout_seconds is None else timeout_seconds
        try:
            if self._is_started:
                self._end(seconds)
        finally:
            self._stopping.set()
            self._woken.set()
            for courier in self._couriers.values():
                courier.stop()
            if self._keeper is None:
                self._let_go()
            else:
                self._keeper.join(_JOIN_SECONDS)

    def _end(self, seconds: float) -> None:
        try:
            if self._wait(list(self.backends), seconds, gives_up=True, progress=None):
                return
            pending = {s.name: s.pending for s in self.status() if s.name in self.backends}
        except ArtifactPluginsError:
            _log.warning("it is unknown what is not delivered yet", exc_info=True)
            return
        shown = ", ".join(f"{name} {count}" for name, count in pending.items() if count)
        if shown:
            _log.warning(
                "not delivered yet: %s; it stays in the ledger, and the next process or "
                "`artifact-plugins sync` sends it",
                shown,
            )

    def _let_go(self) -> None:
        for line in self.backends.each():
            line.close()
        if self._owns_ledger:
            self._ledger.close()

    # The threads.

    def _start(self) -> None:
        with self._lock:
            if self._is_started or self._is_closed or not self.backends:
                return
            self._is_started = True
            self._couriers = {
                line.name: Courier(
                    line,
                    self._backend_ids[line.name],
                    self._ledger,
                    self._store,
                    policy=self.policy,
                    tell=self._told,
                    moved=self._moved,
                )
                for line in self.backends.each()
            }
            keeper = threading.Thread(
                target=self._keep, name="artifact_plugins-deliverer", daemon=True
            )
            try:
                keeper.start()
            except RuntimeError:  # the interpreter is on its way out: `_wait` does it
                return
            self._keeper = keeper

    def _keep(self) -> None:
        """Start the couriers, hand on wake-ups, and keep the leases of what they send."""
        for courier in self._couriers.values():
            courier.start()
        pause = self.policy.lease_seconds / 3
        next_at = time.monotonic() + pause
        while not self._stopping.is_set():
            if self._woken.wait(max(0.0, next_at - time.monotonic())):
                self._woken.clear()
                for courier in self._couriers.values():
                    courier.wake()
            if time.monotonic() < next_at:
                continue
            next_at = time.monotonic() + pause
            self._extend()
        # A request is under way: its answer is noted before its thread ends.
        while not all(courier.join(1.0) for courier in self._couriers.values()):
            if time.monotonic() >= next_at:
                next_at = time.monotonic() + pause
                self._extend()
        self._let_go()

    def _extend(self) -> None:
        for courier in self._couriers.values():
            try:
                courier.extend()
            except ArtifactPluginsError:
                _log.warning("a lease of the outbox was not extended", exc_info=True)

    def _moved(self) -> None:
        # Not for each record: who waits would read the ledger as often.
        with self._changed:
            self._changed.notify_all()

    def _told(self, courier: Courier, told: Told) -> None:
        if self._watch is not None:
            self._watch(courier.line.url, told.row.kind, told.row.record_id, told.error)

    # Waiting.

    def _wait(
        self,
        names: Sequence[str],
        timeout_seconds: float | None,
        *,
        gives_up: bool,
        progress: Callable[[tuple[BackendStatus, ...]], None] | None,
    ) -> bool:
        started = time.monotonic()
        deadline = None if timeout_seconds is None else started + timeout_seconds
        shown_at = started
        self._hurry(names)
        while True:
            waiting = [name for name in names if self._has_pending(name)]
            if not waiting:
                return True
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                return False
            left = None if deadline is None else deadline - now
            if gives_up and all(
                self._is_away(name, started) or self._is_too_late(name, left) for name in waiting
            ):
                return False
            if progress is not None and now - shown_at >= _PROGRESS_SECONDS:
                shown_at = now
                progress(tuple(s for s in self.status() if s.name in names))
            self._pause(_LOOK_SECONDS if left is None else min(_LOOK_SECONDS, left))

    def _pause(self, seconds: float) -> None:
        if self._is_started and self._keeper is None:
            for courier in self._couriers.values():  # no thread does it any more
                courier.step()
        with self._changed:
            self._changed.wait(seconds)

    def _hurry(self, names: Sequence[str]) -> None:
        self.wake()
        for name in names:
            if name in self._couriers:
                self._couriers[name].hurry()

    def _has_pending(self, name: str) -> bool:
        return self._ledger.outbox.next_due(self._backend_ids[name]) is not None

    def _is_too_late(self, name: str, left: float | None) -> bool:
        """Tell whether nothing can be sent to a backend in the seconds that are left."""
        courier = self._couriers.get(name)
        if left is None or courier is None or courier.in_flight:
            return False
        if courier.breaker.standing().wait_seconds > left:
            return True
        # Once more, for what was claimed, or sent to its end, between two of these looks.
        return all(self._is_due_after(name, left) and not courier.in_flight for _ in range(2))

    def _is_due_after(self, name: str, seconds: float) -> bool:
        due = self._ledger.outbox.next_due(self._backend_ids[name])
        return due is not None and (due - datetime.now(UTC)).total_seconds() > seconds

    def _is_away(self, name: str, since: float) -> bool:
        courier = self._couriers.get(name)
        return (
            courier is not None and courier.in_flight == 0 and courier.breaker.missed_since(since)
        )


_open: weakref.WeakSet[Deliverer] = weakref.WeakSet()


def _close_all() -> None:
    """At the end of a process: deliver what can be delivered in a few seconds."""
    for deliverer in list(_open):
        deliverer.close()


def _after_fork() -> None:
    """In a child: the threads, claims and connections are its parent's."""
    for deliverer in list(_open):
        for line in deliverer.backends.each():
            line.leave_parent()
        deliverer._begin()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_after_fork)
