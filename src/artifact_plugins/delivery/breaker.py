"""Whether a backend is spoken to at all: closed, open, half open, or paused until somebody logs in."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from artifact_plugins.delivery.policy import Policy, doubled


class BreakerState(StrEnum):
    """Whether records go out.

    CLOSED: they do. OPEN: the backend failed several times in a row, or asked
    for patience, and is left alone. PAUSED: it does not accept who asks or how,
    which no patience changes. TRYING: it was reached again, and one record shows
    whether it works.
    """

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    PAUSED = "PAUSED"
    TRYING = "TRYING"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a backend stands at a moment.

    Attributes:
        state: See there.
        reason: What failed last, for people; None when it is CLOSED.
        wait_seconds: Until it is looked at again; 0 for now.
    """

    state: BreakerState
    reason: str | None = None
    wait_seconds: float = 0.0


class Breaker:
    """Counts failures of one backend. Threads share it.

    Args:
        policy: When it opens and for how long.
        changed: Told of every new state, outside of any lock.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        policy: Policy,
        changed: Callable[[Standing], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._changed = changed
        self._clock = clock
        self._lock = threading.Lock()
        self._state = BreakerState.CLOSED
        self._reason: str | None = None
        self._failures = 0
        self._openings = 0
        self._next_look = 0.0
        self._asked_until = 0.0  # by the server; no success and no hurry undoes it
        self._missed_at = self._hurried_at = float("-inf")

    def now(self) -> float:
        """Return the moment, by the clock that `begun` and `missed_since` go by."""
        return self._clock()

    def standing(self) -> Standing:
        """Return how the backend stands now."""
        with self._lock:
            return self._standing()

    def missed_since(self, moment: float) -> bool:
        """Tell whether it was found away, or refusing, by one who asked at that moment or later."""
        with self._lock:
            is_away = self._state in (BreakerState.OPEN, BreakerState.PAUSED)
            return is_away and self._missed_at >= moment

    def succeeded(self) -> None:
        """A record got through; what the server asked of others meanwhile is kept."""
        with self._lock:
            self._failures = self._openings = 0
            self._next_look = self._asked_until
            if self._is_asked_to_wait():
                self._state = BreakerState.OPEN
                return
            was, self._state = self._state, BreakerState.CLOSED
            self._reason = None
            found = self._standing()
        if was is not BreakerState.CLOSED:
            self._changed(found)

    def reached(self) -> None:
        """A look found the backend there: one record may go out."""
        with self._lock:
            if not self._is_asked_to_wait():
                self._state = BreakerState.TRYING

    def failed(
        self,
        reason: str,
        retry_after_seconds: float | None = None,
        *,
        is_unreached: bool = False,
        is_look: bool = False,
        begun: float | None = None,
    ) -> None:
        """The backend does not work; it may ask for patience.

        Args:
            reason: For people.
            retry_after_seconds: How much patience.
            is_unreached: Nobody was there, which two failures make certain.
            is_look: It was no record that failed, but a look whether it is there.
            begun: When it was asked; now when not given.
        """
        hold = self._policy.believed(retry_after_seconds)
        with self._lock:
            now = self._clock()
            self._failures += self._policy.failures_to_open // 2 + 1 if is_unreached else 1
            opens = self._failures >= self._policy.failures_to_open or hold > 0
            if self._state is BreakerState.CLOSED and not opens:
                return
            if hold:
                self._asked_until = max(self._asked_until, now + hold)
            begun = now if begun is None else begun
            if is_look:
                # Who asks for patience speaks of the time to come.
                self._missed_at = max(self._missed_at, now if hold else begun)
            longest = self._policy.longest_outage_pause_seconds
            found = self._open(BreakerState.OPEN, reason, self._first_pause(), longest, begun)
        self._changed(found)

    def refused(self, reason: str, begun: float | None = None) -> None:
        """The backend does not accept who asks, or is not what its URL says.

        Args:
            reason: For people.
            begun: When it was asked; now when not given.
        """
        with self._lock:
            begun = self._clock() if begun is None else begun
            self._missed_at = max(self._missed_at, begun)
            found = self._open(
                BreakerState.PAUSED,
                reason,
                self._policy.login_pause_seconds,
                self._policy.longest_login_pause_seconds,
                begun,
            )
        self._changed(found)

    def hurry(self) -> None:
        """Look again now, except where the backend asked for patience."""
        with self._lock:
            self._hurried_at = self._clock()
            self._next_look = self._asked_until

    def _is_asked_to_wait(self) -> bool:
        return self._asked_until > self._clock()

    def _first_pause(self) -> float:
        return max(self._policy.first_pause_seconds, 0.001)

    def _open(
        self, state: BreakerState, reason: str, first: float, longest: float, begun: float
    ) -> Standing:
        now = self._clock()
        if state is not self._state and self._state is not BreakerState.TRYING:
            self._openings = 0
        self._openings += 1
        self._state, self._reason = state, reason
        pause = doubled(first, self._openings, longest)
        # Half of it for certain, or an outage would be one long series of looks.
        pause *= random.uniform(0.5, 1.0)  # noqa: S311  # no secret
        # An answer to what was asked before somebody was in a hurry says nothing of now.
        earliest = now + pause if begun >= self._hurried_at else self._next_look
        self._next_look = max(earliest, self._asked_until)
        return self._standing()

    def _standing(self) -> Standing:
        if self._state in (BreakerState.CLOSED, BreakerState.TRYING):
            return Standing(self._state, self._reason)
        wait = max(0.0, self._next_look - self._clock())
        return Standing(self._state, self._reason, wait)
