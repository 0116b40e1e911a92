"""What ZenML can do with our records, and how, or what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from artifact_plugins.contracts.backend import Ability, BackendOperation

_O = BackendOperation

ABILITIES: Mapping[BackendOperation, Ability] = MappingProxyType(
    {
        _O.DELIVER_RUNS: Ability(
            True, "As a pipeline run of one dynamic snapshot per pipeline, found by our run id."
        ),
        _O.DELIVER_TASKS: Ability(
            True,
            "Steps when they end; loops, branches and nested pipelines as metadata of the run.",
        ),
        _O.DELIVER_VERSIONS: Ability(
            True,
            "One by one, with our record in the metadata; previews where the server reads them.",
        ),
        _O.DELIVER_LINKS: Ability(
            True, "Inputs and outputs of steps; types, producers and positions beside them."
        ),
        _O.READ_VERSION: Ability(True, "By the id of the artifact version."),
        _O.LIST_VERSIONS: Ability(True, "Page by page, in the order of registration."),
        _O.FILTER_NAME: Ability(True, "On the server."),
        _O.FILTER_TYPE: Ability(True, "On the server, by our type in the metadata."),
        _O.FILTER_TAG: Ability(True, "On the server; tags with a colon are checked here."),
        _O.FILTER_METADATA: Ability(
            True, "Plain texts and small whole numbers on the server, the rest here."
        ),
        _O.FILTER_RUN: Ability(True, "On the server, by our run id in the metadata."),
        _O.FILTER_CREATED: Ability(
            True, "Here: the server knows when a version was registered, not when it was made."
        ),
        _O.SORT: Ability(True, "On the server, by the time of registration."),
        _O.READ_LINKS: Ability(
            True, "From inputs and outputs of steps and what was kept with them."
        ),
        _O.UPDATE_TAGS: Ability(True, "On the server; tags of others stay."),
        _O.UPDATE_METADATA: Ability(
            True, "On the server; a key that is taken away stays visible there, not in the record."
        ),
        _O.UPDATE_DESCRIPTION: Ability(
            True, "In the metadata: artifact versions have no description."
        ),
        _O.DELETE_VERSION: Ability(True, "On the server, unless a step reads or wrote it."),
        _O.PRUNE: Ability(
            True, "One by one: the server's own prune answers 500 in every known version."
        ),
        _O.PIN_SNAPSHOT: Ability(
            False, "ZenML keeps import paths, no code; the record names the snapshot in our store."
        ),
        _O.LOAD: Ability(
            True, "From our store by our id; in ZenML's client through our materializer."
        ),
    }
)
