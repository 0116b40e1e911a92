"""Captured plugins kept between processes, so that the first save of each costs next to nothing.

One file for each state of a plugin's folder, beside the key that signed it. A file
that is not as it was written, or that lacks an archive, is as good as none.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from artifact_plugins.plugins import LoadedPlugin
from artifact_plugins.records import PluginSnapshot, Signature

_FORMAT = 4
_MOST_FILES = 500
_KEPT_SECONDS = 30 * 24 * 3600
_started_at = time.time_ns()


@dataclass(frozen=True)
class KeptPin:
    """A snapshot with everything that publishing it needs.

    Attributes:
        files: Stamps of the files of the user's own code in it.
    """

    snapshot: PluginSnapshot
    statement: bytes
    signature: Signature | None
    archives: dict[str, bytes]
    files: Mapping[str, Sequence[int]]


def cache_key(plugin: LoadedPlugin, writer: type, signer: str, own: Sequence[str]) -> str | None:
    """Return what a kept pin is found by; None for a plugin that is captured each time.

    It changes with every file of the plugin's folder, with what is installed,
    with Python and with the signing key. Only an installed package is captured
    as its folder and nothing else.
    """
    module = sys.modules.get(plugin.module)
    file = getattr(module, "__file__", None)
    if plugin.distribution is None or file is None or Path(file).name != "__init__.py":
        return None
    if not writer.__module__.startswith(f"{plugin.module}."):
        return None
    stamps = _stamps(os.path.dirname(file))  # noqa: PTH120  # on the path of the first save
    if stamps is None:
        return None
    installed = [(place, _installed(place)) for place in sys.path]
    name = f"{writer.__module__}:{writer.__qualname__}"
    version = plugin.distribution_version
    facts = [_FORMAT, sys.version, plugin.name, plugin.source, version, name, signer]
    facts += [installed, stamps, [(name, _file_of(name)) for name in own]]
    return sha256(json.dumps(facts).encode()).hexdigest()


def read(home: Path, key: str) -> KeptPin | None:
    """Return what was kept; None when there is nothing, or nothing that can be read.

    Args:
        home: Folder of the own key.
        key: From `cache_key`.
    """
    try:
        digest, _, data = _place(home, key).read_bytes().partition(b"\n")
        if digest != _digest(data).encode():
            return None
        kept: dict[str, Any] = json.loads(data)
        statement, signature = base64.b64decode(kept["statement"]), kept["signature"]
        pin = KeptPin(
            PluginSnapshot.model_validate(kept["snapshot"]),
            statement,
            None if signature is None else Signature.model_validate(signature),
            {name: base64.b64decode(data) for name, data in kept["archives"].items()},
            kept["files"],
        )
        if not all(_is_unchanged(path, stamp) for path, stamp in pin.files.items()):
            return None
        # A module of the same name may be found elsewhere by now.
        if not all(_file_of(name) in pin.files for name in modules_of(pin.snapshot)):
            return None
        stated = _stated(pin)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    named = {archive.digest for archive in pin.snapshot.archives}
    is_whole = named == pin.archives.keys() and pin.snapshot.id == _digest(statement)
    is_whole = is_whole and all(_digest(data) == name for name, data in pin.archives.items())
    return pin if is_whole and pin.snapshot == stated else None


def write(home: Path, key: str, pin: KeptPin) -> None:
    """Keep a pin; a cache that cannot be written costs time and nothing else."""
    place = _place(home, key)
    kept: dict[str, Any] = {
        "snapshot": pin.snapshot.model_dump(mode="json"),
        "statement": base64.b64encode(pin.statement).decode(),
        "signature": None if pin.signature is None else pin.signature.model_dump(mode="json"),
        "archives": {name: base64.b64encode(data).decode() for name, data in pin.archives.items()},
    }
    with suppress(OSError):
        kept["files"] = {path: _stamp(path) for path in pin.files}
        if any(kept["files"][path][:3] != list(stamp) for path, stamp in pin.files.items()):
            return  # changed since it was captured
        place.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=place.parent)
        data = json.dumps(kept).encode()
        with os.fdopen(descriptor, "wb") as file:
            file.write(_digest(data).encode() + b"\n" + data)
        os.replace(temporary, place)  # noqa: PTH105  # beside os.fdopen
        _forget_old(place.parent)


def modules_of(snapshot: PluginSnapshot) -> list[str]:
    """Return the names of the modules of a snapshot that nobody installed."""
    return sorted(
        {
            file.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            for archive in snapshot.archives
            if archive.distribution is None and archive.role != "main"
            for file in archive.files
            if file.path.endswith(".py")
        }
    )


def _stated(pin: KeptPin) -> PluginSnapshot:
    """Return the snapshot that the statement is about; what was kept beside it must be equal."""
    stated: dict[str, Any] = json.loads(pin.statement)
    kept = {"id": pin.snapshot.id, "created_at": pin.snapshot.created_at}
    fields = {name: said for name, said in stated.items() if name in PluginSnapshot.model_fields}
    return PluginSnapshot.model_validate(fields | kept)


def _digest(data: bytes) -> str:
    return f"sha256:{sha256(data).hexdigest()}"


def _installed(place: str) -> list[str] | int | None:
    """Return what changes when a library is installed at a place of the search path."""
    try:
        if place.endswith(("site-packages", "dist-packages")):
            return os.stat(place).st_mtime_ns  # noqa: PTH116  # on the path of the first save
        names = os.listdir(place or ".")  # noqa: PTH208  # as above
    except OSError:
        return None
    return sorted(name for name in names if name.endswith((".dist-info", ".egg-info")))


def _stamps(folder: str) -> list[tuple[str, int, int, int, int]] | None:
    """Return what tells every file from a changed one; None when one is newer than this process.

    A file that was edited while it is imported is not what runs. The time of its
    last change of any kind counts too: nobody can set it back.
    """
    found: list[tuple[str, int, int, int, int]] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = f"{place}/{name}"
            state = os.stat(path)  # noqa: PTH116  # as above
            changed = max(state.st_mtime_ns, state.st_ctime_ns)
            if changed > _started_at or len(found) >= _MOST_FILES:
                return None
            found.append((path, state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino))
    return found


def _file_of(module: str) -> str | None:
    file = getattr(sys.modules.get(module), "__file__", None)
    return file if isinstance(file, str) else None


def _is_unchanged(path: str, stamp: Sequence[int]) -> bool:
    """Tell whether a file is the captured one, and older than what this process imported."""
    found = _stamp(path)
    return max(found[0], found[3]) <= _started_at and found == list(stamp)


def _stamp(path: str) -> list[int]:
    state = os.stat(path)  # noqa: PTH116  # on the path of the first save
    return [state.st_mtime_ns, state.st_size, state.st_ino, state.st_ctime_ns]


def _place(home: Path, key: str) -> Path:
    return home / "pins" / f"{key}.json"


def _forget_old(folder: Path) -> None:
    oldest = time.time() - _KEPT_SECONDS
    for place in folder.iterdir():
        if place.stat().st_mtime < oldest:
            place.unlink(missing_ok=True)
