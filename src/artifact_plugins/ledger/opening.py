"""Opens a ledger: looks before it writes, makes the tables once, connects."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from artifact_plugins.errors import LedgerSchemaTooNewError, StoreReadError
from artifact_plugins.ledger import compiled_sqlite as sql
from artifact_plugins.ledger.failures import corrupt, ledger_failure
from artifact_plugins.ledger.gate import WriteGate
from artifact_plugins.ledger.place import Place, prepare

# A checkpoint syncs the file; one in 32 MiB of log is seldom enough not to be felt.
_PRAGMAS = (
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA wal_autocheckpoint=8000",
    "PRAGMA synchronous=FULL",
    "PRAGMA cache_size=-16384",
)


def open_place(
    place: Place, gate: WriteGate, timeout_seconds: float
) -> tuple[sqlite3.Connection, bool]:
    """Open a ledger, or make it; return its first connection and whether it can only be read.

    Raises:
        LedgerCorruptError: It is no database, or not a ledger; untouched.
        LedgerSchemaTooNewError: A newer release wrote it; untouched.
        UnsupportedFilesystemError, StoreReadError, StoreWriteError, StoreFullError,
        LedgerBusyError: It cannot be opened or made.
    """
    if place.path is None:
        raw = connect(place, timeout_seconds)
        _create_tables(raw)
        return raw, False
    exists = prepare(place.path)
    try:
        if exists:
            raw = connect(place, timeout_seconds)
            if _is_ledger(raw, place, gate):
                return raw, not _can_write(place.path)
            raw.close()
        gate.acquire(across_processes=True)
        try:
            _create(place.path, timeout_seconds)
            return connect(place, timeout_seconds), False
        finally:
            gate.release()
    except sqlite3.Error as error:
        raise ledger_failure(
            error, str(place), writing=not exists, waited=timeout_seconds
        ) from error


def connect(place: Place, timeout_seconds: float) -> sqlite3.Connection:
    """Return a configured connection to a ledger that exists, or to an empty one in memory."""
    if place.path is None:
        raw = _connect(":memory:", timeout_seconds)
    elif not os.access(place.path, os.R_OK):
        raise StoreReadError(
            f"ledger {str(place)!r} cannot be read: no permission", hint="it was left as it is"
        )
    elif _can_write(place.path):
        raw = _connect(_uri(place.path, "rw"), timeout_seconds)
    else:
        raw = _connect_read_only(place.path, timeout_seconds)
    try:
        for pragma in _PRAGMAS:
            raw.execute(pragma)
    except sqlite3.Error:
        raw.close()
        raise
    return raw


def _connect(uri: str, timeout_seconds: float) -> sqlite3.Connection:
    return sqlite3.connect(
        uri,
        timeout=timeout_seconds,
        isolation_level=None,  # we say BEGIN ourselves
        check_same_thread=False,  # adopted from threads that ended, closed by another
        uri=True,
    )


def _connect_read_only(path: Path, timeout_seconds: float) -> sqlite3.Connection:
    raw = _connect(_uri(path, "ro"), timeout_seconds)
    try:
        raw.execute("PRAGMA schema_version").fetchone()
        return raw
    except sqlite3.OperationalError:
        raw.close()
        log = Path(f"{path}-wal")
        if log.exists() and log.stat().st_size > 0:
            raise
    # Without a log nothing can change, and no index of it must be made.
    return _connect(_uri(path, "ro") + "&immutable=1", timeout_seconds)


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(str(path))}?mode={mode}"


def _can_write(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _is_ledger(raw: sqlite3.Connection, place: Place, gate: WriteGate) -> bool:
    """Look without writing; False when there are no tables yet."""
    found = application = 0
    try:
        found = raw.execute("PRAGMA user_version").fetchone()[0]
        application = raw.execute("PRAGMA application_id").fetchone()[0]
        tables = raw.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables and not found and not application:
            return False
        if application != sql.APPLICATION_ID or not found:
            raise corrupt(str(place), "it is a database of another application")
        if found > sql.SCHEMA_VERSION:
            raise LedgerSchemaTooNewError(
                f"ledger {str(place)!r} has schema {found}, and this release knows up to "
                f"{sql.SCHEMA_VERSION}",
                hint="nothing was written; update artifact-plugins",
                path=str(place),
                found=found,
                known=sql.SCHEMA_VERSION,
            )
    except BaseException:
        _close_refused(raw, gate, is_ours=application == sql.APPLICATION_ID)
        raise
    return True


def _close_refused(raw: sqlite3.Connection, gate: WriteGate, *, is_ours: bool) -> None:
    # The last connection to close may checkpoint, which counts as a write.
    if not is_ours:
        raw.close()
        return
    gate.acquire()
    try:
        raw.close()
    finally:
        gate.release()


def _create(path: Path, timeout_seconds: float) -> None:
    raw = _connect(_uri(path, "rwc"), timeout_seconds)
    try:
        raw.execute("PRAGMA journal_mode=WAL")
        _create_tables(raw)
    finally:
        raw.close()


def _create_tables(raw: sqlite3.Connection) -> None:
    raw.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been faster.
        if raw.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in sql.CREATE:
                raw.execute(statement)
            raw.execute(f"PRAGMA application_id={sql.APPLICATION_ID}")
            raw.execute(f"PRAGMA user_version={sql.SCHEMA_VERSION}")
        raw.execute("COMMIT")
    except BaseException:
        if raw.in_transaction:
            raw.rollback()
        raise
