"""A ledger in a SQLite file: a connection per thread and process, one write transaction at a time."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from artifact_plugins.ledger import compiled_sqlite, outbox_sqlite
from artifact_plugins.ledger.database import Cursor, Database, Row, Values
from artifact_plugins.ledger.failures import read_only
from artifact_plugins.ledger.sqlite.failures import constraint_violation, ledger_failure
from artifact_plugins.ledger.sqlite.gate import FORK_SECONDS, WriteGate
from artifact_plugins.ledger.sqlite.opening import connect, open_place
from artifact_plugins.ledger.sqlite.place import Place

# Connections of a parent process: closing them here would touch its locks.
_inherited: list[Connection] = []
_databases: weakref.WeakSet[SQLiteDatabase] = weakref.WeakSet()
_held = ExitStack()


class Connection:
    """A connection that belongs to one thread.

    Attributes:
        is_full: How its commits are synced.
        in_use: Held while it reads, so that nobody forks meanwhile.
    """

    __slots__ = ("cursor", "in_use", "is_full", "raw", "thread")

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.raw = raw
        self.cursor = raw.cursor()
        self.is_full = True
        self.in_use = threading.Lock()
        self.thread = threading.current_thread()


class SQLiteDatabase(Database):
    """The one place of the ledger that talks to `sqlite3`.

    Args:
        place: Where the ledger is; made when it is not there.
        durable: Whether commits are synced to the disk, unless they say otherwise.
        timeout_seconds: How long to wait for other writers.
    """

    dialect_name = "sqlite"
    sql = compiled_sqlite
    outbox_sql = outbox_sqlite

    def __init__(self, place: Place, *, durable: bool, timeout_seconds: float) -> None:
        self.path = str(place)
        self.durable = durable
        self._place = place
        self.timeout_seconds = timeout_seconds
        self.gate = WriteGate(place.path, timeout_seconds)
        raw, self.is_read_only = open_place(place, self.gate, timeout_seconds)
        self._pid = os.getpid()
        self._local = threading.local()
        first = Connection(raw)
        self._local.connection = first
        self._all = [first]
        self._all_lock = threading.Lock()
        # In memory there is one connection, and everybody takes turns.
        self._turn = threading.RLock() if place.path is None else None
        self._shared = first if place.path is None else None
        _databases.add(self)

    def read(self, text: str, values: Values = ()) -> list[Row]:
        """Run one SELECT and return its rows; see `Database.read`."""
        try:
            if self._turn is None:
                connection = self.connection()
                with connection.in_use:
                    return connection.cursor.execute(text, values).fetchall()
            with self._turn:
                return self.connection().cursor.execute(text, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise ledger_failure(
                error, self.path, writing=False, waited=self.timeout_seconds
            ) from error

    def transaction(self, durable: bool | None = None) -> Transaction:
        """Return a write transaction behind the write gate; see `Database.transaction`."""
        return Transaction(self, self.durable if durable is None else durable)

    def each(self, cursor: Cursor, text: str, rows: Sequence[Sequence[Any]]) -> list[Row]:
        """Run a statement for each row; see `Database.each`."""
        return [cursor.execute(text, row).fetchone() for row in rows]

    def damage(self) -> list[str]:
        """Return what SQLite finds in the pages and references of the file."""
        found = [
            f"the database is damaged: {row[0]}"
            for row in self.read("PRAGMA integrity_check(20)")
            if row[0] != "ok"
        ]
        return found + [
            f"a row of {row[0]} names a row of {row[2]} that is not there"
            for row in self.read("PRAGMA foreign_key_check")[:100]
        ]

    def connection(self) -> Connection:
        """Return the connection of this thread, made at its first use."""
        if self._shared is not None:
            return self._shared
        if self._pid != os.getpid():
            self._leave_parent()
        try:
            found: Connection = self._local.connection
        except AttributeError:
            found = self._local.connection = self._adopt_or_connect()
        return found

    def close(self) -> None:
        """Close every connection of this process; the last one checkpoints."""
        if self._pid != os.getpid():
            self._leave_parent()
        with self._all_lock:
            connections, self._all = self._all, []
        self._local = threading.local()
        if not connections:
            self.gate.close()
            return
        self.gate.acquire()
        try:
            for connection in connections:
                connection.raw.close()
        finally:
            self.gate.release()
            self.gate.close()

    def _adopt_or_connect(self) -> Connection:
        with self._all_lock:
            for connection in self._all:
                # At exit the main thread counts as ended, and still runs what is
                # registered with atexit.
                is_main = connection.thread is threading.main_thread()
                if not (is_main or connection.thread.is_alive()):
                    connection.thread = threading.current_thread()
                    if connection.raw.in_transaction:
                        connection.raw.rollback()
                    return connection
            connection = Connection(connect(self._place, self.timeout_seconds))
            self._all.append(connection)
            return connection

    def hold_still(self, stack: ExitStack) -> None:
        """Let no thread be inside SQLite until the stack ends, but the caller."""
        if self.gate.keep_shut():
            stack.callback(self.gate.open_again)
        # First this one: nobody connects any more.
        _hold(self._all_lock, stack)
        for connection in self._all:
            _hold(connection.in_use, stack)

    def _leave_parent(self) -> None:
        _inherited.extend(self._all)
        self._all = []
        self._all_lock = threading.Lock()
        self._local = threading.local()
        self._pid = os.getpid()


class Transaction:
    """`BEGIN IMMEDIATE` .. `COMMIT` behind the write gate."""

    __slots__ = ("_connection", "_database", "_durable")
    _connection: Connection

    def __init__(self, database: SQLiteDatabase, durable: bool) -> None:
        self._database = database
        self._durable = durable

    def __enter__(self) -> sqlite3.Cursor:
        database = self._database
        if database.is_read_only:
            raise read_only(database.path)
        if database._turn is not None:
            database._turn.acquire()
        else:
            database.gate.acquire()
        started = time.monotonic()
        try:
            connection = self._connection = database.connection()
            if connection.is_full is not self._durable:
                mode = "FULL" if self._durable else "NORMAL"
                connection.cursor.execute(f"PRAGMA synchronous={mode}")
                connection.is_full = self._durable
            connection.cursor.execute("BEGIN IMMEDIATE")
        except (sqlite3.Error, OSError) as error:
            self._leave()
            waited = time.monotonic() - started
            raise ledger_failure(error, database.path, writing=True, waited=waited) from error
        except BaseException:
            self._leave()
            raise
        return connection.cursor

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            if error is None:
                self._connection.cursor.execute("COMMIT")
        except BaseException as failure:
            error = failure
            raise
        finally:
            try:
                if error is not None:
                    self._finish(error)
            finally:
                self._leave()

    def _finish(self, error: BaseException) -> None:
        connection = self._connection
        if connection.raw.in_transaction:
            # A full disk or an I/O error has rolled back already.
            connection.raw.rollback()
        if isinstance(error, sqlite3.IntegrityError):
            raise constraint_violation(error) from error
        if isinstance(error, sqlite3.Error | OSError):
            raise ledger_failure(error, self._database.path, writing=True) from error

    def _leave(self) -> None:
        database = self._database
        if database._turn is not None:
            database._turn.release()
        else:
            database.gate.release()


def _hold(lock: threading.Lock, stack: ExitStack) -> None:
    if lock.acquire(timeout=FORK_SECONDS):
        stack.callback(lock.release)


def _before_fork() -> None:
    """Have no thread inside SQLite: the child would wait for its locks for ever."""
    for database in list(_databases):
        database.hold_still(_held)


# In the child every database begins anew at its first use.
os.register_at_fork(before=_before_fork, after_in_parent=_held.close, after_in_child=_held.pop_all)
