"""What goes wrong with a remote registry."""

from __future__ import annotations

from artifact_plugins.errors.root import ArtifactPluginsError


class BackendError(ArtifactPluginsError):
    """A remote registry could not be served; `status` is of HTTP, or None."""

    status: int | None = None


class BackendUnavailableError(BackendError):
    """The remote registry was not reached, took too long, or failed."""

    retry_after_seconds: float | None = None
    may_have_happened: bool = True  # whether the request may have been carried out
    is_late: bool = False  # whether the server may still be at it


class BackendRejectedError(BackendError):
    """The remote registry understood the record and does not take it."""


class BackendAuthError(BackendError):
    """The remote registry does not know or allow who asks, or does not prove who it is."""


class BackendContractError(BackendError):
    """The remote registry answered as no version that is known would."""


class UnsupportedByBackendError(BackendError):
    """The remote registry has no such operation."""
