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
ledger | runtimes > transport > contracts > settings > records > errors | failpoints |
file_lock | late | syntax.
"""

from __future__ import annotations

from artifact_plugins.late import late_names

TYPE_CHECKING = False  # as in `late`
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
_NAMES = {
    "contracts.artifact_task": ("ArtifactTask",),
    "contracts.backend": ("Backend", "RemoteQuery"),
    "contracts.hookspecs": ("hookimpl",),
    "contracts.materializer": ("Materializer",),
    "contracts.offers": ("ArtifactTaskOffer", "BackendOffer", "MaterializerOffer", "RuntimeOffer"),
    "contracts.runtime": ("Runtime",),
    "errors": ("ArtifactPluginsError",),
    "lineage_graph": ("Lineage",),
    "records.artifact": ("ArtifactVersion", "Preview"),
    "records.link": ("IOType",),
    "records.status": ("FinalStatus",),
    "session": ("Session",),
    "settings": ("Settings",),
    "steps": (
        "Input",
        "Lazy",
        "Output",
        "current_task",
        "exit_handler",
        "for_each",
        "lineage",
        "links",
        "load",
        "load_artifact",
        "log_artifact",
        "log_metadata",
        "migrate",
        "one_of",
        "open_session",
        "pipeline",
        "register",
        "runs",
        "save",
        "start_run",
        "step",
        "tasks",
        "value",
        "versions",
    ),
}

if not TYPE_CHECKING:  # a type checker must not believe that every name exists
    __all__, __getattr__, __dir__ = late_names(globals(), _NAMES)
