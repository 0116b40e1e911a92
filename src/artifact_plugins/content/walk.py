"""The files below a path; whatever is neither file nor folder is refused by name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from artifact_plugins.content.below import map_path
from artifact_plugins.content.digests import digest_of
from artifact_plugins.content.failures import reading
from artifact_plugins.content.manifest import MAX_FILES
from artifact_plugins.content.names import collisions, path_fault
from artifact_plugins.errors import ManifestTooLargeError, NotSerializableError
from artifact_plugins.records.artifact import FileRecord

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


class Found(NamedTuple):
    """One file: its relative POSIX path, where it is, and how many names it has."""

    name: str
    path: Path
    links: int


def find_files(root: Path) -> list[Found]:
    """Return the files of a file or folder, sorted by relative path.

    A single file has its own name as relative path. Empty folders leave no trace.

    Raises:
        NotSerializableError: A symbolic link, socket, pipe or device; a name
            that could not be restored elsewhere; two names that differ in
            case or Unicode form only.
        ArtifactMissingError: There is nothing at `root`.
        ManifestTooLargeError: More than 100,000 files.
    """
    with reading(f"path {str(root)!r}"):
        status = root.lstat()
        if stat.S_ISDIR(status.st_mode):
            found = []
            for file in _below(root):
                found.append(file)
                if len(found) > MAX_FILES:
                    raise ManifestTooLargeError(
                        f"{str(root)!r} holds more than {MAX_FILES} files",
                        hint="nothing was stored; store an archive of it instead",
                    )
        else:
            _check_kind(root, status)
            found = [Found(root.name, root, status.st_nlink)]
    found.sort()
    _check_names(root, found)
    return found


def describe(root: Path, algorithm: str) -> tuple[FileRecord, ...]:
    """Return the records of the files of a file or folder, sorted by path."""
    records = []
    for file in find_files(root):
        view = map_path(file.path, f"file {str(file.path)!r}").view
        records.append(
            FileRecord(path=file.name, size_bytes=view.nbytes, digest=digest_of(algorithm, view))
        )
    return tuple(records)


def _below(root: Path) -> Iterator[Found]:
    folders = [(root, "")]
    while folders:
        folder, prefix = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                path, name = folder / entry.name, f"{prefix}{entry.name}"
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    folders.append((path, f"{name}/"))
                else:
                    _check_kind(path, status)
                    yield Found(name, path, status.st_nlink)


def _check_kind(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "a special file")
        raise NotSerializableError(
            f"{str(path)!r} is {kind}",
            hint="only files and folders can be stored; copy what it stands for, or leave it out",
            path=str(path),
        )


def _check_names(root: Path, found: list[Found]) -> None:
    for file in found:
        if fault := path_fault(file.name):
            raise NotSerializableError(
                f"file name {file.name!a} cannot be stored: {fault}",
                hint="rename the file",
                path=str(file.path),
            )
    names = [file.name for file in found]
    if clashing := list(collisions(names)):
        raise NotSerializableError(
            f"{str(root)!r} holds {clashing[0]!r} and {clashing[-1]!r}, "
            "which are one file on some filesystems",
            hint="rename one of them",
            path=str(root),
        )
