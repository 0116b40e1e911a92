"""Versions that no task of their own carries: saved by hand, literals, data from outside.

An artifact of KFP needs a task. Inside a pod that is the pod's own task, under
a key that no component declares. Else an IMPORTER task below our ROOT stands
for where it came from, as KFP's own importer does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from artifact_plugins.contracts.backend import Delivery
from artifact_plugins.records import ArtifactVersion
from artifact_plugins.transport import noted_id

from .api import KfpApi
from .artifacts import artifact_body, changeable_state, version_id_of
from .limits import kfp_key
from .tasks import Scope, importer_body


def bring_in(
    api: KfpApi,
    delivery: Delivery,
    version: ArtifactVersion,
    scope: Scope,
    parent_id: str | None,
    namespace: str,
) -> str:
    """Make a version with an IMPORTER task of its own, once; return its artifact id.

    Args:
        parent_id: The task there that the importer is below.
        namespace: Of the new artifact.
    """
    with delivery.only("version", version.id):
        known = noted_id(delivery, "version", version.id)
        if known is not None:
            return known
        body = artifact_body(version, namespace)
        importer = importer_body(version.id, version.artifact, scope, parent_id)
        task_id = str(api.create_task(scope.run_id, importer)["task_id"])
        item = {
            "artifact": body,
            "run_id": scope.run_id,
            "task_id": task_id,
            "producer_key": "artifact",
        }
        return _make(api, delivery, version, item)


def save_below(
    api: KfpApi,
    delivery: Delivery,
    version: ArtifactVersion,
    *,
    run_id: str,
    task_id: str,
    namespace: str,
) -> None:
    """Make a version as an output of an existing task.

    The key begins with `auto/`: a second artifact under a declared output would
    be handed to its consumers.
    """
    with delivery.only("version", version.id):
        item = {
            "artifact": artifact_body(version, namespace),
            "run_id": run_id,
            "task_id": task_id,
            "producer_key": kfp_key(f"auto/{version.artifact}"),
        }
        _make(api, delivery, version, item)


def _make(
    api: KfpApi, delivery: Delivery, version: ArtifactVersion, item: Mapping[str, Any]
) -> str:
    # Another process or a lost answer may have made it: KFP would make a second one.
    task = api.task(item["run_id"], item["task_id"])
    same = (one for _, one in written_artifacts(task) if version_id_of(one) == version.id)
    artifact = next(same, None) or api.create_artifacts([item])[0]
    note_version(delivery, version, artifact)
    return str(artifact["artifact_id"])


def written_artifacts(task: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the artifacts that a task there wrote, each with its key."""
    for group in (task.get("outputs") or {}).get("artifacts", []):
        for artifact in group.get("artifacts", []):
            yield str(group.get("artifact_key", "")), artifact


def note_version(delivery: Delivery, version: ArtifactVersion, artifact: Mapping[str, Any]) -> None:
    """Note the artifact of a version, and what of it would have to be changed later."""
    state = changeable_state(version)
    delivery.note(
        "version", version.id, {"external_id": str(artifact["artifact_id"]), "state": state}
    )
