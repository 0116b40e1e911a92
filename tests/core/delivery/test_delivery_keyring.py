"""Credentials in a keyring: found there, and no keyring stands in the way of others."""

from __future__ import annotations

import sys

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.errors
import pytest
from little_registry import TOKEN_VARIABLE

import artifact_plugins as ap
from artifact_plugins.errors import BackendAuthError, SettingsError
from artifact_plugins.transport import BackendUrl, Credentials


class Drawer(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password


class LockedDrawer(Drawer):
    """A keyring that nobody has unlocked."""

    def get_password(self, service, username):
        raise keyring.errors.KeyringLocked("the collection is locked")


class BrokenDrawer(Drawer):
    """A keyring with a bug of its own."""

    def get_password(self, service, username):
        raise RuntimeError("no message bus")


@pytest.fixture(autouse=True)
def _own_keyring_back(monkeypatch):
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)


UNUSABLE = {
    keyring.backends.fail.Keyring: "has none",
    LockedDrawer: "is locked",
    BrokenDrawer: "no message bus",
}


def test_a_token_in_the_keyring_is_found(places, registry, quick):
    """`keyring set "artifact_plugins http://host" token` is all that a user does."""
    keyring.set_keyring(Drawer())
    keyring.set_password(f"artifact_plugins http://127.0.0.1:{registry.port}", "token", "of-drawer")
    registry.token = "of-drawer"

    with ap.open_session(ap.Settings(**places)) as session:
        version = session.save(1, "numbers")
        assert session.deliverer.flush(60)

    assert registry.ours("versions") == [version.id]


def test_a_reference_names_another_entry(places, registry, quick):
    """`?token=keyring:service/user` is read from there, and a service may have slashes."""
    keyring.set_keyring(Drawer())
    keyring.set_password("https://shop/team", "me", "of-team")
    registry.token = "of-team"
    url = f"{registry.url}?token=keyring:https://shop/team/me"

    with ap.open_session(ap.Settings(**places | {"backends": (url,)})) as session:
        session.save(1, "numbers")
        assert session.deliverer.flush(60)

    assert len(registry.ours("versions")) == 1


def test_the_environment_wins_over_the_keyring(monkeypatch):
    """The keyring is asked last."""
    keyring.set_keyring(Drawer())
    keyring.set_password("artifact_plugins http://h", "password", "of-drawer")
    credentials = Credentials(BackendUrl.parse("mlte+http://h"))

    assert credentials.require("password") == "of-drawer"
    monkeypatch.setenv("ARTIFACT_PLUGINS_MLTE_PASSWORD", "of-environment")
    assert credentials.require("password") == "of-environment"


@pytest.mark.parametrize("unusable", UNUSABLE)
def test_a_keyring_that_cannot_be_read_has_nothing(places, registry, quick, unusable):
    """On a machine without a desktop a backend that needs no credential works as without a keyring."""
    keyring.set_keyring(unusable())

    with ap.open_session(ap.Settings(**places)) as session:
        session.save(1, "numbers")
        assert session.deliverer.flush(60)

    assert len(registry.ours("versions")) == 1


@pytest.mark.parametrize(("unusable", "why"), list(UNUSABLE.items()))
def test_a_credential_that_is_needed_says_why_no_keyring_has_it(unusable, why):
    """The error names the variable to set, and what is wrong with the keyring."""
    keyring.set_keyring(unusable())

    with pytest.raises(BackendAuthError, match=why) as caught:
        Credentials(BackendUrl.parse("mlte+http://h")).require("password")

    assert "set ARTIFACT_PLUGINS_MLTE_PASSWORD" in str(caught.value)


@pytest.mark.parametrize(("unusable", "why"), list(UNUSABLE.items()))
def test_a_reference_to_an_unusable_keyring_is_an_error(unusable, why):
    """Who names the keyring is told what is wrong with it and what to set instead."""
    keyring.set_keyring(unusable())
    credentials = Credentials(BackendUrl.parse("mlte+http://h/?password=keyring:a/b"))

    with pytest.raises(BackendAuthError, match=f"'keyring:a/b': .*{why}") as caught:
        credentials.find("password")

    assert "ARTIFACT_PLUGINS_MLTE_PASSWORD" in str(caught.value)
    assert "?password=env:NAME" in str(caught.value)


def test_an_entry_that_is_not_there_is_an_error():
    """A reference to nothing does not fall back to the environment or to another entry."""
    keyring.set_keyring(Drawer())
    credentials = Credentials(BackendUrl.parse("mlte+http://h/?password=keyring:a/b"))

    with pytest.raises(BackendAuthError, match="is not at 'keyring:a/b'"):
        credentials.find("password")


def test_the_extra_is_named_when_it_is_not_installed(monkeypatch):
    """A reference without the library says what to install; without a reference nothing is missed."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    named = Credentials(BackendUrl.parse("mlte+http://h/?password=keyring:a/b"))

    with pytest.raises(BackendAuthError, match=r"install artifact-plugins\[keyring\]"):
        named.find("password")

    assert Credentials(BackendUrl.parse("mlte+http://h")).find("password") is None


def test_an_entry_without_a_user_is_refused_at_the_door(places, registry):
    """`keyring:name` is no place: the session says how it is written."""
    url = f"{registry.url}?token=keyring:name"

    with pytest.raises(SettingsError, match="keyring:service/user"):
        ap.Session(ap.Settings(**places | {"backends": (url,)}))


def test_strict_delivery_says_it_when_the_session_opens(places, registry, quick):
    """The error of a keyring that is named and cannot be used reaches the caller."""
    keyring.set_keyring(LockedDrawer())
    url = f"{registry.url}?token=keyring:a/b"

    with pytest.raises(BackendAuthError, match="is locked"):
        ap.Session(ap.Settings(**places | {"backends": (url,), "delivery": "strict"}))
