"""KfpBackend: Kubeflow Pipelines as the session asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artifact_plugins.contracts.backend import (
    Backend,
    BackendInfo,
    BackendOperation,
    Delivery,
    RecordKind,
    RemoteQuery,
    RemoteVersion,
)
from artifact_plugins.errors import UnsupportedByBackendError
from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion, Page, Run, Task
from artifact_plugins.transport import is_noted, noted_id

from .abilities import ABILITIES
from .api import SYSTEM, KfpApi
from .artifacts import changeable_state
from .bringing import bring_in, save_below
from .missing import missing
from .options import KfpOptions
from .pod import find_pod
from .probing import look_again, probe
from .reading import read_links, read_version, read_versions
from .runs import Runs, scope_of
from .sending import TaskSender

_UPDATES = {
    "tags": BackendOperation.UPDATE_TAGS,
    "metadata": BackendOperation.UPDATE_METADATA,
    "description": BackendOperation.UPDATE_DESCRIPTION,
    "deleted": BackendOperation.DELETE_VERSION,
}


class KfpBackend(Backend):
    """Delivers to and reads from one KFP server; see `Backend`.

    Args:
        url: `kfp+https://host/?namespace=...&run_id=...&task_id=...`. In a pod
            of KFP, what it leaves open is taken from there.
        timeout_seconds: Of one request.

    Attributes:
        url: Completed by what the pod knows.
    """

    scheme = "kfp"
    system = SYSTEM
    abilities = ABILITIES

    def __init__(self, url: str, *, timeout_seconds: float = 30.0) -> None:
        self._options = KfpOptions.parse(url, find_pod())
        super().__init__(self._options.complete_url, timeout_seconds=timeout_seconds)
        self._api = KfpApi(self._options, timeout_seconds=timeout_seconds)
        self._runs = Runs(self._api, self._options)
        self._info: BackendInfo | None = None

    def probe(self) -> BackendInfo:
        """Check that this is a KFP with the artifact API; the second time, that it still answers."""
        if self._info is None:
            self._info = probe(self._api, self._options)
        else:
            look_again(self._api, self._options)
        return self._info

    def deliver_run(self, run: Run, delivery: Delivery) -> None:
        """Find the run there that this one is attached to, or make one."""
        self._runs.deliver(run, delivery)

    def deliver_task(self, task: Task, delivery: Delivery) -> None:
        """Make a task with its versions and links, or bring it up to date."""
        sender = TaskSender(self._api, self._options, delivery, task, is_first=delivery.is_first)
        sender.send()

    def deliver_version(self, version: ArtifactVersion, delivery: Delivery) -> None:
        """Make a version that no ended task carries; one that is there cannot be changed.

        Raises:
            UnsupportedByBackendError: It was changed or deleted, or was saved
                by hand and no run is named to put it in.
        """
        known = delivery.external("version", version.id)
        if is_noted(known):
            self._refuse_changes(version, known.get("state", {}))
            return
        if version.task_id is not None and self._is_written(version, delivery):
            task = delivery.task(version.task_id)
            TaskSender(self._api, self._options, delivery, task, is_first=False).send_outputs()
            if noted_id(delivery, "version", version.id) is not None:
                return
        if version.run_id is not None:
            self._bring_into_run(version, version.run_id, delivery)
        elif version.deleted_at is None:
            self._save_by_hand(version, delivery)

    def missing(self, kind: RecordKind, noted: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
        return missing(self._api, self._options.namespace, kind, noted)

    def version(self, external_id: str) -> RemoteVersion:
        return read_version(self._api, external_id)

    def versions(self, query: RemoteQuery) -> Page[RemoteVersion]:
        remote_run = None if query.run_id is None else self._runs.find(query.run_id)
        return read_versions(self._api, self._options.namespace, query, remote_run)

    def links(self, run_id: str) -> Sequence[ArtifactTaskLink]:
        remote_run = self._runs.find(run_id)
        return read_links(self._api, self._options.namespace, run_id, remote_run)

    def close(self) -> None:
        self._api.client.close()

    def _refuse_changes(self, version: ArtifactVersion, state: Mapping[str, str]) -> None:
        changed = [
            name for name, now in changeable_state(version).items() if state.get(name) != now
        ]
        if changed:
            operation = _UPDATES[changed[-1]]
            raise UnsupportedByBackendError(
                f"{SYSTEM} keeps {version} as it was delivered: {ABILITIES[operation].how}",
                hint=f"only the ledger has the new {', '.join(changed)}",
                system=SYSTEM,
                operation=operation.value,
            )

    def _is_written(self, version: ArtifactVersion, delivery: Delivery) -> bool:
        """Tell whether its task has an output link to a version: a literal has none."""
        links = delivery.links(task_id=version.task_id)
        return any(link.version_id == version.id and link.io_type.is_output for link in links)

    def _bring_into_run(self, version: ArtifactVersion, run_id: str, delivery: Delivery) -> None:
        scope = scope_of(delivery.need("run", run_id))
        parent = scope.parent_task_id
        root = next((task for task in delivery.tasks(run_id) if task.parent_id is None), None)
        if root is not None:
            parent = TaskSender(self._api, self._options, delivery, root, is_first=False).open()
        namespace = self._options.namespace or version.project
        bring_in(self._api, delivery, version, scope, parent, namespace)

    def _save_by_hand(self, version: ArtifactVersion, delivery: Delivery) -> None:
        options = self._options
        namespace = options.namespace or version.project
        if options.run_id is None:
            raise UnsupportedByBackendError(
                f"{SYSTEM} has no artifact without a run: {version} was saved outside of one",
                hint="name a run in the URL (?run_id=ID); it is delivered when a task reads it",
                system=SYSTEM,
                operation=BackendOperation.DELIVER_VERSIONS.value,
            )
        if options.task_id is not None:
            save_below(
                self._api,
                delivery,
                version,
                run_id=options.run_id,
                task_id=options.task_id,
                namespace=namespace,
            )
            return
        scope, parent = self._runs.place(options.run_id)
        bring_in(self._api, delivery, version, scope, parent, namespace)
