"""Opens a ledger on a server: connects, looks before it writes, makes the tables once."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

import psycopg

from artifact_plugins.errors import SettingsError, StoreReadError
from artifact_plugins.ledger import compiled_postgresql as sql
from artifact_plugins.ledger import tables_postgresql as tables
from artifact_plugins.ledger.failures import corrupt, read_only, too_new, too_old
from artifact_plugins.ledger.postgresql.bulk import BulkCursor
from artifact_plugins.ledger.postgresql.failures import is_worth_waiting, opening_failure, reason
from artifact_plugins.ledger.postgresql.place import Server
from artifact_plugins.ledger.postgresql.pool import Connection

_CONNECT_SECONDS = 10
_PAUSE_SECONDS = 0.1
# A transaction that does nothing for so long has lost its process.
_IDLE_SECONDS = 60
# Not to_regclass(): it may remember that there was no table before the lock was waited for.
_LOOK = """SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = 'ledger_schema'
    AND relkind IN ('r', 'p') AND pg_table_is_visible(oid)), current_schema(),
    current_setting('server_encoding'), pg_is_in_recovery(),
    current_setting('transaction_read_only') = 'on'"""
_OURS = """SELECT tablename FROM pg_tables WHERE schemaname = current_schema()
    AND tablename IN ('artifact', 'version', 'run', 'task', 'link') ORDER BY tablename LIMIT 1"""
# A server may be set to answer commits before they are on its disk; here that is for each
# transaction to say.
_DURABLE = """SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'"""
_MAY_WRITE = """SELECT has_table_privilege('version', 'INSERT')
    AND has_table_privilege('artifact', 'UPDATE')"""
_LOCK = f"SELECT pg_advisory_xact_lock({sql.APPLICATION_ID}, hashtext(current_schema()))"


def connect(server: Server, timeout_seconds: float) -> Connection:
    """Return a connection with the timeouts of the ledger.

    Raises:
        psycopg.Error: The server takes none.
    """
    own: dict[str, Any] = {
        "application_name": "artifact-plugins",
        "connect_timeout": _CONNECT_SECONDS,
        "client_encoding": "UTF8",
    }
    options: dict[str, Any] = {
        name: value for name, value in own.items() if name not in server.given
    }
    connection = Connection.connect(
        server.conninfo, autocommit=True, cursor_factory=BulkCursor, **options
    )
    # A lock is waited for as long as asked; a statement that is under way longer hangs.
    waits = max(int(timeout_seconds * 1000), 1)
    settings = {
        "lock_timeout": waits,
        "statement_timeout": waits + 30_000,
        "idle_in_transaction_session_timeout": _IDLE_SECONDS * 1000,
    }
    asked = [f"SET {name} = {value}" for name, value in settings.items()]
    try:
        connection.execute(";".join([*asked, _DURABLE]))
    except BaseException:
        connection.close()
        raise
    return connection


def open_server(server: Server, timeout_seconds: float) -> tuple[Connection, bool]:
    """Open a ledger, or make it; return a connection and whether it can only be read.

    Raises:
        SettingsError: The database is not for text of every language, or has no schema.
        LedgerCorruptError: Another application has its tables there; untouched.
        LedgerSchemaTooNewError: A newer release made it; untouched.
        StoreReadError, StoreWriteError, StoreFullError, LedgerBusyError: It
            cannot be opened or made.
    """
    connection = _connect_patiently(server, timeout_seconds)
    try:
        return connection, _prepare(connection, server, timeout_seconds)
    except psycopg.Error as error:
        connection.close()
        raise opening_failure(error, server.name, timeout_seconds) from error
    except BaseException:
        connection.close()
        raise


def is_ledger_at(server: Server) -> bool:
    """Whether there are the tables of a ledger; nothing is made.

    Raises:
        StoreReadError, StoreWriteError: The server does not answer.
    """
    with closing(_connect_patiently(server, _CONNECT_SECONDS)) as connection:
        try:
            return bool(connection.execute(_LOOK).fetchall()[0][0])
        except psycopg.Error as error:
            raise opening_failure(error, server.name, 0.0) from error


def schema_found(connection: psycopg.Connection[tuple[object, ...]], path: str) -> int:
    """Return the number of the schema in the database.

    Raises:
        LedgerCorruptError: There is none, or one that nobody writes.
    """
    found = connection.execute("SELECT version_num FROM ledger_schema").fetchall()
    if len(found) != 1 or not str(found[0][0]).isdecimal():
        raise corrupt(path, "its table ledger_schema does not hold one number")
    return int(str(found[0][0]))


def _connect_patiently(server: Server, timeout_seconds: float) -> Connection:
    ends_at = time.monotonic() + timeout_seconds
    while True:
        try:
            return connect(server, timeout_seconds)
        except psycopg.OperationalError as error:
            if not is_worth_waiting(error) or time.monotonic() > ends_at:
                raise StoreReadError(
                    f"ledger {server.name!r} cannot be opened: {reason(error)}",
                    hint="nothing was written; is the server up, and may this user connect?",
                    path=server.name,
                    retryable=True,
                ) from error
        except psycopg.Error as error:
            raise SettingsError(
                "ledger_url is not understood by PostgreSQL's driver",
                hint="use postgresql://user@host:port/database; nothing was opened",
            ) from error
        time.sleep(_PAUSE_SECONDS)


def _prepare(connection: Connection, server: Server, timeout_seconds: float) -> bool:
    """Make or upgrade the tables when they need it; return whether they can only be read."""
    ((is_there, schema, encoding, recovers, cannot_write),) = connection.execute(_LOOK).fetchall()
    if schema is None:
        raise SettingsError(
            f"database {server.name!r} has no schema for this user",
            hint="nothing was written; grant one on its search_path",
        )
    if encoding != "UTF8":
        raise SettingsError(
            f"database {server.name!r} is encoded in {encoding}, a ledger needs UTF8",
            hint="nothing was written; make one with CREATE DATABASE .. ENCODING 'UTF8'",
        )
    cannot_write = recovers or cannot_write
    if not is_there:
        if cannot_write:
            raise read_only(server.name)
        _create(connection, server)
    found = schema_found(connection, server.name)
    if found > sql.SCHEMA_VERSION:
        raise too_new(server.name, found, sql.SCHEMA_VERSION)
    if not cannot_write:
        cannot_write = not connection.execute(_MAY_WRITE).fetchall()[0][0]
    if found < sql.SCHEMA_VERSION:
        if cannot_write:
            raise too_old(server.name, found, sql.SCHEMA_VERSION)
        _upgrade(server, timeout_seconds)
    return bool(cannot_write)


def _create(connection: Connection, server: Server) -> None:
    try:
        with connection.transaction():
            connection.execute(_LOCK)
            if connection.execute(_LOOK).fetchall()[0][0]:
                return  # another process was faster
            foreign = connection.execute(_OURS).fetchall()
            if foreign:
                raise corrupt(
                    server.name, f"another application has a table {foreign[0][0]!r} there"
                )
            for statement in tables.CREATE:
                connection.execute(statement)
    except psycopg.Error as error:
        raise opening_failure(error, server.name, 0.0) from error


def _upgrade(server: Server, timeout_seconds: float) -> None:
    from sqlalchemy.exc import DBAPIError  # late: only an old ledger needs SQLAlchemy

    from artifact_plugins.ledger.postgresql.upgrading import upgrade

    try:
        upgrade(server, timeout_seconds)
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.Error):
            raise
        raise opening_failure(error.orig, server.name, timeout_seconds) from error
    except psycopg.Error as error:
        raise opening_failure(error, server.name, 0.0) from error
