"""Pins, keys and revocations decide about the very bytes they name and about nothing else."""

from __future__ import annotations

import pickle
import re
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from store_attacks import Place, Trap
from trust_cases import revoke, trust_key

from artifact_materializers.pickle.facts import make_facts
from artifact_materializers.pickle.object import DATA, FACTS
from artifact_plugins import errors
from artifact_plugins.trust import SNAPSHOT_TYPE, Trust

TRAP = """
from dataclasses import dataclass

CANARY.write_text("imported")


@dataclass
class Order:
    size: int


class Model:
    def __init__(self, size):
        self.size = size

    def __eq__(self, other):
        return vars(self) == vars(other)
"""
PAST = datetime.now(UTC) - timedelta(days=1)


class Program:
    """Pickles as a program that leaves a file."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return exec, (f"open({str(self.canary)!r}, 'w').close()",)


def program_files(canary):
    """Files of the pickle materializer that hold a program."""
    data = pickle.dumps(Program(canary), protocol=5)
    facts = make_facts(
        "builtins:dict", set(), by_value=False, protocol=5, size_bytes=len(data), buffers=[]
    )
    return {DATA: data, FACTS: facts.to_json()}


@pytest.fixture
def place(tmp_path):
    """A store of mallory's, with an order and a model whose code only the archive has."""
    return Place(tmp_path)


@pytest.fixture
def trap(tmp_path):
    """The module that the versions come from; it is gone after they were saved."""
    code = tmp_path / "code"
    code.mkdir()
    made = Trap(code, "trap_of_pins", TRAP)
    sys.path.insert(0, str(code))
    yield made
    if str(code) in sys.path:
        sys.path.remove(str(code))
    sys.modules.pop(made.name, None)


@pytest.fixture
def versions(place, trap):
    """Versions of mallory's whose classes are only in the archive."""
    module = trap.imported()
    with place.session("mallory") as session:
        saved = {
            "order": session.save(module.Order(1), "order"),
            "model": session.save(module.Model(1), "model"),
        }
    trap.set()
    sys.path.remove(str(trap.path.parent))
    trap.path.unlink()
    return saved


@pytest.mark.parametrize("settings", [{"trust": "pinned"}, {}], ids=["pinned", "signed"])
@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("name", ["order", "model"])
def test_e12_a_pinned_snapshot_does_not_vouch_for_values(
    place, trap, versions, name, exact, settings
):
    """E12: a stranger's pickle that names code which the reader pinned is still a stranger's."""
    version = versions[name]
    canary = place.folder / "program"
    template = versions["model"]
    forged = place.forge(
        template,
        signer="mallory",
        files=program_files(canary),
        plugin_snapshot=version.plugin_snapshot,
    )
    settings = {**settings, "trust_pins": (version.plugin_snapshot,)}
    settings |= {"snapshots": "exact"} if exact else {}

    # The archived writer of the order does not read pickles at all.
    reads_pickles = name == "model" or not exact

    with place.session("alice", **settings) as session, pytest.raises(errors.TrustError):
        session.load(forged)
    assert not canary.exists()

    if not reads_pickles:
        return
    with place.session("alice", **settings) as session:
        session.load(forged, allow_unsafe=True)
    assert canary.exists()


@pytest.mark.parametrize("exact", [True, False])
def test_a_pinned_snapshot_vouches_for_its_code(place, trap, versions, exact):
    """With the snapshot pinned, classes of a stranger's data come out of the archive."""
    version = versions["order"]
    settings = {"trust": "pinned", "trust_pins": (version.plugin_snapshot,)}
    settings |= {"snapshots": "exact"} if exact else {}

    with place.session("alice", **settings) as session:
        explained = session.explain_load(version)
        loaded = session.load(version)

    assert trap.fired
    assert (type(loaded).__name__, loaded.size) == ("Order", 1)
    assert explained.decision is not None, explained.error
    assert explained.decision.trusted_by == "pin"


def test_a_pinned_manifest_does_not_vouch_for_its_snapshot(place, trap, versions):
    """E11, E12: what else a pinned manifest names is not pinned."""
    version = versions["order"]
    settings = {"trust": "pinned", "trust_pins": (version.manifest_digest or "sha256:" + "0" * 64,)}

    with place.session("alice", **settings) as session, pytest.raises(errors.TrustError):
        session.load(version)
    assert not trap.fired


def test_e12_the_refusal_says_what_to_do(place, trap, versions):
    """E12: digest, signer and the command are in the message; and the command works."""
    version = versions["order"]
    with place.session("alice") as session, pytest.raises(errors.UntrustedKeyError) as refused:
        session.load(version)
    assert "artifact-plugins trust add" in str(refused.value)
    assert "sha256:" in str(refused.value)
    assert f"in {trap.name}.py" in str(refused.value)
    trust_key(place.home("alice"), Trust(home=place.home("mallory")))

    with place.session("alice") as session:
        assert session.load(version).size == 1
    assert trap.fired


def test_e12_the_pin_that_a_refusal_names_is_enough(place, trap, versions):
    """Load and explanation are refused alike, and with the digest that both name it loads."""
    version = versions["order"]
    with place.session("alice") as session, pytest.raises(errors.UntrustedKeyError) as refused:
        session.load(version)
    with place.session("alice") as session:
        explained = session.explain_load(version)
    assert str(explained.error) == str(refused.value)
    (digest,) = re.findall(r"trust pin (sha256:\w+)", str(refused.value))

    with place.session("alice", trust_pins=(digest,)) as session:
        assert session.load(version).size == 1
    assert trap.fired


@pytest.mark.parametrize(
    ("decide", "error"),
    [
        (lambda home, key: trust_key(home, key, until=PAST), errors.KeyExpiredError),
        (lambda home, key: revoke(home, trust_key(home, key)), errors.UntrustedKeyError),
        (lambda home, key: trust_key(home, key, plugins=("acme.*",)), errors.UntrustedKeyError),
        (lambda home, key: None, errors.UntrustedKeyError),
    ],
    ids=["expired", "revoked", "for other plugins", "unknown"],
)
@pytest.mark.parametrize("name", ["order", "model"])
def test_e13_a_key_that_does_not_count(place, trap, versions, name, decide, error):
    """E13: the signature of an unknown, expired, revoked or narrower key is named."""
    decide(place.home("alice"), Trust(home=place.home("mallory")))

    with place.session("alice") as session, pytest.raises(error):
        session.load(versions[name])
    assert not trap.fired


@pytest.mark.parametrize("exact", [True, False])
def test_e13_a_signature_for_something_else(place, trap, versions, exact):
    """E13: a signature of the same bytes as a snapshot is none of them as a manifest."""
    version = versions["model"]
    home = place.home("alice")
    trust_key(home, Trust(home=place.home("mallory")))
    with place.session("mallory") as session:
        payload = session.store.signed_manifest(version)[0]
    wrong = place.sign("mallory", payload, SNAPSHOT_TYPE)
    forged = place.forge(version, signatures=[wrong])

    settings = {"snapshots": "exact"} if exact else {}
    with place.session("alice", **settings) as session, pytest.raises(errors.SignatureInvalidError):
        session.load(forged)


def test_e13_a_manifest_signature_is_none_of_a_snapshot(place, trap, versions):
    """E13: the other way round."""
    version = versions["order"]
    trust_key(place.home("alice"), Trust(home=place.home("mallory")))
    (file,) = place.signatures(version.plugin_snapshot)
    statement = place.statement(version.plugin_snapshot).read_bytes()
    file.write_text(place.sign("mallory", statement).to_json())

    with place.session("alice") as session, pytest.raises(errors.SignatureInvalidError):
        session.load(version)
    assert not trap.fired


def test_e14_a_snapshot_without_signatures(place, trap, versions):
    """E14: of a trusted author's version, when the signature of the snapshot is gone."""
    version = versions["order"]
    trust_key(place.home("alice"), Trust(home=place.home("mallory")))
    (file,) = place.signatures(version.plugin_snapshot)
    file.unlink()

    with place.session("alice") as session, pytest.raises(errors.UntrustedSnapshotError):
        session.load(version)
    assert not trap.fired


@pytest.mark.parametrize("of", ["snapshot", "archive", "manifest"])
@pytest.mark.parametrize("name", ["order", "model"])
def test_e16_what_is_revoked_counts_nowhere(place, trap, versions, of, name):
    """E16: what was signed and is revoked is refused, also by `allow_unsafe` and by a pin."""
    version = versions[name]
    home = place.home("alice")
    trust_key(home, Trust(home=place.home("mallory")))
    with place.session("alice") as session:
        archives = session.snapshots(f'id == "{version.plugin_snapshot}"')[0].archives
        manifest, _ = session.store.signed_manifest(version)
    digests = {
        "snapshot": version.plugin_snapshot,
        "archive": next(one.digest for one in archives if one.role == "project"),
        "manifest": f"sha256:{sha256(manifest).hexdigest()}",
    }
    revoke(home, digests[of])

    with place.session("alice") as session:
        for how in ({}, {"allow_unsafe": True}):
            with pytest.raises(errors.TrustError):
                session.load(version, **how)
    with (
        place.session("alice", trust_pins=(version.plugin_snapshot,)) as session,
        pytest.raises(errors.TrustError),
    ):
        session.load(version)
    assert not trap.fired
