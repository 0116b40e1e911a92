"""What Dioptra can do with our records, and how; shown in the documentation."""

from __future__ import annotations

from collections.abc import Mapping

from artifact_plugins.contracts.backend import Ability, BackendOperation

_HERE = "the server's search finds candidates by the text of the description; checked here"

ABILITIES: Mapping[BackendOperation, Ability] = {
    BackendOperation.DELIVER_RUNS: Ability(
        True,
        "a job of the pipeline's experiment with an MLflow run, or the job of the worker that this "
        "runs in; at the end run.json as an artifact",
    ),
    BackendOperation.DELIVER_TASKS: Ability(
        True,
        "a job per ROOT, RUNTIME and IMPORTER task once it ended, with its numbers as metrics; "
        "groups are in run.json only",
    ),
    BackendOperation.DELIVER_VERSIONS: Ability(
        True,
        "an artifact: a folder in MLflow with the files and manifest.json, pinned; previews beside it",
    ),
    BackendOperation.DELIVER_LINKS: Ability(
        True,
        "inputs of jobs up to lists of 20, output artifacts of jobs; type, producer, iteration "
        "and position in the description and in run.json",
    ),
    BackendOperation.READ_VERSION: Ability(
        True, "from the description; a record over 8 KiB from a file in the MLflow run"
    ),
    BackendOperation.LIST_VERSIONS: Ability(True, "on the server, by offset"),
    BackendOperation.FILTER_NAME: Ability(True, _HERE),
    BackendOperation.FILTER_TYPE: Ability(True, _HERE),
    BackendOperation.FILTER_TAG: Ability(
        True, f"{_HERE}; tags that do not fit the description are not searched"
    ),
    BackendOperation.FILTER_METADATA: Ability(
        True, "checked here on every artifact of the group: Dioptra has no metadata"
    ),
    BackendOperation.FILTER_RUN: Ability(True, _HERE),
    BackendOperation.FILTER_CREATED: Ability(
        True, "checked here: Dioptra knows when it was told of a version, not when it was made"
    ),
    BackendOperation.SORT: Ability(True, "on the server, by the order of registration there"),
    BackendOperation.READ_LINKS: Ability(
        True, "from run.json; before the end of the run from the descriptions of its jobs"
    ),
    BackendOperation.UPDATE_TAGS: Ability(True, "a new description; the pin is sent again"),
    BackendOperation.UPDATE_METADATA: Ability(True, "a new description; the pin is sent again"),
    BackendOperation.UPDATE_DESCRIPTION: Ability(True, "a new description; the pin is sent again"),
    BackendOperation.DELETE_VERSION: Ability(
        False, "Dioptra has no request that deletes an artifact; its description says deleted"
    ),
    BackendOperation.PRUNE: Ability(False, "Dioptra has no request that deletes an artifact"),
    BackendOperation.PIN_SNAPSHOT: Ability(
        True,
        "a Dioptra plugin per digest with the archived code and an artifact task per materializer; "
        "verified byte for byte",
    ),
    BackendOperation.LOAD: Ability(
        True, "by the record of the description; bytes come from the own content store"
    ),
}
