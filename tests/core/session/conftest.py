"""Settings of a session on disk, as keyword arguments that a child process can use too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import artifact_plugins as ap


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """Return store and ledger URLs in the test's own folder."""
    return {
        "store_url": str(tmp_path / "store"),
        "ledger_url": f"sqlite:///{tmp_path / 'ledger.sqlite'}",
        "durability": "process",
    }


@pytest.fixture
def session(places: dict[str, str]) -> Iterator[ap.Session]:
    """Open a session on those places."""
    with ap.open_session(ap.Settings(**places)) as opened:
        yield opened
