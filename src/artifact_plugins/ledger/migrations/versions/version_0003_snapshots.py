"""Versions are pinned to plugin snapshots, and a value in its record can be signed.

Written for SQLite's ALTER TABLE: a column and a table are added, nothing is rewritten.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add what schema 3 has more than schema 2."""
    op.add_column("version", sa.Column("signature", _text))
    op.create_table(
        "plugin_snapshot",
        sa.Column("seq", _number, primary_key=True),
        sa.Column("id", _text, nullable=False, unique=True),
        sa.Column("plugin", _text, nullable=False),
        sa.Column("entry_object", _text, nullable=False),
        sa.Column("python_version", _text, nullable=False),
        sa.Column("archives", _text, nullable=False),
        sa.Column("libraries", _text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
