"""Opens a ledger: looks before it writes, makes the tables once, connects."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from artifact_plugins.errors import StoreReadError
from artifact_plugins.ledger import compiled_sqlite as sql
from artifact_plugins.ledger import tables_sqlite as tables
from artifact_plugins.ledger.failures import corrupt, too_new, too_old
from artifact_plugins.ledger.sqlite.failures import ledger_failure
from artifact_plugins.ledger.sqlite.gate import WriteGate
from artifact_plugins.ledger.sqlite.place import Place, prepare

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
    found = 0
    try:
        if exists:
            raw = connect(place, timeout_seconds)
            found = _schema_found(raw, place, gate)
            if found == sql.SCHEMA_VERSION:
                return raw, not _can_write(place.path)
            _close(raw, gate, is_ours=found > 0)
        gate.acquire(across_processes=True)
        try:
            if found:
                _upgrade(place.path, found, timeout_seconds)
            else:
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


def _schema_found(raw: sqlite3.Connection, place: Place, gate: WriteGate) -> int:
    """Look without writing; return the number of the schema, 0 when there are no tables yet."""
    found = application = 0
    try:
        found = raw.execute("PRAGMA user_version").fetchone()[0]
        application = raw.execute("PRAGMA application_id").fetchone()[0]
        tables = raw.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables and not found and not application:
            return 0
        if application != sql.APPLICATION_ID or not found:
            raise corrupt(str(place), "it is a database of another application")
        if found > sql.SCHEMA_VERSION:
            raise too_new(str(place), found, sql.SCHEMA_VERSION)
    except BaseException:
        _close(raw, gate, is_ours=application == sql.APPLICATION_ID)
        raise
    return int(found)


def _close(raw: sqlite3.Connection, gate: WriteGate, *, is_ours: bool) -> None:
    # The last connection to close may checkpoint, which counts as a write.
    if not is_ours:
        raw.close()
        return
    gate.acquire()
    try:
        raw.close()
    finally:
        gate.release()


def _upgrade(path: Path, found: int, timeout_seconds: float) -> None:
    if not _can_write(path):
        raise too_old(str(path), found, sql.SCHEMA_VERSION)
    from sqlalchemy.exc import DBAPIError  # late: only an old ledger needs SQLAlchemy

    from artifact_plugins.ledger.sqlite.upgrading import upgrade

    try:
        upgrade(path, lambda: _connect(_uri(path, "rw"), timeout_seconds))
    except (DBAPIError, sqlite3.Error, OSError) as error:
        raised = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(raised, sqlite3.Error | OSError):
            raise
        raise ledger_failure(raised, str(path), writing=True, waited=timeout_seconds) from error


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
            for statement in tables.CREATE:
                raw.execute(statement)
            raw.execute(f"PRAGMA application_id={sql.APPLICATION_ID}")
            raw.execute(f"PRAGMA user_version={sql.SCHEMA_VERSION}")
        raw.execute("COMMIT")
    except BaseException:
        if raw.in_transaction:
            raw.rollback()
        raise
