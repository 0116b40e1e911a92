"""Isolated sessions for tests: nothing they do is seen by another session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from artifact_plugins.session import Session


@contextmanager
def memory_session(**settings: Any) -> Iterator[Session]:
    """Open a session whose bytes and records lie in memory.

    It is the innermost open session inside the block, so `ap.save`, `ap.load`
    and runs use it.

    Args:
        settings: Any other fields of `Settings`.
    """
    from artifact_plugins.records.ids import new_id  # pydantic, late: see the pytest plugin

    with _open(
        store_url=f"memory://test-{new_id()}", ledger_url="sqlite://", **settings
    ) as session:
        yield session


@contextmanager
def session_on_disk(folder: Path, **settings: Any) -> Iterator[Session]:
    """Open a session whose store and SQLite ledger lie in `folder`."""
    with _open(
        store_url=str(folder / "store"),
        ledger_url=f"sqlite:///{folder / 'ledger.sqlite'}",
        **settings,
    ) as session:
        yield session


@contextmanager
def _open(**settings: Any) -> Iterator[Session]:
    import artifact_plugins as ap  # late: the front door imports SQL at the first session

    defaults = {"project": "test", "durability": "process", "created_by": "test"}
    with ap.open_session(ap.Settings(**{**defaults, **settings})) as session:
        yield session
