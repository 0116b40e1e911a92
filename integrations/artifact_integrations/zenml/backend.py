"""ZenML as a backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar
from uuid import UUID

from artifact_plugins.contracts.backend import (
    Ability,
    Backend,
    BackendInfo,
    BackendOperation,
    Delivery,
    RecordKind,
    RemoteQuery,
    RemoteVersion,
)
from artifact_plugins.errors import (
    ArtifactMissingError,
    BackendError,
    UnsupportedByBackendError,
)
from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion, Page, Run, Task
from artifact_plugins.transport import BackendUrl, no_version, unless_missing

from . import CREDENTIALS, OPTIONS
from .abilities import ABILITIES
from .groups import STEPS, Groups
from .listing import Listing
from .missing import missing_of
from .reading import links_of_groups, links_of_step, remote_version
from .runs import Runs
from .server import SYSTEM, Server
from .steps import Steps
from .stores import Stores
from .updating import updated
from .versions import VERSION, Versions, run_metadata


class ZenMLBackend(Backend):
    """Delivers to one project of a ZenML server, and reads from it.

    Credentials: `ARTIFACT_PLUGINS_ZENML_API_KEY`, or `..._USERNAME` and
    `..._PASSWORD`; a reference in the URL or the keyring instead.

    Args:
        url: `zenml+http://host:port/?project=default&stack=default`.
        timeout_seconds: Of one request.
    """

    scheme: ClassVar[str] = "zenml"
    system: ClassVar[str] = SYSTEM
    abilities: ClassVar[Mapping[BackendOperation, Ability]] = ABILITIES

    def __init__(self, url: str, *, timeout_seconds: float = 30.0) -> None:
        super().__init__(url, timeout_seconds=timeout_seconds)
        parsed = BackendUrl.parse(url, known=OPTIONS, credentials=CREDENTIALS)
        self._server = server = Server(parsed, timeout_seconds=timeout_seconds)
        self._versions = Versions(server, Stores(server))
        self._runs = Runs(server)
        self._steps = Steps(server, self._versions)
        self._groups = Groups(server)
        self._listing = Listing(server, self._versions)

    def probe(self) -> BackendInfo:
        self._server.forget()
        place = self._server.place()
        return BackendInfo(
            system=SYSTEM,
            version=place.version,
            user=self._server.user(),
            facts={"project": place.project, "project_id": place.project_id},
        )

    def deliver_run(self, run: Run, delivery: Delivery) -> None:
        with self._looking_again():
            self._runs.deliver(run, delivery)

    def deliver_task(self, task: Task, delivery: Delivery) -> None:
        with self._looking_again():
            if task.type in STEPS:
                self._steps.deliver(task, delivery)
                return
            for version in delivery.versions(task_id=task.id):
                with suppress(UnsupportedByBackendError):  # noted; its own row tells
                    self._versions.deliver(version, delivery)
            self._groups.deliver(task, delivery)

    def deliver_version(self, version: ArtifactVersion, delivery: Delivery) -> None:
        with self._looking_again():
            self._versions.deliver(version, delivery, is_new=delivery.is_first)

    def missing(self, kind: RecordKind, noted: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
        return missing_of(self._server, kind, noted)

    def version(self, external_id: str) -> RemoteVersion:
        return remote_version(self._item(external_id))

    def versions(self, query: RemoteQuery) -> Page[RemoteVersion]:
        return self._listing.page(query)

    def links(self, run_id: str) -> Sequence[ArtifactTaskLink]:
        run = self._runs.find(run_id)
        if run is None:
            raise ArtifactMissingError(
                f"ZenML has no run {run_id!r} of ours",
                hint="`artifact-plugins reconcile` finds out what it lacks",
                run_id=run_id,
            )
        found = list(links_of_groups(run_metadata(run)))
        query = {
            "project": self._server.project,
            "pipeline_run_id": run["id"],
            "hydrate": True,
            "size": 100,
        }
        for step in self._server.items("/steps", query):
            found += links_of_step(step)
        return sorted(found, key=lambda link: link.id)

    def update_version(
        self,
        external_id: str,
        *,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        description: str | None = None,
    ) -> None:
        change = updated(
            self._item(external_id), tags=tags, metadata=metadata, description=description
        )
        self._versions.write_tags(external_id, add=change.add_tags, remove=change.remove_tags)
        if change.values:
            self._server.write_metadata(VERSION, external_id, change.values)

    def delete_version(self, external_id: str) -> None:
        if not self._versions.delete(_checked_id(external_id)):
            raise _no_version(external_id)

    def prune(self, query: RemoteQuery, *, dry_run: bool = True) -> Sequence[str]:
        # All are listed first: pages move while their items go.
        unused = [
            version.external_id
            for version in self._listing.every(query, only_unused=True)
            if version.record is not None
        ]
        if dry_run:
            return unused
        pruned = []
        for external_id in unused:
            with suppress(UnsupportedByBackendError):  # a step took it meanwhile
                if self._versions.delete(external_id):  # and nobody else was faster
                    pruned.append(external_id)
        return pruned

    def close(self) -> None:
        self._server.close()

    def _item(self, external_id: str) -> dict[str, Any]:
        path = f"/artifact_versions/{_checked_id(external_id)}"
        found = unless_missing(lambda: self._server.get(path, {"hydrate": True}))
        if found is None:
            raise _no_version(external_id)
        return found

    @contextmanager
    def _looking_again(self) -> Iterator[None]:
        """After a failure the server may be another one: a restored copy, a newer version."""
        try:
            yield
        except UnsupportedByBackendError:
            raise
        except BackendError:
            self._server.forget()
            raise


def _checked_id(external_id: str) -> str:
    try:
        return str(UUID(external_id))
    except ValueError as error:
        raise _no_version(external_id) from error


def _no_version(external_id: str) -> ArtifactMissingError:
    return no_version(SYSTEM, external_id, hint="`artifact-plugins reconcile` finds what it lacks")
