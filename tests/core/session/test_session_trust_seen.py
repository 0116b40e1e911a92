"""What people see of a stranger's versions, and what changes while it is read."""

from __future__ import annotations

import pickle
import unicodedata

import pytest
from store_attacks import Place

from artifact_materializers.pickle.facts import make_facts
from artifact_materializers.pickle.object import DATA, FACTS
from artifact_plugins import errors
from artifact_plugins.cli.app import group
from artifact_plugins.cli.failures import run as run_command
from artifact_plugins.content.reader import VersionReader

ESCAPES = "\x1b[31mred\x1b]0;title\x07\u202etxt.exe\x00\r"


@pytest.fixture
def place(tmp_path):
    """A store."""
    return Place(tmp_path)


@pytest.mark.parametrize(
    "look",
    ["list", "show gift", "explain-load gift", "doctor --load-check", "load gift", "links gift"],
)
@pytest.mark.parametrize("column", ["description", "created_by", "data_type", "materializer"])
def test_e24_control_characters_are_escaped(place, look, column, monkeypatch, capsys):
    """E24: escapes, carriage returns and marks of direction in a row do not reach the terminal."""
    with place.session("mallory") as session:
        version = session.save([1, 2], "gift")
    if column == "data_type":
        place.forge(version, data_type=f"farm:{ESCAPES}")
    else:
        text = f"farm:{ESCAPES}"
        place.execute(f"UPDATE version SET {column} = ? WHERE id = ?", text, version.id)
    monkeypatch.setenv("ARTIFACT_PLUGINS_STORE_URL", str(place.store))
    monkeypatch.setenv("ARTIFACT_PLUGINS_LEDGER_URL", f"sqlite:///{place.folder}/ledger.sqlite")
    monkeypatch.setenv("ARTIFACT_PLUGINS_TRUST_HOME", str(place.home("alice")))

    run_command(group, look.split(" "))

    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert "Traceback" not in text
        bad = {c for c in text if unicodedata.category(c) in ("Cc", "Cf") and c not in "\n\t"}
        assert not bad, ascii(bad)


class Large:
    """Pickles as one large stream, padded so that a program of the same size fits."""

    def __init__(self):
        self.text = "x" * 200_000

    def __eq__(self, other):
        return type(other) is Large


class Program:
    """Pickles as a program that leaves a file."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return exec, (f"open({str(self.canary)!r}, 'w').close()",)


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"a": value}])
def test_e22_what_is_verified_is_what_is_parsed(place, monkeypatch, wrap):
    """E22: a pickle that is overwritten in its place after it was verified is not what runs."""
    canary = place.folder / "canary"
    with place.session("alice") as session:
        version = session.save(wrap(Large()), "model")
    (path,) = place.manifest(version).parent.rglob(DATA)
    size = path.stat().st_size
    program = pickle.dumps(Program(canary), protocol=5)
    program += b"\0" * (size - len(program))
    buffer = VersionReader.buffer

    def then_overwritten(self, name):
        found = buffer(self, name)
        if name.endswith(DATA):
            with path.open("r+b") as file:
                file.write(program)
        return found

    monkeypatch.setattr(VersionReader, "buffer", then_overwritten)
    with place.session("alice") as session:
        assert session.load(version) == wrap(Large())
    assert not canary.exists()


def test_e22_the_program_works(place):
    """Negative control: the same program, recorded as it is, runs for who wants it."""
    canary = place.folder / "canary"
    with place.session("alice") as session:
        version = session.save(Large(), "model")
    data = pickle.dumps(Program(canary), protocol=5)
    facts = make_facts(
        "builtins:dict", set(), by_value=False, protocol=5, size_bytes=len(data), buffers=[]
    )
    place.forge(version, files={DATA: data, FACTS: facts.to_json()})
    with place.session("alice") as session:
        with pytest.raises(errors.TrustError):
            session.load(version.id)
        assert not canary.exists()
        session.load(version.id, allow_unsafe=True)
    assert canary.exists()
