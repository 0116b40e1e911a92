"""The trust file: read strictly, written whole, by many at once."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from trust_cases import ADDED, manifest, pin, revoke, signed_by, trust_key

from artifact_plugins.errors import InputError, KeyUnreadableError
from artifact_plugins.trust import Trust
from artifact_plugins.trust.digests import as_digest
from artifact_plugins.trust.own_key import retire
from artifact_plugins.trust.trust_file import (
    Pin,
    TrustFile,
    edit_trust_file,
    read_trust_file,
    trust_path,
    with_key,
    with_pin,
    without_revocation,
)

DIGEST = f"sha256:{'0' * 63}1"


@pytest.fixture
def filled(home: Path, stranger: Trust) -> dict[str, Any]:
    """A trust file with one entry of each kind; returns its document."""
    trust_key(home, stranger, plugins=("acme.*",), until=datetime(2030, 1, 1, tzinfo=UTC))
    pin(home, DIGEST)
    revoke(home, "f" * 32)
    return json.loads(trust_path(home).read_text())


def write(home: Path, document: object) -> None:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    trust_path(home).write_bytes(data)


def refusal(home: Path) -> str:
    with pytest.raises(KeyUnreadableError) as caught:
        read_trust_file(home)
    assert caught.value.path in str(caught.value)
    return str(caught.value)


def test_no_file_is_an_empty_one(home):
    """Reading makes nothing."""
    assert read_trust_file(home) == TrustFile()
    assert read_trust_file(None) == TrustFile()
    assert not home.exists()


def test_file_is_private_and_comes_back(home, filled):
    """What was written is read again, from a file that only its owner can read."""
    again = read_trust_file(home)

    assert stat.S_IMODE(trust_path(home).stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert again.model_dump(mode="json") == filled
    assert sorted(path.name for path in home.iterdir()) == ["lock", "trust.json"]


def test_file_is_parsed_once_until_it_changes(home, filled):
    """The same object is returned until the file is another one."""
    first = read_trust_file(home)
    assert read_trust_file(home) is first

    pin(home, DIGEST[:-1] + "2")

    assert len(read_trust_file(home).pins) == 2
    filled["pins"] = []
    write(home, filled)  # in place, by hand
    assert read_trust_file(home).pins == ()


@pytest.mark.parametrize("member", ["public_key", "key_id"])
def test_every_changed_character_of_a_key_is_noticed(home, filled, member):
    """A key and its id fit together; changing a character of either is a named error."""
    text = filled["keys"][0][member]

    for at in range(len(text)):
        for mask in (1, 0x20):
            changed = text[:at] + chr(ord(text[at]) ^ mask) + text[at + 1 :]
            write(home, {**filled, "keys": [{**filled["keys"][0], member: changed}]})
            assert "damaged" in refusal(home)
    write(home, filled)
    assert read_trust_file(home).keys[0].public_key == filled["keys"][0]["public_key"]


def test_truncated_file_is_refused(home, filled):
    """No beginning of the file is taken for a file, the empty one included."""
    whole = trust_path(home).read_bytes().rstrip()

    for length in range(len(whole)):
        write(home, whole[:length])
        assert "damaged" in refusal(home)
    write(home, whole)
    assert read_trust_file(home).pins


def _entry(kind: str, **changes: object) -> Any:
    def change(document: dict[str, Any]) -> None:
        document[kind][0].update(changes)

    return change


def _set(**changes: object) -> Any:
    return lambda document: document.update(changes)


DAMAGE = {
    "unknown member": _set(extra=1),
    "unknown member of a key": _entry("keys", extra=1),
    "keys are a table": _set(keys={}),
    "keys are null": _set(keys=None),
    "key is text": _set(keys=["x"]),
    "pin is twice": lambda d: d["pins"].append(d["pins"][0]),
    "key is twice": lambda d: d["keys"].append(d["keys"][0]),
    "revocation is twice": lambda d: d["revoked"].append(d["revoked"][0]),
    "no plugins": _entry("keys", plugins=[]),
    "empty pattern": _entry("keys", plugins=["a", ""]),
    "plugins are text": _entry("keys", plugins="*"),
    "until without a zone": _entry("keys", until="2030-01-01T00:00:00"),
    "until is a number": _entry("keys", until=1893456000),
    "until is text": _entry("keys", until="never"),
    "md5": _entry("pins", digest="md5:" + "0" * 32),
    "no algorithm": _entry("pins", digest="0" * 64),
    "upper case": _entry("pins", digest="sha256:" + "A" * 64),
    "newline": _entry("pins", digest=DIGEST + "\n"),
    "revoked name": _entry("revoked", subject="acme"),
    "version is missing": lambda d: d.pop("format_version") and None,
    "version is text": _set(format_version="1"),
    "version is 0": _set(format_version=0),
    "version is true": _set(format_version=True),
    "version is 1.5": _set(format_version=1.5),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_file_that_says_something_else_is_refused(home, filled, name):
    """Nothing is guessed: every deviation is a named error, and the file stays."""
    DAMAGE[name](filled)
    write(home, filled)
    before = trust_path(home).read_bytes()

    assert "damaged" in refusal(home)
    with pytest.raises(KeyUnreadableError):
        pin(home, DIGEST)

    assert trust_path(home).read_bytes() == before


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"null",
        b"1",
        b"\xff\xfe",
        b"\x00",
        b"[" * 100_000,
        b'{"format_version": 1' + b"0" * 9999,
    ],
    ids=["list", "null", "number", "utf-16", "nul", "deep", "huge number"],
)
def test_file_that_is_no_table_is_refused(home, filled, data):
    """JSON of another shape, or no JSON, is a named error."""
    write(home, data)

    assert "damaged" in refusal(home)


def test_member_that_is_there_twice_is_refused(home, filled):
    """Of two members of one name none is chosen."""
    text = json.dumps(filled)
    write(home, text.replace('"keys":', '"keys": [], "keys":').encode())

    assert "twice" in refusal(home)


@pytest.mark.parametrize("version", [2, 10**9])
def test_file_of_a_newer_release_is_refused(home, version):
    """A newer format is named, whatever else it holds, and never overwritten."""
    home.mkdir(0o700)
    write(home, {"format_version": version, "web_of_trust": True})
    before = trust_path(home).read_bytes()

    assert f"format {version}, this release knows 1; upgrade" in refusal(home)
    with pytest.raises(KeyUnreadableError, match="upgrade"):
        pin(home, DIGEST)

    assert trust_path(home).read_bytes() == before


@pytest.mark.parametrize(("bits", "is_refused"), [(0o660, 1), (0o602, 1), (0o644, 0), (0o600, 0)])
def test_file_that_others_can_write_is_refused(home, filled, bits, is_refused):
    """Only its owner decides; that others can read it does no harm."""
    trust_path(home).chmod(bits)

    if is_refused:
        assert "chmod 600" in refusal(home)
    else:
        assert read_trust_file(home).pins


def test_folder_that_others_can_write_is_refused(home, filled):
    """Where others can remove the file its absence is not believed."""
    home.chmod(0o777)
    trust_path(home).unlink()

    assert "chmod 700" in refusal(home)
    home.chmod(0o700)
    assert read_trust_file(home) == TrustFile()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_file_of_somebody_else_is_refused(home, filled):
    """A file of another user is not ours; one of the administrator is taken."""
    os.chown(trust_path(home), 12345, -1)

    assert "belongs to user 12345" in refusal(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="root makes the file here")
def test_file_of_the_administrator_counts(as_somebody_else, stranger):
    """A trust file that root provides, readable by all, is the reader's too."""
    with as_somebody_else() as folder:
        home = folder / "home"
        os.seteuid(0)
        trust_key(home, stranger)
        home.chmod(0o755)
        trust_path(home).chmod(0o644)
        signature = signed_by(stranger, manifest())
        os.seteuid(65534)

        assert Trust(home=home).judge(manifest(signature)).is_trusted
        with pytest.raises(KeyUnreadableError, match="cannot be written"):
            pin(home, DIGEST)


@pytest.mark.parametrize("name", ["trust.json", "lock"])
def test_links_are_not_followed(home, filled, tmp_path, name):
    """A link in the place of the file or the lock is refused, and its target stays."""
    (tmp_path / "target").write_text("mine")
    (home / name).unlink()
    (home / name).symlink_to(tmp_path / "target")

    with pytest.raises(KeyUnreadableError):
        pin(home, DIGEST)

    assert (tmp_path / "target").read_text() == "mine"


def test_large_file_is_refused(home, filled):
    """A file over the limit is not parsed."""
    write(home, b" " * (16 * 1024 * 1024 + 1))

    assert "more than" in refusal(home)


def test_read_only_home_cannot_be_changed(as_somebody_else):
    """Adding where nothing can be written is a named error."""
    with as_somebody_else() as folder:
        folder.chmod(0o500)
        with pytest.raises(KeyUnreadableError, match=r"cannot be written \(Permission denied\)"):
            pin(folder / "home", DIGEST)


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from artifact_plugins.trust.trust_file import Pin, edit_trust_file, with_pin
first, home = int(sys.argv[1]), Path(sys.argv[2])
sys.stdin.readline()
for number in range(first, first + 10):
    entry = Pin(digest=f"sha256:{number:064x}", added_at=datetime.now(UTC))
    edit_trust_file(home, lambda file: with_pin(file, entry))
"""


def test_eight_processes_write_at_once(home):
    """Of 80 pins by 8 processes all are there, readers meanwhile see whole files only."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(number * 100), str(home)], stdin=subprocess.PIPE
        )
        for number in range(8)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()

    seen = [0]
    while any(writer.poll() is None for writer in writers):
        seen.append(len(read_trust_file(home).pins))

    assert [writer.wait() for writer in writers] == [0] * 8
    assert seen == sorted(seen)
    assert len(read_trust_file(home).pins) == 80
    assert sorted(path.name for path in home.iterdir()) == ["lock", "trust.json"]


def test_what_a_killed_writer_left_harms_nobody(home, filled):
    """A half written file beside the trust file is written over, not read."""
    (home / "trust.json.new").write_text("{half")

    pin(home, DIGEST[:-1] + "2")

    assert len(read_trust_file(home).pins) == 2
    assert sorted(path.name for path in home.iterdir()) == ["lock", "trust.json"]


def test_lock_that_stays_taken_is_named(home, filled, monkeypatch):
    """A writer does not wait for ever."""
    monkeypatch.setattr("artifact_plugins.trust.home._LOCK_SECONDS", 0.02)
    with (home / "lock").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        with pytest.raises(KeyUnreadableError, match="locked by another process"):
            pin(home, DIGEST)
        assert read_trust_file(home).pins  # readers do not wait at all

    pin(home, DIGEST)


def test_entries_replace_one_another(home, stranger, filled):
    """Adding a key or pin again replaces it; what is revoked comes back only after an undo."""
    trust_key(home, stranger, plugins=("*",), name="new")
    pin(home, DIGEST)
    file = read_trust_file(home)
    assert [(key.name, key.plugins) for key in file.keys] == [("new", ("*",))]
    assert len(file.pins) == 1

    key = file.keys[0]
    revoke(home, DIGEST)
    revoke(home, key.key_id)
    revoke(home, key.key_id)
    file = read_trust_file(home)
    assert (file.keys, file.pins) == ((), ())
    assert len(file.revoked) == 3
    with pytest.raises(InputError, match="revoke --undo"):
        with_key(file, key)
    with pytest.raises(InputError, match="revoke --undo"):
        with_pin(file, Pin(digest=DIGEST, added_at=ADDED))
    file = without_revocation(without_revocation(file, DIGEST), key.key_id)
    assert with_key(file, key).key == {key.key_id: key}
    with pytest.raises(InputError, match="is not revoked"):
        without_revocation(file, DIGEST)


def test_edit_that_changes_nothing_writes_nothing(home, filled):
    """The file is left alone when the change returns it as it is."""
    before = trust_path(home).stat()

    edit_trust_file(home, lambda file: file)

    assert trust_path(home).stat() == before


def test_retired_key_signs_no_more(home, own):
    """After the own key is put aside the next signing makes another, in a running process too."""
    first = signed_by(own, manifest())

    assert retire(home, "0" * 32) is None
    assert signed_by(own, manifest()) == first

    aside = retire(home, first.key_id)
    second = signed_by(own, manifest())

    assert aside is not None
    assert aside.name == f"{first.key_id}.retired.pem"
    assert second.key_id != first.key_id
    assert own.judge(manifest(second)).is_trusted
    assert not own.judge(manifest(first)).is_trusted
    assert retire(home, first.key_id) is None


def test_digests_are_read(home):
    """64 hex characters are SHA-256; other things are no digest."""
    assert as_digest("0" * 63 + "1") == DIGEST
    assert as_digest(DIGEST) == DIGEST
    assert as_digest("blake3:" + "a" * 64) == "blake3:" + "a" * 64
    for text in ("", "sha256:", "md5:" + "0" * 64, "A" * 64, DIGEST + "0", "sha256:sha256:"):
        with pytest.raises(InputError, match="is not a digest"):
            as_digest(text)
