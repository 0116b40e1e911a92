-- A SQLite ledger as schema 4 wrote it: that of schema 3 and a version that waits for a backend; not to be changed.
PRAGMA application_id=1098010732;
PRAGMA user_version=4;
BEGIN TRANSACTION;
CREATE TABLE aborted_version (id TEXT NOT NULL, aborted_at BIGINT NOT NULL, PRIMARY KEY (id))
        WITHOUT ROWID;
INSERT INTO "aborted_version" VALUES('019a0000-0000-7000-8000-000000000107',1793534400000000);
CREATE TABLE artifact (id INTEGER NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL,
        next_version INTEGER NOT NULL, deleted_versions INTEGER DEFAULT 0 NOT NULL, PRIMARY KEY
        (id), UNIQUE (project, name));
INSERT INTO "artifact" VALUES(1,'default','flights',3,0);
INSERT INTO "artifact" VALUES(2,'default','delay',2,0);
INSERT INTO "artifact" VALUES(3,'default','old',4,3);
INSERT INTO "artifact" VALUES(4,'default','pinned',2,0);
CREATE TABLE backend (
	id INTEGER NOT NULL, 
	url TEXT NOT NULL, 
	registered_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (url)
);
INSERT INTO "backend" VALUES(1,'zenml+http://old',1793534400000000);
CREATE TABLE cache_entry ("key" TEXT NOT NULL, task_id TEXT NOT NULL, step TEXT NOT NULL,
        parts TEXT NOT NULL, PRIMARY KEY ("key"), FOREIGN KEY(task_id) REFERENCES task (id)) WITHOUT
        ROWID;
INSERT INTO "cache_entry" VALUES('key of mean','019a0000-0000-7000-8000-000000000003','mean','{"code": "c0de"}');
CREATE TABLE external (
	backend_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (backend_id, kind, "key"), 
	FOREIGN KEY(backend_id) REFERENCES backend (id)
)
 WITHOUT ROWID

;
CREATE TABLE ledger_identity (one INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY (one));
INSERT INTO "ledger_identity" VALUES(1,'019a0000-0000-7000-8000-000000000999');
CREATE TABLE ledger_schema (version_num VARCHAR(32) NOT NULL, CONSTRAINT ledger_schema_pkc
        PRIMARY KEY (version_num));
INSERT INTO "ledger_schema" VALUES('0004');
CREATE TABLE link (seq INTEGER NOT NULL, id TEXT NOT NULL, run_id TEXT NOT NULL, task_id TEXT
        NOT NULL, io_type TEXT NOT NULL, "key" TEXT NOT NULL, producer_task TEXT NOT NULL,
        producer_iteration INTEGER, position INTEGER NOT NULL, version_id TEXT, value TEXT, PRIMARY
        KEY (seq), FOREIGN KEY(run_id) REFERENCES run (id), FOREIGN KEY(task_id) REFERENCES task
        (id), FOREIGN KEY(version_id) REFERENCES version (id));
INSERT INTO "link" VALUES(1,'019a0000-0000-7000-8000-000000000201','019a0000-0000-7000-8000-000000000001','019a0000-0000-7000-8000-000000000003','OUTPUT','delay','mean',0,0,'019a0000-0000-7000-8000-000000000102',NULL);
INSERT INTO "link" VALUES(2,'019a0000-0000-7000-8000-000000000202','019a0000-0000-7000-8000-000000000001','019a0000-0000-7000-8000-000000000003','RUNTIME_VALUE_INPUT','carrier','',NULL,0,NULL,'"UA"');
CREATE TABLE outbox (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	record_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	backend_id INTEGER NOT NULL, 
	stream TEXT NOT NULL, 
	is_first BOOLEAN NOT NULL, 
	created_at BIGINT NOT NULL, 
	generation INTEGER DEFAULT 1 NOT NULL, 
	tries INTEGER DEFAULT 0 NOT NULL, 
	state TEXT DEFAULT 'PENDING' NOT NULL, 
	next_at BIGINT, 
	error TEXT, 
	UNIQUE (record_id, kind, backend_id), 
	FOREIGN KEY(backend_id) REFERENCES backend (id)
);
INSERT INTO "outbox" VALUES(1,'019a0000-0000-7000-8000-000000000108','version',1,'artifact:default/pinned',0,1793534400000000,1,0,'PENDING',NULL,NULL);
CREATE TABLE outbox_claim (
	stream TEXT NOT NULL, 
	backend_id INTEGER NOT NULL, 
	due_at BIGINT NOT NULL, 
	owner TEXT, 
	PRIMARY KEY (stream, backend_id), 
	FOREIGN KEY(backend_id) REFERENCES backend (id)
)
 WITHOUT ROWID

;
INSERT INTO "outbox_claim" VALUES('artifact:default/pinned',1,1793534400000000,NULL);
CREATE TABLE plugin_snapshot (seq INTEGER NOT NULL, id TEXT NOT NULL, plugin TEXT NOT NULL,
        entry_object TEXT NOT NULL, python_version TEXT NOT NULL, archives TEXT NOT NULL, libraries
        TEXT, created_at BIGINT NOT NULL, PRIMARY KEY (seq), UNIQUE (id));
INSERT INTO "plugin_snapshot" VALUES(1,'sha256:3333333333333333333333333333333333333333333333333333333333333333','materializers.shop','shop.orders:OrderMaterializer','3.11.7','[{"role":"plugin","name":"materializers.shop","digest":"sha256:abababababababababababababababababababababababababababababababab","roots":["shop"],"files":[{"path":"shop/orders.py","size_bytes":9,"digest":"sha256:abababababababababababababababababababababababababababababababab"}],"extensions":[],"offers":{},"distribution":"shop-tools","distribution_version":"1.2"}]','{"pandas":"3.0.0"}',1793534400000000);
CREATE TABLE run (id TEXT NOT NULL, project TEXT NOT NULL, pipeline TEXT NOT NULL, name TEXT
        NOT NULL, state TEXT NOT NULL, parameters TEXT, started_at BIGINT NOT NULL, ended_at BIGINT,
        error TEXT, external_ids TEXT, PRIMARY KEY (id)) WITHOUT ROWID;
INSERT INTO "run" VALUES('019a0000-0000-7000-8000-000000000001','default','delays','delays-1','SUCCEEDED','{"month":[1,2]}',1793534400000000,1793534400000000,NULL,NULL);
CREATE TABLE task (id TEXT NOT NULL, run_id TEXT NOT NULL, parent_id TEXT, name TEXT NOT
        NULL, scope_path TEXT NOT NULL, type TEXT NOT NULL, iteration_index INTEGER, iteration_count
        INTEGER, state TEXT NOT NULL, attempt INTEGER NOT NULL, code_snapshot TEXT, cache_key TEXT,
        started_at BIGINT NOT NULL, ended_at BIGINT, error TEXT, PRIMARY KEY (id), FOREIGN
        KEY(run_id) REFERENCES run (id), FOREIGN KEY(parent_id) REFERENCES task (id) DEFERRABLE
        INITIALLY DEFERRED) WITHOUT ROWID;
INSERT INTO "task" VALUES('019a0000-0000-7000-8000-000000000002','019a0000-0000-7000-8000-000000000001',NULL,'root','root','ROOT',NULL,NULL,'SUCCEEDED',1,NULL,NULL,1793534400000000,NULL,NULL);
INSERT INTO "task" VALUES('019a0000-0000-7000-8000-000000000003','019a0000-0000-7000-8000-000000000001','019a0000-0000-7000-8000-000000000002','mean','root/mean','RUNTIME',0,NULL,'SUCCEEDED',1,NULL,'key of mean',1793534400000000,1793534400000000,NULL);
CREATE TABLE version (seq INTEGER NOT NULL, artifact_id INTEGER NOT NULL, version INTEGER NOT
        NULL, kind_id INTEGER NOT NULL, id TEXT NOT NULL, idempotency_key TEXT, version_name TEXT,
        materializer TEXT, artifact_task TEXT, parameters TEXT, format TEXT NOT NULL,
        plugin_snapshot TEXT, uri TEXT NOT NULL, files TEXT, size_bytes BIGINT NOT NULL,
        is_directory BOOLEAN NOT NULL, content_hash TEXT NOT NULL, manifest_digest TEXT, save_type
        TEXT NOT NULL, description TEXT, tags TEXT, aliases TEXT, metadata TEXT, previews TEXT,
        run_id TEXT, task_id TEXT, item_count BIGINT, created_at BIGINT NOT NULL, updated_at BIGINT,
        created_by TEXT NOT NULL, deleted_at BIGINT, collected_at BIGINT, signature TEXT, PRIMARY
        KEY (seq), UNIQUE (artifact_id, version), FOREIGN KEY(artifact_id) REFERENCES artifact (id),
        FOREIGN KEY(kind_id) REFERENCES version_kind (id), UNIQUE (id), FOREIGN KEY(run_id)
        REFERENCES run (id), FOREIGN KEY(task_id) REFERENCES task (id));
INSERT INTO "version" VALUES(1,1,1,1,'019a0000-0000-7000-8000-000000000101',NULL,NULL,NULL,NULL,NULL,'json/1',NULL,'data:application/json,5','[["value.json",1,"blake3:0000000000000000000000000000000000000000000000000000000000000000"]]',1,0,'blake3:0000000000000000000000000000000000000000000000000000000000000000',NULL,'manual',NULL,'["raw","größe"]',NULL,'{"rows":3,"mean":-0.0,"text":"a\"b\\"}','[["text","5","x"]]',NULL,NULL,NULL,1793534400000000,NULL,'tester',NULL,NULL,NULL);
INSERT INTO "version" VALUES(2,2,1,1,'019a0000-0000-7000-8000-000000000102','key b',NULL,NULL,NULL,NULL,'json/1','sha256:1111111111111111111111111111111111111111111111111111111111111111','data:application/json,5','[["value.json",1,"blake3:0000000000000000000000000000000000000000000000000000000000000000"]]',1,0,'blake3:0000000000000000000000000000000000000000000000000000000000000000',NULL,'step_output',NULL,NULL,'["prod"]',NULL,NULL,'019a0000-0000-7000-8000-000000000001','019a0000-0000-7000-8000-000000000003',1,1793534400000000,NULL,'tester',NULL,NULL,NULL);
INSERT INTO "version" VALUES(3,1,2,1,'019a0000-0000-7000-8000-000000000103',NULL,NULL,NULL,NULL,NULL,'json/1',NULL,'file:///somewhere/versions/03/019a0000-0000-7000-8000-000000000103','[["value.json",1,"blake3:0000000000000000000000000000000000000000000000000000000000000000"]]',1,0,'blake3:0000000000000000000000000000000000000000000000000000000000000000','sha256:2222222222222222222222222222222222222222222222222222222222222222','manual',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1793534400000000,NULL,'tester',NULL,NULL,NULL);
INSERT INTO "version" VALUES(4,3,1,1,'019a0000-0000-7000-8000-000000000104',NULL,NULL,NULL,NULL,NULL,'json/1',NULL,'data:,','[["value.json",1,"blake3:0000000000000000000000000000000000000000000000000000000000000000"]]',1,0,'blake3:0000000000000000000000000000000000000000000000000000000000000000',NULL,'manual',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1793534400000000,NULL,'tester',1793534400000000,1793534400000000,NULL);
INSERT INTO "version" VALUES(5,3,2,1,'019a0000-0000-7000-8000-000000000105',NULL,NULL,NULL,NULL,NULL,'json/1',NULL,'data:,','[["value.json",1,"blake3:0000000000000000000000000000000000000000000000000000000000000000"]]',1,0,'blake3:0000000000000000000000000000000000000000000000000000000000000000',NULL,'manual',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1793534400000000,NULL,'tester',1793534400000000,1793534400000000,NULL);
INSERT INTO "version" VALUES(6,3,3,1,'019a0000-0000-7000-8000-000000000106',NULL,NULL,NULL,NULL,NULL,'json/1',NULL,'data:application/json,5','[["value.json",1,"blake3:0000000000000000000000000000000000000000000000000000000000000000"]]',1,0,'blake3:0000000000000000000000000000000000000000000000000000000000000000',NULL,'manual',NULL,'["lost"]',NULL,NULL,NULL,NULL,NULL,NULL,1793534400000000,NULL,'tester',1793534400000000,NULL,NULL);
INSERT INTO "version" VALUES(7,4,1,1,'019a0000-0000-7000-8000-000000000108',NULL,NULL,NULL,NULL,NULL,'json/1','sha256:3333333333333333333333333333333333333333333333333333333333333333','data:application/json,5','[["value.json",1,"blake3:0000000000000000000000000000000000000000000000000000000000000000"]]',1,0,'blake3:0000000000000000000000000000000000000000000000000000000000000000',NULL,'manual',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1793534400000000,NULL,'tester',NULL,NULL,'{"key_id":"ab","sig":"cd"}');
CREATE TABLE version_alias (artifact_id INTEGER NOT NULL, alias TEXT NOT NULL, version_seq
        INTEGER NOT NULL, PRIMARY KEY (artifact_id, alias), FOREIGN KEY(artifact_id) REFERENCES
        artifact (id), FOREIGN KEY(version_seq) REFERENCES version (seq)) WITHOUT ROWID;
INSERT INTO "version_alias" VALUES(2,'prod',2);
CREATE TABLE version_kind (id INTEGER NOT NULL, project TEXT NOT NULL, artifact_type TEXT NOT
        NULL, data_type TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (project, artifact_type,
        data_type));
INSERT INTO "version_kind" VALUES(1,'default','Artifact','builtins:float');
CREATE TABLE version_tag (tag TEXT NOT NULL, version_seq INTEGER NOT NULL, artifact_id
        INTEGER NOT NULL, PRIMARY KEY (tag, version_seq), FOREIGN KEY(version_seq) REFERENCES
        version (seq), FOREIGN KEY(artifact_id) REFERENCES artifact (id)) WITHOUT ROWID;
INSERT INTO "version_tag" VALUES('größe',1,1);
INSERT INTO "version_tag" VALUES('raw',1,1);
CREATE INDEX ix_run_name ON run (name);
CREATE INDEX ix_run_pipeline ON run (pipeline, id);
CREATE INDEX ix_run_project ON run (project, id);
CREATE INDEX ix_task_name ON task (name, id);
CREATE INDEX ix_task_run ON task (run_id, id);
CREATE INDEX ix_cache_entry_step ON cache_entry (step, task_id);
CREATE UNIQUE INDEX ix_version_key ON version (idempotency_key) WHERE idempotency_key IS NOT
        NULL;
CREATE INDEX ix_version_kind ON version (kind_id, seq) WHERE deleted_at IS NULL;
CREATE INDEX ix_version_run ON version (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX ix_version_trash ON version (deleted_at, seq) WHERE deleted_at IS NOT NULL AND
        collected_at IS NULL;
CREATE INDEX ix_link_run_id ON link (run_id);
CREATE UNIQUE INDEX ix_link_slot ON link (task_id, io_type, "key",
        coalesce(producer_iteration, -1), position, coalesce(version_id, ''));
CREATE INDEX ix_link_version ON link (version_id) WHERE version_id IS NOT NULL;
CREATE INDEX ix_version_alias_alias ON version_alias (alias);
CREATE INDEX ix_outbox_stream ON outbox (stream, backend_id, seq) WHERE state = 'PENDING';
CREATE INDEX ix_outbox_dead ON outbox (backend_id, seq) WHERE state != 'PENDING';
CREATE INDEX ix_outbox_claim_due ON outbox_claim (backend_id, due_at, stream);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outbox',1);
COMMIT;
