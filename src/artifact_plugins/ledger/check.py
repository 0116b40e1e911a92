"""Looks for damage: what `doctor` reports about a ledger."""

from __future__ import annotations

import json

from artifact_plugins.errors import LedgerError, StoreReadError
from artifact_plugins.ledger.database import Database

_GAPS = """SELECT a.project, a.name, a.next_version - 1, count(v.seq), coalesce(max(v.version), 0)
    FROM artifact AS a LEFT JOIN version AS v ON v.artifact_id = a.id
    GROUP BY a.id HAVING count(v.seq) <> a.next_version - 1
    OR coalesce(max(v.version), 0) <> a.next_version - 1 ORDER BY a.project, a.name LIMIT 100"""
_LABELLED = """SELECT seq, id, tags, aliases FROM version
    WHERE tags IS NOT NULL OR aliases IS NOT NULL"""


def problems(database: Database) -> list[str]:
    """Return one sentence for each problem found; see `Ledger.check`."""
    try:
        found = [
            f"the database is damaged: {row[0]}"
            for row in database.read("PRAGMA integrity_check(20)")
            if row[0] != "ok"
        ]
        found += [
            f"a row of {row[0]} names a row of {row[2]} that is not there"
            for row in database.read("PRAGMA foreign_key_check")[:100]
        ]
        found += [
            f"artifact {name!r} of project {project!r} has {count} versions up to number "
            f"{highest}, and {given} numbers were given out"
            for project, name, given, count, highest in database.read(_GAPS)
        ]
        return found + _labels(database)
    except (LedgerError, StoreReadError) as error:
        return [str(error)]


def _labels(database: Database) -> list[str]:
    """Compare the tags and aliases in the records with their own tables."""
    recorded: dict[tuple[str, int, str], str] = {}
    for seq, version_id, tags, aliases in database.read(_LABELLED):
        for what, text in (("tag", tags), ("alias", aliases)):
            for label in json.loads(text) if text else ():
                recorded[what, seq, label] = version_id
    listed = {
        *(("tag", *row) for row in database.read("SELECT version_seq, tag FROM version_tag")),
        *(("alias", *row) for row in database.read("SELECT version_seq, alias FROM version_alias")),
    }
    return [
        f"{what} {label!r} of version {recorded.get((what, seq, label), seq)!r} "
        "is in the record or in the table of labels, not in both"
        for what, seq, label in sorted(listed ^ recorded.keys())
    ][:100]
