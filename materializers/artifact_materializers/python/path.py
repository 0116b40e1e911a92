"""A file or a whole directory, with its name, empty folders and executable bits."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import stat
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from artifact_plugins import Materializer, Preview
from artifact_plugins.errors import LoadFailedError, NotSerializableError

HEADER = "tree.json"
CONTENT = "content"
_DESCRIBED = 10_000
_SHOWN = 20
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


class _Entry(NamedTuple):
    """One file or folder: POSIX path below the root ("" is the root), place, status."""

    name: str
    path: Path
    status: os.stat_result

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


class PathMaterializer(Materializer[Path]):
    """Keeps what lies at a path, not the path: loading gives a path to a private copy.

    `content/<name>` is the file or directory; `tree.json` says what files
    alone do not: the name, empty folders and which files are executable.
    """

    format = "directory/1"
    media_type = "application/octet-stream"
    exact: ClassVar[bool] = True
    keeps_directory: ClassVar[bool] = True

    def save(self, value: Path, directory: Path) -> None:
        """Copy the file or directory.

        Raises:
            NotSerializableError: Nothing is there; or it holds a symbolic
                link, pipe, socket or device, or a name that other systems
                cannot restore. Names the path.
        """
        entries = list(_walk(value))
        _check_names(entries)
        root = directory / CONTENT / _name_of(value)
        root.parent.mkdir()
        filled = {entry.name.rpartition("/")[0] for entry in entries if entry.name}
        folders, executables = [], []
        for entry in entries:
            target = root / entry.name if entry.name else root
            if entry.is_directory:
                target.mkdir()
                if entry.name not in filled:
                    folders.append(entry.name)
            else:
                _copy(entry.path, target)
                if entry.status.st_mode & stat.S_IXUSR:
                    executables.append(entry.name)
        header = {
            "name": root.name,
            "is_directory": entries[0].is_directory,
            "empty_folders": folders,
            "executables": executables,
        }
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
        (directory / HEADER).write_bytes(text.encode())

    def load(self, directory: Path, data_type: type[Path]) -> Path:
        """Return the path of the copy in `directory`, which has the name it was saved with.

        Raises:
            LoadFailedError: `tree.json` is missing, or names a place outside
                of the folder.
        """
        header = _read_header(directory)
        root: Path = directory / CONTENT / header["name"]
        try:
            for name in header["empty_folders"]:
                (root / name).mkdir(parents=True, exist_ok=True)
            for name in header["executables"]:
                file = root / name if name else root
                file.chmod(file.stat().st_mode | stat.S_IXUSR)
        except OSError as error:
            raise _unreadable(repr(error)) from error
        if not (root.is_dir() if header["is_directory"] else root.is_file()):
            raise _unreadable(f"{root.name!r} is not there")
        return root

    def describe(self, value: Path) -> Mapping[str, Any]:
        """Return the name, and how many files and bytes there are (of the first 10,000)."""
        entries = list(islice(_walk(value), _DESCRIBED))
        files = [entry for entry in entries if not entry.is_directory]
        return {
            "name": _name_of(value),
            "is_directory": entries[0].is_directory,
            "files": len(files),
            "size_bytes": sum(entry.status.st_size for entry in files),
        }

    def preview(self, value: Path) -> Sequence[Preview]:
        """Return the first 20 files with their sizes."""
        name = _name_of(value)
        lines = [
            f"{entry.status.st_size:>12,}  {name}{'/' if entry.name else ''}{entry.name}"
            for entry in islice(_walk(value), _SHOWN)
            if not entry.is_directory
        ]
        return (Preview(kind="text", title="files", content="\n".join(lines)),)

    def equal(self, left: Path, right: Path) -> bool:
        """Compare names and trees: the same names everywhere with the same bytes."""
        if _name_of(left) != _name_of(right):
            return False
        first, second = list(_walk(left)), list(_walk(right))
        return [_shape(entry) for entry in first] == [_shape(entry) for entry in second] and all(
            ours.is_directory or filecmp.cmp(ours.path, theirs.path, shallow=False)
            for ours, theirs in zip(first, second, strict=True)
        )


def _shape(entry: _Entry) -> tuple[str, bool]:
    return entry.name, entry.is_directory


def _name_of(path: Path) -> str:
    # `Path(".")` and `Path("a/..")` say where, but not what it is called.
    name = path.name
    return name if name and name != ".." else path.resolve().name


def _walk(root: Path) -> Iterator[_Entry]:
    """Yield the root and everything below it, folders before what they hold, sorted."""
    try:
        status = root.lstat()
    except OSError as error:
        raise _refuse(root, f"cannot be read: {error.strerror}") from error
    if not _name_of(root):
        raise _refuse(root, "has no name")
    yield _checked(_Entry("", root, status))
    if not stat.S_ISDIR(status.st_mode):
        return
    pending = [("", root)]
    while pending:
        prefix, folder = pending.pop()
        try:
            with os.scandir(folder) as scan:
                found = [
                    _checked(
                        _Entry(
                            prefix + item.name, Path(item.path), item.stat(follow_symlinks=False)
                        )
                    )
                    for item in scan
                ]
        except OSError as error:
            raise _refuse(folder, f"cannot be read: {error.strerror}") from error
        found.sort(reverse=True)
        pending.extend((f"{entry.name}/", entry.path) for entry in found if entry.is_directory)
        yield from reversed(found)


def _checked(entry: _Entry) -> _Entry:
    kind = _KINDS.get(stat.S_IFMT(entry.status.st_mode))
    if kind is not None:
        raise _refuse(entry.path, f"is {kind}")
    return entry


def _check_names(entries: list[_Entry]) -> None:
    met: dict[str, str] = {}
    for entry in entries:
        name = entry.name or _name_of(entry.path)
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise _refuse(entry.path, "has a name that is not Unicode text") from error
        if "\\" in name:
            raise _refuse(entry.path, "has a name with a backslash")
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        other = met.setdefault(folded, name)
        if other != name and entry.name:
            raise _refuse(entry.path, f"and {other!r} are one name on some filesystems")


def _refuse(path: Path, why: str) -> NotSerializableError:
    return NotSerializableError(
        f"path {str(path)!r} {why}",
        hint="nothing was saved; store a path to files and folders",
        path=str(path),
    )


def _copy(source: Path, target: Path) -> None:
    # No link is followed and no pipe waited for if one was put there meanwhile.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with (
            open(os.open(source, flags | getattr(os, "O_BINARY", 0)), "rb") as reader,
            target.open("xb") as writer,
        ):
            if not stat.S_ISREG(os.fstat(reader.fileno()).st_mode):
                raise _refuse(source, "is no longer a file")
            shutil.copyfileobj(reader, writer, 1024 * 1024)
    except OSError as error:
        if error.filename == str(target):
            raise
        raise _refuse(source, f"cannot be read: {error.strerror}") from error


def _read_header(directory: Path) -> dict[str, Any]:
    try:
        header: dict[str, Any] = json.loads((directory / HEADER).read_bytes())
        name = header["name"]
        inside = [*header["empty_folders"], *header["executables"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(repr(error)) from error
    if not _is_part(name) or not all(
        text == "" or (type(text) is str and all(map(_is_part, text.split("/")))) for text in inside
    ):
        raise _unreadable("it names a place outside of the folder")
    return header


def _is_part(name: Any) -> bool:
    return (
        isinstance(name, str) and name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0"}
    )


def _unreadable(why: str) -> LoadFailedError:
    return LoadFailedError(
        f"{HEADER} does not describe a tree: {why}", hint="the stored bytes are intact"
    )
