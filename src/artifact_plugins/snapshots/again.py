"""Restored code as an archive again, to pin the values of archived classes."""

from __future__ import annotations

from artifact_plugins.errors import ArtifactMissingError
from artifact_plugins.snapshots.archive import Captured, write_archive
from artifact_plugins.snapshots.imports import roughly_imported
from artifact_plugins.snapshots.locating import libraries_of
from artifact_plugins.snapshots.restoring import restored_archive


def captured_again(digest: str) -> Captured:
    """Return the archive of restored code, byte for byte as it was.

    Its libraries are those that are installed now: with them the code runs here.

    Args:
        digest: `sha256:hex`, as `archived_origin` returns it.

    Raises:
        ArtifactMissingError: No such archive was restored in this process.
    """
    found = restored_archive(digest)
    if found is None:
        raise ArtifactMissingError(
            f"archive {digest} was not restored in this process",
            hint="nothing was registered; load a version that is pinned to it first",
            digest=digest,
        )
    sources = found.members.sources
    imported = {
        name
        for path, data in sources.items()
        if path.endswith(".py")
        for name in roughly_imported(data)
        if not found.answers_for(name)
    }
    return Captured(found.archive, write_archive(sources), libraries_of(imported))
