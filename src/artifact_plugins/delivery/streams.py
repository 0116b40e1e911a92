"""The streams of one backend that this process has: a few threads send them, each in its order."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from artifact_plugins.delivery.outcomes import Outcome
from artifact_plugins.delivery.owners import new_owner
from artifact_plugins.delivery.policy import Policy
from artifact_plugins.delivery.resting import Resting, due_of
from artifact_plugins.delivery.sending import Sender
from artifact_plugins.errors import ArtifactPluginsError
from artifact_plugins.ledger import Outbox
from artifact_plugins.records import OutboxRow

_MOST_AT_ONCE = 20
_IDLE_SECONDS = 10.0


class Streams:
    """Sends the streams that were claimed, and lets go of each.

    Args:
        name: Of the backend.
        backend_id: Its number in the ledger.
        outbox: Of the ledger.
        policy: How many are sent at a time.
        sender: Sends their rows.
        rests: Says which rows are left alone for now.
        is_open: Whether the backend is spoken to.
        moved: Called when a stream is not under way any more.
        warn: Told of what no backend is to blame for.

    Attributes:
        owner: By which name the ledger knows who has them.
        is_hurried: Whether rows that rest go out all the same.
        is_stopping: Whether nothing is begun any more.
    """

    def __init__(
        self,
        name: str,
        backend_id: int,
        outbox: Outbox,
        *,
        policy: Policy,
        sender: Sender,
        rests: Resting,
        is_open: Callable[[], bool],
        moved: Callable[[], None],
        warn: Callable[[Exception], None],
    ) -> None:
        self.owner = new_owner()
        self.is_hurried = False
        self.is_stopping = False
        self._name = name
        self._backend_id = backend_id
        self._outbox = outbox
        self._policy = policy
        self._sender = sender
        self._rests = rests
        self._is_open = is_open
        self._moved = moved
        self._warn = warn
        self._lock = threading.Lock()
        self._held: set[str] = set()
        self._lost: set[str] = set()
        self._leased_until: dict[str, float] = {}
        self._resting: dict[str, float] = {}  # held; only running tasks are left until then
        self._releasing = 0
        self._work: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._threads = 0

    @property
    def under_way(self) -> int:
        """How many are being sent, rest, or are being let go of."""
        return len(self._held) + self._releasing

    @property
    def waiting(self) -> int:
        """How many are being sent or wait for a thread."""
        return len(self._held) - len(self._resting)

    @property
    def has_threads(self) -> bool:
        """Whether any thread may be at a request."""
        return self._threads > 0

    def seconds_of_rest(self) -> float:
        """Return how long until the next of those that rest is to be roused."""
        with self._lock:
            return max(0.01, min(self._resting.values(), default=math.inf) - time.monotonic())

    def take(self, claimed: tuple[str, ...]) -> None:
        """Have streams sent that were claimed now."""
        for stream in claimed:
            self._leased_until[stream] = time.time() + self._policy.lease_seconds
            # A held one is under way, and our own lease had run out: it is held anew.
            if stream not in self._held:
                self._hand_out(stream)

    def rouse(self, *, everything: bool) -> None:
        """Hand out the streams that have rested long enough, or all of them."""
        with self._lock:
            now = math.inf if everything else time.monotonic()
            due = [one for one, until in self._resting.items() if until <= now]
            for stream in due:
                del self._resting[stream]
        for stream in due:
            self._hand_out(stream)

    def extend(self) -> None:
        """Keep those that are held for a lease more; stop sending one that another has by now."""
        for stream in list(self._held):
            self._extend(stream)

    def _extend(self, stream: str) -> None:
        kept = self._outbox.extend(
            self._backend_id,
            stream,
            owner=self.owner,
            lease_seconds=self._policy.lease_seconds,
        )
        if stream not in self._held:
            return  # sent to its end meanwhile
        if kept:
            self._leased_until[stream] = time.time() + self._policy.lease_seconds
        else:
            self._lost.add(stream)

    def stop(self) -> None:
        """Begin nothing any more; what is under way ends by itself."""
        self.is_stopping = True
        for _ in range(self._policy.streams):
            self._work.put(None)

    def release_rest(self) -> None:
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

    # The threads.

    def _hand_out(self, stream: str) -> None:
        with self._lock:
            self._held.add(stream)
            self._work.put(stream)
            if self._threads >= min(len(self._held), self._policy.streams):
                return
            self._threads += 1
        sender = threading.Thread(
            target=self._send_all, name=f"artifact_plugins-{self._name}-sender", daemon=True
        )
        try:
            sender.start()
        except RuntimeError:  # the interpreter is on its way out: here, then
            self._work.put(None)
            self._send_all()

    def _send_all(self) -> None:
        while True:
            try:
                stream = self._work.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    # Nobody is counted on who has gone.
                    if self._threads > len(self._held):
                        self._threads -= 1
                        return
                continue
            if stream is None:
                with self._lock:
                    self._threads -= 1
                return
            self._send(stream)
            self._moved()

    def _send(self, stream: str) -> None:
        rest = 0.0
        try:
            rest = self._drain(stream)
        except Exception as error:  # noqa: BLE001  # the thread lives as long as the process
            self._warn(error)
            time.sleep(0 if self.is_stopping else 1.0)
        finally:
            if not self._rest(stream, rest):
                self._release(stream)

    def _rest(self, stream: str, seconds: float) -> bool:
        """Keep a stream for a while and send nothing of it; False when it is to be let go of."""
        with self._lock:
            if seconds <= 0 or self.is_stopping:
                return False
            self._resting[stream] = time.monotonic() + seconds
            return True

    def _release(self, stream: str) -> None:
        """Let others have a stream."""
        # Held no more before the release: whoever claims it next holds it anew.
        with self._lock:
            self._held.discard(stream)
            self._lost.discard(stream)
            self._leased_until.pop(stream, None)
            self._releasing += 1
        with suppress(ArtifactPluginsError):
            self._sender.let_go(stream)
        with suppress(ArtifactPluginsError):
            self._outbox.release(self._backend_id, stream, owner=self.owner)
        with self._lock:
            self._releasing -= 1

    # One stream.

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
            rows = self._outbox.rows(self._backend_id, stream, limit=at_once + resting)
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
                    self._outbox.give_back(due[index + 1 :])
                    at_once = 1
                    if sent.outcome is Outcome.LATER:
                        return 0.0
                    break
                if index == len(due) - 1:
                    at_once = min(at_once * 2, _MOST_AT_ONCE)
        return 0.0

    def _seconds_of_rest(self, row: OutboxRow) -> float:
        return 0.0 if self.is_hurried else self._rests.seconds(row)

    def _goes_on(self, stream: str) -> bool:
        if time.time() > self._leased_until.get(stream, math.inf):
            # The machine slept, or the process was stopped: another one may be at it by now.
            self._extend(stream)
        return not self.is_stopping and stream not in self._lost and self._is_open()
