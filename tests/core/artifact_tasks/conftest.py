"""Modules with plugins, importable only during one test, and a session on disk."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from artifact_plugins import Session
from artifact_plugins.testing import session_on_disk

PREAMBLE = """
from pathlib import Path
from pydantic import BaseModel
from artifact_plugins import ArtifactTask, ArtifactTaskOffer, hookimpl
"""


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Write modules that are gone from `sys.modules` after the test."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)

    def write(name: str, source: str) -> None:
        (folder / f"{name}.py").write_text(PREAMBLE + dedent(source))
        importlib.invalidate_caches()

    yield write
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A session of its own."""
    with session_on_disk(tmp_path / "session") as opened:
        yield opened
