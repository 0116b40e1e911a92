"""The pytest plugin: cheap to import, and its sessions are isolated."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import artifact_plugins as ap

if TYPE_CHECKING:
    from artifact_plugins.session import Session


def test_importing_the_plugin_loads_nothing_heavy() -> None:
    """A project that has us installed pays nothing at the start of its test runs."""
    script = (
        "import sys, pytest; before = set(sys.modules); "
        "import artifact_plugins.testing.pytest_plugin; "
        "new = {m.partition('.')[0] for m in set(sys.modules) - before}; "
        "print(*sorted(new - set(sys.stdlib_module_names)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["artifact_plugins"]


def test_session_is_empty_and_innermost(artifact_session: Session) -> None:
    """The session of a test starts empty, and the front door uses it."""
    version = ap.save(1, "n")

    assert version.version == 1
    assert artifact_session.load("n") == ap.load("n") == 1


@pytest.mark.parametrize("number", [1, 2])
def test_session_is_not_shared(artifact_session: Session, number: int) -> None:
    """What one test saves, another does not see."""
    assert ap.save(number, "shared-name").version == 1


def test_session_in_memory_leaves_no_files(artifact_session: Session, tmp_path: Path) -> None:
    """A session in memory writes nothing into the working folder, also for large values."""
    before = set(Path.cwd().rglob("*"))

    ap.save(bytes(100_000), "large")

    assert ap.load("large") == bytes(100_000)
    assert set(Path.cwd().rglob("*")) == before


def test_session_on_disk_outlives_its_objects(
    artifact_session_on_disk: Session, tmp_path: Path
) -> None:
    """The session on disk keeps store and ledger below `tmp_path`."""
    ap.save(bytes(100_000), "large")

    assert (tmp_path / "artifact_plugins" / "ledger.sqlite").is_file()
    assert list((tmp_path / "artifact_plugins" / "store" / "versions").rglob("manifest.json"))
