"""A writer of zip files that lets a test set every field."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from artifact_plugins.snapshots.archive import CENTRAL, END, LOCAL


@dataclass(frozen=True)
class Entry:
    """One member with every field of its two headers."""

    name: bytes
    data: bytes = b"x = 1\n"
    flags: int = 0
    method: int = 0
    time: int = 0
    date: int = 33
    version: int = 20
    made_by: int = 0x314
    external: int = 0o100644 << 16
    internal: int = 0
    disk: int = 0
    extra: bytes = b""
    local_extra: bytes = b""
    comment: bytes = b""
    crc: int | None = None
    size: int | None = None
    packed: int | None = None
    offset: int | None = None
    local_name: bytes | None = None
    local_crc: int | None = None
    local_size: int | None = None
    local_flags: int | None = None
    local_method: int | None = None
    local_date: int | None = None
    padding: bytes = b""


def zipped(
    entries: list[Entry],
    *,
    before: bytes = b"",
    between: bytes = b"",
    before_end: bytes = b"",
    after: bytes = b"",
    comment: bytes = b"",
    count: int | None = None,
    here: int | None = None,
    start: int | None = None,
    size: int | None = None,
    disks: tuple[int, int] = (0, 0),
    directory: list[Entry] | None = None,
) -> bytes:
    """Write a zip file field by field; whatever is not given is as in our own."""
    body, offsets = [before], {}
    offset = len(before)
    for entry in entries:
        body.append(entry.padding)
        offset += len(entry.padding)
        offsets[id(entry)] = offset
        local = local_header(entry) + entry.data
        body.append(local)
        offset += len(local)
    body.append(between)
    first = offset + len(between)
    listed = entries if directory is None else directory
    index = b"".join(_central(entry, offsets.get(id(entry), 0)) for entry in listed)
    number = len(listed) if count is None else count
    end = END.pack(
        b"PK\x05\x06",
        *disks,
        number if here is None else here,
        number,
        len(index) if size is None else size,
        first if start is None else start,
        len(comment),
    )
    return b"".join((*body, index, before_end, end, comment, after))


def _crc(entry: Entry) -> int:
    return zlib.crc32(entry.data) if entry.crc is None else entry.crc


def _size(entry: Entry) -> int:
    return len(entry.data) if entry.size is None else entry.size


def _packed(entry: Entry) -> int:
    return len(entry.data) if entry.packed is None else entry.packed


def _or(value: Any, other: Any) -> Any:
    return other if value is None else value


def local_header(entry: Entry) -> bytes:
    """Return the header that stands before the bytes of a member."""
    name = _or(entry.local_name, entry.name)
    header = LOCAL.pack(
        b"PK\x03\x04",
        entry.version,
        _or(entry.local_flags, entry.flags),
        _or(entry.local_method, entry.method),
        entry.time,
        _or(entry.local_date, entry.date),
        _or(entry.local_crc, _crc(entry)),
        _or(entry.local_size, _packed(entry)),
        _or(entry.local_size, _size(entry)),
        len(name),
        len(entry.local_extra),
    )
    return header + name + entry.local_extra


def _central(entry: Entry, offset: int) -> bytes:
    header = CENTRAL.pack(
        b"PK\x01\x02",
        entry.made_by,
        entry.version,
        entry.flags,
        entry.method,
        entry.time,
        entry.date,
        _crc(entry),
        _packed(entry),
        _size(entry),
        len(entry.name),
        len(entry.extra),
        len(entry.comment),
        entry.disk,
        entry.internal,
        entry.external,
        _or(entry.offset, offset),
    )
    return header + entry.name + entry.extra + entry.comment
