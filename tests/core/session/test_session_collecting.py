"""The collector beside writers, beside another one, killed in the middle, and misled."""

from __future__ import annotations

import json
import os
import shutil
import signal
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import warm_processes

import artifact_plugins as ap
from artifact_plugins.errors import (
    ArtifactMissingError,
    DigestMismatchError,
    InputError,
    LineageConflictError,
    SaveAbortedError,
    StoreError,
)
from artifact_plugins.records import TaskQuery, TaskState, VersionQuery, every
from artifact_plugins.session.saving import SaveRequest

WORKERS = Path(__file__).with_name("collecting_workers.py")
NOTHING = timedelta(0)
BIG = "z" * 50_000
LATE = 5


def start(places, task, *rest, failpoints=""):
    environment = {**os.environ, "ARTIFACT_PLUGINS_TESTING": "1"}
    environment["ARTIFACT_PLUGINS_FAILPOINTS"] = failpoints
    return warm_processes.start(WORKERS, task, json.dumps(places), *rest, env=environment)


def end(process):
    output, errors = process.communicate(timeout=100)
    assert process.returncode in (0, -signal.SIGKILL), errors
    return json.loads(output) if process.returncode == 0 else None


def store_files(places):
    root = Path(places["store_url"])
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        # Neither the records of runs nor pinned code is ever collected.
        if path.is_file() and path.relative_to(root).parts[0] not in ("runs", "snapshots")
    )


def check_everything(places):
    """Return how many versions there are; every one has all its bytes, and nothing else is left."""
    with ap.open_session(ap.Settings(**places)) as session:
        assert session.ledger.check() == []
        versions = list(every(session.ledger.versions, VersionQuery(is_deleted=None)))
        for version in versions:
            if version.collected_at is None:
                session.store.check(version)
        kept = {version.id for version in versions if version.collected_at is None}
        assert set(session.store.version_ids()) <= kept
        assert list(session.store.decided_ids()) == []
        return len(versions)


def orphan(places):
    """Leave the files of a save that was killed before its commit."""
    code = "import artifact_plugins as ap, json, sys\n"
    code += "with ap.open_session(ap.Settings(**json.loads(sys.argv[1]))) as session:\n"
    code += "    session.save('o' * 50_000, 'orphan')\n"
    environment = {**os.environ, "ARTIFACT_PLUGINS_TESTING": "1"}
    environment["ARTIFACT_PLUGINS_FAILPOINTS"] = "commit.before=kill"
    done = warm_processes.run(code, json.dumps(places), env=environment)
    assert done.returncode == -signal.SIGKILL


def test_bytes_of_a_deleted_version_go_after_their_time(session, places):
    """They stay for `trash_seconds`; then only its record is left."""
    version = session.save(BIG, "x")
    session.delete(version)

    kept = session.collect()
    files = store_files(places)
    gone = session.collect(trash=NOTHING)

    assert (kept.versions, kept.saves, kept.freed_bytes) == ((), (), 0)
    assert any(version.id in name for name in files)
    assert gone.versions == (version.id,)
    assert gone.freed_bytes > version.size_bytes
    assert not any(version.id in name for name in store_files(places))
    assert session.ledger.version(version.id).content_hash == version.content_hash
    with pytest.raises(ArtifactMissingError, match="bytes were collected"):
        session.restore("x@1")
    assert check_everything(places) == 1


def test_what_is_live_is_never_collected(session, places):
    """With no patience at all nothing but the deleted and the unfinished goes."""
    session.save(BIG, "x", tags=["gold"])
    session.save(BIG, "x")
    restored = session.save(BIG, "x")
    session.delete(restored)
    session.restore(restored)

    found = session.collect(trash=NOTHING, grace=NOTHING)

    assert (found.versions, found.saves, found.freed_bytes) == ((), (), 0)
    assert check_everything(places) == 3


def test_registered_files_of_others_are_never_removed(session, tmp_path):
    """A deleted version of data that lies somewhere else leaves that data alone."""
    path = tmp_path / "mine.csv"
    path.write_text("a,b\n")
    session.register(path, "mine")
    session.delete("mine")

    session.collect(trash=NOTHING)

    assert path.read_text() == "a,b\n"


def test_values_in_records_are_collected_too(session):
    """The value goes from the record, its size and digest stay."""
    version = session.save({"secret": 1}, "small")
    session.delete(version)

    found = session.collect(trash=NOTHING)

    assert found.versions == (version.id,)
    assert found.freed_bytes == version.size_bytes
    record = session.ledger.version(version.id)
    assert (record.uri, record.previews) == ("data:,", ())


def test_files_of_a_killed_save_go_after_the_grace(session, places):
    """A young one stays; without patience it goes, and committed versions stay."""
    session.save(BIG, "x")
    orphan(places)
    before = store_files(places)

    patient = session.collect()
    found = session.collect(grace=NOTHING)

    assert patient.saves == ()
    assert len(before) == len(store_files(places)) + 2  # a payload and a manifest
    assert len(found.saves) == 1
    assert found.freed_bytes > 50_000
    assert check_everything(places) == 1


@pytest.mark.parametrize("span", [7, None, timedelta(seconds=-1)], ids=str)
def test_a_time_span_of_another_form_is_refused(session, span):
    """Nothing is removed; a span longer than time itself removes nothing either."""
    session.delete(session.save(BIG, "x"))

    if span is not None:
        with pytest.raises(InputError, match="is a time span"):
            session.collect(trash=span)
        with pytest.raises(InputError, match="is a time span"):
            session.collect(grace=span)

    assert session.collect(trash=timedelta.max, grace=timedelta.max).versions == ()


def test_a_dry_run_changes_nothing(session, places):
    """It names what would go and how much that is; then the collection does just that."""
    session.save(BIG, "x")
    session.delete("x")
    orphan(places)
    before = store_files(places)

    told = session.collect(trash=NOTHING, grace=NOTHING, dry_run=True)

    assert told.is_dry_run
    assert store_files(places) == before
    assert session.ledger.overdue(session.find_deleted("x").deleted_at) != []
    done = session.collect(trash=NOTHING, grace=NOTHING)
    assert (done.versions, done.saves) == (told.versions, told.saves)
    assert told.freed_bytes > 100_000


def test_an_overtaken_save_is_refused_at_its_commit(session, places):
    """The writer is told, leaves nothing, and the same save again is a version."""
    staged = session.saver.stage(BIG, SaveRequest(artifact="x"))
    session.collect(grace=NOTHING)

    with pytest.raises(SaveAbortedError, match="a collector removed 1 unfinished save"):
        session.commit(ap.records.Batch(), (staged,))

    assert session.save(BIG, "x").version == 1
    assert check_everything(places) == 1


def test_a_save_does_itself_again_when_it_was_overtaken(session, places, monkeypatch):
    """`save` answers an abort with a second attempt under a new id."""
    staging, overtaken = session.saver.stage, []

    def stage(value, request):
        staged = staging(value, request)
        if not overtaken:
            overtaken.append(session.collect(grace=NOTHING).saves)
        return staged

    monkeypatch.setattr(session.saver, "stage", stage)

    version = session.save(BIG, "x")

    assert (version.id,) != overtaken[0]
    assert len(overtaken[0]) == 1
    assert session.load("x") == BIG
    assert check_everything(places) == 1


def test_a_save_that_is_always_overtaken_gives_up(session, monkeypatch):
    """After three attempts the error passes; an iterator cannot be saved a second time."""
    staging, attempts = session.saver.stage, []

    def stage(value, request):
        staged = staging(value, request)
        attempts.append(session.collect(grace=NOTHING))
        return staged

    monkeypatch.setattr(session.saver, "stage", stage)

    with pytest.raises(SaveAbortedError):
        session.save(BIG, "x")
    assert len(attempts) == 3
    with pytest.raises(SaveAbortedError):
        session.save(iter([BIG]), "stream")
    assert len(attempts) == 4


KILLED = [
    "collect.after_trash",
    "collect.after_abort",
    "collect.after_record",
    "collect.after_record@2",
    "collect.mid_delete",
    "collect.mid_delete@2",
    "collect.after_delete",
    "collect.after_delete@2",
]


@pytest.mark.parametrize("point", KILLED)
def test_the_next_collector_finishes_what_a_killed_one_began(places, point):
    """Between the abort and the removal, or in the middle of it: committed versions stay (A11)."""
    with ap.open_session(ap.Settings(**places)) as session:
        kept = session.save(BIG, "x")
        session.save(BIG, "x")
        session.delete("x@2")
    orphan(places)
    name, _, passage = point.partition("@")

    process = start(places, "once", failpoints=f"{name}=kill@{passage or 1}")
    assert end(process) is None, f"{point} was never reached"

    with ap.open_session(ap.Settings(**places)) as session:
        assert session.load(kept) == BIG
        with pytest.raises(ArtifactMissingError, match="bytes were collected"):
            session.restore("x@2")
    end(start(places, "once"))
    assert check_everything(places) == 2
    # One folder is left, and nothing is staged.
    files = [name for name in store_files(places) if not name.startswith(("store", "ledgers"))]
    assert {Path(name).parent.name for name in files} == {kept.id}


def test_two_collectors_at_once_do_the_same_work(places):
    """Both end well, together they removed all of it, and nothing else (B11)."""
    with ap.open_session(ap.Settings(**places)) as session:
        for number in range(30):
            session.save([number, BIG], "x")
        gone = [session.delete(f"x@{number}").id for number in range(1, 21)]
    orphan(places)

    results = [end(process) for process in [start(places, "once") for _ in range(3)]]

    assert set().union(*(versions for versions, _ in results)) == set(gone)
    assert len(set().union(*(saves for _, saves in results))) == 1
    assert check_everything(places) == 30


def race(places, collector, seconds):
    """Run eight writers, and a late one, beside two collectors.

    Returns:
        What the writers saved, what became of the late one's saves, and what
        the collectors say.
    """
    with ap.open_session(ap.Settings(**places)) as session:
        session.save(BIG, "warm")
    stop = Path(places["store_url"]).with_name("stop")
    with ExitStack() as ended:

        def begin(*task):
            return ended.enter_context(start(places, *task))

        others = [begin(collector, stop) for _ in range(2)]
        writers = [begin("save", f"w{number}", seconds) for number in range(8)]
        try:
            *counts, late = [end(one) for one in [*writers, begin("late", "late", LATE)]]
        finally:
            stop.touch()
        collected = [end(one) for one in others]
    return sum(count["saved"] for count in counts), late, collected


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def any_places(request, places):
    """The places of a test with a ledger of each kind."""
    if request.param == "sqlite":
        yield places
        return
    server = request.getfixturevalue("postgresql_server")
    schema = server.new_schema()
    yield {**places, "ledger_url": server.schema_url(schema)}
    server.run(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_collector_without_patience_loses_nothing(any_places):
    """Eight writers beside two collectors with grace 0: every acknowledged save loads (B10)."""
    saved, late, collected = race(any_places, "collect", 3)

    end(start(any_places, "once"))
    assert check_everything(any_places) == saved + 1
    assert saved > 0
    assert late == {"saved": 0, "aborted": LATE}
    assert sum(one["saves"] for one in collected) >= LATE
    with ap.open_session(ap.Settings(**any_places)) as session:
        for number in range(8):
            found = list(every(session.ledger.versions, VersionQuery(artifact=f"w{number}")))
            assert [v.version for v in found] == list(range(len(found), 0, -1))
            for version in found[:20]:
                assert session.load(version)[0] == f"w{number}"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_collector_without_the_ledgers_word_loses_versions(places):
    """Negative control: looking first and removing then leaves versions without bytes."""
    _, late, _ = race(places, "naive", 1)

    assert late == {"saved": LATE, "aborted": 0}
    with pytest.raises(StoreError):
        check_everything(places)


def test_versions_of_another_ledger_are_no_garbage(places, tmp_path):
    """A second ledger on one store is refused, until it is told that the first is gone."""
    with ap.open_session(ap.Settings(**places)) as session:
        version = session.save(BIG, "x")
    other = {**places, "ledger_url": f"sqlite:///{tmp_path / 'other.sqlite'}"}

    with ap.open_session(ap.Settings(**other)) as session:
        with pytest.raises(LineageConflictError, match="is used by 1 other ledger"):
            session.collect(grace=NOTHING)
        session.save(BIG, "x")
        with pytest.raises(LineageConflictError):
            session.collect(grace=NOTHING)
        assert check_everything_of(session)
        told = session.collect(grace=NOTHING, trust_ledger=True, dry_run=True)
        assert told.saves == (version.id,)
        assert session.collect(grace=NOTHING, trust_ledger=True).saves == (version.id,)
        assert session.collect(grace=NOTHING).saves == ()
    with ap.open_session(ap.Settings(**places)) as session, pytest.raises(LineageConflictError):
        session.collect(grace=NOTHING)


def check_everything_of(session):
    return [session.store.check(v) for v in every(session.ledger.versions, VersionQuery())]


def test_a_ledger_in_memory_collects_nothing_of_others(places):
    """Its records do not outlive it: the versions on disk are somebody else's."""
    with ap.open_session(ap.Settings(**places)) as session:
        session.save(BIG, "x")

    passing = {**places, "ledger_url": "sqlite://"}
    with ap.open_session(ap.Settings(**passing)) as session, pytest.raises(LineageConflictError):
        session.collect(grace=NOTHING)


@ap.step
def make() -> str:
    return BIG


def test_a_task_that_was_overtaken_fails_as_a_whole(session, places):
    """Its outputs are gone, it is FAILED with that reason, and nothing half of it is recorded."""
    collector = ap.Session(session.settings)

    def run():
        with ap.start_run("script"):
            make()
            return collector.collect(grace=NOTHING)

    with pytest.raises(SaveAbortedError):
        run()

    collector.close()
    (task,) = session.ledger.tasks(TaskQuery(name="make"))
    assert (task.state, task.error.partition(":")[0]) == (TaskState.FAILED, "SaveAbortedError")
    assert check_everything(places) == 0


def test_a_ledger_from_a_backup_collects_nothing(places):
    """When the store knows a run that the ledger does not, its versions are not taken for garbage."""
    ledger = Path(places["ledger_url"].removeprefix("sqlite:///"))
    with ap.open_session(ap.Settings(**places)) as session:
        session.save(BIG, "x")
    backup = shutil.copy(ledger, ledger.with_suffix(".backup"))
    with ap.open_session(ap.Settings(**places)), ap.start_run("script") as run:
        make()
    for path in ledger.parent.glob("ledger.sqlite*"):
        path.unlink()
    shutil.copy(backup, ledger)

    with ap.open_session(ap.Settings(**places)) as session:
        with pytest.raises(LineageConflictError, match="older copy") as caught:
            session.collect(grace=NOTHING)
        assert caught.value.run_id == run.id
        assert len(list(session.store.version_ids())) == 2
        assert len(session.collect(grace=NOTHING, trust_ledger=True).saves) == 1


def test_what_cannot_be_removed_is_reported_and_left(session, places):
    """One removal that fails does not stop the others; the next collector does it."""
    versions = [session.save([number, BIG], "x") for number in range(3)]
    for version in versions:
        session.delete(version)
    folder = Path(places["store_url"]) / "decisions"
    folder.mkdir()
    planted = folder / versions[0].id[-2:]
    planted.write_text("in the way")
    stuck = [version.id for version in versions if version.id[-2:] == planted.name]

    found = session.collect(trash=NOTHING)

    assert len(found.problems) == len(stuck)
    assert "could not be written" in found.problems[0]
    assert sorted(session.store.version_ids()) == sorted(stuck)
    planted.unlink()
    assert session.collect(trash=NOTHING).problems == ()
    assert check_everything(places) == 3


def test_a_memory_store_is_collected(tmp_path):
    """The same protocol over a store of plain objects."""
    settings = ap.Settings(store_url=f"memory://{tmp_path.name}", ledger_url="sqlite://")
    with ap.open_session(settings) as session:
        kept, gone = session.save(BIG, "x"), session.save(BIG + "!", "x")
        session.delete(gone)
        staged = session.saver.stage(BIG, SaveRequest(artifact="y"))

        found = session.collect(trash=NOTHING, grace=NOTHING)

        assert found.versions == (gone.id,)
        assert found.saves == (staged.draft.version.id,)
        assert list(session.store.version_ids()) == [kept.id]
        with pytest.raises(SaveAbortedError):
            session.commit(ap.records.Batch(), (staged,))


def test_a_changed_file_is_not_called_deleted(session, places):
    """Negative control: damage of a version that is there keeps its own name."""
    version = session.save(BIG, "x")
    (path,) = (Path(places["store_url"]) / "versions").rglob("value.*")
    path.write_bytes(b"y" * version.size_bytes)
    fresh = ap.Session(session.settings)

    with pytest.raises(DigestMismatchError):
        fresh.load(version)
    fresh.close()
