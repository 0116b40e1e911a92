"""Kept pins: one that is damaged, stale, poisoned or another's is never published."""

from __future__ import annotations

import json
import os
import shutil

import pytest
import warm_processes
from store_attacks import Place

from artifact_plugins.session import pin_cache
from artifact_plugins.session.archived import Archives
from artifact_plugins.trust import Trust


@pytest.fixture
def place(tmp_path):
    """A store, and homes."""
    return Place(tmp_path)


def saved(place, who="alice", value=(1, 2)):
    """Save a value of a shipped plugin in a new session; its pin comes from the cache if it can."""
    with place.session(who) as session:
        return session.save(list(value), "numbers")


def kept(place, who="alice"):
    """The pins of the cache."""
    return sorted((place.home(who) / "pins").glob("*.pin"))


def kept_archives(place, who="alice"):
    """The archives of the cache."""
    return sorted((place.home(who) / "pins").glob("*.zip"))


def is_sound(place, version, who="alice"):
    """Whether the version is pinned to what its author's key vouches for and that is restored."""
    with place.session(who) as session:
        code, by = Archives(session.store).open(version, Trust(home=place.home(who)))
    return by.startswith("own key") and code.snapshot.plugin == "materializers.python"


def other_store(place):
    """The same homes, and a store that has no snapshots yet."""
    shutil.rmtree(place.store)
    (place.folder / "ledger.sqlite").unlink()


def test_a_second_process_would_find_it(place):
    """The cache has one file after the first save, and its content is used again."""
    first = saved(place)
    (file,) = kept(place)
    stamp = file.stat().st_mtime_ns
    other_store(place)
    second = saved(place)

    assert first.plugin_snapshot == second.plugin_snapshot
    assert [one.stat().st_mtime_ns for one in kept(place)] == [stamp]
    assert is_sound(place, second)


def _other_entry(head, stated):
    return head, {**stated, "entry_object": "os:system"}


def _other_library(head, stated):
    return head, {**stated, "libraries": {"numpy": "0.1"}}


def _more_archives(head, stated):
    return head, {**stated, "archives": [*stated["archives"], {"digest": "sha256:" + "0" * 64}]}


def _unknown_archive(head, stated):
    return {**head, "archives": [*head["archives"], "sha256:" + "0" * 64]}, stated


def _signed_by_nobody(head, stated):
    return {**head, "signature": 1}, stated


POISON = (
    _other_entry, _other_library, _more_archives, _unknown_archive, _signed_by_nobody,
    lambda head, stated: ([], stated), lambda head, stated: ({}, stated),
    lambda head, stated: (head, {}), lambda head, stated: (head, []),
    lambda head, stated: (head, {**stated, "archives": []}),
)  # fmt: skip


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
def test_poison_is_captured_again(place, poison):
    """A file whose digest was adjusted, but whose parts do not belong together, is not used."""
    first = saved(place)
    (file,) = kept(place)
    _, head, statement = file.read_bytes().split(b"\n")
    parts = poison(json.loads(head), json.loads(statement))
    data = b"\n".join(json.dumps(part, separators=(",", ":")).encode() for part in parts)
    file.write_bytes(pin_cache._digest(data).encode() + b"\n" + data)
    other_store(place)

    again = saved(place)

    assert again.plugin_snapshot == first.plugin_snapshot
    assert is_sound(place, again)


def test_a_pin_whose_parts_belong_together_is_used(place):
    """Negative control of the poison: the same way of writing the file, nothing changed."""
    first = saved(place)
    (file,) = kept(place)
    _, head, statement = file.read_bytes().split(b"\n")
    data = json.dumps(json.loads(head)).encode() + b"\n" + statement
    file.write_bytes(pin_cache._digest(data).encode() + b"\n" + data)

    found = pin_cache.read(place.home("alice"), file.stem)

    assert found is not None
    assert found.id == first.plugin_snapshot
    assert found.snapshot.archives


def _cut(file):
    file.write_bytes(file.read_bytes()[:-1])


def _changed(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("harm", [_cut, _changed, lambda file: file.unlink()], ids=range(3))
def test_a_damaged_kept_archive_is_captured_again(place, harm):
    """An archive that is not what its name says, or is gone, is never published."""
    first = saved(place)
    (archive,) = kept_archives(place)
    whole = archive.read_bytes()
    harm(archive)
    other_store(place)

    again = saved(place)

    assert again.plugin_snapshot == first.plugin_snapshot
    assert is_sound(place, again)
    assert archive.read_bytes() == whole


def test_every_damage_is_captured_again(place):
    """A cut or changed file is as good as none; also where the signature lies."""
    first = saved(place)
    (file,) = kept(place)
    whole = file.read_bytes()
    home, name = place.home("alice"), file.stem
    assert pin_cache.read(home, name) is not None
    step = max(1, len(whole) // 300)
    for number in range(0, len(whole), step):
        for data in (whole[:number], whole[:number] + b"?" + whole[number + 1 :]):
            if data != whole:
                file.write_bytes(data)
                assert pin_cache.read(home, name) is None
    other_store(place)
    again = saved(place)
    assert again.plugin_snapshot == first.plugin_snapshot
    assert is_sound(place, again)


def test_a_pin_of_another_key_is_not_used(place):
    """What mallory's key signed is not published for alice, not even from alice's own folder."""
    saved(place, "mallory")
    saved(place, "alice")
    for file in kept(place, "alice"):
        file.unlink()
    shutil.copytree(
        place.home("mallory") / "pins", place.home("alice") / "pins", dirs_exist_ok=True
    )
    other_store(place)

    version = saved(place, "alice")
    assert is_sound(place, version)

    # A new key in the same home: what the old one signed is signed again.
    for path in place.home("alice").rglob("*"):
        if path.is_file() and "pins" not in path.parts:
            path.unlink()
    other_store(place)
    version = saved(place, "alice")
    assert is_sound(place, version)


def test_a_cache_that_cannot_be_written_costs_nothing_else(place):
    """A file where the folder should be: saves go on."""
    home = place.home("alice")
    Trust(home=home).sign("x", b"")
    (home / "pins").write_text("in the way")
    assert is_sound(place, saved(place))


PLUGIN = """
import artifact_plugins as ap
from artifact_plugins.contracts.offers import MaterializerOffer

@ap.hookimpl
def register_materializers():
    return [MaterializerOffer(key="grain.box", target="grain_plugin.box:BoxMaterializer",
                              types=("grain_plugin.box:Box",), format="box/1")]
"""
BOX = """
import artifact_plugins as ap


class Box:
    def __init__(self, size):
        self.size = size

    def __eq__(self, other):
        return self.size == other.size


class BoxMaterializer(ap.Materializer):
    format = "box/1"

    def save(self, value, folder):
        (folder / "box").write_text(str(value.size * FACTOR))

    def load(self, folder, data_type):
        return Box(int((folder / "box").read_text()) // FACTOR)


FACTOR = 2
"""
# A process that was forked has imported the library before the plugin was installed.
FRESH = """
import time
from artifact_plugins.session import pin_cache
pin_cache._started_at = time.time_ns()
"""
PROGRAM = """
import sys, json
import artifact_plugins as ap
from grain_plugin.box import Box
settings = json.loads(sys.argv[1])
with ap.open_session(ap.Settings(**settings)) as session:
    version = session.save(Box(21), "box")
    snapshot = session.snapshots(f'id == "{version.plugin_snapshot}"')[0]
    print(json.dumps([version.plugin_snapshot, snapshot.libraries,
                      [a.distribution_version for a in snapshot.archives],
                      {a.name: a.digest for a in snapshot.archives}, version.materializer]))
"""


@pytest.fixture
def site(tmp_path):
    """A folder like site-packages with a plugin that was installed long ago."""
    site = tmp_path / "env" / "site-packages"
    package = site / "grain_plugin"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(PLUGIN)
    (package / "box.py").write_text(BOX)
    info = site / "grain_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: grain-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[artifact_plugins]\ngrain = grain_plugin\n")
    (info / "RECORD").write_text("grain_plugin/__init__.py,,\ngrain_plugin/box.py,,\n")
    (info / "top_level.txt").write_text("grain_plugin\n")
    return site


def in_a_process(place, site, program=PROGRAM):
    """Save a box in another process: id, libraries, versions and digests of its snapshot."""
    done = warm_processes.run(
        FRESH + program,
        json.dumps(place.given("alice")),
        # Python itself takes old bytecode for current when size and time are the same.
        env={**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _edit(site):
    (site / "grain_plugin" / "box.py").write_text(BOX.replace("FACTOR = 2", "FACTOR = 3"))


def _edit_silently(site):
    """As a tool does that keeps times and sizes."""
    path = site / "grain_plugin" / "box.py"
    before = path.stat()
    path.write_text(BOX.replace("FACTOR = 2", "FACTOR = 3"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replace_silently(site):
    path = site / "grain_plugin" / "box.py"
    before = path.stat()
    other = path.with_name("other")
    other.write_text(BOX.replace("FACTOR = 2", "FACTOR = 3"))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def _add_a_file(site):
    (site / "grain_plugin" / "more.py").write_text("MORE = 1\n")
    with (site / "grain_plugin-1.0.dist-info" / "RECORD").open("a") as record:
        record.write("grain_plugin/more.py,,\n")


def _upgrade(site):
    info = site / "grain_plugin-1.0.dist-info"
    text = (info / "METADATA").read_text()
    (info / "METADATA").write_text(text.replace("1.0", "1.1"))
    info.rename(site / "grain_plugin-1.1.dist-info")


def _upgrade_in_place(site):
    path = site / "grain_plugin-1.0.dist-info" / "METADATA"
    path.write_text(path.read_text().replace("1.0", "1.1"))


CHANGES = (_edit, _edit_silently, _replace_silently, _add_a_file, _upgrade, _upgrade_in_place)


EDITED = """
import sys, json
from pathlib import Path
import artifact_plugins as ap
import grain_plugin.box as box
path = Path(box.__file__)
path.write_text(path.read_text().replace("FACTOR = 2", "FACTOR = 3"))
with ap.open_session(ap.Settings(**json.loads(sys.argv[1]))) as session:
    version = session.save(box.Box(21), "box")
    snapshot = session.snapshots(f'id == "{version.plugin_snapshot}"')[0]
    value, found = session.load("box"), session.explain_load(version)
    print(json.dumps([len(snapshot.archives), snapshot.plugin, value.size, found.facts]))
"""


def test_a_plugin_edited_after_its_import_is_pinned_without_its_code(place, site):
    """A result is worth more than its pin: saved, loaded, and everybody is told."""
    done = in_a_process(place, site, EDITED)

    archives, plugin, size, facts = done
    assert (archives, plugin, size) == (0, "grain", 21)
    assert any("code left out" in fact for fact in facts)


@pytest.mark.parametrize("change", CHANGES, ids=[change.__name__ for change in CHANGES])
def test_a_changed_plugin_is_captured_again(place, site, change):
    """A file, a version or a list of files that changed: the next process pins what it runs."""
    first = in_a_process(place, site)
    assert first[-1] == "grain.box"
    assert kept(place)
    assert in_a_process(place, site) == first

    change(site)

    second = in_a_process(place, site)
    for file in kept(place):
        file.unlink()
    assert second == in_a_process(place, site)  # what no cache would have said
    assert second[0] != first[0]
