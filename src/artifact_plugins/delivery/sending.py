"""Sends one row of the outbox, whatever its backend, the ledger or the network make of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple, cast

from artifact_plugins.content import ContentStore
from artifact_plugins.contracts.backend import RecordKind
from artifact_plugins.delivery.breaker import Breaker, BreakerState
from artifact_plugins.delivery.judging import Judge
from artifact_plugins.delivery.notes import UNSUPPORTED, LedgerNotes
from artifact_plugins.delivery.opening import Configured
from artifact_plugins.delivery.policy import Policy
from artifact_plugins.delivery.redacting import described, traced
from artifact_plugins.delivery.signals import NeededFirst
from artifact_plugins.delivery.source import LedgerDelivery, Turns, deliver
from artifact_plugins.errors import (
    ArtifactMissingError,
    BackendAuthError,
    BackendContractError,
    BackendError,
    BackendRejectedError,
    BackendUnavailableError,
    LedgerError,
    StoreError,
    UnsupportedByBackendError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import OutboxRow, OutboxState, version_stream

_log = logging.getLogger("artifact_plugins")
_TOO_MANY_REQUESTS = 429
_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 10.0
_DEAD_SHOWN = 10
_REST_AT_ONCE = 200
_BUGS_SHOWN = 20
Key = tuple[str, str]


class Outcome(Enum):
    """What became of a row: sent, to be tried later, given up."""

    DELIVERED = "delivered"
    LATER = "later"
    DEAD = "dead"


class Sent(NamedTuple):
    """What became of a row.

    Attributes:
        outcome: Of the row itself.
        brought: Whether other rows were sent before it.
    """

    outcome: Outcome
    brought: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """One attempt, for whoever watches: the error of one that failed."""

    row: OutboxRow
    outcome: Outcome
    error: BaseException | None


class Sender:
    """Sends rows to one backend; threads share it, each with a stream of its own.

    Args:
        line: The backend.
        backend_id: Its number in the ledger.
        ledger: Whose outbox and records are sent.
        store: Where the bytes are.
        policy: When to try again and when to give up.
        breaker: Of this backend.
        tell: Called after each attempt; never raises.
    """

    def __init__(
        self,
        line: Configured,
        backend_id: int,
        ledger: Ledger,
        store: ContentStore,
        *,
        policy: Policy,
        breaker: Breaker,
        tell: Callable[[Told], None],
    ) -> None:
        self._line = line
        self._backend_id = backend_id
        self._ledger = ledger
        self._outbox = ledger.outbox
        self._store = store
        self._policy = policy
        self._breaker = breaker
        self._tell = tell
        self._notes = LedgerNotes(ledger, backend_id)
        self._turns = Turns()
        self._lock = threading.Lock()
        self._waits: dict[Key, int] = {}
        self._dead = 0
        self._judge = Judge(policy)
        self._bugs: set[str] = set()
        self._asking = threading.Lock()

    def send(self, row: OutboxRow, under: tuple[Key, ...] = ()) -> Sent:
        """Send a row, and before it whatever it needs.

        Args:
            row: Pending, due and begun; as it was before it was begun.
            under: Which records wait for this one.

        Raises:
            LedgerError: The outbox itself cannot be read or written.
        """
        row = replace(row, tries=row.tries + 1)
        brought = False
        kind = cast("RecordKind", row.kind)
        delivery = LedgerDelivery(
            self._ledger,
            self._store,
            self._notes,
            turns=self._turns,
            is_first=self._is_first(row),
        )
        while True:
            try:
                deliver(self._line.backend, kind, row.record_id, delivery)
            except NeededFirst as need:
                brought = True
                outcome = self._bring(need, row, under)
                if outcome is None:
                    continue
                return Sent(outcome, brought)
            except UnsupportedByBackendError as error:
                self._note_unsupported(row, error)
                return Sent(self._done(row), brought)
            except LedgerError:
                raise
            except (Exception, SystemExit) as error:  # noqa: BLE001  # a bug of a backend ends no thread
                outcome = self._failed(row, error, under, has_progressed=delivery.has_progressed)
                return Sent(outcome, brought)
            self._breaker.succeeded()
            return Sent(self._done(row), brought)

    def _is_first(self, row: OutboxRow) -> bool:
        if not row.is_first or row.tries > 1:
            return False
        if row.kind == "version" and not row.stream.startswith("artifact:"):
            return False  # its task may have brought it
        # A ledger from a backup has rows that were sent after it was made.
        age = (datetime.now(UTC) - row.created_at).total_seconds()
        return age < self._policy.first_for_seconds

    def _done(self, row: OutboxRow) -> Outcome:
        self._outbox.done(row)
        with self._lock:
            self._waits.pop(_key(row), None)
        self._judge.got_through(row)
        self._tell(Told(row, Outcome.DELIVERED, None))
        return Outcome.DELIVERED

    def _note_unsupported(self, row: OutboxRow, error: UnsupportedByBackendError) -> None:
        noted = self._notes.external(row.kind, row.record_id) or {}
        self._notes.note(row.kind, row.record_id, {**noted, UNSUPPORTED: error.message[:1000]})

    # What a record needs.

    def _bring(
        self, need: NeededFirst, row: OutboxRow, under: tuple[Key, ...], *, is_last: bool = False
    ) -> Outcome | None:
        """Have another record delivered first; None when it is there now."""
        key = (need.kind, need.key)
        waiting = (*under, _key(row))
        what = f"it needs {need.kind} {need.key}"
        if key in waiting:
            return self._failed(row, BackendContractError(f"{what}, which waits for it"))
        other = self._outbox.row(self._backend_id, need.kind, need.key)
        if other is None:
            if self._notes.external(need.kind, need.key) is not None:
                return None
            try:
                other = self._ordered(need, waiting)
            except ArtifactMissingError:
                return self._lacks(need, row, f"{what}, which the ledger does not have")
            if other is None:
                return self._wait(row, what)
        if other.state is OutboxState.DEAD:
            return self._lacks(need, row, f"{what}, which was given up: {other.error}")
        if other.stream != row.stream:
            return self._wait(row, what)
        seconds = _seconds_until(other.next_at)
        if seconds > 0:
            return self._later(row, seconds, f"{what}, which is tried later: {other.error}")
        if not under and not is_last:
            is_there = self._send_rest(row)
            # What was read of the other one is older than what was sent of it just now.
            return None if is_there else self._bring(need, row, under, is_last=True)
        self._outbox.begin([other])
        outcome = self.send(other, waiting).outcome
        if outcome is Outcome.DELIVERED:
            return None
        other = self._outbox.row(self._backend_id, other.kind, other.record_id) or other
        if outcome is Outcome.DEAD:
            return self._lacks(need, row, f"{what}, which was given up: {other.error}")
        seconds = _seconds_until(other.next_at)
        return self._later(row, seconds, f"{what}, which is tried later: {other.error}")

    def _lacks(self, need: NeededFirst, row: OutboxRow, why: str) -> Outcome | None:
        """Go on without another record where that can be, else give up; None to go on."""
        if need.go_without is None:
            return self._bury(row, why)
        need.go_without()
        return None

    def _send_rest(self, row: OutboxRow, *, limit: int = _REST_AT_ONCE) -> bool:
        """Send what comes later in the stream of a row; False when none of it got through.

        A group is ordered before its members and needs every one of them: asked
        for one by one, each would have the whole group tried again.
        """
        found = self._outbox.rows(self._backend_id, row.stream, limit=limit + 1)
        later = [one for one in found if one.seq != row.seq and not _seconds_until(one.next_at)]
        self._outbox.begin(later)
        delivered = 0
        for index, one in enumerate(later):
            sent = self.send(one, (_key(row),))
            delivered += sent.outcome is Outcome.DELIVERED
            # What it brought may be among the rest, and is there by now.
            if sent.outcome is Outcome.LATER or sent.brought:
                self.give_back(later[index + 1 :])
                break
        return delivered > 0

    def give_back(self, rows: Sequence[OutboxRow]) -> None:
        """Let rows that were begun and not sent wait as before."""
        self._outbox.give_back(rows)

    def _ordered(self, need: NeededFirst, waiting: tuple[Key, ...]) -> OutboxRow | None:
        """Return the row with which a record comes that has none of its own.

        A version comes with its task, when that is still to be sent.

        Raises:
            ArtifactMissingError: The ledger has no such record.
        """
        if need.kind == "version":
            version = self._ledger.version(need.key)
            if version.task_id is not None and ("task", version.task_id) not in waiting:
                task = self._outbox.row(self._backend_id, "task", version.task_id)
                if task is not None and task.state is OutboxState.PENDING:
                    return task
            stream = version_stream(version.run_id, version.project, version.artifact)
        elif need.kind == "task":
            stream = self._ledger.task(need.key).run_id
        else:
            stream = self._ledger.run(need.key).id
        self._outbox.enqueue(self._backend_id, [(stream, need.kind, need.key)])
        return self._outbox.row(self._backend_id, need.kind, need.key)

    def _wait(self, row: OutboxRow, why: str) -> Outcome:
        """Try again soon: another stream has what this record needs."""
        with self._lock:
            times = self._waits[_key(row)] = self._waits.get(_key(row), 0) + 1
        seconds = min(_FIRST_WAIT_SECONDS * 1.5 ** min(times - 1, 20), _LONGEST_WAIT_SECONDS)
        return self._later(row, seconds, why)

    def _later(self, row: OutboxRow, seconds: float, why: str) -> Outcome:
        self._outbox.postpone(row, seconds=seconds, error=why[:2000], counts=False)
        return Outcome.LATER

    # What went wrong.

    def _failed(
        self,
        row: OutboxRow,
        error: BaseException,
        under: tuple[Key, ...] = (),
        *,
        has_progressed: bool = False,
    ) -> Outcome:
        text = described(error)
        if isinstance(error, BackendAuthError):
            return self._refused(row, error, text, under)
        if not isinstance(error, BackendError | StoreError):
            self._show_bug(row, error, text)
            text = f"BackendContractError: {text}"
        retry_after = getattr(error, "retry_after_seconds", None)
        status = getattr(error, "status", None)
        if isinstance(error, BackendUnavailableError):
            is_unreached = status is None and not error.may_have_happened
            self._breaker.failed(text, retry_after, is_unreached=is_unreached)
        elif isinstance(error, BackendRejectedError):
            self._breaker.succeeded()  # who understands and says no is there
        elif isinstance(error, BackendError):
            self._breaker.failed(text)
        if self._judge.is_hopeless(row, error, text):
            refusal = self._refusal_of_all()
            if refusal is None:
                return self._bury(row, text, error)
            return self._paused(row, error, text, refusal)
        # What got further, or was told to wait, has not failed for itself.
        counts = not has_progressed and status != _TOO_MANY_REQUESTS
        is_late = getattr(error, "is_late", False)
        pause = self._policy.pause_seconds(row.tries, retry_after, is_late=is_late)
        return self._postponed(row, error, text, pause, counts=counts)

    def _refused(
        self, row: OutboxRow, error: BackendAuthError, text: str, under: tuple[Key, ...]
    ) -> Outcome:
        """Find out whether all records are refused, or this one alone, while others get through.

        Nobody but the others can tell: who may look at a server need not be
        allowed to write there, and then nothing must be given up.
        """
        with self._asking:  # one asks for all who are refused at once
            is_known = self._breaker.standing().state is BreakerState.PAUSED
            if is_known or self._refusal_of_all() is not None:
                return self._paused(row, error, text, None if is_known else text)
        is_alone = self._judge.others_get_through(row)
        # A server may refuse everybody for long: that is no try of twenty.
        counts = row.tries <= self._policy.rejections
        if self._judge.is_lasting(row, text):
            if is_alone or (not under and self._send_rest(row, limit=1)):
                self._breaker.succeeded()  # it takes the others
                return self._bury(row, text, error)
        elif is_alone:
            pause = self._policy.pause_seconds(row.tries)
            return self._postponed(row, error, text, pause, counts=counts)
        self._breaker.refused(text)
        return self._postponed(row, error, text, self._policy.first_pause_seconds, counts=counts)

    def _paused(
        self, row: OutboxRow, error: BaseException, text: str, refusal: str | None
    ) -> Outcome:
        """Leave the backend alone: it takes nothing, and no record has failed for itself."""
        if refusal is not None:
            self._breaker.refused(refusal)
        return self._postponed(row, error, text, self._policy.first_pause_seconds, counts=False)

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
        except (Exception, SystemExit) as error:  # noqa: BLE001  # as in `send`
            return described(error)
        return None

    def _postponed(
        self, row: OutboxRow, error: BaseException, text: str, pause: float, *, counts: bool
    ) -> Outcome:
        self._outbox.postpone(row, seconds=pause, error=text, counts=counts)
        self._tell(Told(row, Outcome.LATER, error))
        return Outcome.LATER

    def _bury(self, row: OutboxRow, text: str, error: BaseException | None = None) -> Outcome:
        self._outbox.bury(row, error=text[:2000])
        with self._lock:
            self._waits.pop(_key(row), None)
            self._dead += 1
            dead = self._dead
        if dead <= _DEAD_SHOWN:
            kept = "" if "the ledger has" in text else "; the ledger has the record"
            what = f"{row.kind} {row.record_id} was given up for backend {self._line.name}"
            _log.warning("%s: %s%s; `artifact-plugins replay` sends it again", what, text, kept)
        failure = error or BackendRejectedError(text, hint="the ledger has the record")
        self._tell(Told(row, Outcome.DEAD, failure))
        return Outcome.DEAD


def _key(row: OutboxRow) -> Key:
    return row.kind, row.record_id


def _seconds_until(moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (moment - datetime.now(UTC)).total_seconds())
