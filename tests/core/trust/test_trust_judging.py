"""Who may execute what: every mode, keys and their scopes, pins, revocations, damaged files."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from datetime import UTC, datetime, timedelta

import pytest
from trust_cases import (
    ARCHIVES,
    manifest,
    pin,
    refused,
    revoke,
    signed_by,
    snapshot,
    statement,
    trust_key,
)

from artifact_plugins.errors import (
    KeyExpiredError,
    KeyUnreadableError,
    UnsafeFormatError,
    UntrustedKeyError,
    UntrustedSnapshotError,
)
from artifact_plugins.trust import SNAPSHOT_TYPE, Subject, Trust
from artifact_plugins.trust.own_key import key_path
from artifact_plugins.trust.public_keys import key_id_of, public_key_text
from artifact_plugins.trust.trust_file import read_trust_file, trust_path

OTHER_DIGEST = f"sha256:{'c' * 64}"


@pytest.mark.parametrize("make", [snapshot, manifest])
def test_what_one_signed_executes(own, make):
    """Own artifacts never ask, not even in a later process."""
    signature = signed_by(own, make())

    verdict = Trust(home=own.home).judge(make(signature))

    assert verdict.is_trusted
    assert verdict.error is None
    assert verdict.require() == f"own key {signature.key_id}"


TABLE = {
    # (mode, what vouches): whether a snapshot and a manifest execute
    ("installed", "own"): False,
    ("installed", "trusted"): False,
    ("installed", "pin"): False,
    ("installed", "settings pin"): False,
    ("installed", "stranger"): False,
    ("installed", "nobody"): False,
    ("signed", "own"): True,
    ("signed", "trusted"): True,
    ("signed", "pin"): True,
    ("signed", "settings pin"): True,
    ("signed", "stranger"): False,
    ("signed", "nobody"): False,
    ("pinned", "own"): False,
    ("pinned", "trusted"): False,
    ("pinned", "pin"): True,
    ("pinned", "settings pin"): True,
    ("pinned", "stranger"): False,
    ("pinned", "nobody"): False,
    ("unsafe", "own"): True,
    ("unsafe", "trusted"): True,
    ("unsafe", "pin"): True,
    ("unsafe", "settings pin"): True,
    ("unsafe", "stranger"): True,
    ("unsafe", "nobody"): True,
}


@pytest.mark.parametrize("make", [snapshot, manifest])
@pytest.mark.parametrize(("mode", "vouching"), TABLE, ids=" ".join)
def test_modes(own, stranger, home, make, mode, vouching):
    """Each mode lets exactly that execute which the table says."""
    bare = make()
    if vouching == "trusted":
        trust_key(home, stranger)
    if vouching == "pin":
        pin(home, bare.payload_digest)
    signer = {"own": own, "trusted": stranger, "stranger": stranger}.get(vouching)
    subject = make(signed_by(signer, bare)) if signer else bare
    pins = (bare.payload_digest,) if vouching == "settings pin" else ()
    trust = Trust(mode=mode, pins=pins, home=home)

    assert trust.judge(subject).is_trusted is TABLE[mode, vouching]

    if not TABLE[mode, vouching]:
        stranger_signed = (mode, vouching) == ("signed", "stranger")
        unvouched = UntrustedSnapshotError if make is snapshot else UnsafeFormatError
        refused(trust, subject, UntrustedKeyError if stranger_signed else unvouched)


def test_unknown_key_is_named_with_the_command(own, stranger):
    """E13: a stranger's signature is refused with the key id and how to trust its owner."""
    signature = signed_by(stranger, snapshot())

    error = refused(own, snapshot(signature), UntrustedKeyError)

    assert error.key_id == signature.key_id
    assert (
        f"artifact-plugins trust add KEY_FILE --key-id {signature.key_id} --plugins acme.frames"
    ) in str(error)


def test_expired_key_is_refused(own, stranger, home):
    """E13: a key counts until its time is over, whenever it signed."""
    signature = signed_by(stranger, snapshot())
    trust_key(home, stranger, until=datetime.now(UTC) + timedelta(seconds=60))
    assert own.judge(snapshot(signature)).is_trusted

    until = datetime.now(UTC) - timedelta(seconds=1)
    trust_key(home, stranger, until=until)
    error = refused(own, snapshot(signature), KeyExpiredError)

    assert error.until == until
    assert "--until DATE" in str(error)


def test_revoked_key_is_refused(own, stranger, home):
    """E13: a revocation counts though the key was trusted, and names the reason."""
    signature = signed_by(stranger, snapshot())
    trust_key(home, stranger)
    assert own.judge(snapshot(signature)).is_trusted

    revoke(home, signature.key_id)
    error = refused(own, snapshot(signature), UntrustedKeyError)

    assert "revoked key" in str(error)
    assert "stolen" in str(error)


def test_own_revoked_key_is_refused(own, home):
    """The own key is trusted unless it is revoked."""
    signature = signed_by(own, manifest())
    revoke(home, signature.key_id)

    refused(own, manifest(signature), UntrustedKeyError)


def test_key_is_trusted_for_its_plugins_only(own, stranger, home):
    """E15: a key with a scope vouches for plugins of that name and no others."""
    trust_key(home, stranger, plugins=("acme.*", "other"))
    for plugin, is_trusted in (
        ("acme.frames", True),
        ("acme.a.b", True),
        ("other", True),
        ("acme", False),
        ("acmeXframes", False),
        ("others", False),
        ("ACME.frames", False),
        ("evil\nacme.frames", False),
    ):
        payload = statement(plugin)
        made = stranger.sign(SNAPSHOT_TYPE, payload)
        subject = snapshot(made, payload=payload, plugin=plugin)

        assert own.judge(subject).is_trusted is is_trusted, plugin
        if not is_trusted:
            assert "'acme.*', 'other' only" in str(refused(own, subject, UntrustedKeyError))


@pytest.mark.parametrize("of", ["snapshot", "first archive", "last archive"])
@pytest.mark.parametrize("vouching", ["own", "pin", "settings pin", "unsafe", "unsafe load"])
def test_revoked_digest_beats_everything(own, home, of, vouching):
    """E16: an old, signed, even pinned snapshot stays refused once it or its code is revoked."""
    signature = signed_by(own, snapshot())
    subject = snapshot(signature if vouching == "own" else None)
    digest = {"snapshot": subject.payload_digest, "first archive": ARCHIVES[0]}.get(of, ARCHIVES[1])
    if vouching == "pin":
        for one in (subject.payload_digest, *ARCHIVES):
            pin(home, one)
    trust = Trust(
        mode="unsafe" if vouching == "unsafe" else "signed",
        pins=(subject.payload_digest,) if vouching == "settings pin" else (),
        home=home,
    )
    trust = trust.unsafe() if vouching == "unsafe load" else trust
    assert trust.judge(subject).is_trusted

    revoke(home, digest)
    error = refused(trust, subject, UntrustedSnapshotError)

    assert f"{digest} is revoked (stolen)" in str(error)


def test_revoked_snapshot_of_a_manifest_is_refused(own, home):
    """E16: a manifest that names revoked code is refused too."""
    subject = manifest(signed_by(own, manifest()), digests=(OTHER_DIGEST, ARCHIVES[0]))
    assert own.judge(subject).is_trusted

    revoke(home, ARCHIVES[0])

    refused(own, subject, UnsafeFormatError)


def test_all_archives_together_vouch_for_a_snapshot(home):
    """One known archive says nothing about the others of the same snapshot."""
    one = Trust(mode="pinned", pins=ARCHIVES[:1], home=home)
    both = Trust(mode="pinned", pins=ARCHIVES, home=home)
    pin(home, OTHER_DIGEST)

    refused(one, snapshot(), UntrustedSnapshotError)
    assert both.judge(snapshot()).require() == "pin"
    pin(home, ARCHIVES[1])
    assert one.judge(snapshot()).require() == "pin"  # settings and file together
    nothing = dataclasses.replace(snapshot(), digests=())
    refused(both, nothing, UntrustedSnapshotError)


def test_archives_of_the_statement_count_without_being_told(home):
    """An archive that only the statement names must be pinned with the others, and can be revoked."""
    archives = [{"digest": ARCHIVES[0]}, {"digest": OTHER_DIGEST}, {"digest": 1}, "x", {}]
    payload = json.dumps({"plugin": "acme.frames", "archives": archives}).encode()
    subject = snapshot(payload=payload)

    refused(Trust(pins=ARCHIVES, home=home), subject, UntrustedSnapshotError)
    trust = Trust(pins=[*ARCHIVES, OTHER_DIGEST], home=home)
    assert trust.judge(subject).is_trusted
    revoke(home, OTHER_DIGEST)
    refused(trust, subject, UntrustedSnapshotError)


def test_pins_of_a_manifest(home):
    """A manifest is pinned by its own digests; a pin of its snapshot says nothing about values."""
    subject = manifest(digests=(OTHER_DIGEST, ARCHIVES[0]))

    assert Trust(pins=[OTHER_DIGEST], home=home).judge(subject).is_trusted
    assert Trust(pins=[subject.payload_digest], home=home).judge(subject).is_trusted
    refused(Trust(pins=ARCHIVES, home=home), subject, UnsafeFormatError)


def test_bare_hex_pins_are_sha256(home):
    """A pin without an algorithm is SHA-256."""
    digest = manifest().payload_digest

    assert Trust(pins=[digest.removeprefix("sha256:")], home=home).judge(manifest()).is_trusted


def test_unsafe_logs_each_use(own, caplog):
    """Mode `unsafe` and one unsafe load execute everything, and each use is in the log."""
    trust = own.unsafe()
    assert (trust.mode, trust.home) == (own.mode, own.home)

    with caplog.at_level(logging.WARNING):
        assert trust.judge(snapshot()).by == "unsafe"
        assert trust.judge(manifest()).by == "unsafe"
        assert Trust(mode="unsafe", home=own.home).judge(manifest()).by == "unsafe"

    assert len(caplog.records) == 3
    assert all(subject.what in caplog.text for subject in (snapshot(), manifest()))
    refused(own, snapshot(), UntrustedSnapshotError)  # it was for those loads only


@pytest.mark.parametrize("mode", ["signed", "pinned", "unsafe"])
def test_damaged_trust_file_trusts_nothing(own, home, mode):
    """Without knowing what is revoked nothing executes."""
    signature = signed_by(own, manifest())
    trust_path(home).write_text("{")
    trust_path(home).chmod(0o600)
    trust = Trust(mode=mode, pins=[manifest().payload_digest], home=home)

    error = refused(trust, manifest(signature), KeyUnreadableError)

    assert str(trust_path(home)) in str(error)
    trust_path(home).unlink()
    assert trust.judge(manifest(signature)).is_trusted


def test_damaged_own_key_leaves_others_trusted(own, stranger, home):
    """Others' signatures and pins need no own key; an own signature is told why it fails."""
    mine, theirs = signed_by(own, manifest()), signed_by(stranger, manifest())
    trust_key(home, stranger)
    key_path(home).write_text("damaged")

    assert own.judge(manifest(theirs)).is_trusted
    assert own.judge(manifest(mine, theirs)).is_trusted
    assert Trust(pins=[manifest().payload_digest], home=home).judge(manifest()).is_trusted
    refused(own, manifest(mine), KeyUnreadableError)


def test_judging_takes_less_than_a_millisecond(own, stranger, home):
    """With a thousand trusted keys and as many pins the trust file is parsed once."""
    made = [signed_by(stranger, snapshot()), signed_by(own, snapshot())]
    trust_key(home, stranger)
    document = read_trust_file(home).model_dump(mode="json")
    for number in range(1000):
        raw = number.to_bytes(32, "big")[::-1][:31] + b"\x11"
        document["keys"].append(
            {**document["keys"][0], "key_id": key_id_of(raw), "public_key": public_key_text(raw)}
        )
        document["pins"].append(
            {"digest": f"sha256:{number:064x}", "note": "", "added_at": "2026-01-01T00:00:00Z"}
        )
    trust_path(home).write_text(json.dumps(document))
    subjects = [snapshot(one) for one in made]
    assert all(own.judge(subject).is_trusted for subject in subjects)

    def seconds(subject: Subject) -> float:
        started = time.process_time()
        own.judge(subject)
        return time.process_time() - started

    for subject in subjects:
        assert min(seconds(subject) for _ in range(30)) <= 0.001
