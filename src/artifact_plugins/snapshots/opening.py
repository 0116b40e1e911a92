"""Reading an archive from a store: every byte accounted for, or a named refusal."""

from __future__ import annotations

import stat
import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import NoReturn

from artifact_plugins.errors import DigestMismatchError, ManifestInvalidError
from artifact_plugins.records.snapshot import CodeArchive
from artifact_plugins.snapshots.archive import (
    ATTRIBUTES,
    CENTRAL,
    CENTRAL_MAGIC,
    END,
    END_MAGIC,
    FIRST_DAY,
    LOCAL,
    LOCAL_MAGIC,
    MADE_BY,
    MIDNIGHT,
    STORED,
    UTF8,
    VERSION,
    check_limits,
    members_problems,
    outside,
    root_problem,
    sha256,
    write_archive,
)

_ENCRYPTED = 0x1 | 0x40
_STREAMED = 0x8
_ZIP64 = (0xFFFF, 0xFFFFFFFF)
_ZIP64_MAGICS = (b"PK\x06\x06", b"PK\x06\x07")


def open_archive(data: bytes, archive: CodeArchive) -> dict[str, bytes]:
    """Return the members of an archive by path; nothing is written to disk.

    Only the one form that `write_archive` makes is accepted, so two archives
    with the same members are the same bytes, and whatever else a zip file can
    hold is refused. zipfile is not used: it accepts too much.

    Args:
        data: The bytes from the store.
        archive: What the statement says about them.

    Raises:
        ResourceLimitError: Over 16 MiB or 2,000 files.
        DigestMismatchError: The bytes, or those of a member, are not the recorded ones.
        ManifestInvalidError: Anything else; says what.
    """
    check_limits(archive.name, len(archive.files), len(data))
    found = sha256(data)
    if found != archive.digest:
        raise DigestMismatchError(
            f"the archive of {archive.name!r} has digest {found}, recorded is {archive.digest}",
            hint="nothing was executed; somebody changed the store",
            archive=archive.digest,
        )
    _check_roots(archive)
    members = _Reader(data, archive).read()
    _check_listing(members, archive)
    return members


def _check_roots(archive: CodeArchive) -> None:
    problems = [problem for problem in map(root_problem, archive.roots) if problem]
    if not archive.roots:
        problems = ["it answers for no module"]
    if problems:
        _refuse(archive, problems[0])


def _check_listing(members: dict[str, bytes], archive: CodeArchive) -> None:
    listed = {file.path: file for file in archive.files}
    if len(listed) != len(archive.files):
        _refuse(archive, "its record lists a member twice")
    for path in sorted(members.keys() ^ listed.keys()):
        _refuse(
            archive,
            f"member {path!r} is not listed" if path in members else f"member {path!r} is missing",
        )
    for path, content in members.items():
        if outside(path, archive):
            _refuse(archive, f"member {path!r} lies outside its roots {list(archive.roots)}")
        found = sha256(content)
        if len(content) != listed[path].size_bytes or found != listed[path].digest:
            raise DigestMismatchError(
                f"member {path!r} of the archive of {archive.name!r} has digest {found}, "
                f"recorded is {listed[path].digest}",
                hint="nothing was executed; somebody changed the store",
                archive=archive.digest,
                member=path,
            )


def _refuse(archive: CodeArchive, problem: str) -> NoReturn:
    raise ManifestInvalidError(
        f"the archive of {archive.name!r} is refused: {problem}",
        hint="nothing was executed; no release of artifact_plugins writes such an archive",
        archive=archive.digest,
        problem=problem,
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the central directory, after the fields that have one value only."""

    name: bytes
    path: str
    flags: int
    crc: int
    size_bytes: int
    offset: int


class _Reader:
    """One pass over the bytes of an archive."""

    def __init__(self, data: bytes, archive: CodeArchive) -> None:
        self._data = data
        self._archive = archive

    def read(self) -> dict[str, bytes]:
        count, start = self._end()
        entries = self._directory(count, start)
        paths = [entry.path for entry in entries]
        if len(set(paths)) != len(paths):
            twice = next(path for path in paths if paths.count(path) > 1)
            self._refuse(f"member {twice!r} is there twice")
        for one, other in pairwise(paths):
            if one > other:
                self._refuse(f"member {other!r} is not in its place")
        for problem in members_problems(paths):
            self._refuse(problem)
        members = self._bodies(entries, start)
        if write_archive(members) != self._data:
            self._refuse("it is not in the canonical form")
        return members

    def _end(self) -> tuple[int, int]:
        """Return the number of entries and where the directory starts."""
        data = self._data
        if len(data) < END.size or data[-END.size :][:4] != END_MAGIC:
            if not data.startswith(LOCAL_MAGIC) and END_MAGIC not in data:
                self._refuse("it is not a zip file")
            if END_MAGIC in data:
                self._refuse("bytes or a comment follow its end")
            self._refuse("it is truncated")
        *_, disk, directory_disk, here, count, size, start, comment = END.unpack(data[-END.size :])
        if any(value in _ZIP64 for value in (disk, here, count, size, start)):
            self._refuse("it has ZIP64 records")
        if any(magic in data[start + size :] for magic in _ZIP64_MAGICS):
            self._refuse("it has ZIP64 records")
        if disk or directory_disk or here != count:
            self._refuse("it is one part of several")
        if comment:
            self._refuse("it has a comment")
        if start + size + END.size != len(data):
            self._refuse("bytes lie before its members or after its directory")
        check_limits(self._archive.name, count, 0)
        return count, start

    def _directory(self, count: int, start: int) -> list[_Entry]:
        entries, place = [], start
        limit = len(self._data) - END.size
        for _ in range(count):
            if place + CENTRAL.size > limit:
                self._refuse("its directory is truncated")
            entry, place = self._entry(place, limit)
            entries.append(entry)
        if place != limit:
            self._refuse("its directory has more entries than it says")
        return entries

    def _entry(self, place: int, limit: int) -> tuple[_Entry, int]:
        (
            magic, made_by, version, flags, method, time, date, crc, packed, size_bytes,
            name_bytes, extra_bytes, comment_bytes, disk, internal, external, offset,
        ) = CENTRAL.unpack_from(self._data, place)  # fmt: skip
        if magic != CENTRAL_MAGIC:
            self._refuse("its directory is damaged")
        end = place + CENTRAL.size + name_bytes + extra_bytes + comment_bytes
        if end > limit:
            self._refuse("its directory is truncated")
        name = self._data[place + CENTRAL.size :][:name_bytes]
        path = self._decoded(name)
        said = f"member {path!r}"
        if flags & _ENCRYPTED:
            self._refuse(f"{said} is encrypted")
        if flags & _STREAMED:
            self._refuse(f"{said} has its size behind it")
        if any(value in _ZIP64 for value in (packed, size_bytes, offset)):
            self._refuse(f"{said} has ZIP64 sizes")
        if extra_bytes or comment_bytes:
            self._refuse(f"{said} has extra fields or a comment")
        if method != STORED or packed != size_bytes:
            self._refuse(f"{said} is compressed")
        if stat.S_ISLNK(external >> 16):
            self._refuse(f"{said} is a symbolic link")
        if stat.S_ISDIR(external >> 16) or external & 0x10:
            self._refuse(f"{said} is a folder")
        expected = (MADE_BY, VERSION, 0 if path.isascii() else UTF8, MIDNIGHT, FIRST_DAY, 0, 0)
        if (made_by, version, flags, time, date, disk, internal) != expected:
            self._refuse(f"{said} has another time, origin or flag than ours")
        if external != ATTRIBUTES:
            self._refuse(f"{said} has other attributes than a plain file")
        return _Entry(name, path, flags, crc, size_bytes, offset), end

    def _decoded(self, name: bytes) -> str:
        try:
            return name.decode()
        except UnicodeDecodeError:
            self._refuse(f"the name {name!r} of a member is not UTF-8")

    def _bodies(self, entries: list[_Entry], start: int) -> dict[str, bytes]:
        members, place = {}, 0
        for entry in entries:
            said = f"member {entry.path!r}"
            if entry.offset < place:
                self._refuse(f"{said} overlaps another one")
            if entry.offset > place:
                self._refuse(f"bytes lie before {said}")
            body = place + LOCAL.size + len(entry.name)
            place = body + entry.size_bytes
            if place > start:
                self._refuse(f"{said} reaches over the end of the members")
            common = (entry.flags, STORED, MIDNIGHT, FIRST_DAY, entry.crc)
            sizes = (entry.size_bytes, entry.size_bytes, len(entry.name), 0)
            header = LOCAL.pack(LOCAL_MAGIC, VERSION, *common, *sizes) + entry.name
            if self._data[entry.offset : body] != header:
                self._refuse(f"{said} is described in two ways")
            members[entry.path] = self._data[body:place]
            if zlib.crc32(members[entry.path]) != entry.crc:
                self._refuse(f"{said} has another checksum")
        if place != start:
            self._refuse("bytes lie after its members")
        return members

    def _refuse(self, problem: str) -> NoReturn:
        _refuse(self._archive, problem)
