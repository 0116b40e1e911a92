"""What must be delivered to backends is written with what is committed.

Tables and their indexes are added, nothing is rewritten.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add what schema 4 has more than schema 3."""
    op.create_table(
        "backend",
        sa.Column("id", _number, primary_key=True),
        sa.Column("url", _text, nullable=False, unique=True),
        sa.Column("registered_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("seq", _number, primary_key=True),
        sa.Column("record_id", _text, nullable=False),
        sa.Column("kind", _text, nullable=False),
        sa.Column("backend_id", _number, sa.ForeignKey("backend.id"), nullable=False),
        sa.Column("stream", _text, nullable=False),
        sa.Column("is_first", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("tries", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("state", _text, nullable=False, server_default=sa.text("'PENDING'")),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("error", _text),
        sa.UniqueConstraint("record_id", "kind", "backend_id"),
        sqlite_autoincrement=True,
    )
    _index("ix_outbox_stream", ["stream", "backend_id", "seq"], "state = 'PENDING'")
    _index("ix_outbox_dead", ["backend_id", "seq"], "state != 'PENDING'")
    op.create_table(
        "outbox_claim",
        sa.Column("stream", _text, primary_key=True),
        sa.Column("backend_id", _number, sa.ForeignKey("backend.id"), primary_key=True),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("owner", _text),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_outbox_claim_due", "outbox_claim", ["backend_id", "due_at", "stream"])
    op.create_table(
        "external",
        sa.Column("backend_id", _number, sa.ForeignKey("backend.id"), primary_key=True),
        sa.Column("kind", _text, primary_key=True),
        sa.Column("key", _text, primary_key=True),
        sa.Column("value", _text, nullable=False),
        sqlite_with_rowid=False,
    )


def _index(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "outbox", columns, sqlite_where=condition, postgresql_where=condition)
