"""A plain folder as the files of one version, for callers without a session."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import cast

from artifact_plugins.contracts.files import FileSink


class Folder:
    """Writes and reads named files of a folder (FileWriter and FileReader)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, name: str) -> FileSink:
        """Start the file `name`."""
        target = self._path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # A plain file differs only in how typeshed spells __enter__ and __exit__.
        return cast(FileSink, target.open("xb"))

    def sub(self, prefix: str) -> Folder:
        """Return the folder below `prefix`."""
        return Folder(self._path / prefix)

    def names(self) -> tuple[str, ...]:
        """Return the paths of the files, sorted."""
        files = (path for path in self._path.rglob("*") if path.is_file())
        return tuple(sorted(path.relative_to(self._path).as_posix() for path in files))

    def buffer(self, name: str) -> memoryview:
        """Return a file as a private copy-on-write map."""
        with (self._path / name).open("rb") as file:
            if file.seek(0, 2) == 0:
                return memoryview(bytearray())
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))

    def directory(self, *, keep: bool = False) -> Path:
        """Return the folder itself, which stays in any case."""
        return self._path
