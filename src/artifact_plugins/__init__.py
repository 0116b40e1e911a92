"""Typed, versioned, traceable artifacts for every pipeline step.

Pipeline authors: `step`, `pipeline`, `start_run`, `value`, `for_each`, `one_of`,
`exit_handler`, `FinalStatus`, `Output`, `Input`, `Lazy`, `log_artifact`,
`load_artifact`, `log_metadata`, `current_task`.
By hand: `save`, `load`, `register`, `lineage`, `versions`, `runs`, `tasks`,
`links`, `migrate`, `open_session`, `Settings`.
Plugin authors: `Materializer`, `MaterializerOffer`, `ArtifactTask`,
`ArtifactTaskOffer`, `hookimpl`, `Preview`, `Backend`, `BackendOffer`, `RemoteQuery`,
and the contract tests in `artifact_plugins.testing`.

Maintainers: floors, top to bottom, each importing only what is below it:
cli | testing > steps > session > lineage_graph | compat | delivery > plugins | content |
ledger | runtimes > transport > contracts > settings > records > errors | failpoints.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from artifact_plugins.contracts.artifact_task import ArtifactTask as ArtifactTask
    from artifact_plugins.contracts.backend import Backend as Backend
    from artifact_plugins.contracts.backend import RemoteQuery as RemoteQuery
    from artifact_plugins.contracts.hookspecs import hookimpl as hookimpl
    from artifact_plugins.contracts.materializer import Materializer as Materializer
    from artifact_plugins.contracts.offers import ArtifactTaskOffer as ArtifactTaskOffer
    from artifact_plugins.contracts.offers import BackendOffer as BackendOffer
    from artifact_plugins.contracts.offers import MaterializerOffer as MaterializerOffer
    from artifact_plugins.contracts.offers import RuntimeOffer as RuntimeOffer
    from artifact_plugins.contracts.runtime import Runtime as Runtime
    from artifact_plugins.errors import ArtifactPluginsError as ArtifactPluginsError
    from artifact_plugins.lineage_graph import Lineage as Lineage
    from artifact_plugins.records.artifact import ArtifactVersion as ArtifactVersion
    from artifact_plugins.records.artifact import Preview as Preview
    from artifact_plugins.records.link import IOType as IOType
    from artifact_plugins.records.status import FinalStatus as FinalStatus
    from artifact_plugins.session import Session as Session
    from artifact_plugins.settings import Settings as Settings
    from artifact_plugins.steps import Input as Input
    from artifact_plugins.steps import Lazy as Lazy
    from artifact_plugins.steps import Output as Output
    from artifact_plugins.steps import current_task as current_task
    from artifact_plugins.steps import exit_handler as exit_handler
    from artifact_plugins.steps import for_each as for_each
    from artifact_plugins.steps import lineage as lineage
    from artifact_plugins.steps import links as links
    from artifact_plugins.steps import load as load
    from artifact_plugins.steps import load_artifact as load_artifact
    from artifact_plugins.steps import log_artifact as log_artifact
    from artifact_plugins.steps import log_metadata as log_metadata
    from artifact_plugins.steps import migrate as migrate
    from artifact_plugins.steps import one_of as one_of
    from artifact_plugins.steps import open_session as open_session
    from artifact_plugins.steps import register as register
    from artifact_plugins.steps import runs as runs
    from artifact_plugins.steps import save as save
    from artifact_plugins.steps import start_run as start_run
    from artifact_plugins.steps import tasks as tasks
    from artifact_plugins.steps import value as value
    from artifact_plugins.steps import versions as versions
    from artifact_plugins.steps.pipeline import pipeline as pipeline
    from artifact_plugins.steps.step import step as step

# Names are looked up at first use: importing this package costs milliseconds
# and loads no SQL, no filesystem layer, no data library.
_WHERE = {
    "versions": "steps",
    "tasks": "steps",
    "runs": "steps",
    "links": "steps",
    "RuntimeOffer": "contracts.offers",
    "Runtime": "contracts.runtime",
    "FinalStatus": "records.status",
    "one_of": "steps",
    "for_each": "steps",
    "exit_handler": "steps",
    "ArtifactPluginsError": "errors",
    "ArtifactTask": "contracts.artifact_task",
    "ArtifactTaskOffer": "contracts.offers",
    "ArtifactVersion": "records.artifact",
    "Backend": "contracts.backend",
    "BackendOffer": "contracts.offers",
    "IOType": "records.link",
    "Input": "steps",
    "Lazy": "steps",
    "Lineage": "lineage_graph",
    "Materializer": "contracts.materializer",
    "MaterializerOffer": "contracts.offers",
    "Output": "steps",
    "Preview": "records.artifact",
    "RemoteQuery": "contracts.backend",
    "Session": "session",
    "Settings": "settings",
    "current_task": "steps",
    "hookimpl": "contracts.hookspecs",
    "lineage": "steps",
    "load": "steps",
    "load_artifact": "steps",
    "log_artifact": "steps",
    "log_metadata": "steps",
    "migrate": "steps",
    "open_session": "steps",
    "pipeline": "steps",
    "register": "steps",
    "save": "steps",
    "start_run": "steps",
    "step": "steps",
    "value": "steps",
}

__all__ = sorted(_WHERE)


if not TYPE_CHECKING:  # a type checker must not believe that every name exists

    def __getattr__(name: str) -> Any:
        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return __all__
