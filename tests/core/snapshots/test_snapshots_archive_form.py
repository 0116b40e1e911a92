from __future__ import annotations

import io
import random
import zipfile

import pytest

from artifact_plugins.errors import NotSerializableError, ResourceLimitError
from artifact_plugins.snapshots.archive import (
    MAX_BYTES,
    MAX_FILES,
    Captured,
    normal_text,
    pack,
    write_archive,
)
from artifact_plugins.snapshots.opening import open_archive

MEMBERS = {
    "shop/__init__.py": b"",
    "shop/orders.py": b"class Order:\n    pass\n",
    "shop/grosse.csv": b"a,b\r\n1,2\r\n",
    "shop/größe.py": "WERT = 'ä'\n".encode(),
}


def packed(members: dict[str, bytes], **options) -> Captured:
    given = {"role": "project", "name": "shop", "roots": ["shop"], "libraries": {}} | options
    return pack(members, **given)


def test_order_of_members_makes_no_difference():
    """The same members are the same bytes, in whatever order they were collected."""
    shuffled = list(MEMBERS.items())
    random.Random(4).shuffle(shuffled)

    assert write_archive(dict(shuffled)) == write_archive(MEMBERS)


def test_digest_is_the_same_on_every_machine():
    """The digest of a known archive is a constant of the format."""
    found = packed(MEMBERS).archive.digest

    assert found == "sha256:d844029422748b178f279a04b9939eece717b756f10c9dae7a4fed54a92925bb"


def test_archive_opens_to_what_was_packed():
    """What is read is what was packed, and it is listed with sizes and digests."""
    captured = packed(MEMBERS)

    assert open_archive(captured.data, captured.archive) == MEMBERS
    assert [file.path for file in captured.archive.files] == sorted(MEMBERS)
    assert [file.size_bytes for file in captured.archive.files] == [
        len(MEMBERS[path]) for path in sorted(MEMBERS)
    ]


def test_archive_is_an_ordinary_zip_file():
    """Any zip tool reads an archive; every member is stored, dated 1980 and mode 0644."""
    with zipfile.ZipFile(io.BytesIO(write_archive(MEMBERS))) as archive:
        infos = archive.infolist()
        read = {info.filename: archive.read(info) for info in infos}
        assert archive.testzip() is None

    assert read == MEMBERS
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.external_attr >> 16 for info in infos} == {0o100644}


def test_nothing_is_an_archive_too():
    """An archive without members is written and read."""
    assert zipfile.ZipFile(io.BytesIO(write_archive({}))).namelist() == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a = 1\r\nb = 2\r\n", b"a = 1\nb = 2\n"),
        (b"a = 1\rb = 2\r", b"a = 1\nb = 2\n"),
        (b"a = 1\r\r\n\n", b"a = 1\n\n\n"),
        (b"\xef\xbb\xbfa = 1\r\n", b"\xef\xbb\xbfa = 1\n"),
        (b"# coding: latin-1\r\na = '\xe4'\r\n", b"# coding: latin-1\na = '\xe4'\n"),
        ("# coding: shift_jis\r\na = 'ソ'\r\n".encode("shift_jis"),
         "# coding: shift_jis\na = 'ソ'\n".encode("shift_jis")),
        (b"a = 'no end'", b"a = 'no end'"),
    ],
)  # fmt: skip
def test_source_has_line_feeds(before: bytes, after: bytes):
    """CRLF and CR of Python source become LF; BOM, encoding and other bytes stay."""
    assert normal_text("shop/a.py", before) == after


def test_source_means_the_same_with_line_feeds():
    """Python compiles the same code from a source and from its form in an archive."""
    text = b"# coding: latin-1\r\nTEXT = '''a\r\n\xe4'''\r\nDEEP = [\r\n1,\r2]\r\n"

    one: dict = {}
    other: dict = {}
    exec(compile(text, "a.py", "exec"), one)
    exec(compile(normal_text("a.py", text), "a.py", "exec"), other)

    assert one["TEXT"] == other["TEXT"] == "a\nä"
    assert one["DEEP"] == other["DEEP"]


def test_data_stays_byte_for_byte():
    """Line ends of a data file are data."""
    assert normal_text("shop/table.csv", b"a\r\nb\r\n") == b"a\r\nb\r\n"


def test_too_many_files_are_refused():
    """2,000 files are allowed, one more is a named error."""
    members = {f"shop/m{number}.py": b"" for number in range(MAX_FILES)}
    packed(members)

    with pytest.raises(ResourceLimitError, match="has 2001 files, allowed are 2000"):
        packed({**members, "shop/more.py": b""})


def test_too_many_bytes_are_refused():
    """Over 16 MiB of members are a named error, and so is the zip file around them."""
    with pytest.raises(ResourceLimitError, match=f"allowed are {MAX_BYTES}"):
        packed({"shop/a.bin": bytes(MAX_BYTES + 1)})
    with pytest.raises(ResourceLimitError, match=f"allowed are {MAX_BYTES}"):
        packed({"shop/a.bin": bytes(MAX_BYTES)})


@pytest.mark.parametrize(
    ("options", "members", "told"),
    [
        ({"roots": ["json"]}, {"json.py": b""}, "root 'json' has the name of a module of Python"),
        ({"roots": ["os"]}, {"os/__init__.py": b""}, "root 'os' has the name of a module"),
        ({"roots": ["artifact_plugins"]}, {"artifact_plugins/a.py": b""}, "of artifact_plugins"),
        ({"roots": ["artifact_plugins.session"]}, {}, "of artifact_plugins"),
        ({}, {"shop/A.py": b"", "shop/a.py": b""}, "differ only in case"),
        ({}, {"shop/a\\b.txt": b""}, "has a backslash"),
        ({}, {"shop/a\u200bb.txt": b""}, "has a character that is not shown"),
        ({}, {"shop/c:a.txt": b""}, "has a colon"),
    ],
)
def test_names_that_no_reader_accepts_are_not_written(options, members, told):
    """What `open_archive` would refuse for its names is refused when it is packed."""
    with pytest.raises(NotSerializableError, match=told):
        packed(members, **options)


def test_own_plugins_may_be_archived():
    """Packages below our plugin packages are roots, the plugin packages themselves are not."""
    packed({"artifact_materializers/numpy/a.py": b""}, roots=["artifact_materializers.numpy"])

    with pytest.raises(NotSerializableError, match="of artifact_plugins"):
        packed({"artifact_materializers/a.py": b""}, roots=["artifact_materializers"])
