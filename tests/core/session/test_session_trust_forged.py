"""Rows that say something else: what a stranger with store and ledger can write is refused."""

from __future__ import annotations

import json
import pickle
import shutil
import sys

import numpy as np
import pytest
from store_attacks import Place, Trap
from trust_cases import trust_key

import artifact_plugins as ap
from artifact_materializers.pickle.facts import make_facts
from artifact_materializers.pickle.object import DATA, FACTS
from artifact_plugins import errors
from artifact_plugins.content.manifest import canonical, sha256
from artifact_plugins.trust import Trust

TRAP = """
import artifact_plugins as ap

CANARY.write_text("imported")


class Thing:
    pass


class Writer(ap.Materializer):
    format = "document/2"

    def save(self, value, folder):
        pass

    def load(self, folder, data_type):
        CANARY.write_text("loaded")


class Task(ap.ArtifactTask):
    name = "trap"

    def serialize(self, value, directory, **parameters):
        pass

    def deserialize(self, path, **parameters):
        CANARY.write_text("deserialized")
"""


class Program:
    """Pickles as a program that leaves a file."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return exec, (f"open({str(self.canary)!r}, 'w').close()",)


@pytest.fixture
def place(tmp_path):
    """A store."""
    return Place(tmp_path)


@pytest.fixture
def trap(tmp_path):
    """A module on the search path that nobody has imported."""
    code = tmp_path / "code"
    code.mkdir()
    made = Trap(code, "trap_of_rows", TRAP)
    sys.path.insert(0, str(code))
    yield made
    sys.path.remove(str(code))
    sys.modules.pop(made.name, None)


@pytest.fixture
def canary(tmp_path):
    """The file that a program leaves."""
    return tmp_path / "program.canary"


def program_files(canary):
    """Files of the pickle materializer that hold a program."""
    data = pickle.dumps(Program(canary), protocol=5)
    facts = make_facts(
        "builtins:dict", set(), by_value=False, protocol=5, size_bytes=len(data), buffers=[]
    )
    return {DATA: data, FACTS: facts.to_json()}


def large(fill="x"):
    """A value that has a manifest."""
    return {"a": [fill * 100] * 200}


NAMED = (
    errors.TrustError,
    errors.MaterializerError,
    errors.StoreIntegrityError,
    errors.ArtifactMissingError,
)
POINTERS = {
    "data_type": {"data_type": "trap_of_rows:Thing"},
    "materializer": {"materializer": "trap_of_rows:Writer"},
    "materializer, data_type": {
        "materializer": "trap_of_rows:Writer", "data_type": "trap_of_rows:Thing"
    },
    "artifact_task": {"artifact_task": "trap_of_rows:Task", "materializer": None},
    "format": {"format": "trap/1"},
    "format and materializer": {"format": "pickle/1", "materializer": "pickle.object"},
    "data_type of a function": {"data_type": "os:system"},
    "data_type that is a class here": {"data_type": "subprocess:Popen"},
    "data_type without a colon": {"data_type": "trap_of_rows"},
    "data_type with control characters": {"data_type": "trap_of_rows:\x1b[31mThing\u202e"},
    "parameters": {"parameters": {"class": "trap_of_rows:Thing", "$ref": "file:///etc/passwd"}},
}  # fmt: skip


@pytest.mark.parametrize("signer", ["mallory", None])
@pytest.mark.parametrize("pointer", POINTERS)
@pytest.mark.parametrize("value", [[1, 2], large()], ids=["small", "large"])
def test_e10_rows_that_point_elsewhere(place, trap, value, pointer, signer):
    """E9, E10: row and manifest name a class, writer, task or format; nothing of it runs."""
    with place.session("alice") as session:
        version = session.save(value, "gift")
    forged = place.forge(version, signer=signer, **POINTERS[pointer])

    with place.session("alice") as session:
        explained = session.explain_load(forged.id)
        try:
            assert session.load(forged.id) == value  # the document tells what it is
        except NAMED:
            assert explained.error is not None or pointer.startswith("data_type")
    assert not trap.fired
    assert trap.name not in sys.modules


@pytest.mark.parametrize("pointer", [name for name in POINTERS if name != "format"])
@pytest.mark.parametrize("value", [[1, 2], large()], ids=["small", "large"])
def test_e17_alices_own_row_changed_without_its_manifest(place, trap, value, pointer):
    """E17: a row that was changed alone is no trusted version any more."""
    with place.session("alice") as session:
        version = session.save(value, "gift")
    changed = version.model_copy(update=POINTERS[pointer])
    place.write_row(changed)

    with place.session("alice") as session:
        if version.manifest_digest is not None:
            with pytest.raises((errors.ManifestInvalidError, errors.LoadFailedError)):
                session.load(changed.id)
        else:
            try:
                assert session.load(changed.id) == value
            except NAMED:
                pass
    assert not trap.fired


@pytest.mark.parametrize("digest", ["as it was", "adjusted"])
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut off"])
def test_e1_program_in_a_payload_of_mine(place, canary, cut, digest):
    """E1, E3: the payload of alice's own pickle is replaced; with every digest adjusted, too."""
    with place.session("alice") as session:
        version = session.save(Holder(), "model")
    files = program_files(canary)
    if cut:
        files[DATA] = files[DATA][:-1]
        files[FACTS] = files[FACTS].replace(
            str(len(files[DATA]) + 1).encode(), str(len(files[DATA])).encode()
        )
    if digest == "adjusted":
        signatures = json.loads(place.manifest(version).read_bytes())["signatures"]
        old = [ap.records.Signature.from_member(one, "it") for one in signatures]
        place.forge(version, signatures=old, files=files)
        expected = errors.SignatureInvalidError
    else:
        for name, data in files.items():
            (place.manifest(version).parent / name).write_bytes(data)
        expected = errors.StoreIntegrityError

    with place.session("alice") as session, pytest.raises(expected):
        session.load(version.id)
    assert not canary.exists()


class Holder:
    """What only pickle handles."""

    def __init__(self):
        self.a = 1

    def __eq__(self, other):
        return type(other) is Holder


ELEMENTS = {
    "its class": {"data_type": "trap_of_rows:Thing"},
    "its writer": {"materializer": "trap_of_rows:Writer"},
    "its writer, a pickle": {"materializer": "pickle.object"},
    "its writer, a task": {"materializer": "artifact_task:trap_of_rows:Task"},
}


@pytest.mark.parametrize("signer", ["mallory", None])
@pytest.mark.parametrize("element", ELEMENTS)
def test_e10_elements_that_point_elsewhere(place, trap, canary, element, signer):
    """E1, E10: the record of an element inside a document names what must not run."""
    with place.session("alice") as session:
        version = session.save({"a": np.arange(4), "b": ["x" * 100] * 200}, "gift")
        files = {
            name: bytes(session.store.reader(version).buffer(name))
            for name in session.store.reader(version).names()
        }
    assert any(b'"numpy.array"' in data for data in files.values())
    changed = {}
    for name, data in files.items():
        for key, value in ELEMENTS[element].items():
            old = {"data_type": "numpy:ndarray", "materializer": "numpy.array"}[key]
            changed[name] = changed.get(name, data).replace(
                f'"{old}"'.encode(), f'"{value}"'.encode()
            )
    forged = place.forge(version, signer=signer, files=changed)

    with (
        place.session("alice") as session,
        pytest.raises((errors.TrustError, errors.MaterializerError)),
    ):
        session.load(forged.id)
    assert not trap.fired


def test_e9_the_manifest_does_not_say_what_executes(place, canary):
    """E9: a manifest that says `executes_on_load: false` changes nothing."""
    with place.session("mallory") as session:
        version = session.save(Holder(), "model")
    forged = place.forge(version, files=program_files(canary))
    path = place.manifest(forged)
    document = json.loads(path.read_bytes())
    document |= {"executes_on_load": False, "exec_on_load": False}

    path.write_bytes(canonical(document))
    place.write_row(forged.model_copy(update={"manifest_digest": sha256(path.read_bytes())}))

    with place.session("alice") as session, pytest.raises(errors.TrustError):
        session.load(forged.id)
    assert not canary.exists()

    with place.session("alice") as session:
        session.load(forged.id, allow_unsafe=True)
    assert canary.exists()


@pytest.mark.parametrize("digest", ["md5:" + "0" * 32, "none:", "0" * 64, "sha1:" + "0" * 40, ""])
@pytest.mark.parametrize("value", [[1, 2], large()], ids=["small", "large"])
def test_e18_other_algorithms_are_refused(place, value, digest):
    """E18: a record that names another digest algorithm, or none, is refused."""
    with place.session("alice") as session:
        version = session.save(value, "gift")
    file = version.files[0].model_copy(update={"digest": digest})
    forged = place.forge(version, signer="alice", files=None).model_copy(update={"files": (file,)})
    forged = place.forge(forged, signer="alice")

    with place.session("alice") as session, pytest.raises(errors.StoreIntegrityError):
        session.load(forged.id)


def test_e15_snapshot_of_another_plugin(place, trap):
    """E15: a key that is trusted for one plugin vouches for no code of another."""
    module = trap.imported()
    with place.session("mallory") as session:
        version = session.save(module.Thing(), "thing")
        other = session.save(np.arange(9000), "array")
    trust_key(
        place.home("alice"), Trust(home=place.home("mallory")), plugins=("materializers.numpy",)
    )
    trap.set()

    with place.session("alice") as session:
        with pytest.raises(errors.UntrustedKeyError, match="materializers"):
            session.load(version.id)
        # Her manifest with the snapshot of the plugin that she may sign for.
        forged = place.forge(version, signer=None, plugin_snapshot=other.plugin_snapshot)
        with pytest.raises(errors.TrustError):
            session.load(forged.id)
    assert not trap.fired


@pytest.mark.parametrize("swap", ["manifest", "row", "folder"])
def test_e17_versions_swapped(place, swap):
    """E17: a version does not become another one by moving its manifest, digests or files."""
    with place.session("alice") as session:
        first = session.save(large("a"), "first")
        second = session.save(large("b"), "second")
    if swap == "manifest":
        shutil.copy(place.manifest(second), place.manifest(first))
        row = first.model_copy(update={"manifest_digest": second.manifest_digest})
    elif swap == "row":
        row = second.model_copy(update={"id": first.id})
    else:
        shutil.rmtree(place.manifest(first).parent)
        shutil.copytree(place.manifest(second).parent, place.manifest(first).parent)
        row = second.model_copy(update={"id": first.id, "uri": first.uri})
    place.write_row(row)

    with place.session("alice") as session, pytest.raises(errors.StoreIntegrityError):
        session.load(first.id)


@pytest.mark.parametrize("settings", [{}, {"snapshots": "exact"}], ids=["compatible", "exact"])
def test_e11_e15_archives_swapped(place, trap, settings):
    """E11: bytes of one archive under the name of another are refused, nothing is executed."""
    module = trap.imported()
    with place.session("alice") as session:
        version = session.save(module.Thing(), "thing")
        other = session.save(np.arange(9000), "array")
        archives = {
            one.role: one.digest
            for saved in (version, other)
            for one in session.snapshots(f'id == "{saved.plugin_snapshot}"')[0].archives
        }
    trap.set()
    trap.path.unlink()
    shutil.copy(place.archive(archives["plugin"]), place.archive(archives["project"]))

    with place.session("alice", **settings) as session, pytest.raises(errors.DigestMismatchError):
        session.load(version.id)
    assert not trap.fired


@pytest.mark.parametrize("change", ["statement", "signature", "other statement"])
def test_e11_statements_swapped(place, trap, change):
    """E11: so is another statement, another signature, and a statement under another id."""
    module = trap.imported()
    with place.session("alice") as session:
        version = session.save(module.Thing(), "thing")
        other = session.save(np.arange(9000), "array")
    trap.set()
    trap.path.unlink()
    ours, theirs = version.plugin_snapshot, other.plugin_snapshot
    if change == "signature":
        (mine,), (its,) = place.signatures(ours), place.signatures(theirs)
        shutil.copy(its, mine)
    else:
        shutil.copy(place.statement(theirs), place.statement(ours))
    if change == "other statement":
        place.forge(version, signer="mallory", plugin_snapshot=theirs)

    expected = {
        "statement": errors.DigestMismatchError,
        "signature": errors.SignatureInvalidError,
        "other statement": errors.TrustError,
    }
    with place.session("alice") as session, pytest.raises(expected[change]):
        session.load(version.id)
    assert not trap.fired
