"""Bad input: a named error each, nothing half-written, and the next save works."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import artifact_plugins as ap
from artifact_plugins import errors
from artifact_plugins.records import VersionQuery

RECURSIVE: dict[str, Any] = {}
RECURSIVE["self"] = RECURSIVE
DEEP: Any = 1
for _ in range(1000):
    DEEP = [DEEP]

NAMES = [
    "",
    " ",
    ".",
    "..",
    "a/../../b",
    "..\\x",
    "/etc/passwd",
    "C:\\x",
    "\\\\server\\share",
    "%2e%2e%2f",
    "a\0b",
    "a\nb",
    "a\tb",
    "x" * 201,
    "name.",
    "name ",
    "CON",
    "aux.txt",
    "\ud800",
    "\u202eevil",
    "-rf",
    "~root",
    "*",
    "[a]",
    "{x}",
    "a::b",
    "file://x",
    "s3://b/k",
    7,
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_with_tricks_are_refused(session, name):
    """F1-F8: the error names the name, nothing is saved, the next save works."""
    with pytest.raises(errors.InvalidNameError, match="nothing was saved"):
        session.save(1, name)
    assert len(session.ledger.versions(VersionQuery())) == 0
    assert session.save(1, "fine").version == 1


@pytest.mark.parametrize("name", ["flights", "Prix moyen", "données-2013", "名前", "a_b.c-d"])
def test_names_of_people_are_accepted(session, name):
    """Letters of any script, digits, dots, dashes and inner spaces are fine."""
    session.save(1, name)

    assert session.load(name) == 1


def test_sql_in_a_name_is_only_refused_for_its_characters(session):
    """D10: quotes do not fit a name; in a description they are data."""
    text = "'; DROP TABLE artifact_version; --"
    with pytest.raises(errors.InvalidNameError):
        session.save(1, text)

    version = session.save(1, "fine", description=text, metadata={"x": text})

    assert session.find("fine").description == text
    assert session.find("fine").metadata["x"] == text
    assert version.version == 1


METADATA = {
    "nan": {"a": float("nan")},
    "infinity": {"a": {"b": [1.0, float("inf")]}},
    "too large an integer": {"a": 2**63},
    "bytes": {"a": b"x"},
    "a set": {"a": {1}},
    "an integer key": {1: 2},
    "a cycle": RECURSIVE,
    "too deep": {"a": DEEP},
    "10 MB of text": {"a": "x" * 10_000_000},
    "control characters": {"a": "x\x1b[31m"},
    "a lone surrogate": {"a": "\ud800"},
    "too many keys": {str(n): n for n in range(10_001)},
    "a path": {"a": Path("x")},
    "a complex number": {"a": 1j},
}


@pytest.mark.parametrize("metadata", METADATA.values(), ids=METADATA.keys())
def test_metadata_that_json_cannot_keep_is_refused_by_path(session, metadata):
    """G1-G18: nothing is saved; the error says which value."""
    with pytest.raises(errors.MetadataValueError, match="nothing was saved"):
        session.save(1, "x", metadata=metadata)
    assert len(session.ledger.versions(VersionQuery())) == 0


def test_metadata_error_names_the_path(session):
    """The path reads like an expression."""
    with pytest.raises(errors.MetadataValueError, match=r"a\.b\[1\]") as caught:
        session.save(1, "x", metadata={"a": {"b": [1, float("nan")]}})
    assert caught.value.path == "a.b[1]"


@pytest.mark.parametrize(
    "url",
    [
        "github://owner/repo",
        "zip::http://host/x.zip",
        "simplecache::http://169.254.169.254/",
        "ftp://host/x",
        "smb://host/x",
        "nonsense://x",
    ],
)
def test_unknown_store_schemes_are_refused_before_anything_is_opened(places, url):
    """F23: no filesystem is constructed."""
    with pytest.raises(errors.StoreSchemeNotAllowedError):
        ap.Session(ap.Settings(**{**places, "store_url": url}))


def test_unknown_ledger_url_is_refused(places):
    """A ledger that this release cannot speak to is named."""
    with pytest.raises(errors.ArtifactPluginsError, match="nonsense"):
        ap.Session(ap.Settings(**{**places, "ledger_url": "nonsense://x"}))


def _ledger_file(places: dict[str, str]) -> Path:
    return Path(places["ledger_url"].removeprefix("sqlite:///"))


def test_corrupt_ledger_is_named_and_left_alone(places):
    """D3: random bytes are not overwritten."""
    path = _ledger_file(places)
    path.write_bytes(os.urandom(8192))
    before = path.read_bytes()

    with pytest.raises(errors.LedgerCorruptError):
        ap.Session(ap.Settings(**places)).save(1, "x")
    assert path.read_bytes() == before


def test_newer_ledger_schema_is_refused(places, session):
    """D8: a ledger of a later release is not written."""
    session.save(1, "x")
    session.close()
    with sqlite3.connect(_ledger_file(places)) as database:
        database.execute("PRAGMA user_version = 999")
    database.close()

    with pytest.raises(errors.LedgerSchemaTooNewError):
        ap.Session(ap.Settings(**places))


def test_locked_ledger_says_how_long_it_waited(places, session):
    """D1: nothing is written, and the save works once the lock is gone."""
    session.save(1, "x")
    other = sqlite3.connect(_ledger_file(places), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    impatient = ap.Session(ap.Settings(**places, busy_timeout_seconds=0.2))

    with pytest.raises(errors.LedgerBusyError) as caught:
        impatient.save(2, "x")

    other.execute("ROLLBACK")
    other.close()
    assert caught.value.waited >= 0.1
    assert impatient.save(2, "x").version == 2
    impatient.close()


def test_full_disk_is_named_and_leaves_nothing(places):
    """A15: the version is not there, the old ones load, the next save works."""
    from artifact_plugins import failpoints

    with ap.open_session(ap.Settings(**places)) as session:
        session.save("old" * 5000, "old")
        failpoints.configure("save.mid_payload=error:ENOSPC")
        try:
            with pytest.raises(errors.StoreFullError):
                session.save("x" * 100_000, "big")
        finally:
            failpoints.configure("")

        assert len(session.ledger.versions(VersionQuery(artifact="big"))) == 0
        assert session.load("old") == "old" * 5000
        assert session.save("x" * 100_000, "big").version == 1


@pytest.mark.parametrize("code", ["EROFS", "EACCES", "EDQUOT", "EFBIG", "EIO"])
def test_refused_write_is_named_and_leaves_nothing(places, code):
    """A16: reading works, writing says why not, and works again afterwards."""
    from artifact_plugins import failpoints

    with ap.open_session(ap.Settings(**places)) as session:
        session.save("old" * 5000, "old")
        failpoints.configure(f"save.mid_payload=error:{code}")
        try:
            with pytest.raises(errors.StoreWriteError, match="nothing"):
                session.save("x" * 100_000, "big")
        finally:
            failpoints.configure("")

        assert session.load("old") == "old" * 5000
        assert session.save("x" * 100_000, "big").version == 1


def _payload(places: dict[str, str]) -> Path:
    files = [p for p in Path(places["store_url"]).glob("versions/*/*/*") if p.is_file()]
    return max(files, key=lambda p: p.stat().st_size)


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete", "append"])
def test_payload_changed_on_disk_is_found_before_it_is_parsed(places, damage):
    """A23, A24: a fresh process refuses it; other versions load."""
    with ap.open_session(ap.Settings(**places)) as session:
        session.save("fine" * 5000, "fine")
        version = session.save("x" * 100_000, "big")
    path = _payload(places)
    data = bytearray(path.read_bytes())
    path.chmod(0o644)
    if damage == "flip":
        data[50_000] ^= 1
        path.write_bytes(data)
    elif damage == "truncate":
        path.write_bytes(data[:-1])
    elif damage == "append":
        path.write_bytes(data + b"x")
    else:
        path.unlink()

    with ap.open_session(ap.Settings(**places)) as session:
        with pytest.raises((errors.StoreIntegrityError, errors.ArtifactMissingError)):
            session.load(version)
        assert session.load("fine") == "fine" * 5000


def test_undamaged_payload_loads(places):
    """Negative control of the damage tests."""
    with ap.open_session(ap.Settings(**places)) as session:
        version = session.save("x" * 100_000, "big")

    with ap.open_session(ap.Settings(**places)) as session:
        assert session.load(version) == "x" * 100_000


@pytest.mark.parametrize("reference", ["missing", "x@9", "x@alias", "ffffffffffff"])
def test_missing_versions_are_named(session, reference):
    """The error is a LookupError too."""
    session.save(1, "x")

    with pytest.raises(errors.ArtifactMissingError):
        session.load(reference)
    with pytest.raises(LookupError):
        session.load(reference)


def test_same_key_with_other_content_is_refused(session):
    """B4: the first save stays."""
    session.save(1, "x", idempotency_key="k")

    with pytest.raises(errors.IdempotencyConflictError):
        session.save(2, "x", idempotency_key="k")
    assert session.load("x") == 1
    assert session.save(1, "x", idempotency_key="k").version == 1


@pytest.mark.parametrize(
    ("setting", "bad"),
    [("durability", "maybe"), ("inline_max_bytes", -1), ("project", "../x"), ("nonsense", 1)],
)
def test_settings_that_cannot_be_used_are_named(setting, bad):
    """The error says which setting and where it can be set."""
    with pytest.raises(
        errors.ArtifactPluginsError, match=setting if setting != "project" else "project"
    ):
        ap.Settings(**{setting: bad})
