"""Verified copies of the files of a version in a folder of the user's choice."""

from __future__ import annotations

import os
from pathlib import Path

from artifact_plugins.content import VersionReader
from artifact_plugins.content.failures import writing
from artifact_plugins.content.restore import check_restorable
from artifact_plugins.errors import InputError


def export_files(reader: VersionReader, target: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Copy the files of a version; see `Session.export`."""
    folder = _folder(target)
    names = reader.names()
    check_restorable(names)
    paths = tuple([folder / name for name in names])
    for path in paths:
        if os.path.lexists(path):  # a dangling link is there, too
            raise InputError(f"{str(path)!r} exists", hint="nothing was copied; move it away")
    made: list[Path] = []
    try:
        for name, path in zip(names, paths, strict=True):
            view = reader.buffer(name)
            with writing(f"the copy {str(path)!r}"):
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as file:
                    made.append(path)
                    file.write(view)
    except BaseException:
        for path in made:
            path.unlink(missing_ok=True)
        raise
    return paths


def _folder(target: str | os.PathLike[str]) -> Path:
    try:
        folder = Path(target)
    except TypeError as error:
        raise InputError(
            f"the target of an export is a folder, not {target!r:.200}", hint="nothing was copied"
        ) from error
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{str(folder)!r} is no folder", hint="nothing was copied")
    return folder
