"""Which servers, roles, passwords and URLs a ledger is opened with; others are refused by name."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ledger_numbers import numbers
from ledger_urls import ONLY_POSTGRESQL

from artifact_plugins.errors import (
    LedgerCorruptError,
    SettingsError,
    StoreReadError,
    StoreWriteError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.ledger.opening import has_ledger
from artifact_plugins.records import VersionQuery

pytestmark = [pytest.mark.server, ONLY_POSTGRESQL]


@pytest.fixture
def reader(url: str, postgresql_server: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """A role that may read the schema of the test and no more; gives its URL."""
    schema = url.rpartition("%3D")[2]
    role = f"reader_{schema}"
    postgresql_server.run(
        f"CREATE ROLE {role} LOGIN",
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}",
    )
    yield postgresql_server.schema_url(schema, role)
    postgresql_server.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_role_that_may_only_read_reads(url, reader, make):
    """With SELECT alone reading works, and writing is StoreWriteError (D6)."""
    with pytest.raises(StoreWriteError, match="nothing was written"):
        Ledger.open(reader, durable=True)  # there is nothing yet, and it may make nothing
    with Ledger.open(url, durable=True) as ledger:
        saved = make.save(ledger)

    with Ledger.open(reader, durable=True) as reading:
        assert reading.is_read_only
        assert reading.version(saved.id) == saved
        with pytest.raises(StoreWriteError, match="reading works"):
            make.save(reading)
    with Ledger.open(url, durable=True) as again:
        assert again.is_read_only is False


def test_a_server_that_only_reads_is_read(url, reader, postgresql_server, make):
    """Where transactions are read-only, as on a standby, the ledger is read-only."""
    with Ledger.open(url, durable=True) as ledger:
        make.save(ledger)
        role = reader.partition("//")[2].partition("@")[0]
        postgresql_server.run(f"ALTER ROLE {role} SET default_transaction_read_only = on")
        postgresql_server.run(f"GRANT ALL ON ALL TABLES IN SCHEMA {role[7:]} TO {role}")

        with Ledger.open(reader, durable=True) as reading:
            assert reading.is_read_only
            assert numbers(reading) == [1]


@pytest.mark.parametrize(
    "url_text",
    [
        "postgresql://user:secret@host/db",
        "postgresql+psycopg://user:secret@host/db",
        "postgres://:secret@host/db",
        "postgresql://user:se#cret@host/db",
        "postgresql://user:se/cret@host/db",
        "postgresql://host/db?password=secret",
        "postgresql://host/db?sslpassword=secret",
        "postgresql://host/db?sslmode=require&PassWord=secret",
    ],
)
def test_a_password_in_the_url_is_refused(url, url_text):
    """A URL with a password is SettingsError, says where it belongs, and is not repeated."""
    with pytest.raises(SettingsError, match="PGPASSWORD") as caught:
        Ledger.open(url_text, durable=True)

    assert "secret" not in str(caught.value)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url_text",
    [
        "postgresql://host/db?hosst=x",
        "postgresql://host/db#part",
        "postgresql://ho st/db",
        "postgresql://host:port/db",
    ],
)
def test_a_url_that_libpq_would_not_take_is_refused(url, url_text):
    """Unknown parameters and other forms are SettingsError before anything is opened."""
    with pytest.raises(SettingsError, match="nothing was opened"):
        Ledger.open(url_text, durable=True)


def test_the_password_comes_from_the_environment(url, postgresql_server, monkeypatch, make):
    """PGPASSWORD opens what needs a password; without it the error is named and holds no secret."""
    name = postgresql_server.new_database()
    postgresql_server.run(f"ALTER DATABASE {name} OWNER TO guarded")
    guarded = postgresql_server.url(name, "guarded")
    monkeypatch.setenv("PGPASSWORD", "wrong horse")
    with pytest.raises(StoreReadError, match="cannot be opened") as caught:
        Ledger.open(guarded, durable=True)
    assert "wrong horse" not in str(caught.value)

    monkeypatch.setenv("PGPASSWORD", "open sesame")
    with Ledger.open(guarded, durable=True) as ledger:
        assert make.save(ledger).version == 1
        assert "sesame" not in repr(ledger._database.__dict__) + ledger.url


def test_without_the_driver_the_extra_is_named(url, monkeypatch):
    """Where psycopg is not installed, the error holds the line that installs it."""
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "psycopg", None)

        with pytest.raises(SettingsError, match=r"pip install 'artifact-plugins\[postgresql\]'"):
            Ledger.open(url, durable=True)


def test_a_server_that_is_not_there_is_named(url):
    """A refused connection and a missing database are StoreReadError, at once."""
    started = time.monotonic()

    with pytest.raises(StoreReadError, match="is the server up"):
        Ledger.open("postgresql://postgres@127.0.0.1:1/x", durable=True)
    with pytest.raises(StoreReadError, match="does not exist"):
        Ledger.open(url.replace("/postgres?", "/nothing?"), durable=True)

    assert time.monotonic() - started < 10


def test_tables_of_another_application_are_left_alone(url, postgresql_server):
    """A schema that has a table with a name of ours is refused and not touched."""
    schema = url.rpartition("%3D")[2]
    postgresql_server.run(f"CREATE TABLE {schema}.version (x integer)")

    with pytest.raises(LedgerCorruptError, match="another application"):
        Ledger.open(url, durable=True)

    tables = f"SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'"
    assert postgresql_server.run(tables) == [("version",)]
    assert has_ledger(url) is False


def test_a_database_for_few_languages_is_refused(url, postgresql_server):
    """A database that cannot keep every character is SettingsError."""
    postgresql_server.run(
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )

    with pytest.raises(SettingsError, match="needs UTF8"):
        Ledger.open(postgresql_server.url("latin"), durable=True)

    postgresql_server.run("DROP DATABASE latin WITH (FORCE)")


def test_tables_that_vanish_are_named(ledger, url, postgresql_server, make):
    """A ledger whose tables were dropped under it is LedgerCorruptError."""
    make.save(ledger)
    postgresql_server.run(f"DROP SCHEMA {url.rpartition('%3D')[2]} CASCADE")

    with pytest.raises(LedgerCorruptError):
        ledger.versions(VersionQuery())
