"""Every operation on Kubeflow Pipelines: how it is done, or what the system lacks."""

from __future__ import annotations

from artifact_plugins.contracts.backend import Ability, BackendOperation

_HERE = "checked here, page by page: the server has no such filter"
_FROZEN = "its API has no update of artifacts"


def _yes(how: str) -> Ability:
    return Ability(True, how)


def _no(why: str) -> Ability:
    return Ability(False, why)


ABILITIES = {
    BackendOperation.DELIVER_RUNS: _yes(
        "attached to the run of ?run_id= or of the pod; a run of its own where the server takes one"
    ),
    BackendOperation.DELIVER_TASKS: _yes("create_task and update_task, ended last"),
    BackendOperation.DELIVER_VERSIONS: _yes(
        "batch create per task; one saved by hand becomes an importer, or an output of the pod's task"
    ),
    BackendOperation.DELIVER_LINKS: _yes(
        "all link types with producers and iterations, or with ?links=kfp as KFP itself records "
        "them; values without a version as task parameters"
    ),
    BackendOperation.READ_VERSION: _yes("get_artifact; the record is in its metadata"),
    BackendOperation.LIST_VERSIONS: _yes("list_artifacts in the namespace"),
    BackendOperation.FILTER_NAME: _yes("on the server"),
    BackendOperation.FILTER_TYPE: _yes("on the server; custom types are checked here as well"),
    BackendOperation.FILTER_TAG: _yes(_HERE),
    BackendOperation.FILTER_METADATA: _yes(_HERE),
    BackendOperation.FILTER_RUN: _yes("through the links of the run there"),
    BackendOperation.FILTER_CREATED: _yes(
        "checked here: the server knows only when it was told of a version"
    ),
    BackendOperation.SORT: _yes("on the server, by the time it was told of a version"),
    BackendOperation.READ_LINKS: _yes("list_artifact_tasks and the parameters of the tasks"),
    BackendOperation.UPDATE_TAGS: _no(_FROZEN),
    BackendOperation.UPDATE_METADATA: _no(_FROZEN),
    BackendOperation.UPDATE_DESCRIPTION: _no(_FROZEN),
    BackendOperation.DELETE_VERSION: _no("its API deletes runs with their tasks, but no artifacts"),
    BackendOperation.PRUNE: _no("its API deletes runs with their tasks, but no artifacts"),
    BackendOperation.PIN_SNAPSHOT: _no(
        "it has no place for code; the record names the snapshot in the content store"
    ),
    BackendOperation.LOAD: _yes("by the version id in its metadata, from the own content store"),
}
