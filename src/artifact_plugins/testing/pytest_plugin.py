"""pytest fixtures: isolated sessions. pytest loads this module in every run, so it imports little."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from artifact_plugins.testing.sessions import memory_session, session_on_disk

if TYPE_CHECKING:
    from artifact_plugins.session import Session


@pytest.fixture
def artifact_session() -> Iterator[Session]:
    """An isolated session in memory; the innermost open session during the test."""
    with memory_session() as session:
        yield session


@pytest.fixture
def artifact_session_on_disk(tmp_path: Path) -> Iterator[Session]:
    """An isolated session in a temporary folder; the innermost open session during the test."""
    with session_on_disk(tmp_path / "artifact_plugins") as session:
        yield session
