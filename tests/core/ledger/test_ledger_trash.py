"""Delete, restore, the liveness rule, commit or abort: what the ledger says once and for all."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
import warm_processes
from ledger_urls import ONLY_SQLITE

from artifact_plugins.errors import (
    ArtifactMissingError,
    IdempotencyConflictError,
    InputError,
    InvalidKeyError,
    LineageConflictError,
    SaveAbortedError,
)
from artifact_plugins.ledger import Hold, Ledger, Retention
from artifact_plugins.records import Batch, IOType, VersionQuery, now

WORKERS = Path(__file__).with_name("trash_workers.py")


def numbers(ledger, artifact="flights", **fields):
    found = ledger.versions(VersionQuery(artifact=artifact, **fields), limit=1000)
    return [version.version for version in found]


def delete(ledger, *versions, **options):
    return ledger.delete_versions([version.id for version in versions], **options)


def read_by_a_task(ledger, make, version):
    run = make.run(name="delays-1")
    task = make.task(run, "mean")
    link = make.link(task, IOType.TASK_OUTPUT_INPUT, "flights", version_id=version.id)
    ledger.write(Batch(runs=(run,), tasks=(task,), links=(link,)))
    return link


def test_a_deleted_version_is_in_no_listing(ledger, make):
    """Listings by name, type, tag, alias, id and project are without it; its record is not."""
    kept, gone = make.save(ledger), make.save(ledger)

    found = delete(ledger, gone)

    assert [one.id for one in found.deleted] == [gone.id]
    for query in (
        VersionQuery(),
        VersionQuery(project="default"),
        VersionQuery(artifact="flights"),
        VersionQuery(artifact_type="Artifact"),
        VersionQuery(ids=(kept.id, gone.id)),
        VersionQuery(id_prefix=gone.id[:4]),
    ):
        assert [one.id for one in ledger.versions(query)] == [kept.id]
    assert ledger.latest("default", "flights").id == kept.id
    assert ledger.version(gone.id).deleted_at is not None
    assert numbers(ledger, is_deleted=True) == [2]
    assert numbers(ledger, is_deleted=None) == [2, 1]
    assert [one.id for one in ledger.trash("default")] == [gone.id]
    assert ledger.check() == []


def test_a_number_is_never_given_again(ledger, make):
    """After the newest version was deleted, the next one gets the number after it."""
    make.save(ledger)
    delete(ledger, make.save(ledger))

    assert make.save(ledger).version == 3
    (summary,) = ledger.artifacts("default")
    assert (summary.versions, summary.newest_version) == (2, 3)
    assert ledger.check() == []


def test_an_artifact_without_versions_is_not_listed(ledger, make):
    """When all versions are deleted the artifact is in no listing, and `latest` says why."""
    delete(ledger, make.save(ledger))

    assert len(ledger.artifacts("default")) == 0
    with pytest.raises(ArtifactMissingError, match="every version of artifact 'flights'"):
        ledger.latest("default", "flights")


def test_asking_for_a_deleted_number_says_when_and_how(ledger, make):
    """The error has the reason, the times and the way back."""
    delete(ledger, make.save(ledger))

    with pytest.raises(ArtifactMissingError, match="was deleted at 20") as caught:
        ledger.latest("default", "flights", version=1)

    assert caught.value.reason == "deleted"
    assert caught.value.collected_at is None
    assert "restore flights@1" in str(caught.value)


@pytest.mark.parametrize("holder", ["link", "tag", "alias", "newest", "young"])
def test_what_is_held_is_not_deleted(ledger, make, holder):
    """Each kind of holder keeps a version, is named, and does not when it is released."""
    retention = Retention()
    if holder == "newest":
        retention = Retention(keep_newest=1)
    elif holder == "young":
        retention = Retention(older_than=timedelta(days=1))
    version = make.save(ledger, tags=("gold",) if holder == "tag" else ())
    if holder == "alias":
        ledger.set_alias(version.id, "prod")
    elif holder == "link":
        read_by_a_task(ledger, make, version)

    found = delete(ledger, version, retention=retention)

    (hold,) = found.held[version.id]
    kind = {"newest": "retention", "young": "retention"}.get(holder, holder)
    assert hold.kind == kind
    assert {
        "link": "input 'flights' of task 'mean' in run 'delays-1'",
        "tag": "'gold'",
        "alias": "'prod'",
        "newest": "keep_newest=1",
        "young": "older_than=1 day, 0:00:00",
    }[holder] == hold.what
    assert numbers(ledger) == [1]
    assert len(delete(ledger, version, retention=retention, released=[kind]).deleted) == 1


def test_a_version_without_holders_is_deleted(ledger, make):
    """Negative control: the same version goes when nothing holds it."""
    make.save(ledger)
    version = make.save(ledger, tags=("gold",))
    ledger.update_version(version.id, tags_remove=["gold"])

    assert ledger.holds([ledger.version(version.id)]) == {version.id: ()}
    assert len(delete(ledger, version).deleted) == 1


def test_keep_newest_counts_versions_that_are_there(ledger, make):
    """Deleted versions are not among the newest, also within one call."""
    versions = [make.save(ledger) for _ in range(5)]
    delete(ledger, versions[4])

    found = delete(ledger, *versions, retention=Retention(keep_newest=2))

    assert [one.version for one in found.deleted] == [1, 2]
    assert sorted(found.held) == sorted([versions[2].id, versions[3].id])
    assert found.gone == (versions[4].id,)


def test_a_link_to_a_deleted_version_still_resolves(ledger, make):
    """Lineage leads to the record of a deleted version, before and after it is collected."""
    version = make.save(ledger)
    link = read_by_a_task(ledger, make, version)
    delete(ledger, version, released=["link"])

    list(ledger.collect_deleted(now()))

    found = ledger.version(link.version_id)
    assert (found.artifact, found.version) == ("flights", 1)
    assert found.collected_at is not None


def test_a_deleted_version_comes_back_whole(ledger, make):
    """Tags, aliases, description and metadata return with it."""
    version = make.save(ledger, tags=("a", "b"), aliases=("prod",), metadata={"k": 1})
    delete(ledger, version, released=["tag", "alias"])
    assert len(ledger.versions(VersionQuery(tag="a"))) == 0
    assert len(ledger.versions(VersionQuery(alias="prod"))) == 0

    restored, elsewhere = ledger.restore_version(version.id)

    assert elsewhere == {}
    assert restored.model_copy(update={"updated_at": None}) == version
    assert ledger.versions(VersionQuery(tag="b"))[0].id == version.id
    assert ledger.latest("default", "flights", alias="prod").id == version.id
    assert ledger.check() == []


def test_an_alias_that_moved_meanwhile_is_not_taken_back(ledger, make):
    """The other version keeps it, and the caller is told."""
    old = make.save(ledger, aliases=("prod", "old"))
    delete(ledger, old, released=["alias"])
    new = make.save(ledger, aliases=("prod",))

    restored, elsewhere = ledger.restore_version(old.id)

    assert elsewhere == {"prod": new.id}
    assert restored.aliases == ("old",)
    assert ledger.latest("default", "flights", alias="prod").id == new.id
    assert ledger.check() == []


def test_restoring_what_is_there_changes_nothing(ledger, make):
    """A version that is not deleted is returned as it is."""
    version = make.save(ledger)

    assert ledger.restore_version(version.id) == (version, {})


def test_labels_of_a_deleted_version_cannot_be_changed(ledger, make):
    """Its description, tags and aliases are refused with the reason; nothing changes."""
    version = make.save(ledger)
    delete(ledger, version)

    for change in (
        lambda: ledger.update_version(version.id, description="new"),
        lambda: ledger.set_alias(version.id, "prod"),
        lambda: ledger.delete_alias(version.id, "prod"),
    ):
        with pytest.raises(ArtifactMissingError, match="was deleted"):
            change()


def test_what_is_collected_cannot_be_restored(ledger, make):
    """Its value in the record is gone, sizes and digests stay; restoring says so."""
    version = make.save(ledger)
    delete(ledger, version)
    assert ledger.overdue(now()) == [(version.id, 1)]

    assert list(ledger.collect_deleted(now())) == [(version.id, 1)]

    found = ledger.version(version.id)
    assert (found.uri, found.size_bytes, found.content_hash) == ("data:,", 1, version.content_hash)
    assert len(ledger.trash()) == 0
    with pytest.raises(ArtifactMissingError, match="bytes were collected") as caught:
        ledger.restore_version(version.id)
    assert caught.value.collected_at == found.collected_at
    assert list(ledger.collect_deleted(now())) == []
    assert ledger.check() == []


def test_what_was_deleted_later_stays_in_the_trash(ledger, make):
    """Only what was deleted before the moment is collected."""
    version = make.save(ledger)
    delete(ledger, version)

    assert list(ledger.collect_deleted(now() - timedelta(hours=1))) == []

    assert len(ledger.trash()) == 1


def test_the_trash_is_paged_by_when_it_was_filled(ledger, make):
    """Pages come last deleted first, and a token of another listing is refused."""
    versions = [make.save(ledger) for _ in range(5)]
    for index in (3, 0, 4):
        delete(ledger, versions[index])

    first = ledger.trash("default", limit=2)
    second = ledger.trash("default", limit=2, page_token=first.next_token)

    assert [one.version for one in (*first, *second)] == [5, 1, 4]
    assert second.next_token is None
    assert len(ledger.trash("another")) == 0
    token = ledger.versions(VersionQuery(), limit=1).next_token
    with pytest.raises(InvalidKeyError):
        ledger.trash(page_token=token)


def test_the_key_of_a_deleted_version_is_refused(ledger, make):
    """A repeat neither brings it back silently nor makes a second one."""
    delete(ledger, make.save(ledger, key="k"))

    with pytest.raises(IdempotencyConflictError, match="was deleted"):
        make.save(ledger, key="k")

    assert numbers(ledger, is_deleted=None) == [1]


def test_an_aborted_save_is_never_committed(ledger, make):
    """After the collector's word the commit is refused as a whole, also when repeated."""
    fine, late = make.draft("a"), make.draft("b")

    assert ledger.abort_saves([late.version.id]) == {late.version.id}

    for _ in range(2):
        with pytest.raises(SaveAbortedError) as caught:
            ledger.write(Batch(versions=(fine, late)))
        assert caught.value.version_ids == [late.version.id]
    assert len(ledger.artifacts()) == 0
    assert ledger.write(Batch(versions=(fine,)))[0].version == 1
    assert ledger.version_states([fine.version.id, late.version.id, "no"]) == {
        fine.version.id: "live",
        late.version.id: "aborted",
    }


def test_a_committed_save_is_never_aborted(ledger, make):
    """The collector is told which ids it may not take."""
    version = make.save(ledger)
    deleted = make.save(ledger)
    delete(ledger, deleted)

    assert ledger.abort_saves([version.id, deleted.id]) == frozenset()

    assert ledger.version_states([version.id, deleted.id]) == {
        version.id: "live",
        deleted.id: "deleted",
    }


def test_a_ledger_has_one_identity(url, make):
    """Every opening gets the same id; one in memory has none."""
    with Ledger.open(url, durable=False) as one, Ledger.open(url, durable=False) as two:
        assert one.identity() == two.identity() is not None
    with Ledger.open("sqlite://", durable=False) as passing:
        assert passing.identity() is None


def test_a_stale_record_changes_nothing(ledger, make):
    """Compare-and-set: an update on what was read is refused when it changed since (B14)."""
    read = make.save(ledger, tags=("a",))
    ledger.update_version(read.id, tags_add=["b"])

    with pytest.raises(LineageConflictError, match="tags of flights@1 changed") as caught:
        ledger.update_version(read.id, tags=["c"], expected=read)

    assert caught.value.changed == ["tags"]
    assert ledger.version(read.id).tags == ("a", "b")
    assert ledger.update_version(read.id, tags=["c"]).tags == ("c",)
    assert len(ledger.versions(VersionQuery(tag="a"))) == 0
    assert ledger.check() == []


@pytest.mark.parametrize("how", ["tags", "alias"])
def test_of_many_writers_one_wins_each_round(url, make, how):
    """Processes that compare and set: as many successes as changes, the others are told (B14)."""
    with Ledger.open(url, durable=False) as ledger:
        versions = [make.save(ledger) for _ in range(4)]
    workers = [
        warm_processes.start(WORKERS, how, url, number, *(one.id for one in versions))
        for number in range(4)
    ]

    lines = [worker.communicate(timeout=100)[0].split() for worker in workers]

    assert [worker.returncode for worker in workers] == [0] * 4
    won = [word for words in lines for word in words if word != "lost"]
    with Ledger.open(url, durable=False) as ledger:
        assert ledger.check() == []
        if how == "tags":
            # Nobody overwrote what somebody else had added.
            assert sorted(ledger.version(versions[0].id).tags) == sorted(won)
        else:
            assert len(ledger.versions(VersionQuery(alias="prod"))) == 1
    assert len(won) == 4 * 10


def test_without_compare_and_set_updates_are_lost(ledger, make):
    """Negative control: replacing the tags of a stale record loses another writer's."""
    read = make.save(ledger)
    for tag in ("one", "two"):
        ledger.update_version(read.id, tags=[*read.tags, tag])

    assert ledger.version(read.id).tags == ("two",)


def test_restore_and_collect_agree(ledger, make):
    """Of a restore and a collection at once, exactly one gets the version."""
    outcomes = []
    for _ in range(20):
        version = make.save(ledger)
        delete(ledger, version)
        barrier = threading.Barrier(2)
        taken: list[str] = []

        def restore(version=version, barrier=barrier, taken=taken):
            barrier.wait()
            try:
                ledger.restore_version(version.id)
                taken.append("restored")
            except ArtifactMissingError:
                pass

        def collect(version=version, barrier=barrier, taken=taken):
            barrier.wait()
            taken.extend("collected" for _ in ledger.collect_deleted(now()))

        threads = [threading.Thread(target=work) for work in (restore, collect)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) == 1
        outcomes += taken
        found = ledger.version(version.id)
        assert (found.deleted_at is None) == (taken == ["restored"])
        assert (found.uri == "data:,") == (taken == ["collected"])


@pytest.mark.parametrize("wrong", [-1, 1.5, True, 2**31])
def test_a_retention_of_another_form_is_refused(wrong):
    """`keep_newest` is a whole number, `older_than` a time span that is not negative."""
    with pytest.raises(InputError, match="keep_newest"):
        Retention(keep_newest=wrong)
    with pytest.raises(InputError, match="older_than"):
        Retention(older_than=timedelta(seconds=-1))
    with pytest.raises(InputError, match="older_than"):
        Retention(older_than=30)


def test_many_links_are_told_as_one_and_a_number(ledger, make):
    """A version that a thousand tasks read says one of them and how many there are."""
    version = make.save(ledger)
    for _ in range(3):
        read_by_a_task(ledger, make, version)

    (hold,) = ledger.holds([version])[version.id]

    assert hold == Hold("link", "input 'flights' of task 'mean' in run 'delays-1' and 2 more")
    assert str(hold).startswith("link input")


def test_commit_and_abort_agree(url, make):
    """Of a commit and an abort of one id at once, exactly one gets it, over and over (I-5)."""
    won = {"committed": 0, "aborted": 0}
    with Ledger.open(url, durable=False) as writing, Ledger.open(url, durable=False) as collecting:
        for _ in range(40):
            draft = make.draft()
            barrier = threading.Barrier(2)
            taken: list[str] = []

            def commit(draft=draft, barrier=barrier, taken=taken):
                barrier.wait()
                try:
                    writing.write(Batch(versions=(draft,)))
                    taken.append("committed")
                except SaveAbortedError:
                    pass

            def abort(draft=draft, barrier=barrier, taken=taken):
                barrier.wait()
                if collecting.abort_saves([draft.version.id]):
                    taken.append("aborted")

            threads = [threading.Thread(target=work) for work in (commit, abort)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            (winner,) = taken
            won[winner] += 1
        assert numbers(writing) == list(range(won["committed"], 0, -1))
        assert writing.check() == []


@ONLY_SQLITE
@pytest.mark.parametrize("project", [None, "default"])
def test_the_trash_is_found_by_its_index(ledger, make, project, monkeypatch):
    """A page of the trash looks at what is in it, not at the versions of the project."""
    asked = []
    read = ledger._database.read
    monkeypatch.setattr(
        ledger._database,
        "read",
        lambda text, values=(): asked.append((text, values)) or read(text, values),
    )
    delete(ledger, make.save(ledger))
    make.save(ledger)
    delete(ledger, make.save(ledger))

    page = ledger.trash(project, limit=1)
    ledger.trash(project, limit=1, page_token=page.next_token)

    for text, values in asked:
        plan = [row[3] for row in read(f"EXPLAIN QUERY PLAN {text}", values)]
        assert plan[0].startswith("SEARCH version USING INDEX ix_version_trash"), plan
        assert not any("SCAN" in step or "TEMP B-TREE" in step for step in plan)
