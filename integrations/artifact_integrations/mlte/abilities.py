"""What MLTE can do with our records, and why not the rest."""

from __future__ import annotations

from collections.abc import Mapping

from artifact_plugins.contracts.backend import Ability, BackendOperation

_ONCE = "documents are written once: MLTE overwrites whole ones only, and keeps nothing of the old"
_SCANNED = "verified here, over all documents: MLTE's search looks at the first 100 only"

ABILITIES: Mapping[BackendOperation, Ability] = {
    BackendOperation.DELIVER_RUNS: Ability(
        True, "an evidence document `run` in an MLTE version of its own, once the run has ended"
    ),
    BackendOperation.DELIVER_TASKS: Ability(
        True, "an evidence document, once the task has ended, after those of its versions"
    ),
    BackendOperation.DELIVER_VERSIONS: Ability(
        True, "an evidence document with the whole record; saved by hand: one MLTE version a month"
    ),
    BackendOperation.DELIVER_LINKS: Ability(
        True, "inside the document of the task, every field; MLTE does not check them"
    ),
    BackendOperation.READ_VERSION: Ability(True, "by `<model>/<version>/<document>`"),
    BackendOperation.LIST_VERSIONS: Ability(
        True, "reads every MLTE version that the user may see; MLTE lists only one at a time"
    ),
    BackendOperation.FILTER_NAME: Ability(True, _SCANNED),
    BackendOperation.FILTER_TYPE: Ability(True, _SCANNED),
    BackendOperation.FILTER_TAG: Ability(True, _SCANNED),
    BackendOperation.FILTER_METADATA: Ability(True, _SCANNED),
    BackendOperation.FILTER_RUN: Ability(True, "on the server: a run is an MLTE version"),
    BackendOperation.FILTER_CREATED: Ability(True, _SCANNED),
    BackendOperation.SORT: Ability(
        True, "here, by our time: MLTE's own order differs by its store"
    ),
    BackendOperation.READ_LINKS: Ability(True, "from the documents of the tasks of a run"),
    BackendOperation.UPDATE_TAGS: Ability(False, _ONCE),
    BackendOperation.UPDATE_METADATA: Ability(False, _ONCE),
    BackendOperation.UPDATE_DESCRIPTION: Ability(False, _ONCE),
    BackendOperation.DELETE_VERSION: Ability(
        True,
        "when asked for on the server; what the ledger deletes stays there as evidence of its run",
    ),
    BackendOperation.PRUNE: Ability(
        False, "it does not know which documents another one refers to"
    ),
    BackendOperation.PIN_SNAPSHOT: Ability(
        False, "it keeps documents, no files; the digest of the code is in the record"
    ),
    BackendOperation.LOAD: Ability(
        True, "the record is whole; the bytes come from the own content store, by our id"
    ),
}
