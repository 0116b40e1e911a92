"""Which data files belong to code: those that it ships and reads."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from artifact_plugins.snapshots.locating import project_of

MAX_DATA_BYTES = 1024 * 1024
_FOLDER_FILES = 200
_LEFT_OUT_FOLDERS = ("__pycache__", "node_modules", "CVS")
_LEFT_OUT_ENDS = (".pyc", ".pyo", ".pyd", ".so", ".dll", ".dylib", ".a", ".o", ".lib")
_LEFT_OUT_FOLDER_ENDS = (".egg-info", ".dist-info")
_LISTING = re.compile(rb"\b(?:iterdir|r?glob|listdir|scandir|walk|contents)\s*\(")
# `f"{name}.json"`, `name + ".json"`, `"*.json"`, `"%s.json"`, but not `"other.json"`.
_ENDING = re.compile(rb"(?:[\"'}*]|%s|%d)\.([\w-]+)(?=[\"'])")


def is_left_out(name: str, *, is_folder: bool) -> bool:
    """Tell whether something is never a part of code: hidden, compiled, of a tool."""
    if is_folder:
        return (
            name.startswith(".")
            or name in _LEFT_OUT_FOLDERS
            or name.endswith(_LEFT_OUT_FOLDER_ENDS)
        )
    return name.startswith(".") or name.endswith((*_LEFT_OUT_ENDS, "~"))


def walk(folder: str, *, below: str = "") -> Iterator[os.DirEntry[str]]:
    """Yield the files below a folder, in no order; links are followed, but in no circle.

    Args:
        folder: Where to start.
        below: Folders above this one, separated by NUL, for the circle.
    """
    real = os.path.realpath(folder)
    if real in below.split("\0"):
        return
    with os.scandir(folder) as entries:
        for entry in list(entries):
            if entry.is_dir():
                if not is_left_out(entry.name, is_folder=True):
                    yield from walk(entry.path, below=f"{below}\0{real}")
            elif entry.is_file():
                yield entry


def mentioned(paths: Iterable[str], sources: Iterable[bytes]) -> set[str]:
    """Return the data files of a plugin folder that its sources may read.

    A file counts when its name or one of its folders stands in a source, or its
    ending where a name is put together, and every file when a source lists folders.
    So a README or a stray file in a checkout, which no wheel contains, makes no
    difference.

    Args:
        paths: Relative to the folder of the plugin.
        sources: All its Python files.
    """
    paths = set(paths)
    if not paths:
        return paths
    text = b"\0".join(sources)
    if _LISTING.search(text):
        return paths
    words = set(re.findall(rb"[\w-]+", text))
    endings = set(_ENDING.findall(text))
    found = set()
    for path in paths:
        place = PurePosixPath(path)
        ending = place.suffix[1:].encode()
        if (
            place.name.encode() in text
            or (ending and ending in endings)
            or any(part.encode() in words for part in place.parts[:-1])
        ):
            found.add(path)
    return found


def read_beside(texts: Iterable[str], *, folder: str, is_package: bool) -> dict[str, str]:
    """Return the files beside a module that its texts name, by path relative to the folder.

    Files over 1 MiB are input data rather than a part of the code, and are left
    out. A text that names a folder of a package stands for the files in it, unless
    they are over 200 or over 1 MiB together.

    Args:
        texts: What may be a path, from the source.
        folder: Of the module.
        is_package: Whether the folder is that of a package; beside a script lies
            whatever the user works on, and no folder of it is taken whole.
    """
    found: dict[str, str] = {}
    for text in texts:
        path = PurePosixPath(text.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or not path.parts or "://" in text:
            continue
        place = os.path.join(folder, *path.parts)  # noqa: PTH118  # many texts are no path
        if os.path.isfile(place):  # noqa: PTH113
            found[str(path)] = place
        elif is_package and os.path.isdir(place):  # noqa: PTH112
            for file in _small_folder(place):
                found[str(path / Path(file).relative_to(place).as_posix())] = file
    return {
        name: place
        for name, place in found.items()
        if not _is_code(name) and os.stat(place).st_size <= MAX_DATA_BYTES  # noqa: PTH116
    }


def _small_folder(folder: str) -> list[str]:
    found, size_bytes = [], 0
    for entry in walk(folder):
        found.append(entry.path)
        size_bytes += entry.stat().st_size
        if len(found) > _FOLDER_FILES or size_bytes > MAX_DATA_BYTES:
            return []
    return found


def declared(package: str, folder: str) -> dict[str, str]:
    """Return the files that the project of a package declares as its data.

    Read from `[tool.setuptools.package-data]`; hatchling and others ship whole
    folders and declare nothing.
    """
    project = project_of(folder)
    if project is None:
        return {}
    tables = _package_data(str(project / "pyproject.toml"), _time_of(project / "pyproject.toml"))
    patterns = [*tables.get(package, ()), *tables.get("*", ()), *tables.get("", ())]
    found: dict[str, str] = {}
    for entry in walk(folder) if patterns else ():
        name = Path(entry.path).relative_to(folder).as_posix()
        if any(fnmatchcase(name, pattern) for pattern in patterns) and not _is_code(name):
            found[name] = entry.path
    return found


def _is_code(path: str) -> bool:
    place = PurePosixPath(path)
    return (
        path.endswith(".py")
        or (is_left_out(place.name, is_folder=False) and not place.name.startswith(".env"))
        or any(is_left_out(part, is_folder=True) for part in place.parts[:-1])
    )


def _time_of(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=64)
def _package_data(file: str, changed_ns: int) -> Mapping[str, list[str]]:
    del changed_ns  # a part of the key: an edited file is read again
    try:
        document: Any = tomllib.loads(Path(file).read_text(encoding="utf-8"))
        table = document["tool"]["setuptools"]["package-data"]
        return {
            str(name): [str(pattern) for pattern in patterns] for name, patterns in table.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
