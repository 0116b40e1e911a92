"""What goes wrong while the tasks of a run execute."""

from __future__ import annotations

from artifact_plugins.errors.root import ArtifactPluginsError


class RunError(ArtifactPluginsError, RuntimeError):
    """The tasks of a run could not be executed."""


class RunInterruptedError(RunError):
    """The run was interrupted while the task ran."""


class WorkerLostError(RunError):
    """The process that ran the task is gone."""


class StaleWorkerError(RunError):
    """A worker process has other code of the step than the driver; it was not called."""


class RuntimeUnavailableError(RunError):
    """What runs the tasks cannot be reached, or has nothing to run them on."""


class StepNotSendableError(RunError, TypeError):
    """A step, or what it was given, cannot be sent to another process."""
