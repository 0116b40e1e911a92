"""Captured plugins kept between processes, so that the first save of each costs next to nothing.

One file for each state of a plugin's folder, beside the key that signed it. What
is read from it is verified like everything that is published.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from artifact_plugins.plugins import LoadedPlugin
from artifact_plugins.records import PluginSnapshot, Signature

_FORMAT = 1
_MOST_FILES = 500
_KEPT_SECONDS = 30 * 24 * 3600
_started_at = time.time_ns()


@dataclass(frozen=True)
class KeptPin:
    """A snapshot with everything that publishing it needs."""

    snapshot: PluginSnapshot
    statement: bytes
    signature: Signature | None
    archives: dict[str, bytes]


def cache_key(plugin: LoadedPlugin, writer: type, signer: str) -> str | None:
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
    installed = [
        (place, os.stat(place).st_mtime_ns)  # noqa: PTH116  # as above
        for place in sys.path
        if place.endswith(("site-packages", "dist-packages")) and os.path.isdir(place)  # noqa: PTH112
    ]
    name = f"{writer.__module__}:{writer.__qualname__}"
    facts = [_FORMAT, sys.version, plugin.name, plugin.source, name, signer, installed, stamps]
    return sha256(json.dumps(facts).encode()).hexdigest()


def read(home: Path, key: str) -> KeptPin | None:
    """Return what was kept; None when there is nothing, or nothing that can be read.

    Args:
        home: Folder of the own key.
        key: From `cache_key`.
    """
    try:
        with _place(home, key).open("rb") as file:
            kept: dict[str, Any] = json.load(file)
        signature = kept["signature"]
        return KeptPin(
            PluginSnapshot.model_validate(kept["snapshot"]),
            base64.b64decode(kept["statement"]),
            None if signature is None else Signature.model_validate(signature),
            {name: base64.b64decode(data) for name, data in kept["archives"].items()},
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def write(home: Path, key: str, pin: KeptPin) -> None:
    """Keep a pin; a cache that cannot be written costs time and nothing else."""
    place = _place(home, key)
    kept = {
        "snapshot": pin.snapshot.model_dump(mode="json"),
        "statement": base64.b64encode(pin.statement).decode(),
        "signature": None if pin.signature is None else pin.signature.model_dump(mode="json"),
        "archives": {name: base64.b64encode(data).decode() for name, data in pin.archives.items()},
    }
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(descriptor, "w") as file:
            json.dump(kept, file)
        os.replace(temporary, place)  # noqa: PTH105  # beside os.fdopen
        _forget_old(place.parent)


def _stamps(folder: str) -> list[tuple[str, int, int]] | None:
    """Return path, time and size of every file; None when one is newer than this process.

    A file that was edited while it is imported is not what runs.
    """
    found: list[tuple[str, int, int]] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = f"{place}/{name}"
            state = os.stat(path)  # noqa: PTH116  # as above
            if state.st_mtime_ns > _started_at or len(found) >= _MOST_FILES:
                return None
            found.append((path, state.st_mtime_ns, state.st_size))
    return found


def _place(home: Path, key: str) -> Path:
    return home / "pins" / f"{key}.json"


def _forget_old(folder: Path) -> None:
    oldest = time.time() - _KEPT_SECONDS
    for place in folder.iterdir():
        if place.stat().st_mtime < oldest:
            place.unlink(missing_ok=True)
