"""The own key is made private and refused when it is not; where none can be, saves go unsigned."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest
from trust_cases import manifest, snapshot

from artifact_plugins.errors import KeyUnreadableError
from artifact_plugins.trust import MANIFEST_TYPE, SNAPSHOT_TYPE, Trust
from artifact_plugins.trust.home import default_home
from artifact_plugins.trust.own_key import key_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_key_is_made_at_the_first_signing(home, own):
    """Opening, warming and judging make nothing; signing makes a private key once."""
    own.warm()
    own.judge(snapshot())
    assert not home.exists()

    first = own.sign(MANIFEST_TYPE, b"x")
    again = Trust(home=home).sign(MANIFEST_TYPE, b"y")

    assert first is not None
    assert again is not None
    assert first.key_id == again.key_id
    assert (mode(home), mode(home / "keys"), mode(key_path(home))) == (0o700, 0o700, 0o600)
    assert sorted(path.name for path in home.rglob("*")) == ["keys", "lock", "own.pem"]


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660, 0o606, 0o644, 0o777, 0o601])
def test_key_that_others_can_read_is_refused(home, own, bits):
    """Any access of others is a named error with the command that ends it."""
    own.sign(MANIFEST_TYPE, b"x")
    key_path(home).chmod(bits)

    with pytest.raises(KeyUnreadableError, match="chmod 600") as caught:
        own.sign(MANIFEST_TYPE, b"x")

    assert str(key_path(home)) in str(caught.value)
    assert caught.value.path == str(key_path(home))


@pytest.mark.parametrize("bits", [0o600, 0o400, 0o700])
def test_key_that_only_we_can_read_is_used(home, own, bits):
    """The negative control: bits of the owner do no harm."""
    own.sign(MANIFEST_TYPE, b"x")
    key_path(home).chmod(bits)

    assert own.sign(MANIFEST_TYPE, b"x") is not None


@pytest.mark.parametrize("part", ["", "keys"])
def test_folder_that_others_can_write_is_refused(home, own, part):
    """Whoever can write there could put another key or take a revocation back."""
    own.sign(MANIFEST_TYPE, b"x")
    (home / part).chmod(0o770)
    key_path(home).touch()

    with pytest.raises(KeyUnreadableError, match="chmod 700"):
        own.sign(MANIFEST_TYPE, b"x")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("part", ["keys/own.pem", "keys", ""])
def test_key_of_somebody_else_is_refused(home, own, part):
    """A key, or its folder, that belongs to another user is a named error."""
    own.sign(MANIFEST_TYPE, b"x")
    os.chown(home / part, 12345, -1)
    key_path(home).touch()

    with pytest.raises(KeyUnreadableError, match="belongs to user 12345"):
        own.sign(MANIFEST_TYPE, b"x")


def test_symbolic_link_to_a_key_is_refused(home, own, tmp_path):
    """A link, even to an own key, is not followed."""
    own.sign(MANIFEST_TYPE, b"x")
    key_path(home).rename(tmp_path / "elsewhere.pem")
    key_path(home).symlink_to(tmp_path / "elsewhere.pem")

    with pytest.raises(KeyUnreadableError, match="symbolic link"):
        own.sign(MANIFEST_TYPE, b"x")


def test_linked_home_is_followed(home, own, tmp_path):
    """A home that is a link to a private folder is used: people keep their settings elsewhere."""
    own.sign(MANIFEST_TYPE, b"x")
    (tmp_path / "link").symlink_to(home)

    again = Trust(home=tmp_path / "link").sign(MANIFEST_TYPE, b"x")

    assert again == own.sign(MANIFEST_TYPE, b"x")


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_refused(home, own, make):
    """A folder or a pipe in the place of the key is named, and nobody waits for it."""
    own.sign(MANIFEST_TYPE, b"x")
    key_path(home).unlink()
    make(key_path(home))

    with pytest.raises(KeyUnreadableError, match="not a file"):
        own.sign(MANIFEST_TYPE, b"x")


def test_every_flipped_byte_of_the_key_is_noticed(home, own):
    """Each byte of the key file counts; so does its length, and nothing is repaired."""
    own.sign(MANIFEST_TYPE, b"x")
    whole = key_path(home).read_bytes()
    damaged = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    damaged += [whole[:length] for length in range(len(whole))]
    damaged += [whole + b"\n", b"\n" + whole, whole * 2, whole * 100]

    refused = 0
    for data in damaged:
        key_path(home).write_bytes(data)
        with pytest.raises(KeyUnreadableError, match=r"damaged|bytes") as caught:
            own.sign(MANIFEST_TYPE, b"x")
        refused += "move it away" in str(caught.value)

    assert refused == len(damaged)
    key_path(home).write_bytes(whole)
    assert own.sign(MANIFEST_TYPE, b"x") is not None


def test_key_that_may_not_be_read_is_named(as_somebody_else):
    """A key file without permission to read is a named error, not an unsigned save."""
    with as_somebody_else() as folder:
        own = Trust(home=folder / "home")
        own.sign(MANIFEST_TYPE, b"x")
        key_path(folder / "home").chmod(0)

        with pytest.raises(KeyUnreadableError, match="Permission denied"):
            Trust(home=folder / "home").sign(MANIFEST_TYPE, b"x")


def test_read_only_home_works_unsigned_and_says_so_once(as_somebody_else, caplog):
    """Without a place for a key signing gives nothing, one warning says why, pins still count."""
    subject = snapshot()
    with as_somebody_else() as folder, caplog.at_level(logging.WARNING):
        folder.chmod(0o500)
        trust = Trust(home=folder / "home", pins=[subject.payload_digest])

        found = [trust.sign(MANIFEST_TYPE, b"x") for _ in range(3)]
        found.append(Trust(home=folder / "home").sign(SNAPSHOT_TYPE, b"x"))
        verdict = trust.judge(subject)

    assert found == [None] * 4
    assert verdict.by == "pin"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "Permission denied" in caplog.text
    assert "not signed" in caplog.text


def test_key_in_a_read_only_home_signs(as_somebody_else, caplog):
    """The negative control: a key that is there already needs no place for anything."""
    with as_somebody_else() as folder:
        Trust(home=folder / "home").sign(MANIFEST_TYPE, b"x")
        (folder / "home").chmod(0o500)
        (folder / "home/keys").chmod(0o500)

        made = Trust(home=folder / "home").sign(MANIFEST_TYPE, b"x")

    assert made is not None
    assert not caplog.records


@pytest.mark.parametrize("bits", [0o000, 0o600])
def test_home_of_somebody_else_works_unsigned(as_somebody_else, caplog, bits):
    """Where HOME is a folder that does not let us in, saving works and judging refuses."""
    with as_somebody_else() as folder, caplog.at_level(logging.WARNING):
        folder.chmod(bits)
        trust = Trust(home=folder / "home")

        assert trust.sign(MANIFEST_TYPE, b"x") is None
        assert trust.sign(MANIFEST_TYPE, b"x") is None
        assert trust.key_stamp() is None
        with pytest.raises(KeyUnreadableError, match="Permission denied"):
            trust.judge(manifest()).require()

    assert len(caplog.records) == 1


def test_folders_on_the_way_are_private(tmp_path):
    """Folders that are made for the home are closed to others, whatever the umask."""
    before = os.umask(0)
    try:
        Trust(home=tmp_path / "a/b/home").sign(MANIFEST_TYPE, b"x")
    finally:
        os.umask(before)

    assert {mode(tmp_path / part) for part in ("a", "a/b", "a/b/home")} == {0o700}


def test_home_that_is_a_file_works_unsigned(tmp_path, caplog):
    """A file in the place of the folder is left alone, and said once."""
    (tmp_path / "home").write_text("mine")

    assert Trust(home=tmp_path / "home").sign(MANIFEST_TYPE, b"x") is None
    assert Trust(home=tmp_path / "home").sign(MANIFEST_TYPE, b"x") is None

    assert len(caplog.records) == 1
    assert (tmp_path / "home").read_text() == "mine"


def test_home_open_to_others_gets_no_key(home, own, caplog):
    """In a folder that others can write to no key is made."""
    home.mkdir()
    home.chmod(0o777)

    assert own.sign(MANIFEST_TYPE, b"x") is None

    assert list(home.iterdir()) == []
    assert "chmod 700" in caplog.text


def test_user_without_a_home_works_unsigned(monkeypatch, caplog):
    """Where there is no home folder at all, saving works, and judging too."""
    monkeypatch.setenv("HOME", "nowhere")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    trust = Trust()

    assert trust.home is None
    assert trust.sign(MANIFEST_TYPE, b"x") is None
    assert not trust.judge(manifest()).is_trusted
    assert "no home folder" in caplog.text


def test_home_is_in_the_folder_of_settings(monkeypatch, tmp_path):
    """XDG_CONFIG_HOME counts when it is absolute, else ~/.config."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert default_home() == tmp_path / "config/artifact_plugins"

    for text in ("", "config"):
        monkeypatch.setenv("XDG_CONFIG_HOME", text)
        assert default_home() == tmp_path / ".config/artifact_plugins"
    assert Trust(home=Path("~/mine")).home == tmp_path / "mine"
    assert Trust(home=Path("mine")).home == Path.cwd() / "mine"
