"""The own key: of the standard, one for all threads, processes and forks, and never sent along."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from trust_cases import manifest, signed_by, snapshot

from artifact_plugins.errors import InputError, SettingsError
from artifact_plugins.trust import MANIFEST_TYPE, Trust, pre_authentication
from artifact_plugins.trust.own_key import key_path, own_key, own_key_or_new, retire
from artifact_plugins.trust.public_keys import parse_public_key, public_key_text, verifies


def test_what_is_signed_is_that_of_the_standard():
    """The bytes are those of the example in the DSSE protocol."""
    found = pre_authentication("http://example.com/HelloWorld", b"hello world")

    assert found == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


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
