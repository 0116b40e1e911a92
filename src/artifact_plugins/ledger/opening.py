"""From a ledger URL to an open database, whichever it is."""

from __future__ import annotations

import importlib

from artifact_plugins.errors import SettingsError, StoreSchemeNotAllowedError
from artifact_plugins.ledger.database import Database
from artifact_plugins.ledger.postgresql.place import Server
from artifact_plugins.ledger.postgresql.place import parse_url as parse_server_url

_FORM = (
    "use sqlite:///relative/path, sqlite:////absolute/path, sqlite:// (in memory) "
    "or postgresql://user@host:port/database"
)
_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")


def open_database(url: str, *, durable: bool, timeout_seconds: float) -> Database:
    """Open a ledger, or make it where there is none.

    Args:
        url: Where it is.
        durable: Whether commits survive a power cut, unless they say otherwise.
        timeout_seconds: How long to wait for others.

    Raises:
        SettingsError: It is no URL, holds a password, or names what is not there.
        StoreSchemeNotAllowedError: Its scheme is not known.
        LedgerError, StoreError: See `Ledger.open`.
    """
    if _is_postgresql(url):
        server = _server(url)
        from artifact_plugins.ledger.postgresql.database import (  # late: loads psycopg
            PostgreSQLDatabase,
        )

        return PostgreSQLDatabase(server, durable=durable, timeout_seconds=timeout_seconds)
    from artifact_plugins.ledger.sqlite.database import SQLiteDatabase  # late: loads sqlite3
    from artifact_plugins.ledger.sqlite.place import parse_url

    return SQLiteDatabase(parse_url(url), durable=durable, timeout_seconds=timeout_seconds)


def has_ledger(url: str) -> bool:
    """Tell whether there is a ledger at a URL; nothing is made.

    Raises:
        SettingsError, StoreSchemeNotAllowedError: The URL cannot be used.
        StoreReadError: The server does not answer.
    """
    if _is_postgresql(url):
        server = _server(url)
        from artifact_plugins.ledger.postgresql.opening import (  # late: loads psycopg
            is_ledger_at,
        )

        return is_ledger_at(server)
    from artifact_plugins.ledger.sqlite.place import parse_url  # late: as above

    path = parse_url(url).path
    return path is None or path.exists()


def _server(url: str) -> Server:
    """Read the URL first, since it may hold a password; then ask for the driver."""
    server = parse_server_url(url)
    try:
        importlib.import_module("psycopg")  # late: only who uses a server has it
    except ImportError as error:
        raise SettingsError(
            f"ledger_url needs psycopg, which cannot be imported: {error}",
            hint="pip install 'artifact-plugins[postgresql]'; nothing was opened",
        ) from error
    return server


def _is_postgresql(url: str) -> bool:
    """Tell PostgreSQL from SQLite; anything else is refused unopened."""
    scheme, separator, _ = url.partition("://")
    if not separator:
        shown = "..." if "@" in url else url  # may hold a password
        raise SettingsError(f"ledger_url {shown!r} is no URL", hint=f"{_FORM}; nothing was opened")
    if scheme != "sqlite" and scheme not in _POSTGRESQL:
        # The rest of an unknown URL may hold a password.
        raise StoreSchemeNotAllowedError(
            f"ledger_url has the scheme {scheme!r}, and only 'sqlite' and 'postgresql' are known",
            hint=f"{_FORM}; nothing was opened",
            scheme=scheme,
        )
    return scheme != "sqlite"
