"""export: a materializer or an artifact task as a Dioptra plugin folder that a worker runs."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import sys
import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from artifact_plugins import ArtifactTask, Materializer
from artifact_plugins.contracts.task_parameters import task_parameters
from artifact_plugins.errors import InputError, PluginError

from .sources import needed_sources

_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
_MOST_LEVELS = 20
_CLASSES = '''"""{count} exported by artifact_plugins {version}; generated, do not edit.

Embedded is the code that wrote it, sha256 {digest}.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dioptra.sdk.api.artifact import ArtifactTaskInterface

from . import _snapshot
'''
_CLASS = '''

class {name}(ArtifactTaskInterface):
    """{key}: {summary}"""

    @staticmethod
    def serialize(working_dir: Path, name: str, contents: Any, **parameters: Any) -> Path:
        return _snapshot.serialize("{name}", working_dir, name, contents, parameters)

    @staticmethod
    def deserialize(working_dir: Path, path: str, **parameters: Any) -> Any:
        return _snapshot.deserialize("{name}", working_dir, path)

    @staticmethod
    def validation() -> dict[str, Any] | None:
        return _snapshot.schema("{name}")
'''


def export(given: type, folder: str | Path, *, key: str = "", class_name: str = "") -> Path:
    """Write a Dioptra plugin folder with one artifact task.

    The folder holds `artifacts.py`, which is what Dioptra registers, and
    `_snapshot.py` with the class and every module it needs. A worker needs
    Dioptra, pydantic and the libraries of the class, but not artifact_plugins.

    Args:
        given: A `Materializer` or `ArtifactTask` class.
        folder: New or empty; its name becomes the plugin's.
        key: What it is called here; its import path by default.
        class_name: Of the artifact task in Dioptra, unique among all plugins
            of a server; made of `key` by default.

    Returns:
        The folder.

    Raises:
        InputError: The folder is not empty, or a name cannot be used.
        PluginError: The class is neither of the two, belongs to a script or
            notebook, needs other materializers, or has no source.
    """
    entry = _entry(given)
    place = Path(folder)
    key = key or f"{given.__module__}.{given.__qualname__}"
    name = class_name or camel(key)
    if not name.isidentifier() or not place.name.isidentifier():
        raise InputError(
            f"class {name!r} in a folder {place.name!r} cannot be imported by a worker",
            hint="choose names of letters, digits and '_'; nothing was written",
        )
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise InputError(
            f"{str(place)!r} is not empty", hint="choose a new folder; nothing was written"
        )
    sources = needed_sources(given.__module__, "artifact_plugins.contracts.task_parameters")
    own = given.__module__.replace(".", "/")
    if f"{own}.py" not in sources and f"{own}/__init__.py" not in sources:
        raise PluginError(
            f"module {given.__module__!r} has no source file to export",
            hint="nothing was written; save it as a module that can be imported",
        )
    archive = zipped(sources)
    digest = hashlib.sha256(archive).hexdigest()
    described = {
        "distribution": f"artifact-plugins=={metadata.version('artifact-plugins')}",
        "python": ".".join(map(str, sys.version_info[:3])),
    }
    snapshot = snapshot_source(archive, digest, sources, tasks={name: entry}, described=described)
    classes = classes_source({name: (key, _summary(given))}, digest)
    place.mkdir(parents=True, exist_ok=True)
    (place / "_snapshot.py").write_text(snapshot, encoding="utf-8")
    (place / "artifacts.py").write_text(classes, encoding="utf-8")
    return place


def _entry(given: type) -> dict[str, Any]:
    if not isinstance(given, type) or not issubclass(given, ArtifactTask | Materializer):
        raise PluginError(
            f"{given!r:.200} is neither a Materializer nor an ArtifactTask",
            hint="nothing was written; a Dioptra class needs no export",
        )
    if given.__module__ == "__main__" or "<locals>" in given.__qualname__:
        raise PluginError(
            f"{given.__qualname__!r} is defined in a script, notebook or function",
            hint="nothing was written; move it to a module and import it from there",
        )
    if issubclass(given, ArtifactTask) and given.adapted is not None:
        raise PluginError(
            f"{given.__qualname__!r} is a Dioptra class already",
            hint="nothing was written; publish its own plugin folder",
        )
    if issubclass(given, ArtifactTask):
        kind, taken = "artifact_task", task_parameters(given, given.name).schema()
    else:
        kind, taken = "materializer", given.Options.model_json_schema()
        if any("parts" in vars(base).get("__annotations__", {}) for base in given.__mro__):
            raise PluginError(
                f"{given.__qualname__!r} saves its elements with other materializers",
                hint="nothing was written; a worker has no session that would choose them",
            )
    return {
        "kind": kind,
        "target": f"{given.__module__}:{given.__qualname__}",
        "executes_on_load": given.executes_on_load,
        "schema": _inlined(taken.get("properties", {}), taken.get("$defs", {}), 0) or None,
    }


def _inlined(found: Any, definitions: dict[str, Any], depth: int) -> Any:
    """Return a schema without references: Dioptra puts it inside a schema of its own."""
    if depth > _MOST_LEVELS:
        raise PluginError(
            "the schema of the parameters refers to itself",
            hint="nothing was written; Dioptra takes schemas without references only",
        )
    if isinstance(found, list):
        return [_inlined(item, definitions, depth + 1) for item in found]
    if not isinstance(found, dict):
        return found
    reference = found.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        target = definitions[reference.removeprefix("#/$defs/")]
        rest = {name: item for name, item in found.items() if name != "$ref"}
        return _inlined({**target, **rest}, definitions, depth + 1)
    return {name: _inlined(item, definitions, depth + 1) for name, item in found.items()}


def zipped(sources: Mapping[str, bytes]) -> bytes:
    """Return a zip with the same bytes for the same sources."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(sources):
            archive.writestr(zipfile.ZipInfo(name, _FIXED_TIME), sources[name])
    return buffer.getvalue()


def snapshot_source(
    archive: bytes,
    digest: str,
    sources: Mapping[str, bytes],
    *,
    tasks: Mapping[str, Any],
    described: Mapping[str, Any],
) -> str:
    """Return the file that runs embedded artifact tasks.

    Args:
        archive: Zip of `sources`; `digest` is its SHA-256 as hex.
        tasks: Class name to what `embedded.TASKS` says of it.
        described: Where the code comes from; for people.
    """
    text = Path(__file__).with_name("embedded.py").read_text(encoding="utf-8")
    constants = {
        "ARCHIVE": base64.b64encode(archive).decode(),
        "DIGEST": digest,
        "ROOTS": tuple(sorted({re.split(r"[/.]", name)[0] for name in sources})),
        "TASKS": dict(tasks),
    }
    lines = text.split("\n")
    for name, value in constants.items():
        starts = (f"{name} = ", f"{name}: ")
        number = next(n for n, line in enumerate(lines) if line.startswith(starts))
        lines[number] = f"{name} = {value!r}"
    text = "\n".join(lines)
    return f"{text}\n\nSNAPSHOT = {json.dumps(described, sort_keys=True)!r}\n"


def classes_source(names: Mapping[str, tuple[str, str]], digest: str) -> str:
    """Return the file that Dioptra registers: one class per artifact task.

    Args:
        names: Class name to what it is called here and one sentence on it.
        digest: Of the embedded archive.
    """
    count = "An artifact task" if len(names) == 1 else f"{len(names)} artifact tasks"
    head = _CLASSES.format(count=count, version=metadata.version("artifact-plugins"), digest=digest)
    classes = (
        _CLASS.format(name=name, key=key, summary=summary) for name, (key, summary) in names.items()
    )
    return head + "".join(classes)


def camel(key: str) -> str:
    """Return the words of a text as the name of a class."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", key))


def _summary(given: type) -> str:
    text = (given.__doc__ or given.__qualname__).strip().partition("\n")[0]
    return text.replace("\\", "").replace('"', "'").rstrip("'") or given.__qualname__
