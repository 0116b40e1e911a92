"""What backends call our records: a few facts by kind and key, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from artifact_plugins.ledger.database import Database, repeat
from artifact_plugins.ledger.pages import check_limit
from artifact_plugins.ledger.rows import to_json


def external(database: Database, backend_id: int, kind: str, key: str) -> dict[str, Any] | None:
    """Return what was noted; see `Outbox.external`."""
    found = database.read(database.outbox_sql.EXTERNAL, (backend_id, kind, key))
    return _decode(found[0][0]) if found else None


def note(
    database: Database, backend_id: int, kind: str, key: str, value: Mapping[str, Any]
) -> None:
    """Keep a fact in the place of an earlier one; see `Outbox.note`."""
    text = to_json(dict(value), f"the note about {kind} {key!r}")

    def work() -> None:
        # Whatever comes later in the log is not there without this: a power cut
        # that loses the note brings the row back too.
        with database.transaction(durable=False) as cursor:
            cursor.execute(database.outbox_sql.NOTE, (backend_id, kind, key, text))

    repeat(database, work, is_keyed=True)


def forget(database: Database, backend_id: int, kind: str, keys: Sequence[str]) -> int:
    """Remove what was noted; see `Outbox.forget`."""

    def work() -> int:
        count = 0
        with database.transaction() as cursor:
            for key in sorted(set(keys)):
                cursor.execute(database.outbox_sql.FORGET, (backend_id, kind, key))
                count += cursor.rowcount
        return count

    return repeat(database, work, is_keyed=True) if keys else 0


def externals(database: Database, kind: str, key: str) -> dict[str, dict[str, Any]]:
    """Return what every backend calls a record; see `Outbox.externals`."""
    found = database.read(database.outbox_sql.EXTERNALS, (kind, key))
    decoded = ((url, _decode(text)) for url, text in found)
    return {url: value for url, value in decoded if value is not None}


def external_page(
    database: Database, backend_id: int, kind: str, *, after: str, limit: int
) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return a page of notes by key; see `Outbox.external_page`."""
    values = (backend_id, kind, after, check_limit(limit))
    found = database.read(database.outbox_sql.EXTERNAL_PAGE, values)
    return tuple((key, _decode(text) or {}) for key, text in found)


def _decode(text: object) -> dict[str, Any] | None:
    """Read a note; a damaged one counts as none, and the backend is asked again."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
