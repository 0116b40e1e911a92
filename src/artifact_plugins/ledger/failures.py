"""Errors of a ledger that every database can have, as the errors a caller knows."""

from __future__ import annotations

import errno

from artifact_plugins.errors import (
    ArtifactPluginsError,
    LedgerBusyError,
    LedgerCorruptError,
    LedgerSchemaTooNewError,
    StoreFullError,
    StoreReadError,
    StoreWriteError,
)

NOTHING = "nothing was written"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


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
    """Return the error of a ledger whose content cannot be trusted."""
    return LedgerCorruptError(
        f"ledger {path!r} is damaged: {why}",
        hint="it was left as it is and the stored bytes are untouched; "
        "restore a backup of it or choose another ledger_url",
        path=path,
    )


def too_new(path: str, found: int, known: int) -> LedgerSchemaTooNewError:
    """Return the error of a ledger that a newer release wrote."""
    return LedgerSchemaTooNewError(
        f"ledger {path!r} has schema {found}, and this release knows up to {known}",
        hint="nothing was written; update artifact-plugins",
        path=path,
        found=found,
        known=known,
    )


def too_old(path: str, found: int, known: int) -> StoreWriteError:
    """Return the error of a ledger that must be upgraded where nobody may write to it."""
    return StoreWriteError(
        f"ledger {path!r} has schema {found} and must be upgraded to {known}, "
        "but it is read-only here",
        hint="nothing was written; open it once from where it can be written",
        path=path,
        found=found,
        known=known,
        retryable=False,
    )


def read_only(path: str) -> StoreWriteError:
    """Return the error of a write to a ledger that can only be read."""
    return StoreWriteError(
        f"ledger {path!r} is read-only here",
        hint="nothing was written; reading works",
        path=path,
        retryable=False,
    )


def system_failure(error: OSError, path: str, *, writing: bool) -> ArtifactPluginsError:
    """Return the named error for what the system raised."""
    if error.errno in _FULL:
        return StoreFullError(
            f"no space is left for ledger {path!r}", hint=NOTHING, path=path, errno=error.errno
        )
    if writing:
        return StoreWriteError(
            f"ledger {path!r} cannot be written: {error.strerror or error}",
            hint=NOTHING,
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
