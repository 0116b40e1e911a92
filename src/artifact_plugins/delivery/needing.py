"""A row whose record needs another one on the server first: sent before it, or waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

from artifact_plugins.delivery.failing import Failures
from artifact_plugins.delivery.notes import LedgerNotes
from artifact_plugins.delivery.outcomes import Key, Outcome, Sent, key_of
from artifact_plugins.delivery.signals import NeededFirst
from artifact_plugins.errors import ArtifactMissingError, BackendContractError
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import OutboxRow, OutboxState, version_stream

_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 10.0
_REST_AT_ONCE = 200
# A row that was begun, and which records wait for it.
Send: TypeAlias = Callable[[OutboxRow, tuple[Key, ...]], Sent]


class Needs:
    """Brings what records of one backend need. Threads share it, each with a stream of its own.

    Args:
        ledger: Whose outbox and records are sent.
        backend_id: Of the backend in the ledger.
        notes: What the backend noted.
        failures: Decides about a row that cannot get what it needs.
        send: Sends a row.
    """

    def __init__(
        self,
        ledger: Ledger,
        backend_id: int,
        notes: LedgerNotes,
        *,
        failures: Failures,
        send: Send,
    ) -> None:
        self._ledger = ledger
        self._outbox = ledger.outbox
        self._backend_id = backend_id
        self._notes = notes
        self._failures = failures
        self._send = send
        self._lock = threading.Lock()
        self._waits: dict[Key, int] = {}

    def bring(
        self, need: NeededFirst, row: OutboxRow, under: tuple[Key, ...], *, is_last: bool = False
    ) -> Outcome | None:
        """Have another record delivered first; None when it is there now.

        Args:
            need: Which one.
            row: That needs it.
            under: Which records wait for this one.
            is_last: Whether the rest of the stream was sent for it already.
        """
        key = (need.kind, need.key)
        waiting = (*under, key_of(row))
        what = f"it needs {need.kind} {need.key}"
        if key in waiting:
            knot = BackendContractError(f"{what}, which waits for it")
            return self._failures.failed(row, knot, send_another=lambda: False)
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
        if _seconds_until(other.next_at) > 0:
            return self._later(row, other, what)
        if not under and not is_last:
            is_there = self.send_rest(row)
            # What was read of the other one is older than what was sent of it just now.
            return None if is_there else self.bring(need, row, under, is_last=True)
        self._outbox.begin([other])
        outcome = self._send(other, waiting).outcome
        if outcome is Outcome.DELIVERED:
            return None
        other = self._outbox.row(self._backend_id, other.kind, other.record_id) or other
        if outcome is Outcome.DEAD:
            return self._lacks(need, row, f"{what}, which was given up: {other.error}")
        return self._later(row, other, what)

    def send_rest(self, row: OutboxRow, *, limit: int = _REST_AT_ONCE) -> bool:
        """Send what comes later in the stream of a row; False when none of it got through.

        A group is ordered before its members and needs every one of them: asked
        for one by one, each would have the whole group tried again.
        """
        found = self._outbox.rows(self._backend_id, row.stream, limit=limit + 1)
        later = [one for one in found if one.seq != row.seq and not _seconds_until(one.next_at)]
        self._outbox.begin(later)
        delivered = 0
        for index, one in enumerate(later):
            sent = self._send(one, (key_of(row),))
            delivered += sent.outcome is Outcome.DELIVERED
            # What it brought may be among the rest, and is there by now.
            if sent.outcome is Outcome.LATER or sent.brought:
                self._outbox.give_back(later[index + 1 :])
                break
        return delivered > 0

    def settled(self, row: OutboxRow) -> None:
        """Forget how often a row waited: it waits no more."""
        with self._lock:
            self._waits.pop(key_of(row), None)

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

    def _lacks(self, need: NeededFirst, row: OutboxRow, why: str) -> Outcome | None:
        """Go on without another record where that can be, else give up; None to go on."""
        if need.go_without is None:
            return self._failures.bury(row, why)
        need.go_without()
        return None

    def _wait(self, row: OutboxRow, why: str) -> Outcome:
        """Try again soon: another stream has what this record needs."""
        with self._lock:
            times = self._waits[key_of(row)] = self._waits.get(key_of(row), 0) + 1
        seconds = min(_FIRST_WAIT_SECONDS * 1.5 ** min(times - 1, 20), _LONGEST_WAIT_SECONDS)
        return self._postponed(row, seconds, why)

    def _later(self, row: OutboxRow, other: OutboxRow, what: str) -> Outcome:
        """Try again with what it needs, which is tried later."""
        seconds = _seconds_until(other.next_at)
        return self._postponed(row, seconds, f"{what}, which is tried later: {other.error}")

    def _postponed(self, row: OutboxRow, seconds: float, why: str) -> Outcome:
        self._outbox.postpone(row, seconds=seconds, error=why[:2000], counts=False)
        return Outcome.LATER


def _seconds_until(moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (moment - datetime.now(UTC)).total_seconds())
