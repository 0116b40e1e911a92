"""The commands that a refusal names do what they say, and no more."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path

import pytest
from trust_cases import refused, signed_by, snapshot, statement, trust_key

from artifact_plugins.cli.app import group
from artifact_plugins.cli.failures import run as run_command
from artifact_plugins.errors import TrustError, UntrustedKeyError, UntrustedSnapshotError
from artifact_plugins.trust import SNAPSHOT_TYPE
from artifact_plugins.trust.trust_file import read_trust_file


def commands(error: TrustError) -> list[list[str]]:
    """The commands that a refusal names, as a shell would read them."""
    # `trust export` stands in backquotes: that one is for somebody else.
    found = re.findall(r"[^`]artifact-plugins (trust .*?)(?= \(KEY_FILE|; to |$)", str(error))
    return [shlex.split(command) for command in found]


def run(monkeypatch, home: Path, arguments: list[str]) -> None:
    monkeypatch.setenv("ARTIFACT_PLUGINS_TRUST_HOME", str(home))
    assert run_command(group, arguments) == 0


def test_commands_of_a_refusal_do_what_they_say(own, stranger, home, tmp_path, monkeypatch):
    """Each command that a refusal of a stranger's snapshot names makes it load, exactly that."""
    subject = snapshot(signed_by(stranger, snapshot()))
    add, by_digest = commands(refused(own, subject, UntrustedKeyError))
    run(monkeypatch, tmp_path / "stranger", ["trust", "export", str(tmp_path / "key")])
    add[add.index("KEY_FILE")] = str(tmp_path / "key")

    run(monkeypatch, home, add)
    assert own.judge(subject).is_trusted
    other = snapshot(payload=statement("other"), plugin="other")
    refused(
        own, dataclasses.replace(other, signatures=(signed_by(stranger, other),)), UntrustedKeyError
    )

    run(monkeypatch, home, ["trust", "revoke", subject.signatures[0].key_id])
    (by_digest_again,) = commands(refused(own, subject, UntrustedKeyError))
    assert by_digest_again == by_digest
    run(monkeypatch, home, by_digest)
    assert own.judge(subject).by == "pin"

    run(monkeypatch, home, ["trust", "revoke", subject.payload_digest])
    (undo,) = commands(refused(own, subject, UntrustedSnapshotError))
    run(monkeypatch, home, undo)
    refused(own, subject, UntrustedKeyError)  # taking a revocation back trusts nothing


def test_commands_for_a_key_out_of_scope_widen_it(own, stranger, home, monkeypatch):
    """The command keeps what the key was trusted for and adds this plugin."""
    trust_key(home, stranger, plugins=("other.*", "it's"))
    subject = snapshot(signed_by(stranger, snapshot()))

    (add,) = commands(refused(own, subject, UntrustedKeyError))
    run(monkeypatch, home, add)

    assert own.judge(subject).is_trusted
    assert read_trust_file(home).keys[0].plugins == ("other.*", "it's", "acme.frames")


@pytest.mark.parametrize("plugin", ["*", "a*", "?", "[a-z]*", "x; rm -rf ~", "$(id)", "a\nb"])
def test_name_chosen_by_a_stranger_widens_nothing(own, stranger, home, plugin):
    """The command for a plugin named like a pattern trusts that plugin and no other."""
    payload = statement(plugin)
    subject = snapshot(stranger.sign(SNAPSHOT_TYPE, payload), payload=payload, plugin=plugin)

    add = commands(refused(own, subject, UntrustedKeyError))[0]
    pattern = add[add.index("--plugins") + 1 :]

    assert len(pattern) == 1
    trust_key(home, stranger, plugins=tuple(pattern))
    assert own.judge(subject).is_trusted
    refused(own, snapshot(signed_by(stranger, snapshot())), UntrustedKeyError)
