"""Runs the migrations that a database lacks."""

from __future__ import annotations

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from artifact_plugins.ledger.failures import corrupt

# Alembic keeps what it works on in module variables.
_one_at_a_time = threading.Lock()


def run_migrations(connection: Connection, path: str, *, to: str = "head") -> None:
    """Bring a ledger to a schema; the caller has begun the transaction and ends it.

    Args:
        connection: To a database whose table `ledger_schema` says where it is.
        path: What messages call it.
        to: Name of the schema, as `schema.revision` makes it.

    Raises:
        LedgerCorruptError: It says that it is where nobody ever was.
    """
    config = Config()
    folder = str(Path(__file__).parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        with _one_at_a_time:
            command.upgrade(config, to)
    except CommandError as error:
        raise corrupt(path, f"it cannot be upgraded ({error})") from error
