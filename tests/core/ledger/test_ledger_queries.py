"""Look-ups and listings."""

from __future__ import annotations

import sqlite3
import time

import pytest

from artifact_plugins.errors import (
    ArtifactMissingError,
    InputError,
    InvalidKeyError,
    LineageConflictError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    Batch,
    IOType,
    LinkQuery,
    RunQuery,
    RunState,
    TaskQuery,
    VersionQuery,
)


def ids(page):
    return [record.id for record in page]


def walk(list_page, query, limit, **options):
    found, token = [], None
    while True:
        page = list_page(query, limit=limit, page_token=token, **options)
        found += ids(page)
        token = page.next_token
        if token is None:
            return found


@pytest.fixture
def filled(ledger, make):
    """A run of two tasks; three artifacts of several kinds, tags and aliases."""
    run = make.run()
    one, two = make.task(run, "one"), make.task(run, "two")
    mine = {"run_id": run.id, "task_id": one.id}
    ledger.write(
        Batch(
            runs=(run,),
            tasks=(one, two),
            versions=(
                make.draft("a", tags=("raw",), **mine),
                make.draft("b", artifact_type="Dataset", data_type="pandas:DataFrame"),
                make.draft("a", tags=("raw", "big"), run_id=run.id, task_id=two.id),
                make.draft("c", artifact_type="Dataset", data_type="x:Y", project="other"),
                make.draft("a", aliases=("prod",)),
            ),
        )
    )
    ledger.mine = mine
    return ledger


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "a3 c1 a2 b1 a1"),
        ({"project": "default"}, "a3 a2 b1 a1"),
        ({"project": "none"}, ""),
        ({"artifact": "a"}, "a3 a2 a1"),
        ({"project": "default", "artifact": "a"}, "a3 a2 a1"),
        ({"project": "other", "artifact": "a"}, ""),
        ({"project": "default", "artifact": "a", "version": 2}, "a2"),
        ({"artifact_type": "Dataset"}, "c1 b1"),
        ({"project": "default", "artifact_type": "Dataset"}, "b1"),
        ({"data_type": "builtins:int"}, "a3 a2 a1"),
        ({"project": "default", "artifact": "b", "data_type": "pandas:DataFrame"}, "b1"),
        ({"project": "default", "artifact": "a", "data_type": "pandas:DataFrame"}, ""),
        ({"tag": "raw"}, "a2 a1"),
        ({"project": "default", "artifact": "a", "tag": "big"}, "a2"),
        ({"project": "other", "tag": "raw"}, ""),
        ({"alias": "prod"}, "a3"),
        ({"project": "default", "artifact": "b", "alias": "prod"}, ""),
        ({"run_id": "RUN"}, "a2 a1"),
        ({"task_id": "TASK"}, "a1"),
        ({"run_id": "RUN", "tag": "big"}, "a2"),
        ({"ids": ()}, ""),
        ({"ids": ("nothing",)}, ""),
    ],
)
def test_versions_are_filtered_by_every_field(filled, query, expected):
    """Each field of a version query filters, alone and with others, in both directions."""
    known = {"RUN": filled.mine["run_id"], "TASK": filled.mine["task_id"]}
    asked = VersionQuery(**{name: known.get(v, v) if v else v for name, v in query.items()})

    newest = filled.versions(asked)
    oldest = filled.versions(asked, newest_first=False)

    assert [f"{v.artifact}{v.version}" for v in newest] == expected.split()
    assert ids(oldest) == ids(newest)[::-1]
    assert walk(filled.versions, asked, 1) == ids(newest)
    assert walk(filled.versions, asked, 2, newest_first=False) == ids(oldest)


def test_versions_are_found_by_ids_and_beginnings_of_ids(filled):
    """Three ids give three versions; the beginning of one id gives that one."""
    every = filled.versions(VersionQuery()).items

    some = filled.versions(VersionQuery(ids=tuple(v.id for v in every[:3])))
    one = filled.versions(VersionQuery(id_prefix=every[1].id[:30]))

    assert ids(some) == ids(every[:3])
    assert every[1].id in ids(one)
    assert ids(filled.versions(VersionQuery(id_prefix="zz"))) == []


def test_pages_survive_inserts(ledger, make):
    """Versions that are saved while a listing is paged neither repeat nor hide others."""
    saved = [make.save(ledger).id for _ in range(10)]
    query = VersionQuery(project="default", artifact="flights")

    first = ledger.versions(query, limit=4)
    later = [make.save(ledger).id for _ in range(5)]
    second = ledger.versions(query, limit=4, page_token=first.next_token)
    third = ledger.versions(query, limit=4, page_token=second.next_token)

    assert [*ids(first), *ids(second), *ids(third)] == saved[::-1]
    assert third.next_token is None
    assert walk(ledger.versions, query, 4, newest_first=False) == saved + later


def test_pages_by_offset_would_repeat(ledger, make):
    """Negative control: an offset into the same listing shows versions twice after inserts."""
    saved = [make.save(ledger).id for _ in range(6)]
    read = ledger._database.read
    text = "SELECT id FROM version ORDER BY seq DESC LIMIT 3 OFFSET "

    first = [row[0] for row in read(f"{text} 0")]
    make.save(ledger)
    second = [row[0] for row in read(f"{text} 3")]

    assert first == saved[:2:-1]
    assert set(first) & set(second)


@pytest.mark.parametrize(
    "token", ["", "x", "AAAA", "bm90IGpzb24", "WyJ2ZXJzaW9ucyIsMV0", "é", "a" * 9999]
)
def test_a_token_that_is_none_of_ours_is_refused(ledger, make, token):
    """A token that does not decode is a named error, not an empty page."""
    make.save(ledger)

    with pytest.raises(InvalidKeyError, match="start again without a token"):
        ledger.versions(VersionQuery(), page_token=token)


def test_a_token_of_another_listing_is_refused(ledger, make):
    """Tokens are bound to listing, order and direction."""
    for _ in range(3):
        make.save(ledger)
    token = ledger.versions(VersionQuery(), limit=1).next_token

    with pytest.raises(InvalidKeyError):
        ledger.versions(VersionQuery(), page_token=token, newest_first=False)
    with pytest.raises(InvalidKeyError):
        ledger.runs(RunQuery(), page_token=token)


@pytest.mark.parametrize("limit", [0, -1, 1001, 2.5])
def test_a_page_has_1_to_1000_records(ledger, limit):
    """Limits outside 1..1000 are refused by name."""
    with pytest.raises(InputError, match="1 to 1000"):
        ledger.versions(VersionQuery(), limit=limit)


def test_latest_takes_everything_asked_for_into_account(filled):
    """`latest` gives the newest version with that number, alias, tag or run."""
    run_id = filled.mine["run_id"]

    found = [
        filled.latest("default", "a"),
        filled.latest("default", "a", version=1),
        filled.latest("default", "a", alias="prod"),
        filled.latest("default", "a", tag="raw"),
        filled.latest("default", "a", run_id=run_id),
        filled.latest("default", "a", run_id=run_id, version=1, tag="raw"),
    ]

    assert [v.version for v in found] == [3, 1, 3, 2, 2, 1]


def test_a_missing_artifact_names_what_is_near(ledger, make):
    """The error of a misspelt name, number or alias says what there is."""
    make.save(ledger, "flights", aliases=("production",))

    with pytest.raises(ArtifactMissingError, match=r"no artifact 'flihgts'; there is 'flights'"):
        ledger.latest("default", "flihgts")
    with pytest.raises(ArtifactMissingError, match=r"version 7; it has the versions 1 to 1"):
        ledger.latest("default", "flights", version=7)
    with pytest.raises(ArtifactMissingError, match=r"'prodction'.*there is 'production'"):
        ledger.latest("default", "flights", alias="prodction")
    with pytest.raises(ArtifactMissingError, match="'nope'"):
        ledger.version("nope")
    with pytest.raises(ArtifactMissingError, match="'nope'"):
        ledger.task("nope")


def test_a_run_is_found_by_id_name_or_beginning(ledger, make):
    """A run answers to its id, its name and any beginning that no other run shares."""
    first, second = make.run(name="delays-aaaa1111"), make.run(name="delays-aabb2222")
    ledger.write(Batch(runs=(first, second)))

    for name in (first.id, first.name, "delays-aaaa"):
        assert ledger.run(name) == first
    with pytest.raises(InputError, match="several runs.*delays-aabb2222"):
        ledger.run("delays-aa")
    with pytest.raises(ArtifactMissingError, match="there is 'delays-aaaa1111'"):
        ledger.run("delay-aaaa1111")
    with pytest.raises(ArtifactMissingError):
        ledger.run("%")


def test_runs_tasks_and_links_are_filtered_and_paged(ledger, make):
    """Every field of the other queries filters, and their pages join up."""
    runs = [make.run(pipeline=f"p{n % 2}", project=f"q{n % 3}") for n in range(6)]
    runs[5] = runs[5].model_copy(update={"state": RunState.SUCCEEDED})
    tasks = [make.task(runs[n % 2], f"t{n % 3}") for n in range(6)]
    links = [
        make.link(tasks[n % 3], (IOType.OUTPUT, IOType.COMPONENT_INPUT)[n % 2], f"k{n}", value=n)
        for n in range(6)
    ]
    ledger.write(Batch(runs=tuple(runs), tasks=tuple(tasks), links=tuple(links)))

    assert walk(ledger.runs, RunQuery(), 4) == ids(runs[::-1])
    assert ids(ledger.runs(RunQuery(project="q1", pipeline="p0"))) == [runs[4].id]
    assert ids(ledger.runs(RunQuery(state=RunState.SUCCEEDED))) == [runs[5].id]
    assert walk(ledger.tasks, TaskQuery(run_id=runs[0].id), 2) == ids(tasks[::2])
    assert ids(ledger.tasks(TaskQuery(name="t1"))) == ids(tasks[1::3])
    assert ids(ledger.tasks(TaskQuery(ids=tuple(ids(tasks[:3]))))) == ids(tasks[:3])
    assert walk(ledger.links, LinkQuery(), 4) == ids(links)
    assert walk(ledger.links, LinkQuery(run_id=runs[1].id), 1) == ids([links[1], links[4]])
    outputs = LinkQuery(task_ids=(tasks[0].id, tasks[2].id), io_types=(IOType.OUTPUT,))
    assert ids(ledger.links(outputs)) == ids([links[0], links[2]])
    assert ids(ledger.links(LinkQuery(version_ids=("none",)))) == []


def test_artifacts_are_summed_up_by_name(filled):
    """`artifacts` gives one line for each name, with its newest version, page by page."""
    first = filled.artifacts(limit=2)
    second = filled.artifacts(limit=2, page_token=first.next_token)

    lines = [(one.project, one.artifact, one.versions) for one in (*first, *second)]
    assert lines == [("default", "a", 3), ("default", "b", 1), ("other", "c", 1)]
    assert second.next_token is None
    assert first[0].newest_version_id == filled.latest("default", "a").id
    assert [one.artifact for one in filled.artifacts("default", artifact_type="Dataset")] == ["b"]


def test_a_version_is_edited(ledger, make):
    """Description, tags and metadata change; everything else and the other versions stay."""
    first = make.save(ledger, tags=("raw", "old"), metadata={"a": 1})

    after = ledger.update_version(
        first.id, description="x", tags_add=("new", "raw"), tags_remove=("old",), metadata={"b": 2}
    )

    assert after == ledger.version(first.id)
    assert (after.description, after.tags, after.metadata) == ("x", ("raw", "new"), {"b": 2})
    assert after.updated_at is not None
    assert ids(ledger.versions(VersionQuery(tag="new"))) == [first.id]
    assert ids(ledger.versions(VersionQuery(tag="old"))) == []
    assert ledger.update_version(first.id).description == "x"
    assert ledger.check() == []


def test_an_alias_is_moved_by_compare_and_set(ledger, make):
    """An alias is on one version of an artifact; a mover with an outdated view loses (B14)."""
    first, second = make.save(ledger), make.save(ledger)
    other = make.save(ledger, "other")

    ledger.set_alias(first.id, "prod", expected_version_id=None)
    ledger.set_alias(other.id, "prod", expected_version_id=None)
    moved = ledger.set_alias(second.id, "prod", expected_version_id=first.id)

    assert moved.aliases == ("prod",)
    assert ledger.version(first.id).aliases == ()
    with pytest.raises(LineageConflictError, match="nothing was changed"):
        ledger.set_alias(first.id, "prod", expected_version_id=first.id)
    with pytest.raises(LineageConflictError):
        ledger.delete_alias(first.id, "prod")
    assert ledger.delete_alias(second.id, "prod").aliases == ()
    assert ledger.check() == []


def test_a_saved_alias_moves_to_the_new_version(ledger, make):
    """A draft that brings an alias takes it from the version that had it."""
    first = make.save(ledger, aliases=("prod",))

    second = make.save(ledger, aliases=("prod", "best"))

    assert ledger.version(first.id).aliases == ()
    assert ledger.latest("default", "flights", alias="best").id == second.id
    assert ledger.check() == []


def test_an_artifact_is_renamed_with_all_it_has(ledger, make):
    """A new name takes versions and numbers along; a taken or a missing one is refused."""
    first = make.save(ledger, "a")
    make.save(ledger, "b")

    ledger.rename_artifact("default", "a", "c")

    assert ledger.version(first.id).artifact == "c"
    assert make.save(ledger, "c").version == 2
    with pytest.raises(LineageConflictError, match="'b' already"):
        ledger.rename_artifact("default", "c", "b")
    with pytest.raises(ArtifactMissingError):
        ledger.rename_artifact("default", "a", "d")


@pytest.fixture(scope="module")
def large(tmp_path_factory, request):
    """200,000 versions in 20 artifacts of 4 kinds; every 50,000th has a rare one."""
    path = tmp_path_factory.mktemp("large") / "ledger.sqlite"
    ledger = Ledger.open(f"sqlite:///{path}", durable=False)
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA synchronous=OFF")
    count = 200_000
    raw.executemany(
        "INSERT INTO artifact (id, project, name, next_version) VALUES (?, 'default', ?, ?)",
        [(n, f"a{n:02}", count // 20 + 1) for n in range(20)],
    )
    raw.executemany(
        "INSERT INTO version_kind VALUES (?, 'default', ?, ?)",
        [(n + 1, f"T{n}", f"m:T{n}") for n in range(5)],
    )
    raw.executemany(
        "INSERT INTO version (artifact_id, version, kind_id, id, idempotency_key, format, uri,"
        " size_bytes, is_directory, content_hash, save_type, created_at, created_by)"
        " VALUES (?, ?, ?, ?, ?, 'json/1', 'data:,', 1, 0, 'blake3:00', 'manual', ?, 'me')",
        (
            (n % 20, n // 20 + 1, 5 if n % 50_000 == 1 else n % 4 + 1, f"{n:036}", f"{n:036}", n)
            for n in range(count)
        ),
    )
    raw.commit()
    raw.close()
    yield ledger
    ledger.close()


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
        {"tag": "none"},
        {"run_id": "none"},
        {"task_id": "none"},
        {"alias": "none"},
    ],
)
def test_a_page_of_many_is_found_by_an_index(large, query):
    """Pages of 20 from either end of 200,000 versions cost much less than a look at all of them."""
    asked = VersionQuery(**query)
    best = {}

    for direction in (True, False):
        times = []
        for _ in range(5):
            started = time.process_time()
            page = large.versions(asked, limit=20, newest_first=direction)
            if page.next_token:
                large.versions(asked, limit=20, newest_first=direction, page_token=page.next_token)
            times.append(time.process_time() - started)
        best[direction] = min(times)

    assert max(best.values()) < scan_seconds(large) / 4, best


def scan_seconds(ledger: Ledger) -> float:
    """Return how long this machine now needs to look at every version."""
    raw = ledger._database.connection().raw
    times = []
    for _ in range(3):
        started = time.process_time()
        raw.execute("SELECT seq FROM version WHERE format = 'none' ORDER BY seq").fetchall()
        times.append(time.process_time() - started)
    return min(times)


def test_a_listing_without_an_index_would_be_noticed(large):
    """Negative control: a page of 20 by a column without an index breaks the limit above."""
    raw = large._database.connection().raw
    text = "SELECT seq FROM version WHERE created_by = 'nobody' ORDER BY seq DESC LIMIT 20"
    times = []
    for _ in range(5):
        started = time.process_time()
        raw.execute(text).fetchall()
        times.append(time.process_time() - started)

    assert min(times) > scan_seconds(large) / 4
