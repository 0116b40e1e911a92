"""`Session.commit`: what happens to staged bytes when a transaction fails."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Annotated

import pytest

import artifact_plugins as ap
from artifact_plugins import errors, failpoints
from artifact_plugins.records import Batch, VersionQuery
from artifact_plugins.session.saving import SaveRequest

BIG = "x" * 100_000
noted: list[tuple[str, str | None]] = []


@ap.hookimpl
def after_artifact_saved(version, task):
    """Make this test module a plugin that notes what was saved."""
    noted.append((version.id, task.name if task else None))


@pytest.fixture
def failing():
    """Return a function that sets failpoints, which are cleared afterwards."""
    yield failpoints.configure
    failpoints.configure("")


def versions_on_disk(places: dict[str, str]) -> list[str]:
    folder = Path(places["store_url"]) / "versions"
    return [path.name for path in folder.glob("*/*")]


def requests(*names: str) -> list[SaveRequest]:
    return [SaveRequest(artifact=name) for name in names]


def test_conflict_of_keys_leaves_no_bytes(places, session):
    """The bytes of a save that its key refuses are removed; the first save stays."""
    session.save(BIG, "big", idempotency_key="k")
    before = versions_on_disk(places)

    with pytest.raises(errors.IdempotencyConflictError):
        session.save(BIG + "y", "big", idempotency_key="k")

    assert len(before) == 1
    assert versions_on_disk(places) == before
    assert session.load("big") == BIG


def test_known_key_leaves_no_bytes(places, session):
    """A repeat gives the first version, and its own bytes are removed."""
    first = session.save(BIG, "big", idempotency_key="k")

    again = session.save(BIG, "big", idempotency_key="k")

    assert again.id == first.id
    assert versions_on_disk(places) == [first.id]


def test_locked_ledger_leaves_no_bytes(places, session):
    """Every staged value of the batch is removed, not only the first."""
    impatient = ap.Session(ap.Settings(**places, busy_timeout_seconds=0.1))
    staged = [impatient.saver.stage(BIG, request) for request in requests("a", "b")]
    other = sqlite3.connect(places["ledger_url"].removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(errors.LedgerBusyError):
        impatient.commit(Batch(), staged)

    other.execute("ROLLBACK")
    other.close()
    assert versions_on_disk(places) == []
    impatient.close()


def test_interrupt_before_the_commit_leaves_no_bytes(places, session, failing):
    """Ctrl-C inside the transaction: nothing is registered and nothing lies around."""
    failing("commit.inside=interrupt")

    with pytest.raises(KeyboardInterrupt):
        session.save(BIG, "big")

    assert versions_on_disk(places) == []
    assert len(session.ledger.versions(VersionQuery())) == 0


def test_interrupt_after_the_commit_keeps_the_bytes(places, session, failing):
    """Ctrl-C right after the transaction: the version is registered and loads."""
    failing("commit.after=interrupt")

    with pytest.raises(KeyboardInterrupt):
        session.save(BIG, "big")

    assert session.load("big") == BIG


def test_lost_answer_is_asked_for_again(places, session, failing):
    """A commit whose answer was lost is repeated and gives the one version."""
    failing("commit.after=error:EIO")

    version = session.save(BIG, "big")

    assert version.version == 1
    assert len(session.ledger.versions(VersionQuery())) == 1
    assert session.load("big") == BIG


def test_answer_lost_twice_deletes_nothing(places, session, monkeypatch):
    """Nobody can tell whether it was committed, so the bytes stay."""
    write = session.ledger.write

    def losing(batch, **how):
        write(batch, **how)
        raise errors.CommitUnknownError("the answer was lost")

    monkeypatch.setattr(session.ledger, "write", losing)

    with pytest.raises(errors.CommitUnknownError):
        session.save(BIG, "big")

    assert session.load("big") == BIG


def test_failure_after_a_lost_answer_deletes_nothing(places, session, monkeypatch):
    """The first attempt may have worked: a busy ledger at the second proves nothing."""
    write, calls = session.ledger.write, []

    def losing(batch, **how):
        calls.append(batch)
        if len(calls) == 2:
            raise errors.LedgerBusyError("locked")
        write(batch, **how)
        raise errors.CommitUnknownError("the answer was lost")

    monkeypatch.setattr(session.ledger, "write", losing)

    with pytest.raises(errors.LedgerBusyError):
        session.save(BIG, "big")

    assert session.load("big") == BIG


def test_records_of_a_batch_are_committed_with_the_values(session):
    """Versions come back in the order in which they were staged."""
    staged = [session.saver.stage(n, request) for n, request in enumerate(requests("a", "b", "a"))]

    versions = session.commit(Batch(), staged)

    assert [str(version) for version in versions] == ["a@1", "b@1", "a@2"]


def test_hook_sees_new_versions_with_their_task(places):
    """after_artifact_saved runs once per new version, and not for a known key."""
    noted.clear()

    @ap.step
    def train() -> Annotated[int, "output"]:
        return 2

    with ap.open_session(ap.Settings(**places, plugins=(__name__,))) as session:
        first = session.save(1, "by-hand", idempotency_key="k")
        session.save(1, "by-hand", idempotency_key="k")
        with ap.start_run("script") as run:
            train()

        assert noted == [(first.id, None), (run["output"].id, "train")]
