"""Delivers the records of a session to a backend, one after the other, without an outbox.

The records go in the order in which they would come from the outbox, with the
real `Delivery` of the product; what the backend notes is kept in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from artifact_plugins.contracts.backend import Backend, RecordKind
from artifact_plugins.delivery.notes import UNSUPPORTED, MemoryNotes
from artifact_plugins.delivery.signals import NeededFirst
from artifact_plugins.delivery.source import LedgerDelivery, Turns, deliver
from artifact_plugins.errors import UnsupportedByBackendError
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    RunQuery,
    TaskQuery,
    VersionQuery,
    every,
)
from artifact_plugins.session import Session

IsFirst = Callable[[RecordKind, str], bool]


@dataclass
class Notes:
    """What a backend noted, and what was sent.

    Hand it back to a further `drive` to deliver again: nothing is new then.

    Attributes:
        memory: The notes themselves.
        sent: Kind and id of every record in the order of delivery.
    """

    memory: MemoryNotes = field(default_factory=MemoryNotes)
    sent: list[tuple[RecordKind, str]] = field(default_factory=list)

    def external(self, kind: str, key: str) -> dict[str, Any]:
        """Return what was noted about something, which must be there."""
        found = self.memory.external(kind, key)
        assert found is not None, f"nothing was noted about {kind} {key}"
        return found

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return everything that was noted of a kind, by key."""
        return self.memory.of(kind)


def drive(
    session: Session,
    backend: Backend,
    run_id: str | None = None,
    *,
    notes: Notes | None = None,
    is_first: bool | IsFirst | None = None,
) -> Notes:
    """Deliver a run, or everything that the ledger of a session has.

    Args:
        session: Open, and without backends of its own.
        backend: Where to.
        run_id: Only this run with its tasks and versions; None: every run, and
            the versions outside of runs.
        notes: Of an earlier call; a new book when not given.
        is_first: What `Delivery.is_first` says, for all or by kind and id; by
            default whether nothing was noted about the record before.

    Raises:
        BackendError: What the backend raised first. Records that it does not
            support are noted, as the deliverer does.
    """
    book = notes or Notes()
    ledger = session.ledger
    driver = _Driver(session, ledger, backend, book, is_first)
    for kind, record_id in _ordered(ledger, run_id):
        driver.send(kind, record_id)
    return book


def drive_one(
    session: Session,
    backend: Backend,
    kind: RecordKind,
    record_id: str,
    *,
    notes: Notes,
    is_first: bool | None = None,
) -> None:
    """Deliver one record again, as after an edit or a lost answer; what it needs goes first."""
    _Driver(session, session.ledger, backend, notes, is_first).send(kind, record_id)


def _ordered(ledger: Ledger, run_id: str | None) -> Iterator[tuple[RecordKind, str]]:
    if run_id is None:
        runs = [run.id for run in every(ledger.runs, RunQuery(), newest_first=False)]
    else:
        runs = [run_id]
    for each in runs:
        yield "run", each
        for task in every(ledger.tasks, TaskQuery(run_id=each)):
            yield "task", task.id
        in_run = VersionQuery(run_id=each)
        for version in every(ledger.versions, in_run, newest_first=False):
            if version.task_id is None:
                yield "version", version.id
    if run_id is not None:
        return
    for version in every(ledger.versions, VersionQuery(), newest_first=False):
        if version.run_id is None:
            yield "version", version.id


class _Driver:
    def __init__(
        self,
        session: Session,
        ledger: Ledger,
        backend: Backend,
        notes: Notes,
        is_first: bool | IsFirst | None,
    ) -> None:
        self._session = session
        self._ledger = ledger
        self._backend = backend
        self._notes = notes
        self._is_first = is_first
        self._turns = Turns()

    def send(self, kind: RecordKind, record_id: str, wanted_by: tuple[str, ...] = ()) -> None:
        """Deliver one record, and before it whatever it needs."""
        assert record_id not in wanted_by, f"{kind} {record_id} needs itself: {wanted_by}"
        while True:
            delivery = LedgerDelivery(
                self._ledger,
                self._session.store,
                self._notes.memory,
                turns=self._turns,
                is_first=self._says_first(kind, record_id),
            )
            try:
                deliver(self._backend, kind, record_id, delivery)
            except NeededFirst as need:
                self.send(need.kind, need.key, (*wanted_by, record_id))
                continue
            except UnsupportedByBackendError as error:
                self._notes.memory.note(kind, record_id, {UNSUPPORTED: error.message})
            self._notes.sent.append((kind, record_id))
            return

    def _says_first(self, kind: RecordKind, record_id: str) -> bool:
        if isinstance(self._is_first, bool):
            return self._is_first
        if self._is_first is not None:
            return self._is_first(kind, record_id)
        return self._notes.memory.external(kind, record_id) is None
