"""A ledger on a server holds what one in a file holds, in the same order, and finds it as fast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ledger_urls import ONLY_POSTGRESQL

from artifact_plugins.errors import InputError
from artifact_plugins.ledger import Ledger
from artifact_plugins.ledger.commit import Batch
from artifact_plugins.records import IOType, VersionQuery

pytestmark = [pytest.mark.server, ONLY_POSTGRESQL]


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
