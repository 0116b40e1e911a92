"""Every hook: when it runs, what it gets, what raising does.

A plugin is a module with functions marked `@artifact_plugins.hookimpl` that
have the name and any of the arguments of a function below. `register_*` hooks
are asked once, when a session opens; answering imports nothing heavy. The
others observe a run, in the order of this page. `before_*` hooks may veto by
raising: the exception fails the task and nothing is registered. What a later
hook raises is logged once as a warning and changes nothing, because the work
is already committed (or already failing with the step's own exception).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

from artifact_plugins.contracts.offers import (
    ArtifactTaskOffer,
    BackendOffer,
    MaterializerOffer,
    RuntimeOffer,
)

if TYPE_CHECKING:
    from artifact_plugins.records import ArtifactVersion, LoadDecision, Run, Task

PROJECT = "artifact_plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_materializers() -> Sequence[MaterializerOffer]:  # type: ignore[empty-body]  # a spec
    """Offer materializers. All answers count; a key claimed twice is refused."""


@hookspec
def register_artifact_tasks() -> Sequence[ArtifactTaskOffer]:  # type: ignore[empty-body]  # a spec
    """Offer artifact tasks. All answers count; a name claimed twice is refused."""


@hookspec
def register_renames() -> Mapping[str, str]:  # type: ignore[empty-body]  # a spec
    """Say where classes went: `{"old.path:Class": "new.path:Class"}`.

    All answers count; an old path sent to two places is refused.
    `Settings.renames` wins over all of them.
    """


@hookspec
def adapt_artifact_task(given: Any) -> type | None:
    """Make an artifact task of what was named as one and is none.

    Asked when a class or a text is first used as an artifact task; the first
    answer that is not None counts.

    Args:
        given: A class that is no `ArtifactTask`, or a text with a scheme that
            no import path has: `dioptra:plugins/text:TextTask`.

    Returns:
        A subclass of `ArtifactTask`; None when it is not for this plugin.
        Raising refuses `given`, with the reason.
    """


@hookspec
def register_runtimes() -> Sequence[RuntimeOffer]:  # type: ignore[empty-body]  # a spec
    """Offer runtimes by URL scheme. All answers count; a scheme claimed twice is refused."""


@hookspec
def register_backends() -> Sequence[BackendOffer]:  # type: ignore[empty-body]  # a spec
    """Offer backends by URL scheme. All answers count; a scheme claimed twice is refused."""


@hookspec
def before_run(run: Run) -> None:
    """A run is about to start; nothing is recorded yet. Raising stops it."""


@hookspec
def before_step_run(task: Task, inputs: Mapping[str, Any]) -> None:
    """A step function is about to be called.

    Args:
        task: RUNNING; recorded in the ledger.
        inputs: The arguments by name, as the function will see them.

    Raising fails the task; the function is not called.
    """


@hookspec
def before_artifact_saved(artifact: str, value: Any, materializer: str, task: Task | None) -> None:
    """A value is about to be written. Raising fails the save; nothing is written.

    Args:
        artifact: Name of the artifact.
        value: The value itself; changing it changes what is saved.
        materializer: Key of the chosen materializer.
        task: The task it is an output of; None outside a run.
    """


@hookspec
def after_artifact_saved(version: ArtifactVersion, task: Task | None) -> None:
    """A version is committed: its bytes are durable and it has its number."""


@hookspec
def after_step_run(
    task: Task, outputs: Mapping[str, ArtifactVersion], duration_seconds: float
) -> None:
    """A step succeeded and its versions and links are committed.

    Args:
        task: SUCCEEDED.
        outputs: Committed versions by output key.
        duration_seconds: Time spent in the step function. A generator works
            later, while it is saved: that time is not in it.
    """


@hookspec
def on_step_error(task: Task, error: BaseException) -> None:
    """A task failed: its function, a materializer or the commit raised `error`."""


@hookspec
def after_artifact_loaded(
    version: ArtifactVersion, materializer: str, value: Any, decision: LoadDecision
) -> None:
    """A version was loaded.

    Args:
        version: Which.
        materializer: Key of the materializer, or name of the artifact task.
        value: What the caller gets.
        decision: With which code, why, and who vouched for it.
    """


@hookspec
def after_run(run: Run) -> None:
    """A run ended and its final state is committed."""


@hookspec
def after_delivery(backend: str, kind: str, record_id: str, error: BaseException | None) -> None:
    """A record was delivered to a backend, or an attempt failed. Called in the deliverer's thread.

    Args:
        backend: URL of the backend, without credentials.
        kind: `run`, `task` or `version`.
        record_id: Id of the run, task or version.
        error: Why it failed; it stays in the outbox. None when it is there.
    """
