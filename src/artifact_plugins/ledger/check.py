"""Looks for damage: what `doctor` reports about a ledger."""

from __future__ import annotations

import json

from artifact_plugins.errors import LedgerError, StoreReadError
from artifact_plugins.ledger.database import Database


def problems(database: Database) -> list[str]:
    """Return one sentence for each problem found; see `Ledger.check`."""
    try:
        found = database.damage()
        found += [
            f"artifact {name!r} of project {project!r} has {count} versions up to number "
            f"{highest}, and {given} numbers were given out; {deleted} of them are deleted, "
            f"and {counted} were counted"
            for project, name, given, count, highest, deleted, counted in database.read(
                database.sql.GAPS
            )
        ]
        return found + _labels(database) + _streams(database)
    except (LedgerError, StoreReadError) as error:
        return [str(error)]


def _labels(database: Database) -> list[str]:
    """Compare the tags and aliases in the records with their own tables."""
    recorded: dict[tuple[str, int, str], str] = {}
    for seq, version_id, tags, aliases in database.read(database.sql.LABELLED):
        for what, text in (("tag", tags), ("alias", aliases)):
            for label in json.loads(text) if text else ():
                recorded[what, seq, label] = version_id
    listed = {
        *(("tag", *row) for row in database.read(database.sql.TAGS)),
        *(("alias", *row) for row in database.read(database.sql.ALIASES)),
    }
    return [
        f"{what} {label!r} of version {recorded.get((what, seq, label), seq)!r} "
        "is in the record or in the table of labels, not in both"
        for what, seq, label in sorted(listed ^ recorded.keys())
    ][:100]


def _streams(database: Database) -> list[str]:
    """Look for rows of the outbox that nobody would ever claim."""
    return [
        f"what waits for backend {url!r} in stream {stream!r} is in nobody's turn; "
        "replaying it mends that"
        for url, stream in database.read(database.outbox_sql.UNCLAIMABLE)
    ]
