"""Versions can be deleted and come back; calls can be cached; a ledger has an identity.

Written for SQLite's ALTER TABLE: columns and indexes are added, nothing is rewritten.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add what schema 2 has more than schema 1."""
    op.add_column(
        "artifact",
        sa.Column("deleted_versions", sa.Integer, nullable=False, server_default=sa.text("0")),
    )
    op.add_column("version", sa.Column("deleted_at", sa.BigInteger))
    op.add_column("version", sa.Column("collected_at", sa.BigInteger))
    op.drop_index("ix_version_kind", "version")
    _index("ix_version_kind", ["kind_id", "seq"], "deleted_at IS NULL")
    _index(
        "ix_version_trash",
        ["deleted_at", "seq"],
        "deleted_at IS NOT NULL AND collected_at IS NULL",
    )
    op.create_table(
        "aborted_version",
        sa.Column("id", _text, primary_key=True),
        sa.Column("aborted_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_identity",
        sa.Column("one", sa.Integer, primary_key=True),
        sa.Column("id", _text, nullable=False),
    )
    op.create_table(
        "cache_entry",
        sa.Column("key", _text, primary_key=True),
        sa.Column("task_id", _text, sa.ForeignKey("task.id"), nullable=False),
        sa.Column("step", _text, nullable=False),
        sa.Column("parts", _text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_cache_entry_step", "cache_entry", ["step", "task_id"])


def _index(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "version", columns, sqlite_where=condition, postgresql_where=condition)
