"""Signed manifests: what was signed comes back, and no byte of it changes unseen."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from artifact_plugins.content import manifest as manifests
from artifact_plugins.content.manifest import VOUCHED
from artifact_plugins.errors import (
    ArtifactMissingError,
    DigestMismatchError,
    ManifestInvalidError,
    ManifestTooLargeError,
    SignatureInvalidError,
    StoreIntegrityError,
    TrustError,
)
from artifact_plugins.records import ArtifactVersion, Signature, new_id, now

FILES = {"a.bin": b"x" * 9000, "we?ird": b"z" * 5000}
SMALL = {"value.json": b"5"}
SNAPSHOT = "sha256:" + "5" * 64


class Key:
    """A real ed25519 key."""

    key_id = "c0" * 16

    def __init__(self):
        self._key = Ed25519PrivateKey.generate()

    def sign(self, payload):
        return Signature(key_id=self.key_id, sig=base64.b64encode(self._key.sign(payload)).decode())

    def vouches(self, payload, signatures):
        """Tell whether one of the signatures is of this key and right."""
        for one in signatures:
            if one.key_id == self.key_id:
                try:
                    self._key.public_key().verify(base64.b64decode(one.sig), payload)
                except InvalidSignature:
                    continue
                return True
        return False


@pytest.fixture
def key():
    return Key()


@pytest.fixture
def memory(open_store):
    """A store that is fast to tamper with."""
    return open_store(f"memory://{new_id()}")


def fields():
    return {
        "materializer": "acme.frame",
        "parameters": {"sep": ";", "deep": {"b": [1, 2.5, None], "a": "ü"}},
        "plugin_snapshot": SNAPSHOT,
        "run_id": new_id(),
        "task_id": new_id(),
    }


def manifest_key(version):
    return f"versions/{version.id[-2:]}/{version.id}/manifest.json"


def stored(store, version):
    return store._place.blobs.get(manifest_key(version), limit_bytes=10**6)


def with_manifest(store, version, data):
    """Write a manifest and its digest into the record, as whoever has store and ledger can."""
    store._place.blobs.replace(manifest_key(version), data)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return version.model_copy(update={"manifest_digest": digest})


def is_vouched_for(store, version, key):
    """Load as a reader does: any error, or no signature of the key, is a refusal."""
    try:
        payload, signatures = store.signed_manifest(version)
    except (StoreIntegrityError, TrustError):
        return False
    return key.vouches(payload, signatures)


@pytest.fixture
def signed_inline(save):
    """Save a small value and sign its record, as a session does."""

    def make(store, key, **more):
        version = save(store, SMALL, **more)
        payload, none = store.signed_manifest(version)
        assert none == ()
        return version.model_copy(update={"signature": key.sign(payload).to_json()})

    return make


def test_a_signed_manifest_comes_back(store, save, key):
    """The bytes that were signed and the signature are those of the writer, and load as ever."""
    asked = []
    version = save(
        store, FILES, sign=lambda data: (asked.append(data), key.sign(data))[1], **fields()
    )

    payload, signatures = store.signed_manifest(version)

    assert [payload] == asked
    assert key.vouches(payload, signatures)
    assert bytes(store.reader(version).buffer("a.bin")) == FILES["a.bin"]
    store.check(version)
    said = json.loads(payload)
    assert {name: said[name] for name in fields()} == {
        name: getattr(version, name) for name in fields()
    }
    assert (said["artifact"], said["store_id"]) == ("flights", store.store_id)
    assert "signatures" not in said


def test_an_unsigned_manifest_has_no_signatures(store, save):
    """Without `sign`, or when there is no key, a manifest is what it was before there were any."""
    one = save(store, FILES)
    two = save(store, FILES, sign=lambda data: None)

    for version in (one, two):
        payload, signatures = store.signed_manifest(version)
        assert signatures == ()
        assert payload == stored(store, version)
        store.check(version)


def test_a_value_in_its_record_is_signed_there(store, key, signed_inline):
    """What is signed of it is composed of the record, the same after a trip through JSON."""
    version = signed_inline(store, key, **fields())
    again = ArtifactVersion.model_validate_json(version.model_dump_json())

    assert version.uri.startswith("data:")
    for record in (version, again):
        assert key.vouches(*store.signed_manifest(record))
    assert set(json.loads(store.signed_manifest(version)[0])) == {
        *VOUCHED,
        *("format_version", "store_id", "version_id", "files"),
    }


def test_no_signature_is_asked_for_a_value_in_its_record(store, save):
    """A small value composes and signs nothing when it is published."""

    def sign(data):
        raise AssertionError("nothing is signed here")

    assert save(store, SMALL, sign=sign).signature is None


def test_parameters_may_have_any_json_form(store, key, signed_inline):
    """Tuples and numbers as keys are signed as they come back from the ledger."""
    odd = {"order": {9: "x", 10: ("y", "z")}}
    version = signed_inline(store, key, parameters=odd)

    back = version.model_copy(update={"parameters": json.loads(json.dumps(odd))})

    assert key.vouches(*store.signed_manifest(back))


def test_renaming_the_artifact_changes_nothing(store, save, key, signed_inline):
    """An artifact may get another name; its signed versions stay signed."""
    for version in (save(store, FILES, sign=key.sign), signed_inline(store, key)):
        renamed = version.model_copy(update={"artifact": "arrivals", "version": 7})

        assert key.vouches(*store.signed_manifest(renamed))


@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_of_a_manifest_is_found(memory, save, key, bit):
    """With the digest in the ledger changed too, no changed byte is vouched for."""
    version = save(memory, FILES, sign=key.sign, **fields())
    data = stored(memory, version)
    assert is_vouched_for(memory, version, key)

    passed = []
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << bit
        changed = with_manifest(memory, version, bytes(flipped))
        if is_vouched_for(memory, changed, key):
            passed.append(position)

    assert passed == []
    assert is_vouched_for(memory, with_manifest(memory, version, data), key)


def test_without_the_canonical_check_some_change_would_pass(memory, save, key, monkeypatch):
    """Negative control: white space is in no signed byte; only the form of the file shows it."""
    version = save(memory, FILES, sign=key.sign, **fields())
    spaced = stored(memory, version).replace(b":", b": ", 1)
    changed = with_manifest(memory, version, spaced)
    assert not is_vouched_for(memory, changed, key)

    monkeypatch.setattr(manifests, "_is_canonical", lambda document, data: True)

    assert is_vouched_for(memory, changed, key)


def test_every_flipped_bit_of_a_signature_in_a_record_is_found(memory, key, signed_inline):
    """No character of the signature of a small value can be changed."""
    version = signed_inline(memory, key)
    text = version.signature

    passed = []
    for position in range(len(text)):
        for bit in range(7):
            flipped = bytearray(text.encode())
            flipped[position] ^= 1 << bit
            changed = version.model_copy(update={"signature": flipped.decode()})
            if is_vouched_for(memory, changed, key):
                passed.append((position, bit))

    assert passed == []
    assert is_vouched_for(memory, version, key)


OTHERS = {
    "project": "theirs",
    "data_type": "os:system",
    "materializer": "pickle.object",
    "artifact_task": "run_it",
    "parameters": {"sep": ","},
    "format": "pickle/1",
    "content_hash": "blake3:" + "0" * 64,
    "plugin_snapshot": "sha256:" + "6" * 64,
    "run_id": None,
    "task_id": None,
    "created_at": now(),
}


@pytest.mark.parametrize("name", VOUCHED)
@pytest.mark.parametrize("sign", [False, True])
def test_a_record_that_says_something_else_is_refused(memory, save, key, name, sign):
    """A row whose fields were changed does not belong to its manifest any more (E17)."""
    version = save(memory, FILES, sign=key.sign if sign else None, **fields())
    changed = version.model_copy(update={name: OTHERS[name]})

    for call in (memory.signed_manifest, lambda record: memory.reader(record).verify_all()):
        with pytest.raises(ManifestInvalidError, match=f"names another {name}"):
            call(changed)


@pytest.mark.parametrize("name", VOUCHED)
def test_a_changed_record_of_a_small_value_is_not_vouched_for(memory, key, signed_inline, name):
    """Every field of the record that decides how it is loaded is signed."""
    version = signed_inline(memory, key, **fields())
    changed = version.model_copy(update={name: OTHERS[name]})

    assert is_vouched_for(memory, version, key)
    assert not is_vouched_for(memory, changed, key)


def test_a_row_swapped_to_another_manifest_is_refused(store, save, key):
    """The manifest of another artifact's version, with its digest, is none of this row (E17)."""
    one = save(store, FILES, sign=key.sign)
    two = save(store, FILES, artifact="weights", sign=key.sign)

    digest_only = one.model_copy(update={"manifest_digest": two.manifest_digest})
    with pytest.raises(DigestMismatchError):
        store.signed_manifest(digest_only)
    both = digest_only.model_copy(update={"uri": two.uri})
    with pytest.raises(ManifestInvalidError, match="names another version"):
        store.signed_manifest(both)
    moved = with_manifest(store, one, stored(store, two))
    with pytest.raises(ManifestInvalidError, match="version_id"):
        store.signed_manifest(moved)


def test_a_signature_of_another_version_is_worth_nothing(memory, save, key, signed_inline):
    """A signature that was copied from one version to another does not fit it."""
    one, two = (save(memory, FILES, sign=key.sign) for _ in range(2))
    documents = [json.loads(stored(memory, version)) for version in (one, two)]
    replayed = manifests.canonical({**documents[0], "signatures": documents[1]["signatures"]})
    small = [signed_inline(memory, key) for _ in range(2)]
    swapped = small[0].model_copy(update={"signature": small[1].signature})

    assert not is_vouched_for(memory, with_manifest(memory, one, replayed), key)
    assert not is_vouched_for(memory, swapped, key)


def test_a_stripped_signature_is_none(memory, save, key, signed_inline):
    """Without its signature a version loads, and nobody vouches for it."""
    version = save(memory, FILES, sign=key.sign)
    document = json.loads(stored(memory, version))
    del document["signatures"]
    stripped = with_manifest(memory, version, manifests.canonical(document))
    small = signed_inline(memory, key).model_copy(update={"signature": None})

    for changed in (stripped, small):
        assert memory.signed_manifest(changed)[1] == ()
        memory.check(changed)


def test_a_small_value_does_not_borrow_a_manifest(memory, save, key):
    """Bytes put into the record of a version with a signed manifest are not vouched for."""
    version = save(memory, FILES, sign=key.sign)
    small = save(memory, SMALL)
    inside = version.model_copy(update={"uri": small.uri, "files": small.files})

    assert memory.signed_manifest(inside)[1] == ()


GOOD = {"keyid": "0" * 32, "sig": "AA=="}


@pytest.mark.parametrize(
    "signatures",
    [
        None,
        {},
        "text",
        [None],
        [[]],
        [{}],
        [{**GOOD, "more": 1}],
        [{"keyid": "0" * 32}],
        [{**GOOD, "keyid": "0" * 31}],
        [{**GOOD, "keyid": "Z" * 32}],
        [{**GOOD, "keyid": 5}],
        [{**GOOD, "sig": ""}],
        [{**GOOD, "sig": "AB=="}],
        [{**GOOD, "sig": "ü"}],
        [{**GOOD, "sig": "A" * 2000}],
        [GOOD, {**GOOD, "sig": None}],
    ],
)
def test_signatures_that_cannot_be_read_are_named(memory, save, signatures):
    """What is no list of signatures is SignatureInvalidError; data can be loaded all the same."""
    version = save(memory, FILES)
    document = {**json.loads(stored(memory, version)), "signatures": signatures}
    changed = with_manifest(memory, version, manifests.canonical(document))

    with pytest.raises(SignatureInvalidError, match="nothing was executed"):
        memory.signed_manifest(changed)
    assert bytes(memory.reader(changed).buffer("a.bin")) == FILES["a.bin"]


@pytest.mark.parametrize("text", ["", "null", "{}", "[" * 10_000, '{"key_id":"x","sig":""}'])
def test_a_signature_in_a_record_that_cannot_be_read_is_named(memory, save, text):
    """So is what stands for a signature in a record."""
    version = save(memory, SMALL, signature=text)

    with pytest.raises(SignatureInvalidError, match="the record of 'flights@1'"):
        memory.signed_manifest(version)


@pytest.mark.parametrize("name", fields())
def test_a_manifest_must_say_everything(memory, save, key, name):
    """A signature over a manifest that is silent about a field of its record is none for it."""
    version = save(memory, FILES, **fields())
    document = json.loads(stored(memory, version))
    del document[name]
    member = key.sign(manifests.canonical(document)).to_member()

    for silent in (document, {**document, "signatures": [member]}):
        changed = with_manifest(memory, version, manifests.canonical(silent))
        with pytest.raises(ManifestInvalidError, match=f"names another {name}"):
            memory.signed_manifest(changed)


OLDER = (
    *("artifact", "project", "data_type", "materializer", "parameters", "format"),
    *("content_hash", "run_id", "task_id", "created_at"),
    *("format_version", "store_id", "version_id", "files"),
)


def test_manifests_of_older_releases_load(memory, save):
    """One without snapshot, artifact task and signatures is what earlier releases wrote."""
    more = {**fields(), "plugin_snapshot": None}
    version = save(memory, FILES, **more)
    document = {name: json.loads(stored(memory, version))[name] for name in OLDER}

    old = with_manifest(memory, version, manifests.canonical(document))

    assert bytes(memory.reader(old).buffer("a.bin")) == FILES["a.bin"]
    assert memory.signed_manifest(old) == (manifests.canonical(document), ())


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"\n",
        lambda data: b" " + data,
        lambda data: data.replace(b'"artifact"', b'"\\u0061rtifact"'),
        lambda data: data[:-1] + b',"artifact":"x"}',
        lambda data: data.replace(b'{"artifact":', b'{"artifact":"first","artifact":'),
        lambda data: data.replace(b'"flights"', '"flüghts"'.encode()),
        lambda data: data.replace(b'"flights"', b"NaN"),
        lambda data: data.replace(b'"flights"', b"1.50"),
    ],
)
def test_another_spelling_of_a_manifest_is_refused(memory, save, change):
    """Only the bytes that this library writes are a manifest, whatever their digest."""
    version = save(memory, FILES)
    changed = with_manifest(memory, version, change(stored(memory, version)))

    with pytest.raises(ManifestInvalidError, match="not written as"):
        memory.reader(changed).buffer("a.bin")


def test_a_manifest_that_is_gone_is_missing(store, save, key):
    """Nobody vouches for a version whose manifest was removed."""
    version = save(store, FILES, sign=key.sign)
    store.remove_version(version.id, "collected")

    with pytest.raises(ArtifactMissingError):
        store.signed_manifest(version)


def test_a_key_that_fails_leaves_nothing(store):
    """What signing raises passes through, and nothing of the version was published."""

    def sign(data):
        raise TrustError("no key")

    writer = store.writer(new_id())
    with writer.open("a") as sink:
        sink.write(b"x" * 9000)

    with pytest.raises(TrustError):
        writer.publish({}, "text/plain", sign=sign)

    writer.abort()
    assert list(store.version_ids()) == []


def test_a_full_manifest_has_room_for_its_signature(memory, key):
    """A manifest at the limit is refused before it is signed, not made unreadable by it."""
    words = {"store_id": "s", "version_id": "v", "files": [], "stored": []}
    empty = len(manifests.compose({"x": ""}, **words))

    def compose(size_bytes):
        return manifests.compose({"x": "y" * (size_bytes - empty)}, **words, sign=key.sign)

    with pytest.raises(ManifestTooLargeError):
        compose(manifests.MAX_BYTES)
    assert len(compose(manifests.MAX_BYTES - 4096)) <= manifests.MAX_BYTES
