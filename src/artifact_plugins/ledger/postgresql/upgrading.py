"""Upgrades a ledger of an older release on a server, in one transaction."""

from __future__ import annotations

import psycopg
from sqlalchemy import create_engine, text
from sqlalchemy.pool import StaticPool

from artifact_plugins.failpoints import failpoint
from artifact_plugins.ledger.migrations.run import run_migrations
from artifact_plugins.ledger.postgresql.place import Server
from artifact_plugins.ledger.schema import APPLICATION_ID, SCHEMA_VERSION

LOCK = f"SELECT pg_advisory_xact_lock({APPLICATION_ID}, hashtext(current_schema()))"


def upgrade(server: Server, timeout_seconds: float) -> None:
    """Bring a ledger to this schema; others who want to are waited for.

    Args:
        server: Where it is.
        timeout_seconds: How long to wait for them, and for whoever uses its tables.

    Raises:
        sqlalchemy.exc.DBAPIError: It could not be upgraded; it is as it was.
    """
    raw = psycopg.connect(server.conninfo)
    engine = create_engine("postgresql+psycopg://", creator=lambda: raw, poolclass=StaticPool)
    try:
        with engine.begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = {int(timeout_seconds * 1000)}"))
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text(LOCK))
            found = connection.execute(text("SELECT version_num FROM ledger_schema")).scalar_one()
            if int(found) >= SCHEMA_VERSION:
                return  # another process was faster
            run_migrations(connection, server.name)
            failpoint("migrate.before_commit")
    finally:
        raw.close()
