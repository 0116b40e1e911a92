"""The ledger: runs, tasks, versions and links in one database, written in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import EllipsisType
from typing import Any

from artifact_plugins.ledger import caching, check, edits, liveness, trash
from artifact_plugins.ledger.commit import Kinds, write_batch
from artifact_plugins.ledger.database import Database
from artifact_plugins.ledger.liveness import NO_RETENTION, Hold, HoldKind, Retention
from artifact_plugins.ledger.opening import open_database
from artifact_plugins.ledger.outbox import Outbox, backends
from artifact_plugins.ledger.reading import Reading
from artifact_plugins.ledger.trash import Deletion, State
from artifact_plugins.records import (
    ArtifactVersion,
    Batch,
    CacheEntry,
    Page,
    RegisteredBackend,
)


class Ledger(Reading):
    """Records at rest; get one with `Ledger.open`. Safe to share between threads.

    All that reads raises LedgerBusyError, LedgerCorruptError or StoreReadError when it cannot.
    """

    def __init__(self, database: Database, url: str) -> None:
        self.url = url
        self._database = database
        self._kinds: Kinds = {}
        self.outbox = Outbox(database)

    @classmethod
    def open(cls, url: str, *, durable: bool, busy_timeout_seconds: float = 30.0) -> Ledger:
        """Open a ledger; it is made when it is not there, and upgraded from an older release.

        Args:
            url: `sqlite:///relative`, `sqlite:////absolute`, `sqlite://` (in memory) or
                `postgresql://user@host:port/database` (password: PGPASSWORD, passfile, service).
            durable: Whether a commit survives a power cut; else it survives kill -9.
            busy_timeout_seconds: How long to wait for other writers.

        Raises:
            SettingsError, StoreSchemeNotAllowedError: The URL or its driver cannot be used.
            LedgerCorruptError: What is there is no ledger; it is left as it is.
            LedgerSchemaTooNewError: A newer release wrote it; nothing is written.
            StoreError, LedgerBusyError: It cannot be made or opened there.
        """
        database = open_database(url, durable=durable, timeout_seconds=busy_timeout_seconds)
        return cls(database, url)

    @property
    def is_read_only(self) -> bool:
        """Whether this process, or this user of the server, cannot write to it."""
        return self._database.is_read_only

    @property
    def kind(self) -> str:
        """Which database and schema it has, for people: `sqlite, schema 5`."""
        return f"{self._database.dialect_name}, schema {self._database.sql.SCHEMA_VERSION}"

    def write(self, batch: Batch, *, durable: bool | None = None) -> tuple[ArtifactVersion, ...]:
        """Commit a batch: all of it becomes visible together, or nothing does.

        Runs and tasks are inserted, or updated when their id is known.
        Versions get the next numbers of their artifacts. A draft whose
        idempotency key is known gives the version that was committed with it,
        and the links of the batch lead there. A link that is there already is
        not written again.

        Args:
            batch: What to write.
            durable: Whether this commit is synced; None: as the ledger was opened.

        Returns:
            The committed versions, in the order of the drafts.

        Raises:
            IdempotencyConflictError: A key was used for other content.
            LineageConflictError: A record names an unknown version, task or run.
            MetadataValueError: A value is not JSON.
            LedgerBusyError, StoreFullError, StoreWriteError, LedgerCorruptError:
                The database cannot be written; nothing was.
            CommitUnknownError: The answer was lost; repeat with the same keys.
        """
        return write_batch(self._database, self._kinds, batch, durable=durable)

    def update_version(
        self,
        version_id: str,
        *,
        description: str | EllipsisType | None = ...,
        tags: Iterable[str] | EllipsisType = ...,
        tags_add: Iterable[str] = (),
        tags_remove: Iterable[str] = (),
        metadata: Mapping[str, Any] | EllipsisType = ...,
        expected: ArtifactVersion | None = None,
    ) -> ArtifactVersion:
        """Change description, tags and metadata (replaced as a whole); `...` leaves them.

        Args:
            version_id: Which version.
            description: None removes it.
            tags: Those it has afterwards, before `tags_add` and `tags_remove`.
            tags_add: Further ones.
            tags_remove: Those it has no more.
            metadata: All of it.
            expected: The record as it was read: what changed since is a conflict.

        Raises:
            ArtifactMissingError: There is no such version, or it is deleted.
            LineageConflictError: Somebody changed it meanwhile; nothing was changed.
            InvalidNameError, MetadataValueError: A tag or the metadata cannot be kept.
        """
        return edits.update_version(
            self._database,
            version_id,
            description=description,
            tags=tags,
            tags_add=tags_add,
            tags_remove=tags_remove,
            metadata=metadata,
            expected=expected,
        )

    def set_alias(
        self,
        version_id: str,
        alias: str,
        *,
        expected_version_id: str | EllipsisType | None = ...,
    ) -> ArtifactVersion:
        """Give an alias to a version; it leaves the version of the artifact that had it.

        Args:
            version_id: Who gets it.
            alias: Unique inside the artifact.
            expected_version_id: Who must have it now, None for nobody; by
                default it does not matter.

        Raises:
            LineageConflictError: Somebody else has it; nothing was changed.
            ArtifactMissingError, InvalidNameError: No such version, no such label.
        """
        return edits.set_alias(
            self._database, version_id, alias, expected_version_id=expected_version_id
        )

    def delete_alias(self, version_id: str, alias: str) -> ArtifactVersion:
        """Take an alias from the version that has it, or raise `LineageConflictError`."""
        return edits.delete_alias(self._database, version_id, alias)

    def rename_artifact(self, project: str, artifact: str, name: str) -> None:
        """Give an artifact another name; its versions, tags and aliases go with it.

        Raises:
            ArtifactMissingError: There is no such artifact.
            LineageConflictError: The name is taken.
        """
        edits.rename_artifact(self._database, project, artifact, name)

    def holds(
        self,
        versions: Sequence[ArtifactVersion],
        retention: Retention = NO_RETENTION,
        *,
        released: Collection[HoldKind] = (),
    ) -> dict[str, tuple[Hold, ...]]:
        """Return what holds each of these versions, by version id; see `delete_versions`."""
        database = self._database
        kinds = frozenset(released)
        return liveness.holds(database.sql, database.read, versions, retention, released=kinds)

    def delete_versions(
        self,
        version_ids: Sequence[str],
        retention: Retention = NO_RETENTION,
        *,
        released: Collection[HoldKind] = (),
    ) -> Deletion:
        """Put versions that nothing holds into the trash, in one transaction.

        What holds them is looked at inside of it. A deleted version is in no
        listing; its record, its number and its links stay.

        Args:
            version_ids: Which versions, at most a few hundred at once.
            retention: The rule that holds the newest or youngest.
            released: What does not hold them this time.

        Raises:
            ArtifactMissingError: There is no version of such an id; nothing was changed.
        """
        return trash.delete(self._database, version_ids, retention, frozenset(released))

    def restore_version(self, version_id: str) -> tuple[ArtifactVersion, dict[str, str]]:
        """Bring a deleted version back; one that is not deleted stays as it is.

        Returns:
            Its record, and those of its aliases that another version has by
            now, each with the id of that version: they stay there.

        Raises:
            ArtifactMissingError: There is none, or its bytes were collected.
        """
        return trash.restore(self._database, version_id)

    def trash(
        self, project: str | None = None, *, limit: int = 100, page_token: str | None = None
    ) -> Page[ArtifactVersion]:
        """Return a page of deleted versions that can be restored, the last deleted first."""
        return trash.listing(self._database, project, limit, page_token)

    def overdue(self, deleted_before: datetime) -> list[tuple[str, int]]:
        """Return ids and sizes of what `collect_deleted` would give up."""
        return trash.overdue(self._database, deleted_before)

    def collect_deleted(self, deleted_before: datetime) -> Iterator[tuple[str, int]]:
        """Give up what was deleted before a moment; what lay in records is gone then.

        Yields:
            The id of each version, when it is certain that nobody can restore
            it, and how many bytes lay in its record. Its files can be removed.
        """
        return trash.collect(self._database, deleted_before)

    def version_states(self, version_ids: Sequence[str]) -> dict[str, State]:
        """Tell what is known of ids: live, deleted, collected or aborted, or left out."""
        return trash.states(self._database, version_ids)

    def abort_saves(self, version_ids: Sequence[str]) -> frozenset[str]:
        """Forbid for ever the commits of those ids that were not committed yet.

        Returns:
            Those ids: their files can be removed. The others were committed.
        """
        return trash.abort(self._database, version_ids)

    def identity(self) -> str | None:
        """Return the id that this ledger got when first asked.

        None for one that cannot be written, or does not outlive its process.
        """
        return trash.identity(self._database)

    def cache_entry(self, key: str) -> CacheEntry | None:
        """Return which task made the results of a cached call; None when none did."""
        return caching.entry_of(self._database, key)

    def earlier_cache_entries(
        self, step: str, before: str, *, limit: int = 100
    ) -> tuple[CacheEntry, ...]:
        """Return the entries of a step whose tasks are older than the task `before`."""
        return caching.earlier(self._database, step, before, limit)

    def register_backend(self, url: str) -> int:
        """Return the id that a backend has in this ledger, given when it is new.

        Args:
            url: Without credentials; the same text is the same backend.

        Raises:
            SettingsError: It holds a password.
        """
        return backends.register(self._database, url)

    def registered_backends(self) -> tuple[RegisteredBackend, ...]:
        """Return every backend that was registered, in that order."""
        return backends.registered(self._database)

    def deliver_to(self, backend_ids: Sequence[int]) -> None:
        """Have every later commit and edit through this object leave rows in the outbox.

        Args:
            backend_ids: For which backends, those of earlier calls not included;
                none: nothing is left.

        Raises:
            InputError: One is not registered.
        """
        backends.choose(self._database, backend_ids)

    def check(self) -> list[str]:
        """Return a sentence for each problem: damage, broken references, gaps in numbers."""
        return check.problems(self._database)

    def close(self) -> None:
        """Close the connections of this process; a later call opens new ones."""
        self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
