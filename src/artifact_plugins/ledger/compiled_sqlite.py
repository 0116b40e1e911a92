"""SQL of the ledger for SQLite: generated from `schema` and `statements`, do not edit.

Change that and run `python -m artifact_plugins.ledger.compile`.
"""

SCHEMA_VERSION = 5

APPLICATION_ID = 0x4172506C

# Columns of VERSIONS.
NUMBER = 4
SEQ = 34


def place(name: str) -> str:
    """Return the place of a value that has a name."""
    return f":{name}"


def places(count: int) -> str:
    """Return that many places of values without names."""
    return ", ".join(["?"] * count)


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
    metadata, previews, run_id, task_id, item_count, created_at, updated_at, created_by, signature)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?)"""

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
    version.created_by, version.signature, version.deleted_at, version.collected_at, version.seq
    FROM version JOIN artifact ON artifact.id = version.artifact_id JOIN version_kind ON
    version_kind.id = version.kind_id WHERE version.id = ?"""

VERSION_BY_KEY = """SELECT artifact.project, artifact.name, version_kind.artifact_type,
    version_kind.data_type, version.version, version.id, version.idempotency_key,
    version.version_name, version.materializer, version.artifact_task, version.parameters,
    version.format, version.plugin_snapshot, version.uri, version.files, version.size_bytes,
    version.is_directory, version.content_hash, version.manifest_digest, version.save_type,
    version.description, version.tags, version.aliases, version.metadata, version.previews,
    version.run_id, version.task_id, version.item_count, version.created_at, version.updated_at,
    version.created_by, version.signature, version.deleted_at, version.collected_at, version.seq
    FROM version JOIN artifact ON artifact.id = version.artifact_id JOIN version_kind ON
    version_kind.id = version.kind_id WHERE version.idempotency_key = ?"""

VERSION_EXISTS = """SELECT 1 FROM version WHERE id = ?"""

TASK_EXISTS = """SELECT 1 FROM task WHERE id = ?"""

RUN_EXISTS = """SELECT 1 FROM run WHERE id = ?"""

ADD_CACHE_ENTRY = """INSERT INTO cache_entry (key, task_id, step, parts) VALUES (?, ?, ?, ?) ON
    CONFLICT (key) DO NOTHING"""

MOVE_CACHE_ENTRY = """UPDATE cache_entry SET task_id = ?, parts = ? WHERE key = ? AND task_id = ?"""

CACHE_ENTRY = """SELECT key, task_id, step, parts FROM cache_entry WHERE key = ?"""

EARLIER_CACHE_ENTRIES = """SELECT key, task_id, step, parts FROM cache_entry WHERE step = ? AND
    task_id < ? ORDER BY task_id DESC LIMIT ?"""

REMOVE_TAG = """DELETE FROM version_tag WHERE tag = ? AND version_seq = (SELECT seq FROM version
    WHERE id = ?)"""

REMOVE_ALIAS = """DELETE FROM version_alias WHERE alias = ? AND artifact_id = (SELECT artifact_id
    FROM version WHERE id = ?)"""

UPDATE_VERSION = """UPDATE version SET description = ?, tags = ?, metadata = ?, updated_at = ? WHERE
    id = ?"""

ALIAS_HOLDER = """SELECT version.id FROM version_alias JOIN version ON version.seq =
    version_alias.version_seq WHERE version_alias.alias = ? AND version_alias.artifact_id = (SELECT
    artifact_id FROM version WHERE id = ?)"""

ALIASES_OF = """SELECT aliases FROM version WHERE id = ?"""

WRITE_ALIASES = """UPDATE version SET aliases = ?, updated_at = ? WHERE id = ?"""

RENAME_ARTIFACT = """UPDATE artifact SET name = ? WHERE project = ? AND name = ?"""

VERSION_FOR_CHANGE = """SELECT artifact.project, artifact.name, version_kind.artifact_type,
    version_kind.data_type, version.version, version.id, version.idempotency_key,
    version.version_name, version.materializer, version.artifact_task, version.parameters,
    version.format, version.plugin_snapshot, version.uri, version.files, version.size_bytes,
    version.is_directory, version.content_hash, version.manifest_digest, version.save_type,
    version.description, version.tags, version.aliases, version.metadata, version.previews,
    version.run_id, version.task_id, version.item_count, version.created_at, version.updated_at,
    version.created_by, version.signature, version.deleted_at, version.collected_at, version.seq
    FROM version JOIN artifact ON artifact.id = version.artifact_id JOIN version_kind ON
    version_kind.id = version.kind_id WHERE version.id = ?"""

LOCK_ARTIFACT = """SELECT artifact.id FROM artifact WHERE artifact.id = (SELECT version.artifact_id
    FROM version WHERE version.id = ?)"""

DELETE_VERSION = """UPDATE version SET deleted_at = ? WHERE id = ?"""

RESTORE_VERSION = """UPDATE version SET deleted_at = NULL, updated_at = ? WHERE id = ?"""

COUNT_DELETED = """UPDATE artifact SET deleted_versions = deleted_versions + ? WHERE id = (SELECT
    artifact_id FROM version WHERE id = ?)"""

REMOVE_OWN_ALIAS = """DELETE FROM version_alias WHERE alias = ? AND version_seq = (SELECT seq FROM
    version WHERE id = ?) AND artifact_id = (SELECT artifact_id FROM version WHERE id = ?)"""

NTH_NEWEST = """SELECT version.version FROM version JOIN artifact ON artifact.id =
    version.artifact_id WHERE artifact.project = ? AND artifact.name = ? AND version.deleted_at IS
    NULL ORDER BY version.version DESC LIMIT 1 OFFSET ?"""

OVERDUE = """SELECT id, size_bytes, CASE WHEN substr(uri, 1, 5) = 'data:' THEN size_bytes ELSE 0 END
    FROM version WHERE deleted_at IS NOT NULL AND collected_at IS NULL AND deleted_at <= ? ORDER BY
    deleted_at, seq"""

COLLECT_VERSION = """UPDATE version SET collected_at = ?, previews = NULL, uri = CASE WHEN
    substr(uri, 1, 5) = 'data:' THEN 'data:,' ELSE uri END WHERE id = ? AND deleted_at <= ? AND
    collected_at IS NULL"""

ABORTED_BETWEEN = """SELECT id FROM aborted_version WHERE id BETWEEN ? AND ?"""

KEEP_WRITERS_OUT = """SELECT 1"""

ABORT = """INSERT INTO aborted_version (id, aborted_at) VALUES (?, ?) ON CONFLICT DO NOTHING"""

LEDGER_ID = """SELECT id FROM ledger_identity WHERE one = 1"""

SET_LEDGER_ID = """INSERT INTO ledger_identity (one, id) VALUES (?, ?) ON CONFLICT DO NOTHING"""

ADD_SNAPSHOT = """INSERT INTO plugin_snapshot (id, plugin, entry_object, python_version, archives,
    libraries, created_at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""

SNAPSHOT_BY_ID = """SELECT plugin_snapshot.id, plugin_snapshot.plugin, plugin_snapshot.entry_object,
    plugin_snapshot.python_version, plugin_snapshot.archives, plugin_snapshot.libraries,
    plugin_snapshot.created_at, plugin_snapshot.seq FROM plugin_snapshot WHERE plugin_snapshot.id =
    ?"""

NEWEST_RUN_NAMES = """SELECT name FROM run ORDER BY id DESC LIMIT 1000"""

ARTIFACT_BY_NAME = """SELECT id, next_version - 1 FROM artifact WHERE project = ? AND name = ?"""

ARTIFACT_NAMES = """SELECT name FROM artifact WHERE project = ? ORDER BY name LIMIT 10000"""

ALIASES_OF_ARTIFACT = """SELECT alias FROM version_alias WHERE artifact_id = ? ORDER BY alias LIMIT
    1000"""

GAPS = """SELECT a.project, a.name, a.next_version - 1, count(v.seq), coalesce(max(v.version), 0),
    count(v.deleted_at), max(a.deleted_versions) FROM artifact AS a LEFT JOIN version AS v ON
    v.artifact_id = a.id GROUP BY a.id HAVING count(v.seq) <> a.next_version - 1 OR
    coalesce(max(v.version), 0) <> a.next_version - 1 OR count(v.deleted_at) <>
    max(a.deleted_versions) ORDER BY a.project, a.name LIMIT 100"""

LABELLED = """SELECT seq, id, tags, aliases FROM version WHERE (tags IS NOT NULL OR aliases IS NOT
    NULL) AND deleted_at IS NULL"""

TAGS = """SELECT version_seq, tag FROM version_tag"""

ALIASES = """SELECT version_seq, alias FROM version_alias"""

VERSIONS = """SELECT artifact.project, artifact.name, version_kind.artifact_type,
    version_kind.data_type, version.version, version.id, version.idempotency_key,
    version.version_name, version.materializer, version.artifact_task, version.parameters,
    version.format, version.plugin_snapshot, version.uri, version.files, version.size_bytes,
    version.is_directory, version.content_hash, version.manifest_digest, version.save_type,
    version.description, version.tags, version.aliases, version.metadata, version.previews,
    version.run_id, version.task_id, version.item_count, version.created_at, version.updated_at,
    version.created_by, version.signature, version.deleted_at, version.collected_at, version.seq
    FROM version JOIN artifact ON artifact.id = version.artifact_id JOIN version_kind ON
    version_kind.id = version.kind_id"""

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

SNAPSHOTS = """SELECT plugin_snapshot.id, plugin_snapshot.plugin, plugin_snapshot.entry_object,
    plugin_snapshot.python_version, plugin_snapshot.archives, plugin_snapshot.libraries,
    plugin_snapshot.created_at, plugin_snapshot.seq FROM plugin_snapshot"""

ARTIFACTS = """SELECT artifact.project, artifact.name, (artifact.next_version - 1) -
    artifact.deleted_versions AS anon_1, version_kind.artifact_type, version_kind.data_type,
    version.size_bytes, coalesce(version.updated_at, version.created_at) AS coalesce_1, version.id,
    version.version FROM artifact JOIN version ON artifact.id = version.artifact_id AND
    version.version = (SELECT newer.version FROM version AS newer WHERE newer.artifact_id =
    artifact.id AND newer.deleted_at IS NULL ORDER BY newer.version DESC LIMIT 1 OFFSET 0) JOIN
    version_kind ON version_kind.id = version.kind_id"""

VERSION_WHERE = {
    "version": """version.version = :version""",
    "run_id": """version.run_id = :run_id""",
    "task_id": """version.task_id = :task_id""",
    "live": """version.deleted_at IS NULL""",
    "deleted": """version.deleted_at IS NOT NULL""",
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

SNAPSHOT_WHERE = {
    "ids": """plugin_snapshot.id IN (:ids)""",
    "plugin": """plugin_snapshot.plugin = :plugin""",
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
        (SELECT other.seq FROM version AS other WHERE other.deleted_at IS NULL AND other.kind_id =
        version_kind.id AND other.seq < :after ORDER BY other.seq DESC LIMIT :limit OFFSET 0)""",
    (True, False): """SELECT inside.seq FROM version_kind JOIN version AS inside ON inside.seq IN
        (SELECT other.seq FROM version AS other WHERE other.deleted_at IS NULL AND other.kind_id =
        version_kind.id ORDER BY other.seq DESC LIMIT :limit OFFSET 0)""",
    (False, True): """SELECT inside.seq FROM version_kind JOIN version AS inside ON inside.seq IN
        (SELECT other.seq FROM version AS other WHERE other.deleted_at IS NULL AND other.kind_id =
        version_kind.id AND other.seq > :after ORDER BY other.seq ASC LIMIT :limit OFFSET 0)""",
    (False, False): """SELECT inside.seq FROM version_kind JOIN version AS inside ON inside.seq IN
        (SELECT other.seq FROM version AS other WHERE other.deleted_at IS NULL AND other.kind_id =
        version_kind.id ORDER BY other.seq ASC LIMIT :limit OFFSET 0)""",
}
