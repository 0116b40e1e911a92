"""A backend: a remote registry that the ledger's records are delivered to and read from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal, NoReturn, Protocol

from artifact_plugins.contracts.files import FileReader
from artifact_plugins.contracts.rendering import RenderedTask
from artifact_plugins.errors import UnsupportedByBackendError
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    Page,
    PluginSnapshot,
    Run,
    Task,
)

RecordKind = Literal["run", "task", "version"]


class BackendOperation(StrEnum):
    """What a remote registry may be able to do with our records."""

    DELIVER_RUNS = "deliver runs"
    DELIVER_TASKS = "deliver tasks"
    DELIVER_VERSIONS = "deliver versions"
    DELIVER_LINKS = "deliver links"
    READ_VERSION = "read a version by its id there"
    LIST_VERSIONS = "list versions"
    FILTER_NAME = "filter by artifact name"
    FILTER_TYPE = "filter by artifact type"
    FILTER_TAG = "filter by tag"
    FILTER_METADATA = "filter by metadata"
    FILTER_RUN = "filter by run"
    FILTER_CREATED = "filter by time of creation"
    SORT = "sort by time of creation"
    READ_LINKS = "read links"
    UPDATE_TAGS = "update tags"
    UPDATE_METADATA = "update metadata"
    UPDATE_DESCRIPTION = "update the description"
    DELETE_VERSION = "delete a version"
    PRUNE = "delete what nothing uses"
    PIN_SNAPSHOT = "keep the code that wrote a version"
    LOAD = "load a value by its id there"


@dataclass(frozen=True, slots=True)
class Ability:
    """Whether and how a backend does one operation.

    Attributes:
        is_supported: False: it raises `UnsupportedByBackendError` with `how`.
        how: On the server, or verified here; or what the system lacks. One
            sentence for people, shown in the documentation.
    """

    is_supported: bool
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendInfo:
    """What answered at a backend's URL.

    Attributes:
        system: Name for people: `ZenML`.
        version: Of the server: `0.98.0`.
        user: As whom it knows us, when it says so.
        facts: What else decides how it is spoken to: dialect, project, store.
    """

    system: str
    version: str
    user: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteVersion:
    """One artifact version as a backend has it.

    Attributes:
        external_id: Its id there; `Backend.version` takes it.
        name: What it is called there.
        uri: Where it says that the bytes are. Never opened: bytes come from
            the own content store, by our own id.
        record: Our record, rebuilt from what the backend carries; None for a
            version that somebody else registered.
        url: A page for people, when the system has one.
        raw: The answer of the server.
    """

    external_id: str
    name: str
    uri: str = ""
    record: ArtifactVersion | None = None
    url: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteQuery:
    """Which versions of a backend are wanted; all given conditions must hold.

    What the server filters by itself is sent to it, and every answer is
    checked here as well: some servers ignore what they do not know.

    Attributes:
        artifact: Name of the artifact.
        artifact_type: `Dataset`, `Model`, ...
        tags: All of them.
        metadata: Equal values at the top level.
        run_id: Our run id.
        version_ids: Our version ids.
        created_after: Inclusive, UTC.
        created_before: Exclusive, UTC.
        newest_first: Order of creation.
        limit: Length of a page, 1 to 1,000.
        page_token: Of the page before; None for the first.
    """

    artifact: str | None = None
    artifact_type: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    version_ids: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    newest_first: bool = True
    limit: int = 100
    page_token: str | None = None

    def accepts(self, version: RemoteVersion) -> bool:
        """Tell whether a version is wanted; one without our record only by its name."""
        record = version.record
        if record is None:
            return self.artifact in (None, version.name) and not (
                self.artifact_type
                or self.tags
                or self.metadata
                or self.run_id
                or self.version_ids
                or self.created_after
                or self.created_before
            )
        created = record.created_at
        return (
            self.artifact in (None, record.artifact)
            and self.artifact_type in (None, record.artifact_type)
            and set(self.tags) <= set(record.tags)
            and all(
                name in record.metadata and record.metadata[name] == value
                for name, value in self.metadata.items()
            )
            and self.run_id in (None, record.run_id)
            and (not self.version_ids or record.id in self.version_ids)
            and (self.created_after is None or created >= self.created_after)
            and (self.created_before is None or created < self.created_before)
        )


class Delivery(Protocol):
    """What a backend gets with each record: the ledger to read, and a place for its notes.

    Records are those of now, not of when the delivery was ordered. Errors of
    the methods pass through the backend unchanged.

    Attributes:
        is_first: Nobody can have sent this record before, so it need not be
            looked for on the server.
    """

    @property
    def is_first(self) -> bool: ...

    def run(self, run_id: str) -> Run:
        """Return a run."""
        ...

    def task(self, task_id: str) -> Task:
        """Return a task."""
        ...

    def tasks(self, run_id: str) -> Iterator[Task]:
        """Yield the tasks of a run, in the order of their ids."""
        ...

    def version(self, version_id: str) -> ArtifactVersion:
        """Return a version, a deleted one too."""
        ...

    def versions(
        self, *, task_id: str | None = None, run_id: str | None = None
    ) -> Iterator[ArtifactVersion]:
        """Yield the versions that a task or run made, oldest first, without deleted ones."""
        ...

    def links(
        self, *, task_id: str | None = None, run_id: str | None = None
    ) -> Iterator[ArtifactTaskLink]:
        """Yield the links of a task or run, in the order in which they were written."""
        ...

    def rendered(self, task_id: str, form: Literal["kfp"]) -> RenderedTask:
        """Return a task as another system itself would have recorded it."""
        ...

    def snapshot(self, snapshot_id: str) -> PluginSnapshot:
        """Return what versions are pinned to."""
        ...

    def statement(self, snapshot_id: str) -> bytes:
        """Return the verified `snapshot.json` of a snapshot."""
        ...

    def archive(self, digest: str) -> bytes:
        """Return the verified code archive (zip) of that digest."""
        ...

    def manifest(self, version: ArtifactVersion) -> bytes:
        """Return `manifest.json` of a version; composed for a value inside its record."""
        ...

    def files(self, version: ArtifactVersion) -> AbstractContextManager[FileReader]:
        """Open the verified payload files of a version."""
        ...

    def external(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return what the backend noted about something; None when it did not."""
        ...

    def note(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        """Keep what the backend calls something: JSON, no credentials.

        `run`, `task` and `version` with our id are the records themselves;
        `external_id` in them is shown to people. Other kinds are the backend's own.
        """
        ...

    def need(self, kind: RecordKind, key: str) -> dict[str, Any]:
        """Return what the backend noted about a record that must be there first.

        When it is not there yet, an exception that is no `Exception` of the
        backend's business leaves `deliver_*`; the record comes again later.
        """
        ...

    def wish(self, kind: RecordKind, key: str) -> dict[str, Any] | None:
        """Return the same; None when that record was given up or the backend cannot have it.

        For what a record can go without: a task without one of its inputs is
        worth more than none, and the end of a run more than all of its links.
        """
        ...

    def only(self, kind: str, key: str) -> AbstractContextManager[None]:
        """Hold off other threads of this process that make the same shared thing."""
        ...


class Backend(ABC):
    """One remote registry, spoken to over HTTP. Safe to share between threads.

    Construction opens nothing. Delivering is idempotent: the same record may
    come any number of times, changed or not, and after an answer was lost.

    Args:
        url: `zenml+http://host:port/?project=...`, without credentials.
        timeout_seconds: Of one request, from the first byte sent to the last received.

    Attributes:
        scheme: What stands before `+http` in its URLs.
        system: Name for people.
        abilities: Every operation, and how it is done or why not.
    """

    scheme: ClassVar[str]
    system: ClassVar[str]
    abilities: ClassVar[Mapping[BackendOperation, Ability]]

    def __init__(self, url: str, *, timeout_seconds: float = 30.0) -> None:
        self.url = url
        self.timeout_seconds = timeout_seconds

    @abstractmethod
    def probe(self) -> BackendInfo:
        """Connect, log in, and check that this is a server, version and project to work with.

        Raises:
            BackendUnavailableError: Nobody answers.
            BackendAuthError: The credentials are missing, wrong or not enough.
            BackendContractError: It is something else, or of an unknown version.
            BackendRejectedError: There is no such project or namespace.
        """

    @abstractmethod
    def deliver_run(self, run: Run, delivery: Delivery) -> None:
        """Make a run there, or bring it up to date."""

    @abstractmethod
    def deliver_task(self, task: Task, delivery: Delivery) -> None:
        """Make a task there with the versions it wrote and all its links, or bring it up to date."""

    @abstractmethod
    def deliver_version(self, version: ArtifactVersion, delivery: Delivery) -> None:
        """Make a version there that no ended task carries, bring it up to date, or delete it.

        A version of a task may come before and after its task.

        Raises:
            UnsupportedByBackendError: The change cannot be carried there.
        """

    @abstractmethod
    def missing(self, kind: RecordKind, noted: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
        """Return which of the noted records the server no longer has, or has changed.

        Args:
            kind: Of the records.
            noted: What was noted when they were delivered, by our id.
        """

    @abstractmethod
    def version(self, external_id: str) -> RemoteVersion:
        """Return one version by its id there.

        Raises:
            ArtifactMissingError: The server has no such version.
        """

    @abstractmethod
    def versions(self, query: RemoteQuery) -> Page[RemoteVersion]:
        """Return one page of versions."""

    @abstractmethod
    def links(self, run_id: str) -> Sequence[ArtifactTaskLink]:
        """Return the links of one of our runs as the server has them."""

    def update_version(
        self,
        external_id: str,
        *,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        description: str | None = None,
    ) -> None:
        """Change what is given, on the server alone; the ledger is not asked."""
        for name, value in (("tags", tags), ("metadata", metadata), ("description", description)):
            if value is not None:
                self.refuse(_UPDATES[name])

    def delete_version(self, external_id: str) -> None:
        """Delete one version on the server alone."""
        self.refuse(BackendOperation.DELETE_VERSION)

    def prune(self, query: RemoteQuery, *, dry_run: bool = True) -> Sequence[str]:
        """Delete versions that no task reads or wrote; return their ids there."""
        self.refuse(BackendOperation.PRUNE)

    def refuse(self, operation: BackendOperation) -> NoReturn:
        """Say that the system has no such operation, and why.

        Raises:
            UnsupportedByBackendError: Always.
        """
        raise UnsupportedByBackendError(
            f"{self.system} cannot {operation.value}: {self.abilities[operation].how}",
            hint="the ledger is unchanged by this",
            system=self.system,
            operation=operation.value,
        )

    @abstractmethod
    def close(self) -> None:
        """Let go of connections; a later call opens them again."""


_UPDATES = {
    "tags": BackendOperation.UPDATE_TAGS,
    "metadata": BackendOperation.UPDATE_METADATA,
    "description": BackendOperation.UPDATE_DESCRIPTION,
}
