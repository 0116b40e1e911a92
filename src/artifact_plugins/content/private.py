"""Private temporary folders of this process outside of any store."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path

from artifact_plugins.content.failures import writing


class PrivateFolders:
    """Makes empty folders (0700) and removes them all at the end."""

    def __init__(self) -> None:
        # By process id: a forked child does not remove what its parent made.
        self._made: dict[int, list[str]] = {}
        self._finalizer = weakref.finalize(self, _remove, self._made)

    def make(self) -> Path:
        """Return a new empty folder."""
        with writing("a private folder"):
            folder = tempfile.mkdtemp(prefix="artifact_plugins-")
        self._made.setdefault(os.getpid(), []).append(folder)
        return Path(folder)

    def close(self) -> None:
        """Remove the folders that this process made."""
        _remove(self._made)


def _remove(made: dict[int, list[str]]) -> None:
    for folder in made.pop(os.getpid(), []):
        shutil.rmtree(folder, ignore_errors=True)
