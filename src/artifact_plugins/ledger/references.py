"""What versions and links name, held up on PostgreSQL once a statement instead of once a row.

A foreign key of PostgreSQL looks up and locks the named row for every row that
is inserted, which costs more than the insert. Nothing that is named here is
ever deleted, so it is enough to look without a lock, each name once.

Source:
    https://www.postgresql.org/docs/current/sql-createtrigger.html (transition tables)
"""

from __future__ import annotations

from sqlalchemy import Table


def trigger_statements(table: Table) -> list[str]:
    """Return the SQL that refuses rows of a table which name what is not there.

    They fail as those of a foreign key do.
    """
    # A subquery for each name stays a look into the index of its table, and is
    # never a join that reads all of it; so does the setting.
    conditions = " OR ".join(
        "EXISTS (SELECT 1 FROM"  # noqa: S608  # our own names
        f" (SELECT DISTINCT {own} AS one FROM added WHERE {own} IS NOT NULL)"
        f" AS named WHERE (SELECT 1 FROM {other} WHERE id = named.one) IS NULL)"
        for own, other in named_by(table)
    )
    name = f"{table.name}_refers"
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS"
        f" $$ BEGIN IF {conditions} THEN RAISE foreign_key_violation USING MESSAGE ="
        f" 'a row of {table.name} names a row that is not there'; END IF; RETURN NULL; END $$",
        f"CREATE TRIGGER {name} AFTER INSERT ON {table.name} REFERENCING NEW TABLE AS added"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
    ]


def dangling_statements(table: Table) -> list[str]:
    """Return a SELECT for each column that names: a sentence when it names what is not there."""
    return [
        "SELECT"  # noqa: S608  # our own names
        f" 'a row of {table.name} names a row of {other} that is not there' WHERE EXISTS"
        f" (SELECT 1 FROM {table.name} AS one WHERE one.{own} IS NOT NULL AND NOT EXISTS"
        f" (SELECT 1 FROM {other} WHERE id = one.{own}))"
        for own, other in named_by(table)
    ]


def named_by(table: Table) -> list[tuple[str, str]]:
    """Return each column of a table that names the id of another, and that other."""
    return sorted((key.parent.name, key.column.table.name) for key in table.foreign_keys)
