"""What only a ledger on a server meets: lost connections, other roles, other databases."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cutting_proxy import CuttingProxy, cutting_proxy
from ledger_urls import ONLY_POSTGRESQL

from artifact_plugins.errors import (
    CommitUnknownError,
    InputError,
    LedgerBusyError,
    LedgerCorruptError,
    SettingsError,
    StoreFullError,
    StoreReadError,
    StoreWriteError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.ledger.commit import Batch, _Prepared, _write
from artifact_plugins.ledger.database import repeatable
from artifact_plugins.ledger.opening import has_ledger
from artifact_plugins.records import IOType, VersionQuery

pytestmark = [pytest.mark.server, ONLY_POSTGRESQL]
WORKERS = Path(__file__).with_name("ledger_workers.py")


def numbers(ledger: Ledger) -> list[int]:
    page = ledger.versions(VersionQuery(artifact="flights"), limit=1000, newest_first=False)
    return [version.version for version in page]


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WORKERS), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_open_an_empty_database_at_once_make_one_ledger(url):
    """Six processes find no tables at the same moment; all of them get the same ledger."""
    assert has_ledger(url) is False
    processes = [start("many", url, worker, 1) for worker in range(6)]

    ended = [process.communicate(timeout=100) for process in processes]

    assert [process.returncode for process in processes] == [0] * 6, ended
    with Ledger.open(url, durable=False) as ledger:
        assert numbers(ledger) == list(range(1, 7))


@pytest.fixture
def proxy(postgresql_server: Any) -> Iterator[CuttingProxy]:
    """Loses COMMITs, their answers or both."""
    with cutting_proxy(postgresql_server.port, b"COMMIT\0") as running:
        yield running


@pytest.fixture
def cut_ledger(url: str, proxy: CuttingProxy, postgresql_server: Any) -> Iterator[Ledger]:
    """A ledger behind the proxy."""
    through = url.replace(f":{postgresql_server.port}/", f":{proxy.port}/")
    with Ledger.open(through, durable=False, busy_timeout_seconds=20) as opened:
        yield opened


@pytest.mark.timeout(300)
def test_a_lost_commit_is_repeated_with_the_same_key(cut_ledger, proxy, make):
    """Of 500 saves with 45 % of their COMMITs cut, none is lost and none is there twice (B6)."""
    proxy.share = {"answer": 0.3, "request": 0.15}

    saved = [make.save(cut_ledger, key=f"k{n}") for n in range(500)]

    assert proxy.cut["answer"] > 100
    assert proxy.cut["request"] > 40
    assert [version.version for version in saved] == list(range(1, 501))
    assert numbers(cut_ledger) == list(range(1, 501))
    assert cut_ledger.check() == []


def test_without_its_key_a_lost_commit_is_there_twice(cut_ledger, proxy, make):
    """Negative control: whoever repeats a lost commit under a new key doubles it."""
    proxy.share = {"answer": 0.3, "request": 0.0}
    database = cut_ledger._database

    def save_until_answered() -> None:
        while True:
            try:
                prepared = _Prepared(Batch(versions=(make.draft(),)))
                _write(database, {}, prepared, False)
                return
            except CommitUnknownError:
                continue

    for _ in range(60):
        save_until_answered()

    assert len(numbers(cut_ledger)) == 60 + proxy.cut["answer"] > 65


def test_a_server_that_stays_away_leaves_the_outcome_unknown(url, proxy, postgresql_server, make):
    """A commit whose answer is lost for good is CommitUnknownError; later its key finds it (B6)."""
    through = url.replace(f":{postgresql_server.port}/", f":{proxy.port}/")
    with Ledger.open(through, durable=True, busy_timeout_seconds=0.3) as ledger:
        proxy.share = {"answer": 1.0, "request": 0.0}
        proxy.is_away.set()
        started = time.monotonic()

        with pytest.raises(CommitUnknownError, match="same idempotency keys"):
            make.save(ledger, key="k")

        assert time.monotonic() - started < 10
        with pytest.raises(StoreReadError):
            ledger.versions(VersionQuery())
        proxy.share["answer"] = 0.0
        proxy.is_away.clear()
        assert make.save(ledger, key="k").version == 1
        assert numbers(ledger) == [1]


def test_an_edit_whose_answer_was_lost_is_not_done_again(cut_ledger, proxy, make):
    """An edit has no key, so a lost answer is said and the edit is not repeated."""
    version = make.save(cut_ledger)
    proxy.share = {"answer": 1.0, "request": 0.0}

    with pytest.raises(CommitUnknownError):
        cut_ledger.set_alias(version.id, "prod")

    proxy.share = {"answer": 0.0, "request": 0.0}
    assert proxy.cut["answer"] == 1
    assert cut_ledger.version(version.id).aliases == ("prod",)


def test_the_id_of_a_ledger_survives_lost_answers(cut_ledger, proxy):
    """The first id stays, so making it is repeated until somebody answers."""
    proxy.share = {"answer": 0.9, "request": 0.0}

    identity = cut_ledger.identity()

    proxy.share = {"answer": 0.0, "request": 0.0}
    assert proxy.cut["answer"] >= 1
    assert cut_ledger.identity() == identity


def end_sessions(server: Any) -> int:
    """Kill every backend of the ledger under test; return how many there were."""
    rows = server.run(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE application_name = 'artifact-plugins'"
    )
    return int(rows[0][0])


def test_a_backend_killed_in_mid_transaction_is_replaced(ledger, url, postgresql_server, make):
    """pg_terminate_backend between two statements: the batch is written again, once (D9)."""
    attempts: list[int] = []
    first = make.save(ledger)

    @repeatable
    def work(database: Any) -> None:
        with database.transaction() as cursor:
            cursor.execute("UPDATE version SET description = 'x'")
            attempts.append(1)
            if len(attempts) == 1:
                assert end_sessions(postgresql_server) >= 1
            cursor.execute("UPDATE version SET description = description || 'y'")

    work(ledger._database)

    assert len(attempts) == 2
    assert ledger.version(first.id).description == "xy"


def test_backends_killed_all_the_time_lose_nothing(ledger, url, postgresql_server, make):
    """While somebody ends every session again and again, 150 saves give 150 versions (D9)."""
    stop = threading.Event()
    ended: list[int] = []

    def end() -> None:
        while not stop.is_set():
            ended.append(end_sessions(postgresql_server))
            time.sleep(0.02)

    killer = threading.Thread(target=end)
    killer.start()
    try:
        saved = [make.save(ledger, key=f"k{n}").version for n in range(150)]
    finally:
        stop.set()
        killer.join()

    assert sum(ended) > 3
    assert saved == list(range(1, 151))
    assert numbers(ledger) == saved
    assert ledger.check() == []


def failing(code: str, times: int, attempts: list[str]) -> Callable[[Any], None]:
    @repeatable
    def work(database: Any) -> None:
        with database.transaction() as cursor:
            attempts.append(code)
            if len(attempts) <= times:
                raised = f"RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}'"
                cursor.execute(f"DO $$ BEGIN {raised}; END $$")

    return work


@pytest.mark.parametrize("code", ["40001", "40P01", "57014", "53300"])
def test_what_the_server_undid_is_done_again(ledger, code):
    """Serialization failures, deadlocks, timeouts and full tables of sessions are repeated (D9)."""
    attempts: list[str] = []

    failing(code, 2, attempts)(ledger._database)

    assert len(attempts) == 3


@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_repeats_are_bounded(url, code):
    """What fails every time is LedgerBusyError in the end (D9)."""
    attempts: list[str] = []
    with (
        Ledger.open(url, durable=False, busy_timeout_seconds=0.1) as ledger,
        pytest.raises(LedgerBusyError, match="nothing was written"),
    ):
        failing(code, 1000, attempts)(ledger._database)

    assert 2 < len(attempts) < 100


@pytest.mark.parametrize(
    ("code", "error"),
    [("53100", StoreFullError), ("42501", StoreWriteError), ("XX001", LedgerCorruptError)],
)
def test_what_will_not_pass_is_not_repeated(ledger, code, error):
    """A full disk, a missing right and damage are named at once."""
    attempts: list[str] = []

    with pytest.raises(error):
        failing(code, 1000, attempts)(ledger._database)

    assert len(attempts) == 1


def test_a_link_to_what_was_removed_is_reported(ledger, make):
    """`check` names the tables when somebody took a row away that another one names."""
    run = make.run()
    task = make.task(run)
    link = make.link(task, IOType.OUTPUT, "out", value=1)
    ledger.write(Batch(runs=(run,), tasks=(task,), links=(link,)))
    assert ledger.check() == []
    with ledger._database.transaction() as cursor:
        cursor.execute("DELETE FROM task")

    problems = ledger.check()

    assert problems == ["a row of link names a row of task that is not there"]


def test_opposite_orders_of_locks_end_well(ledger, make):
    """Batches that write the same artifacts in opposite orders do not stop each other."""
    names = [f"a{n}" for n in range(12)]

    def save(number: int) -> None:
        order = names if number % 2 else names[::-1]
        ledger.write(Batch(versions=tuple(make.draft(name) for name in order)))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(save, range(36)))

    assert {one.versions for one in ledger.artifacts()} == {36}
    assert ledger.check() == []


def test_a_row_locked_for_too_long_is_named(url, postgresql_server, make):
    """An artifact that somebody else keeps locked is LedgerBusyError after the timeout (D1)."""
    import psycopg

    with Ledger.open(url, durable=False, busy_timeout_seconds=0.3) as ledger:
        make.save(ledger)
        with psycopg.connect(url) as other:
            other.execute("SELECT 1 FROM artifact FOR UPDATE")

            with pytest.raises(LedgerBusyError, match="stayed locked") as caught:
                make.save(ledger)

            assert caught.value.waited >= 0.3
        assert make.save(ledger).version == 2


@pytest.mark.parametrize("durable", [True, False])
def test_durability_is_chosen_for_each_commit(ledger, durable):
    """`durable=False` commits do not wait for the server's disk, others do."""
    with ledger._database.transaction(durable) as cursor:
        found = cursor.execute("SHOW synchronous_commit").fetchone()[0]

    assert found == ("on" if durable else "off")
    assert ledger._database.read("SHOW synchronous_commit") == [("on",)]


def test_a_server_that_does_not_wait_for_its_disk_is_told_to(url):
    """Where `synchronous_commit` is off for everybody, a durable commit turns it on."""
    lax = url.replace("options=", "options=-csynchronous_commit%3Doff%20")

    with Ledger.open(lax, durable=True) as ledger, ledger._database.transaction() as cursor:
        assert cursor.execute("SHOW synchronous_commit").fetchone()[0] == "on"


def test_many_threads_share_few_connections(url, postgresql_server, make):
    """40 threads use at most 8 sessions of the server, and all get their turn."""
    ledger = Ledger.open(f"{url}&application_name=threads", durable=False)
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda _: make.save(ledger), range(200)))
    text = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'threads'"

    (count,) = postgresql_server.run(text)[0]

    assert 1 <= count <= 8
    assert numbers(ledger) == list(range(1, 201))
    ledger.close()
    ended = time.monotonic() + 10
    while postgresql_server.run(text)[0][0] and time.monotonic() < ended:
        time.sleep(0.05)
    assert postgresql_server.run(text)[0][0] == 0


def test_values_come_back_exactly(ledger, make):
    """Negative zero, large floats and integers, and the order of keys survive, as text does."""
    metadata = {"z": -0.0, "a": 1e16, "m": 1e-7, "big": 2**63 - 1, "small": -(2**63), "t": "é\\u0"}
    run = make.run(parameters={"b": [1, {"y": 1.0, "x": 1}]})
    task = make.task(run)
    link = make.link(task, IOType.RUNTIME_VALUE_INPUT, "v", value={"z": 1.0, "a": -0.0})

    ledger.write(Batch(runs=(run,), tasks=(task,), links=(link,)))
    saved = make.save(ledger, metadata=metadata)

    read = ledger.version(saved.id).metadata
    assert repr(read) == repr(saved.metadata)
    assert list(read) == list(metadata)
    assert repr(ledger.run(run.id).parameters) == repr(run.parameters)
    assert repr(ledger.links(_all_links(run.id))[0].value) == repr(link.value)


def _all_links(run_id: str) -> Any:
    from artifact_plugins.records import LinkQuery

    return LinkQuery(run_id=run_id)


def test_large_batches_are_what_small_ones_are(ledger, make):
    """Rows that are sent column by column come back as those sent one by one."""
    run = make.run()
    tasks = tuple(
        make.task(run, f'näme "{n}" \\ {{}},NULL', iteration_index=n if n % 2 else None)
        for n in range(40)
    )
    drafts = tuple(
        make.draft(
            metadata={"text": 'a"b\\c,{}\nNULL'} if n % 3 else {},
            description="NULL" if n % 2 else None,
            is_directory=bool(n % 2),
            task_id=tasks[n].id,
            run_id=run.id,
        )
        for n in range(40)
    )
    links = tuple(
        make.link(tasks[n], IOType.OUTPUT, "out", version_id=drafts[n].version.id)
        for n in range(40)
    )
    batch = Batch(runs=(run,), tasks=tasks, versions=drafts, links=links)

    written = ledger.write(batch)

    assert [version.version for version in written] == list(range(1, 41))
    for task, draft, version in zip(tasks, drafts, written, strict=True):
        assert ledger.task(task.id) == task
        assert ledger.version(version.id) == draft.version.model_copy(
            update={"version": version.version}
        )
    assert ledger.links(_all_links(run.id), limit=100).items == links
    assert ledger.write(batch) == written


def test_a_task_twice_in_a_large_batch_ends_as_the_second(ledger, make):
    """Two states of one task in a batch are written in their order, as SQLite does."""
    run = make.run()
    tasks = [make.task(run, f"t{n}") for n in range(20)]
    changed = [task.model_copy(update={"attempt": 2}) for task in tasks]

    ledger.write(Batch(runs=(run,), tasks=(*tasks, *changed)))

    assert {ledger.task(task.id).attempt for task in tasks} == {2}


def test_a_value_with_nul_is_not_looked_for(ledger):
    """PostgreSQL has no NUL in texts: a query for one says so by name."""
    with pytest.raises(InputError, match="NUL"):
        ledger.versions(VersionQuery(artifact="a\0b"))


def test_names_are_ordered_by_code_points(ledger, make):
    """Listings have the order of a SQLite ledger, whatever the language of the server."""
    for name in ("b", "B", "ä", "a", "Z", "_"):
        make.save(ledger, name)

    assert [one.artifact for one in ledger.artifacts()] == ["B", "Z", "_", "a", "b", "ä"]


@pytest.fixture
def reader(url: str, postgresql_server: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """A role that may read the schema of the test and no more; gives its URL."""
    schema = url.rpartition("%3D")[2]
    role = f"reader_{schema}"
    postgresql_server.run(
        f"CREATE ROLE {role} LOGIN",
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}",
    )
    yield postgresql_server.schema_url(schema, role)
    postgresql_server.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_role_that_may_only_read_reads(url, reader, make):
    """With SELECT alone reading works, and writing is StoreWriteError (D6)."""
    with pytest.raises(StoreWriteError, match="nothing was written"):
        Ledger.open(reader, durable=True)  # there is nothing yet, and it may make nothing
    with Ledger.open(url, durable=True) as ledger:
        saved = make.save(ledger)

    with Ledger.open(reader, durable=True) as reading:
        assert reading.is_read_only
        assert reading.version(saved.id) == saved
        with pytest.raises(StoreWriteError, match="reading works"):
            make.save(reading)
    with Ledger.open(url, durable=True) as again:
        assert again.is_read_only is False


def test_a_server_that_only_reads_is_read(url, reader, postgresql_server, make):
    """Where transactions are read-only, as on a standby, the ledger is read-only."""
    with Ledger.open(url, durable=True) as ledger:
        make.save(ledger)
        role = reader.partition("//")[2].partition("@")[0]
        postgresql_server.run(f"ALTER ROLE {role} SET default_transaction_read_only = on")
        postgresql_server.run(f"GRANT ALL ON ALL TABLES IN SCHEMA {role[7:]} TO {role}")

        with Ledger.open(reader, durable=True) as reading:
            assert reading.is_read_only
            assert numbers(reading) == [1]


@pytest.mark.parametrize(
    "url_text",
    [
        "postgresql://user:secret@host/db",
        "postgresql+psycopg://user:secret@host/db",
        "postgres://:secret@host/db",
        "postgresql://user:se#cret@host/db",
        "postgresql://user:se/cret@host/db",
        "postgresql://host/db?password=secret",
        "postgresql://host/db?sslpassword=secret",
        "postgresql://host/db?sslmode=require&PassWord=secret",
    ],
)
def test_a_password_in_the_url_is_refused(url, url_text):
    """A URL with a password is SettingsError, says where it belongs, and is not repeated."""
    with pytest.raises(SettingsError, match="PGPASSWORD") as caught:
        Ledger.open(url_text, durable=True)

    assert "secret" not in str(caught.value)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url_text",
    [
        "postgresql://host/db?hosst=x",
        "postgresql://host/db#part",
        "postgresql://ho st/db",
        "postgresql://host:port/db",
    ],
)
def test_a_url_that_libpq_would_not_take_is_refused(url, url_text):
    """Unknown parameters and other forms are SettingsError before anything is opened."""
    with pytest.raises(SettingsError, match="nothing was opened"):
        Ledger.open(url_text, durable=True)


def test_the_password_comes_from_the_environment(url, postgresql_server, monkeypatch, make):
    """PGPASSWORD opens what needs a password; without it the error is named and holds no secret."""
    name = postgresql_server.new_database()
    postgresql_server.run(f"ALTER DATABASE {name} OWNER TO guarded")
    guarded = postgresql_server.url(name, "guarded")
    monkeypatch.setenv("PGPASSWORD", "wrong horse")
    with pytest.raises(StoreReadError, match="cannot be opened") as caught:
        Ledger.open(guarded, durable=True)
    assert "wrong horse" not in str(caught.value)

    monkeypatch.setenv("PGPASSWORD", "open sesame")
    with Ledger.open(guarded, durable=True) as ledger:
        assert make.save(ledger).version == 1
        assert "sesame" not in repr(ledger._database.__dict__) + ledger.url


def test_without_the_driver_the_extra_is_named(url, monkeypatch):
    """Where psycopg is not installed, the error holds the line that installs it."""
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "psycopg", None)

        with pytest.raises(SettingsError, match=r"pip install 'artifact-plugins\[postgresql\]'"):
            Ledger.open(url, durable=True)


def test_a_server_that_is_not_there_is_named(url):
    """A refused connection and a missing database are StoreReadError, at once."""
    started = time.monotonic()

    with pytest.raises(StoreReadError, match="is the server up"):
        Ledger.open("postgresql://postgres@127.0.0.1:1/x", durable=True)
    with pytest.raises(StoreReadError, match="does not exist"):
        Ledger.open(url.replace("/postgres?", "/nothing?"), durable=True)

    assert time.monotonic() - started < 10


def test_tables_of_another_application_are_left_alone(url, postgresql_server):
    """A schema that has a table with a name of ours is refused and not touched."""
    schema = url.rpartition("%3D")[2]
    postgresql_server.run(f"CREATE TABLE {schema}.version (x integer)")

    with pytest.raises(LedgerCorruptError, match="another application"):
        Ledger.open(url, durable=True)

    tables = f"SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'"
    assert postgresql_server.run(tables) == [("version",)]
    assert has_ledger(url) is False


def test_a_database_for_few_languages_is_refused(url, postgresql_server):
    """A database that cannot keep every character is SettingsError."""
    postgresql_server.run(
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )

    with pytest.raises(SettingsError, match="needs UTF8"):
        Ledger.open(postgresql_server.url("latin"), durable=True)

    postgresql_server.run("DROP DATABASE latin WITH (FORCE)")


def test_tables_that_vanish_are_named(ledger, url, postgresql_server, make):
    """A ledger whose tables were dropped under it is LedgerCorruptError."""
    make.save(ledger)
    postgresql_server.run(f"DROP SCHEMA {url.rpartition('%3D')[2]} CASCADE")

    with pytest.raises(LedgerCorruptError):
        ledger.versions(VersionQuery())


def test_a_child_leaves_the_sessions_of_its_parent_alone(ledger, make):
    """A forked child that ends does not end the sessions that it inherited (A26)."""
    make.save(ledger)
    backend = ledger._database.read("SELECT pg_backend_pid()")

    child = os.fork()
    if child == 0:
        code = 1
        try:
            make.save(ledger)
            mine = ledger._database.read("SELECT pg_backend_pid()")
            ledger.close()
            code = 0 if mine != backend else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert ledger._database.read("SELECT pg_backend_pid()") == backend
    assert numbers(ledger) == [1, 2]


@pytest.fixture(scope="module")
def large(postgresql_server: Any) -> Iterator[Ledger]:
    """100,000 versions in 20 artifacts of 4 kinds; every 50,000th has a rare one."""
    with Ledger.open(
        postgresql_server.url(postgresql_server.new_database()), durable=False
    ) as made:
        with made._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO artifact (id, project, name, next_version) "
                "SELECT n, 'default', 'a' || lpad(n::text, 2, '0'), 5001 FROM generate_series(0, 19) n"
            )
            cursor.execute(
                "INSERT INTO version_kind (id, project, artifact_type, data_type) "
                "SELECT n + 1, 'default', 'T' || n, 'm:T' || n FROM generate_series(0, 4) n"
            )
            cursor.execute(
                """INSERT INTO version (artifact_id, version, kind_id, id, format, uri, size_bytes,
                is_directory, content_hash, save_type, created_at, created_by)
                SELECT n % 20, n / 20 + 1, CASE WHEN n % 50000 = 1 THEN 5 ELSE n % 4 + 1 END,
                lpad(n::text, 36, '0'), 'json/1', 'data:,', 1, false, 'blake3:00', 'manual', n, 'me'
                FROM generate_series(0, 99999) n"""
            )
        with made._database.transaction() as cursor:
            cursor.execute("ANALYZE")  # as the server does by itself within a minute
        yield made


def rows_touched(plan: dict[str, Any]) -> float:
    """Return how many rows a plan took from tables, those that it threw away included."""
    own = 0.0
    if "Relation Name" in plan:
        thrown_away = plan.get("Rows Removed by Filter", 0) + plan["Actual Rows"]
        own = thrown_away * plan["Actual Loops"]
    return own + sum(rows_touched(part) for part in plan.get("Plans", ()))


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize(
    "query",
    [
        {},
        {"project": "default"},
        {"project": "default", "artifact": "a07"},
        {"artifact_type": "T4"},
        {"data_type": "m:T2"},
        {"project": "default", "artifact": "a07", "version": 77},
        {"id_prefix": "000000000000000000000000000000012345"},
        {"ids": tuple(f"{n:036}" for n in range(40))},
        {"tag": "none"},
        {"run_id": "none"},
        {"task_id": "none"},
        {"alias": "none"},
        None,
    ],
)
def test_a_page_of_many_is_found_by_an_index(url, large, monkeypatch, query, newest_first):
    """The plan of a page of 20, the first or the next, touches rows by the hundred at most."""
    read = large._database.read
    touched: list[float] = []

    def explain(text: str, values: Any = ()) -> list[tuple[Any, ...]]:
        (answer,) = read(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", values)[0]
        touched.append(rows_touched(answer[0]["Plan"]))
        return read(text, values)

    monkeypatch.setattr(large._database, "read", explain)

    def page(token: str | None = None) -> Any:
        if query is None:
            return large.artifacts(limit=5, page_token=token)
        asked = VersionQuery(**query)
        return large.versions(asked, limit=20, newest_first=newest_first, page_token=token)

    token = page().next_token
    if token:
        page(token)

    assert max(touched) < 1000, touched


def test_a_listing_without_an_index_would_be_noticed(url, large):
    """Negative control: a page by a column without an index touches every row."""
    text = "SELECT seq FROM version WHERE created_by = 'nobody' ORDER BY seq DESC LIMIT 20"

    (answer,) = large._database.read(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}")[0]

    assert rows_touched(answer[0]["Plan"]) > 90_000
