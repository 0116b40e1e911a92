"""Rows C18 to C20 of the table of faults: what a bucket may do to a session."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import artifact_plugins as ap
from artifact_plugins.content.remote import removing, sending
from artifact_plugins.errors import StoreWriteError

pytestmark = pytest.mark.server

NONE = timedelta(0)
LARGE = b"x" * (20 * 1024 * 1024)


@pytest.fixture
def session(proxy, s3_url, tmp_path):
    """A session whose bytes go to an S3 endpoint behind the proxy."""
    settings = ap.Settings(store_url=s3_url, ledger_url=f"sqlite:///{tmp_path}/ledger.sqlite")
    with ap.open_session(settings) as opened:
        yield opened


def part_of(number: int, what: str, times: int = 1) -> Any:
    """Damage the first requests for one part of an upload."""
    left = [what] * times

    def damage(method: str, path: str, _: int) -> str | None:
        return left.pop() if f"partNumber={number}" in path and left else None

    return damage


@pytest.mark.parametrize("what", ["SlowDown", "cut", "lose"])
def test_c18_an_upload_is_disturbed(session, proxy, what):
    """A bucket that wants less, or loses a part or its answer, gets it again: one version."""
    proxy.damage = part_of(2, what, 2)

    session.save(LARGE, "large")

    assert session.load("large") == LARGE
    assert list(session.store._place.bucket.dangling("versions/")) == []


def test_c18_without_a_second_try_it_fails(session, proxy, impatient, monkeypatch):
    """Negative control: whose part is not sent again has no version, and no upload is left."""
    proxy.damage = part_of(2, "SlowDown", 100)

    with pytest.raises(StoreWriteError):
        session.save(LARGE, "large")

    assert len(session.versions()) == 0
    proxy.damage = lambda *_: None
    assert list(session.store._place.bucket.dangling("versions/")) == []


def test_c18_an_upload_that_a_killed_writer_left_is_listed_and_removed(session, monkeypatch):
    """The collector finds an upload without an end and aborts it; what was saved stays."""
    session.save(LARGE, "large")
    bucket = session.store._place.bucket
    upload = bucket.begin("versions/ab/0197/data.bin", "0" * 32)
    upload.part(0, 0, LARGE[: 5 * 1024 * 1024], last=False)
    assert len(list(bucket.dangling("versions/"))) == 1
    monkeypatch.setattr(removing, "GRACE_SECONDS", -60)

    session.collect(grace=NONE)

    assert list(bucket.dangling("versions/")) == []
    assert session.load("large") == LARGE


def test_c19_credentials_expire_in_the_middle(session, proxy):
    """Expired once: asked for anew, and the upload goes on. For good: a named error, no version."""
    proxy.damage = part_of(2, "expired")

    session.save(LARGE, "large")
    proxy.damage = lambda method, path, number: "expired" if "partNumber=" in path else None
    with pytest.raises(StoreWriteError, match="credentials have expired"):
        session.save(LARGE, "large")

    proxy.damage = lambda *_: None
    assert [version.version for version in session.versions("name == 'large'")] == [1]
    assert session.load("large") == LARGE


def test_c19_without_new_credentials_once_is_enough(session, proxy, monkeypatch):
    """Negative control: who does not ask for credentials again fails at the first refusal."""
    monkeypatch.setattr(sending, "retried", lambda bucket, attempt, **_: attempt())
    proxy.damage = part_of(2, "expired")

    with pytest.raises(Exception, match="xpired"):
        session.save(LARGE, "large")


def test_c20_a_listing_is_stale(session, monkeypatch):
    """A listing of before hides no version and lets the collector take none that is there."""
    old = session.save(b"o" * 10_000, "old")
    blobs = session.store._place.blobs
    before = list(blobs.list_prefix("versions"))
    new = session.save(b"n" * 10_000, "new")
    session.delete(old)
    monkeypatch.setattr(type(blobs), "list_prefix", lambda self, prefix: iter(before))
    assert new.id not in list(session.store.version_ids())  # negative control: it is stale

    assert session.load("new") == b"n" * 10_000
    session.collect(trash=NONE, grace=NONE)
    session.collect(trash=NONE, grace=NONE, trust_ledger=True)
    assert session.load("new") == b"n" * 10_000

    monkeypatch.undo()
    assert list(session.store.version_ids()) == [new.id]
    assert session.load(session.save(b"l" * 10_000, "late")) == b"l" * 10_000
