"""One backend: a thread claims streams, while it may be spoken to, and has them sent."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from artifact_plugins.content import ContentStore
from artifact_plugins.delivery.breaker import Breaker, BreakerState
from artifact_plugins.delivery.notes import LedgerNotes
from artifact_plugins.delivery.notices import Notices
from artifact_plugins.delivery.opening import Configured
from artifact_plugins.delivery.outcomes import Outcome, Told
from artifact_plugins.delivery.owners import free_abandoned
from artifact_plugins.delivery.policy import Policy
from artifact_plugins.delivery.redacting import described, traced
from artifact_plugins.delivery.resting import Resting
from artifact_plugins.delivery.sending import Sender
from artifact_plugins.delivery.streams import Streams
from artifact_plugins.errors import ArtifactPluginsError, BackendUnavailableError
from artifact_plugins.ledger import Ledger

_log = logging.getLogger("artifact_plugins")
# So many streams are claimed for each one that is sent, to find the next at once.
_AHEAD = 4
_TROUBLE_SECONDS = 5.0


class Courier:
    """Delivers to one backend while its process lives.

    Args:
        line: The backend.
        backend_id: Its number in the ledger.
        ledger: Whose outbox is delivered.
        store: Where the bytes are.
        policy: The numbers.
        tell: Called after each attempt, in the thread that made it.
        moved: Called when a stream is not under way any more.

    Attributes:
        breaker: Whether the backend is spoken to.
        delivered: How many records got there.
    """

    def __init__(
        self,
        line: Configured,
        backend_id: int,
        ledger: Ledger,
        store: ContentStore,
        *,
        policy: Policy,
        tell: Callable[[Courier, Told], None],
        moved: Callable[[], None],
    ) -> None:
        self.line = line
        self.backend_id = backend_id
        self.delivered = 0
        self.last_error: BaseException | None = None
        self.breaker = Breaker(policy, lambda _: self._notices.stands(self.breaker.standing))
        self._outbox = ledger.outbox
        self._policy = policy
        self._tell_others = tell
        self._moved_others = moved
        self._wake = threading.Event()
        self._is_changed = self._is_claiming = False
        sender = Sender(
            line,
            backend_id,
            ledger,
            store,
            policy=policy,
            breaker=self.breaker,
            tell=self._told,
        )
        self._streams = Streams(
            line.name,
            backend_id,
            self._outbox,
            policy=policy,
            sender=sender,
            rests=Resting(ledger, policy),
            is_open=self._is_open,
            moved=self._moved,
            warn=self._warn,
        )
        notes = LedgerNotes(ledger, backend_id)
        self._notices = Notices(line.name, notes, self._streams.owner)
        self._lock = threading.Lock()
        self._lead: threading.Thread | None = None

    def start(self) -> bool:
        """Begin to deliver; False when this process starts no threads any more."""
        with self._lock:
            if self._lead is None and not self._streams.is_stopping:
                lead = threading.Thread(
                    target=self._run, name=f"artifact_plugins-{self.line.name}", daemon=True
                )
                try:
                    lead.start()
                except RuntimeError:  # the interpreter is on its way out
                    return False
                self._lead = lead
        return True

    def wake(self) -> None:
        """Say that something was committed."""
        self._is_changed = True
        self._wake.set()

    def hurry(self) -> None:
        """Do it now: gather nothing, and look again at a backend that was left alone."""
        self._streams.is_hurried = True
        self.breaker.hurry()
        self._wake.set()

    @property
    def in_flight(self) -> int:
        """How many streams are being sent, or may be in a moment."""
        # Before it is told to the streams, what was claimed looks like another process's.
        return self._is_claiming + self._streams.under_way

    def stop(self) -> None:
        """Begin nothing any more; what is under way ends by itself."""
        self._streams.stop()
        self._wake.set()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for the threads; False when a request is still under way."""
        deadline = time.monotonic() + timeout_seconds
        while self._is_busy():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.005)
        return True

    def _is_busy(self) -> bool:
        lead = self._lead
        return self._streams.has_threads or (
            lead is not None and lead.is_alive() and lead is not threading.current_thread()
        )

    def extend(self) -> None:
        """Keep the streams that are being sent; called every third of a lease."""
        self._streams.extend()

    # The thread that claims.

    def _run(self) -> None:
        streams = self._streams
        with suppress(ArtifactPluginsError):
            free_abandoned(self._outbox, self.backend_id, seconds=self._policy.late_seconds)
        while not streams.is_stopping:
            try:
                pause = min(self.step(), streams.seconds_of_rest())
            except Exception as error:  # noqa: BLE001  # the thread lives as long as the process
                self._warn(error)
                pause = _TROUBLE_SECONDS
            if pause > 0 and self._wake.wait(pause):
                self._wake.clear()
                is_new, self._is_changed = self._is_changed, False
                if is_new and not streams.is_hurried and not streams.is_stopping:
                    # What changes now often changes again at once; and a step that
                    # is about to commit is not disturbed.
                    time.sleep(self._policy.gather_seconds)
                if is_new:
                    streams.rouse(everything=True)
        streams.release_rest()

    def step(self) -> float:
        """Hand out what is due; return after how many seconds to look again.

        Raises:
            LedgerError: The outbox cannot be read or written.
        """
        self._streams.rouse(everything=self._streams.is_hurried)
        if self._outbox.next_due(self.backend_id) is None:
            self._streams.is_hurried = False
            return self._policy.poll_seconds
        standing = self.breaker.standing()
        if standing.wait_seconds > 0:
            return min(standing.wait_seconds, self._policy.poll_seconds)
        if standing.state in (BreakerState.OPEN, BreakerState.PAUSED):
            if not self._look():
                return 0.01
            standing = self.breaker.standing()
        most = 1 if standing.state is BreakerState.TRYING else self._policy.streams * _AHEAD
        free = most - self._streams.waiting
        if free <= 0:
            return self._policy.poll_seconds
        self._is_claiming = True
        try:
            claimed = self._outbox.claim(
                self.backend_id,
                owner=self._streams.owner,
                lease_seconds=self._policy.lease_seconds,
                limit=free,
            )
            self._streams.take(claimed)
        finally:
            self._is_claiming = False
        if len(claimed) == free:
            return self._policy.poll_seconds  # a sender that is free says so
        return self._until_due()

    def _until_due(self) -> float:
        due = self._outbox.next_due(self.backend_id)
        if due is None:
            return self._policy.poll_seconds
        seconds = (due - datetime.now(UTC)).total_seconds()
        return min(max(seconds, 0.01), self._policy.poll_seconds)

    def _look(self) -> bool:
        """Ask a backend that was left alone whether it is back."""
        begun = self.breaker.now()
        try:
            self.line.backend.probe()
        except BackendUnavailableError as error:
            self.last_error = error
            retry_after = error.retry_after_seconds
            self.breaker.failed(described(error), retry_after, is_look=True, begun=begun)
            return False
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a bug of a backend ends no thread
            self.last_error = error
            self.breaker.refused(described(error), begun)
            return False
        self.breaker.reached()
        return True

    # What the threads that send ask and tell.

    def _is_open(self) -> bool:
        return self.breaker.standing().state in (BreakerState.CLOSED, BreakerState.TRYING)

    def _moved(self) -> None:
        self._wake.set()
        self._moved_others()

    def _warn(self, error: Exception) -> None:
        is_ours = isinstance(error, ArtifactPluginsError)
        text = described(error) if is_ours else traced(error)
        _log.warning("delivery to backend %s waits: %s", self.line.name, text)

    def _told(self, told: Told) -> None:
        if told.outcome is Outcome.DELIVERED:
            self.delivered += 1
            if self.breaker.standing().state is BreakerState.CLOSED:
                self._notices.delivered()
        else:
            self.last_error = told.error
        self._tell_others(self, told)
