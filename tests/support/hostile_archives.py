"""Zip files that nobody may open, each made from scratch: (name, bytes, record, what is said)."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from zip_fields import Entry, local_header, zipped

from artifact_plugins.errors import (
    DigestMismatchError,
    ManifestInvalidError,
    ResourceLimitError,
)
from artifact_plugins.records import CodeArchive, FileRecord
from artifact_plugins.snapshots.archive import (
    MAX_BYTES,
    MAX_FILES,
    sha256,
    write_archive,
)

GOOD = {
    "shop/__init__.py": b"",
    "shop/orders.py": b"raise SystemExit('executed')\n",
    "shop/prices.csv": b"a,1\n",
}


@dataclass(frozen=True)
class Hostile:
    """One archive and how it is refused.

    Attributes:
        archive: Its record; the digest of the bytes is right unless that is the case.
        error: What is raised.
        told: What its message says.
    """

    name: str
    data: bytes
    archive: CodeArchive
    error: type[Exception]
    told: str


def record(data: bytes, members: dict[str, bytes] | None = None, **more: Any) -> CodeArchive:
    """Return a record that agrees with the bytes, as somebody who signs anything would write it."""
    members = GOOD if members is None else members
    files = tuple(
        FileRecord(path=path, size_bytes=len(members[path]), digest=sha256(members[path]))
        for path in sorted(members)
    )
    given: dict[str, Any] = {
        "role": "project",
        "name": "shop",
        "digest": sha256(data),
        "roots": ("shop",),
        "files": files,
    }
    return CodeArchive(**given | more)


A = Entry(b"shop/__init__.py", b"")
B = Entry(b"shop/orders.py", GOOD["shop/orders.py"])
C = Entry(b"shop/prices.csv", GOOD["shop/prices.csv"])

PATHS = {
    "above": "../evil.py",
    "above inside": "shop/../../evil.py",
    "above at the end": "shop/..",
    "above its folder": "shop/../shop/evil.py",
    "here": "./shop/evil.py",
    "here inside": "shop/./evil.py",
    "empty part": "shop//evil.py",
    "absolute": "/etc/passwd",
    "absolute twice": "//host/share/evil.py",
    "home": "~/../evil.py",
    "drive": "C:/evil.py",
    "drive without slash": "C:evil.py",
    "stream": "shop/orders.py:evil",
    "backslash": "shop\\evil.py",
    "backslash above": "..\\..\\evil.py",
    "backslash absolute": "\\evil.py",
    "share": "\\\\host\\share\\evil.py",
    "device": "\\\\?\\C:\\evil.py",
    "nul": "shop/evil.py\x00.txt",
    "nul at the end": "shop/evil.py\x00",
    "line feed": "shop/ev\nil.py",
    "carriage return": "shop/ev\ril.py",
    "tab": "shop/ev\til.py",
    "escape": "shop/\x1b[31mevil.py",
    "delete": "shop/evil\x7f.py",
    "right to left": "shop/\u202eyp.live",
    "zero width": "shop/orders\u200b.py",
    "byte order mark": "shop/\ufefforders.py",
    "decomposed": "shop/gro\u0308sse.py",
    "folder": "shop/evil/",
    "folder above": "../",
    "root": "/",
    "empty": "",
    "dot": ".",
    "long": "shop/" + "e" * 1100 + ".py",
}
OUTSIDE = {
    "standard library": "json.py",
    "standard package": "os/__init__.py",
    "site hook": "sitecustomize.py",
    "another package": "numpy/__init__.py",
    "us": "artifact_plugins/session/__init__.py",
    "beginning of a root": "shopping/__init__.py",
    "script": "__main__.py",
}
NOT_UTF8 = {
    "latin": b"shop/gr\xf6sse.py",
    "half a letter": b"shop/evil\xc3",
    "surrogate": b"shop/\xed\xa0\x80.py",
    "long form of a slash": b"shop\xc0\xafevil.py",
    "long form of a dot": b"\xc0\xae\xc0\xae/evil.py",
}


def _one(name: str, data: bytes, told: str, **more: Any) -> Hostile:
    error = more.pop("error", ManifestInvalidError)
    archive = more.pop("archive", None) or record(data, **more)
    return Hostile(name, data, archive, error, told)


def _named(path: str | bytes, content: bytes = b"x = 1\n") -> bytes:
    name = path.encode("utf-8", "surrogatepass") if isinstance(path, str) else path
    flags = 0 if name.isascii() else 0x800
    return zipped(sorted([A, B, Entry(name, content, flags)], key=lambda entry: entry.name))


def _paths() -> Iterator[Hostile]:
    told = "is refused: (the name|member)"
    for name, path in PATHS.items():
        members = {"shop/__init__.py": b"", "shop/orders.py": B.data, path: b"x = 1\n"}
        yield _one(f"path: {name}", _named(path), told, members=members)
    for name, path in OUTSIDE.items():
        members = {"shop/__init__.py": b"", "shop/orders.py": B.data, path: b"x = 1\n"}
        yield _one(f"outside: {name}", _named(path), "lies outside its roots", members=members)
    for name, raw in NOT_UTF8.items():
        yield _one(f"not UTF-8: {name}", _named(raw), "is not UTF-8")


def _members() -> Iterator[Hostile]:
    twice = zipped([A, B, Entry(B.name, b"evil = 1\n")])
    yield _one("twice, other content", twice, "is there twice")
    yield _one("twice, same content", zipped([A, B, replace(B)]), "is there twice")
    yield _one("twice in the directory", zipped([A, B], directory=[A, B, B]), "is there twice")
    yield _one("twice, not side by side", zipped([A, B, C, Entry(A.name)]), "is there twice")
    for one, other in (
        ("shop/Orders.py", "shop/orders.py"),
        ("SHOP/orders.py", "shop/orders.py"),
        ("shop/STRASSE.csv", "shop/straße.csv"),
        ("shop/\u212a.csv", "shop/k.csv"),  # the Kelvin sign
    ):
        members = {one: b"1", other: b"2"}
        yield _one(f"case: {one} {other}", write_archive(members), "case|form C", members=members)
    members = {"shop": b"1", "shop/orders.py": b"2"}
    yield _one(
        "file and folder", write_archive(members), "is a file and the folder", members=members
    )
    members = {"shop/a": b"1", "shop/a/b/c.py": b"2"}
    yield _one("file and folder deep", write_archive(members), "is a file and", members=members)
    yield _one("unsorted", zipped([B, A]), "is not in its place")
    yield _one("unlisted", write_archive({**GOOD, "shop/z.py": b"evil"}), "is not listed")
    yield _one("listed and missing", write_archive({"shop/__init__.py": b""}), "is missing")
    yield _one("empty", write_archive({}), "is missing")
    other = write_archive({**GOOD, "shop/orders.py": b"evil = 1\n"})
    yield _one(
        "other content", other, "of the archive of 'shop' has digest", error=DigestMismatchError
    )
    files = (*record(b"").files, record(b"").files[0])
    good = write_archive(GOOD)
    yield _one("listed twice", good, "lists a member twice", files=files)


ATTRIBUTES = {
    "symbolic link": ({"external": 0o120777 << 16}, "is a symbolic link"),
    "symbolic link of root": ({"external": 0o120000 << 16, "data": b"/etc/passwd"}, "symbolic link"),
    "folder by mode": ({"external": 0o040755 << 16}, "is a folder"),
    "folder by DOS": ({"external": 0x10}, "is a folder"),
    "device": ({"external": 0o060644 << 16}, "other attributes"),
    "pipe": ({"external": 0o010644 << 16}, "other attributes"),
    "socket": ({"external": 0o140644 << 16}, "other attributes"),
    "set user": ({"external": 0o104755 << 16}, "other attributes"),
    "executable": ({"external": 0o100755 << 16}, "other attributes"),
    "no attributes": ({"external": 0}, "other attributes"),
    "read only of DOS": ({"external": (0o100644 << 16) | 1}, "other attributes"),
    "internal": ({"internal": 1}, "another time, origin or flag"),
    "of DOS": ({"made_by": 20}, "another time, origin or flag"),
    "of a newer zip": ({"made_by": 0x33F}, "another time, origin or flag"),
    "needs a newer zip": ({"version": 45}, "another time, origin or flag"),
    "needs none": ({"version": 0}, "another time, origin or flag"),
    "another disk": ({"disk": 1}, "another time, origin or flag"),
    "encrypted": ({"flags": 0x1}, "is encrypted"),
    "strongly encrypted": ({"flags": 0x41}, "is encrypted"),
    "masked": ({"flags": 0x2001}, "is encrypted"),
    "size behind": ({"flags": 0x8}, "has its size behind it"),
    "patched": ({"flags": 0x20}, "another time, origin or flag"),
    "UTF-8 without need": ({"flags": 0x800}, "another time, origin or flag"),
    "a time": ({"time": 1}, "another time, origin or flag"),
    "a date": ({"date": 0x5A21}, "another time, origin or flag"),
    "no date": ({"date": 0}, "another time, origin or flag"),
    "extra": ({"extra": b"UT\x05\x00\x01abcd"}, "extra fields or a comment"),
    "extra ZIP64": ({"extra": struct.pack("<HHQQ", 1, 16, 6, 6)}, "extra fields"),
    "extra path": ({"extra": b"up\x0c\x00\x01abcdevil.py"}, "extra fields"),
    "comment": ({"comment": b"#!/bin/sh"}, "extra fields or a comment"),
    "extra in the local header": ({"local_extra": b"UT\x00\x00"}, "described in two ways"),
    "another name inside": ({"local_name": b"shop/evil1.py"}, "described in two ways"),
    "a path inside": ({"local_name": b"../../evil.py"}, "described in two ways"),
    "another checksum inside": ({"local_crc": 1}, "described in two ways"),
    "another size inside": ({"local_size": 1}, "described in two ways"),
    "other flags inside": ({"local_flags": 1}, "described in two ways"),
    "another method inside": ({"local_method": 8}, "described in two ways"),
    "another date inside": ({"local_date": 0}, "described in two ways"),
    "wrong checksum": ({"crc": 1}, "another checksum"),
    "larger than it is": ({"size": 600, "packed": 600}, "reaches over the end"),
    "smaller than it is": ({"size": 1, "packed": 1}, "has another checksum"),
    "packed smaller": ({"packed": 1}, "is compressed"),
    "packed larger": ({"size": 1}, "is compressed"),
    "ZIP64 size": ({"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF}, "ZIP64"),
    "ZIP64 packed": ({"packed": 0xFFFFFFFF}, "ZIP64"),
    "ZIP64 offset": ({"offset": 0xFFFFFFFF}, "ZIP64"),
    "offset of another": ({"offset": 0}, "overlaps another one"),
    "offset inside itself": ({"offset": 50}, "bytes lie before"),
    "offset behind": ({"offset": 10_000}, "bytes lie before"),
    "gap": ({"padding": b"gap"}, "bytes lie before"),
}  # fmt: skip


def _attributes() -> Iterator[Hostile]:
    for name, (fields, told) in ATTRIBUTES.items():
        yield _one(f"member: {name}", zipped([A, replace(B, **fields), C]), told)
    for method in (1, 6, 8, 9, 12, 14, 93, 95, 99):
        yield _one(f"method {method}", zipped([A, replace(B, method=method), C]), "is compressed")


def _whole() -> Iterator[Hostile]:
    trio = [A, B, C]
    good = zipped(trio)
    shifted = zipped(trio, before=b"#!/bin/sh\n")
    yield _one("data before, offsets right", shifted, "bytes lie before")
    yield _one("data before, offsets wrong", b"#!/bin/sh\n" + good, "bytes lie before")
    yield _one("data after", good + b"evil", "bytes or a comment follow its end|truncated")
    yield _one("another zip after", good + good, "bytes lie before")
    yield _one("an empty zip after", good + write_archive({}), "bytes lie before")
    yield _one("a signature after", good + b"PK\x05\x06", "bytes or a comment follow its end")
    yield _one("a comment", zipped(trio, comment=b"evil"), "bytes or a comment follow its end")
    end_in_comment = zipped(trio, comment=good[-22:])
    yield _one("an end in the comment", end_in_comment, "bytes lie before")
    yield _one("comment that is not there", good[:-2] + b"\x04\x00", "it has a comment")
    yield _one("data before the directory", zipped(trio, between=b"evil"), "after its members")
    yield _one("data before the end", zipped(trio, before_end=b"evil"), "after its directory")
    wider = (
        len(zipped(trio, before_end=b"evil"))
        - 22
        - len(b"".join(local_header(e) + e.data for e in trio))
    )
    data = zipped(trio, before_end=b"evil", size=wider)
    yield _one("data in the directory", data, "more entries than it says|damaged|truncated")
    yield _one("fewer entries said", zipped(trio, count=2), "more entries than it says")
    yield _one("more entries said", zipped(trio, count=4), "directory is truncated|damaged")
    yield _one("no entries said", zipped(trio, count=0), "more entries than it says")
    yield _one("entries elsewhere", zipped(trio, here=2), "one part of several")
    yield _one("second disk", zipped(trio, disks=(1, 0)), "one part of several")
    yield _one("directory on another disk", zipped(trio, disks=(0, 1)), "one part of several")
    yield _one("ZIP64 count", zipped(trio, count=0xFFFF), "ZIP64")
    yield _one("ZIP64 start", zipped(trio, start=0xFFFFFFFF), "ZIP64")
    yield _one("ZIP64 directory", zipped(trio, size=0xFFFFFFFF), "ZIP64")
    yield _one("ZIP64 disks", zipped(trio, disks=(0xFFFF, 0)), "ZIP64")
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    record64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 3, 3, 1, 1)
    yield _one("ZIP64 locator", zipped(trio, before_end=locator), "ZIP64")
    yield _one("ZIP64 records", zipped(trio, before_end=record64 + locator), "ZIP64")
    yield _one("directory at 0", zipped(trio, start=0), "bytes lie before")
    yield _one("directory later", zipped(trio, start=len(good) - 22), "bytes lie before")
    yield _one("directory longer", zipped(trio, size=10_000), "bytes lie before")
    hidden = Entry(b"shop/evil.py")
    data = zipped([A, B, C, hidden], directory=[A, B, C])
    yield _one("hidden member", data, "bytes lie after its members")
    data = zipped([A, hidden, B, C], directory=[A, B, C])
    yield _one("hidden member between", data, "bytes lie before")
    yield _one("only a directory", zipped([], directory=[B]), "reaches over the end")
    yield _one(
        "overlapping", _overlapping(100), "overlaps another one|reaches over|described in two"
    )
    yield _one("quoted", _quoted(), "overlaps another one|bytes lie|described")
    for name, raw in (
        ("nothing", b""),
        ("one byte", b"P"),
        ("text", b"print('hello')\n" * 10),
        ("gzip", b"\x1f\x8b\x08\x00" + bytes(40)),
        ("tar", b"shop/orders.py".ljust(512, b"\0")),
        ("zeros", bytes(1000)),
    ):
        yield _one(f"no zip: {name}", raw, "is not a zip file|truncated")
    for length in (1, 4, 21, 22, 30, 46, 60, 100, len(good) // 2, len(good) - 23, len(good) - 1):
        cut = good[: len(good) - length]
        yield _one(f"truncated by {length}", cut, "truncated|not a zip file|bytes or a comment")


def _overlapping(count: int) -> bytes:
    """Many members in the directory that share the bytes of one."""
    kernel = Entry(b"shop/m000.py", b"x" * 1000)
    names = [replace(kernel, name=b"shop/m%03d.py" % number, offset=0) for number in range(count)]
    return zipped([kernel], directory=names)


def _quoted() -> bytes:
    """A member whose content is the header of the next one, as in a quine bomb."""
    inner = zipped([C])[:-22]
    return zipped([A, Entry(B.name, inner), replace(C, offset=len(local_header(A)) + 50)])


def _by_zipfile() -> Iterator[Hostile]:
    """What Python's own zipfile writes."""
    for name, method in (
        ("stored with a date", zipfile.ZIP_STORED),
        ("deflated", zipfile.ZIP_DEFLATED),
        ("bzip2", zipfile.ZIP_BZIP2),
        ("lzma", zipfile.ZIP_LZMA),
    ):
        yield _one(f"zipfile: {name}", _zipfile(GOOD, method), "is compressed|another time")
    bomb = _zipfile({"shop/bomb.py": bytes(10_000_000)}, zipfile.ZIP_DEFLATED)
    yield _one("bomb", bomb, "is compressed")
    nested = _zipfile({"shop/bomb.zip": bomb}, zipfile.ZIP_DEFLATED)
    yield _one("bomb in a zip", nested, "is compressed|another time")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("shop/orders.py", "one")
            archive.writestr("shop/orders.py", "two")
            archive.writestr("shop/folder/", "")
    yield _one("zipfile: twice", target.getvalue(), "another time|is there twice|attributes|folder")


def _zipfile(members: dict[str, bytes], method: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def _limits() -> Iterator[Hostile]:
    many = zipped([Entry(b"shop/m%04d.py" % number, b"") for number in range(MAX_FILES + 1)])
    yield _one("too many members", many, "allowed are 2000", error=ResourceLimitError)
    files = record(b"").files * MAX_FILES
    yield _one("too many listed", zipped([A]), "allowed are", error=ResourceLimitError, files=files)
    huge = bytes(MAX_BYTES + 1)
    yield _one("too large", huge, "allowed are", error=ResourceLimitError)


ROOTS = ("json", "os", "sys", "builtins", "importlib", "artifact_plugins", "artifact_plugins.trust",
         "artifact_materializers", "", ".", "shop.", "sh/op", "..", "shop\\orders", "shop:evil")  # fmt: skip


def _records() -> Iterator[Hostile]:
    good = write_archive(GOOD)
    for root in ROOTS:
        told = "root .* has the name|is not the name of a module"
        yield _one(f"root {root!r}", good, told, roots=(root,))
    yield _one("no roots", good, "answers for no module", roots=())
    yield _one("other roots", good, "lies outside its roots", roots=("other",))
    yield _one("as a script", good, "lies outside its roots", role="main", roots=("__main__",))
    yield _one("as a plugin", good, "lies outside its roots", role="plugin", roots=("shop.orders",))
    for name, digest in (
        ("of something else", sha256(b"")),
        ("in capitals", sha256(good).upper()),
        ("without algorithm", sha256(good)[7:]),
        ("md5", "md5:" + "0" * 32),
        ("none", "none"),
        ("empty", ""),
    ):
        archive = record(good, digest=digest)
        yield _one(f"digest {name}", good, "has digest", error=DigestMismatchError, archive=archive)


_PARTS: tuple[Callable[[], Iterator[Hostile]], ...] = (
    _paths, _members, _attributes, _whole, _by_zipfile, _limits, _records,
)  # fmt: skip


def hostile_archives() -> list[Hostile]:
    """Return all of them; names are unique."""
    return [each for part in _PARTS for each in part()]
