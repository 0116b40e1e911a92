"""Tables of the ledger for SQLite: generated from `schema`, do not edit.

Change that and run `python -m artifact_plugins.ledger.compile`.
"""

CREATE = (
    """CREATE TABLE aborted_version (id TEXT NOT NULL, aborted_at BIGINT NOT NULL, PRIMARY KEY (id))
        WITHOUT ROWID""",
    """CREATE TABLE artifact (id INTEGER NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL,
        next_version INTEGER NOT NULL, deleted_versions INTEGER DEFAULT 0 NOT NULL, PRIMARY KEY
        (id), UNIQUE (project, name))""",
    """CREATE TABLE backend (id INTEGER NOT NULL, url TEXT NOT NULL, registered_at BIGINT NOT NULL,
        PRIMARY KEY (id), UNIQUE (url))""",
    """CREATE TABLE ledger_identity (one INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY (one))""",
    """CREATE TABLE ledger_schema (version_num VARCHAR(32) NOT NULL, CONSTRAINT ledger_schema_pkc
        PRIMARY KEY (version_num))""",
    """CREATE TABLE plugin_snapshot (seq INTEGER NOT NULL, id TEXT NOT NULL, plugin TEXT NOT NULL,
        entry_object TEXT NOT NULL, python_version TEXT NOT NULL, archives TEXT NOT NULL, libraries
        TEXT, created_at BIGINT NOT NULL, PRIMARY KEY (seq), UNIQUE (id))""",
    """CREATE TABLE run (id TEXT NOT NULL, project TEXT NOT NULL, pipeline TEXT NOT NULL, name TEXT
        NOT NULL, state TEXT NOT NULL, parameters TEXT, started_at BIGINT NOT NULL, ended_at BIGINT,
        error TEXT, external_ids TEXT, PRIMARY KEY (id)) WITHOUT ROWID""",
    """CREATE INDEX ix_run_name ON run (name)""",
    """CREATE INDEX ix_run_pipeline ON run (pipeline, id)""",
    """CREATE INDEX ix_run_project ON run (project, id)""",
    """CREATE TABLE version_kind (id INTEGER NOT NULL, project TEXT NOT NULL, artifact_type TEXT NOT
        NULL, data_type TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (project, artifact_type,
        data_type))""",
    """CREATE TABLE external (backend_id INTEGER NOT NULL, kind TEXT NOT NULL, "key" TEXT NOT NULL,
        value TEXT NOT NULL, PRIMARY KEY (backend_id, kind, "key"), FOREIGN KEY(backend_id)
        REFERENCES backend (id)) WITHOUT ROWID""",
    """CREATE TABLE outbox (seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, record_id TEXT NOT NULL,
        kind TEXT NOT NULL, backend_id INTEGER NOT NULL, stream TEXT NOT NULL, is_first BOOLEAN NOT
        NULL, created_at BIGINT NOT NULL, generation INTEGER DEFAULT 1 NOT NULL, tries INTEGER
        DEFAULT 0 NOT NULL, state TEXT DEFAULT 'PENDING' NOT NULL, next_at BIGINT, error TEXT,
        UNIQUE (record_id, kind, backend_id), FOREIGN KEY(backend_id) REFERENCES backend (id))""",
    """CREATE INDEX ix_outbox_dead ON outbox (backend_id, seq) WHERE state != 'PENDING'""",
    """CREATE INDEX ix_outbox_stream ON outbox (stream, backend_id, seq) WHERE state = 'PENDING'""",
    """CREATE TABLE outbox_claim (stream TEXT NOT NULL, backend_id INTEGER NOT NULL, due_at BIGINT
        NOT NULL, owner TEXT, PRIMARY KEY (stream, backend_id), FOREIGN KEY(backend_id) REFERENCES
        backend (id)) WITHOUT ROWID""",
    """CREATE INDEX ix_outbox_claim_due ON outbox_claim (backend_id, due_at, stream)""",
    """CREATE TABLE task (id TEXT NOT NULL, run_id TEXT NOT NULL, parent_id TEXT, name TEXT NOT
        NULL, scope_path TEXT NOT NULL, type TEXT NOT NULL, iteration_index INTEGER, iteration_count
        INTEGER, state TEXT NOT NULL, attempt INTEGER NOT NULL, code_snapshot TEXT, cache_key TEXT,
        started_at BIGINT NOT NULL, ended_at BIGINT, error TEXT, PRIMARY KEY (id), FOREIGN
        KEY(run_id) REFERENCES run (id), FOREIGN KEY(parent_id) REFERENCES task (id) DEFERRABLE
        INITIALLY DEFERRED) WITHOUT ROWID""",
    """CREATE INDEX ix_task_name ON task (name, id)""",
    """CREATE INDEX ix_task_run ON task (run_id, id)""",
    """CREATE TABLE cache_entry ("key" TEXT NOT NULL, task_id TEXT NOT NULL, step TEXT NOT NULL,
        parts TEXT NOT NULL, PRIMARY KEY ("key"), FOREIGN KEY(task_id) REFERENCES task (id)) WITHOUT
        ROWID""",
    """CREATE INDEX ix_cache_entry_step ON cache_entry (step, task_id)""",
    """CREATE TABLE version (seq INTEGER NOT NULL, artifact_id INTEGER NOT NULL, version INTEGER NOT
        NULL, kind_id INTEGER NOT NULL, id TEXT NOT NULL, idempotency_key TEXT, version_name TEXT,
        materializer TEXT, artifact_task TEXT, parameters TEXT, format TEXT NOT NULL,
        plugin_snapshot TEXT, uri TEXT NOT NULL, files TEXT, size_bytes BIGINT NOT NULL,
        is_directory BOOLEAN NOT NULL, content_hash TEXT NOT NULL, manifest_digest TEXT, save_type
        TEXT NOT NULL, description TEXT, tags TEXT, aliases TEXT, metadata TEXT, previews TEXT,
        run_id TEXT, task_id TEXT, item_count BIGINT, created_at BIGINT NOT NULL, updated_at BIGINT,
        created_by TEXT NOT NULL, deleted_at BIGINT, collected_at BIGINT, signature TEXT, PRIMARY
        KEY (seq), UNIQUE (artifact_id, version), FOREIGN KEY(artifact_id) REFERENCES artifact (id),
        FOREIGN KEY(kind_id) REFERENCES version_kind (id), UNIQUE (id), FOREIGN KEY(run_id)
        REFERENCES run (id), FOREIGN KEY(task_id) REFERENCES task (id))""",
    """CREATE UNIQUE INDEX ix_version_key ON version (idempotency_key) WHERE idempotency_key IS NOT
        NULL""",
    """CREATE INDEX ix_version_kind ON version (kind_id, seq) WHERE deleted_at IS NULL""",
    """CREATE INDEX ix_version_run ON version (run_id) WHERE run_id IS NOT NULL""",
    """CREATE INDEX ix_version_trash ON version (deleted_at, seq) WHERE deleted_at IS NOT NULL AND
        collected_at IS NULL""",
    """CREATE TABLE link (seq INTEGER NOT NULL, id TEXT NOT NULL, run_id TEXT NOT NULL, task_id TEXT
        NOT NULL, io_type TEXT NOT NULL, "key" TEXT NOT NULL, producer_task TEXT NOT NULL,
        producer_iteration INTEGER, position INTEGER NOT NULL, version_id TEXT, value TEXT, PRIMARY
        KEY (seq), FOREIGN KEY(run_id) REFERENCES run (id), FOREIGN KEY(task_id) REFERENCES task
        (id), FOREIGN KEY(version_id) REFERENCES version (id))""",
    """CREATE INDEX ix_link_run_id ON link (run_id)""",
    """CREATE UNIQUE INDEX ix_link_slot ON link (task_id, io_type, "key",
        coalesce(producer_iteration, -1), position, coalesce(version_id, ''))""",
    """CREATE INDEX ix_link_version ON link (version_id) WHERE version_id IS NOT NULL""",
    """CREATE TABLE version_alias (artifact_id INTEGER NOT NULL, alias TEXT NOT NULL, version_seq
        INTEGER NOT NULL, PRIMARY KEY (artifact_id, alias), FOREIGN KEY(artifact_id) REFERENCES
        artifact (id), FOREIGN KEY(version_seq) REFERENCES version (seq)) WITHOUT ROWID""",
    """CREATE INDEX ix_version_alias_alias ON version_alias (alias)""",
    """CREATE TABLE version_tag (tag TEXT NOT NULL, version_seq INTEGER NOT NULL, artifact_id
        INTEGER NOT NULL, PRIMARY KEY (tag, version_seq), FOREIGN KEY(version_seq) REFERENCES
        version (seq), FOREIGN KEY(artifact_id) REFERENCES artifact (id)) WITHOUT ROWID""",
    """INSERT INTO ledger_schema (version_num) VALUES ('0005')""",
)
