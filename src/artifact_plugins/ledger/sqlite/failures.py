"""What `sqlite3` or the system says, as the errors a caller knows."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Literal

from artifact_plugins.errors import (
    ArtifactPluginsError,
    StoreFullError,
    StoreReadError,
    StoreWriteError,
)
from artifact_plugins.ledger.database import ConstraintViolation
from artifact_plugins.ledger.failures import NOTHING, busy, corrupt, system_failure

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_KINDS: dict[str, Literal["unique", "foreign key"]] = {
    "SQLITE_CONSTRAINT_UNIQUE": "unique",
    "SQLITE_CONSTRAINT_FOREIGNKEY": "foreign key",
}


def constraint_violation(error: sqlite3.IntegrityError) -> ConstraintViolation:
    """Return which promise of the schema was broken."""
    return ConstraintViolation(_KINDS.get(error.sqlite_errorname, "other"), str(error))


def ledger_failure(
    error: Exception, path: str, *, writing: bool, waited: float = 0.0
) -> ArtifactPluginsError:
    """Return the named error for what `sqlite3` or the system raised.

    Args:
        error: The error as it was raised.
        path: The ledger file, for the message.
        writing: Whether a write transaction was under way (it is rolled back).
        waited: Seconds spent waiting for a lock.
    """
    if isinstance(error, OSError):
        return system_failure(error, path, writing=writing)
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in _BUSY:
        return busy(path, waited)
    # A column whose bytes are no UTF-8 comes without a code.
    if primary in _CORRUPT or "decode to UTF-8" in str(error):
        return corrupt(path, str(error))
    if primary == sqlite3.SQLITE_FULL or (
        primary == sqlite3.SQLITE_IOERR and writing and _no_space_left(path)
    ):
        return StoreFullError(f"no space is left for ledger {path!r}", hint=NOTHING, path=path)
    if writing:
        return StoreWriteError(
            f"ledger {path!r} cannot be written: {error}", hint=NOTHING, path=path, retryable=False
        )
    return StoreReadError(
        f"ledger {path!r} cannot be read: {error}", hint="it was left as it is", path=path
    )


def _no_space_left(path: str) -> bool:
    try:
        free = os.statvfs(Path(path).parent)
    except (OSError, AttributeError):  # memory ledgers; systems without statvfs
        return False
    return free.f_bavail * free.f_frsize < 64 * 1024
