"""Which installed distribution a library module belongs to, and its version."""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from artifact_plugins.code.ownership import OURS, file_of


class Library(NamedTuple):
    """An installed distribution: its normalised name and its version."""

    name: str
    version: str


def library_of(module: str) -> Library:
    """Return the distribution that a library module came with.

    Read from the names of the `*.dist-info` folders beside it; only when none is
    called like the module are their lists of files looked through. Nothing is
    imported and no metadata is parsed (`importlib.metadata` needs a hundred times
    as long for the same answer). A module that no distribution lists is a library
    of its own name and of the version it says it has.
    """
    top = module.partition(".")[0]
    return _library("artifact_plugins" if top in OURS else top, _place_of(top, module))


def _place_of(top: str, module: str) -> str | None:
    """Return the file of the top-level package, or of the module when it has none."""
    file = file_of(top)
    if file is not None and Path(file).suffix:
        return file
    return file_of(module) or file  # several distributions share a namespace package


@cache
def _library(top: str, file: str | None) -> Library:
    if top in OURS:  # an editable install of ours has no dist-info beside it
        try:
            return Library("artifact-plugins", metadata.version("artifact-plugins"))
        except metadata.PackageNotFoundError:
            return Library("artifact-plugins", "unknown")
    info = _info_of(top, Path(file)) if file else None
    if info is None:
        version = getattr(sys.modules.get(top), "__version__", None)
        return Library(_normal(top), version if isinstance(version, str) else "unknown")
    name, version = _split(info.name)
    return Library(_normal(name), version)


def files_digest(module: str) -> str | None:
    """Return a digest of the Python files that an installed distribution recorded.

    For a step that is itself installed, as in a container: its version alone may
    stay the same while it is developed. None when there is no such record.
    """
    top = module.partition(".")[0]
    file = _place_of(top, module)
    info = _info_of(top, Path(file)) if file else None
    lines = _record(info).splitlines() if info is not None else []
    # Scripts and the installer's own notes differ between machines.
    kept = sorted(line for line in lines if re.match(r"[^./][^,]*\.py,sha256=", line))
    return sha256("\n".join(kept).encode()).hexdigest() if kept else None


def _info_of(top: str, file: Path) -> Path | None:
    folder = _site_of(file)
    if folder is None:
        return None
    names = _installed(folder)
    wanted = _normal(top)
    for name in names:
        if name[:1].lower() == wanted[:1] and _normal(_split(name)[0]) == wanted:
            return folder / name
    relative = file.relative_to(folder).as_posix()
    starts = (f"{relative},", f"{relative}/")  # a namespace package is a folder
    for name in names:
        record = _record(folder / name)
        if any(record.startswith(start) or f"\n{start}" in record for start in starts):
            return folder / name
    return None


def _site_of(file: Path) -> Path | None:
    for folder in file.parents:
        if folder.name in ("site-packages", "dist-packages"):
            return folder
    return None


@cache
def _installed(folder: Path) -> list[str]:
    names = os.listdir(folder)  # noqa: PTH208  # text is enough, and ten times faster
    return sorted(name for name in names if name.endswith((".dist-info", ".egg-info")))


def _record(info: Path) -> str:
    try:
        return (info / "RECORD").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _split(folder: str) -> tuple[str, str]:
    """Split `scikit_learn-1.5.0.dist-info` into name and version."""
    stem = folder.rpartition(".")[0]
    found = re.fullmatch(r"(.+?)-(\d[^-]*)(-py[\d.]+.*)?", stem)
    return (found[1], found[2]) if found else (stem, "unknown")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
