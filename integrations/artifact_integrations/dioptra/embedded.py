"""Runs the artifact tasks embedded in an exported folder; needs nothing of artifact_plugins.

`export` writes this file as `_snapshot.py`, with the constants below filled in.
The archived modules are imported from memory under a private name that holds
the digest of the archive, so that two exports live in one process.
"""

from __future__ import annotations

import base64
import builtins
import hashlib
import importlib
import importlib.abc
import importlib.util
import io
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

ARCHIVE = ""
"""Base64 of a zip with the modules, by their import path as a file name."""
DIGEST = ""
"""SHA-256 of the zip, as hex."""
ROOTS: tuple[str, ...] = ()
"""Top-level packages whose imports lead into the archive."""
TASKS: dict[str, Any] = {}
"""By class name: kind, target, whether loading executes code, JSON Schema.

Only a target, where the class itself says the rest; only a reason, where no
worker can run it.
"""
TRUSTED: tuple[str, ...] = ()
"""SHA-256 of `manifest.json` of artifacts that may be loaded though that executes code.

The variable `ARTIFACT_PLUGINS_TRUSTED_MANIFESTS` of a worker holds more of them.
"""

_MANIFEST = "manifest.json"
_TRUSTED_VARIABLE = "ARTIFACT_PLUGINS_TRUSTED_MANIFESTS"
_PREFIX = f"_ap_{DIGEST[:16]}"


def serialize(
    task: str, working_dir: Path, name: str, contents: Any, parameters: Mapping[str, Any]
) -> Path:
    """Write a value and its manifest into the new folder `working_dir / name`.

    Raises:
        ValueError: A parameter is refused, or the artifact task left no file.
    """
    folder = Path(working_dir, name)
    instance, stored = _made(task, parameters)  # refuses parameters before anything is written
    folder.mkdir()
    instance.save(contents, folder)
    files = [_described(path, folder) for path in _files(folder)]
    if any(file["path"] == _MANIFEST for file in files):
        raise ValueError(f"artifact task {task!r} wrote a file named {_MANIFEST!r}")
    cls = type(contents)
    manifest = {
        "artifact_task": task,
        "data_type": f"{cls.__module__}:{cls.__qualname__}",
        "files": files,
        "format": instance.format,
        "parameters": stored,
        "snapshot": f"sha256:{DIGEST}",
    }
    text = json.dumps(manifest, sort_keys=True, indent=1)
    (folder / _MANIFEST).write_text(text, encoding="utf-8")
    return folder


def deserialize(task: str, working_dir: Path, path: str) -> Any:
    """Verify a folder against its manifest and load the value from it.

    Raises:
        ValueError: A file is not what was written, or is missing; or another
            artifact task wrote the folder. Nothing was parsed.
        PermissionError: Loading would execute code, and nobody put the digest
            of the manifest into `TRUSTED`; nothing was executed.
    """
    folder = Path(working_dir, path)
    text = (folder / _MANIFEST).read_bytes()
    manifest = json.loads(text)
    if manifest["artifact_task"] != task:
        raise ValueError(f"{path!r} was written by {manifest['artifact_task']!r}, not {task!r}")
    found = {
        file["path"]: file
        for file in (_described(file, folder) for file in _files(folder))
        if file["path"] != _MANIFEST
    }
    names = {file.get("stored", file["path"]): file["path"] for file in manifest["files"]}
    wanted = {
        stored: {"digest": file["digest"], "path": stored, "size_bytes": file["size_bytes"]}
        for stored, file in zip(names, manifest["files"], strict=True)
    }
    if found != wanted:
        wrong = sorted(n for n in {*found, *wanted} if found.get(n) != wanted.get(n))
        raise ValueError(f"files {wrong} of {path!r} are not what was written; nothing was parsed")
    digest = hashlib.sha256(text).hexdigest()
    trusted = (*TRUSTED, *os.environ.get(_TRUSTED_VARIABLE, "").replace(",", " ").split())
    if _entry(task)["executes_on_load"] and digest not in trusted:
        raise PermissionError(
            f"loading {path!r} executes code; nothing was executed; add {digest!r} to the variable "
            f"{_TRUSTED_VARIABLE} of the worker when you trust who wrote it"
        )
    instance, _ = _made(task, manifest["parameters"])
    private = Path(tempfile.mkdtemp(prefix=".private-", dir=folder.parent))
    try:
        for stored, original in names.items():
            copy = private / original
            if not copy.resolve().is_relative_to(private.resolve()):
                raise ValueError(f"{path!r} names the file {original!r}, outside of its folder")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / stored, copy)
        with _finding_types():
            return instance.load(private, _class(manifest["data_type"]))
    finally:
        if not instance.keeps_directory:
            shutil.rmtree(private)


def schema(task: str) -> dict[str, Any] | None:
    """Return what the parameters of an artifact task are checked against."""
    found: dict[str, Any] | None = TASKS[task].get("schema")
    return found


class _Task:
    """An embedded artifact task with the methods of a materializer."""

    def __init__(self, task: Any, parameters: Mapping[str, Any]) -> None:
        self._task = task
        self._parameters = parameters
        self.format: str = task.format
        self.keeps_directory: bool = task.keeps_directory

    def save(self, value: Any, directory: Path) -> None:
        """Serialize the value into the folder."""
        self._task.serialize(value, directory, **self._parameters)
        left = sorted(path.name for path in directory.iterdir())
        if len(left) != 1 and not self._task.takes_folder:
            raise ValueError(f"{self._task.name!r} left {left}, not one file or folder")

    def load(self, directory: Path, data_type: type) -> Any:
        """Deserialize what lies in the folder, and check its type."""
        path = directory if self._task.takes_folder else next(directory.iterdir())
        value = self._task.deserialize(path, **self._parameters)
        if not isinstance(value, data_type):
            raise TypeError(f"{type(value).__qualname__} is no {data_type.__qualname__}")
        return value


class _Adapted:
    """A class of Dioptra's own interface with the methods of a materializer."""

    keeps_directory = True

    def __init__(self, cls: Any, task: str) -> None:
        self._cls = cls
        self.format = f"dioptra.{task}/1".lower()

    def save(self, value: Any, directory: Path) -> None:
        """Refuse: a worker serializes with the class itself."""
        raise NotImplementedError(f"{self._cls.__qualname__!r} serializes without this folder")

    def load(self, directory: Path, data_type: type) -> Any:
        """Deserialize the one file or folder, as a worker does."""
        found = next(directory.iterdir())
        return self._cls.deserialize(working_dir=directory, path=found.name)


def _entry(task: str) -> dict[str, Any]:
    """Return what is known of an artifact task; asked of its class when nothing is written down."""
    entry: dict[str, Any] = TASKS[task]
    if "kind" in entry:
        return entry
    if "reason" in entry:
        raise NotImplementedError(f"{task!r}: {entry['reason']}; load it with artifact_plugins")
    cls = _target(entry["target"])
    materializer = _target("artifact_plugins.contracts.materializer:Materializer")
    artifact_task = _target("artifact_plugins.contracts.artifact_task:ArtifactTask")
    if issubclass(cls, materializer):
        # Some containers can do without: they say what their elements are saved with.
        uses = any("parts" in vars(base).get("__annotations__", {}) for base in cls.__mro__)
        if uses and not hasattr(cls, "parts"):
            raise NotImplementedError(
                f"{task!r} reads elements with other materializers; load it with artifact_plugins"
            )
        kind = "materializer"
    else:
        kind = "artifact_task" if issubclass(cls, artifact_task) else "dioptra"
    executes = bool(getattr(cls, "executes_on_load", True))
    return {**entry, "kind": kind, "executes_on_load": executes, "schema": None}


def _made(task: str, parameters: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return a ready instance and its parameters as JSON."""
    entry = _entry(task)
    cls = _target(entry["target"])
    if entry["kind"] == "materializer":
        options = cls.Options(**parameters)
        return cls(options), options.model_dump(mode="json")
    if entry["kind"] == "dioptra":
        return _Adapted(cls, task), dict(parameters)
    taken = _target("artifact_plugins.contracts.task_parameters:task_parameters")(cls, task)
    stored = taken.stored(parameters)
    return _Task(cls(), taken.arguments(stored)), stored


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _described(path: Path, folder: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {
        "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
        "path": path.relative_to(folder).as_posix(),
        "size_bytes": len(data),
    }


def _class(path: str) -> type:
    """Return a class of the archive, or one that its code has imported; nothing else is."""
    module, _, name = path.partition(":")
    found: Any = sys.modules.get(module)
    if module.partition(".")[0] in ROOTS:
        found = importlib.import_module(f"{_PREFIX}.{module}")
    for part in name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type):
        raise TypeError(f"the class {path!r} is not imported by the artifact task")
    return found


def _finding_types() -> AbstractContextManager[Any]:
    """Have classes that files name found in the archive, when it has their module."""
    try:
        refs = importlib.import_module(f"{_PREFIX}.artifact_plugins.contracts.refs")
    except ModuleNotFoundError:
        return nullcontext()

    def find(path: str) -> Any:
        is_here = path.partition(":")[0].partition(".")[0] in ROOTS
        return _class(path) if is_here else refs.import_type(path)

    found: AbstractContextManager[Any] = refs.finding_types(find)
    return found


# The archived modules.


def _target(target: str) -> Any:
    module, _, name = target.partition(":")
    _install()
    return getattr(importlib.import_module(f"{_PREFIX}.{module}"), name)


def _install() -> None:
    if not any(getattr(finder, "prefix", None) == _PREFIX for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(base64.b64decode(ARCHIVE)))


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds `_ap_<digest>.<original name>` in the archive, whose digest it checks first."""

    def __init__(self, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != DIGEST:
            raise ImportError(f"the archive in {__file__!r} is not the one that was exported")
        self.prefix = _PREFIX
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            self._members = {name: archive.read(name) for name in archive.namelist()}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != _PREFIX:
            return None
        member = self._member(fullname)
        if member is None:
            place = fullname.partition(".")[2].replace(".", "/")
            is_folder = any(name.startswith(f"{place}/") for name in self._members)
            if fullname == _PREFIX or is_folder:  # the root, or a package without __init__
                return ModuleSpec(fullname, self, is_package=True)
            return None
        is_package = member.endswith("/__init__.py")
        return ModuleSpec(fullname, self, origin=f"<{fullname}>", is_package=is_package)

    def exec_module(self, module: ModuleType) -> None:
        """Run the archived source; its imports of archived packages stay in the archive."""
        source = self.get_source(module.__name__)
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": _import}
        exec(compile(source, f"<{module.__name__}>", "exec", dont_inherit=True), vars(module))  # noqa: S102  # this is how a module is run

    def get_source(self, fullname: str) -> str:
        """Return the source of a module, for tracebacks too."""
        member = self._member(fullname)
        return self._members[member].decode() if member is not None else ""

    def get_data(self, path: str) -> bytes:
        """Return a data file of the archive."""
        return self._members[path]

    def _member(self, fullname: str) -> str | None:
        place = fullname.partition(".")[2].replace(".", "/")
        for member in (f"{place}/__init__.py", f"{place}.py"):
            if member in self._members:
                return member
        return None


def _import(
    name: str,
    globals: Mapping[str, object] | None = None,  # noqa: A002  # the names of __import__
    locals: Mapping[str, object] | None = None,  # noqa: A002  # same
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    if level == 0 and name.partition(".")[0] in ROOTS:
        private = f"{_PREFIX}.{name}"
        if fromlist:
            return __import__(private, globals, locals, fromlist, 0)
        importlib.import_module(private)
        return sys.modules[f"{_PREFIX}.{name.partition('.')[0]}"]
    return __import__(name, globals, locals, fromlist or (), level)
