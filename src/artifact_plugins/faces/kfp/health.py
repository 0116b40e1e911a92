"""`GET /healthz`: that the server lives, and in which mode."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from artifact_plugins.faces.kfp.face import Call, Face


def healthz(face: Face, call: Call) -> dict[str, Any]:
    """Return what clients look at before they start."""
    del call  # everybody may ask
    try:
        release = version("artifact-plugins")
    except PackageNotFoundError:  # run from a folder that nobody installed
        release = "unknown"
    return {
        "commit_sha": "unknown",
        "tag_name": f"artifact-plugins-{release}",
        "multi_user": face.access.is_multi_user,
        "pipeline_store": "none",
    }
