"""What a backend reads while it delivers: records of the ledger, bytes of the content store."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from artifact_plugins.content import ContentStore
from artifact_plugins.content.manifest import canonical
from artifact_plugins.contracts.backend import Backend, RecordKind
from artifact_plugins.contracts.files import FileReader
from artifact_plugins.contracts.rendering import RenderedTask
from artifact_plugins.delivery.notes import UNSUPPORTED, NoteBook, checked_note
from artifact_plugins.delivery.rendering import Renderings
from artifact_plugins.delivery.signals import NeededFirst
from artifact_plugins.errors import (
    ArtifactMissingError,
    BackendContractError,
    UnsupportedByBackendError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    LinkQuery,
    PluginSnapshot,
    Run,
    Task,
    TaskQuery,
    VersionQuery,
    every,
)


class Turns:
    """Locks by name, kept while somebody holds or wants them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: dict[tuple[str, str], tuple[threading.RLock, int]] = {}

    @contextmanager
    def only(self, kind: str, key: str) -> Iterator[None]:
        """Hold off other threads that want the same name."""
        name = (kind, key)
        with self._lock:
            turn, wanted = self._wanted.get(name) or (threading.RLock(), 0)
            self._wanted[name] = (turn, wanted + 1)
        try:
            with turn:
                yield
        finally:
            with self._lock:
                wanted = self._wanted[name][1] - 1
                if wanted:
                    self._wanted[name] = (turn, wanted)
                else:
                    del self._wanted[name]


class LedgerDelivery:
    """The `Delivery` of one record; see `contracts.backend.Delivery`.

    Args:
        ledger: Where records lie.
        store: Where bytes lie.
        notes: What the backend noted.
        turns: Shared by all deliveries to one backend.
        renderings: Likewise, where it is worth to keep them.
        is_first: Whether nobody can have sent the record before.

    Attributes:
        is_first: The same; changed when parts of it were sent meanwhile.
        has_progressed: Whether the backend noted something that it had not noted before.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: ContentStore,
        notes: NoteBook,
        *,
        turns: Turns,
        is_first: bool,
        renderings: Renderings | None = None,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._notes = notes
        self._turns = turns
        self._renderings = renderings or Renderings(ledger)
        self.is_first = is_first
        self._given_up: set[tuple[str, str]] = set()
        self.has_progressed = False

    def run(self, run_id: str) -> Run:
        """Return a run."""
        run = self._ledger.run(run_id)
        if run.id != run_id:
            raise ArtifactMissingError(f"there is no run with id {run_id!r}", run_id=run_id)
        return run

    def task(self, task_id: str) -> Task:
        """Return a task."""
        return self._ledger.task(task_id)

    def tasks(self, run_id: str) -> Iterator[Task]:
        """Yield the tasks of a run, in the order of their ids."""
        return every(self._ledger.tasks, TaskQuery(run_id=run_id))

    def version(self, version_id: str) -> ArtifactVersion:
        """Return a version, a deleted one too."""
        return self._ledger.version(version_id)

    def versions(
        self, *, task_id: str | None = None, run_id: str | None = None
    ) -> Iterator[ArtifactVersion]:
        """Yield the versions that a task or run made, oldest first, without deleted ones."""
        query = VersionQuery(task_id=task_id, run_id=run_id)
        return every(self._ledger.versions, query, newest_first=False)

    def links(
        self, *, task_id: str | None = None, run_id: str | None = None
    ) -> Iterator[ArtifactTaskLink]:
        """Yield the links of a task or run, in the order in which they were written."""
        tasks = None if task_id is None else (task_id,)
        return every(self._ledger.links, LinkQuery(run_id=run_id, task_ids=tasks))

    def rendered(self, task_id: str, form: Literal["kfp"]) -> RenderedTask:
        """Return a task as another system itself would have recorded it."""
        return self._renderings.task(self.task(task_id))

    def snapshot(self, snapshot_id: str) -> PluginSnapshot:
        """Return what versions are pinned to."""
        return self._ledger.snapshot(snapshot_id)

    def statement(self, snapshot_id: str) -> bytes:
        """Return the verified `snapshot.json` of a snapshot."""
        return self._store.get_statement(snapshot_id)[0]

    def archive(self, digest: str) -> bytes:
        """Return the verified code archive (zip) of that digest."""
        return self._store.get_archive(digest)

    def manifest(self, version: ArtifactVersion) -> bytes:
        """Return `manifest.json` of a version; composed for a value inside its record."""
        data, signatures = self._store.signed_manifest(version)
        if not signatures:
            return data
        members = [signature.to_member() for signature in signatures]
        return canonical({**json.loads(data), "signatures": members})

    @contextmanager
    def files(self, version: ArtifactVersion) -> Iterator[FileReader]:
        """Open the verified payload files of a version."""
        with self._store.reader(version, keeps_folders=False) as reader:
            yield reader

    def external(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return what the backend noted about something; None when it did not."""
        found = self._notes.external(kind, key)
        if found is None or UNSUPPORTED not in found:
            return found
        # Why it cannot have something is our note, not the backend's.
        return {name: value for name, value in found.items() if name != UNSUPPORTED} or None

    def note(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        """Keep what the backend calls something: JSON, no credentials."""
        checked = checked_note(kind, value)
        if self._notes.external(kind, key) != checked:
            self._notes.note(kind, key, checked)
            self.has_progressed = True

    def need(self, kind: RecordKind, key: str) -> dict[str, Any]:
        """Return what the backend noted about a record that must be there first.

        Raises:
            NeededFirst: It is not there yet.
            UnsupportedByBackendError: The backend cannot have it.
        """
        found = self._notes.external(kind, key)
        if found is None:
            raise NeededFirst(kind, key)
        if set(found) == {UNSUPPORTED}:
            raise UnsupportedByBackendError(
                f"it belongs to {kind} {key}, which is not there: {found[UNSUPPORTED]}",
                hint="the ledger has both",
            )
        return {name: value for name, value in found.items() if name != UNSUPPORTED}

    def wish(self, kind: RecordKind, key: str) -> dict[str, Any] | None:
        """Return the same; None when that record was given up or the backend cannot have it.

        Raises:
            NeededFirst: It is not there yet.
        """
        found = self._notes.external(kind, key)
        if found is None and (kind, key) not in self._given_up:
            raise NeededFirst(kind, key, go_without=lambda: self._given_up.add((kind, key)))
        return self.external(kind, key)

    @contextmanager
    def only(self, kind: str, key: str) -> Iterator[None]:
        """Hold off other threads of this process that make the same shared thing."""
        with self._turns.only(kind, key):
            yield


def deliver(backend: Backend, kind: RecordKind, record_id: str, delivery: LedgerDelivery) -> None:
    """Send one record as it is now; afterwards something is noted about it.

    Raises:
        BackendError: As the backend raises it. BackendContractError: Anything
            that it should not raise, with its text.
        NeededFirst: Another record must be there first.
        ArtifactMissingError: The ledger has no such record.
        LedgerError, StoreError: They could not be read.
    """
    if kind == "run":
        backend.deliver_run(delivery.run(record_id), delivery)
    elif kind == "task":
        backend.deliver_task(delivery.task(record_id), delivery)
    elif kind == "version":
        backend.deliver_version(delivery.version(record_id), delivery)
    else:
        raise BackendContractError(
            f"the outbox names a record of the kind {kind!r}",
            hint="a newer release wrote it; nothing was sent",
        )
    if delivery.external(kind, record_id) is None:
        # So that it counts as delivered, and is not taken for new a second time.
        delivery.note(kind, record_id, {})
