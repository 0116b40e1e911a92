"""Removal of versions in every kind of store: whole, repeatable, announced, and of nothing else."""

from __future__ import annotations

import os

import pytest

from artifact_plugins.errors import (
    ArtifactMissingError,
    InvalidKeyError,
    SaveAbortedError,
    StoreError,
    StoreWriteError,
)
from artifact_plugins.records import new_id

FILES = {"a.bin": b"x" * 9000, "deep/er/b.bin": b"y" * 5000, "we?ird": b"z" * 100}


def test_a_removed_version_is_gone_and_others_stay(store, save):
    """All its files and its manifest go, its bytes are counted; the other one is intact."""
    gone, kept = save(store, FILES), save(store, FILES)
    assert store.stored_bytes(gone.id) > gone.size_bytes

    freed = store.remove_version(gone.id, "collected")

    assert freed > gone.size_bytes
    assert list(store.version_ids()) == [kept.id]
    assert list(store.decided_ids()) == []
    assert store.stored_bytes(gone.id) == 0
    store.check(kept)
    with pytest.raises(ArtifactMissingError):
        store.check(gone)
    with pytest.raises(ArtifactMissingError):
        store.reader(gone).buffer("a.bin")


def test_removing_it_again_does_nothing(store, save):
    """A second collector finds nothing, and leaves no record of its decision."""
    version = save(store, FILES)
    store.remove_version(version.id, "aborted")

    assert store.remove_version(version.id, "aborted") == 0
    assert list(store.decided_ids()) == []


@pytest.mark.parametrize(
    "point", ["collect.after_record", "collect.mid_delete", "collect.after_delete"]
)
def test_a_removal_that_was_stopped_is_announced_and_finished(store, save, trip, point):
    """Until it is finished the store says that it was begun; then nothing is left."""
    version, kept = save(store, FILES), save(store, FILES)
    trip(f"{point}=error:EIO")

    with pytest.raises(StoreWriteError):
        store.remove_version(version.id, "collected")

    trip("")
    assert list(store.decided_ids()) == [version.id]
    store.remove_version(version.id, "collected")
    assert list(store.decided_ids()) == []
    assert list(store.version_ids()) == [kept.id]
    store.check(kept)


def test_a_writer_that_was_overtaken_can_be_aborted(store):
    """`abort` after the files were collected is quiet, and removes what came after."""
    version_id = new_id()
    writer = store.writer(version_id)
    with writer.open("a") as sink:
        sink.write(b"x" * 9000)
    writer.publish({}, "application/octet-stream")
    store.remove_version(version_id, "aborted")

    writer.abort()

    assert list(store.version_ids()) == []


def test_files_that_go_while_they_are_published_abort_the_save(local, monkeypatch):
    """A local save whose folder vanished right after its rename is SaveAbortedError."""
    version_id = new_id()
    writer = local.writer(version_id)
    with writer.open("a") as sink:
        sink.write(b"x" * 9000)
    rename = os.rename

    def overtaken(source, target, **folders):
        rename(source, target, **folders)
        if source == target == version_id:
            monkeypatch.undo()
            local.remove_version(version_id, "aborted")

    monkeypatch.setattr(os, "rename", overtaken)

    with pytest.raises(SaveAbortedError, match="removed by a collector"):
        writer.publish({}, "application/octet-stream")
    writer.abort()
    assert list(local.version_ids()) == []


def test_mapped_bytes_outlive_their_files(local, save):
    """A buffer that was handed out stays whole when its version is removed."""
    version = save(local, {"a": os.urandom(300_000)})
    view = local.reader(version).buffer("a")
    before = bytes(view)

    local.remove_version(version.id, "collected")

    assert bytes(view) == before


def test_ledgers_of_a_store_are_known(store):
    """Each is noted once, and can be forgotten."""
    one, two = sorted((new_id(), new_id()))
    assert list(store.ledger_ids()) == []

    for ledger_id in (two, one, two):
        store.register_ledger(ledger_id)

    assert list(store.ledger_ids()) == [one, two]
    store.forget_ledger(one)
    assert list(store.ledger_ids()) == [two]


@pytest.mark.parametrize("wrong", ["", "../x", "0", "ABC"])
def test_ids_of_another_form_are_refused(local, wrong):
    """No key is made of what is not a UUID."""
    for call in (
        lambda: local.remove_version(wrong, "aborted"),
        lambda: local.register_ledger(wrong),
        lambda: local.forget_ledger(wrong),
        lambda: local.stored_bytes(wrong),
    ):
        with pytest.raises(InvalidKeyError):
            call()


def test_a_planted_link_is_not_followed(local, save, tmp_path, folder_of):
    """A link in place of a version folder goes itself; what it leads to stays."""
    version = save(local, {"a": b"x" * 9000})
    folder = folder_of(version)
    outside = tmp_path / "outside"
    folder.rename(outside)
    folder.symlink_to(outside)

    with pytest.raises(StoreError):
        local.remove_version(version.id, "collected")

    local.close()
    assert (outside / "a").read_bytes() == b"x" * 9000
