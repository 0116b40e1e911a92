"""Update, rename, alias, delete, restore and prune as a user calls them."""

from __future__ import annotations

import logging
import pickle
import threading
from datetime import timedelta

import numpy as np
import pytest

import artifact_plugins as ap
from artifact_plugins.errors import (
    ArtifactMissingError,
    InputError,
    InvalidNameError,
    LineageConflictError,
    MetadataValueError,
    VersionHeldError,
)
from artifact_plugins.records import LinkQuery, VersionQuery


@ap.step
def make(size: int) -> str:
    return "y" * size


@ap.step
def count(text: str) -> int:
    return len(text)


def names(session):
    return [str(version) for version in session.ledger.versions(VersionQuery(), newest_first=False)]


def test_what_may_change_changes(session):
    """Description, tags and metadata are replaced; what is not given stays."""
    session.save(1, "x", tags=["a"], description="old", metadata={"k": 1})

    version = session.update("x", description="new", tags=["b"], metadata={"m": [1]})
    again = session.update(version, add_tags=["c"], remove_tags=["b"])

    assert (again.description, again.tags, again.metadata) == ("new", ("c",), {"m": [1]})
    assert again == session.find("x")
    assert session.update("x", description=None).description is None
    assert session.load("x") == 1


def test_what_is_immutable_is_named(session):
    """Another field is refused, and the error says which can be changed, and how."""
    version = session.save(1, "x")

    with pytest.raises(
        InputError, match=r"'uri', 'format' of a version cannot be changed"
    ) as caught:
        session.update(version, uri="x", format="y", description="new")

    assert caught.value.fields == ("uri", "format")
    for name in ("description", "tags", "metadata", "set_alias", "rename"):
        assert name in str(caught.value)
    assert session.find("x") == version


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"tags": "raw"}, InputError),
        ({"add_tags": ["a\nb"]}, InvalidNameError),
        ({"metadata": {"x": float("nan")}}, MetadataValueError),
        ({"description": "a\0b"}, InputError),
        ({"description": 3}, InputError),
        ({"metadata": 3}, MetadataValueError),
    ],
)
def test_a_value_that_cannot_be_kept_changes_nothing(session, change, error):
    """A bad tag, text or metadata value is named, and the record stays."""
    version = session.save(1, "x", tags=["a"])

    with pytest.raises(error):
        session.update("x", **change)

    assert session.find("x") == version


def test_an_update_of_what_changed_since_is_refused(session):
    """With `expected` nobody's change is lost (B14)."""
    read = session.save(1, "x")
    session.update("x", metadata={"rmse": 0.5})

    with pytest.raises(LineageConflictError, match="metadata of x@1 changed"):
        session.update(read, metadata={"mae": 1}, expected=read)

    assert session.find("x").metadata == {"rmse": 0.5}


def test_a_renamed_artifact_loads_with_its_files(session):
    """The manifest still has the old name; versions, aliases and numbers go on under the new one."""
    session.save("z" * 50_000, "old")
    session.set_alias("old", "prod")

    session.rename("old", "new")

    fresh = ap.Session(session.settings)  # nothing verified before
    assert fresh.load("new@prod") == "z" * 50_000
    fresh.store.check(fresh.find("new"))
    fresh.close()
    with pytest.raises(ArtifactMissingError, match="no artifact 'old'"):
        session.load("old")
    assert session.save(1, "new").version == 2
    assert session.save(1, "old").version == 1


def test_a_renamed_artifact_is_deleted_and_restored(session):
    """The trash follows the name, and what comes back loads."""
    session.save("z" * 50_000, "old")
    session.delete("old")
    session.rename("old", "new")

    restored = session.restore("new@1")

    assert str(restored) == "new@1"
    assert session.load(restored) == "z" * 50_000


@pytest.mark.parametrize("name", ["b", "../up", ""])
def test_a_name_that_cannot_be_given_changes_nothing(session, name):
    """A taken or bad name is refused; artifacts are never merged."""
    session.save(1, "a")
    session.save(2, "b")

    with pytest.raises((LineageConflictError, InvalidNameError)):
        session.rename("a", name)

    assert names(session) == ["a@1", "b@1"]


def test_an_alias_moves_only_from_whom_it_is_expected(session):
    """Compare-and-set by record, reference, or None for nobody."""
    one, two = session.save(1, "x"), session.save(2, "x")
    session.set_alias(one, "prod", expected=None)

    with pytest.raises(LineageConflictError, match="alias 'prod'"):
        session.set_alias(two, "prod", expected=None)
    moved = session.set_alias(two, "prod", expected="x@1")

    assert moved.aliases == ("prod",)
    assert session.find("x@prod").id == two.id


def test_delete_restore(session):
    """A deleted version is gone from every look-up and comes back whole."""
    session.save("a" * 9000, "x")
    session.save("b" * 9000, "x", tags=["gold"])

    session.delete("x@2", force=True)

    assert session.load("x") == "a" * 9000
    assert [str(version) for version in session.trash()] == ["x@2"]
    restored = session.restore("x@2")
    assert restored.tags == ("gold",)
    assert session.load("x") == "b" * 9000
    assert len(session.trash()) == 0


@pytest.mark.parametrize("reference", ["x@2", "id", "prefix", "x", "record"])
def test_restore_takes_what_people_write(session, reference):
    """Name and number, an id, its beginning, a bare name for the newest deleted, a record."""
    session.save(0, "x")
    version = session.save(1, "x")
    session.delete(version)
    asked = {"id": version.id, "prefix": version.id[:18], "record": version}.get(
        reference, reference
    )

    assert session.restore(asked).id == version.id


@pytest.mark.parametrize("reference", ["x@1", "id", "record", "fresh record"])
def test_loading_a_deleted_version_says_so(session, reference):
    """By number, id or record: when it was deleted and how to get it back."""
    version = session.save("a" * 9000, "x")
    gone = session.delete(version)
    asked = {"id": version.id, "fresh record": gone}.get(reference, reference)
    if reference == "record":
        session.collect(trash=timedelta(0))  # an old record, and no bytes any more
        asked = version

    with pytest.raises(ArtifactMissingError, match=r"x@1 was deleted at 20") as caught:
        session.load(asked)

    assert caught.value.reason == "deleted"
    assert ("restore" in caught.value.hint) == (reference != "record")
    with pytest.raises(ArtifactMissingError, match="was deleted"):
        session.export(asked, "out")


def test_a_deleted_record_that_was_restored_loads(session):
    """A record read while the version was deleted is looked up again."""
    gone = session.delete(session.save(5, "x"))
    session.restore("x@1")

    assert session.load(gone) == 5


def test_a_held_version_says_what_holds_it(session):
    """Links, tags and aliases are listed; force deletes it, and lineage still leads to it."""
    with ap.start_run("run"):
        count(make(9000))
    version = session.tag("make", add=["gold"])
    session.set_alias(version, "prod")

    with pytest.raises(VersionHeldError) as caught:
        session.delete("make")

    held = caught.value
    assert [hold.partition(" ")[0] for hold in held.holds] == ["link", "tag", "alias"]
    assert "output 'make' of task 'make'" in str(held) or "of task 'make'" in str(held)
    assert str(pickle.loads(pickle.dumps(held))) == str(held)
    assert session.load("make") == "y" * 9000
    session.delete("make", force=True)
    links = session.ledger.links(LinkQuery(version_ids=(version.id,)))
    assert len(links) >= 2
    graph = session.lineage("count").upstream()
    assert version.id in {node.id for node in graph.nodes}
    with pytest.raises(ArtifactMissingError, match="no artifact|every version"):
        session.find("make")


def test_the_newest_stay_when_the_settings_say_so(places):
    """`Settings.keep_newest` holds versions from delete and prune; force overrules it."""
    with ap.open_session(ap.Settings(**places, keep_newest=2)) as session:
        for number in range(3):
            session.save(number, "x")

        with pytest.raises(VersionHeldError, match="keep_newest=2"):
            session.delete("x@2")
        assert [item.version for item in session.prune().versions] == ["x@1"]
        session.delete("x@2", force=True)


def test_deleting_twice_is_told(session):
    """The second time the version is missing, with the reason."""
    version = session.save(1, "x")
    session.delete(version)

    with pytest.raises(ArtifactMissingError, match="was deleted"):
        session.delete(version)


def test_an_alias_elsewhere_is_logged(session, caplog):
    """Restoring says which alias stays with another version."""
    one, two = session.save(1, "x"), session.save(2, "x")
    session.set_alias(one, "prod")
    session.delete(one, force=True)
    session.set_alias(two, "prod")

    with caplog.at_level(logging.WARNING, logger="artifact_plugins"):
        restored = session.restore(one)

    assert restored.aliases == ()
    assert f"alias 'prod' of x@1 stays on version id {two.id}" in caplog.text


def test_a_plan_deletes_nothing(session):
    """A dry run, the default, says what would go, what stays and why, and changes nothing."""
    for number in range(4):
        session.save("a" * 5000, "x", tags=["gold"] if number == 1 else [])
    with ap.start_run("run"):
        make(9000)

    plan = session.prune(keep_newest=1)

    assert [item.version for item in plan.versions] == ["x@1", "x@3"]
    assert plan.size_bytes == sum(session.find(f"x@{n}").size_bytes for n in (1, 3))
    assert plan.held_count == 3
    assert plan.held_by == {"tag": 1, "link": 1, "retention": 2}
    assert {item.version for item in plan.held} == {"x@2", "x@4", "make@1"}
    assert not plan.is_executed
    assert plan.is_complete
    assert len(names(session)) == 5
    assert pickle.loads(pickle.dumps(plan)) == plan


def test_a_plan_is_executed(session):
    """What was planned is in the trash, and can be restored."""
    for number in range(3):
        session.save(number, "x")

    done = session.prune(session.prune(keep_newest=1), dry_run=False)

    assert done.is_executed
    assert [item.version for item in done.versions] == ["x@1", "x@2"]
    assert names(session) == ["x@3"]
    assert session.restore("x@1").version == 1
    with pytest.raises(InputError, match="executed already"):
        session.prune(done, dry_run=False)


def test_a_stale_plan_keeps_what_is_held_by_now(session):
    """A version that was tagged, read, deleted or restored since the plan is looked at again."""
    for number in range(5):
        session.save("a" * 5000, "x", metadata={"n": number})
    plan = session.prune()
    session.tag("x@1", add=["gold"])
    session.set_alias("x@2", "prod")
    with ap.start_run("run"):
        count(session.load("x@3"))
    session.delete("x@4")

    done = session.prune(plan, dry_run=False)

    assert [item.version for item in done.versions] == ["x@3", "x@5"]
    assert {item.version: item.holds[0].kind for item in done.held} == {
        "x@1": "tag",
        "x@2": "alias",
    }
    assert names(session)[:2] == ["x@1", "x@2"]


def test_a_naive_execution_would_delete_what_was_tagged(session):
    """Negative control: without the second look the tagged version would go."""
    session.save(1, "x")
    plan = session.prune()
    session.tag("x@1", add=["gold"])

    everything = ["link", "tag", "alias", "retention"]
    session.ledger.delete_versions([plan.versions[0].version_id], released=everything)

    assert names(session) == []


def test_links_hold_unless_told_otherwise(session):
    """A prune with links takes the outputs of runs; their records and links stay."""
    for size in (8000, 9000):
        with ap.start_run("run"):
            count(make(size))

    assert session.prune(keep_newest=1).versions == ()
    done = session.prune(keep_newest=1, with_links=True, dry_run=False)

    assert {item.version for item in done.versions} == {"make@1", "count@1"}
    assert session.load("make") == "y" * 9000
    assert len(session.ledger.links(LinkQuery())) > 4


def test_only_what_is_asked_for_is_pruned(session):
    """A filter, as text or as a query, and an age choose; other projects stay."""
    for number in range(3):
        session.save(number, "x", metadata={"rmse": number / 10})
    session.save(1, "y")
    other = session.settings.model_copy(update={"project": "other"})
    with ap.Session(other) as elsewhere:
        elsewhere.save(1, "x")

    assert len(session.prune().versions) == 4
    by_query = session.prune(where=VersionQuery(artifact="x"))
    assert [item.version for item in by_query.versions] == ["x@1", "x@2", "x@3"]
    by_text = session.prune(where='name == "x" and metadata["rmse"] < 0.15')
    assert [item.version for item in by_text.versions] == ["x@1", "x@2"]
    assert session.prune(older_than=timedelta(days=1)).versions == ()
    assert session.prune(older_than=timedelta.max).versions == ()
    assert len(session.prune(older_than=timedelta(0)).versions) == 4


def test_a_filter_that_mentions_deleted_versions_prunes_none_of_them(session):
    """What is deleted already is in no plan."""
    session.delete(session.save(1, "x"))

    assert session.prune(where="deleted_at is not None").versions == ()


def test_a_long_plan_stops_at_its_limit(session):
    """The plan says that it is not complete; the next one has the rest."""
    for number in range(5):
        session.save(number, "x")

    first = session.prune(limit=3, dry_run=False)
    second = session.prune(limit=3, dry_run=False)

    assert (len(first.versions), first.is_complete) == (3, False)
    assert (len(second.versions), second.is_complete) == (2, True)


@pytest.mark.parametrize(
    "wrong",
    [{"keep_newest": -1}, {"older_than": 30}, {"limit": 0}, {"where": "nonsense ==="}],
    ids=str,
)
def test_a_prune_that_makes_no_sense_is_refused(session, wrong):
    """Named errors; nothing is deleted."""
    session.save(1, "x")

    with pytest.raises(InputError):
        session.prune(dry_run=False, **wrong)
    with pytest.raises(InputError, match="only the plan"):
        session.prune(session.prune(), keep_newest=1, dry_run=False)

    assert names(session) == ["x@1"]


def test_a_version_is_deleted_while_others_load_it(session):
    """A load gives the value or says that it was deleted: never garbage (B16)."""
    expected = np.arange(200_000)
    outcomes: list[str] = []

    def load(version):
        reader = ap.Session(session.settings)
        try:
            while True:
                try:
                    value = reader.load(version)
                except ArtifactMissingError as error:
                    outcomes.append(error.reason)
                    return
                assert np.array_equal(value, expected)
        except BaseException as error:
            outcomes.append(repr(error))
        finally:
            reader.close()

    for _ in range(5):
        version = session.save(expected, "array")
        threads = [threading.Thread(target=load, args=(version,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        session.delete(version)
        session.collect(trash=timedelta(0))
        for thread in threads:
            thread.join()

    assert outcomes == ["deleted"] * 15


def test_a_loaded_value_outlives_its_version(session):
    """What was loaded before stays whole when the files are gone."""
    expected = np.arange(200_000)
    version = session.save(expected, "array")
    value = session.load(version)

    session.delete(version)
    session.collect(trash=timedelta(0))

    assert np.array_equal(value, expected)
