"""The statements of the outbox, of claims and of external ids; compiled apart from the others."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ClauseElement, case, literal_column, text

from artifact_plugins.ledger.schema import backend, outbox
from artifact_plugins.ledger.statement_parts import Names, PerDialect, insert_row, plain

# One clock for all whose leases meet: processes that share a file share a machine.
_SERVER_NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

# What `decoding.decode` reads.
_ROWS = """SELECT seq, backend_id, stream, kind, record_id, generation, tries, state, next_at,
    error, created_at, is_first FROM outbox"""
_HAS_EXTERNAL = """EXISTS (SELECT 1 FROM external WHERE external.backend_id = :backend_id
    AND external.kind = '{kind}' AND external.key = {table}.id)"""
_WAITS = """EXISTS (SELECT 1 FROM outbox WHERE outbox.record_id = {table}.id
    AND outbox.kind = '{kind}' AND outbox.backend_id = :same_backend_id
    AND outbox.state = 'PENDING')"""


def _per_dialect(sqlite: str, postgresql: str) -> tuple[PerDialect, Names]:
    one, names = plain(sqlite)
    other, same = plain(postgresql)
    assert names == same
    return PerDialect(one, other), names


def _put_row() -> tuple[ClauseElement, Names]:
    columns = ("record_id", "kind", "backend_id", "stream", "is_first", "created_at")
    statement = insert_row(outbox, columns)
    waits = outbox.c.state == literal_column("'PENDING'")
    changes: dict[str, Any] = {
        # An artifact may have another name since.
        "stream": statement.excluded.stream,
        "generation": outbox.c.generation + literal_column("1"),
        "tries": case((waits, outbox.c.tries), else_=literal_column("0")),
        "next_at": case((waits, outbox.c.next_at), else_=literal_column("NULL")),
        "error": case((waits, outbox.c.error), else_=literal_column("NULL")),
        "state": literal_column("'PENDING'"),
    }
    return statement.on_conflict_do_update(index_elements=list(columns[:3]), set_=changes), columns


def _unknown(columns: str, table: str, kind: str, key: str, *, where: str = "") -> Any:
    """Select a chunk of records to enqueue, all of them or those a backend does not know."""
    known = f"{_HAS_EXTERNAL} OR {_WAITS}".format(table=table, kind=kind)
    return plain(
        f"SELECT {columns} WHERE {key} > :after {where} AND (:everything = 1 OR NOT ({known})) "  # our own names
        f"ORDER BY {key} LIMIT :limit"
    )


OUTBOX: dict[str, tuple[ClauseElement | PerDialect, Names]] = {
    "CLOCK": (PerDialect(sqlite=text("SELECT 0"), postgresql=text(f"SELECT {_SERVER_NOW}")), ()),
    # backends
    "ADD_BACKEND": (
        insert_row(backend, ("url", "registered_at")).on_conflict_do_nothing(),
        ("url", "registered_at"),
    ),
    "BACKENDS": plain("SELECT id, url, registered_at FROM backend ORDER BY id"),
    "BACKEND_BY_URL": plain("SELECT id FROM backend WHERE url = :url"),
    # what a commit and an edit write; the claim first
    "PUT_CLAIM": _per_dialect(
        """INSERT INTO outbox_claim (stream, backend_id, due_at)
        VALUES (:stream, :backend_id, :due_at) ON CONFLICT (stream, backend_id) DO NOTHING""",
        # A server has several writers: the one who finds the row there keeps it locked.
        f"""INSERT INTO outbox_claim (stream, backend_id, due_at)
        VALUES (:stream, :backend_id, least(:due_at, {_SERVER_NOW}))
        ON CONFLICT (stream, backend_id) DO UPDATE SET stream = excluded.stream""",  # noqa: S608  # our own text
    ),
    "PUT_ROW": _put_row(),
    "STREAM_OF_VERSION": plain(
        """SELECT version.run_id, artifact.project, artifact.name FROM version
        JOIN artifact ON artifact.id = version.artifact_id WHERE version.id = :id"""
    ),
    "VERSIONS_OF_ARTIFACT": plain(
        """SELECT version.id, version.run_id FROM version
        JOIN artifact ON artifact.id = version.artifact_id
        WHERE artifact.project = :project AND artifact.name = :name
        AND version.deleted_at IS NULL ORDER BY version.seq"""
    ),
    # claims
    "DUE_STREAMS": _per_dialect(
        """SELECT stream FROM outbox_claim WHERE backend_id = :backend_id AND due_at <= :now
        ORDER BY due_at, stream LIMIT :limit""",
        """SELECT stream FROM outbox_claim WHERE backend_id = :backend_id AND due_at <= :now
        ORDER BY due_at, stream LIMIT :limit FOR UPDATE SKIP LOCKED""",
    ),
    # One row in any case.
    "HEAD": plain(
        """SELECT count(*), max(next_at), max(created_at) FROM (SELECT next_at, created_at
        FROM outbox WHERE stream = :stream AND backend_id = :backend_id AND state = 'PENDING'
        ORDER BY seq LIMIT 1) AS head"""
    ),
    "LOCK_CLAIM": _per_dialect(
        """SELECT owner, due_at FROM outbox_claim
        WHERE stream = :stream AND backend_id = :backend_id""",
        """SELECT owner, due_at FROM outbox_claim
        WHERE stream = :stream AND backend_id = :backend_id FOR UPDATE""",
    ),
    "HOLDERS": plain(
        """SELECT stream, owner FROM outbox_claim
        WHERE backend_id = :backend_id AND due_at > :now AND owner IS NOT NULL"""
    ),
    "SHORTEN_CLAIM": plain(
        """UPDATE outbox_claim SET due_at = :due_at WHERE stream = :stream
        AND backend_id = :backend_id AND owner = :owner AND due_at > :later_than"""
    ),
    "SET_CLAIM": plain(
        """UPDATE outbox_claim SET owner = :owner, due_at = :due_at
        WHERE stream = :stream AND backend_id = :backend_id"""
    ),
    "EXTEND_CLAIM": plain(
        """UPDATE outbox_claim SET due_at = :due_at
        WHERE stream = :stream AND backend_id = :backend_id AND owner = :owner"""
    ),
    "WAKE_CLAIM": plain(
        """UPDATE outbox_claim SET due_at = :due_at WHERE stream = :stream
        AND backend_id = :backend_id AND owner IS NULL AND due_at > :later_than"""
    ),
    "DELETE_CLAIM": plain(
        "DELETE FROM outbox_claim WHERE stream = :stream AND backend_id = :backend_id"
    ),
    "NEXT_DUE": _per_dialect(
        """SELECT due_at, 0 FROM outbox_claim WHERE backend_id = :backend_id
        ORDER BY due_at LIMIT 1""",
        f"""SELECT due_at, {_SERVER_NOW} FROM outbox_claim WHERE backend_id = :backend_id
        ORDER BY due_at LIMIT 1""",  # noqa: S608  # our own text
    ),
    "LAST_DUE": plain(
        """SELECT due_at FROM outbox_claim WHERE backend_id = :backend_id
        ORDER BY due_at DESC LIMIT 1"""
    ),
    # After a clock that was fast was set back.
    "BRING_NEAR": _per_dialect(
        """UPDATE outbox_claim SET due_at = CASE WHEN owner IS NULL THEN :now ELSE :until END
        WHERE backend_id = :backend_id AND due_at > :farthest""",
        """UPDATE outbox_claim SET due_at = CASE WHEN owner IS NULL THEN :now ELSE :until END
        WHERE (stream, backend_id) IN (SELECT stream, backend_id FROM outbox_claim
        WHERE backend_id = :backend_id AND due_at > :farthest FOR UPDATE SKIP LOCKED)""",
    ),
    "UNCLAIMABLE": plain(
        """SELECT DISTINCT backend.url, outbox.stream FROM outbox
        JOIN backend ON backend.id = outbox.backend_id WHERE outbox.state = 'PENDING'
        AND NOT EXISTS (SELECT 1 FROM outbox_claim WHERE outbox_claim.stream = outbox.stream
        AND outbox_claim.backend_id = outbox.backend_id) LIMIT 100"""
    ),
    # rows
    "ROWS": plain(_ROWS),
    "ROWS_OF_STREAM": plain(
        f"""{_ROWS} WHERE stream = :stream AND backend_id = :backend_id AND state = 'PENDING'
        ORDER BY seq LIMIT :limit"""
    ),
    "ROW": plain(
        f"{_ROWS} WHERE record_id = :record_id AND kind = :kind AND backend_id = :backend_id"
    ),
    "ROW_BY_SEQ": plain(f"{_ROWS} WHERE seq = :seq"),
    "COUNTS": plain(
        """SELECT backend.id,
        (SELECT count(*) FROM outbox WHERE backend_id = backend.id AND state = 'PENDING'),
        (SELECT count(*) FROM outbox WHERE backend_id = backend.id AND state != 'PENDING'),
        (SELECT created_at FROM outbox WHERE seq = (SELECT min(seq) FROM outbox
            WHERE backend_id = backend.id AND state = 'PENDING'))
        FROM backend ORDER BY backend.id"""
    ),
    "BEGIN_ROW": plain("UPDATE outbox SET tries = tries + 1, is_first = false WHERE seq = :seq"),
    "DELETE_DONE": plain("DELETE FROM outbox WHERE seq = :seq AND generation = :generation"),
    # What was sent once is there; what changed meanwhile goes next.
    "SENT_BEFORE": plain(
        """UPDATE outbox SET tries = 1, next_at = NULL, error = NULL
        WHERE seq = :seq AND state = 'PENDING'"""
    ),
    "POSTPONE": plain(
        """UPDATE outbox SET tries = CASE WHEN tries > :back THEN tries - :same_back ELSE 0 END,
        next_at = :next_at, error = :error WHERE seq = :seq AND state = 'PENDING'"""
    ),
    "BURY": plain(
        """UPDATE outbox SET state = 'DEAD', next_at = NULL, error = :error
        WHERE seq = :seq AND generation = :generation"""
    ),
    "QUARANTINE": plain(
        """UPDATE outbox SET state = 'DEAD', next_at = NULL, error = :error, stream = :stream,
        kind = :kind, record_id = :record_id, generation = :generation, tries = :tries,
        created_at = :created_at WHERE seq = :seq"""
    ),
    "REVIVE": plain(
        """UPDATE outbox SET state = 'PENDING', tries = 0, next_at = NULL, error = NULL
        WHERE seq = :seq AND state != 'PENDING'"""
    ),
    "DO_NOT_WAIT": plain("UPDATE outbox SET next_at = NULL WHERE seq = :seq AND state = 'PENDING'"),
    "DELETE_ROW": plain("DELETE FROM outbox WHERE seq = :seq"),
    "DELETE_PENDING": plain("DELETE FROM outbox WHERE seq = :seq AND state = 'PENDING'"),
    "DELETE_DEAD": plain("DELETE FROM outbox WHERE seq = :seq AND state != 'PENDING'"),
    # everything, oldest first
    "RUNS_TO_ENQUEUE": _unknown("id, id FROM run", "run", "run", "run.id"),
    "TASKS_TO_ENQUEUE": _unknown("id, run_id FROM task", "task", "task", "task.id"),
    "VERSIONS_TO_ENQUEUE": _unknown(
        """version.seq, version.id, version.run_id, artifact.project, artifact.name
        FROM version JOIN artifact ON artifact.id = version.artifact_id""",
        "version",
        "version",
        "version.seq",
        where="AND version.task_id IS NULL AND (:all_of_them = 1 OR version.deleted_at IS NULL)",
    ),
    # external ids
    "NOTE": plain(
        """INSERT INTO external (backend_id, kind, key, value)
        VALUES (:backend_id, :kind, :key, :value)
        ON CONFLICT (backend_id, kind, key) DO UPDATE SET value = excluded.value""",
    ),
    "EXTERNAL": plain(
        """SELECT value FROM external
        WHERE backend_id = :backend_id AND kind = :kind AND key = :key"""
    ),
    "EXTERNALS": plain(
        """SELECT backend.url, external.value FROM backend JOIN external
        ON external.backend_id = backend.id
        WHERE external.kind = :kind AND external.key = :key ORDER BY backend.id"""
    ),
    "EXTERNAL_PAGE": plain(
        """SELECT key, value FROM external WHERE backend_id = :backend_id AND kind = :kind
        AND key > :after ORDER BY key LIMIT :limit"""
    ),
    "FORGET": plain(
        "DELETE FROM external WHERE backend_id = :backend_id AND kind = :kind AND key = :key"
    ),
}
