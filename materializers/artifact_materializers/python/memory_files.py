"""A few bytes in memory as the files of a version."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from tempfile import mkdtemp

from artifact_plugins.contracts.files import FileReader
from artifact_plugins.errors import LoadFailedError


class MemoryReader:
    """The files of a small element that is embedded in a document."""

    def __init__(self, contents: dict[str, bytes], outer: FileReader) -> None:
        self._contents = contents
        self._outer = outer

    def names(self) -> tuple[str, ...]:
        """Return the names of the files, sorted."""
        return tuple(sorted(self._contents))

    def buffer(self, name: str) -> memoryview:
        """Return a private copy of the bytes of a file."""
        return memoryview(bytearray(self._contents[name]))

    def directory(self, *, keep: bool = False) -> Path:
        """Return a new folder with the files, below the one that the version has."""
        folder = Path(mkdtemp(prefix="embedded-", dir=self._outer.directory(keep=keep)))
        for name, content in self._contents.items():
            if not _is_inside(name):
                raise LoadFailedError(
                    f"an embedded element names the file {name!r}",
                    hint="nothing was written; the stored bytes are intact",
                )
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder

    def sub(self, prefix: str) -> MemoryReader:
        """Return a reader of the files below `prefix`."""
        start = f"{prefix}/"
        inner = {
            name.removeprefix(start): content
            for name, content in self._contents.items()
            if name.startswith(start)
        }
        return MemoryReader(inner, self._outer)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and not {"..", "\0"} & set(path.parts)
