"""A wrong, missing or misplaced signature vouches for nothing; one good one is enough."""

from __future__ import annotations

import base64
import dataclasses
import logging
from datetime import UTC, datetime, timedelta

import pytest
from trust_cases import manifest, pin, refused, signed_by, snapshot, statement, trust_key

from artifact_plugins.errors import (
    SignatureInvalidError,
    UnsafeFormatError,
    UntrustedKeyError,
    UntrustedSnapshotError,
)
from artifact_plugins.records import Signature
from artifact_plugins.trust import MANIFEST_TYPE, SNAPSHOT_TYPE, Trust


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
