"""Projects written for a test: imported as they are, archived, restored."""

from __future__ import annotations

import importlib
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from drift_trees import write_tree

from artifact_plugins.records import CodeArchive
from artifact_plugins.snapshots.archive import Captured, pack
from artifact_plugins.snapshots.opening import open_archive
from artifact_plugins.snapshots.restored import RestoredArchive
from artifact_plugins.snapshots.restoring import restore


class Project:
    """A folder on the import path, written anew as often as a test likes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._tops: set[str] = set()

    def write(self, files: dict[str, str]) -> None:
        """Replace all files, and forget what was imported from them."""
        self.forget()
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        write_tree(self.root, files)
        self._tops |= {name.partition("/")[0].removesuffix(".py") for name in files}

    def forget(self) -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] in self._tops]:
            del sys.modules[name]
        importlib.invalidate_caches()

    def live(self, path: str) -> Any:
        """Import `module:name` as it is on disk now."""
        module, _, name = path.partition(":")
        found = importlib.import_module(module)
        for part in filter(None, name.split(".")):
            found = getattr(found, part)
        return found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project of its own for a test."""
    made = Project(tmp_path / "project")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(made.root))
    yield made
    made.forget()


def packed(files: dict[str, str], *roots: str, **more: Any) -> Captured:
    """Archive the files below some roots; without any, below every top-level name."""
    tops = {name.partition("/")[0].removesuffix(".py") for name in files}
    roots = roots or tuple(tops)
    members = {
        name: textwrap.dedent(text).encode()
        for name, text in files.items()
        if any(f"{name.removesuffix('.py')}/".startswith(f"{r.replace('.', '/')}/") for r in roots)
    }
    options: dict[str, Any] = {"role": "project", "name": ", ".join(roots), "libraries": {}}
    return pack(members, roots=roots, **options | more)


def opened(captured: Captured) -> tuple[CodeArchive, dict[str, bytes]]:
    """Return an archive and its verified members, as a reader gets them."""
    return captured.archive, open_archive(captured.data, captured.archive)


def restored(files: dict[str, str], *roots: str, **more: Any) -> RestoredArchive:
    """Archive and restore."""
    return restore([opened(packed(files, *roots, **more))])[0]
