"""What may be opened, and what is refused without being touched."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

import pytest

from artifact_plugins.errors import (
    LedgerCorruptError,
    LedgerSchemaTooNewError,
    SettingsError,
    StoreFullError,
    StoreSchemeNotAllowedError,
    StoreWriteError,
    UnsupportedFilesystemError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.ledger.compiled_sqlite import SCHEMA_VERSION
from artifact_plugins.ledger.sqlite import filesystem
from artifact_plugins.records import Batch, Run, VersionQuery, now


@pytest.mark.parametrize("path", ["deep/er/ledger.sqlite", "mit leer %20 #?ü.sqlite"])
def test_folder_and_tables_are_made(tmp_path, monkeypatch, make, path):
    """A relative URL makes folder, file and tables; a second opening finds the records."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{path}".replace("?", "")

    with Ledger.open(url, durable=True) as ledger:
        saved = make.save(ledger)
    with Ledger.open(f"sqlite:///{tmp_path}/{path}".replace("?", ""), durable=True) as again:
        found = again.version(saved.id)

    assert found == saved
    assert not list(tmp_path.rglob("*-wal"))


def test_ledgers_in_memory_are_their_own(make):
    """Two ledgers in memory share nothing."""
    first = Ledger.open("sqlite://", durable=True)
    second = Ledger.open("sqlite:///:memory:", durable=True)

    make.save(first)

    assert len(first.versions(VersionQuery())) == 1
    assert len(second.versions(VersionQuery())) == 0
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ledger.sqlite", SettingsError),
        ("", SettingsError),
        ("sqlite://host/x", SettingsError),
        ("sqlite:///x?mode=ro", SettingsError),
        ("postgresql://user:secret@host/x", SettingsError),
        ("mysql://user:secret@host/x", StoreSchemeNotAllowedError),
        ("user:secret@host/x", SettingsError),
        ("http://host", StoreSchemeNotAllowedError),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(tmp_path, monkeypatch, url, error):
    """Unknown schemes and other forms are named, passwords are not shown, nothing is made."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(error) as caught:
        Ledger.open(url, durable=True)

    assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("content", [b"hello", b"not a database" * 100, os.urandom(8192)])
def test_a_file_that_is_no_database_is_left_alone(tmp_path, content):
    """Text and random bytes are LedgerCorruptError and stay as they are (D3)."""
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(content)

    with pytest.raises(LedgerCorruptError, match="left as it is"):
        Ledger.open(f"sqlite:///{path}", durable=True)

    assert contents(tmp_path) == {str(path): content}


def test_a_database_of_another_application_is_left_alone(tmp_path):
    """A SQLite file with other tables is refused and nothing is added to it."""
    path = tmp_path / "other.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE x (y)")
    other.close()
    before = contents(tmp_path)

    with pytest.raises(LedgerCorruptError, match="another application"):
        Ledger.open(f"sqlite:///{path}", durable=True)

    assert contents(tmp_path) == before


def test_a_newer_schema_is_left_alone(tmp_path, make):
    """A ledger of a newer release is LedgerSchemaTooNewError; nothing is written (D8)."""
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(f"sqlite:///{path}", durable=True) as ledger:
        make.save(ledger)
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version=99")
    raw.close()
    before = contents(tmp_path)

    with pytest.raises(LedgerSchemaTooNewError) as caught:
        Ledger.open(f"sqlite:///{path}", durable=True)

    assert (caught.value.found, caught.value.known) == (99, SCHEMA_VERSION)
    assert contents(tmp_path) == before


def test_ruined_pages_are_named_and_left_alone(tmp_path, make):
    """Overwritten pages give LedgerCorruptError, in a look-up or in `check`; nothing is mended (D4)."""
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(f"sqlite:///{path}", durable=True) as ledger:
        for _ in range(200):
            make.save(ledger, metadata={"text": "x" * 1500})
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    data[half:] = b"\xa5" * (len(data) - half)
    path.write_bytes(data)

    with Ledger.open(f"sqlite:///{path}", durable=True) as ledger:
        with pytest.raises(LedgerCorruptError):
            ledger.versions(VersionQuery(), limit=1000)
        assert ledger.check()

    assert path.read_bytes() == bytes(data)


def test_a_ruined_record_is_named(tmp_path, make):
    """A row whose JSON was overwritten is LedgerCorruptError, not a bare decoding error."""
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger.open(f"sqlite:///{path}", durable=True)
    saved = make.save(ledger)
    raw = sqlite3.connect(path)
    raw.execute("UPDATE version SET files = '[[1'")
    raw.commit()
    raw.close()

    with pytest.raises(LedgerCorruptError, match="row"):
        ledger.version(saved.id)

    ledger.close()


@pytest.mark.parametrize("magic", [0x6969, 0xFF534D42, 0x65735546])
def test_network_filesystems_are_refused(tmp_path, monkeypatch, magic):
    """NFS, CIFS and FUSE are UnsupportedFilesystemError, and no file is made (D7)."""
    monkeypatch.setattr(filesystem, "filesystem_magic", lambda folder: magic)

    with pytest.raises(UnsupportedFilesystemError, match="local disk"):
        Ledger.open(f"sqlite:///{tmp_path}/ledger.sqlite", durable=True)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="statfs magic is Linux")
def test_the_filesystem_is_asked(tmp_path):
    """/proc tells its own magic number, so the answer above would be the system's."""
    assert filesystem.filesystem_magic(Path("/proc")) == 0x9FA0
    assert filesystem.filesystem_magic(tmp_path) != 0


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    """A file in the place of the folder is StoreWriteError."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(StoreWriteError, match="nothing was written"):
        Ledger.open(f"sqlite:///{tmp_path}/file/ledger.sqlite", durable=True)
    with pytest.raises(StoreWriteError, match="is a folder"):
        Ledger.open(f"sqlite:///{tmp_path}", durable=True)


def reads_but_does_not_write(url: str) -> int:
    """Return 0 when an unprivileged child reads two versions and is refused to write."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.getuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            with Ledger.open(url, durable=True) as ledger:
                run = Run(id="r", project="p", pipeline="x", name="x", started_at=now())
                count = len(ledger.versions(VersionQuery()))
                with pytest.raises(StoreWriteError, match="reading works"):
                    ledger.write(Batch(runs=(run,)))
                code = 0 if ledger.is_read_only and count == 2 else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("is_open", [False, True])
def test_a_read_only_ledger_is_read(make, is_open):
    """In a read-only folder reading works and writing is StoreWriteError (D6)."""
    folder = Path(tempfile.mkdtemp())
    ledger = Ledger.open(f"sqlite:///{folder}/ledger.sqlite", durable=True)
    try:
        make.save(ledger)
        make.save(ledger)
        if not is_open:
            ledger.close()
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)
        before = contents(folder)

        code = reads_but_does_not_write(ledger.url)

        assert code == 0
        if not is_open:
            assert contents(folder) == before
    finally:
        folder.chmod(0o755)
        ledger.close()
        shutil.rmtree(folder)


def test_a_full_disk_is_named_and_the_next_save_works(tmp_path, make):
    """When the file may not grow, a save is StoreFullError, and what was saved stays (A15)."""
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.sqlite", durable=True)
    make.save(ledger)
    raw = ledger._database.connection().raw
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.execute(f"PRAGMA max_page_count={pages}")

    with pytest.raises(StoreFullError, match="nothing was written"):
        make.save(ledger, metadata={"text": "x" * 100_000})

    raw.execute("PRAGMA max_page_count=100000")
    assert make.save(ledger, metadata={"text": "x" * 100_000}).version == 2
    ledger.close()
