"""What ZenML can do with our records, and how, or what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from artifact_plugins.contracts.backend import Ability, BackendOperation

_O = BackendOperation

ABILITIES: Mapping[BackendOperation, Ability] = MappingProxyType(
    {
        _O.DELIVER_RUNS: Ability(
            True, "as a pipeline run of one dynamic snapshot per pipeline, found by our run id"
        ),
        _O.DELIVER_TASKS: Ability(
            True,
            "steps, while they run when they last; loops, branches and nested pipelines as "
            "metadata of the run",
        ),
        _O.DELIVER_VERSIONS: Ability(
            True,
            "one by one, with our record in the metadata; previews where the server reads them",
        ),
        _O.DELIVER_LINKS: Ability(
            True, "inputs and outputs of steps; types, producers and positions beside them"
        ),
        _O.READ_VERSION: Ability(True, "by the id of the artifact version"),
        _O.LIST_VERSIONS: Ability(True, "page by page, in the order of registration"),
        _O.FILTER_NAME: Ability(True, "on the server"),
        _O.FILTER_TYPE: Ability(True, "on the server, by our type in the metadata"),
        _O.FILTER_TAG: Ability(True, "on the server; tags with a colon are checked here"),
        _O.FILTER_METADATA: Ability(
            True, "plain texts and small whole numbers on the server, the rest here"
        ),
        _O.FILTER_RUN: Ability(True, "on the server, by our run id in the metadata"),
        _O.FILTER_CREATED: Ability(
            True, "here: the server knows when a version was registered, not when it was made"
        ),
        _O.SORT: Ability(True, "on the server, by the time of registration"),
        _O.READ_LINKS: Ability(
            True, "from inputs and outputs of steps and what was kept with them"
        ),
        _O.UPDATE_TAGS: Ability(True, "on the server; tags of others stay"),
        _O.UPDATE_METADATA: Ability(
            True, "on the server; a key that is taken away stays visible there, not in the record"
        ),
        _O.UPDATE_DESCRIPTION: Ability(
            True, "in the metadata: artifact versions have no description"
        ),
        _O.DELETE_VERSION: Ability(True, "on the server, unless a step reads or wrote it"),
        _O.PRUNE: Ability(
            True, "one by one: the server's own prune answers 500 in every known version"
        ),
        _O.PIN_SNAPSHOT: Ability(
            False, "ZenML keeps import paths, no code; the record names the snapshot in our store"
        ),
        _O.LOAD: Ability(
            True, "from our store by our id; in ZenML's client through our materializer"
        ),
    }
)
