"""Where the ledger of a benchmark lies: SQLite files, or schemas of a PostgreSQL database."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from artifact_plugins.ledger import Ledger, compiled_postgresql, compiled_sqlite

# The server of the tests, from a wheel.
sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
_WAIT_SECONDS = 120.0


class Place(ABC):
    """Room for ledgers, by name.

    Attributes:
        title: The database and its version.
        sql: Its compiled statements.
    """

    title: str
    sql: Any

    @abstractmethod
    def url(self, name: str) -> str:
        """Return the URL of a ledger, which need not be there yet."""

    @abstractmethod
    def connect(self, name: str) -> Any:
        """Return a connection of the bare driver to a ledger, in autocommit, without fsync."""

    @abstractmethod
    def size_bytes(self, name: str) -> int:
        """Return how much disk a ledger takes, indexes included."""

    @abstractmethod
    def settle(self, name: str) -> None:
        """Do now what the database would do by itself within a minute."""

    @abstractmethod
    def make_cold(self, name: str) -> bool:
        """Drop a ledger from memory; tell whether that was possible."""

    @abstractmethod
    def drop(self, name: str) -> None:
        """Remove a ledger."""


class SQLitePlace(Place):
    """SQLite files in a folder."""

    title = f"SQLite {sqlite3.sqlite_version}"
    sql = compiled_sqlite

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, name: str) -> str:
        return f"sqlite:///{self._path(name)}"

    def connect(self, name: str) -> Any:
        Ledger.open(self.url(name), durable=False).close()  # makes the tables
        connection = sqlite3.connect(self._path(name), isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def size_bytes(self, name: str) -> int:
        return self._path(name).stat().st_size

    def settle(self, name: str) -> None:
        return  # SQLite does nothing by itself

    def make_cold(self, name: str) -> bool:
        return evict([self._path(name)])

    def drop(self, name: str) -> None:
        for path in self._folder.glob(f"{name}.sqlite*"):
            path.unlink()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.sqlite"


class PostgreSQLPlace(Place):
    """Schemas in a database; a server that was started here can be made cold as well."""

    sql = compiled_postgresql

    def __init__(self, url: str, server: Any = None) -> None:
        self._url = url
        self._server = server
        found = self._run("SHOW server_version")
        self.title = f"PostgreSQL {str(found[0][0]).split()[0]}"

    def url(self, name: str) -> str:
        joined = "&" if "?" in self._url else "?"
        self._run(f"CREATE SCHEMA IF NOT EXISTS {name}")
        return f"{self._url}{joined}options={quote(f'-csearch_path={name}', safe='')}"

    def connect(self, name: str) -> Any:
        import psycopg  # late: SQLite needs no driver

        Ledger.open(self.url(name), durable=False).close()
        connection = psycopg.connect(self.url(name), autocommit=True)
        connection.execute("SET synchronous_commit = off")
        return connection

    def size_bytes(self, name: str) -> int:
        found = self._run(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
            f"WHERE relkind = 'r' AND relnamespace = '{name}'::regnamespace"
        )
        return int(found[0][0])

    def settle(self, name: str) -> None:
        for (table,) in self._run(f"SELECT tablename FROM pg_tables WHERE schemaname = '{name}'"):
            self._run(f"VACUUM ANALYZE {name}.{table}")
        self._run("CHECKPOINT")

    def make_cold(self, name: str) -> bool:
        if self._server is None:
            return False
        process = self._server.process
        process.send_signal(signal.SIGINT)  # "fast" shutdown
        process.wait(timeout=_WAIT_SECONDS)
        data = self._server.folder / "data"
        done = evict([path for path in data.rglob("*") if path.is_file()])
        self._server.process = _start_again(process.args, self._server.folder)
        self._await_server()
        return done

    def drop(self, name: str) -> None:
        self._run(f"DROP SCHEMA IF EXISTS {name} CASCADE")

    def _await_server(self) -> None:
        import psycopg  # late: as above

        ends_at = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                self._run("SELECT 1")
                return
            except psycopg.OperationalError:
                if time.monotonic() > ends_at:
                    raise
                time.sleep(0.05)

    def _run(self, statement: str) -> list[tuple[Any, ...]]:
        import psycopg  # late: as above

        with psycopg.connect(self._url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def open_place(database: str, folder: Path) -> Iterator[Place]:
    """Give `sqlite`, `postgresql` (a server of our own) or the database behind a URL."""
    if database == "sqlite":
        yield SQLitePlace(folder)
        return
    if database != "postgresql":
        yield PostgreSQLPlace(database)
        return
    import postgresql_server  # late: SQLite needs no server

    # Not the folder of this process: PostgreSQL runs as another user then.
    home = Path(tempfile.mkdtemp(prefix="postgresql-", dir=folder.parent))
    server = None
    try:
        server = postgresql_server.start(home)
        yield PostgreSQLPlace(server.url(server.new_database()), server)
    finally:
        if server is not None:
            postgresql_server.stop(server)
        shutil.rmtree(home, ignore_errors=True)


def evict(paths: list[Path]) -> bool:
    """Drop files from the memory of the system; tell whether this system can."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in paths:
        with suppress(FileNotFoundError):
            file = os.open(path, os.O_RDONLY)
            try:
                os.fsync(file)  # what is not on the disk yet cannot be dropped
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(file)
    return True


def _start_again(command: Any, folder: Path) -> subprocess.Popen[bytes]:
    owner = folder.stat()
    who: dict[str, Any] = {}
    if os.getuid() == 0:
        who = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **who
        )
