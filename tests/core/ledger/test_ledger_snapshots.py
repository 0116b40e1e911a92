"""Plugin snapshots in a ledger: written with their versions, once, and found by filters."""

from __future__ import annotations

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ledger_urls import ONLY_SQLITE

from artifact_plugins import failpoints
from artifact_plugins.errors import (
    ArtifactMissingError,
    InputError,
    InvalidKeyError,
    LedgerCorruptError,
    QueryError,
    StoreWriteError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    Batch,
    LoadDecision,
    RunQuery,
    Signature,
    SnapshotQuery,
    VersionQuery,
)


@pytest.fixture
def failpoint() -> Any:
    yield failpoints.configure
    failpoints.configure("")


def write(ledger, make, *snapshots):
    """Commit a version for each snapshot, in one batch."""
    drafts = tuple([make.draft(snapshot=one) for one in snapshots])
    return ledger.write(Batch(versions=drafts))


def numbered(make, count):
    """Return snapshots whose plugins and ids are in the order in which they are written."""
    return [make.snapshot(f"{number:02x}", plugin=f"plugin-{number:03}") for number in range(count)]


def test_a_snapshot_comes_back_as_it_was_written(ledger, make):
    """Every field survives the ledger exactly, those of its archives included."""
    snapshot = make.snapshot(entry_object="größe:Ä", libraries={"numpy": "2.1", "pandas": "3.0"})
    bare = make.snapshot("cd", libraries={}, archives=())

    write(ledger, make, snapshot, bare)

    assert ledger.snapshot(snapshot.id) == snapshot
    assert ledger.snapshot(bare.id) == bare
    assert ledger.check() == []


def test_a_version_without_a_snapshot_writes_none(ledger, make):
    """A draft that names a snapshot and brings none is a version and nothing else."""
    make.save(ledger, plugin_snapshot="sha256:" + "ab" * 32)

    assert ledger.snapshots(SnapshotQuery()).items == ()


def test_the_first_one_stays(ledger, make):
    """A snapshot that is known is not written again; its time is that of the first commit."""
    first = make.snapshot()
    later = make.snapshot(created_at=first.created_at + timedelta(days=1))

    write(ledger, make, first, later)
    write(ledger, make, later)

    assert ledger.snapshots(SnapshotQuery()).items == (first,)


@pytest.mark.parametrize("count", [1, 7, 8, 40])
def test_many_at_once(ledger, make, count):
    """However many snapshots a batch brings, known ones among them, each is there once."""
    snapshots = numbered(make, count)
    write(ledger, make, snapshots[0])

    write(ledger, make, *snapshots, *snapshots)

    found = ledger.snapshots(SnapshotQuery(), limit=100, newest_first=False).items
    assert {one.id for one in found} == {one.id for one in snapshots}
    assert len(found) == count
    assert len(ledger.versions(VersionQuery(), limit=1000)) == 2 * count + 1


def test_it_is_committed_with_its_version(ledger, make, failpoint):
    """What fails before the commit leaves neither; the repeat writes both."""
    draft = make.draft(snapshot=make.snapshot())
    failpoint("commit.inside=error:EIO")

    with pytest.raises(StoreWriteError):
        ledger.write(Batch(versions=(draft,)))

    assert ledger.snapshots(SnapshotQuery()).items == ledger.versions(VersionQuery()).items == ()
    ledger.write(Batch(versions=(draft,)))
    assert ledger.snapshot(draft.snapshot.id) == draft.snapshot


def test_a_repeated_commit_may_bring_it(ledger, make):
    """A draft that was committed before writes the snapshot that was missing."""
    draft = make.draft(plugin_snapshot=make.snapshot().id)
    (first,) = ledger.write(Batch(versions=(draft,)))
    pinned = type(draft)(draft.version, draft.idempotency_key, make.snapshot())

    (again,) = ledger.write(Batch(versions=(pinned,)))

    assert again == first
    assert ledger.snapshot(pinned.snapshot.id) == pinned.snapshot


def test_writers_of_the_same_snapshots_do_not_wait_for_each_other_for_ever(url, make):
    """Eight writers that bring the same snapshots in any order all commit."""
    snapshots = numbered(make, 12)
    start = threading.Barrier(8)

    def save(number):
        turned = snapshots[number:] + snapshots[:number]
        start.wait()
        for _ in range(3):
            write(ledger, make, *(turned if number % 2 else reversed(turned)))

    with Ledger.open(url, durable=False, busy_timeout_seconds=60) as ledger:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(save, range(8)))

        assert len(ledger.snapshots(SnapshotQuery())) == 12
        assert len(ledger.versions(VersionQuery(), limit=1000)) == 8 * 3 * 12


@ONLY_SQLITE
def test_a_commit_without_a_snapshot_runs_no_statement_more(ledger, make):
    """The statements of a trivial commit are those before there were snapshots."""
    make.save(ledger)
    seen: list[str] = []
    ledger._database.connection().raw.set_trace_callback(seen.append)

    make.save(ledger)
    without = len(seen)
    write(ledger, make, make.snapshot())

    ledger._database.connection().raw.set_trace_callback(None)
    assert len(seen) - without == without + 1
    assert [text.split()[0] for text in seen[:without]] == [
        *("BEGIN", "INSERT", "INSERT", "SELECT", "COMMIT")
    ]


def test_what_is_missing_is_missing(ledger):
    """A snapshot that no version brought is ArtifactMissingError."""
    with pytest.raises(ArtifactMissingError, match="no plugin snapshot 'sha256:"):
        ledger.snapshot("sha256:" + "0" * 64)


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_come_in_the_order_of_commits(ledger, make, newest_first):
    """Every snapshot is on one page, whatever the size of the pages."""
    snapshots = numbered(make, 11)
    for one in snapshots:
        write(ledger, make, one)
    wanted = snapshots[::-1] if newest_first else snapshots

    for limit in (1, 4, 11, 12):
        found, token = [], None
        while True:
            page = ledger.snapshots(
                SnapshotQuery(), limit=limit, page_token=token, newest_first=newest_first
            )
            found += page.items
            token = page.next_token
            if token is None:
                break
        assert found == wanted


def test_a_query_filters(ledger, make):
    """Ids and the plugin are asked for, alone and together; no ids are no snapshots."""
    snapshots = numbered(make, 5)
    write(ledger, make, *snapshots)
    ids = tuple([one.id for one in snapshots])

    def found(**fields):
        return {one.plugin for one in ledger.snapshots(SnapshotQuery(**fields))}

    assert found(plugin="plugin-003") == {"plugin-003"}
    assert found(ids=ids[1:4]) == {"plugin-001", "plugin-002", "plugin-003"}
    assert found(ids=ids[1:4], plugin="plugin-001") == {"plugin-001"}
    assert found(ids=ids[1:4], plugin="plugin-000") == found(ids=()) == set()


def test_bad_pages_are_named(ledger, make):
    """A limit or token that is none is refused, that of another listing too."""
    write(ledger, make, *numbered(make, 3))
    token = ledger.snapshots(SnapshotQuery(), limit=1).next_token

    with pytest.raises(InputError):
        ledger.snapshots(SnapshotQuery(), limit=0)
    for wrong in ("x", token):
        with pytest.raises(InvalidKeyError):
            ledger.snapshots(SnapshotQuery(), page_token=wrong, newest_first=False)
    with pytest.raises(InvalidKeyError):
        ledger.runs(RunQuery(), page_token=token)


FILTERS = {
    "": "abc",
    'plugin == "materializers.pandas" and "pandas" in libraries': "a",
    '"pandas" in libraries': "ab",
    'libraries["pandas"] == "2.3.3"': "b",
    'libraries["numpy"] is None': "bc",
    "libraries": "ab",
    'plugin.startswith("materializers.")': "ab",
    'python_version in ("3.11.7", "3.12.1")': "ac",
    'entry_object == "shop.orders:C"': "c",
    'id == "sha256:' + "bb" * 32 + '"': "b",
    'created_at >= "2026-01-02"': "bc",
    'created_at < "2026-01-02" or python_version == "3.12.1"': "ac",
    'archives[0]["distribution"] == "shop-tools"': "ab",
    'archives[0]["role"] == "project"': "",
    "archives[0] is None": "c",
    'not ("pandas" in libraries)': "c",
}


@pytest.fixture
def three(ledger, make):
    """Three snapshots, a day apart."""
    first = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for number, (name, fields) in enumerate(
        {
            "a": {"plugin": "materializers.pandas", "libraries": {"pandas": "3.0", "numpy": "2"}},
            "b": {
                "plugin": "materializers.shop",
                "libraries": {"pandas": "2.3.3"},
                "python_version": "3.13.0",
            },
            "c": {
                "plugin": "shop",
                "libraries": {},
                "python_version": "3.12.1",
                "archives": (),
                "entry_object": "shop.orders:C",
            },
        }.items()
    ):
        moment = first + timedelta(days=number)
        write(ledger, make, make.snapshot(name * 2, created_at=moment, **fields))
    return ledger


def named(page):
    return "".join(one.id[7] for one in page)


@pytest.mark.parametrize("where", FILTERS)
def test_a_filter_finds_snapshots(three, where):
    """The query language asks snapshots for texts, times, libraries and archives."""
    found = three.search("snapshots", where, order_by="created_at")

    assert named(found) == FILTERS[where]


def test_a_project_does_not_hide_snapshots(three):
    """Code belongs to no project: every session finds all of it."""
    assert named(three.search("snapshots", project="elsewhere")) == "cba"
    with pytest.raises(QueryError, match="no field 'project'"):
        three.search("snapshots", 'project == "default"')


@pytest.mark.parametrize(
    ("order", "wanted"),
    [(None, "cba"), ("plugin", "abc"), ("-python_version", "bca"), ("-created_at", "cba")],
)
def test_snapshots_are_ordered_and_paged(three, order, wanted):
    """Any order goes on where the page before ended."""
    found, token = [], None
    for _ in wanted:
        page = three.search("snapshots", order_by=order, limit=1, page_token=token)
        found += page.items
        token = page.next_token

    assert token is None
    assert named(found) == wanted


def test_versions_of_a_snapshot_are_found(three, make):
    """A version is asked for by what it is pinned to."""
    found = three.search("versions", 'plugin_snapshot == "sha256:' + "aa" * 32 + '"')

    assert [one.plugin_snapshot for one in found] == ["sha256:" + "aa" * 32]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("archives", "'{'"),
        ("archives", "'[1]'"),
        ("archives", """'[{"role":"other"}]'"""),
        ("libraries", "'[1]'"),
        ("libraries", """'{"pandas":3}'"""),
    ],
)
def test_a_damaged_row_is_named(ledger, make, column, value):
    """What no release writes is LedgerCorruptError, however it is asked for."""
    snapshot = make.snapshot()
    write(ledger, make, snapshot)
    with ledger._database.transaction() as cursor:
        cursor.execute(f"UPDATE plugin_snapshot SET {column} = {value}")

    for ask in (
        lambda: ledger.snapshot(snapshot.id),
        lambda: ledger.snapshots(SnapshotQuery()),
        lambda: ledger.search("snapshots"),
    ):
        with pytest.raises(LedgerCorruptError, match="a row cannot be read"):
            ask()


def test_records_travel_to_another_process(make):
    """Drafts with their snapshots, signatures and decisions survive pickling."""
    signature = Signature(key_id="0" * 32, sig="AA==")
    draft = make.draft(snapshot=make.snapshot(), signature=signature.to_json())
    decision = LoadDecision(code="archive", reason="it changed", materializer="shop.order")

    for one in (draft, Batch(versions=(draft,)), signature, decision, make.snapshot().archives):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(one, protocol)) == one
