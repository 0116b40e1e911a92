"""Sends one row of the outbox, whatever its backend, the ledger or the network make of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

from artifact_plugins.content import ContentStore
from artifact_plugins.contracts.backend import RecordKind
from artifact_plugins.delivery.breaker import Breaker
from artifact_plugins.delivery.failing import Failures
from artifact_plugins.delivery.needing import Needs
from artifact_plugins.delivery.notes import TRIED, UNSUPPORTED, LedgerNotes
from artifact_plugins.delivery.opening import Configured
from artifact_plugins.delivery.outcomes import Key, Outcome, Sent, Told
from artifact_plugins.delivery.policy import Policy
from artifact_plugins.delivery.rendering import Renderings
from artifact_plugins.delivery.signals import NeededFirst
from artifact_plugins.delivery.source import LedgerDelivery, Turns, deliver
from artifact_plugins.errors import ArtifactMissingError, LedgerError, UnsupportedByBackendError
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import OutboxRow


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
        self._ledger = ledger
        self._outbox = ledger.outbox
        self._store = store
        self._policy = policy
        self._breaker = breaker
        self._tell = tell
        self._notes = LedgerNotes(ledger, backend_id)
        self._turns = Turns()
        self._renderings = Renderings(ledger)
        self._failures = Failures(line, self._outbox, policy=policy, breaker=breaker, tell=tell)
        self._needs = Needs(
            ledger, backend_id, self._notes, failures=self._failures, send=self.send
        )

    def send(self, row: OutboxRow, under: tuple[Key, ...] = ()) -> Sent:
        """Send a row, and before it whatever it needs.

        Args:
            row: Pending, due and begun; as it was before it was begun.
            under: Which records wait for this one.

        Raises:
            LedgerError: The outbox itself cannot be read or written.
        """
        sent = self._sent(replace(row, tries=row.tries + 1), under)
        if sent.outcome is not Outcome.LATER:
            self._needs.settled(row)
        if sent.outcome is not Outcome.DELIVERED:
            self._note_tried(row)
        return sent

    def let_go(self, stream: str) -> None:
        """Free what was kept for a stream that is not sent any more."""
        self._renderings.let_go(stream)

    def _sent(self, row: OutboxRow, under: tuple[Key, ...]) -> Sent:
        brought = False
        kind = cast("RecordKind", row.kind)
        delivery = LedgerDelivery(
            self._ledger,
            self._store,
            self._notes,
            turns=self._turns,
            is_first=self._is_first(row),
            renderings=self._renderings,
        )
        while True:
            begun = self._breaker.now()
            try:
                deliver(self._line.backend, kind, row.record_id, delivery)
            except NeededFirst as need:
                brought = True
                outcome = self._needs.bring(need, row, under)
                if outcome is None:
                    delivery.is_first = self._is_first(row)  # versions of it may have been sent
                    continue
                return Sent(outcome, brought)
            except UnsupportedByBackendError as error:
                self._note_unsupported(row, error)
                return Sent(self._done(row), brought)
            except LedgerError:
                raise
            except (Exception, SystemExit) as error:  # noqa: BLE001  # a bug of a backend ends no thread
                outcome = self._failures.failed(
                    row,
                    error,
                    begun=begun,
                    send_another=lambda: not under and self._needs.send_rest(row, limit=1),
                    has_progressed=delivery.has_progressed,
                )
                return Sent(outcome, brought)
            self._breaker.succeeded()
            return Sent(self._done(row), brought)

    def _is_first(self, row: OutboxRow) -> bool:
        if not row.is_first or row.tries > 1:
            return False
        if row.kind == "version" and not row.stream.startswith("artifact:"):
            return False  # its task may have brought it
        if row.kind == "task" and self._notes.external(TRIED, row.record_id) is not None:
            return False
        # A ledger from a backup has rows that were sent after it was made.
        age = (datetime.now(UTC) - row.created_at).total_seconds()
        return age < self._policy.first_for_seconds

    def _note_tried(self, row: OutboxRow) -> None:
        """Have the task of a version look for it, whatever becomes of the version's own row."""
        if row.kind == "version" and not row.stream.startswith("artifact:"):
            with suppress(ArtifactMissingError):
                task_id = self._ledger.version(row.record_id).task_id
                if task_id is not None:
                    self._notes.note(TRIED, task_id, {})

    def _done(self, row: OutboxRow) -> Outcome:
        self._outbox.done(row)
        self._failures.got_through(row)
        self._tell(Told(row, Outcome.DELIVERED, None))
        return Outcome.DELIVERED

    def _note_unsupported(self, row: OutboxRow, error: UnsupportedByBackendError) -> None:
        noted = self._notes.external(row.kind, row.record_id) or {}
        self._notes.note(row.kind, row.record_id, {**noted, UNSUPPORTED: error.message[:1000]})
