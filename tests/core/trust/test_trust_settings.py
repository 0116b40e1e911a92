"""Whom to trust is decided by the reader's settings, never by what came with the data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artifact_plugins.errors import SettingsError
from artifact_plugins.settings import Settings

PIN = f"sha256:{'0' * 64}"


def pyproject(line: str) -> None:
    Path("pyproject.toml").write_text(f"[tool.artifact_plugins]\n{line}\n")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('trust = "unsafe"', "trust"),
        ('trust_home = "keys"', "trust_home"),
        (f'trust_pins = ["{PIN}"]', "trust_pins"),
        ("trust_pins = []", "trust_pins"),
        ('TRUST = "unsafe"', "trust"),
        ('Trust_Home = "keys"', "trust_home"),
        ("TRUST_PINS = []", "trust_pins"),
    ],
)
def test_pyproject_does_not_decide_whom_to_trust(line, name):
    """A checkout of somebody else neither opens the gate nor brings keys or pins."""
    pyproject(line)

    with pytest.raises(SettingsError, match="decided by the reader") as caught:
        Settings()

    assert caught.value.name == name
    assert "pyproject.toml" in str(caught.value)
    assert "nothing was opened" in str(caught.value)


@pytest.mark.parametrize("mode", ["installed", "signed", "pinned"])
def test_pyproject_may_choose_a_careful_mode(mode):
    """The negative control: modes that execute nothing of strangers come from anywhere."""
    pyproject(f'trust = "{mode}"')

    assert Settings().trust == mode


@pytest.mark.parametrize("name", ["ARTIFACT_PLUGINS_TRUST", "artifact_plugins_trust"])
def test_environment_does_not_choose_unsafe(monkeypatch, name):
    """`unsafe` is an argument in a program that somebody can read."""
    monkeypatch.setenv(name, "unsafe")

    with pytest.raises(SettingsError, match="not taken from the environment"):
        Settings()


def test_environment_and_arguments_decide(monkeypatch):
    """The reader's own environment names the home, pins and careful modes; arguments everything."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_TRUST", "pinned")
    monkeypatch.setenv("ARTIFACT_PLUGINS_TRUST_HOME", "keys")
    monkeypatch.setenv("ARTIFACT_PLUGINS_TRUST_PINS", f'["{PIN}"]')

    found = Settings()
    given = Settings(trust="unsafe", trust_home=Path("mine"), trust_pins=())

    assert (found.trust, found.trust_home, found.trust_pins) == ("pinned", Path("keys"), (PIN,))
    assert (given.trust, given.trust_home, given.trust_pins) == ("unsafe", Path("mine"), ())


def test_other_settings_come_from_pyproject_still():
    """The guard takes nothing else away, and a wrong mode is still a wrong value."""
    pyproject('project = "shop"')
    assert Settings().project == "shop"

    pyproject('trust = "all"')
    with pytest.raises(SettingsError, match="setting 'trust'"):
        Settings()
    assert not os.listdir(".") or os.listdir(".") == ["pyproject.toml"]
