"""The own key: one for all processes, private, and refused when it is not."""

from __future__ import annotations

import logging
import os
import pickle
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from trust_cases import manifest, signed_by, snapshot

from artifact_plugins.errors import InputError, KeyUnreadableError, SettingsError
from artifact_plugins.trust import MANIFEST_TYPE, SNAPSHOT_TYPE, Trust, pre_authentication
from artifact_plugins.trust.home import default_home
from artifact_plugins.trust.own_key import key_path, own_key, own_key_or_new, retire
from artifact_plugins.trust.public_keys import parse_public_key, public_key_text, verifies


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_signed_is_that_of_the_standard():
    """The bytes are those of the example in the DSSE protocol."""
    found = pre_authentication("http://example.com/HelloWorld", b"hello world")

    assert found == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


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


def test_key_file_is_of_the_standard(home, own):
    """The private key is PEM that other programs read, and so is the public one after it."""
    from cryptography.hazmat.primitives.serialization import (
        load_pem_private_key,
        load_pem_public_key,
    )

    own.sign(MANIFEST_TYPE, b"x")

    data = key_path(home).read_bytes()
    private = load_pem_private_key(data, None)
    public = load_pem_public_key(data[data.index(b"-----BEGIN PUBLIC") :])
    assert private.public_key() == public


def test_import_does_not_import_cryptography():
    """The room is imported, opened and judges unsigned things without the library."""
    code = (
        "import sys\n"
        "from artifact_plugins.trust import *\n"
        "from pathlib import Path\n"
        "trust = Trust(home=Path('none'))\n"
        "trust.judge(Subject(MANIFEST_TYPE, b'x', (), 'p', 'w'))\n"
        "print('cryptography' in sys.modules)\n"
        "trust.warm()\n"
        "print('cryptography' in sys.modules)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "True"]


RACE = """
import sys, time
from pathlib import Path
from artifact_plugins.trust import MANIFEST_TYPE, Trust
import cryptography.hazmat.primitives.asymmetric.ed25519
print('ready', flush=True)
sys.stdin.readline()
print(Trust(home=Path(sys.argv[1])).sign(MANIFEST_TYPE, b'x').key_id)
"""


def test_eight_processes_make_one_key(home):
    """Of processes that sign first at the same time all use the key of the one that won."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    for racer in racers:
        assert racer.stdout is not None
        racer.stdout.readline()
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()

    ids = {racer.communicate(timeout=60)[0].strip() for racer in racers}

    key = own_key(home)
    assert key is not None
    assert ids == {key.key_id}
    assert [path.name for path in (home / "keys").iterdir()] == ["own.pem"]


def test_threads_make_one_key(home):
    """The same for threads, that judge at once what they signed."""
    verdicts: list[str] = []
    gate = threading.Barrier(8)

    def work() -> None:
        trust = Trust(home=home)
        gate.wait()
        for _ in range(20):
            subject = snapshot()
            verdicts.append(trust.judge(snapshot(signed_by(trust, subject))).require())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(verdicts) == 160
    assert len(set(verdicts)) == 1


def test_a_lock_that_is_none_leaves_one_winner(home, own, monkeypatch):
    """Where the lock keeps nobody out, a key that came meanwhile is used and not replaced."""
    other = Trust(home=home)

    def lose(fd: int, how: int) -> None:
        monkeypatch.undo()
        other.sign(MANIFEST_TYPE, b"x")
        monkeypatch.setattr("artifact_plugins.trust.own_key.homes.stamp_of", lambda path: None)

    monkeypatch.setattr("fcntl.flock", lose)
    own_key_or_new(home)
    monkeypatch.undo()

    assert own.judge(manifest(signed_by(other, manifest()))).is_trusted


def test_a_forked_child_signs_and_judges(home):
    """A child of a fork, made while other threads sign, uses the same key."""
    code = (
        "import os, sys, threading, warnings\n"
        "from pathlib import Path\n"
        "from artifact_plugins.trust import *\n"
        "warnings.simplefilter('ignore')\n"
        "trust = Trust(home=Path(sys.argv[1]))\n"
        "def judged():\n"
        "    made = trust.sign(MANIFEST_TYPE, b'x')\n"
        "    return trust.judge(Subject(MANIFEST_TYPE, b'x', (made,), 'p', 'w')).require()\n"
        "expected, stop = judged(), []\n"
        "def work():\n"
        "    while not stop: judged()\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "codes = []\n"
        "for _ in range(10):\n"
        "    child = os.fork()\n"
        "    if not child: os._exit(0 if judged() == expected else 7)\n"
        "    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "stop.append(1)\n"
        "print(codes)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(home)], capture_output=True, text=True, timeout=60
    )

    assert done.stdout.strip() == str([0] * 10), done.stderr


def test_a_fork_waits_for_the_import(home):
    """A child that is forked while a thread warms up does not wait for a thread it lacks."""
    code = (
        "import os, signal, sys, threading, time, warnings\n"
        "from pathlib import Path\n"
        "from artifact_plugins.trust import *\n"
        "warnings.simplefilter('ignore')\n"
        "trust = Trust(home=Path(sys.argv[1]))\n"
        "threading.Thread(target=trust.warm).start()\n"
        "children = []\n"
        "for _ in range(10):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        signal.alarm(20)\n"
        "        os._exit(0 if trust.sign(MANIFEST_TYPE, b'x') else 7)\n"
        "    children.append(child)\n"
        "    time.sleep(0.004)\n"
        "print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(home)], capture_output=True, text=True, timeout=60
    )

    assert done.stdout.strip() == str([0] * 10), done.stderr


def test_trust_pickles_without_the_key(home, own):
    """What goes to another process holds no key."""
    subject = manifest(signed_by(own, manifest()))
    key = own_key(home)
    assert key is not None

    data = pickle.dumps(own)

    assert key._seed not in data
    assert pickle.loads(data).judge(subject).is_trusted
    assert key._seed.hex() not in repr(key)


def test_stamp_changes_with_the_key(home, own):
    """What was signed before can be kept for as long as the stamp of the key stays."""
    assert own.key_stamp() is None
    first = own.sign(MANIFEST_TYPE, b"x")
    assert first is not None
    stamp = Trust(home=home).key_stamp()
    assert stamp is not None
    assert own.key_stamp() == stamp

    retire(home, first.key_id)

    assert own.key_stamp() is None
    own.sign(MANIFEST_TYPE, b"x")
    assert own.key_stamp() not in (None, stamp)


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


@pytest.mark.parametrize(
    "given", [{"mode": "all"}, {"pins": ["x"]}, {"home": Path("~nobody-of-that-name/x")}], ids=str
)
def test_trust_refuses_settings_that_mean_nothing(given):
    """A mode, a pin or a folder that cannot be is a SettingsError, not a silent no."""
    with pytest.raises(SettingsError):
        Trust(**given)


def test_text_of_a_public_key_comes_back(home, own):
    """A public key has one text; every other one of the same length is refused or another key."""
    own.sign(MANIFEST_TYPE, b"x")
    key = own_key(home)
    assert key is not None
    text = public_key_text(key.public)

    assert parse_public_key(text) == key.public
    for at in range(len(text)):
        changed = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        try:
            assert parse_public_key(changed) != key.public
        except InputError:
            pass


@pytest.mark.parametrize(
    "text",
    ["", "ed25519:", "ed25519:AAAA", "ed25519:" + "A" * 44, "rsa:" + "A" * 43 + "=", "ed25519:é"],
)
def test_other_text_is_no_public_key(text):
    """Another length, prefix or alphabet is refused by name."""
    with pytest.raises(InputError, match="44 characters"):
        parse_public_key(text)


def test_key_under_which_everybody_signs_is_refused():
    """Points of small order are refused: a signature without a private key verifies there."""
    identity = bytes([1, *bytes(31)])
    forged = (
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
    )

    assert verifies(identity, forged, b"anything at all")
    for raw in (identity, bytes(32), identity[:-1] + b"\x80", b"\xec" + b"\xff" * 30 + b"\x7f"):
        with pytest.raises(InputError, match="everybody can sign"):
            parse_public_key(public_key_text(raw))
