"""Tables of the ledger for PostgreSQL: generated from `schema`, do not edit.

Change that and run `python -m artifact_plugins.ledger.compile`.
"""

CREATE = (
    """CREATE TABLE aborted_version (id TEXT COLLATE "C" NOT NULL, aborted_at BIGINT NOT NULL,
        PRIMARY KEY (id))""",
    """CREATE TABLE artifact (id BIGSERIAL NOT NULL, project TEXT COLLATE "C" NOT NULL, name TEXT
        COLLATE "C" NOT NULL, next_version INTEGER NOT NULL, deleted_versions INTEGER DEFAULT 0 NOT
        NULL, PRIMARY KEY (id), UNIQUE (project, name))""",
    """CREATE TABLE backend (id BIGSERIAL NOT NULL, url TEXT COLLATE "C" NOT NULL, registered_at
        BIGINT NOT NULL, PRIMARY KEY (id), UNIQUE (url))""",
    """CREATE TABLE ledger_identity (one SERIAL NOT NULL, id TEXT COLLATE "C" NOT NULL, PRIMARY KEY
        (one))""",
    """CREATE TABLE ledger_schema (version_num VARCHAR(32) NOT NULL, CONSTRAINT ledger_schema_pkc
        PRIMARY KEY (version_num))""",
    """CREATE TABLE plugin_snapshot (seq BIGSERIAL NOT NULL, id TEXT COLLATE "C" NOT NULL, plugin
        TEXT COLLATE "C" NOT NULL, entry_object TEXT COLLATE "C" NOT NULL, python_version TEXT
        COLLATE "C" NOT NULL, archives TEXT COLLATE "C" NOT NULL, libraries TEXT COLLATE "C",
        created_at BIGINT NOT NULL, PRIMARY KEY (seq), UNIQUE (id))""",
    """CREATE TABLE run (id TEXT COLLATE "C" NOT NULL, project TEXT COLLATE "C" NOT NULL, pipeline
        TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL, state TEXT COLLATE "C" NOT NULL,
        parameters TEXT COLLATE "C", started_at BIGINT NOT NULL, ended_at BIGINT, error TEXT COLLATE
        "C", external_ids TEXT COLLATE "C", PRIMARY KEY (id))""",
    """CREATE INDEX ix_run_name ON run (name)""",
    """CREATE INDEX ix_run_pipeline ON run (pipeline, id)""",
    """CREATE INDEX ix_run_project ON run (project, id)""",
    """CREATE TABLE version_kind (id BIGSERIAL NOT NULL, project TEXT COLLATE "C" NOT NULL,
        artifact_type TEXT COLLATE "C" NOT NULL, data_type TEXT COLLATE "C" NOT NULL, PRIMARY KEY
        (id), UNIQUE (project, artifact_type, data_type))""",
    """CREATE TABLE external (backend_id BIGINT NOT NULL, kind TEXT COLLATE "C" NOT NULL, key TEXT
        COLLATE "C" NOT NULL, value TEXT COLLATE "C" NOT NULL, PRIMARY KEY (backend_id, kind, key),
        FOREIGN KEY(backend_id) REFERENCES backend (id))""",
    """CREATE TABLE outbox (seq BIGSERIAL NOT NULL, record_id TEXT COLLATE "C" NOT NULL, kind TEXT
        COLLATE "C" NOT NULL, backend_id BIGINT NOT NULL, stream TEXT COLLATE "C" NOT NULL, is_first
        BOOLEAN NOT NULL, created_at BIGINT NOT NULL, generation INTEGER DEFAULT 1 NOT NULL, tries
        INTEGER DEFAULT 0 NOT NULL, state TEXT COLLATE "C" DEFAULT 'PENDING' NOT NULL, next_at
        BIGINT, error TEXT COLLATE "C", PRIMARY KEY (seq), UNIQUE (record_id, kind, backend_id),
        FOREIGN KEY(backend_id) REFERENCES backend (id))""",
    """CREATE INDEX ix_outbox_dead ON outbox (backend_id, seq) WHERE state != 'PENDING'""",
    """CREATE INDEX ix_outbox_stream ON outbox (stream, backend_id, seq) WHERE state = 'PENDING'""",
    """CREATE TABLE outbox_claim (stream TEXT COLLATE "C" NOT NULL, backend_id BIGINT NOT NULL,
        due_at BIGINT NOT NULL, owner TEXT COLLATE "C", PRIMARY KEY (stream, backend_id), FOREIGN
        KEY(backend_id) REFERENCES backend (id))""",
    """CREATE INDEX ix_outbox_claim_due ON outbox_claim (backend_id, due_at, stream)""",
    """CREATE TABLE task (id TEXT COLLATE "C" NOT NULL, run_id TEXT COLLATE "C" NOT NULL, parent_id
        TEXT COLLATE "C", name TEXT COLLATE "C" NOT NULL, scope_path TEXT COLLATE "C" NOT NULL, type
        TEXT COLLATE "C" NOT NULL, iteration_index INTEGER, iteration_count INTEGER, state TEXT
        COLLATE "C" NOT NULL, attempt INTEGER NOT NULL, code_snapshot TEXT COLLATE "C", cache_key
        TEXT COLLATE "C", started_at BIGINT NOT NULL, ended_at BIGINT, error TEXT COLLATE "C",
        PRIMARY KEY (id), FOREIGN KEY(run_id) REFERENCES run (id), FOREIGN KEY(parent_id) REFERENCES
        task (id) DEFERRABLE INITIALLY DEFERRED)""",
    """CREATE INDEX ix_task_name ON task (name, id)""",
    """CREATE INDEX ix_task_run ON task (run_id, id)""",
    """CREATE TABLE cache_entry (key TEXT COLLATE "C" NOT NULL, task_id TEXT COLLATE "C" NOT NULL,
        step TEXT COLLATE "C" NOT NULL, parts TEXT COLLATE "C" NOT NULL, PRIMARY KEY (key), FOREIGN
        KEY(task_id) REFERENCES task (id))""",
    """CREATE INDEX ix_cache_entry_step ON cache_entry (step, task_id)""",
    """CREATE TABLE version (seq BIGSERIAL NOT NULL, artifact_id BIGINT NOT NULL, version INTEGER
        NOT NULL, kind_id BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, idempotency_key TEXT
        COLLATE "C", version_name TEXT COLLATE "C", materializer TEXT COLLATE "C", artifact_task
        TEXT COLLATE "C", parameters TEXT COLLATE "C", format TEXT COLLATE "C" NOT NULL,
        plugin_snapshot TEXT COLLATE "C", uri TEXT COLLATE "C" NOT NULL, files TEXT COLLATE "C",
        size_bytes BIGINT NOT NULL, is_directory BOOLEAN NOT NULL, content_hash TEXT COLLATE "C" NOT
        NULL, manifest_digest TEXT COLLATE "C", save_type TEXT COLLATE "C" NOT NULL, description
        TEXT COLLATE "C", tags TEXT COLLATE "C", aliases TEXT COLLATE "C", metadata TEXT COLLATE
        "C", previews TEXT COLLATE "C", run_id TEXT COLLATE "C", task_id TEXT COLLATE "C",
        item_count BIGINT, created_at BIGINT NOT NULL, updated_at BIGINT, created_by TEXT COLLATE
        "C" NOT NULL, deleted_at BIGINT, collected_at BIGINT, signature TEXT COLLATE "C", PRIMARY
        KEY (seq), UNIQUE (artifact_id, version), UNIQUE (id))""",
    """CREATE UNIQUE INDEX ix_version_key ON version (idempotency_key) WHERE idempotency_key IS NOT
        NULL""",
    """CREATE INDEX ix_version_kind ON version (kind_id, seq) WHERE deleted_at IS NULL""",
    """CREATE INDEX ix_version_run ON version (run_id) WHERE run_id IS NOT NULL""",
    """CREATE INDEX ix_version_trash ON version (deleted_at, seq) WHERE deleted_at IS NOT NULL AND
        collected_at IS NULL""",
    """CREATE TABLE link (seq BIGSERIAL NOT NULL, id TEXT COLLATE "C" NOT NULL, run_id TEXT COLLATE
        "C" NOT NULL, task_id TEXT COLLATE "C" NOT NULL, io_type TEXT COLLATE "C" NOT NULL, key TEXT
        COLLATE "C" NOT NULL, producer_task TEXT COLLATE "C" NOT NULL, producer_iteration INTEGER,
        position INTEGER NOT NULL, version_id TEXT COLLATE "C", value TEXT COLLATE "C", PRIMARY KEY
        (seq))""",
    """CREATE INDEX ix_link_run_id ON link (run_id)""",
    """CREATE UNIQUE INDEX ix_link_slot ON link (task_id, io_type, key, coalesce(producer_iteration,
        -1), position, coalesce(version_id, ''))""",
    """CREATE INDEX ix_link_version_type ON link (version_id, io_type) WHERE version_id IS NOT
        NULL""",
    """CREATE TABLE version_alias (artifact_id BIGINT NOT NULL, alias TEXT COLLATE "C" NOT NULL,
        version_seq BIGINT NOT NULL, PRIMARY KEY (artifact_id, alias), FOREIGN KEY(artifact_id)
        REFERENCES artifact (id), FOREIGN KEY(version_seq) REFERENCES version (seq))""",
    """CREATE INDEX ix_version_alias_alias ON version_alias (alias)""",
    """CREATE TABLE version_tag (tag TEXT COLLATE "C" NOT NULL, version_seq BIGINT NOT NULL,
        artifact_id BIGINT NOT NULL, PRIMARY KEY (tag, version_seq), FOREIGN KEY(version_seq)
        REFERENCES version (seq), FOREIGN KEY(artifact_id) REFERENCES artifact (id))""",
    """CREATE FUNCTION version_refers() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS
        $$ BEGIN IF EXISTS (SELECT 1 FROM (SELECT DISTINCT artifact_id AS one FROM added WHERE
        artifact_id IS NOT NULL) AS named WHERE (SELECT 1 FROM artifact WHERE id = named.one) IS
        NULL) OR EXISTS (SELECT 1 FROM (SELECT DISTINCT kind_id AS one FROM added WHERE kind_id IS
        NOT NULL) AS named WHERE (SELECT 1 FROM version_kind WHERE id = named.one) IS NULL) OR
        EXISTS (SELECT 1 FROM (SELECT DISTINCT run_id AS one FROM added WHERE run_id IS NOT NULL) AS
        named WHERE (SELECT 1 FROM run WHERE id = named.one) IS NULL) OR EXISTS (SELECT 1 FROM
        (SELECT DISTINCT task_id AS one FROM added WHERE task_id IS NOT NULL) AS named WHERE (SELECT
        1 FROM task WHERE id = named.one) IS NULL) THEN RAISE foreign_key_violation USING MESSAGE =
        'a row of version names a row that is not there'; END IF; RETURN NULL; END $$""",
    """CREATE TRIGGER version_refers AFTER INSERT ON version REFERENCING NEW TABLE AS added FOR EACH
        STATEMENT EXECUTE FUNCTION version_refers()""",
    """CREATE FUNCTION link_refers() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
        BEGIN IF EXISTS (SELECT 1 FROM (SELECT DISTINCT run_id AS one FROM added WHERE run_id IS NOT
        NULL) AS named WHERE (SELECT 1 FROM run WHERE id = named.one) IS NULL) OR EXISTS (SELECT 1
        FROM (SELECT DISTINCT task_id AS one FROM added WHERE task_id IS NOT NULL) AS named WHERE
        (SELECT 1 FROM task WHERE id = named.one) IS NULL) OR EXISTS (SELECT 1 FROM (SELECT DISTINCT
        version_id AS one FROM added WHERE version_id IS NOT NULL) AS named WHERE (SELECT 1 FROM
        version WHERE id = named.one) IS NULL) THEN RAISE foreign_key_violation USING MESSAGE = 'a
        row of link names a row that is not there'; END IF; RETURN NULL; END $$""",
    """CREATE TRIGGER link_refers AFTER INSERT ON link REFERENCING NEW TABLE AS added FOR EACH
        STATEMENT EXECUTE FUNCTION link_refers()""",
    """INSERT INTO ledger_schema (version_num) VALUES ('0005')""",
)

DANGLING = (
    """SELECT 'a row of version names a row of artifact that is not there' WHERE EXISTS (SELECT 1
        FROM version AS one WHERE one.artifact_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM artifact
        WHERE id = one.artifact_id))""",
    """SELECT 'a row of version names a row of version_kind that is not there' WHERE EXISTS (SELECT
        1 FROM version AS one WHERE one.kind_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM
        version_kind WHERE id = one.kind_id))""",
    """SELECT 'a row of version names a row of run that is not there' WHERE EXISTS (SELECT 1 FROM
        version AS one WHERE one.run_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM run WHERE id =
        one.run_id))""",
    """SELECT 'a row of version names a row of task that is not there' WHERE EXISTS (SELECT 1 FROM
        version AS one WHERE one.task_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM task WHERE id =
        one.task_id))""",
    """SELECT 'a row of link names a row of run that is not there' WHERE EXISTS (SELECT 1 FROM link
        AS one WHERE one.run_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM run WHERE id =
        one.run_id))""",
    """SELECT 'a row of link names a row of task that is not there' WHERE EXISTS (SELECT 1 FROM link
        AS one WHERE one.task_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM task WHERE id =
        one.task_id))""",
    """SELECT 'a row of link names a row of version that is not there' WHERE EXISTS (SELECT 1 FROM
        link AS one WHERE one.version_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM version WHERE id
        = one.version_id))""",
)
