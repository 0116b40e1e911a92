"""The schema of the first release: what a ledger has that is older than the migrations."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = {
    "sqlite": (
        """CREATE TABLE artifact (id INTEGER NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL,
        next_version INTEGER NOT NULL, PRIMARY KEY (id), UNIQUE (project, name))""",
        """CREATE TABLE run (id TEXT NOT NULL, project TEXT NOT NULL, pipeline TEXT NOT NULL, name
        TEXT NOT NULL, state TEXT NOT NULL, parameters TEXT, started_at BIGINT NOT NULL, ended_at
        BIGINT, error TEXT, external_ids TEXT, PRIMARY KEY (id)) WITHOUT ROWID""",
        """CREATE INDEX ix_run_name ON run (name)""",
        """CREATE INDEX ix_run_pipeline ON run (pipeline, id)""",
        """CREATE INDEX ix_run_project ON run (project, id)""",
        """CREATE TABLE version_kind (id INTEGER NOT NULL, project TEXT NOT NULL, artifact_type TEXT
        NOT NULL, data_type TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (project, artifact_type,
        data_type))""",
        """CREATE TABLE task (id TEXT NOT NULL, run_id TEXT NOT NULL, parent_id TEXT, name TEXT NOT
        NULL, scope_path TEXT NOT NULL, type TEXT NOT NULL, iteration_index INTEGER, iteration_count
        INTEGER, state TEXT NOT NULL, attempt INTEGER NOT NULL, code_snapshot TEXT, cache_key TEXT,
        started_at BIGINT NOT NULL, ended_at BIGINT, error TEXT, PRIMARY KEY (id), FOREIGN
        KEY(run_id) REFERENCES run (id), FOREIGN KEY(parent_id) REFERENCES task (id) DEFERRABLE
        INITIALLY DEFERRED) WITHOUT ROWID""",
        """CREATE INDEX ix_task_name ON task (name, id)""",
        """CREATE INDEX ix_task_run ON task (run_id, id)""",
        """CREATE TABLE version (seq INTEGER NOT NULL, artifact_id INTEGER NOT NULL, version INTEGER
        NOT NULL, kind_id INTEGER NOT NULL, id TEXT NOT NULL, idempotency_key TEXT, version_name
        TEXT, materializer TEXT, artifact_task TEXT, parameters TEXT, format TEXT NOT NULL,
        plugin_snapshot TEXT, uri TEXT NOT NULL, files TEXT, size_bytes BIGINT NOT NULL,
        is_directory BOOLEAN NOT NULL, content_hash TEXT NOT NULL, manifest_digest TEXT, save_type
        TEXT NOT NULL, description TEXT, tags TEXT, aliases TEXT, metadata TEXT, previews TEXT,
        run_id TEXT, task_id TEXT, item_count BIGINT, created_at BIGINT NOT NULL, updated_at BIGINT,
        created_by TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (artifact_id, version), FOREIGN
        KEY(artifact_id) REFERENCES artifact (id), FOREIGN KEY(kind_id) REFERENCES version_kind
        (id), UNIQUE (id), FOREIGN KEY(run_id) REFERENCES run (id), FOREIGN KEY(task_id) REFERENCES
        task (id))""",
        """CREATE UNIQUE INDEX ix_version_key ON version (idempotency_key) WHERE idempotency_key IS
        NOT NULL""",
        """CREATE INDEX ix_version_kind ON version (kind_id, seq)""",
        """CREATE INDEX ix_version_run ON version (run_id) WHERE run_id IS NOT NULL""",
        """CREATE TABLE link (seq INTEGER NOT NULL, id TEXT NOT NULL, run_id TEXT NOT NULL, task_id
        TEXT NOT NULL, io_type TEXT NOT NULL, "key" TEXT NOT NULL, producer_task TEXT NOT NULL,
        producer_iteration INTEGER, position INTEGER NOT NULL, version_id TEXT, value TEXT, PRIMARY
        KEY (seq), FOREIGN KEY(run_id) REFERENCES run (id), FOREIGN KEY(task_id) REFERENCES task
        (id), FOREIGN KEY(version_id) REFERENCES version (id))""",
        """CREATE INDEX ix_link_run_id ON link (run_id)""",
        """CREATE UNIQUE INDEX ix_link_slot ON link (task_id, io_type, "key",
        coalesce(producer_iteration, -1), position, coalesce(version_id, ''))""",
        """CREATE INDEX ix_link_version ON link (version_id) WHERE version_id IS NOT NULL""",
        """CREATE TABLE version_alias (artifact_id INTEGER NOT NULL, alias TEXT NOT NULL,
        version_seq INTEGER NOT NULL, PRIMARY KEY (artifact_id, alias), FOREIGN KEY(artifact_id)
        REFERENCES artifact (id), FOREIGN KEY(version_seq) REFERENCES version (seq)) WITHOUT
        ROWID""",
        """CREATE INDEX ix_version_alias_alias ON version_alias (alias)""",
        """CREATE TABLE version_tag (tag TEXT NOT NULL, version_seq INTEGER NOT NULL, artifact_id
        INTEGER NOT NULL, PRIMARY KEY (tag, version_seq), FOREIGN KEY(version_seq) REFERENCES
        version (seq), FOREIGN KEY(artifact_id) REFERENCES artifact (id)) WITHOUT ROWID""",
    ),
    "postgresql": (
        """CREATE TABLE artifact (id BIGSERIAL NOT NULL, project TEXT COLLATE "C" NOT NULL, name
        TEXT COLLATE "C" NOT NULL, next_version INTEGER NOT NULL, PRIMARY KEY (id), UNIQUE (project,
        name))""",
        """CREATE TABLE run (id TEXT COLLATE "C" NOT NULL, project TEXT COLLATE "C" NOT NULL,
        pipeline TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL, state TEXT COLLATE "C"
        NOT NULL, parameters TEXT COLLATE "C", started_at BIGINT NOT NULL, ended_at BIGINT, error
        TEXT COLLATE "C", external_ids TEXT COLLATE "C", PRIMARY KEY (id))""",
        """CREATE INDEX ix_run_name ON run (name)""",
        """CREATE INDEX ix_run_pipeline ON run (pipeline, id)""",
        """CREATE INDEX ix_run_project ON run (project, id)""",
        """CREATE TABLE version_kind (id BIGSERIAL NOT NULL, project TEXT COLLATE "C" NOT NULL,
        artifact_type TEXT COLLATE "C" NOT NULL, data_type TEXT COLLATE "C" NOT NULL, PRIMARY KEY
        (id), UNIQUE (project, artifact_type, data_type))""",
        """CREATE TABLE task (id TEXT COLLATE "C" NOT NULL, run_id TEXT COLLATE "C" NOT NULL,
        parent_id TEXT COLLATE "C", name TEXT COLLATE "C" NOT NULL, scope_path TEXT COLLATE "C" NOT
        NULL, type TEXT COLLATE "C" NOT NULL, iteration_index INTEGER, iteration_count INTEGER,
        state TEXT COLLATE "C" NOT NULL, attempt INTEGER NOT NULL, code_snapshot TEXT COLLATE "C",
        cache_key TEXT COLLATE "C", started_at BIGINT NOT NULL, ended_at BIGINT, error TEXT COLLATE
        "C", PRIMARY KEY (id), FOREIGN KEY(run_id) REFERENCES run (id), FOREIGN KEY(parent_id)
        REFERENCES task (id) DEFERRABLE INITIALLY DEFERRED)""",
        """CREATE INDEX ix_task_name ON task (name, id)""",
        """CREATE INDEX ix_task_run ON task (run_id, id)""",
        """CREATE TABLE version (seq BIGSERIAL NOT NULL, artifact_id BIGINT NOT NULL, version
        INTEGER NOT NULL, kind_id BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, idempotency_key
        TEXT COLLATE "C", version_name TEXT COLLATE "C", materializer TEXT COLLATE "C",
        artifact_task TEXT COLLATE "C", parameters TEXT COLLATE "C", format TEXT COLLATE "C" NOT
        NULL, plugin_snapshot TEXT COLLATE "C", uri TEXT COLLATE "C" NOT NULL, files TEXT COLLATE
        "C", size_bytes BIGINT NOT NULL, is_directory BOOLEAN NOT NULL, content_hash TEXT COLLATE
        "C" NOT NULL, manifest_digest TEXT COLLATE "C", save_type TEXT COLLATE "C" NOT NULL,
        description TEXT COLLATE "C", tags TEXT COLLATE "C", aliases TEXT COLLATE "C", metadata TEXT
        COLLATE "C", previews TEXT COLLATE "C", run_id TEXT COLLATE "C", task_id TEXT COLLATE "C",
        item_count BIGINT, created_at BIGINT NOT NULL, updated_at BIGINT, created_by TEXT COLLATE
        "C" NOT NULL, PRIMARY KEY (seq), UNIQUE (artifact_id, version), FOREIGN KEY(artifact_id)
        REFERENCES artifact (id), FOREIGN KEY(kind_id) REFERENCES version_kind (id), UNIQUE (id),
        FOREIGN KEY(run_id) REFERENCES run (id), FOREIGN KEY(task_id) REFERENCES task (id))""",
        """CREATE UNIQUE INDEX ix_version_key ON version (idempotency_key) WHERE idempotency_key IS
        NOT NULL""",
        """CREATE INDEX ix_version_kind ON version (kind_id, seq)""",
        """CREATE INDEX ix_version_run ON version (run_id) WHERE run_id IS NOT NULL""",
        """CREATE TABLE link (seq BIGSERIAL NOT NULL, id TEXT COLLATE "C" NOT NULL, run_id TEXT
        COLLATE "C" NOT NULL, task_id TEXT COLLATE "C" NOT NULL, io_type TEXT COLLATE "C" NOT NULL,
        key TEXT COLLATE "C" NOT NULL, producer_task TEXT COLLATE "C" NOT NULL, producer_iteration
        INTEGER, position INTEGER NOT NULL, version_id TEXT COLLATE "C", value TEXT COLLATE "C",
        PRIMARY KEY (seq), FOREIGN KEY(run_id) REFERENCES run (id), FOREIGN KEY(task_id) REFERENCES
        task (id), FOREIGN KEY(version_id) REFERENCES version (id))""",
        """CREATE INDEX ix_link_run_id ON link (run_id)""",
        """CREATE UNIQUE INDEX ix_link_slot ON link (task_id, io_type, key,
        coalesce(producer_iteration, -1), position, coalesce(version_id, ''))""",
        """CREATE INDEX ix_link_version ON link (version_id) WHERE version_id IS NOT NULL""",
        """CREATE TABLE version_alias (artifact_id BIGINT NOT NULL, alias TEXT COLLATE "C" NOT NULL,
        version_seq BIGINT NOT NULL, PRIMARY KEY (artifact_id, alias), FOREIGN KEY(artifact_id)
        REFERENCES artifact (id), FOREIGN KEY(version_seq) REFERENCES version (seq))""",
        """CREATE INDEX ix_version_alias_alias ON version_alias (alias)""",
        """CREATE TABLE version_tag (tag TEXT COLLATE "C" NOT NULL, version_seq BIGINT NOT NULL,
        artifact_id BIGINT NOT NULL, PRIMARY KEY (tag, version_seq), FOREIGN KEY(version_seq)
        REFERENCES version (seq), FOREIGN KEY(artifact_id) REFERENCES artifact (id))""",
    ),
}


def upgrade() -> None:
    """Make the tables; frozen, whatever became of them later."""
    for statement in _TABLES[op.get_context().dialect.name]:
        op.execute(statement)
