"""A row that was not delivered: tried later, given up, or a sign that its backend takes nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from artifact_plugins.delivery.breaker import Breaker, BreakerState
from artifact_plugins.delivery.judging import Judge
from artifact_plugins.delivery.opening import Configured
from artifact_plugins.delivery.outcomes import Outcome, Told
from artifact_plugins.delivery.policy import Policy
from artifact_plugins.delivery.redacting import described, traced
from artifact_plugins.errors import (
    BackendAuthError,
    BackendError,
    BackendRejectedError,
    BackendUnavailableError,
    StoreError,
)
from artifact_plugins.ledger import Outbox
from artifact_plugins.records import OutboxRow

_log = logging.getLogger("artifact_plugins")
_TOO_MANY_REQUESTS = 429
_DEAD_SHOWN = 10
_BUGS_SHOWN = 20


class Failures:
    """Decides what becomes of the rows of one backend that were not delivered. Threads share it.

    Args:
        line: The backend.
        outbox: Of the ledger.
        policy: When to try again and when to give up.
        breaker: Of this backend.
        tell: Called after each attempt; never raises.
    """

    def __init__(
        self,
        line: Configured,
        outbox: Outbox,
        *,
        policy: Policy,
        breaker: Breaker,
        tell: Callable[[Told], None],
    ) -> None:
        self._line = line
        self._outbox = outbox
        self._policy = policy
        self._breaker = breaker
        self._tell = tell
        self._judge = Judge(policy)
        self._lock = threading.Lock()
        self._dead = 0
        self._bugs: set[str] = set()
        self._asking = threading.Lock()

    def got_through(self, row: OutboxRow) -> None:
        """Remember, for the rows beside it, that one was delivered."""
        self._judge.got_through(row)

    def failed(
        self,
        row: OutboxRow,
        error: BaseException,
        *,
        send_another: Callable[[], bool],
        begun: float | None = None,
        has_progressed: bool = False,
    ) -> Outcome:
        """Say what becomes of a row whose delivery raised something.

        Args:
            row: As it was when it was sent.
            error: What the backend, the store or a bug raised.
            send_another: Sends another row of the stream; tells whether that was delivered.
            begun: When it was asked, by the clock of the breaker; now when not given.
            has_progressed: Whether the row got further than at its last try.
        """
        text = described(error)
        if isinstance(error, BackendAuthError):
            return self._refused(row, error, text, begun, send_another)
        if not isinstance(error, BackendError | StoreError):
            self._show_bug(row, error, text)
            text = f"BackendContractError: {text}"
        retry_after = getattr(error, "retry_after_seconds", None)
        status = getattr(error, "status", None)
        if isinstance(error, BackendUnavailableError):
            is_unreached = status is None and not error.may_have_happened
            self._breaker.failed(text, retry_after, is_unreached=is_unreached, begun=begun)
        elif isinstance(error, BackendRejectedError):
            self._breaker.succeeded()  # who understands and says no is there
        elif isinstance(error, BackendError):
            self._breaker.failed(text, begun=begun)
        if self._judge.is_hopeless(row, error, text):
            refusal = self._refusal_of_all()
            if refusal is None:
                return self.bury(row, text, error)
            return self._paused(row, error, text, refusal, begun)
        # What got further, or was told to wait, has not failed for itself.
        counts = not has_progressed and status != _TOO_MANY_REQUESTS
        is_late = getattr(error, "is_late", False)
        pause = self._policy.pause_seconds(row.tries, retry_after, is_late=is_late)
        return self._postponed(row, error, text, pause, counts=counts)

    def bury(self, row: OutboxRow, text: str, error: BaseException | None = None) -> Outcome:
        """Give a row up; the log says so for the first few."""
        self._outbox.bury(row, error=text[:2000])
        with self._lock:
            self._dead += 1
            dead = self._dead
        if dead <= _DEAD_SHOWN:
            kept = "" if "the ledger has" in text else "; the ledger has the record"
            what = f"{row.kind} {row.record_id} was given up for backend {self._line.name}"
            _log.warning("%s: %s%s; `artifact-plugins replay` sends it again", what, text, kept)
        failure = error or BackendRejectedError(text, hint="the ledger has the record")
        self._tell(Told(row, Outcome.DEAD, failure))
        return Outcome.DEAD

    def _refused(
        self,
        row: OutboxRow,
        error: BackendAuthError,
        text: str,
        begun: float | None,
        send_another: Callable[[], bool],
    ) -> Outcome:
        """Find out whether all records are refused, or this one alone, while others get through.

        Nobody but the others can tell: who may look at a server need not be
        allowed to write there, and then nothing must be given up.
        """
        with self._asking:  # one asks for all who are refused at once
            is_known = self._breaker.standing().state is BreakerState.PAUSED
            if is_known or self._refusal_of_all() is not None:
                return self._paused(row, error, text, None if is_known else text, begun)
        is_alone = self._judge.others_get_through(row)
        # A server may refuse everybody for long: that is no try of twenty.
        counts = row.tries <= self._policy.rejections
        if self._judge.is_lasting(row, text):
            if is_alone or send_another():
                self._breaker.succeeded()  # it takes the others
                return self.bury(row, text, error)
        elif is_alone:
            pause = self._policy.pause_seconds(row.tries)
            return self._postponed(row, error, text, pause, counts=counts)
        self._breaker.refused(text, begun)
        return self._postponed(row, error, text, self._policy.first_pause_seconds, counts=counts)

    def _paused(
        self,
        row: OutboxRow,
        error: BaseException,
        text: str,
        refusal: str | None,
        begun: float | None,
    ) -> Outcome:
        """Leave the backend alone: it takes nothing, and no record has failed for itself."""
        if refusal is not None:
            self._breaker.refused(refusal, begun)
        return self._postponed(row, error, text, self._policy.first_pause_seconds, counts=False)

    def _postponed(
        self, row: OutboxRow, error: BaseException, text: str, pause: float, *, counts: bool
    ) -> Outcome:
        self._outbox.postpone(row, seconds=pause, error=text, counts=counts)
        self._tell(Told(row, Outcome.LATER, error))
        return Outcome.LATER

    def _show_bug(self, row: OutboxRow, error: BaseException, text: str) -> None:
        with self._lock:
            if text in self._bugs or len(self._bugs) >= _BUGS_SHOWN:
                return
            self._bugs.add(text)
        _log.warning(
            "backend %s failed on %s %s as it never should: %s",
            self._line.name,
            row.kind,
            row.record_id,
            traced(error),
        )

    def _refusal_of_all(self) -> str | None:
        """Return why the backend takes no record at all; None when it takes others."""
        try:
            self._line.backend.probe()
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a bug of a backend ends no thread
            return described(error)
        return None
