"""Snapshots and manifests to judge, what a reader decides about keys and digests, refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from artifact_plugins.errors import KeyUnreadableError, TrustError
from artifact_plugins.records import Signature
from artifact_plugins.trust import MANIFEST_TYPE, SNAPSHOT_TYPE, Subject, Trust
from artifact_plugins.trust.own_key import own_key_or_new
from artifact_plugins.trust.public_keys import public_key_text
from artifact_plugins.trust.trust_file import (
    Pin,
    Revocation,
    TrustedKey,
    edit_trust_file,
    with_key,
    with_pin,
    with_revocation,
)

ADDED = datetime(2026, 1, 1, tzinfo=UTC)
ARCHIVES = tuple(f"sha256:{letter * 64}" for letter in "ab")


def statement(plugin: str = "acme.frames") -> bytes:
    """The statement of a snapshot of a plugin."""
    return json.dumps({"_type": "snapshot", "plugin": plugin, "role": "plugin"}).encode()


def snapshot(
    *signatures: Signature | None, payload: bytes | None = None, plugin: str = "acme.frames"
) -> Subject:
    """Archived code of a plugin, with two archives."""
    return Subject(
        payload_type=SNAPSHOT_TYPE,
        payload=statement() if payload is None else payload,
        signatures=tuple(one for one in signatures if one is not None),
        plugin=plugin,
        what="artifact 'flights' version 3",
        digests=ARCHIVES,
    )


def manifest(*signatures: Signature | None, digests: tuple[str, ...] = ()) -> Subject:
    """A value in an executing format."""
    return Subject(
        payload_type=MANIFEST_TYPE,
        payload=b'{"artifact":"flights"}',
        signatures=tuple(one for one in signatures if one is not None),
        plugin="acme.frames",
        what="artifact 'flights' version 3",
        digests=digests,
    )


def signed_by(signer: Trust, subject: Subject) -> Signature:
    """The signature of somebody for a subject."""
    made = signer.sign(subject.payload_type, subject.payload)
    assert made is not None
    return made


def trust_key(
    home: Path,
    signer: Trust,
    *,
    plugins: tuple[str, ...] = ("*",),
    until: datetime | None = None,
    name: str = "acme",
) -> str:
    """Let the reader trust the key of somebody; returns its id."""
    key = own_key_or_new(signer.home)
    assert key is not None
    entry = TrustedKey(
        key_id=key.key_id,
        public_key=public_key_text(key.public),
        name=name,
        plugins=plugins,
        until=until,
        added_at=ADDED,
    )
    edit_trust_file(home, lambda file: with_key(file, entry))
    return key.key_id


def pin(home: Path, digest: str) -> None:
    """Pin a digest in the trust file."""
    edit_trust_file(home, lambda file: with_pin(file, Pin(digest=digest, added_at=ADDED)))


def revoke(home: Path, subject: str) -> None:
    """Revoke a key or a digest, without the checks of the other functions."""
    entry = Revocation(subject=subject, reason="stolen", added_at=ADDED)
    edit_trust_file(home, lambda file: with_revocation(file, entry))


def refused(trust: Trust, subject: Subject, cls: type[TrustError]) -> TrustError:
    """The error of exactly this class, with all that every refusal says."""
    verdict = trust.judge(subject)
    assert not verdict.is_trusted
    assert verdict.by is None
    with pytest.raises(TrustError) as caught:
        verdict.require()
    assert type(caught.value) is cls, caught.value
    if cls is not KeyUnreadableError:
        assert subject.what in str(caught.value)
        assert caught.value.digest in str(caught.value)
        assert caught.value.plugin == subject.plugin
    assert "nothing was executed" in str(caught.value)
    return caught.value
