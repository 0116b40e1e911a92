"""SQL of the ledger for SQLite: generated from `schema` and `statements`, do not edit.

Change those and run `python -m artifact_plugins.ledger.compile`.
"""

SCHEMA_VERSION = 1

APPLICATION_ID = 0x4172506C

# Columns of VERSIONS.
NUMBER = 4
SEQ = 31

CREATE = (
    """CREATE TABLE artifact (id INTEGER NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL,
        next_version INTEGER NOT NULL, PRIMARY KEY (id), UNIQUE (project, name))""",
    """CREATE TABLE run (id TEXT NOT NULL, project TEXT NOT NULL, pipeline TEXT NOT NULL, name TEXT
        NOT NULL, state TEXT NOT NULL, parameters TEXT, started_at BIGINT NOT NULL, ended_at BIGINT,
        error TEXT, external_ids TEXT, PRIMARY KEY (id)) WITHOUT ROWID""",
    """CREATE INDEX ix_run_name ON run (name)""",
    """CREATE INDEX ix_run_pipeline ON run (pipeline, id)""",
    """CREATE INDEX ix_run_project ON run (project, id)""",
    """CREATE TABLE version_kind (id INTEGER NOT NULL, project TEXT NOT NULL, artifact_type TEXT NOT
        NULL, data_type TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (project, artifact_type,
        data_type))""",
    """CREATE TABLE task (id TEXT NOT NULL, run_id TEXT NOT NULL, parent_id TEXT, name TEXT NOT
        NULL, scope_path TEXT NOT NULL, type TEXT NOT NULL, iteration_index INTEGER, iteration_count
        INTEGER, state TEXT NOT NULL, attempt INTEGER NOT NULL, code_snapshot TEXT, cache_key TEXT,
        started_at BIGINT NOT NULL, ended_at BIGINT, error TEXT, PRIMARY KEY (id), FOREIGN
        KEY(run_id) REFERENCES run (id), FOREIGN KEY(parent_id) REFERENCES task (id) DEFERRABLE
        INITIALLY DEFERRED) WITHOUT ROWID""",
    """CREATE INDEX ix_task_name ON task (name, id)""",
    """CREATE INDEX ix_task_run ON task (run_id, id)""",
    """CREATE TABLE version (seq INTEGER NOT NULL, artifact_id INTEGER NOT NULL, version INTEGER NOT
        NULL, kind_id INTEGER NOT NULL, id TEXT NOT NULL, idempotency_key TEXT, version_name TEXT,
        materializer TEXT, artifact_task TEXT, parameters TEXT, format TEXT NOT NULL,
        plugin_snapshot TEXT, uri TEXT NOT NULL, files TEXT, size_bytes BIGINT NOT NULL,
        is_directory BOOLEAN NOT NULL, content_hash TEXT NOT NULL, manifest_digest TEXT, save_type
        TEXT NOT NULL, description TEXT, tags TEXT, aliases TEXT, metadata TEXT, previews TEXT,
        run_id TEXT, task_id TEXT, item_count BIGINT, created_at BIGINT NOT NULL, updated_at BIGINT,
        created_by TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (artifact_id, version), FOREIGN
        KEY(artifact_id) REFERENCES artifact (id), FOREIGN KEY(kind_id) REFERENCES version_kind
        (id), UNIQUE (id), FOREIGN KEY(run_id) REFERENCES run (id), FOREIGN KEY(task_id) REFERENCES
        task (id))""",
    """CREATE UNIQUE INDEX ix_version_key ON version (idempotency_key) WHERE idempotency_key IS NOT
        NULL""",
    """CREATE INDEX ix_version_kind ON version (kind_id, seq)""",
    """CREATE INDEX ix_version_run ON version (run_id) WHERE run_id IS NOT NULL""",
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
)

UPSERT_RUN = """INSERT INTO run (id, project, pipeline, name, state, parameters, started_at,
    ended_at, error, external_ids) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE
    SET state = excluded.state, parameters = excluded.parameters, started_at = excluded.started_at,
    ended_at = excluded.ended_at, error = excluded.error, external_ids = excluded.external_ids"""

UPSERT_TASK = """INSERT INTO task (id, run_id, parent_id, name, scope_path, type, iteration_index,
    iteration_count, state, attempt, code_snapshot, cache_key, started_at, ended_at, error) VALUES
    (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET type =
    excluded.type, iteration_index = excluded.iteration_index, iteration_count =
    excluded.iteration_count, state = excluded.state, attempt = excluded.attempt, code_snapshot =
    excluded.code_snapshot, cache_key = excluded.cache_key, started_at = excluded.started_at,
    ended_at = excluded.ended_at, error = excluded.error"""

INSERT_VERSION = """INSERT INTO version (artifact_id, version, kind_id, id, idempotency_key,
    version_name, materializer, artifact_task, parameters, format, plugin_snapshot, uri, files,
    size_bytes, is_directory, content_hash, manifest_digest, save_type, description, tags, aliases,
    metadata, previews, run_id, task_id, item_count, created_at, updated_at, created_by) VALUES (?,
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

INSERT_LINK = """INSERT INTO link (id, run_id, task_id, io_type, "key", producer_task,
    producer_iteration, position, version_id, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON
    CONFLICT DO NOTHING"""

NEXT_NUMBERS = """INSERT INTO artifact (project, name, next_version) VALUES (?, ?, ?) ON CONFLICT
    (project, name) DO UPDATE SET next_version = (artifact.next_version + (excluded.next_version -
    1)) RETURNING id, next_version"""

KIND = """INSERT INTO version_kind (project, artifact_type, data_type) VALUES (?, ?, ?) ON CONFLICT
    (project, artifact_type, data_type) DO UPDATE SET project = excluded.project RETURNING id"""

ADD_TAG = """INSERT INTO version_tag (tag, version_seq, artifact_id) SELECT ? AS anon_1,
    version.seq, version.artifact_id FROM version WHERE version.id = ? ON CONFLICT DO NOTHING"""

SET_ALIAS = """INSERT INTO version_alias (alias, version_seq, artifact_id) SELECT ? AS anon_1,
    version.seq, version.artifact_id FROM version WHERE version.id = ? ON CONFLICT (artifact_id,
    alias) DO UPDATE SET version_seq = excluded.version_seq"""

VERSION_BY_ID = """SELECT artifact.project, artifact.name, version_kind.artifact_type,
    version_kind.data_type, version.version, version.id, version.idempotency_key,
    version.version_name, version.materializer, version.artifact_task, version.parameters,
    version.format, version.plugin_snapshot, version.uri, version.files, version.size_bytes,
    version.is_directory, version.content_hash, version.manifest_digest, version.save_type,
    version.description, version.tags, version.aliases, version.metadata, version.previews,
    version.run_id, version.task_id, version.item_count, version.created_at, version.updated_at,
    version.created_by, version.seq FROM version JOIN artifact ON artifact.id = version.artifact_id
    JOIN version_kind ON version_kind.id = version.kind_id WHERE version.id = ?"""

VERSION_BY_KEY = """SELECT artifact.project, artifact.name, version_kind.artifact_type,
    version_kind.data_type, version.version, version.id, version.idempotency_key,
    version.version_name, version.materializer, version.artifact_task, version.parameters,
    version.format, version.plugin_snapshot, version.uri, version.files, version.size_bytes,
    version.is_directory, version.content_hash, version.manifest_digest, version.save_type,
    version.description, version.tags, version.aliases, version.metadata, version.previews,
    version.run_id, version.task_id, version.item_count, version.created_at, version.updated_at,
    version.created_by, version.seq FROM version JOIN artifact ON artifact.id = version.artifact_id
    JOIN version_kind ON version_kind.id = version.kind_id WHERE version.idempotency_key = ?"""

VERSIONS = """SELECT artifact.project, artifact.name, version_kind.artifact_type,
    version_kind.data_type, version.version, version.id, version.idempotency_key,
    version.version_name, version.materializer, version.artifact_task, version.parameters,
    version.format, version.plugin_snapshot, version.uri, version.files, version.size_bytes,
    version.is_directory, version.content_hash, version.manifest_digest, version.save_type,
    version.description, version.tags, version.aliases, version.metadata, version.previews,
    version.run_id, version.task_id, version.item_count, version.created_at, version.updated_at,
    version.created_by, version.seq FROM version JOIN artifact ON artifact.id = version.artifact_id
    JOIN version_kind ON version_kind.id = version.kind_id"""

VERSION_SEQS = """SELECT version.seq FROM version"""

TAGGED_SEQS = """SELECT version.seq FROM version_tag JOIN version ON version.seq =
    version_tag.version_seq"""

KIND_IDS = """SELECT version_kind.id FROM version_kind"""

RUNS = """SELECT run.id, run.project, run.pipeline, run.name, run.state, run.parameters,
    run.started_at, run.ended_at, run.error, run.external_ids FROM run"""

TASKS = """SELECT task.id, task.run_id, task.parent_id, task.name, task.scope_path, task.type,
    task.iteration_index, task.iteration_count, task.state, task.attempt, task.code_snapshot,
    task.cache_key, task.started_at, task.ended_at, task.error FROM task"""

LINKS = """SELECT link.id, link.run_id, link.task_id, link.io_type, link."key", link.producer_task,
    link.producer_iteration, link.position, link.version_id, link.value, link.seq FROM link"""

LINK_SEQS = """SELECT link.seq FROM link"""

ARTIFACTS = """SELECT artifact.project, artifact.name, artifact.next_version - 1 AS anon_1,
    version_kind.artifact_type, version_kind.data_type, version.size_bytes,
    coalesce(version.updated_at, version.created_at) AS coalesce_1, version.id, version.version FROM
    artifact JOIN version ON artifact.id = version.artifact_id AND version.version =
    artifact.next_version - 1 JOIN version_kind ON version_kind.id = version.kind_id"""

VERSION_WHERE = {
    "version": """version.version = :version""",
    "run_id": """version.run_id = :run_id""",
    "task_id": """version.task_id = :task_id""",
    "run_of_task": """version.run_id = (SELECT task.run_id FROM task WHERE task.id = :task_id)""",
    "ids": """version.id IN (:ids)""",
    "id_prefix": """version.id >= :id_prefix AND version.id < :id_end""",
    "alias": """version.seq IN (SELECT version_alias.version_seq FROM version_alias WHERE
        version_alias.alias = :alias)""",
    "artifact": """version.artifact_id IN (SELECT artifact.id FROM artifact WHERE artifact.name =
        :artifact)""",
    "artifact_in_project": """version.artifact_id = (SELECT artifact.id FROM artifact WHERE
        artifact.name = :artifact AND artifact.project = :project)""",
    "tag": """version_tag.tag = :tag""",
    "tagged_artifact": """version_tag.artifact_id IN (SELECT artifact.id FROM artifact WHERE
        artifact.name = :artifact)""",
    "tagged_artifact_in_project": """version_tag.artifact_id = (SELECT artifact.id FROM artifact
        WHERE artifact.name = :artifact AND artifact.project = :project)""",
}

KIND_WHERE = {
    "project": """version_kind.project = :project""",
    "artifact_type": """version_kind.artifact_type = :artifact_type""",
    "data_type": """version_kind.data_type = :data_type""",
}

RUN_WHERE = {
    "id": """run.id = :id""",
    "name": """run.name = :name""",
    "project": """run.project = :project""",
    "pipeline": """run.pipeline = :pipeline""",
    "state": """run.state = :state""",
    "id_prefix": """run.id >= :start AND run.id < :end""",
    "name_prefix": """run.name >= :start AND run.name < :end""",
}

TASK_WHERE = {
    "id": """task.id = :id""",
    "run_id": """task.run_id = :run_id""",
    "name": """task.name = :name""",
    "ids": """task.id IN (:ids)""",
}

LINK_WHERE = {
    "run_id": """link.run_id = :run_id""",
    "task_ids": """link.task_id IN (:task_ids)""",
    "version_ids": """link.version_id IN (:version_ids)""",
    "io_types": """link.io_type IN (:io_types)""",
}

ARTIFACT_WHERE = {
    "project": """artifact.project = :project""",
    "artifact_type": """version_kind.artifact_type = :artifact_type""",
    "data_type": """version_kind.data_type = :data_type""",
    "after": """(artifact.project > :after_project OR artifact.project = :after_project AND
        artifact.name > :after)""",
    "after_in_project": """artifact.name > :after""",
}

MERGED = {
    (True, True): """SELECT inside.seq FROM version_kind JOIN version AS inside ON inside.seq IN
        (SELECT other.seq FROM version AS other WHERE other.kind_id = version_kind.id AND other.seq
        < :after ORDER BY other.seq DESC LIMIT :limit OFFSET 0)""",
    (True, False): """SELECT inside.seq FROM version_kind JOIN version AS inside ON inside.seq IN
        (SELECT other.seq FROM version AS other WHERE other.kind_id = version_kind.id ORDER BY
        other.seq DESC LIMIT :limit OFFSET 0)""",
    (False, True): """SELECT inside.seq FROM version_kind JOIN version AS inside ON inside.seq IN
        (SELECT other.seq FROM version AS other WHERE other.kind_id = version_kind.id AND other.seq
        > :after ORDER BY other.seq ASC LIMIT :limit OFFSET 0)""",
    (False, False): """SELECT inside.seq FROM version_kind JOIN version AS inside ON inside.seq IN
        (SELECT other.seq FROM version AS other WHERE other.kind_id = version_kind.id ORDER BY
        other.seq ASC LIMIT :limit OFFSET 0)""",
}
