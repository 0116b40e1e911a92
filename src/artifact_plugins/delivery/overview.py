"""What people see and order of a deliverer: how it stands, what waits, again, never."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import cast

from artifact_plugins.delivery.courier import Courier
from artifact_plugins.delivery.notices import STANDING, word_for
from artifact_plugins.delivery.opening import Backends
from artifact_plugins.delivery.reconciling import reconcile
from artifact_plugins.delivery.status import BackendStatus, Reconciled, StandingName
from artifact_plugins.errors import InputError
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import OutboxCount, OutboxRow, OutboxState


class Overview(ABC):
    """The part of `Deliverer` that reads and edits the outbox.

    Attributes:
        backends: Where to, by name.
    """

    backends: Backends
    _ledger: Ledger
    _backend_ids: dict[str, int]
    _couriers: dict[str, Courier]

    @abstractmethod
    def wake(self) -> None:
        """Say that there may be something to do."""

    def status(self) -> tuple[BackendStatus, ...]:
        """Return how each backend stands, those of other sessions of this ledger last.

        Raises:
            LedgerError: The outbox cannot be read.
        """
        counts = {count.backend_id: count for count in self._ledger.outbox.counts()}
        found = [self._status(name, counts) for name in self.backends]
        ours = set(self._backend_ids.values())
        for other in self._ledger.registered_backends():
            count = counts.get(other.id)
            if other.id not in ours:
                found.append(
                    BackendStatus(
                        name=other.url,
                        url=other.url,
                        backend_id=other.id,
                        standing="not configured",
                        pending=count.pending if count else 0,
                        dead=count.dead if count else 0,
                        oldest_at=count.oldest_at if count else None,
                        next_at=count.next_at if count else None,
                    )
                )
        return tuple(found)

    def reconcile(
        self,
        name: str,
        *,
        dry_run: bool = False,
        progress: Callable[[Reconciled], None] | None = None,
    ) -> Reconciled:
        """Find what a backend has lost, or never got, and put it into the outbox again.

        Nothing is sent by this call itself; `flush` or `sync` waits for it.

        Args:
            name: Of the backend.
            dry_run: Only look for what it has lost; what it never got is not counted.
            progress: Called after each page.

        Raises:
            BackendError: The backend cannot be asked; what was found so far is
                in the outbox.
            LedgerError: The ledger cannot be read or written.
            InputError: There is no backend of that name.
        """
        (name,) = self._chosen([name])
        found = reconcile(
            name,
            self.backends[name],
            self._ledger,
            self._backend_ids[name],
            dry_run=dry_run,
            progress=progress,
        )
        if not dry_run:
            self.wake()
        return found

    def replay(self, name: str, *, seqs: Sequence[int] | None = None) -> int:
        """Send dead letters again, and what waits for its next try at once.

        Args:
            name: Of the backend.
            seqs: Numbers of the rows; None: all of them.

        Returns:
            How many dead letters are pending again.
        """
        (name,) = self._chosen([name])
        count = self._ledger.outbox.replay(self._backend_ids[name], seqs=seqs)
        courier = self._couriers.get(name)
        if courier is not None:
            courier.hurry()
        self.wake()
        return count

    def drop(
        self, name: str, *, seqs: Sequence[int] | None = None, state: OutboxState | None = None
    ) -> int:
        """Forget rows of the outbox; the records stay in the ledger.

        Args:
            name: Of the backend, or the URL of one that is not configured.
            seqs: Numbers of the rows; None: all of them.
            state: Only rows of this state.

        Returns:
            How many.
        """
        return self._ledger.outbox.drop(self.backend_id(name), seqs=seqs, state=state)

    def rows(
        self,
        name: str | None = None,
        *,
        state: OutboxState | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> tuple[OutboxRow, ...]:
        """Return a page of what waits or was given up, in the order of the outbox.

        Args:
            name: Of the backend, or the URL of one that is not configured; None: of all.
            state: Only rows of this state.
            after: `seq` of the last row of the page before.
            limit: Length of the page.
        """
        backend_id = None if name is None else self.backend_id(name)
        return self._ledger.outbox.page(backend_id, state=state, after=after, limit=limit)

    def backend_id(self, name: str) -> int:
        """Return the number in the ledger of a backend, by its name or URL.

        Raises:
            InputError: The ledger knows no such backend.
        """
        if name in self._backend_ids:
            return self._backend_ids[name]
        for other in self._ledger.registered_backends():
            if other.url == name:
                return other.id
        raise _unknown(name, list(self.backends))

    def name_of(self, backend_id: int) -> str:
        """Return the name of a backend by its number; its URL when it is not configured."""
        for name, number in self._backend_ids.items():
            if number == backend_id:
                return name
        for other in self._ledger.registered_backends():
            if other.id == backend_id:
                return other.url
        return str(backend_id)

    def last_error(self, name: str) -> BaseException | None:
        """Return what failed last with a backend, in this process."""
        courier = self._couriers.get(name)
        return None if courier is None else courier.last_error

    def undelivered(self, streams: Sequence[str]) -> dict[str, list[OutboxRow]]:
        """Return rows of some streams by backend: the first pending ones, else the first dead ones.

        Args:
            streams: Run ids, or `artifact:<project>/<name>`.
        """
        left = {}
        for name, backend_id in self._backend_ids.items():
            found = self._pending(backend_id, streams) or self._dead(backend_id, streams)
            if found:
                left[name] = found
        return left

    def _pending(self, backend_id: int, streams: Sequence[str]) -> list[OutboxRow]:
        outbox = self._ledger.outbox
        return [row for stream in streams for row in outbox.rows(backend_id, stream, limit=100)]

    def _dead(self, backend_id: int, streams: Sequence[str]) -> list[OutboxRow]:
        page = self._ledger.outbox.page
        return [
            row
            for stream in streams
            for row in page(backend_id, state=OutboxState.DEAD, stream=stream, limit=100)
        ]

    def _chosen(self, names: Sequence[str]) -> list[str]:
        for name in names:
            if name not in self.backends:
                raise _unknown(name, list(self.backends))
        return list(names or self.backends)

    def _status(self, name: str, counts: dict[int, OutboxCount]) -> BackendStatus:
        line = self.backends.configured(name)
        backend_id = self._backend_ids[name]
        count = counts.get(backend_id)
        courier = self._couriers.get(name)
        standing: str = "delivering"
        reason: str | None = None
        if courier is not None:
            found = courier.breaker.standing()
            standing, reason = word_for(found.state), found.reason
        if standing == "delivering":
            noted = self._ledger.outbox.external(backend_id, *STANDING) or {}
            standing, reason = noted.get("standing", standing), noted.get("reason")
        return BackendStatus(
            name=name,
            url=line.url,
            backend_id=backend_id,
            standing=cast("StandingName", standing),
            reason=reason,
            pending=count.pending if count else 0,
            dead=count.dead if count else 0,
            oldest_at=count.oldest_at if count else None,
            next_at=count.next_at if count else None,
            delivered=courier.delivered if courier else 0,
            in_flight=courier.in_flight if courier else 0,
        )


def _unknown(name: str, known: list[str]) -> InputError:
    return InputError(
        f"there is no backend {name!r}",
        hint=f"Settings.backends has {sorted(known)}" if known else "Settings.backends is empty",
        name=name,
    )
