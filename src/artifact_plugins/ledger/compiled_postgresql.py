"""SQL of the ledger for PostgreSQL: generated from `schema` and `statements`, do not edit.

Change that and run `python -m artifact_plugins.ledger.compile`.
"""

SCHEMA_VERSION = 5

APPLICATION_ID = 0x4172506C

# Columns of VERSIONS.
NUMBER = 4
SEQ = 34


def place(name: str) -> str:
    """Return the place of a value that has a name."""
    return f"%({name})s"


def places(count: int) -> str:
    """Return that many places of values without names."""
    return ", ".join(["%s"] * count)


UPSERT_RUN = """INSERT INTO run (id, project, pipeline, name, state, parameters, started_at,
    ended_at, error, external_ids) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id)
    DO UPDATE SET state = excluded.state, parameters = excluded.parameters, started_at =
    excluded.started_at, ended_at = excluded.ended_at, error = excluded.error, external_ids =
    excluded.external_ids"""

UPSERT_TASK = """INSERT INTO task (id, run_id, parent_id, name, scope_path, type, iteration_index,
    iteration_count, state, attempt, code_snapshot, cache_key, started_at, ended_at, error) VALUES
    (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET type
    = excluded.type, iteration_index = excluded.iteration_index, iteration_count =
    excluded.iteration_count, state = excluded.state, attempt = excluded.attempt, code_snapshot =
    excluded.code_snapshot, cache_key = excluded.cache_key, started_at = excluded.started_at,
    ended_at = excluded.ended_at, error = excluded.error"""

INSERT_VERSION = """INSERT INTO version (artifact_id, version, kind_id, id, idempotency_key,
    version_name, materializer, artifact_task, parameters, format, plugin_snapshot, uri, files,
    size_bytes, is_directory, content_hash, manifest_digest, save_type, description, tags, aliases,
    metadata, previews, run_id, task_id, item_count, created_at, updated_at, created_by, signature)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
    %s, %s, %s, %s, %s, %s, %s, %s)"""

INSERT_LINK = """INSERT INTO link (id, run_id, task_id, io_type, key, producer_task,
    producer_iteration, position, version_id, value) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT DO NOTHING"""

NEXT_NUMBERS = """INSERT INTO artifact (project, name, next_version) VALUES (%s, %s, %s) ON CONFLICT
    (project, name) DO UPDATE SET next_version = (artifact.next_version + (excluded.next_version -
    1)) RETURNING artifact.id, artifact.next_version"""

KIND = """INSERT INTO version_kind (project, artifact_type, data_type) VALUES (%s, %s, %s) ON
    CONFLICT (project, artifact_type, data_type) DO UPDATE SET project = excluded.project RETURNING
    version_kind.id"""

ADD_TAG = """INSERT INTO version_tag (tag, version_seq, artifact_id) SELECT %s AS anon_1,
    version.seq, version.artifact_id FROM version WHERE version.id = %s ON CONFLICT DO NOTHING"""

SET_ALIAS = """INSERT INTO version_alias (alias, version_seq, artifact_id) SELECT %s AS anon_1,
    version.seq, version.artifact_id FROM version WHERE version.id = %s ON CONFLICT (artifact_id,
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
    version_kind.id = version.kind_id WHERE version.id = %s"""

VERSION_BY_KEY = """SELECT artifact.project, artifact.name, version_kind.artifact_type,
    version_kind.data_type, version.version, version.id, version.idempotency_key,
    version.version_name, version.materializer, version.artifact_task, version.parameters,
    version.format, version.plugin_snapshot, version.uri, version.files, version.size_bytes,
    version.is_directory, version.content_hash, version.manifest_digest, version.save_type,
    version.description, version.tags, version.aliases, version.metadata, version.previews,
    version.run_id, version.task_id, version.item_count, version.created_at, version.updated_at,
    version.created_by, version.signature, version.deleted_at, version.collected_at, version.seq
    FROM version JOIN artifact ON artifact.id = version.artifact_id JOIN version_kind ON
    version_kind.id = version.kind_id WHERE version.idempotency_key = %s"""

VERSION_EXISTS = """SELECT 1 FROM version WHERE id = %s"""

TASK_EXISTS = """SELECT 1 FROM task WHERE id = %s"""

RUN_EXISTS = """SELECT 1 FROM run WHERE id = %s"""

ADD_CACHE_ENTRY = """INSERT INTO cache_entry (key, task_id, step, parts) VALUES (%s, %s, %s, %s) ON
    CONFLICT (key) DO NOTHING"""

MOVE_CACHE_ENTRY = """UPDATE cache_entry SET task_id = %s, parts = %s WHERE key = %s AND task_id =
    %s"""

CACHE_ENTRY = """SELECT key, task_id, step, parts FROM cache_entry WHERE key = %s"""

EARLIER_CACHE_ENTRIES = """SELECT key, task_id, step, parts FROM cache_entry WHERE step = %s AND
    task_id < %s ORDER BY task_id DESC LIMIT %s"""

REMOVE_TAG = """DELETE FROM version_tag WHERE tag = %s AND version_seq = (SELECT seq FROM version
    WHERE id = %s)"""

REMOVE_ALIAS = """DELETE FROM version_alias WHERE alias = %s AND artifact_id = (SELECT artifact_id
    FROM version WHERE id = %s)"""

UPDATE_VERSION = """UPDATE version SET description = %s, tags = %s, metadata = %s, updated_at = %s
    WHERE id = %s"""

ALIAS_HOLDER = """SELECT version.id FROM version_alias JOIN version ON version.seq =
    version_alias.version_seq WHERE version_alias.alias = %s AND version_alias.artifact_id = (SELECT
    artifact_id FROM version WHERE id = %s)"""

ALIASES_OF = """SELECT aliases FROM version WHERE id = %s"""

WRITE_ALIASES = """UPDATE version SET aliases = %s, updated_at = %s WHERE id = %s"""

RENAME_ARTIFACT = """UPDATE artifact SET name = %s WHERE project = %s AND name = %s"""

VERSION_FOR_CHANGE = """SELECT artifact.project, artifact.name, version_kind.artifact_type,
    version_kind.data_type, version.version, version.id, version.idempotency_key,
    version.version_name, version.materializer, version.artifact_task, version.parameters,
    version.format, version.plugin_snapshot, version.uri, version.files, version.size_bytes,
    version.is_directory, version.content_hash, version.manifest_digest, version.save_type,
    version.description, version.tags, version.aliases, version.metadata, version.previews,
    version.run_id, version.task_id, version.item_count, version.created_at, version.updated_at,
    version.created_by, version.signature, version.deleted_at, version.collected_at, version.seq
    FROM version JOIN artifact ON artifact.id = version.artifact_id JOIN version_kind ON
    version_kind.id = version.kind_id WHERE version.id = %s FOR UPDATE OF version"""

LOCK_ARTIFACT = """SELECT artifact.id FROM artifact WHERE artifact.id = (SELECT version.artifact_id
    FROM version WHERE version.id = %s) FOR UPDATE"""

DELETE_VERSION = """UPDATE version SET deleted_at = %s WHERE id = %s"""

RESTORE_VERSION = """UPDATE version SET deleted_at = NULL, updated_at = %s WHERE id = %s"""

COUNT_DELETED = """UPDATE artifact SET deleted_versions = deleted_versions + %s WHERE id = (SELECT
    artifact_id FROM version WHERE id = %s)"""

REMOVE_OWN_ALIAS = """DELETE FROM version_alias WHERE alias = %s AND version_seq = (SELECT seq FROM
    version WHERE id = %s) AND artifact_id = (SELECT artifact_id FROM version WHERE id = %s)"""

NTH_NEWEST = """SELECT version.version FROM version JOIN artifact ON artifact.id =
    version.artifact_id WHERE artifact.project = %s AND artifact.name = %s AND version.deleted_at IS
    NULL ORDER BY version.version DESC LIMIT 1 OFFSET %s"""

OVERDUE = """SELECT id, size_bytes, CASE WHEN substr(uri, 1, 5) = 'data:' THEN size_bytes ELSE 0 END
    FROM version WHERE deleted_at IS NOT NULL AND collected_at IS NULL AND deleted_at <= %s ORDER BY
    deleted_at, seq"""

COLLECT_VERSION = """UPDATE version SET collected_at = %s, previews = NULL, uri = CASE WHEN
    substr(uri, 1, 5) = 'data:' THEN 'data:,' ELSE uri END WHERE id = %s AND deleted_at <= %s AND
    collected_at IS NULL"""

ABORTED_BETWEEN = """SELECT id FROM aborted_version WHERE id BETWEEN %s AND %s"""

KEEP_WRITERS_OUT = """LOCK TABLE version IN SHARE ROW EXCLUSIVE MODE"""

ABORT = """INSERT INTO aborted_version (id, aborted_at) VALUES (%s, %s) ON CONFLICT DO NOTHING"""

LEDGER_ID = """SELECT id FROM ledger_identity WHERE one = 1"""

SET_LEDGER_ID = """INSERT INTO ledger_identity (one, id) VALUES (%s, %s) ON CONFLICT DO NOTHING"""

ADD_SNAPSHOT = """INSERT INTO plugin_snapshot (id, plugin, entry_object, python_version, archives,
    libraries, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""

SNAPSHOT_BY_ID = """SELECT plugin_snapshot.id, plugin_snapshot.plugin, plugin_snapshot.entry_object,
    plugin_snapshot.python_version, plugin_snapshot.archives, plugin_snapshot.libraries,
    plugin_snapshot.created_at, plugin_snapshot.seq FROM plugin_snapshot WHERE plugin_snapshot.id =
    %s"""

NEWEST_RUN_NAMES = """SELECT name FROM run ORDER BY id DESC LIMIT 1000"""

ARTIFACT_BY_NAME = """SELECT id, next_version - 1 FROM artifact WHERE project = %s AND name = %s"""

ARTIFACT_NAMES = """SELECT name FROM artifact WHERE project = %s ORDER BY name LIMIT 10000"""

ALIASES_OF_ARTIFACT = """SELECT alias FROM version_alias WHERE artifact_id = %s ORDER BY alias LIMIT
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

# By the text for one row.
MANY = {
    UPSERT_RUN: (
        """INSERT INTO run (id, project, pipeline, name, state, parameters, started_at, ended_at,
        error, external_ids) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[],
        %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::text[]) ON CONFLICT (id)
        DO UPDATE SET state = excluded.state, parameters = excluded.parameters, started_at =
        excluded.started_at, ended_at = excluded.ended_at, error = excluded.error, external_ids =
        excluded.external_ids""",
        1,
    ),
    UPSERT_TASK: (
        """INSERT INTO task (id, run_id, parent_id, name, scope_path, type, iteration_index,
        iteration_count, state, attempt, code_snapshot, cache_key, started_at, ended_at, error)
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
        %s::integer[], %s::integer[], %s::text[], %s::integer[], %s::text[], %s::text[],
        %s::bigint[], %s::bigint[], %s::text[]) ON CONFLICT (id) DO UPDATE SET type = excluded.type,
        iteration_index = excluded.iteration_index, iteration_count = excluded.iteration_count,
        state = excluded.state, attempt = excluded.attempt, code_snapshot = excluded.code_snapshot,
        cache_key = excluded.cache_key, started_at = excluded.started_at, ended_at =
        excluded.ended_at, error = excluded.error""",
        1,
    ),
    INSERT_VERSION: (
        """INSERT INTO version (artifact_id, version, kind_id, id, idempotency_key, version_name,
        materializer, artifact_task, parameters, format, plugin_snapshot, uri, files, size_bytes,
        is_directory, content_hash, manifest_digest, save_type, description, tags, aliases,
        metadata, previews, run_id, task_id, item_count, created_at, updated_at, created_by,
        signature) SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::bigint[], %s::text[],
        %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
        %s::text[], %s::text[], %s::bigint[], %s::boolean[], %s::text[], %s::text[], %s::text[],
        %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
        %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[])""",
        0,
    ),
    INSERT_LINK: (
        """INSERT INTO link (id, run_id, task_id, io_type, key, producer_task, producer_iteration,
        position, version_id, value) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[],
        %s::text[], %s::text[], %s::text[], %s::integer[], %s::integer[], %s::text[], %s::text[]) ON
        CONFLICT DO NOTHING""",
        0,
    ),
    ABORT: (
        """INSERT INTO aborted_version (id, aborted_at) SELECT * FROM unnest(%s::text[],
        %s::bigint[]) ON CONFLICT DO NOTHING""",
        0,
    ),
    SET_LEDGER_ID: (
        """INSERT INTO ledger_identity (one, id) SELECT * FROM unnest(%s::integer[], %s::text[]) ON
        CONFLICT DO NOTHING""",
        0,
    ),
    ADD_SNAPSHOT: (
        """INSERT INTO plugin_snapshot (id, plugin, entry_object, python_version, archives,
        libraries, created_at) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[],
        %s::text[], %s::text[], %s::bigint[]) ON CONFLICT DO NOTHING""",
        0,
    ),
}

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

LINKS = """SELECT link.id, link.run_id, link.task_id, link.io_type, link.key, link.producer_task,
    link.producer_iteration, link.position, link.version_id, link.value, link.seq FROM link"""

LINK_SEQS = """SELECT link.seq FROM link"""

SNAPSHOTS = """SELECT plugin_snapshot.id, plugin_snapshot.plugin, plugin_snapshot.entry_object,
    plugin_snapshot.python_version, plugin_snapshot.archives, plugin_snapshot.libraries,
    plugin_snapshot.created_at, plugin_snapshot.seq FROM plugin_snapshot"""

ARTIFACTS = """SELECT artifact.project, artifact.name, (artifact.next_version - 1) -
    artifact.deleted_versions AS anon_1, version_kind.artifact_type, version_kind.data_type,
    newest.size_bytes, coalesce(newest.updated_at, newest.created_at) AS coalesce_1, newest.id,
    newest.version FROM artifact JOIN LATERAL (SELECT version.kind_id AS kind_id, version.size_bytes
    AS size_bytes, version.updated_at AS updated_at, version.created_at AS created_at, version.id AS
    id, version.version AS version FROM version WHERE artifact.id = version.artifact_id AND
    version.deleted_at IS NULL ORDER BY version.version DESC LIMIT 1 OFFSET 0) AS newest ON true
    JOIN version_kind ON version_kind.id = newest.kind_id"""

VERSION_WHERE = {
    "version": """version.version = %(version)s""",
    "run_id": """version.run_id = %(run_id)s""",
    "task_id": """version.task_id = %(task_id)s""",
    "live": """version.deleted_at IS NULL""",
    "deleted": """version.deleted_at IS NOT NULL""",
    "run_of_task": """version.run_id = (SELECT task.run_id FROM task WHERE task.id = %(task_id)s)""",
    "ids": """version.id IN (%(ids)s)""",
    "id_prefix": """version.id >= %(id_prefix)s AND version.id < %(id_end)s""",
    "alias": """version.seq IN (SELECT version_alias.version_seq FROM version_alias WHERE
        version_alias.alias = %(alias)s)""",
    "artifact": """version.artifact_id IN (SELECT artifact.id FROM artifact WHERE artifact.name =
        %(artifact)s)""",
    "artifact_in_project": """version.artifact_id = (SELECT artifact.id FROM artifact WHERE
        artifact.name = %(artifact)s AND artifact.project = %(project)s)""",
    "tag": """version_tag.tag = %(tag)s""",
    "tagged_artifact": """version_tag.artifact_id IN (SELECT artifact.id FROM artifact WHERE
        artifact.name = %(artifact)s)""",
    "tagged_artifact_in_project": """version_tag.artifact_id = (SELECT artifact.id FROM artifact
        WHERE artifact.name = %(artifact)s AND artifact.project = %(project)s)""",
}

KIND_WHERE = {
    "project": """version_kind.project = %(project)s""",
    "artifact_type": """version_kind.artifact_type = %(artifact_type)s""",
    "data_type": """version_kind.data_type = %(data_type)s""",
}

RUN_WHERE = {
    "id": """run.id = %(id)s""",
    "name": """run.name = %(name)s""",
    "project": """run.project = %(project)s""",
    "pipeline": """run.pipeline = %(pipeline)s""",
    "state": """run.state = %(state)s""",
    "id_prefix": """run.id >= %(start)s AND run.id < %(end)s""",
    "name_prefix": """run.name >= %(start)s AND run.name < %(end)s""",
}

TASK_WHERE = {
    "id": """task.id = %(id)s""",
    "run_id": """task.run_id = %(run_id)s""",
    "name": """task.name = %(name)s""",
    "ids": """task.id IN (%(ids)s)""",
}

LINK_WHERE = {
    "run_id": """link.run_id = %(run_id)s""",
    "task_ids": """link.task_id IN (%(task_ids)s)""",
    "version_ids": """link.version_id IN (%(version_ids)s)""",
    "io_types": """link.io_type IN (%(io_types)s)""",
}

SNAPSHOT_WHERE = {
    "ids": """plugin_snapshot.id IN (%(ids)s)""",
    "plugin": """plugin_snapshot.plugin = %(plugin)s""",
}

ARTIFACT_WHERE = {
    "project": """artifact.project = %(project)s""",
    "artifact_type": """version_kind.artifact_type = %(artifact_type)s""",
    "data_type": """version_kind.data_type = %(data_type)s""",
    "after": """(artifact.project > %(after_project)s OR artifact.project = %(after_project)s AND
        artifact.name > %(after)s)""",
    "after_in_project": """artifact.name > %(after)s""",
}

MERGED = {
    (True, True): """SELECT inside.seq FROM version_kind JOIN LATERAL (SELECT other.seq AS seq FROM
        version AS other WHERE other.deleted_at IS NULL AND (other.kind_id, other.seq) >
        (version_kind.id, 0) AND (other.kind_id, other.seq) < (version_kind.id, %(after)s) ORDER BY
        other.kind_id DESC, other.seq DESC LIMIT %(limit)s OFFSET 0) AS inside ON true""",
    (True, False): """SELECT inside.seq FROM version_kind JOIN LATERAL (SELECT other.seq AS seq FROM
        version AS other WHERE other.deleted_at IS NULL AND (other.kind_id, other.seq) >
        (version_kind.id, 0) AND (other.kind_id, other.seq) < (version_kind.id, 9223372036854775807)
        ORDER BY other.kind_id DESC, other.seq DESC LIMIT %(limit)s OFFSET 0) AS inside ON true""",
    (False, True): """SELECT inside.seq FROM version_kind JOIN LATERAL (SELECT other.seq AS seq FROM
        version AS other WHERE other.deleted_at IS NULL AND (other.kind_id, other.seq) >
        (version_kind.id, %(after)s) AND (other.kind_id, other.seq) < (version_kind.id,
        9223372036854775807) ORDER BY other.kind_id ASC, other.seq ASC LIMIT %(limit)s OFFSET 0) AS
        inside ON true""",
    (False, False): """SELECT inside.seq FROM version_kind JOIN LATERAL (SELECT other.seq AS seq
        FROM version AS other WHERE other.deleted_at IS NULL AND (other.kind_id, other.seq) >
        (version_kind.id, 0) AND (other.kind_id, other.seq) < (version_kind.id, 9223372036854775807)
        ORDER BY other.kind_id ASC, other.seq ASC LIMIT %(limit)s OFFSET 0) AS inside ON true""",
}
