"""The outbox: what must still be delivered to backends, and what they call our records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from artifact_plugins.ledger.database import Database
from artifact_plugins.ledger.outbox import (
    claims,
    enqueueing,
    externals,
    listing,
    progress,
    reviving,
)
from artifact_plugins.records import OutboxCount, OutboxRow, OutboxState


class Outbox:
    """The outbox of one ledger; get it with `Ledger.outbox`.

    Safe to share between threads, and to use from several processes at once. All
    methods raise LedgerBusyError, LedgerCorruptError, StoreReadError or StoreWriteError
    when the ledger cannot be read or written.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def enqueue(self, backend_id: int, entries: Iterable[tuple[str, str, str]]) -> int:
        """Have records sent again; those that were given up too, with no tries counted.

        Args:
            backend_id: To which backend.
            entries: Stream, kind and id of each record, in the order of delivery;
                written some hundreds at once.

        Returns:
            How many rows are new or changed.

        Raises:
            InputError: A kind is none of `run`, `task`, `version`.
        """
        return enqueueing.enqueue(self._database, backend_id, entries)

    def enqueue_all(self, backend_id: int, *, only_unknown: bool = True) -> int:
        """Have every run, every task and every version without a task sent, oldest first.

        Args:
            backend_id: To which backend.
            only_unknown: Leave out what the backend has a note about, what
                waits already and deleted versions.

        Returns:
            How many rows are new or changed.
        """
        return enqueueing.enqueue_all(self._database, backend_id, only_unknown=only_unknown)

    def claim(
        self, backend_id: int, *, owner: str, lease_seconds: float, limit: int
    ) -> tuple[str, ...]:
        """Take streams whose first pending row is due and that nobody has, oldest first.

        Nobody else gets them until they are released or the lease ends. Rows that
        were given up stop no stream.

        Args:
            backend_id: For which backend.
            owner: Who takes them; another one in every process and life of it.
            lease_seconds: How long, from now.
            limit: How many at most.
        """
        return claims.claim(
            self._database, backend_id, owner=owner, lease_seconds=lease_seconds, limit=limit
        )

    def extend(self, backend_id: int, stream: str, *, owner: str, lease_seconds: float) -> bool:
        """Hold a stream until this many seconds from now; False when somebody else took it."""
        return claims.extend(
            self._database, backend_id, stream, owner=owner, lease_seconds=lease_seconds
        )

    def release(self, backend_id: int, stream: str, *, owner: str) -> None:
        """Give a stream back; nothing happens when somebody else took it."""
        claims.release(self._database, backend_id, stream, owner=owner)

    def holders(self, backend_id: int) -> dict[str, str]:
        """Return the owners of the streams whose leases last, by stream."""
        return claims.holders(self._database, backend_id)

    def shorten(self, backend_id: int, stream: str, *, owner: str, lease_seconds: float) -> None:
        """Have the lease of a stream end in this many seconds, if it lasts longer."""
        claims.shorten(self._database, backend_id, stream, owner=owner, lease_seconds=lease_seconds)

    def rows(self, backend_id: int, stream: str, *, limit: int = 100) -> tuple[OutboxRow, ...]:
        """Return the first pending rows of a stream, in their order."""
        return listing.of_stream(self._database, backend_id, stream, limit)

    def row(self, backend_id: int, kind: str, record_id: str) -> OutboxRow | None:
        """Return the row of a record, None when nothing of it waits or was given up."""
        return listing.of_record(self._database, backend_id, kind, record_id)

    def begin(self, rows: Sequence[OutboxRow]) -> None:
        """Count a try for each row, before anything of it is sent; as durable as a save."""
        progress.begin(self._database, rows)

    def done(self, row: OutboxRow) -> bool:
        """Remove a row that was delivered.

        Returns:
            False: the record changed since the row was read, so the row waits still,
            with one try counted.
        """
        return progress.done(self._database, row)

    def postpone(self, row: OutboxRow, *, seconds: float, error: str, counts: bool = True) -> None:
        """Let a row, and so its stream, wait for some seconds.

        Args:
            row: Which one.
            seconds: From now.
            error: Why, for people; without credentials.
            counts: False takes the try back that `begin` counted.
        """
        progress.postpone(self._database, row, seconds=seconds, error=error, counts=counts)

    def give_back(self, rows: Sequence[OutboxRow]) -> None:
        """Take back the try that `begin` counted for rows of which nothing was sent."""
        progress.give_back(self._database, rows)

    def bury(self, row: OutboxRow, *, error: str) -> None:
        """Give a row up; one whose record changed since it was read stays pending."""
        progress.bury(self._database, row, error=error)

    def replay(self, backend_id: int, *, seqs: Sequence[int] | None = None) -> int:
        """Make rows that were given up pending again, and let no pending one wait.

        Args:
            backend_id: Of which backend.
            seqs: Only these; None: all.

        Returns:
            How many had been given up.
        """
        return reviving.replay(self._database, backend_id, seqs)

    def drop(
        self, backend_id: int, *, seqs: Sequence[int] | None, state: OutboxState | None
    ) -> int:
        """Remove rows undelivered; the records themselves stay in the ledger.

        Args:
            backend_id: Of which backend.
            seqs: Only these; None: all.
            state: Only those in this state.

        Returns:
            How many there were.
        """
        return reviving.drop(self._database, backend_id, seqs, state)

    def counts(self) -> tuple[OutboxCount, ...]:
        """Return how much waits for each registered backend."""
        return listing.counts(self._database)

    def page(
        self,
        backend_id: int | None,
        *,
        state: OutboxState | None,
        stream: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> tuple[OutboxRow, ...]:
        """Return rows of a backend, or of all, by their numbers, beginning after one.

        Args:
            backend_id: None: of all backends.
            state: Only those in this state.
            stream: Only those of this stream.
            after: `seq` of the row before the first one.
            limit: Length of the page.

        Raises:
            InputError: The limit is not 1 to 1000.
        """
        return listing.page(
            self._database, backend_id, stream=stream, state=state, after=after, limit=limit
        )

    def next_due(self, backend_id: int) -> datetime | None:
        """Return when `claim` can give something next, on this machine's clock.

        In the past when it can now; the end of a lease when others have the rest;
        None when nothing is pending.
        """
        return claims.next_due(self._database, backend_id)

    def external(self, backend_id: int, kind: str, key: str) -> dict[str, Any] | None:
        """Return what was noted under a kind and key, None when nothing was."""
        return externals.external(self._database, backend_id, kind, key)

    def note(self, backend_id: int, kind: str, key: str, value: Mapping[str, Any]) -> None:
        """Keep what a backend calls a record, in the place of an earlier note; not synced.

        Raises:
            MetadataValueError: The value is not JSON.
        """
        externals.note(self._database, backend_id, kind, key, value)

    def forget(self, backend_id: int, kind: str, keys: Sequence[str]) -> int:
        """Remove notes; return how many there were."""
        return externals.forget(self._database, backend_id, kind, keys)

    def externals(self, kind: str, key: str) -> dict[str, dict[str, Any]]:
        """Return what every backend calls a record, by its URL."""
        return externals.externals(self._database, kind, key)

    def external_page(
        self, backend_id: int, kind: str, *, after: str = "", limit: int = 100
    ) -> tuple[tuple[str, dict[str, Any]], ...]:
        """Return notes of a kind by their keys, beginning after one."""
        return externals.external_page(self._database, backend_id, kind, after=after, limit=limit)
