"""Dioptra's artifact tasks here, and ours in Dioptra.

adapting.py    a class with Dioptra's three methods as an artifact task, checked
folders.py     load_folder: the classes of a Dioptra plugin folder
interface.py   use_interface: stands in for `dioptra` where it is not installed
exporting.py   export: one of our classes as a Dioptra plugin folder
sources.py     the modules that an exported class needs, found by its imports
backend/       DioptraBackend: runs, tasks, versions and code delivered to a Dioptra server
worker.py      locate: the job of a Dioptra worker that this process runs in
embedded.py    what an exported folder runs in a worker; needs only the standard library

Nothing here imports Dioptra: its classes are known by their base and methods.
`task=TextTask` takes a class, `task="dioptra:plugins/text:TextTask"` one of a
plugin folder; both also in `Settings.artifact_tasks` and in plugins' offers.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from artifact_plugins import hookimpl
from artifact_plugins.contracts.offers import BackendOffer

if TYPE_CHECKING:
    from .exporting import export as export
    from .folders import load_folder as load_folder
    from .interface import use_interface as use_interface

_WHERE = {"export": "exporting", "load_folder": "folders", "use_interface": "interface"}
_SCHEME = "dioptra:"
OPTIONS = ("mlflow", "queue", "group", "experiment", "entrypoint", "job")
CREDENTIALS = ("username", "password", "mlflow_username", "mlflow_password", "mlflow_token")
JOB_VARIABLE = "__JOB_ID"
"""Set by a Dioptra worker while the code of a job runs."""

__all__ = ["adapt_artifact_task", "export", "load_folder", "use_interface"]


@hookimpl
def register_backends() -> Sequence[BackendOffer]:
    """Offer `dioptra+http://host:port/?mlflow=http://host:port`; in a job, that of its worker."""
    # Outside of a job there is nothing to locate, and nothing is imported to find that out.
    is_in_job = bool(os.environ.get(JOB_VARIABLE))
    return [
        BackendOffer(
            scheme="dioptra",
            target="artifact_integrations.dioptra.backend:DioptraBackend",
            options=OPTIONS,
            credentials=CREDENTIALS,
            locate="artifact_integrations.dioptra.worker:locate" if is_in_job else None,
        )
    ]


@hookimpl
def adapt_artifact_task(given: Any) -> type | None:
    """Adapt Dioptra's classes and `dioptra:FOLDER:CLASS`; anything else is not ours."""
    if isinstance(given, str):
        if not given.startswith(_SCHEME):
            return None
        from .folders import class_of  # late: few sessions name a folder

        given = class_of(given.removeprefix(_SCHEME))
    from .adapting import adapt, is_dioptra_task  # late: as above

    return adapt(given) if is_dioptra_task(given) else None


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
