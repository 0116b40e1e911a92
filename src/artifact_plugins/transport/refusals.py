"""What a refusal says: that something is not there, or is there already."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from artifact_plugins.errors import ArtifactMissingError, BackendError, BackendRejectedError

Found = TypeVar("Found")


def is_missing(error: BackendError) -> bool:
    """Tell whether a server has not what a request named: 404."""
    return isinstance(error, BackendRejectedError) and error.status == 404


def is_taken(error: BackendError) -> bool:
    """Tell whether a server has already what a request would make: 409."""
    return isinstance(error, BackendRejectedError) and error.status == 409


def unless_missing(ask: Callable[[], Found]) -> Found | None:
    """Return what a request answers; None when the server says that there is no such thing."""
    try:
        return ask()
    except BackendRejectedError as error:
        if is_missing(error):
            return None
        raise


def no_version(system: str, external_id: str, *, hint: str) -> ArtifactMissingError:
    """Return the error of `Backend.version` for an id that the server does not have."""
    return ArtifactMissingError(
        f"{system} has no artifact version {external_id!r}", hint=hint, external_id=external_id
    )
