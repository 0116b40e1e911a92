"""What the database or the system says, as the errors a caller knows."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from artifact_plugins.errors import (
    ArtifactPluginsError,
    LedgerBusyError,
    LedgerCorruptError,
    StoreFullError,
    StoreReadError,
    StoreWriteError,
)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_NOTHING = "nothing was written"


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
        return _system_failure(error, path, writing)
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
        return StoreFullError(f"no space is left for ledger {path!r}", hint=_NOTHING, path=path)
    if writing:
        return StoreWriteError(
            f"ledger {path!r} cannot be written: {error}", hint=_NOTHING, path=path, retryable=False
        )
    return StoreReadError(
        f"ledger {path!r} cannot be read: {error}", hint="it was left as it is", path=path
    )


def busy(path: str, waited: float) -> LedgerBusyError:
    """Return the error of a lock that was not given in time."""
    return LedgerBusyError(
        f"ledger {path!r} stayed locked by others for {waited:.2f} s",
        hint="nothing was written; repeat the call or raise busy_timeout_seconds",
        path=path,
        waited=waited,
        retryable=True,
    )


def corrupt(path: str, why: str) -> LedgerCorruptError:
    """Return the error of a file whose content cannot be trusted."""
    return LedgerCorruptError(
        f"ledger {path!r} is damaged: {why}",
        hint="the file was left as it is and the stored bytes are untouched; "
        "restore a backup of it or choose another ledger_url",
        path=path,
    )


def _system_failure(error: OSError, path: str, writing: bool) -> ArtifactPluginsError:
    if error.errno in _FULL:
        return StoreFullError(
            f"no space is left for ledger {path!r}", hint=_NOTHING, path=path, errno=error.errno
        )
    if writing:
        return StoreWriteError(
            f"ledger {path!r} cannot be written: {error.strerror or error}",
            hint=_NOTHING,
            path=path,
            errno=error.errno,
            retryable=error.errno in (errno.EIO, errno.EMFILE, errno.ENFILE, errno.EAGAIN),
        )
    return StoreReadError(
        f"ledger {path!r} cannot be read: {error.strerror or error}",
        hint="it was left as it is",
        path=path,
        errno=error.errno,
    )


def _no_space_left(path: str) -> bool:
    try:
        free = os.statvfs(Path(path).parent)
    except (OSError, AttributeError):  # memory ledgers; systems without statvfs
        return False
    return free.f_bavail * free.f_frsize < 64 * 1024
