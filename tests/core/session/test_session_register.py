"""Data that already lies somewhere: odd names, refused selections, the hooks of a save."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import artifact_plugins as ap
from artifact_plugins import errors
from artifact_plugins.records import VersionQuery

noted: list[tuple[Any, ...]] = []


@ap.hookimpl
def before_artifact_saved(artifact, value, materializer, task):
    """Make this test module a plugin that notes calls and may veto."""
    if artifact == "vetoed":
        raise ValueError("not this one")
    noted.append(("before", artifact, value, materializer, task))


@ap.hookimpl
def after_artifact_saved(version, task):
    """Note the committed version."""
    noted.append(("after", str(version), task))


@ap.hookimpl
def after_artifact_loaded(version, materializer, value):
    """Note the loaded version."""
    noted.append(("loaded", str(version), value, materializer))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file to register."""
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,2\n")
    return path


@pytest.mark.parametrize(
    "name",
    ["report:v1.csv", "col::d.csv", "s3:x", "a b.csv", "ü.csv", "50%.csv", "%41", "a#b?.csv"],
)
@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
def test_path_is_a_path_whatever_its_name_looks_like(
    session, tmp_path, monkeypatch, name, relative
):
    """Only text may be a URL; the path comes back and its bytes are verified."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("x")

    version = session.register(Path(name) if relative else tmp_path / name, "odd")

    assert session.load(version) == tmp_path / name


def test_text_with_another_scheme_stays_refused(session):
    """Negative control: text that reads as a URL is one."""
    with pytest.raises(errors.StoreSchemeNotAllowedError):
        session.register("s3:x", "odd")


def test_path_that_is_not_unicode_is_refused(session, tmp_path):
    """A URI could not name it again."""
    folder = os.fsencode(tmp_path) + b"/d\xff"
    os.mkdir(folder)
    Path(os.fsdecode(folder), "x.csv").write_text("x")

    with pytest.raises(errors.InputError, match="not Unicode"):
        session.register(Path(os.fsdecode(folder), "x.csv"), "odd")
    assert len(session.ledger.versions(VersionQuery())) == 0


@pytest.mark.parametrize("uri", [5, None, b"/tmp", ["x"]], ids=repr)
def test_what_names_no_file_is_refused(session, uri):
    """A file is named by text or a Path."""
    with pytest.raises(errors.InputError, match="text or a Path"):
        session.register(uri, "odd")


@pytest.mark.parametrize("selection", [{"columns": ["a"]}, {"rows": slice(0, 1)}], ids=repr)
def test_part_of_a_registered_file_cannot_be_loaded(session, file, selection):
    """It is not ignored: a file is loaded as its path."""
    version = session.register(file, "data")

    with pytest.raises(errors.NoMaterializerError, match="selection"):
        session.load(version, **selection)
    assert session.load(version) == file


def test_hooks_of_a_save_are_called(places, file):
    """A plugin that watches saves and loads sees registered data too."""
    noted.clear()
    with ap.open_session(ap.Settings(**places, plugins=(__name__,))) as session:
        session.register(file, "data")
        session.load("data")

    assert noted == [
        ("before", "data", file, "python.path", None),
        ("after", "data@1", None),
        ("loaded", "data@1", file, "python.path"),
    ]


def test_veto_registers_nothing(places, file):
    """What a plugin raises passes, and nothing is recorded."""
    with ap.open_session(ap.Settings(**places, plugins=(__name__,))) as session:
        with pytest.raises(ValueError, match="not this one"):
            session.register(file, "vetoed")

        assert len(session.ledger.versions(VersionQuery())) == 0
