"""A ledger on a PostgreSQL server.

READ COMMITTED is enough: what must not happen twice has a unique index, and
version numbers come from the row of the artifact, which a transaction locks
until it ends.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from artifact_plugins.errors import ArtifactPluginsError, StoreWriteError
from artifact_plugins.failpoints import failpoint
from artifact_plugins.ledger import compiled_postgresql, outbox_postgresql
from artifact_plugins.ledger.database import Cursor, Database, Row, Values, repeat
from artifact_plugins.ledger.failures import NOTHING, read_only, system_failure
from artifact_plugins.ledger.postgresql.bulk import BulkCursor
from artifact_plugins.ledger.postgresql.failures import commit_unknown, is_lost, ledger_failure
from artifact_plugins.ledger.postgresql.opening import connect, open_server
from artifact_plugins.ledger.postgresql.place import Server
from artifact_plugins.ledger.postgresql.pool import Connection, Pool
from artifact_plugins.ledger.tables_postgresql import DANGLING

_BROKEN = """SELECT format('index %s is not valid', indexrelid::regclass) FROM pg_index
    JOIN pg_class ON pg_class.oid = indrelid
    WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace LIMIT 20"""


class PostgreSQLDatabase(Database):
    """The one place of the ledger that talks to a PostgreSQL server.

    Args:
        server: Which database; the tables are made when they are not there.
        durable: Whether a commit waits until the server has it on disk,
            unless it says otherwise.
        timeout_seconds: How long to wait for locks and for a server that is away.
    """

    dialect_name = "postgresql"
    sql = compiled_postgresql
    outbox_sql = outbox_postgresql

    def __init__(self, server: Server, *, durable: bool, timeout_seconds: float) -> None:
        self.path = server.name
        self.durable = durable
        self.timeout_seconds = timeout_seconds
        first, self.is_read_only = open_server(server, timeout_seconds)
        self.pool = Pool(lambda: connect(server, timeout_seconds), self.path, timeout_seconds)
        self.pool.adopt(first)

    def read(self, text: str, values: Values = ()) -> list[Row]:
        """Run one SELECT and return its rows; see `Database.read`."""
        return repeat(self, lambda: self._read(text, values), is_keyed=False)

    def transaction(self, durable: bool | None = None) -> Transaction:
        """Return a write transaction; see `Database.transaction`."""
        return Transaction(self, self.durable if durable is None else durable)

    def each(self, cursor: Cursor, text: str, rows: Sequence[Sequence[Any]]) -> list[Row]:
        """Run a statement for each row, without waiting in between; see `Database.each`."""
        if len(rows) == 1:
            return [cursor.execute(text, rows[0]).fetchone()]
        assert isinstance(cursor, BulkCursor)
        return cursor.answers(text, rows)

    def damage(self) -> list[str]:
        """Return which indexes are not valid, and which tables name rows that are not there."""
        found = [f"the database is damaged: {row[0]}" for row in self.read(_BROKEN)]
        return found + [row[0] for text in DANGLING for row in self.read(text)]

    def close(self) -> None:
        """Close the connections of this process; a later call opens new ones."""
        self.pool.clear()

    def _read(self, text: str, values: Values) -> list[Row]:
        started = time.monotonic()
        connection = None
        try:
            connection = self.pool.take()
            # Listings have values by name. A plan that is kept for all values
            # would sort the links of a version with very many of them.
            prepare = False if isinstance(values, Mapping) else None
            return connection.execute(text, values or None, prepare=prepare).fetchall()
        except psycopg.Error as error:
            raise self.failure(error, started, writing=False) from error
        finally:
            if connection is not None:
                self.pool.give(connection)

    def failure(self, error: psycopg.Error, started: float, *, writing: bool) -> Exception:
        """Return the named error; when the connection was lost, forget the others too."""
        if is_lost(error):
            self.pool.clear()
        waited = time.monotonic() - started
        return ledger_failure(error, self.path, writing=writing, waited=waited)


class Transaction:
    """`BEGIN` .. `COMMIT` on a connection of its own."""

    __slots__ = ("_connection", "_database", "_durable", "_started")
    _connection: Connection

    def __init__(self, database: PostgreSQLDatabase, durable: bool) -> None:
        self._database = database
        self._durable = durable

    def __enter__(self) -> Cursor:
        database = self._database
        if database.is_read_only:
            raise read_only(database.path)
        self._started = time.monotonic()
        try:
            self._connection = database.pool.take()
        except psycopg.Error as error:
            raise database.failure(error, self._started, writing=True) from error
        try:
            self._connection.execute(_BEGIN[self._durable], prepare=False)
            return self._connection.cursor()
        except BaseException as error:
            database.pool.give(self._connection)
            if isinstance(error, psycopg.Error):
                raise database.failure(error, self._started, writing=True) from error
            raise

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            if error is None:
                self._commit()
            else:
                self._roll_back(error)
        finally:
            self._database.pool.give(self._connection)

    def _commit(self) -> None:
        database = self._database
        try:
            failpoint("postgresql.before_commit")
            said = self._connection.execute("COMMIT", prepare=False).statusmessage
        except psycopg.Error as error:
            if is_lost(error):
                # The server may have committed before it, or the network, died.
                database.pool.clear()
                raise commit_unknown(error, database.path) from error
            raise database.failure(error, self._started, writing=True) from error
        if said != "COMMIT":
            raise StoreWriteError(
                f"ledger {database.path!r} answered a commit with {said!r}",
                hint=NOTHING,
                path=database.path,
                retryable=True,
                is_rolled_back=True,
            )

    def _roll_back(self, error: BaseException) -> None:
        database = self._database
        try:
            self._connection.execute("ROLLBACK", prepare=False)
        except psycopg.Error:
            self._connection.close()  # which rolls back as well
        if isinstance(error, psycopg.Error):
            raise database.failure(error, self._started, writing=True) from error
        if isinstance(error, OSError) and not isinstance(error, ArtifactPluginsError):
            raise system_failure(error, database.path, writing=True) from error


# A commit that need not survive a power cut of the server does not wait for
# its disk; it survives the death of every process all the same.
_BEGIN = {
    True: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    False: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit = off",
}
