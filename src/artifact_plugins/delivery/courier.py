"""The threads of one backend: one claims streams, a few send them, each in its order."""

from __future__ import annotations

import logging
import math
import queue
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
from artifact_plugins.delivery.owners import free_abandoned, new_owner
from artifact_plugins.delivery.policy import Policy
from artifact_plugins.delivery.redacting import described, traced
from artifact_plugins.delivery.resting import Resting, due_of
from artifact_plugins.delivery.sending import Outcome, Sender, Told
from artifact_plugins.errors import ArtifactPluginsError, BackendUnavailableError
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import OutboxRow

_log = logging.getLogger("artifact_plugins")
_MOST_AT_ONCE = 20
# So many streams are claimed for each one that is sent, to find the next at once.
_AHEAD = 4
_IDLE_SECONDS = 10.0
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
        self._owner = new_owner()
        self._notices = Notices(line.name, LedgerNotes(ledger, backend_id), self._owner)
        self.breaker = Breaker(policy, lambda _: self._notices.stands(self.breaker.standing))
        self._outbox = ledger.outbox
        self._policy = policy
        self._tell_others = tell
        self._moved = moved
        self._rests = Resting(ledger, policy)
        self._sender = Sender(
            line,
            backend_id,
            ledger,
            store,
            policy=policy,
            breaker=self.breaker,
            tell=self._told,
        )
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._is_changed = False
        self._is_hurried = False
        self._is_stopping = False
        self._held: set[str] = set()
        self._lost: set[str] = set()
        self._resting: dict[str, float] = {}  # held; only running tasks are left until then
        self._releasing = 0
        self._work: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._senders = 0
        self._lead: threading.Thread | None = None

    def start(self) -> bool:
        """Begin to deliver; False when this process starts no threads any more."""
        with self._lock:
            if self._lead is None and not self._is_stopping:
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
        self._is_hurried = True
        self.breaker.hurry()
        self._wake.set()

    @property
    def in_flight(self) -> int:
        """How many streams are being sent."""
        return len(self._held) + self._releasing

    def stop(self) -> None:
        """Begin nothing any more; what is under way ends by itself."""
        self._is_stopping = True
        self._wake.set()
        for _ in range(self._policy.streams):
            self._work.put(None)

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
        return self._senders > 0 or (
            lead is not None and lead.is_alive() and lead is not threading.current_thread()
        )

    def extend(self) -> None:
        """Keep the streams that are being sent; called every third of a lease."""
        for stream in list(self._held):
            kept = self._outbox.extend(
                self.backend_id,
                stream,
                owner=self._owner,
                lease_seconds=self._policy.lease_seconds,
            )
            if not kept and stream in self._held:
                self._lost.add(stream)

    # The thread that claims.

    def _run(self) -> None:
        with suppress(ArtifactPluginsError):
            free_abandoned(self._outbox, self.backend_id, seconds=self._policy.late_seconds)
        while not self._is_stopping:
            try:
                pause = min(self.step(), self._until_rested())
            except Exception as error:  # noqa: BLE001  # the thread lives as long as the process
                self._warn(error)
                pause = _TROUBLE_SECONDS
            if pause > 0 and self._wake.wait(pause):
                self._wake.clear()
                is_new, self._is_changed = self._is_changed, False
                if is_new and not self._is_hurried and not self._is_stopping:
                    # What changes now often changes again at once; and a step that
                    # is about to commit is not disturbed.
                    time.sleep(self._policy.gather_seconds)
                if is_new:
                    self._rouse(everything=True)
        self._release_rest()

    def step(self) -> float:
        """Hand out what is due; return after how many seconds to look again.

        Raises:
            LedgerError: The outbox cannot be read or written.
        """
        self._rouse(everything=self._is_hurried)
        if self._outbox.next_due(self.backend_id) is None:
            self._is_hurried = False
            return self._policy.poll_seconds
        standing = self.breaker.standing()
        if standing.wait_seconds > 0:
            return min(standing.wait_seconds, self._policy.poll_seconds)
        if standing.state in (BreakerState.OPEN, BreakerState.PAUSED):
            if not self._look():
                return 0.01
            standing = self.breaker.standing()
        most = 1 if standing.state is BreakerState.TRYING else self._policy.streams * _AHEAD
        free = most - len(self._held) + len(self._resting)
        if free <= 0:
            return self._policy.poll_seconds
        streams = self._outbox.claim(
            self.backend_id,
            owner=self._owner,
            lease_seconds=self._policy.lease_seconds,
            limit=free,
        )
        for stream in streams:
            # A held one is under way, and our own lease had run out: it is held anew.
            if stream not in self._held:
                self._hand_out(stream)
        if len(streams) == free:
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
        try:
            self.line.backend.probe()
        except BackendUnavailableError as error:
            self.last_error = error
            self.breaker.failed(described(error), error.retry_after_seconds, is_look=True)
            return False
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a bug of a backend ends no thread
            self.last_error = error
            self.breaker.refused(described(error))
            return False
        self.breaker.reached()
        return True

    def _until_rested(self) -> float:
        """Return how long the lead may wait for the streams that rest."""
        with self._lock:
            return max(0.01, min(self._resting.values(), default=math.inf) - time.monotonic())

    def _rouse(self, *, everything: bool) -> None:
        """Hand out the streams that have rested long enough, or all of them."""
        with self._lock:
            now = math.inf if everything else time.monotonic()
            due = [one for one, until in self._resting.items() if until <= now]
            for stream in due:
                del self._resting[stream]
        for stream in due:
            self._hand_out(stream)

    def _hand_out(self, stream: str) -> None:
        with self._lock:
            self._held.add(stream)
            self._work.put(stream)
            if self._senders >= min(len(self._held), self._policy.streams):
                return
            self._senders += 1
        sender = threading.Thread(
            target=self._send_all, name=f"artifact_plugins-{self.line.name}-sender", daemon=True
        )
        try:
            sender.start()
        except RuntimeError:  # the interpreter is on its way out: here, then
            self._work.put(None)
            self._send_all()

    # The threads that send.

    def _send_all(self) -> None:
        while True:
            try:
                stream = self._work.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    # Nobody is counted on who has gone.
                    if self._senders > len(self._held):
                        self._senders -= 1
                        return
                continue
            if stream is None:
                with self._lock:
                    self._senders -= 1
                return
            self._send_stream(stream)
            self._wake.set()
            self._moved()

    def _send_stream(self, stream: str) -> None:
        rest = 0.0
        try:
            rest = self._drain(stream)
        except Exception as error:  # noqa: BLE001  # as in `_run`
            self._warn(error)
            time.sleep(0 if self._is_stopping else 1.0)
        finally:
            if not self._rest(stream, rest):
                self._release(stream)

    def _rest(self, stream: str, seconds: float) -> bool:
        """Keep a stream for a while and send nothing of it; False when it is to be let go of."""
        with self._lock:
            if seconds <= 0 or self._is_stopping:
                return False
            self._resting[stream] = time.monotonic() + seconds
            return True

    def _release(self, stream: str) -> None:
        """Let others have a stream."""
        # Held no more before the release: whoever claims it next holds it anew.
        with self._lock:
            self._held.discard(stream)
            self._lost.discard(stream)
            self._releasing += 1
        with suppress(ArtifactPluginsError):
            self._outbox.release(self.backend_id, stream, owner=self._owner)
        with self._lock:
            self._releasing -= 1

    def _release_rest(self) -> None:
        """Let go of what was claimed as the end came; else it would wait for its lease to end."""
        ends = 0
        with self._lock:
            resting, self._resting = self._resting, {}
        for stream in resting:
            self._work.put(stream)
        with suppress(queue.Empty):
            while True:
                claimed = self._work.get_nowait()
                if claimed is None:
                    ends += 1
                else:
                    self._release(claimed)
        for _ in range(ends):
            self._work.put(None)

    def _drain(self, stream: str) -> float:
        """Send what a stream holds, until it is empty or must wait.

        Returns:
            How long to leave alone what is left of it, running tasks; 0 when
            the stream is to be let go of.
        """
        at_once = 1
        is_claimed = True
        resting = 0
        while self._goes_on(stream):
            rows = self._outbox.rows(self.backend_id, stream, limit=at_once + resting)
            rests = {row.seq: self._seconds_of_rest(row) for row in rows}
            resting = sum(seconds > 0 for seconds in rests.values())
            # The first one is due by the clock of the ledger, whatever ours says.
            due = due_of([row for row in rows if not rests[row.seq]], is_head_due=is_claimed)
            is_claimed = False
            if not due:
                return min((seconds for seconds in rests.values() if seconds), default=0.0)
            # One transaction for several rows once the backend takes them.
            self._outbox.begin(due)
            for index, row in enumerate(due):
                started = time.monotonic()
                sent = self._sender.send(row)
                if sent.outcome is Outcome.DELIVERED:
                    self._rests.sent(row, time.monotonic() - started)
                if sent.outcome is Outcome.LATER or sent.brought or not self._goes_on(stream):
                    self._sender.give_back(due[index + 1 :])
                    at_once = 1
                    if sent.outcome is Outcome.LATER:
                        return 0.0
                    break
                if index == len(due) - 1:
                    at_once = min(at_once * 2, _MOST_AT_ONCE)
        return 0.0

    def _seconds_of_rest(self, row: OutboxRow) -> float:
        return 0.0 if self._is_hurried else self._rests.seconds(row)

    def _goes_on(self, stream: str) -> bool:
        if self._is_stopping or stream in self._lost:
            return False
        standing = self.breaker.standing()
        return standing.state in (BreakerState.CLOSED, BreakerState.TRYING)

    # What others hear.

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
