"""Values whose class came from an archive are saved and loaded again, and tell the truth."""

from __future__ import annotations

import json
import shutil
import sys

import pandas as pd
import pytest
import warm_processes
from archived_projects import project  # noqa: F401  # a fixture
from store_attacks import Place

from artifact_plugins import errors
from artifact_plugins.session.archived import Archives

OLD = {
    "farm/__init__.py": "",
    "farm/rates.py": "RATE = 2\n",
    "farm/data/factor.txt": "5",
    "farm/eggs.py": """
from dataclasses import dataclass, field
from importlib.resources import files
import farm.rates
from . import rates


@dataclass
class Egg:
    size: int

    def worth(self):
        assert rates is farm.rates
        return self.size * farm.rates.RATE

    def factor(self):
        return int(files("farm").joinpath("data/factor.txt").read_text())


class Hen:
    def __init__(self, eggs):
        self.eggs = eggs

    def __eq__(self, other):
        return type(other) is type(self) and other.eggs == self.eggs

    def worth(self):
        return sum(egg.worth() for egg in self.eggs)
""",
}
NEW = {
    **OLD,
    "farm/rates.py": "RATE = 100\n",
    "farm/eggs.py": OLD["farm/eggs.py"].replace("size: int", "size: int\n    colour: str"),
}
VALUES = {
    "dataclass": lambda eggs: eggs.Egg(3),
    "rows": lambda eggs: [eggs.Egg(n) for n in range(300)],
    "pickled": lambda eggs: eggs.Hen([eggs.Egg(1), eggs.Egg(2)]),
}


@pytest.fixture
def place(tmp_path):
    """A store."""
    return Place(tmp_path)


def worth(value):
    """What the code of the value makes of it."""
    return sum(one.worth() for one in value) if isinstance(value, list) else value.worth()


def data_types(value):
    """Names of its modules."""
    return {type(one).__module__ for one in (value if isinstance(value, list) else [value])}


PROGRAM = """
import json, sys
sys.path[:0] = json.loads(sys.argv[2])
import artifact_plugins as ap
with ap.open_session(ap.Settings(**json.loads(sys.argv[1]), snapshots=sys.argv[3])) as session:
    value = session.load("egg")
    rows = value if isinstance(value, list) else [value]
    if sys.argv[4] == "save":
        session.save(value, "egg")
    print(json.dumps([sum(one.worth() for one in rows), type(rows[0]).__module__,
                      "farm" in sys.modules]))
"""


def in_a_process(place, *, path=(), snapshots="compatible", action="load"):
    """Load, and save again, in a process without this one's modules."""
    settings = {
        "store_url": str(place.store), "ledger_url": f"sqlite:///{place.folder}/ledger.sqlite",
        "trust_home": str(place.home("alice")), "durability": "process",
    }  # fmt: skip
    done = warm_processes.run(
        PROGRAM, json.dumps(settings), json.dumps(list(path)), snapshots, action
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", VALUES)
def test_g5_g25_through_generations(place, project, name):  # noqa: F811
    """G5, G7, G25: loaded without the code, saved and loaded again, three times over, in processes."""
    project.write(OLD)
    value = VALUES[name](project.live("farm.eggs:Egg") and sys.modules["farm.eggs"])
    with place.session("alice") as session:
        first = session.save(value, "egg")
        original = {
            one.digest
            for one in Archives(session.store).stated(first).snapshot.archives
            if one.role == "project"
        }
    expected = worth(value)
    project.write({"unrelated.py": ""})

    for _ in range(3):
        found, module, is_imported = in_a_process(place, action="save")
        assert found == expected
        assert module.startswith("artifact_plugins._snap.")
        assert not is_imported

    with place.session("alice") as session:
        versions = list(session.versions())
        assert len(versions) == 4
        for version in versions:
            assert "_snap" not in version.data_type
            assert version.data_type == first.data_type
            archives = Archives(session.store).stated(version).snapshot.archives
            assert {one.digest for one in archives if one.role == "project"} == original
            assert worth(session.load(version)) == expected


@pytest.mark.parametrize("name", VALUES)
def test_g5_old_and_new_in_one_process(place, project, name):  # noqa: F811
    """G5: a version of v1 loads through v1 beside v2, which imports itself by its own name."""
    project.write(OLD)
    value = VALUES[name](project.live("farm.eggs:Egg") and sys.modules["farm.eggs"])
    with place.session("alice") as session:
        session.save(value, "egg")
    expected = worth(value)
    project.write(NEW)
    new = project.live("farm.eggs:Egg")

    with place.session("alice", snapshots="exact") as session:
        loaded = session.load("egg")
        again = session.load(session.save(loaded, "egg"))
        live = session.load(session.save(new(1, "red"), "new egg"))

    assert worth(loaded) == worth(again) == expected
    assert (live.worth(), type(live)) == (100, new)
    assert "farm.eggs" not in data_types(loaded)


def test_g6_sub_packages_and_data_files(place, project):  # noqa: F811
    """G6: data files that the code reads come out of the archive."""
    project.write(OLD)
    with place.session("alice") as session:
        session.save(project.live("farm.eggs:Egg")(1), "egg")
    project.write({"unrelated.py": ""})
    with place.session("alice") as session:
        assert session.load("egg").factor() == 5


@pytest.mark.parametrize("pickled", [False, True], ids=["document", "pickle"])
def test_live_and_archived_instances_of_one_path(place, project, pickled):  # noqa: F811
    """A list with both is exact or a named error, and nothing is registered then."""
    project.write(OLD)
    with place.session("alice") as session:
        session.save(project.live("farm.eggs:Egg")(1), "egg")
    project.write(NEW)
    new = project.live("farm.eggs:Egg")
    with place.session("alice", snapshots="exact") as session:
        old = session.load("egg")
        mixed = [new(1, "red"), old]
        if pickled:
            mixed = sys.modules["farm.eggs"].Hen(mixed)
        try:
            version = session.save(mixed, "mixed")
        except errors.MaterializerError:
            assert not list(session.versions('name == "mixed"'))
            return
        loaded = session.load(version)
        found = loaded.eggs if pickled else loaded
        assert [one.worth() for one in found] == [100, 2]


def test_g8_another_environment_is_named(place, project):  # noqa: F811
    """G8: a library that is not here is a named error with wanted and found."""
    project.write(OLD)
    with place.session("alice") as session:
        version = session.save(project.live("farm.eggs:Egg")(1), "egg")
        stated = Archives(session.store).stated(version).snapshot
        from artifact_plugins.content.manifest import sha256
        from artifact_plugins.snapshots import statement_bytes
        from artifact_plugins.trust import SNAPSHOT_TYPE

        other = stated.model_copy(update={"libraries": {"no-such-library": "3.1"}})
        data = statement_bytes(other)
        session.store.put_statement(sha256(data), data, place.sign("alice", data, SNAPSHOT_TYPE))
    place.forge(version, signer="alice", plugin_snapshot=sha256(data))
    project.write({"unrelated.py": ""})

    with (
        place.session("alice") as session,
        pytest.raises(errors.EnvironmentMismatchError, match=r"no-such-library.*3\.1"),
    ):
        session.load("egg")


def test_g1_g2_changed_and_removed_files(place):
    """G1, G2: one changed byte of a payload is named before it is parsed; so is a removed file."""
    with place.session("alice") as session:
        version = session.save({"a": ["x" * 100] * 200}, "large")
    path = place.manifest(version).parent / version.files[0].path
    whole = path.read_bytes()
    path.write_bytes(whole[:-2] + b"?" + whole[-1:])
    with place.session("alice") as session, pytest.raises(errors.DigestMismatchError):
        session.load("large")
    path.unlink()
    with (
        place.session("alice") as session,
        pytest.raises(errors.ArtifactMissingError, match=version.files[0].path),
    ):
        session.load("large")


def test_g3_g4_equal_sources_equal_digests(place, project):  # noqa: F811
    """G3, G4: the same code is one snapshot, other code is another; read back it is what ran."""
    project.write(OLD)
    egg = project.live("farm.eggs:Egg")
    with place.session("alice") as session:
        first, second = session.save(egg(1), "egg"), session.save(egg(2), "other")
    project.write(NEW)
    with place.session("alice") as session:
        third = session.save(project.live("farm.eggs:Egg")(1, "red"), "egg")
        assert first.plugin_snapshot == second.plugin_snapshot != third.plugin_snapshot
        from artifact_plugins.snapshots import open_archive

        snapshot = Archives(session.store).stated(first).snapshot
        archive = next(one for one in snapshot.archives if one.role == "project")
        members = open_archive(session.store.get_archive(archive.digest), archive)
        for name, text in OLD.items():
            assert members[name].decode() == text


def test_g14_labels_do_not_lose_the_pin(place, project):  # noqa: F811
    """G14: tags, descriptions, aliases and the trash leave the pin as it was."""
    project.write(OLD)
    with place.session("alice") as session:
        version = session.save(project.live("farm.eggs:Egg")(1), "egg", tags=["a"])
        session.update(version, description="other", add_tags=["b"])
        session.set_alias(version, "best")
        session.delete(version, force=True)
        session.restore(version)
        session.set_alias(version, "best")
        found = session.find("egg@best")
        assert found.plugin_snapshot == version.plugin_snapshot
        assert [one.id for one in session.snapshots()] == [version.plugin_snapshot]
    project.write({"unrelated.py": ""})
    with place.session("alice") as session:
        assert session.load("egg@best").worth() == 2


def test_g20_a_copy_of_a_store_asks_first(place, project, tmp_path):  # noqa: F811
    """G20: the same bytes copied to a stranger's place run nothing until the key is trusted."""
    project.write(OLD)
    with place.session("alice") as session:
        session.save(project.live("farm.eggs:Egg")(1), "egg")
    project.write({"unrelated.py": ""})
    shutil.copytree(place.folder, tmp_path / "copy")
    with Place(tmp_path / "copy").session("mallory") as session, pytest.raises(errors.TrustError):
        session.load("egg")
    assert "farm.eggs" not in sys.modules


def test_a_stream_pins_what_writes_its_chunks(place):
    """The plugin that writes the chunks is pinned like the one that writes the stream."""
    with place.session("alice") as session:
        version = session.save((pd.DataFrame({"n": [n]}) for n in range(3)), "chunks")
        pinned = session.ledger.snapshot(version.plugin_snapshot)

    assert [archive.name for archive in pinned.archives] == [
        "materializers.python",
        "materializers.pandas",
    ]
