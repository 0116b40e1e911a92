"""Records that are to be sent again: some, or all that a backend does not know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, get_args

from artifact_plugins.errors import InputError
from artifact_plugins.ledger.database import Database, repeat
from artifact_plugins.ledger.outbox.changes import Change, put
from artifact_plugins.ledger.outbox.clock import moment
from artifact_plugins.records import OutboxKind, version_stream

_CHUNK = 500
_KINDS = get_args(OutboxKind)


def enqueue(database: Database, backend_id: int, entries: Iterable[tuple[str, str, str]]) -> int:
    """Write rows for records; see `Outbox.enqueue`."""
    left = iter(entries)
    count = 0
    while some := list(islice(left, _CHUNK)):
        # Somebody may have sent them before: nobody may create without a look.
        changes = [(stream, kind, record, False) for stream, kind, record in dict.fromkeys(some)]
        for _, kind, record, _ in changes:
            if kind not in _KINDS:
                raise InputError(
                    f"the outbox has rows of the kinds {', '.join(_KINDS)}, not {kind!r}",
                    hint="this row and what follows it were not written",
                    record_id=record,
                )
        _put(database, backend_id, changes)
        count += len(changes)
    return count


def enqueue_all(database: Database, backend_id: int, *, only_unknown: bool) -> int:
    """Write rows for every record, oldest first; see `Outbox.enqueue_all`."""
    count = 0
    for chunk in _all(database, backend_id, everything=int(not only_unknown)):
        _put(database, backend_id, chunk)
        count += len(chunk)
    return count


def _put(database: Database, backend_id: int, changes: list[Change]) -> None:
    def work() -> None:
        with database.transaction() as cursor:
            put(database, cursor, changes, (backend_id,))
            # One that was given up may be the first of its stream now.
            now = moment(database, cursor)
            streams = sorted({change[0] for change in changes})
            cursor.executemany(
                database.outbox_sql.WAKE_CLAIM,
                [(now, stream, backend_id, now) for stream in streams],
            )

    repeat(database, work, is_keyed=True)


def _all(database: Database, backend_id: int, *, everything: int) -> Iterator[list[Change]]:
    """Yield runs, then tasks, then versions without a task: each a few hundred at once."""
    sql = database.outbox_sql
    end = (backend_id, backend_id, _CHUNK)
    for kind, text in (("run", sql.RUNS_TO_ENQUEUE), ("task", sql.TASKS_TO_ENQUEUE)):
        after = ""
        while found := database.read(text, (after, everything, *end)):
            yield [(run_id, kind, record_id, False) for record_id, run_id in found]
            after = found[-1][0]
    place: Any = 0
    while found := database.read(sql.VERSIONS_TO_ENQUEUE, (place, everything, everything, *end)):
        yield [
            (version_stream(run_id, project, artifact), "version", version_id, False)
            for _, version_id, run_id, project, artifact in found
        ]
        place = found[-1][0]
