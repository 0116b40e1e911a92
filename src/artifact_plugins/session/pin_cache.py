"""Captured code kept between processes, so that the first save of each costs next to nothing.

Beside the key that signed it lie one file for each state of a plugin's folder, and
each archive once. A file that is not as it was written is as good as none.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from artifact_plugins.plugins import LoadedPlugin
from artifact_plugins.records import PluginSnapshot, Signature

_FORMAT = 6
_MOST_FILES = 500
_KEPT_SECONDS = 30 * 24 * 3600
_started_at = time.time_ns()


@dataclass(frozen=True)
class Pin:
    """A snapshot as it is published, but for the bytes of its archives.

    Attributes:
        statement: What the signature is over; the snapshot without its time.
        created_at: When it was captured, in ISO 8601.
        files: Stamps of the files of the user's own code in it.
        archives: Digests of its archives.
        modules: Names of the modules in it that nobody installed, sorted.
    """

    statement: bytes
    signature: Signature | None
    created_at: str
    files: Mapping[str, Sequence[int]]
    archives: Sequence[str]
    modules: Sequence[str]

    @classmethod
    def of(
        cls,
        snapshot: PluginSnapshot,
        statement: bytes,
        *,
        signature: Signature | None,
        files: Mapping[str, Sequence[int]],
    ) -> Pin:
        """Return the pin of a snapshot that was captured just now."""
        modules = {
            file.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            for archive in snapshot.archives
            if archive.distribution is None and archive.role != "main"
            for file in archive.files
            if file.path.endswith(".py")
        }
        return cls(
            statement,
            signature,
            snapshot.created_at.isoformat(),
            files,
            [archive.digest for archive in snapshot.archives],
            sorted(modules),
        )

    @cached_property
    def id(self) -> str:
        """Id of the snapshot."""
        return _digest(self.statement)

    @cached_property
    def snapshot(self) -> PluginSnapshot:
        """The snapshot; asked for when the ledger hears of it."""
        known = {"id": self.id, "created_at": self.created_at}
        return PluginSnapshot.model_validate(json.loads(self.statement) | known)


def cache_key(plugin: LoadedPlugin, writer: type, signer: str, own: Sequence[str]) -> str | None:
    """Return what a kept pin is found by; None for a plugin that is captured each time.

    It changes with every file of the plugin's folder, with what is installed,
    with Python and with the signing key. Only an installed package is captured
    as its folder and nothing else.
    """
    module = sys.modules.get(plugin.module)
    file = getattr(module, "__file__", None)
    if plugin.distribution is None or file is None:
        return None
    folder, name = os.path.split(file)  # on the path of the first save
    if name != "__init__.py":
        return None
    if not writer.__module__.startswith(f"{plugin.module}."):
        return None
    state = _state(folder, plugin.name, plugin.source, plugin.distribution_version)
    if state is None:
        return None
    name = f"{writer.__module__}:{writer.__qualname__}"
    facts = [state, [(place, _installed(place)) for place in sys.path], name, signer]
    facts.append([(name, _file_of(name)) for name in own])
    return sha256(json.dumps(facts).encode()).hexdigest()


def read(home: Path, key: str) -> Pin | None:
    """Return what was kept; None when there is nothing, or nothing that can be read.

    Args:
        home: Folder of the own key.
        key: From `cache_key`.
    """
    try:
        digest, _, data = _read(_place(home, key)).partition(b"\n")
        if digest != _digest(data).encode():
            return None
        head, _, statement = data.partition(b"\n")
        kept: dict[str, Any] = json.loads(head)
        signature = kept["signature"]
        pin = Pin(
            statement,
            None if signature is None else Signature.model_validate(signature),
            kept["created_at"],
            kept["files"],
            kept["archives"],
            kept["modules"],
        )
        if pin.id != kept["id"]:
            return None
        if not all(_is_unchanged(path, stamp) for path, stamp in pin.files.items()):
            return None
        # A module of the same name may be found elsewhere by now.
        is_here = all(_file_of(name) in pin.files for name in pin.modules)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return pin if is_here and pin.archives else None


def read_archive(home: Path, digest: str) -> bytes | None:
    """Return a kept archive; None when there is none, or another one."""
    try:
        data = _read(_archive_place(home, digest))
    except OSError:
        return None
    return data if _digest(data) == digest else None


def write(home: Path, key: str, pin: Pin, archives: Mapping[str, bytes]) -> None:
    """Keep a pin; a cache that cannot be written costs time and nothing else."""
    with suppress(OSError):
        files = {path: _stamp(path) for path in pin.files}
        if any(files[path][:3] != list(stamp) for path, stamp in pin.files.items()):
            return  # changed since it was captured
        (home / "pins").mkdir(mode=0o700, exist_ok=True)
        for digest, data in archives.items():
            _put(_archive_place(home, digest), data)
        kept: dict[str, Any] = {
            "id": pin.id,
            "signature": None if pin.signature is None else pin.signature.model_dump(mode="json"),
            "created_at": pin.created_at,
            "files": files,
            "archives": pin.archives,
            "modules": pin.modules,
        }
        data = json.dumps(kept).encode() + b"\n" + pin.statement
        _put(_place(home, key), _digest(data).encode() + b"\n" + data)
        _forget_old(home / "pins")


def _read(place: str) -> bytes:
    with open(place, "rb") as file:
        return file.read()


def _put(place: str, data: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(place))  # noqa: PTH120  # as above
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    os.replace(temporary, place)  # noqa: PTH105  # beside os.fdopen


def _digest(data: bytes) -> str:
    return f"sha256:{sha256(data).hexdigest()}"


@cache
def _state(folder: str, *plugin: str | None) -> str | None:
    """Return what tells the plugin of this process from others; looked at once, as it is pinned."""
    stamps = _stamps(folder)
    if stamps is None:
        return None
    return sha256(json.dumps([_FORMAT, sys.version, plugin, stamps]).encode()).hexdigest()


def _installed(place: str) -> tuple[str, ...] | int | None:
    """Return what changes when a library is installed at a place of the search path."""
    try:
        changed_ns = os.stat(place or ".").st_mtime_ns  # noqa: PTH116  # as above
        if place.endswith(("site-packages", "dist-packages")):
            return changed_ns
        return _distributions(place or ".", changed_ns)
    except OSError:
        return None


@lru_cache(maxsize=64)
def _distributions(folder: str, changed_ns: int) -> tuple[str, ...]:
    del changed_ns  # a part of the key: an installation is seen
    names = os.listdir(folder)  # noqa: PTH208  # as above
    return tuple(sorted(name for name in names if name.endswith((".dist-info", ".egg-info"))))


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


def _place(home: Path, key: str) -> str:
    # Text, not paths: on the path of the first save.
    return f"{home}/pins/{key}.pin"


def _archive_place(home: Path, digest: str) -> str:
    return f"{home}/pins/{digest.partition(':')[2]}.zip"


def _forget_old(folder: Path) -> None:
    oldest = time.time() - _KEPT_SECONDS
    for place in folder.iterdir():
        if place.stat().st_mtime < oldest:
            place.unlink(missing_ok=True)
