"""What can be asked of a ledger: one record, or pages of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from artifact_plugins.ledger import listing, lookup
from artifact_plugins.ledger.database import Database
from artifact_plugins.ledger.listing import Start
from artifact_plugins.ledger.summary import ArtifactSummary
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    LinkQuery,
    Page,
    PluginSnapshot,
    Run,
    RunQuery,
    SnapshotQuery,
    Task,
    TaskQuery,
    VersionQuery,
)

KindName = Literal["versions", "links", "tasks", "runs", "snapshots"]


class Reading:
    """The questions of `Ledger`.

    All of them raise LedgerBusyError, LedgerCorruptError or StoreReadError when it cannot be read.
    """

    _database: Database

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
        return listing.versions(self._database, query, Start(limit, page_token, newest_first))

    def runs(
        self,
        query: RunQuery,
        *,
        limit: int = 100,
        page_token: str | None = None,
        newest_first: bool = True,
    ) -> Page[Run]:
        """Return a page of runs by the time in their ids; errors as `versions`."""
        return listing.runs(self._database, query, Start(limit, page_token, newest_first))

    def tasks(
        self,
        query: TaskQuery,
        *,
        limit: int = 100,
        page_token: str | None = None,
        newest_first: bool = False,
    ) -> Page[Task]:
        """Return a page of tasks in the order they were opened; errors as `versions`."""
        return listing.tasks(self._database, query, Start(limit, page_token, newest_first))

    def links(
        self,
        query: LinkQuery,
        *,
        limit: int = 100,
        page_token: str | None = None,
        newest_first: bool = False,
    ) -> Page[ArtifactTaskLink]:
        """Return a page of links in the order they were written; errors as `versions`."""
        return listing.links(self._database, query, Start(limit, page_token, newest_first))

    def count(self, query: VersionQuery | TaskQuery | LinkQuery) -> int:
        """Return how many records a listing of the query has on all its pages."""
        return listing.count(self._database, query)

    def snapshots(
        self,
        query: SnapshotQuery,
        *,
        limit: int = 100,
        page_token: str | None = None,
        newest_first: bool = True,
    ) -> Page[PluginSnapshot]:
        """Return a page of plugin snapshots as they were first committed; errors as `versions`."""
        return listing.snapshots(self._database, query, Start(limit, page_token, newest_first))

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

    def search(
        self,
        kind: KindName,
        where: str | Sequence[str] = "",
        *,
        order_by: str | Sequence[str] | None = None,
        limit: int = 100,
        page_token: str | None = None,
        project: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> Page[Any]:
        """Return a page of what a filter holds for, of every project by default; see `Finder`."""
        from artifact_plugins.ledger import filters  # late: most processes ask for names only

        asked = filters.prepare(kind, where, order_by, project=project, values=values)
        return filters.find(self._database, asked, limit, page_token)

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

    def snapshot(self, snapshot_id: str) -> PluginSnapshot:
        """Return a plugin snapshot by its id; `ArtifactMissingError` when there is none."""
        return lookup.snapshot_by_id(self._database, snapshot_id)
