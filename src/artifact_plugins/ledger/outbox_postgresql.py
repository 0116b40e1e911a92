"""SQL of the outbox for PostgreSQL: generated from `outbox_statements`, do not edit.

Change that and run `python -m artifact_plugins.ledger.compile`.
"""

CLOCK = """SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"""

ADD_BACKEND = """INSERT INTO backend (url, registered_at) VALUES (%s, %s) ON CONFLICT DO NOTHING"""

BACKENDS = """SELECT id, url, registered_at FROM backend ORDER BY id"""

BACKEND_BY_URL = """SELECT id FROM backend WHERE url = %s"""

PUT_CLAIM = """INSERT INTO outbox_claim (stream, backend_id, due_at) VALUES (%s, %s, least(%s,
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)) ON CONFLICT (stream, backend_id) DO
    UPDATE SET stream = excluded.stream"""

PUT_ROW = """INSERT INTO outbox (record_id, kind, backend_id, stream, is_first, created_at) VALUES
    (%s, %s, %s, %s, %s, %s) ON CONFLICT (record_id, kind, backend_id) DO UPDATE SET stream =
    excluded.stream, generation = (outbox.generation + 1), tries = CASE WHEN (outbox.state =
    'PENDING') THEN outbox.tries ELSE 0 END, state = 'PENDING', next_at = CASE WHEN (outbox.state =
    'PENDING') THEN outbox.next_at ELSE NULL END, error = CASE WHEN (outbox.state = 'PENDING') THEN
    outbox.error ELSE NULL END"""

STREAM_OF_VERSION = """SELECT version.run_id, artifact.project, artifact.name FROM version JOIN
    artifact ON artifact.id = version.artifact_id WHERE version.id = %s"""

VERSIONS_OF_ARTIFACT = """SELECT version.id, version.run_id FROM version JOIN artifact ON
    artifact.id = version.artifact_id WHERE artifact.project = %s AND artifact.name = %s AND
    version.deleted_at IS NULL ORDER BY version.seq"""

DUE_STREAMS = """SELECT stream FROM outbox_claim WHERE backend_id = %s AND due_at <= %s ORDER BY
    due_at, stream LIMIT %s FOR UPDATE SKIP LOCKED"""

HEAD = """SELECT count(*), max(next_at), max(created_at) FROM (SELECT next_at, created_at FROM
    outbox WHERE stream = %s AND backend_id = %s AND state = 'PENDING' ORDER BY seq LIMIT 1) AS
    head"""

LOCK_CLAIM = """SELECT owner, due_at FROM outbox_claim WHERE stream = %s AND backend_id = %s FOR
    UPDATE"""

HOLDERS = """SELECT stream, owner FROM outbox_claim WHERE backend_id = %s AND due_at > %s AND owner
    IS NOT NULL"""

SHORTEN_CLAIM = """UPDATE outbox_claim SET due_at = %s WHERE stream = %s AND backend_id = %s AND
    owner = %s AND due_at > %s"""

SET_CLAIM = """UPDATE outbox_claim SET owner = %s, due_at = %s WHERE stream = %s AND backend_id =
    %s"""

EXTEND_CLAIM = """UPDATE outbox_claim SET due_at = %s WHERE stream = %s AND backend_id = %s AND
    owner = %s"""

WAKE_CLAIM = """UPDATE outbox_claim SET due_at = %s WHERE stream = %s AND backend_id = %s AND owner
    IS NULL AND due_at > %s"""

DELETE_CLAIM = """DELETE FROM outbox_claim WHERE stream = %s AND backend_id = %s"""

NEXT_DUE = """SELECT due_at, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM
    outbox_claim WHERE backend_id = %s ORDER BY due_at LIMIT 1"""

LAST_DUE = """SELECT due_at FROM outbox_claim WHERE backend_id = %s ORDER BY due_at DESC LIMIT 1"""

BRING_NEAR = """UPDATE outbox_claim SET due_at = CASE WHEN owner IS NULL THEN %s ELSE %s END WHERE
    (stream, backend_id) IN (SELECT stream, backend_id FROM outbox_claim WHERE backend_id = %s AND
    due_at > %s FOR UPDATE SKIP LOCKED)"""

UNCLAIMABLE = """SELECT DISTINCT backend.url, outbox.stream FROM outbox JOIN backend ON backend.id =
    outbox.backend_id WHERE outbox.state = 'PENDING' AND NOT EXISTS (SELECT 1 FROM outbox_claim
    WHERE outbox_claim.stream = outbox.stream AND outbox_claim.backend_id = outbox.backend_id) LIMIT
    100"""

ROWS = """SELECT seq, backend_id, stream, kind, record_id, generation, tries, state, next_at, error,
    created_at, is_first FROM outbox"""

ROWS_OF_STREAM = """SELECT seq, backend_id, stream, kind, record_id, generation, tries, state,
    next_at, error, created_at, is_first FROM outbox WHERE stream = %s AND backend_id = %s AND state
    = 'PENDING' ORDER BY seq LIMIT %s"""

ROW = """SELECT seq, backend_id, stream, kind, record_id, generation, tries, state, next_at, error,
    created_at, is_first FROM outbox WHERE record_id = %s AND kind = %s AND backend_id = %s"""

ROW_BY_SEQ = """SELECT seq, backend_id, stream, kind, record_id, generation, tries, state, next_at,
    error, created_at, is_first FROM outbox WHERE seq = %s"""

COUNTS = """SELECT backend.id, (SELECT count(*) FROM outbox WHERE backend_id = backend.id AND state
    = 'PENDING'), (SELECT count(*) FROM outbox WHERE backend_id = backend.id AND state !=
    'PENDING'), (SELECT created_at FROM outbox WHERE seq = (SELECT min(seq) FROM outbox WHERE
    backend_id = backend.id AND state = 'PENDING')) FROM backend ORDER BY backend.id"""

BEGIN_ROW = """UPDATE outbox SET tries = tries + 1, is_first = false WHERE seq = %s"""

DELETE_DONE = """DELETE FROM outbox WHERE seq = %s AND generation = %s"""

SENT_BEFORE = """UPDATE outbox SET tries = 1, next_at = NULL, error = NULL WHERE seq = %s AND state
    = 'PENDING'"""

POSTPONE = """UPDATE outbox SET tries = CASE WHEN tries > %s THEN tries - %s ELSE 0 END, next_at =
    %s, error = %s WHERE seq = %s AND state = 'PENDING'"""

BURY = """UPDATE outbox SET state = 'DEAD', next_at = NULL, error = %s WHERE seq = %s AND generation
    = %s"""

QUARANTINE = """UPDATE outbox SET state = 'DEAD', next_at = NULL, error = %s, stream = %s, kind =
    %s, record_id = %s, generation = %s, tries = %s, created_at = %s WHERE seq = %s"""

REVIVE = """UPDATE outbox SET state = 'PENDING', tries = 0, next_at = NULL, error = NULL WHERE seq =
    %s AND state != 'PENDING'"""

DO_NOT_WAIT = """UPDATE outbox SET next_at = NULL WHERE seq = %s AND state = 'PENDING'"""

DELETE_ROW = """DELETE FROM outbox WHERE seq = %s"""

DELETE_PENDING = """DELETE FROM outbox WHERE seq = %s AND state = 'PENDING'"""

DELETE_DEAD = """DELETE FROM outbox WHERE seq = %s AND state != 'PENDING'"""

RUNS_TO_ENQUEUE = """SELECT id, id FROM run WHERE run.id > %s AND (%s = 1 OR NOT (EXISTS (SELECT 1
    FROM external WHERE external.backend_id = %s AND external.kind = 'run' AND external.key =
    run.id) OR EXISTS (SELECT 1 FROM outbox WHERE outbox.record_id = run.id AND outbox.kind = 'run'
    AND outbox.backend_id = %s AND outbox.state = 'PENDING'))) ORDER BY run.id LIMIT %s"""

TASKS_TO_ENQUEUE = """SELECT id, run_id FROM task WHERE task.id > %s AND (%s = 1 OR NOT (EXISTS
    (SELECT 1 FROM external WHERE external.backend_id = %s AND external.kind = 'task' AND
    external.key = task.id) OR EXISTS (SELECT 1 FROM outbox WHERE outbox.record_id = task.id AND
    outbox.kind = 'task' AND outbox.backend_id = %s AND outbox.state = 'PENDING'))) ORDER BY task.id
    LIMIT %s"""

VERSIONS_TO_ENQUEUE = """SELECT version.seq, version.id, version.run_id, artifact.project,
    artifact.name FROM version JOIN artifact ON artifact.id = version.artifact_id WHERE version.seq
    > %s AND version.task_id IS NULL AND (%s = 1 OR version.deleted_at IS NULL) AND (%s = 1 OR NOT
    (EXISTS (SELECT 1 FROM external WHERE external.backend_id = %s AND external.kind = 'version' AND
    external.key = version.id) OR EXISTS (SELECT 1 FROM outbox WHERE outbox.record_id = version.id
    AND outbox.kind = 'version' AND outbox.backend_id = %s AND outbox.state = 'PENDING'))) ORDER BY
    version.seq LIMIT %s"""

NOTE = """INSERT INTO external (backend_id, kind, key, value) VALUES (%s, %s, %s, %s) ON CONFLICT
    (backend_id, kind, key) DO UPDATE SET value = excluded.value"""

EXTERNAL = """SELECT value FROM external WHERE backend_id = %s AND kind = %s AND key = %s"""

EXTERNALS = """SELECT backend.url, external.value FROM backend JOIN external ON external.backend_id
    = backend.id WHERE external.kind = %s AND external.key = %s ORDER BY backend.id"""

EXTERNAL_PAGE = """SELECT key, value FROM external WHERE backend_id = %s AND kind = %s AND key > %s
    ORDER BY key LIMIT %s"""

FORGET = """DELETE FROM external WHERE backend_id = %s AND kind = %s AND key = %s"""

# By the text for one row.
MANY = {
    ADD_BACKEND: (
        """INSERT INTO backend (url, registered_at) SELECT * FROM unnest(%s::text[], %s::bigint[])
        ON CONFLICT DO NOTHING""",
        0,
    ),
    PUT_ROW: (
        """INSERT INTO outbox (record_id, kind, backend_id, stream, is_first, created_at) SELECT *
        FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::boolean[], %s::bigint[])
        ON CONFLICT (record_id, kind, backend_id) DO UPDATE SET stream = excluded.stream, generation
        = (outbox.generation + 1), tries = CASE WHEN (outbox.state = 'PENDING') THEN outbox.tries
        ELSE 0 END, state = 'PENDING', next_at = CASE WHEN (outbox.state = 'PENDING') THEN
        outbox.next_at ELSE NULL END, error = CASE WHEN (outbox.state = 'PENDING') THEN outbox.error
        ELSE NULL END""",
        3,
    ),
}
