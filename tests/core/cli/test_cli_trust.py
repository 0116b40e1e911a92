"""`artifact-plugins trust`: list, add, pin, revoke and export, as processes."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trust_cases import manifest, signed_by, snapshot

from artifact_plugins.cli.app import group
from artifact_plugins.cli.failures import run as run_command
from artifact_plugins.trust import Trust

DIGEST = f"sha256:{'5' * 64}"
KEY = "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="  # RFC 8032, test 1
KEY_ID = "21fe31dfa154a261626bf854046fd227"
COMMANDS = [["list"], ["add", KEY], ["pin", DIGEST], ["revoke", KEY_ID], ["export"]]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A working folder in which nothing was saved."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def trust(in_folder, work: Path, tmp_path: Path) -> Callable[..., Any]:
    """`artifact-plugins trust` as a process; whose home is named."""
    run = in_folder(work)

    def call(*arguments: str, user: str = "reader", code: int = 0, env: Any = None) -> Any:
        config = {"XDG_CONFIG_HOME": str(tmp_path / user), **(env or {})}
        done = run("trust", *arguments, code=code, env=config)
        return json.loads(done.stdout) if "--json" in arguments else done

    return call


@pytest.fixture
def quick(work: Path, tmp_path: Path, monkeypatch, capsys) -> Callable[..., str]:
    """The same in this process, for tables; gives what is on stderr."""

    def call(*arguments: str, code: int) -> str:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "reader"))
        monkeypatch.chdir(work)
        ended = run_command(group, ["trust", *arguments])
        output = capsys.readouterr()
        assert ended == code, output.out + output.err
        return output.err

    return call


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The reader's home."""
    return tmp_path / "reader/artifact_plugins"


def test_list_of_nothing_makes_nothing(trust, home, work) -> None:
    """Looking creates neither a key nor a file, in the home or the working folder."""
    text = trust("list").stdout
    document = trust("list", "--json")

    assert "none yet; the first save makes it" in text
    assert document == {
        "mode": "signed",
        "home": str(home),
        "own_key": None,
        "keys": [],
        "pins": [],
        "revoked": [],
        "settings_pins": [],
    }
    assert not home.parent.exists()
    assert list(work.iterdir()) == []


def test_exported_key_is_added_elsewhere(trust, home, tmp_path, work) -> None:
    """export, add and list as two users: what the one signs the other executes, in scope only."""
    text = trust("export", user="author").stdout.strip()
    author = Trust(home=tmp_path / "author/artifact_plugins")
    subject = snapshot(signed_by(author, snapshot()))
    assert not Trust(home=home).judge(subject).is_trusted

    told = trust("add", text, "--plugins", "acme.*", "--plugins", "other", "--name", "Ann").stdout

    key_id = subject.signatures[0].key_id
    assert told == f"key {key_id} is trusted for plugins acme.*, other\n"
    assert Trust(home=home).judge(subject).require() == f"key {key_id} (Ann)"
    listed = trust("list").stdout
    assert key_id in listed
    assert "acme.*, other" in listed
    document = trust("list", "--json")
    (key,) = document["keys"]
    assert (key["key_id"], key["public_key"]) == (key_id, text)
    assert (key["plugins"], key["until"], key["name"]) == (["acme.*", "other"], None, "Ann")


def test_export_to_a_file_and_add_it(trust, home, work, tmp_path) -> None:
    """The file says how to add it; adding checks the id that a refusal named."""
    exported = trust("export", "key.txt", "--json", user="author")
    author = Trust(home=tmp_path / "author/artifact_plugins")

    trust("add", "key.txt", "--key-id", exported["key_id"])

    assert (work / "key.txt").read_text().splitlines()[1] == exported["public_key"]
    assert Trust(home=home).judge(manifest(signed_by(author, manifest()))).is_trusted
    failed = trust("export", "key.txt", user="author", code=1)
    assert "File exists" in failed.stderr
    failed = trust("add", "key.txt", "--key-id", "0" * 32, code=1)
    assert f"the key has id {exported['key_id']}, not" in failed.stderr


def test_key_of_one_day(trust, home) -> None:
    """--until takes a day or a time; one that is over is refused, a key in use may end."""
    document = trust("add", KEY, "--until", "2999-01-01", "--json")
    assert document["until"] == "2999-01-01T00:00:00Z"
    assert document["key_id"] == KEY_ID
    document = trust("add", KEY, "--until", "2999-01-01T01:00:00+01:00", "--json")
    assert document["until"] == "2999-01-01T00:00:00Z"

    assert "is over already" in trust("add", KEY, "--until", "2020-01-01", code=1).stderr
    assert "is not like 2027-01-01" in trust("add", KEY, "--until", "soon", code=2).stderr

    file = home / "trust.json"
    file.write_text(file.read_text().replace("2999-", "2020-"))
    assert "2020-01-01 00:00:00 (over)" in trust("list").stdout


def test_pin_revoke_and_undo(trust, home) -> None:
    """A pin counts until its digest is revoked, and again only after undo and another pin."""
    digest = manifest().payload_digest
    assert trust("pin", digest, "--note", "figure 3").stdout == f"{digest} may execute\n"
    assert Trust(home=home).judge(manifest()).by == "pin"
    assert "figure 3" in trust("list").stdout

    assert f"{digest} is revoked\n" == trust("revoke", digest, "--reason", "a bug").stdout
    assert not Trust(home=home).judge(manifest()).is_trusted
    assert "a bug" in trust("list").stdout
    refused = trust("pin", digest, code=1).stderr
    assert f"is revoked (a bug); `artifact-plugins trust revoke --undo {digest}`" in refused

    assert trust("revoke", "--undo", digest, "--json") == {"subject": digest, "is_revoked": False}
    assert not Trust(home=home).judge(manifest()).is_trusted
    trust("pin", digest.removeprefix("sha256:"))
    assert Trust(home=home).judge(manifest()).is_trusted


def test_revoked_own_key_is_put_aside(trust, home) -> None:
    """What it signed is refused, and the next signing has a new key."""
    own = Trust(home=home)
    first = signed_by(own, manifest())

    document = trust("revoke", first.key_id, "--reason", "lost laptop", "--json")

    assert document["own_key_moved_to"] == str(home / f"keys/{first.key_id}.retired.pem")
    assert not own.judge(manifest(first)).is_trusted
    second = signed_by(own, manifest())
    assert own.judge(manifest(second)).is_trusted
    trust("revoke", first.key_id)  # again: nothing more happens
    assert signed_by(own, manifest()) == second


def test_home_of_the_settings(trust, tmp_path, home) -> None:
    """ARTIFACT_PLUGINS_TRUST_HOME names another folder, and a settings' pin is listed."""
    env = {
        "ARTIFACT_PLUGINS_TRUST_HOME": str(tmp_path / "other"),
        "ARTIFACT_PLUGINS_TRUST_PINS": json.dumps([DIGEST]),
    }

    trust("pin", DIGEST[:-1] + "6", env=env)

    assert "in the settings" in trust("list", env=env).stdout
    assert trust("list", "--json", env=env)["settings_pins"] == [DIGEST]
    assert stat.S_IMODE((tmp_path / "other/trust.json").stat().st_mode) == 0o600
    assert not home.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["add", "nothing.txt"], 1, "error[input]: 'nothing.txt' is neither a public key"),
        (["add", "."], 1, "error[input]: '.' is neither"),
        (["add", KEY[:-1]], 1, "error[input]: a public key is 'ed25519:' and 44"),
        (["add", "ed25519:" + "A" * 43 + "="], 1, "error[input]: everybody can sign"),
        (["add", KEY, "--plugins", ""], 1, "error[input]: pattern of plugins has 0"),
        (["add", KEY, "--plugins", "a\x1bb"], 1, "error[input]: pattern of plugins holds"),
        (["add", KEY, "--name", "x" * 300], 1, "error[input]: name has 300"),
        (["add"], 2, "Missing argument"),
        (["pin", "abc"], 1, "error[input]: 'abc' is not a digest"),
        (["pin", "md5:" + "0" * 32], 1, "is not a digest"),
        (["pin", KEY_ID], 1, "is not a digest"),
        (["revoke", "abc"], 1, "error[input]: 'abc' is not a digest"),
        (["revoke", "--undo", KEY_ID], 1, "is not revoked"),
        (["export", "no/such/folder"], 1, "error[os]"),
        (["forget"], 2, "No such command"),
    ],
    ids=str,
)
def test_wrong_usage_is_one_line_and_a_code(quick, home, arguments, code, message) -> None:
    """What cannot be done is said, and no file of decisions is made."""
    assert message in quick(*arguments, code=code)

    assert not (home / "trust.json").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds 0 lines"),
        ("# only a comment\n", "holds 0 lines"),
        (f"{KEY}\n{KEY}\n", "holds 2 lines"),
        ("hello\n", "a public key is 'ed25519:'"),
        ("-----BEGIN PRIVATE KEY-----\n", "holds a private key"),
        ("\x00\xff", "a public key is"),
    ],
)
def test_files_that_are_no_public_key(quick, home, work, text, message) -> None:
    """A file must hold exactly one public key."""
    (work / "key.txt").write_text(text, encoding="latin-1")

    assert message in quick("add", "key.txt", code=1)
    assert not home.exists()


def test_own_key_is_not_added(trust, home) -> None:
    """The own key is trusted already, and a scope would not change that."""
    text = trust("export").stdout.strip()

    assert "is the own key and trusted" in trust("add", text, code=1).stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_damaged_files_are_named(quick, home, command) -> None:
    """A damaged trust file or key is one line with its path and a code, and stays."""
    home.mkdir(parents=True, mode=0o700)
    (home / "keys").mkdir(mode=0o700)
    for path in (home / "trust.json", home / "keys/own.pem"):
        path.write_text("{")
        path.chmod(0o600)

    told = quick(*command, code=1)

    assert told.startswith(f"error[key-unreadable]: '{home}/")
    assert "damaged" in told
    assert told.count("\n") == 1
    assert {(home / "trust.json").read_text(), (home / "keys/own.pem").read_text()} == {"{"}


@pytest.mark.parametrize("command", COMMANDS[1:], ids=lambda command: command[0])
def test_home_that_cannot_be_made(quick, tmp_path, command) -> None:
    """Where nothing can be written the change is refused by name."""
    (tmp_path / "reader").write_text("a file")

    assert "error[key-unreadable]: " in quick(*command, code=1)


def test_pyproject_of_a_stranger_is_refused(trust, work, home) -> None:
    """A checkout that names its own home for keys stops the command."""
    (work / "pyproject.toml").write_text('[tool.artifact_plugins]\ntrust_home = "keys"\n')

    assert "error[settings]: trust_home is not taken from" in trust("list", code=1).stderr


def test_nothing_is_open_to_others(trust, home) -> None:
    """Whatever the umask, all that the commands make is private."""
    before = os.umask(0)
    try:
        for command in COMMANDS:
            trust(*command)
    finally:
        os.umask(before)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home, *home.rglob("*"))}
    assert modes == {
        "artifact_plugins": 0o700,
        "keys": 0o700,
        "own.pem": 0o600,
        "lock": 0o600,
        "trust.json": 0o600,
    }


def test_help_names_the_commands(trust) -> None:
    """`trust --help` lists all five, and no sentence of theirs is cut off."""
    text = trust("--help").stdout

    for command in ("list", "add", "pin", "revoke", "export"):
        assert f"\n  {command}  " in text
    assert "..." not in text.split("Commands:")[1]
