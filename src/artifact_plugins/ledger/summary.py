"""One line of a listing of artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ArtifactSummary:
    """An artifact and its newest version.

    Attributes:
        versions: How many versions it has.
        newest_version: Number of the newest.
        newest_version_id: Id of the newest.
        artifact_type: Of the newest, as are the following.
        data_type: Public import path of its type.
        size_bytes: Size of its payload.
        updated_at: When it was saved or last changed.
    """

    project: str
    artifact: str
    versions: int
    newest_version: int
    newest_version_id: str
    artifact_type: str
    data_type: str
    size_bytes: int
    updated_at: datetime
