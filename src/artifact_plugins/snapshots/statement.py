"""The statement about a snapshot: the bytes that are signed, and their strict reader."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from pydantic import ValidationError

from artifact_plugins.errors import ManifestInvalidError, ManifestTooLargeError
from artifact_plugins.records.artifact import FileRecord
from artifact_plugins.records.ids import now
from artifact_plugins.records.snapshot import CodeArchive, PluginSnapshot
from artifact_plugins.snapshots.archive import (
    Captured,
    check_limits,
    is_module_name,
    members_problems,
    outside,
    root_problem,
    sha256,
)
from artifact_plugins.snapshots.locating import distribution_name, libraries_of
from artifact_plugins.snapshots.members import MAIN

STATEMENT_TYPE = "https://artifact-plugins/snapshot/v1"
STATEMENT_ROLE = "plugin-snapshot"
MAX_STATEMENT_BYTES = 16 * 1024 * 1024
MAX_ARCHIVES = 64

_TYPES = re.compile(r"https://artifact-plugins/snapshot/v(\d+)")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PYTHON = re.compile(r"\d+\.\d+\.\d+[0-9A-Za-z.+-]*")
_ENTRY = re.compile(r"[^\s:]+:[^\s:]+")
_FIELDS = {"_type", "role", *PluginSnapshot.model_fields} - {"id", "created_at"}
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def make_snapshot(
    *, plugin: str, entry_object: str, captured: Sequence[Captured], modules: Iterable[str] = ()
) -> PluginSnapshot:
    """Return what a version is pinned to: captured code, this Python, these libraries.

    What one archive holds is no library of the others.

    Args:
        plugin: Name of the plugin that wrote the version.
        entry_object: Import path of the class that did.
        captured: The code of the plugin first, then that of the data types; empty when
            none of it could be captured, so that only names and libraries are pinned.
        modules: What loading imports besides; the libraries they belong to count too.

    Raises:
        ManifestInvalidError: The parts do not fit together, so that no reader
            would accept the snapshot.
    """
    snapshot = PluginSnapshot(
        id="",
        plugin=plugin,
        entry_object=entry_object,
        archives=tuple(part.archive for part in captured),
        python_version=platform.python_version(),
        libraries=_libraries(captured, libraries_of(modules)),
        created_at=now(),
    )
    problem = _problem(snapshot)
    if problem:
        _refuse(problem)
    return snapshot.model_copy(update={"id": sha256(statement_bytes(snapshot))})


def _libraries(captured: Sequence[Captured], others: Mapping[str, str]) -> dict[str, str]:
    whole = {root for part in captured for root in part.archive.roots if "." not in root}
    inside = {distribution_name(root) for root in whole}
    merged = dict(others)
    for part in captured:
        merged |= part.libraries
    for part in captured:
        name = distribution_name(part.archive.distribution or "")
        # A distribution with a package beside the plugin's stays a library of the plugin.
        if whole.intersection(part.archive.roots) and name not in part.libraries:
            inside.add(name)
    return {name: merged[name] for name in sorted(merged) if name not in inside}


def statement_bytes(snapshot: PluginSnapshot) -> bytes:
    """Return the canonical JSON whose SHA-256 is the id of a snapshot.

    Sorted keys, no spaces, ASCII; everything but the id and `created_at`, with
    `_type` and `role`, so that a signature of it says what it is a signature of.
    """
    document = snapshot.model_dump(mode="json", exclude={"id", "created_at"})
    return _ENCODER.encode({"_type": STATEMENT_TYPE, "role": STATEMENT_ROLE, **document}).encode(
        "ascii"
    )


def read_statement(data: bytes) -> PluginSnapshot:
    """Return the snapshot that a statement is about; `created_at` is now.

    Raises:
        ManifestInvalidError: Anything that `statement_bytes` does not write:
            another type or role, unknown or missing fields, wrong values, a key
            given twice, other spaces or another order.
        ManifestTooLargeError: Over 16 MiB.
    """
    if len(data) > MAX_STATEMENT_BYTES:
        raise ManifestTooLargeError(
            f"the statement of a snapshot has {len(data)} bytes, allowed are {MAX_STATEMENT_BYTES}",
            hint="nothing was parsed or executed",
        )
    document = _parsed(data)
    _check_kind(document)
    for name in sorted(_FIELDS ^ document.keys()):
        word = "has no field" if name in _FIELDS else "has an unknown field"
        _refuse(f"it {word} {name!r}")
    archives = document["archives"]
    for place, found in enumerate(archives if isinstance(archives, list) else ()):
        _check_fields(found, CodeArchive.model_fields, f"archive {place}")
        for file in found["files"] if isinstance(found["files"], list) else ():
            _check_fields(file, FileRecord.model_fields, f"a file of archive {place}")
    snapshot = _validated(data, document)
    problem = _problem(snapshot)
    if problem:
        _refuse(problem)
    if statement_bytes(snapshot) != data:
        _refuse("it is not in the canonical form")
    return snapshot


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(
            data.decode("ascii"), object_pairs_hook=_without_repeats, parse_constant=_no_constant
        )
    except _RefusedError as error:
        _refuse(str(error))
    except (ValueError, RecursionError):
        _refuse("it is not JSON in ASCII")
    if not isinstance(document, dict):
        _refuse("it is not an object")
    return document


class _RefusedError(Exception):
    """What the JSON parser would let pass."""


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RefusedError("it has a key twice")
    return found


def _no_constant(text: str) -> NoReturn:
    raise _RefusedError(f"it has the number {text}")


def _check_kind(document: dict[str, Any]) -> None:
    kind = document.get("_type")
    newer = _TYPES.fullmatch(kind) if isinstance(kind, str) else None
    if kind != STATEMENT_TYPE and newer:
        raise ManifestInvalidError(
            f"the statement of a snapshot has format v{newer[1]}, this release reads v1",
            hint="nothing was executed; a newer release of artifact_plugins wrote it: upgrade",
            problem="newer format",
        )
    if kind != STATEMENT_TYPE or document.get("role") != STATEMENT_ROLE:
        _refuse("it is a statement about something else")


def _check_fields(found: object, fields: Mapping[str, Any], what: str) -> None:
    if not isinstance(found, dict):
        _refuse(f"{what} is not an object")
    for name in sorted(fields.keys() ^ found.keys()):
        word = "has no field" if name in fields else "has an unknown field"
        _refuse(f"{what} {word} {name!r}")


def _validated(data: bytes, document: dict[str, Any]) -> PluginSnapshot:
    fields = {name: value for name, value in document.items() if name not in ("_type", "role")}
    fields |= {"id": sha256(data), "created_at": now().isoformat()}
    try:
        # As JSON again: only there strict types let a list become a tuple.
        return PluginSnapshot.model_validate_json(json.dumps(fields), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        _refuse(f"its {place or 'content'} has a value of another kind: {first['msg']}")


def _problem(snapshot: PluginSnapshot) -> str | None:
    """Return the first thing in a snapshot that no writer puts there."""
    if not snapshot.plugin or not _ENTRY.fullmatch(snapshot.entry_object):
        return "it names no plugin or entry object"
    if not _PYTHON.fullmatch(snapshot.python_version):
        return f"{snapshot.python_version!r} is not a version of Python"
    if len(snapshot.archives) > MAX_ARCHIVES:
        return f"it has {len(snapshot.archives)} archives, allowed are {MAX_ARCHIVES}"
    for archive in snapshot.archives:
        check_limits(archive.name, len(archive.files), sum(f.size_bytes for f in archive.files))
        problem = _archive_problem(archive)
        if problem:
            return f"the archive of {archive.name!r}: {problem}"
        for root in archive.roots:
            if "." not in root and distribution_name(root) in snapshot.libraries:
                return f"root {root!r} has the name of an installed library"
    for name, version in snapshot.libraries.items():
        if not version or distribution_name(name) != name:
            return f"library {name!r} has no normal name or no version"
    return None


def _archive_problem(archive: CodeArchive) -> str | None:
    if not _DIGEST.fullmatch(archive.digest):
        return f"{archive.digest[:80]!r} is not a SHA-256 digest"
    if not archive.roots or (archive.role == "main") != (archive.roots == (MAIN,)):
        return "it answers for no module"
    problems = [problem for problem in map(root_problem, archive.roots) if problem]
    problems += members_problems(file.path for file in archive.files)
    if problems:
        return problems[0]
    for what, names in (
        ("roots", archive.roots),
        ("files", tuple(file.path for file in archive.files)),
        ("extensions", archive.extensions),
    ):
        if not _is_sorted(names):
            return f"its {what} are not sorted, or one is there twice"
    for key, target in archive.offers.items():
        if not key or not _ENTRY.fullmatch(target):
            return f"its offer {key!r} names no class"
    for file in archive.files:
        if not _DIGEST.fullmatch(file.digest) or file.size_bytes < 0:
            return f"member {file.path!r} has no SHA-256 digest or no size"
        if outside(file.path, archive):
            return f"member {file.path!r} lies outside its roots {list(archive.roots)}"
    return next(
        (f"extension {e!r} is no module" for e in archive.extensions if not is_module_name(e)), None
    )


def _is_sorted(names: Iterable[str]) -> bool:
    found = list(names)
    return found == sorted(set(found))


def _refuse(problem: str) -> NoReturn:
    raise ManifestInvalidError(
        f"the statement of a snapshot is refused: {problem}",
        hint="nothing was executed; no release of artifact_plugins writes such a statement",
        problem=problem,
    )
