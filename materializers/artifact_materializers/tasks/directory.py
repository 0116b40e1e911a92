"""Directory: a folder as the files that lie in it, under their own names."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from artifact_plugins import ArtifactTask
from artifact_plugins.errors import LossyConversionError, NotSerializableError

from .lossless import LossyParameters


class Directory(ArtifactTask[Path]):
    """The files of a folder, stored as they are; loading gives a path to a private copy.

    Names and bytes are kept. Empty folders and executable files are refused
    unless `lossy` is True, symbolic links and devices always.
    """

    name = "directory"
    format = "mirror/1"
    types: ClassVar[tuple[str, ...]] = ("pathlib:Path",)
    exact: ClassVar[bool] = True
    takes_folder: ClassVar[bool] = True
    keeps_directory: ClassVar[bool] = True
    Parameters: ClassVar[type[BaseModel]] = LossyParameters

    def serialize(self, value: Path, directory: Path, **parameters: Any) -> None:
        """Copy the files.

        Raises:
            NotSerializableError: `value` is no folder, or holds links or devices.
            LossyConversionError: It holds empty folders or executable files.
        """
        if type(value) is not type(Path()):
            raise _lost(f"a {type(value).__qualname__} would come back as a plain path")
        if not value.is_dir():
            raise NotSerializableError(
                f"{str(value)!r} is no folder", hint="nothing was registered; give a folder"
            )
        self._mirror(value, directory, value, is_lossy=parameters["lossy"])

    def deserialize(self, path: Path, **parameters: Any) -> Path:
        """Return the folder with the copies."""
        return path

    def equal(self, left: Path, right: Path) -> bool:
        """Tell whether two folders hold the same files."""
        return _content(left) == _content(right)

    def _mirror(self, source: Path, target: Path, root: Path, *, is_lossy: bool) -> None:
        for path in sorted(source.iterdir()):
            name = path.relative_to(root).as_posix()
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                inner = target / path.name
                inner.mkdir()
                self._mirror(path, inner, root, is_lossy=is_lossy)
                if not any(inner.iterdir()):
                    if not is_lossy:
                        raise _lost(f"the empty folder {name!r} would be lost")
                    inner.rmdir()
            elif stat.S_ISREG(mode):
                if mode & stat.S_IXUSR and not is_lossy:
                    raise _lost(f"the file {name!r} would not be executable any more")
                shutil.copyfile(path, target / path.name)
            else:
                raise NotSerializableError(
                    f"{name!r} is neither a file nor a folder", hint="nothing was registered"
                )


def _content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _lost(why: str) -> LossyConversionError:
    return LossyConversionError(
        why, hint="nothing was registered; save it without a task, or pass {'lossy': True}"
    )
