"""What all writers and readers of one open store share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from artifact_plugins.content.place import Identity

_REMEMBERED = 65_536


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of an open store; see Settings for their meaning."""

    store_id: str
    digest: str
    inline_max_bytes: int
    verify: Literal["always", "first"]
    load_max_bytes: int


class Seen:
    """Which files and manifests this process has written or verified; bounded."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, str], tuple[Identity, str]] = {}
        self._manifests: dict[str, str] = {}

    def add_file(self, version_id: str, name: str, identity: Identity | None, digest: str) -> None:
        """Remember that a file of this identity has this digest."""
        if identity is not None:
            if len(self._files) >= _REMEMBERED:
                self._files.clear()
            self._files[version_id, name] = identity, digest

    def has_file(self, version_id: str, name: str, identity: Identity | None, digest: str) -> bool:
        """Tell whether this very state of the file is known to have this digest."""
        return identity is not None and self._files.get((version_id, name)) == (identity, digest)

    def add_manifest(self, version_id: str, digest: str) -> None:
        """Remember that the manifest of a version was checked."""
        if len(self._manifests) >= _REMEMBERED:
            self._manifests.clear()
        self._manifests[version_id] = digest

    def has_manifest(self, version_id: str, digest: str | None) -> bool:
        """Tell whether the manifest of this digest was checked."""
        return digest is not None and self._manifests.get(version_id) == digest

    def forget_manifest(self, version_id: str) -> None:
        """Check the manifest again next time; its files are checked by identity."""
        self._manifests.pop(version_id, None)
