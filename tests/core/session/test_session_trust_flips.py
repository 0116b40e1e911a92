"""Every byte of a version's manifest, record, statement, archive and signatures counts."""

from __future__ import annotations

import base64
import json
import shutil
import sys

import pytest
from store_attacks import Place, Trap

from artifact_plugins import errors
from artifact_plugins.content.manifest import sha256
from artifact_plugins.session.archived import Archives
from artifact_plugins.trust import Trust

SOURCE = """
from dataclasses import dataclass


@dataclass
class Order:
    size: int
    note: str


class Model:
    def __init__(self, size):
        self.size = size

    def __eq__(self, other):
        return type(other).__name__ == "Model" and vars(self) == vars(other)
"""
DETECTED = (errors.TrustError, errors.StoreIntegrityError)
NAMED = (
    *DETECTED,
    errors.MaterializerError,
    errors.ArtifactMissingError,
    errors.InvalidKeyError,
)
MASKS = (0x01, 0x20, 0x80)


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A store of alice's with a small and a large version, and their module."""
    folder = tmp_path_factory.mktemp("flips")
    code = folder / "code"
    code.mkdir()
    made = Trap(code, "trap_of_flips", SOURCE)
    sys.path.insert(0, str(code))
    module = made.imported()
    place = Place(folder)
    with place.session("alice") as session:
        small = session.save(module.Order(1, "a"), "small")
        model = session.save(module.Model(7), "model")
    yield place, small, model
    sys.path.remove(str(code))
    sys.modules.pop(made.name, None)


@pytest.fixture
def place(origin, tmp_path):
    """A copy that the test may change; alice keeps her key."""
    shutil.copytree(origin[0].folder, tmp_path / "copy")
    return Place(tmp_path / "copy")


def flipped(data, masks=MASKS):
    """Yield the bytes with one of them changed."""
    for place in range(len(data)):
        mask = masks[place % len(masks)]
        yield data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]


@pytest.mark.parametrize("adjusted", [False, True], ids=["as recorded", "digest adjusted"])
def test_every_byte_of_a_manifest(place, origin, adjusted):
    """A changed manifest of an executing version is refused, also with its digest adjusted."""
    model = origin[2]
    path = place.manifest(model)
    whole = path.read_bytes()
    with place.session("alice") as session:
        assert session.load(model.id).size == 7
        for data in flipped(whole):
            path.write_bytes(data)
            record = session.find(model.id)
            if adjusted:
                record = record.model_copy(update={"manifest_digest": sha256(data)})
                place.write_row(record)
            with pytest.raises(DETECTED):
                session.load(model.id)


def test_every_byte_of_a_signed_record(place, origin):
    """A signed value in its record: payload, digests, class and signature; digests adjusted."""
    small = origin[1]
    assert small.signature is not None
    payload = base64.b64decode(small.uri.partition(",")[2])
    signature = json.loads(small.signature)
    with place.session("alice") as session:
        stored = session.store.signed_manifest(small)[1]
    forged = [
        place.forge(small, signatures=stored, files={small.files[0].path: data})
        for data in flipped(payload)
    ]
    forged += [
        small.model_copy(update={"signature": json.dumps({**signature, name: text})})
        for name, value in signature.items()
        for text in _changed_text(value)
    ]
    forged += [
        small.model_copy(update={name: text})
        for name in ("data_type", "materializer", "format", "plugin_snapshot")
        for text in _changed_text(getattr(small, name))
    ]
    # What is in the record is all that vouches for the import of the module.
    for path in place.signatures(small.plugin_snapshot):
        path.unlink()
    for record in (small, *forged):
        sys.modules.pop("trap_of_flips", None)
        place.write_row(record)
        with place.session("alice") as session:
            if record is small:
                assert session.load(small.id).note == "a"
                continue
            with pytest.raises(NAMED):
                session.load(small.id)
        assert "trap_of_flips" not in sys.modules


def _changed_text(text):
    for place in range(0, len(text), max(1, len(text) // 12)):
        yield text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


def test_every_byte_of_statement_archives_and_signature(place, origin):
    """Nothing of a snapshot can be changed where it lies."""
    model = origin[2]
    trust = Trust(home=place.home("alice"))
    with place.session("alice") as session:
        snapshot = Archives(session.store).stated(model).snapshot
        project = next(one for one in snapshot.archives if one.role == "project")
        files = [
            place.statement(snapshot.id),
            place.archive(project.digest),
            *place.signatures(snapshot.id),
        ]
        Archives(session.store).open(model, trust)
        for path in files:
            whole = path.read_bytes()
            for data in flipped(whole):
                path.write_bytes(data)
                with pytest.raises(DETECTED):
                    Archives(session.store).open(model, trust)
            path.write_bytes(whole)
        Archives(session.store).open(model, trust)


def test_every_byte_of_a_statement_under_its_new_id(place, origin):
    """A changed statement under its own id, which the row names, is signed by nobody."""
    model = origin[2]
    trust = Trust(home=place.home("alice"))
    with place.session("alice") as session:
        whole = place.statement(model.plugin_snapshot).read_bytes()
        (signature,) = place.signatures(model.plugin_snapshot)
        for data in flipped(whole):
            digest = sha256(data)
            path = place.statement(digest)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            ending = signature.name.partition(".")[2]
            path.with_name(f"{digest.removeprefix('sha256:')}.{ending}").write_bytes(
                signature.read_bytes()
            )
            with pytest.raises(DETECTED):
                Archives(session.store).open(
                    model.model_copy(update={"plugin_snapshot": digest}), trust
                )


def test_every_byte_of_an_archive_under_its_new_digest(place, origin):
    """A changed archive that another statement names needs a signature of that statement."""
    model = origin[2]
    trust = Trust(home=place.home("alice"))
    with place.session("alice") as session:
        snapshot = Archives(session.store).stated(model).snapshot
        project = next(one for one in snapshot.archives if one.role == "project")
        archive, statement = (
            place.archive(project.digest).read_bytes(),
            place.statement(snapshot.id).read_bytes(),
        )
        for data in list(flipped(archive))[::7]:
            digest = sha256(data)
            changed = statement.replace(project.digest.encode(), digest.encode())
            for path, content in (
                (place.archive(digest), data),
                (place.statement(sha256(changed)), changed),
            ):
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
            version = model.model_copy(update={"plugin_snapshot": sha256(changed)})
            with pytest.raises(errors.UntrustedSnapshotError):
                Archives(session.store).open(version, trust)
            # Also by whoever wants it all the same: its members are not what the statement says.
            with pytest.raises(errors.StoreIntegrityError):
                Archives(session.store).open(version, trust.unsafe())
