"""What PostgreSQL, its driver or the network says, as the errors a caller knows."""

from __future__ import annotations

from typing import TypeVar

import psycopg

from artifact_plugins.errors import (
    ArtifactPluginsError,
    CommitUnknownError,
    InputError,
    LedgerBusyError,
    MetadataValueError,
    StoreFullError,
    StoreReadError,
    StoreWriteError,
)
from artifact_plugins.ledger.database import ConstraintViolation
from artifact_plugins.ledger.failures import NOTHING, busy, corrupt, read_only

E = TypeVar("E", StoreReadError, StoreWriteError)

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_ROLLED_BACK = {
    "40001": "a serialization failure",
    "40P01": "a deadlock",
    "57014": "the statement timeout",
    "53300": "too many connections",
    "53400": "a limit of the server",
    "57P05": "the idle timeout",
    "25P03": "the idle timeout of a transaction",
}
_LOST = frozenset({"57P01", "57P02", "57P03", "57P04", "25P04"})
_LOCK_NOT_AVAILABLE = "55P03"
_READ_ONLY = "25006"
_FULL = frozenset({"53100", "53200"})
_CORRUPT = frozenset({"XX001", "XX002", "42P01", "42703"})
_AT_CONNECT = ("starting up", "shutting down", "too many", "connection slots")


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection ended, so that nobody told what became of the statement."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate[:2] == "08" or error.sqlstate in _LOST


def is_worth_waiting(error: psycopg.Error) -> bool:
    """Whether a server that refused a connection will soon take one.

    The driver has no SQLSTATE of a refused connection, only its text.
    """
    return any(part in str(error) for part in _AT_CONNECT)


def reason(error: Exception) -> str:
    """Return the first line of what was said; the others may hold values of a row."""
    said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return said or next(iter(str(error).splitlines()), type(error).__name__)


def ledger_failure(
    error: psycopg.Error, path: str, *, writing: bool, waited: float = 0.0
) -> ArtifactPluginsError | ConstraintViolation:
    """Return the named error for what the driver raised; nothing was committed.

    Args:
        error: The error as it was raised.
        path: The ledger, for the message.
        writing: Whether a write transaction was under way (it is rolled back).
        waited: Seconds until it was raised.
    """
    code = error.sqlstate
    if isinstance(error, psycopg.IntegrityError):
        kinds = {"23505": "unique", "23503": "foreign key"}
        kind = kinds.get(code or "", "other")
        return ConstraintViolation(kind, reason(error))  # type: ignore[arg-type]
    if is_lost(error):
        return _unavailable(error, path, writing, is_rolled_back=True)
    if code == _LOCK_NOT_AVAILABLE:
        return busy(path, waited)
    if code in _ROLLED_BACK:
        return LedgerBusyError(
            f"ledger {path!r} ended a transaction because of {_ROLLED_BACK[code]}",
            hint="nothing was written; repeat the call",
            path=path,
            waited=waited,
            retryable=True,
            is_rolled_back=True,
        )
    if code == _READ_ONLY:
        return read_only(path)
    if code in _FULL:
        return StoreFullError(f"no space is left for ledger {path!r}", hint=NOTHING, path=path)
    if code in _CORRUPT:
        return corrupt(path, reason(error))
    if isinstance(error, psycopg.DataError):
        return _unfit(error, writing)
    return _unavailable(error, path, writing, is_rolled_back=False)


def opening_failure(error: psycopg.Error, path: str, waited: float) -> ArtifactPluginsError:
    """Return the named error of tables that could not be looked at, made or upgraded."""
    named = ledger_failure(error, path, writing=True, waited=waited)
    if isinstance(named, ConstraintViolation):
        # Rows that the new tables do not take, or names that another session just took.
        return corrupt(path, reason(error))
    return named


def commit_unknown(error: psycopg.Error, path: str) -> CommitUnknownError:
    """Return the error of a COMMIT that nobody answered."""
    return CommitUnknownError(
        f"the answer of ledger {path!r} to a commit was lost: {reason(error)}",
        hint="nothing was deleted; repeat it with the same idempotency keys",
        path=path,
    )


def _unfit(error: psycopg.DataError, writing: bool) -> InputError:
    if writing:
        return MetadataValueError(
            f"a value cannot be kept in PostgreSQL: {reason(error)}", hint=NOTHING
        )
    return InputError(
        f"a value cannot be looked for in PostgreSQL: {reason(error)}", hint="nothing was read"
    )


def _unavailable(
    error: psycopg.Error, path: str, writing: bool, *, is_rolled_back: bool
) -> StoreReadError | StoreWriteError:
    facts = {"path": path, "retryable": is_rolled_back, "is_rolled_back": is_rolled_back}
    said = reason(error)
    if writing:
        return StoreWriteError(f"ledger {path!r} cannot be written: {said}", hint=NOTHING, **facts)
    return StoreReadError(
        f"ledger {path!r} cannot be read: {said}", hint="nothing was written", **facts
    )
