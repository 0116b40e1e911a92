"""Upgrades a SQLite ledger of an older release: a copy beside it, then one transaction."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from artifact_plugins.failpoints import failpoint
from artifact_plugins.ledger.migrations.run import run_migrations
from artifact_plugins.ledger.schema import SCHEMA_VERSION, ledger_schema, revision

Connect = Callable[[], sqlite3.Connection]


def upgrade(path: Path, connect: Connect) -> None:
    """Bring a ledger to this schema; whoever calls holds the write gate.

    A kill at any point leaves the old ledger or the new one. The copy of the
    old one, `<ledger>.backup-<schema>`, stays.

    Args:
        path: The ledger.
        connect: Opens it for reading and writing.

    Raises:
        sqlite3.Error, OSError: It could not be copied or upgraded; it is as it was.
    """
    raw = connect()
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            found: int = raw.execute("PRAGMA user_version").fetchone()[0]
            if found >= SCHEMA_VERSION:
                return  # another process was faster
            _back_up(path, found, connect)
            failpoint("migrate.backed_up")
            ledger_schema.create(connection, checkfirst=True)
            if found == 1:  # it tells its schema by `user_version` alone
                connection.execute(ledger_schema.insert(), {"version_num": revision(found)})
            run_migrations(connection, str(path))
            connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")
            failpoint("migrate.before_commit")
    finally:
        raw.close()


def _back_up(path: Path, found: int, connect: Connect) -> None:
    """Copy what is committed; the copy has its name only when it is whole and on the disk."""
    copy = Path(f"{path}.backup-{found}")
    partial = Path(f"{copy}.{os.getpid()}.partial")
    try:
        source, target = connect(), sqlite3.connect(partial, isolation_level=None)
        try:
            source.backup(target)
            # One file, without a log beside it.
            target.execute("PRAGMA journal_mode=DELETE")
        finally:
            target.close()
            source.close()
        shutil.copymode(path, partial)
        _sync(partial)
        partial.replace(copy)
        _sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # folders have no handle to sync there
    fd = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
