"""The folder of a plugin: which of its files are code, data, or neither."""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path, PurePosixPath

from artifact_plugins.snapshots.archive import check_limits
from artifact_plugins.snapshots.data_files import is_left_out, mentioned, walk
from artifact_plugins.snapshots.imports import roughly_imported
from artifact_plugins.snapshots.locating import Located
from artifact_plugins.snapshots.running import Source, source_of
from artifact_plugins.snapshots.secrets import check_name

_COMPILED = (*EXTENSION_SUFFIXES, ".so", ".pyd")
_TESTS = ("tests", "test")
_TEST_FILES = ("conftest.py",)
_IMPORT_LINE = re.compile(rb"^[ \t]*(?:from|import)\b[^\n]*|import_module\([^\n]*", re.MULTILINE)


@dataclass(slots=True)
class Folder:
    """What a plugin folder holds; paths are relative to it.

    Attributes:
        sources: Its Python files.
        data: Data files that these may read: where they lie.
        files: Where each of the Python files lies.
        folders: Every folder that was looked into.
        extensions: Import names of compiled modules.
        imported: What its lines import by absolute names.
    """

    sources: dict[str, Source] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    extensions: set[str] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)


def read_folder(located: Located, *, plugin: str) -> Folder:
    """Read the folder of a package; nothing is parsed.

    Raises:
        SecretInSnapshotError: A file has the name of a file of secrets, whether it
            would be archived or not.
        ResourceLimitError: There are over 2,000 Python files.
        NotSerializableError: A module was edited after it was imported.
    """
    found = Folder()
    data: dict[str, str] = {}
    for home in located.folders:
        for entry in walk(home):
            path = unicodedata.normalize("NFC", Path(entry.path).relative_to(home).as_posix())
            check_name(path)
            found.folders.add(os.path.dirname(entry.path))  # noqa: PTH120  # one per file
            if entry.name.endswith(_COMPILED):
                inside = [*PurePosixPath(path).parts[:-1], entry.name.partition(".")[0]]
                found.extensions.add(".".join([located.name, *inside]))
            elif is_left_out(entry.name, is_folder=False) or entry.name in _TEST_FILES:
                continue
            elif entry.name.endswith(".py"):
                found.files.setdefault(path, entry.path)
            else:
                data.setdefault(path, entry.path)
        found.folders.add(home)
    check_limits(plugin, len(found.files), 0)
    for path, file in sorted(found.files.items()):
        source = source_of(_inside(located, path, file))
        if source is not None:
            found.sources[path] = source
    for path in _unused_tests(found.sources):
        del found.sources[path], found.files[path]
    texts = [source.data for source in found.sources.values()]
    found.data = {path: data[path] for path in mentioned(data, texts)}
    found.imported = set().union(*map(roughly_imported, texts))
    return found


def _inside(located: Located, path: str, file: str) -> Located:
    parts = [located.name, *PurePosixPath(path).with_suffix("").parts]
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    folders = (os.path.dirname(file),) if is_package else ()  # noqa: PTH120
    return Located(name, "source", file, folders, None)


def module_names(folder: Folder, package: str) -> list[str]:
    """Return the import names of the Python files of a folder."""
    names = []
    for path in folder.sources:
        stem = path.removesuffix(".py").removesuffix("__init__").rstrip("/")
        names.append(".".join([package, *filter(None, stem.split("/"))]))
    return names


def _unused_tests(sources: dict[str, Source]) -> list[str]:
    """Return the files in folders of tests that no other file imports.

    Wheels often leave them out; a package `test` that the code needs stays.
    """
    tests = {
        path: part for path in sources for part in PurePosixPath(path).parts[:-1] if part in _TESTS
    }
    if not tests:
        return []
    lines = b"\n".join(
        line
        for path, source in sources.items()
        if path not in tests
        for line in _IMPORT_LINE.findall(source.data)
    )
    words = set(re.findall(rb"\w+", lines))
    return [path for path, part in tests.items() if part.encode() not in words]
