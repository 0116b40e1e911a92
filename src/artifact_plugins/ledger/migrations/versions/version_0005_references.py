"""On PostgreSQL what versions and links name is looked for once a statement.

Foreign keys become triggers, and the index of the links of a version says of
which type they are. Only that index is written anew; SQLite stays as it is.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NAMED = {
    "version": {
        "artifact_id": "artifact",
        "kind_id": "version_kind",
        "run_id": "run",
        "task_id": "task",
    },
    "link": {"run_id": "run", "task_id": "task", "version_id": "version"},
}


def upgrade() -> None:
    """Make of schema 4 what schema 5 has."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, named in _NAMED.items():
        for column in named:
            op.drop_constraint(f"{table}_{column}_fkey", table, type_="foreignkey")
        conditions = " OR ".join(
            "EXISTS (SELECT 1 FROM"  # noqa: S608  # our own names
            f" (SELECT DISTINCT {own} AS one FROM added"
            f" WHERE {own} IS NOT NULL) AS named"
            f" WHERE (SELECT 1 FROM {other} WHERE id = named.one) IS NULL)"
            for own, other in named.items()
        )
        op.execute(
            f"CREATE FUNCTION {table}_refers() RETURNS trigger LANGUAGE plpgsql"
            f" SET enable_seqscan = off AS $$ BEGIN IF {conditions}"
            " THEN RAISE foreign_key_violation USING MESSAGE ="
            f" 'a row of {table} names a row that is not there'; END IF; RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_refers AFTER INSERT ON {table}"
            " REFERENCING NEW TABLE AS added FOR EACH STATEMENT"
            f" EXECUTE FUNCTION {table}_refers()"
        )
    op.drop_index("ix_link_version", "link")
    op.create_index(
        "ix_link_version_type",
        "link",
        ["version_id", "io_type"],
        postgresql_where=sa.text("version_id IS NOT NULL"),
    )
