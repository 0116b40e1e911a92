"""Who may execute what: every mode, every kind of wrong signature, pins and revocations."""

from __future__ import annotations

import base64
import dataclasses
import json
import logging
import re
import shlex
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from trust_cases import (
    ARCHIVES,
    manifest,
    pin,
    revoke,
    signed_by,
    snapshot,
    statement,
    trust_key,
)

from artifact_plugins.cli.app import group
from artifact_plugins.cli.failures import run as run_command
from artifact_plugins.errors import (
    KeyExpiredError,
    KeyUnreadableError,
    SignatureInvalidError,
    TrustError,
    UnsafeFormatError,
    UntrustedKeyError,
    UntrustedSnapshotError,
)
from artifact_plugins.records import Signature
from artifact_plugins.trust import MANIFEST_TYPE, SNAPSHOT_TYPE, Subject, Trust
from artifact_plugins.trust.own_key import key_path
from artifact_plugins.trust.public_keys import key_id_of, public_key_text
from artifact_plugins.trust.trust_file import read_trust_file, trust_path

OTHER_DIGEST = f"sha256:{'c' * 64}"


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


@pytest.mark.parametrize("signer", ["own", "trusted"])
def test_signature_for_another_domain_is_refused(own, stranger, home, signer):
    """E13: a signature over the same bytes as a manifest says nothing about a snapshot."""
    trust_key(home, stranger)
    who = own if signer == "own" else stranger
    made = who.sign(MANIFEST_TYPE, statement())
    assert made is not None

    error = refused(own, snapshot(made), SignatureInvalidError)

    assert error.key_id == made.key_id
    as_manifest = dataclasses.replace(snapshot(made), payload_type=MANIFEST_TYPE, digests=())
    assert own.judge(as_manifest).is_trusted  # the negative control


def test_stripped_signature_is_as_bad_as_a_wrong_one(own):
    """E14: without its signature an own snapshot or manifest is refused, with both commands."""
    for make, cls in ((snapshot, UntrustedSnapshotError), (manifest, UnsafeFormatError)):
        signature = signed_by(own, make())
        error = refused(own, make(), cls)

        assert "nobody trusted vouches for" in str(error)
        assert f"artifact-plugins trust pin {make().payload_digest}" in str(error)
        assert "artifact-plugins trust add KEY_FILE --plugins acme.frames" in str(error)
        assert own.judge(make(signature)).is_trusted


@pytest.mark.parametrize(
    "payload", [statement("acme.other"), b"{}", b"[]", b"\xff", b"", b"[" * 9999]
)
def test_snapshot_of_another_plugin_is_refused(own, home, payload):
    """E15: what the signed statement says counts; a pin of it does not change its meaning."""
    signature = own.sign(SNAPSHOT_TYPE, payload)
    assert signature is not None
    subject = snapshot(signature, payload=payload)
    pin(home, subject.payload_digest)

    error = refused(own, subject, SignatureInvalidError)

    assert "'acme.frames'" in str(error)


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


@pytest.mark.parametrize("make", [snapshot, manifest])
@pytest.mark.parametrize("mask", [1, 0x20, 0x80])
def test_every_flipped_byte_of_a_payload_is_noticed(own, make, mask):
    """No byte of what is signed can change; unchanged it is trusted."""
    subject = make(signed_by(own, make()))
    payload = subject.payload

    for at in range(len(payload)):
        changed = payload[:at] + bytes([payload[at] ^ mask]) + payload[at + 1 :]
        refused(own, dataclasses.replace(subject, payload=changed), SignatureInvalidError)
    for changed in (payload[:-1], payload + b" ", b"", payload * 2):
        refused(own, dataclasses.replace(subject, payload=changed), SignatureInvalidError)
    assert own.judge(subject).is_trusted


def test_every_flipped_bit_of_a_signature_is_noticed(own):
    """No bit of the signature can change; unchanged it is trusted."""
    signature = signed_by(own, manifest())
    raw = base64.b64decode(signature.sig)

    for at in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[at // 8] ^= 1 << (at % 8)
        text = base64.b64encode(changed).decode()
        wrong = Signature(key_id=signature.key_id, sig=text)
        refused(own, manifest(wrong), SignatureInvalidError)
    for length in (0, 1, 32, 63):
        short = Signature.model_construct(
            key_id=signature.key_id, sig=base64.b64encode(raw[:length]).decode()
        )
        refused(own, manifest(short), SignatureInvalidError)
    assert own.judge(manifest(signature)).is_trusted


def test_every_flipped_character_of_a_key_id_is_noticed(own):
    """A signature under another key id is one of an unknown key."""
    signature = signed_by(own, manifest())

    for at, letter in enumerate(signature.key_id):
        other = "0" if letter != "0" else "1"
        wrong = Signature(
            key_id=signature.key_id[:at] + other + signature.key_id[at + 1 :], sig=signature.sig
        )
        refused(own, manifest(wrong), UntrustedKeyError)


def test_signature_text_that_is_no_base64_is_refused(own):
    """What cannot be decoded is a wrong signature, not a crash."""
    signature = signed_by(own, manifest())

    for text in ("", "=", "é", signature.sig + "\n", signature.sig[:-1], "A" * 10_000):
        wrong = Signature.model_construct(key_id=signature.key_id, sig=text)
        refused(own, manifest(wrong), SignatureInvalidError)


def test_thousands_of_signatures_are_not_verified(own):
    """A store cannot make a reader verify for seconds; 64 signatures are looked at."""
    signature = signed_by(own, manifest())

    assert own.judge(manifest(*[signature] * 64)).is_trusted
    error = refused(own, manifest(*[signature] * 65), SignatureInvalidError)
    assert "65 signatures, 64 are allowed" in str(error)


def test_one_good_signature_is_enough(own, stranger, tmp_path, home):
    """Signatures of strangers beside a good one change nothing."""
    third = Trust(home=tmp_path / "third")
    good, unknown = signed_by(own, snapshot()), signed_by(third, snapshot())
    trust_key(home, stranger, plugins=("other",))

    for order in ((unknown, good), (good, unknown)):
        verdict = own.judge(snapshot(*order, signed_by(stranger, snapshot())))
        assert verdict.require() == f"own key {good.key_id}"


def test_damaged_signature_of_a_known_key_is_reported(own, stranger, home, caplog):
    """Beside a good one it is logged; alone or among others that fail it is the error."""
    trust_key(home, stranger)
    damaged = signed_by(stranger, manifest())
    good = signed_by(own, snapshot())

    with caplog.at_level(logging.WARNING):
        assert own.judge(snapshot(damaged, good)).is_trusted
    assert f"that key {damaged.key_id} did not make" in caplog.text

    unknown = Signature(key_id="0" * 32, sig=good.sig)
    for order in ((damaged, unknown), (unknown, damaged)):
        refused(own, snapshot(*order), SignatureInvalidError)


def test_forgery_is_not_excused_by_an_expired_key(own, stranger, home):
    """A wrong signature is named as such, though its key is out of time or scope too."""
    trust_key(home, stranger, plugins=("x",), until=datetime.now(UTC) - timedelta(days=1))
    wrong = signed_by(stranger, manifest())

    refused(own, snapshot(wrong), SignatureInvalidError)


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


def commands(error: TrustError) -> list[list[str]]:
    """The commands that a refusal names, as a shell would read them."""
    # `trust export` stands in backquotes: that one is for somebody else.
    found = re.findall(r"[^`]artifact-plugins (trust .*?)(?= \(KEY_FILE|; to |$)", str(error))
    return [shlex.split(command) for command in found]


def run(monkeypatch, home: Path, arguments: list[str]) -> None:
    monkeypatch.setenv("ARTIFACT_PLUGINS_TRUST_HOME", str(home))
    assert run_command(group, arguments) == 0


def test_commands_of_a_refusal_do_what_they_say(own, stranger, home, tmp_path, monkeypatch):
    """Each command that a refusal of a stranger's snapshot names makes it load, exactly that."""
    subject = snapshot(signed_by(stranger, snapshot()))
    add, by_digest = commands(refused(own, subject, UntrustedKeyError))
    run(monkeypatch, tmp_path / "stranger", ["trust", "export", str(tmp_path / "key")])
    add[add.index("KEY_FILE")] = str(tmp_path / "key")

    run(monkeypatch, home, add)
    assert own.judge(subject).is_trusted
    other = snapshot(payload=statement("other"), plugin="other")
    refused(
        own, dataclasses.replace(other, signatures=(signed_by(stranger, other),)), UntrustedKeyError
    )

    run(monkeypatch, home, ["trust", "revoke", subject.signatures[0].key_id])
    (by_digest_again,) = commands(refused(own, subject, UntrustedKeyError))
    assert by_digest_again == by_digest
    run(monkeypatch, home, by_digest)
    assert own.judge(subject).by == "pin"

    run(monkeypatch, home, ["trust", "revoke", subject.payload_digest])
    (undo,) = commands(refused(own, subject, UntrustedSnapshotError))
    run(monkeypatch, home, undo)
    refused(own, subject, UntrustedKeyError)  # taking a revocation back trusts nothing


def test_commands_for_a_key_out_of_scope_widen_it(own, stranger, home, monkeypatch):
    """The command keeps what the key was trusted for and adds this plugin."""
    trust_key(home, stranger, plugins=("other.*", "it's"))
    subject = snapshot(signed_by(stranger, snapshot()))

    (add,) = commands(refused(own, subject, UntrustedKeyError))
    run(monkeypatch, home, add)

    assert own.judge(subject).is_trusted
    assert read_trust_file(home).keys[0].plugins == ("other.*", "it's", "acme.frames")


@pytest.mark.parametrize("plugin", ["*", "a*", "?", "[a-z]*", "x; rm -rf ~", "$(id)", "a\nb"])
def test_name_chosen_by_a_stranger_widens_nothing(own, stranger, home, plugin):
    """The command for a plugin named like a pattern trusts that plugin and no other."""
    payload = statement(plugin)
    subject = snapshot(stranger.sign(SNAPSHOT_TYPE, payload), payload=payload, plugin=plugin)

    add = commands(refused(own, subject, UntrustedKeyError))[0]
    pattern = add[add.index("--plugins") + 1 :]

    assert len(pattern) == 1
    trust_key(home, stranger, plugins=tuple(pattern))
    assert own.judge(subject).is_trusted
    refused(own, snapshot(signed_by(stranger, snapshot())), UntrustedKeyError)


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
