"""A ledger of an older release becomes one of this, whole or not at all."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import warm_processes
from alembic.script import ScriptDirectory
from ledger_urls import ONLY_SQLITE
from sqlalchemy import create_engine, text
from sqlalchemy.pool import StaticPool
from warm_processes import WarmProcess

from artifact_plugins.errors import (
    LedgerCorruptError,
    LedgerSchemaTooNewError,
    StoreFullError,
    StoreWriteError,
)
from artifact_plugins.ledger import Ledger, migrations
from artifact_plugins.ledger.schema import SCHEMA_VERSION, revision
from artifact_plugins.records import Batch, LinkQuery, SnapshotQuery, TaskQuery, VersionQuery

OLD = {number: Path(__file__).with_name(f"schema_{number}.sql") for number in (1, 2, 3, 4)}
# A part of what the second schema added.
ADDED = "ALTER TABLE version ADD COLUMN deleted_at BIGINT"
LIVE_VERSIONS = 3
# What is the same for all takes the longest way.
FROM_THE_FIRST = pytest.mark.parametrize("old_schema", [1], indirect=True)
HAS_OUTBOX = 4
WORKERS = Path(__file__).with_name("ledger_workers.py")
POINTS = ["migrate.applied", "migrate.before_commit"]
TABLES = (
    *("artifact", "version_kind", "run", "task", "version"),
    *("version_tag", "version_alias", "link"),
    *("cache_entry", "aborted_version", "ledger_identity", "plugin_snapshot"),
    *("backend", "outbox", "outbox_claim"),
)
TRUTHS = {"is_directory", "is_first"}
NUMBERED = (
    ("artifact", "id"),
    ("version_kind", "id"),
    ("version", "seq"),
    ("plugin_snapshot", "seq"),
    ("backend", "id"),
    ("outbox", "seq"),
)


@pytest.fixture(params=OLD, ids="schema_{}".format)
def old_schema(request: pytest.FixtureRequest) -> int:
    """The schema that an older release wrote."""
    return int(request.param)


@pytest.fixture
def old_url(url: str, old_schema: int) -> str:
    """The URL of a ledger as an older release left it."""
    if url.startswith("sqlite"):
        _write_sqlite(Path(url.removeprefix("sqlite:///")), old_schema)
    else:
        _write_postgresql(url, old_schema)
    return url


def _write_sqlite(path: Path, schema: int) -> None:
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.executescript(OLD[schema].read_text(encoding="utf-8"))
    raw.close()


def _write_postgresql(url: str, schema: int) -> None:
    """Copy the rows into the tables that the migrations of that time make."""
    import psycopg  # late: only the tests marked `server` need it

    from artifact_plugins.ledger.migrations.run import run_migrations

    old = sqlite3.connect(":memory:")
    old.row_factory = sqlite3.Row
    old.executescript(OLD[schema].read_text(encoding="utf-8"))
    there = {row[0] for row in old.execute("SELECT name FROM sqlite_master")}
    raw = psycopg.connect(url)
    engine = create_engine("postgresql+psycopg://", creator=lambda: raw, poolclass=StaticPool)
    with engine.begin() as connection:
        run_migrations(connection, "test", to=revision(schema))
        for table in (one for one in TABLES if one in there):
            for row in old.execute(f"SELECT * FROM {table}"):
                values = dict(row)
                for name in TRUTHS & values.keys():
                    values[name] = bool(values[name])
                places = ", ".join(f":{name}" for name in values)
                names = ", ".join(values)
                connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)
        for table, column in (one for one in NUMBERED if one[0] in there):
            sequence = f"pg_get_serial_sequence('{table}', '{column}')"
            connection.execute(
                text(f"SELECT setval({sequence}, (SELECT max({column}) FROM {table}))")
            )
    raw.close()
    old.close()


@pytest.fixture
def open_elsewhere(old_url: str) -> Iterator[Callable[..., WarmProcess]]:
    """Open the old ledger in another process."""
    started = []

    def start(points: str = "") -> WarmProcess:
        testing = {"ARTIFACT_PLUGINS_TESTING": "1", "ARTIFACT_PLUGINS_FAILPOINTS": points}
        process = warm_processes.start(
            WORKERS, "open", old_url, env={**os.environ, **testing}, imported=("alembic.command",)
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def look(url: str) -> tuple[str, bool]:
    """Return what the database says its schema is, and whether it has tables of an outbox."""
    if url.startswith("sqlite"):
        raw: Any = sqlite3.connect(url.removeprefix("sqlite:///"))
        number = str(raw.execute("PRAGMA user_version").fetchone()[0])
        names = "SELECT name FROM sqlite_master WHERE type = 'table'"
    else:
        import psycopg  # late: as above

        raw = psycopg.connect(url)
        number = str(int(raw.execute("SELECT version_num FROM ledger_schema").fetchone()[0]))
        names = (
            "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
        )
    found = {row[0] for row in raw.execute(names)}
    raw.close()
    return number, "backend" in found


def assert_complete(ledger: Ledger) -> None:
    """Everything that the older release wrote is there."""
    run = ledger.run("delays-1")
    assert run.parameters == {"month": [1, 2]}
    assert [task.name for task in ledger.tasks(TaskQuery(run_id=run.id))] == ["root", "mean"]
    first, delay, second, *_ = ledger.versions(VersionQuery(), newest_first=False)
    assert [str(first), str(delay), str(second)] == ["flights@1", "delay@1", "flights@2"]
    assert (first.tags, first.metadata["text"]) == (("raw", "größe"), 'a"b\\')
    assert math.copysign(1, first.metadata["mean"]) == -1
    assert first.previews[0].title == "x"
    assert first.files[0].path == "value.json"
    assert first.deleted_at is None
    assert ledger.latest("default", "delay", alias="prod") == delay
    assert ledger.versions(VersionQuery(tag="größe")).items == (first,)
    output, literal = ledger.links(LinkQuery(run_id=run.id))
    assert (output.version_id, output.producer.iteration) == (delay.id, 0)
    assert literal.value == "UA"
    assert first.signature is None
    assert ledger.check() == []


def assert_schema_4_is_complete(ledger: Ledger) -> None:
    """So is what only schema 4 had: a backend, and what waits for it."""
    (backend,) = ledger.registered_backends()
    (row,) = ledger.outbox.page(backend.id, state=None)
    assert backend.url == "zenml+http://old"
    assert (row.record_id, row.stream) == (
        ledger.latest("default", "pinned").id,
        "artifact:default/pinned",
    )


def assert_schema_3_is_complete(ledger: Ledger) -> None:
    """So is what schema 3 had more: plugin snapshots and signed versions."""
    pinned = ledger.latest("default", "pinned")
    assert pinned.signature == '{"key_id":"ab","sig":"cd"}'
    (snapshot,) = ledger.snapshots(SnapshotQuery())
    assert (snapshot.id, snapshot.libraries) == (pinned.plugin_snapshot, {"pandas": "3.0.0"})


def assert_schema_2_is_complete(ledger: Ledger) -> None:
    """So is what schema 2 had more: the trash, aborted saves, the cache, an identity."""
    assert ledger.latest("default", "delay").plugin_snapshot == "sha256:" + "1" * 64
    assert ledger.latest("default", "flights").manifest_digest == "sha256:" + "2" * 64
    ids = [f"019a0000-0000-7000-8000-000000000{number}" for number in (103, 104, 106, 107)]
    found = ledger.version_states(ids)
    assert list(map(found.get, ids)) == ["live", "collected", "deleted", "aborted"]
    assert ledger.restore_version(ids[2])[0].tags == ("lost",)
    entry = ledger.cache_entry("key of mean")
    assert entry is not None
    assert entry.parts == {"code": "c0de"}
    assert ledger.identity() == "019a0000-0000-7000-8000-000000000999"


def test_an_older_ledger_is_upgraded_when_it_is_opened(old_url, old_schema, make):
    """A ledger of an older release reads back whole, and numbers go on where they were."""
    with Ledger.open(old_url, durable=True) as ledger:
        assert_complete(ledger)
        if old_schema >= 2:
            assert_schema_2_is_complete(ledger)
        if old_schema >= 3:
            assert_schema_3_is_complete(ledger)
        if old_schema >= HAS_OUTBOX:
            assert_schema_4_is_complete(ledger)
        assert make.save(ledger).version == 3
        pinned = make.draft(
            "pinned too", signature='{"key_id":"..","sig":".."}', snapshot=make.snapshot()
        )
        (version,) = ledger.write(Batch(versions=(pinned,)))
        assert ledger.version(version.id).signature == pinned.version.signature
        assert ledger.snapshot(pinned.snapshot.id) == pinned.snapshot
        backend = ledger.register_backend("zenml+http://there")
        ledger.deliver_to([backend])
        edited = ledger.update_version(version.id, tags_add=("seen",))
        (row,) = ledger.outbox.page(backend, state=None)
        assert (row.record_id, row.stream) == (edited.id, "artifact:default/pinned too")

    assert look(old_url) == (str(SCHEMA_VERSION), True)
    with Ledger.open(old_url, durable=True) as again:
        assert again.latest("default", "flights").version == 3


@ONLY_SQLITE
def test_a_copy_of_the_old_file_stays_beside_it(old_url, old_schema, tmp_path):
    """The backup is a whole ledger of the old schema, one file, and is made once."""
    for _ in range(2):
        Ledger.open(old_url, durable=True).close()

    copies = sorted(path.name for path in tmp_path.glob("*backup*"))
    assert copies == [f"ledger.sqlite.backup-{old_schema}"]
    copy = f"sqlite:///{tmp_path / copies[0]}"
    assert look(copy) == (str(old_schema), old_schema >= HAS_OUTBOX)
    with Ledger.open(copy, durable=True) as restored:
        assert_complete(restored)


def shape(ledger: Ledger) -> set[tuple[Any, ...]]:
    """Return tables, columns and indexes, whatever order they were made in."""
    read = ledger._database.read
    if ledger._database.dialect_name == "sqlite":
        tables = [row[0] for row in read("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: set[tuple[Any, ...]] = {("table", name) for name in tables}
        for table in tables:
            found |= {(table, *row[1:]) for row in read(f"PRAGMA table_info({table})")}
            found |= {(table, *row[2:]) for row in read(f"PRAGMA foreign_key_list({table})")}
        found |= {
            (row[0], " ".join(row[1].split()))
            for row in read("SELECT name, sql FROM sqlite_master WHERE type='index' AND sql <> ''")
        }
        return found
    columns = read(
        """SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name
        FROM information_schema.columns WHERE table_schema = current_schema()"""
    )
    indexes = read("SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()")
    constraints = read(
        """SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = current_schema()::regnamespace"""
    )
    triggers = read(
        """SELECT pg_get_triggerdef(pg_trigger.oid), prosrc FROM pg_trigger
        JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE NOT tgisinternal AND pronamespace = current_schema()::regnamespace"""
    )
    schema = read("SELECT current_schema()")[0][0]
    return {
        tuple(" ".join(str(part).replace(f"{schema}.", "").split()) for part in row)
        for row in (*columns, *indexes, *constraints, *triggers)
    }


def test_an_upgraded_ledger_has_the_same_tables_as_a_new_one(old_url, tmp_path, request):
    """An old schema and its migrations give the columns, keys and indexes that a new ledger has."""
    if old_url.startswith("sqlite"):
        new_url = f"sqlite:///{tmp_path}/new.sqlite"
    else:
        server = request.getfixturevalue("postgresql_server")
        new_url = server.schema_url(server.new_schema())
    with Ledger.open(old_url, durable=True) as old, Ledger.open(new_url, durable=True) as new:
        before, after = shape(new), shape(old)

    assert before - after == set()
    assert after - before == set()


def test_migrations_lead_to_the_schema():
    """There is one migration for each schema number, in one line, up to that of the tables."""
    script = ScriptDirectory(str(Path(migrations.__file__).parent))

    found = [one.revision for one in script.walk_revisions()]

    assert found == [revision(number) for number in range(SCHEMA_VERSION, 0, -1)]


@FROM_THE_FIRST
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_in_the_middle_leaves_the_old_ledger(old_url, old_schema, open_elsewhere, point):
    """Kill -9 at any point of an upgrade leaves the old one whole; the next opening upgrades (A12)."""
    kill_and_open(old_url, old_schema, open_elsewhere, point)


@FROM_THE_FIRST
@ONLY_SQLITE
def test_a_kill_after_the_copy_leaves_the_old_ledger(old_url, old_schema, open_elsewhere):
    """Kill -9 between the copy and the upgrade leaves the old ledger whole too (A12)."""
    kill_and_open(old_url, old_schema, open_elsewhere, "migrate.backed_up")


def kill_and_open(old_url: str, old_schema: int, open_elsewhere: Any, point: str) -> None:
    process = open_elsewhere(f"{point}=kill")
    _, err = process.communicate(timeout=60)

    assert process.returncode == -signal.SIGKILL, err
    assert look(old_url) == (str(old_schema), False)
    with Ledger.open(old_url, durable=True) as ledger:
        assert_complete(ledger)


@FROM_THE_FIRST
@ONLY_SQLITE
def test_without_one_transaction_a_kill_leaves_neither(old_url, old_schema):
    """Negative control: a step of the upgrade that is committed by itself is seen as half."""
    raw = sqlite3.connect(old_url.removeprefix("sqlite:///"), isolation_level=None)
    raw.execute(ADDED)
    raw.close()

    assert look(old_url) == (str(old_schema), False)
    with pytest.raises(StoreWriteError, match="duplicate column"):
        Ledger.open(old_url, durable=True)


@FROM_THE_FIRST
def test_openers_wait_for_each_other(old_url, open_elsewhere):
    """Four processes that open an old ledger at once all get the new one; one upgrades it."""
    processes = [open_elsewhere() for _ in range(4)]

    ended = [process.communicate(timeout=100) for process in processes]

    assert [process.returncode for process in processes] == [0] * 4, ended
    assert [out.strip() for out, _ in ended] == [str(LIVE_VERSIONS)] * 4
    with Ledger.open(old_url, durable=True) as ledger:
        assert_complete(ledger)


@FROM_THE_FIRST
@ONLY_SQLITE
def test_without_room_for_the_copy_nothing_is_upgraded(old_url, old_schema, tmp_path):
    """A full disk before the upgrade is StoreFullError, and the ledger stays as it is (A15)."""
    from artifact_plugins import failpoints

    failpoints.configure("migrate.backed_up=error:ENOSPC")
    try:
        with pytest.raises(StoreFullError, match="nothing was written"):
            Ledger.open(old_url, durable=True)
    finally:
        failpoints.configure("")

    assert look(old_url) == (str(old_schema), False)
    assert not list(tmp_path.glob("*.partial"))


@FROM_THE_FIRST
@ONLY_SQLITE
def test_an_old_ledger_that_cannot_be_written_is_named(old_url, old_schema, monkeypatch, tmp_path):
    """An old ledger in a read-only place is refused, says what to do, and is not touched."""
    path = Path(old_url.removeprefix("sqlite:///"))
    monkeypatch.setattr(os, "access", lambda _, mode: mode == os.R_OK)
    before = path.read_bytes()

    with pytest.raises(StoreWriteError, match=f"schema {old_schema} and must be") as caught:
        Ledger.open(old_url, durable=True)

    assert (caught.value.found, caught.value.known) == (old_schema, SCHEMA_VERSION)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.glob("*backup*")] == []


def say_schema(url: str, value: str) -> None:
    with Ledger.open(url, durable=True) as ledger, ledger._database.transaction() as cursor:
        cursor.execute(f"UPDATE ledger_schema SET version_num = '{value}'")
        if url.startswith("sqlite"):
            cursor.execute(f"PRAGMA user_version={int(value)}")


def test_a_newer_schema_is_refused(url):
    """A ledger of a newer release is LedgerSchemaTooNewError and stays as it is (D8)."""
    say_schema(url, revision(SCHEMA_VERSION + 1))

    with pytest.raises(LedgerSchemaTooNewError, match="update artifact-plugins") as caught:
        Ledger.open(url, durable=True)

    assert (caught.value.found, caught.value.known) == (SCHEMA_VERSION + 1, SCHEMA_VERSION)
    assert look(url)[0] == str(SCHEMA_VERSION + 1)


@FROM_THE_FIRST
@ONLY_SQLITE
def test_a_schema_that_nobody_wrote_is_refused(old_url, old_schema):
    """An old number in the file and another in its table is LedgerCorruptError."""
    raw = sqlite3.connect(old_url.removeprefix("sqlite:///"))
    raw.execute("DROP TABLE IF EXISTS ledger_schema")
    raw.execute("CREATE TABLE ledger_schema (version_num VARCHAR(32) PRIMARY KEY)")
    raw.execute("INSERT INTO ledger_schema VALUES ('0077')")
    raw.execute(f"PRAGMA user_version={old_schema}")
    raw.commit()
    raw.close()

    with pytest.raises(LedgerCorruptError):
        Ledger.open(old_url, durable=True)


def test_a_ledger_that_is_up_to_date_imports_no_migrations(url):
    """Making a ledger and opening it again loads neither Alembic nor SQLAlchemy."""
    code = (
        "import sys; from artifact_plugins.ledger import Ledger\n"
        "for _ in range(2): Ledger.open(sys.argv[1], durable=False).close()\n"
        "print({'alembic', 'sqlalchemy'} & set(sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, url], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "set()"
