"""The ledger: runs, tasks, versions and links in one database, written in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import EllipsisType
from typing import Any

from artifact_plugins.ledger import check, edits, listing, lookup
from artifact_plugins.ledger.commit import Kinds, write_batch
from artifact_plugins.ledger.database import Database
from artifact_plugins.ledger.place import parse_url
from artifact_plugins.ledger.summary import ArtifactSummary
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    Batch,
    LinkQuery,
    Page,
    Run,
    RunQuery,
    Task,
    TaskQuery,
    VersionQuery,
)


class Ledger:
    """Records at rest; get one with `Ledger.open`. Safe to share between threads.

    Every reading method raises `LedgerBusyError`, `LedgerCorruptError` or
    `StoreReadError` when the database cannot be read.
    """

    def __init__(self, database: Database, url: str) -> None:
        self.url = url
        self._database = database
        self._kinds: Kinds = {}

    @classmethod
    def open(cls, url: str, *, durable: bool, busy_timeout_seconds: float = 30.0) -> Ledger:
        """Open a ledger; folder and tables are made when they are not there.

        Args:
            url: `sqlite:///relative`, `sqlite:////absolute` or `sqlite://` (in memory).
            durable: Whether a commit survives a power cut; else it survives kill -9.
            busy_timeout_seconds: How long to wait for other writers.

        Raises:
            SettingsError, StoreSchemeNotAllowedError: The URL cannot be used.
            LedgerCorruptError: The file is no ledger; it is left as it is.
            LedgerSchemaTooNewError: A newer release wrote it; nothing is written.
            UnsupportedFilesystemError: The folder is on a network filesystem.
            StoreWriteError, StoreFullError, StoreReadError, LedgerBusyError:
                It cannot be made or opened.
        """
        place = parse_url(url)
        database = Database(place, durable=durable, timeout_seconds=busy_timeout_seconds)
        return cls(database, url)

    @property
    def is_read_only(self) -> bool:
        """Whether the file or its folder cannot be written by this process."""
        return self._database.is_read_only

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

    def version(self, version_id: str) -> ArtifactVersion:
        """Return a version by its id; `ArtifactMissingError` when there is none."""
        return lookup.version_by_id(self._database, version_id)

    def latest(
        self,
        project: str,
        artifact: str,
        *,
        version: int | None = None,
        alias: str | None = None,
        tag: str | None = None,
        run_id: str | None = None,
    ) -> ArtifactVersion:
        """Return the newest version of an artifact that has everything asked for.

        Raises:
            ArtifactMissingError: There is none; the hint names what is near.
        """
        return lookup.latest(
            self._database,
            project,
            artifact,
            version=version,
            alias=alias,
            tag=tag,
            run_id=run_id,
        )

    def versions(
        self,
        query: VersionQuery,
        *,
        limit: int = 100,
        page_token: str | None = None,
        newest_first: bool = True,
    ) -> Page[ArtifactVersion]:
        """Return a page of versions in the order of their commits.

        Raises:
            InputError: The limit is not 1 to 1000.
            InvalidKeyError: The token is not from this listing and direction.
        """
        return listing.versions(self._database, query, limit, page_token, newest_first)

    def runs(
        self,
        query: RunQuery,
        *,
        limit: int = 100,
        page_token: str | None = None,
        newest_first: bool = True,
    ) -> Page[Run]:
        """Return a page of runs by the time in their ids; errors as `versions`."""
        return listing.runs(self._database, query, limit, page_token, newest_first)

    def tasks(
        self,
        query: TaskQuery,
        *,
        limit: int = 100,
        page_token: str | None = None,
        newest_first: bool = False,
    ) -> Page[Task]:
        """Return a page of tasks in the order they were opened; errors as `versions`."""
        return listing.tasks(self._database, query, limit, page_token, newest_first)

    def links(
        self,
        query: LinkQuery,
        *,
        limit: int = 100,
        page_token: str | None = None,
        newest_first: bool = False,
    ) -> Page[ArtifactTaskLink]:
        """Return a page of links in the order they were written; errors as `versions`."""
        return listing.links(self._database, query, limit, page_token, newest_first)

    def artifacts(
        self,
        project: str | None = None,
        *,
        artifact_type: str | None = None,
        data_type: str | None = None,
        limit: int = 100,
        page_token: str | None = None,
    ) -> Page[ArtifactSummary]:
        """Return a page of artifacts by name; the filters look at their newest versions."""
        return listing.artifacts(
            self._database, project, artifact_type, data_type, limit, page_token
        )

    def run(self, id_or_name_or_prefix: str) -> Run:
        """Return the run with this id or name, or the only one that begins so.

        Raises:
            ArtifactMissingError: There is none; the hint names what is near.
            InputError: Several runs begin so.
        """
        return lookup.run_by_name(self._database, id_or_name_or_prefix)

    def task(self, task_id: str) -> Task:
        """Return a task by its id; `ArtifactMissingError` when there is none."""
        return lookup.task_by_id(self._database, task_id)

    def update_version(
        self,
        version_id: str,
        *,
        description: str | EllipsisType | None = ...,
        tags_add: Iterable[str] = (),
        tags_remove: Iterable[str] = (),
        metadata: Mapping[str, Any] | EllipsisType = ...,
    ) -> ArtifactVersion:
        """Change description, tags and metadata (replaced as a whole); `...` leaves them.

        Raises:
            ArtifactMissingError: There is no such version.
            InvalidNameError, MetadataValueError: A tag or the metadata cannot be kept.
        """
        return edits.update_version(
            self._database,
            version_id,
            description=description,
            tags_add=tags_add,
            tags_remove=tags_remove,
            metadata=metadata,
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
