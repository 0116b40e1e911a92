"""Alembic's door: runs the migrations on the connection, and in the transaction, of `run`."""

from typing import Any

from alembic import context

from artifact_plugins.failpoints import failpoint
from artifact_plugins.ledger.schema import ledger_schema, metadata


def _applied(*_: Any, **__: Any) -> None:
    failpoint("migrate.applied")


if hasattr(context, "config"):  # Alembic runs it; else it is only looked at
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        version_table=ledger_schema.name,
        on_version_apply=_applied,
    )
    context.run_migrations()
