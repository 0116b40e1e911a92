"""Previews of a version as files of its MLflow run, which MLflow's page of the run shows.

Dioptra itself has no place for them: among the files of the artifact they would
be part of it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from artifact_plugins.records import ArtifactVersion

FOLDER = "previews"
_ENDINGS = {"text": "txt", "markdown": "md", "html": "html", "png": "png"}


def previews_of(version: ArtifactVersion, folder: str) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of each; a picture that is none is left out.

    Args:
        folder: Of the version in its MLflow run.
    """
    for number, preview in enumerate(version.previews):
        try:
            if preview.kind == "png":
                content = base64.b64decode(preview.content, validate=True)
            else:
                content = preview.content.encode("utf-8", "replace")
        except (binascii.Error, ValueError):
            continue
        yield f"{FOLDER}/{folder}/{number}.{_ENDINGS[preview.kind]}", content
