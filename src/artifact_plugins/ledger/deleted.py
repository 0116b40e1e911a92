"""What whoever asks for a deleted version is told."""

from __future__ import annotations

from artifact_plugins.errors import ArtifactMissingError
from artifact_plugins.records import ArtifactVersion


def deleted_error(version: ArtifactVersion) -> ArtifactMissingError:
    """Return the error for a version with `deleted_at`: when, and how to get it back.

    Its `reason` is "deleted"; `deleted_at` and `collected_at` are attributes too.
    """
    when = f"{version.deleted_at:%Y-%m-%d %H:%M:%S}"
    hint = (
        f"until it is collected, session.restore({str(version)!r}) or "
        f"`artifact-plugins restore {version}` brings it back"
    )
    if version.collected_at is not None:
        hint = (
            f"its bytes were collected at {version.collected_at:%Y-%m-%d %H:%M:%S} UTC; "
            "its record and its links stay"
        )
    return ArtifactMissingError(
        f"{version} was deleted at {when} UTC",
        hint=hint,
        reason="deleted",
        version_id=version.id,
        deleted_at=version.deleted_at,
        collected_at=version.collected_at,
    )
