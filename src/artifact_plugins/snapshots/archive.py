"""The canonical archive: equal sources are equal bytes, whatever machine packed them."""

from __future__ import annotations

import hashlib
import struct
import sys
import unicodedata
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from artifact_plugins.errors import NotSerializableError, ResourceLimitError
from artifact_plugins.records.artifact import FileRecord
from artifact_plugins.records.snapshot import CodeArchive
from artifact_plugins.snapshots.members import MAIN, MAIN_MEMBER

MAX_BYTES = 16 * 1024 * 1024
MAX_FILES = 2_000

LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
LOCAL_MAGIC, CENTRAL_MAGIC, END_MAGIC = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
VERSION = 20
MADE_BY = 3 << 8 | VERSION  # Unix, on every machine
STORED = 0
UTF8 = 0x800
MIDNIGHT, FIRST_DAY = 0, 1 << 5 | 1  # 1980-01-01 00:00, the zero of the format
ATTRIBUTES = 0o100644 << 16
_PATH_MAX = 1024
_TEXT = (".py", ".pyi")
_OURS = "artifact_plugins"


@dataclass(frozen=True)
class Captured:
    """Code as it was captured.

    Attributes:
        archive: What it is.
        data: The canonical archive itself.
        libraries: Distribution name to version, of what the code imports.
    """

    archive: CodeArchive
    data: bytes = field(repr=False)
    libraries: dict[str, str] = field(default_factory=dict)


def sha256(data: bytes) -> str:
    """Return `sha256:hex`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def normal_text(path: str, data: bytes) -> bytes:
    """Return the bytes of a member: Python source with LF line ends, others as they are.

    Bytes are replaced, nothing is decoded: a BOM and a declared encoding stay, and
    in every encoding that Python reads source in, CR and LF are what they are in
    ASCII.

    Source:
        Python Language Reference, 2.1.2 Physical lines; PEP 263.
    """
    if not path.endswith(_TEXT) or b"\r" not in data:
        return data
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def write_archive(members: Mapping[str, bytes]) -> bytes:
    """Return the one zip file that holds these members.

    Members are sorted and stored, times, owners and attributes are fixed, and
    nothing but the members is inside.

    Args:
        members: Path to bytes; what `path_problem` and `limit` let pass.
    """
    body: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for path in sorted(members):
        data, name = members[path], path.encode()
        flags = 0 if path.isascii() else UTF8
        common = (flags, STORED, MIDNIGHT, FIRST_DAY, zlib.crc32(data), len(data), len(data))
        local = LOCAL.pack(LOCAL_MAGIC, VERSION, *common, len(name), 0)
        entry = (len(name), 0, 0, 0, 0, ATTRIBUTES, offset)
        directory.append(CENTRAL.pack(CENTRAL_MAGIC, MADE_BY, VERSION, *common, *entry) + name)
        body += (local, name, data)
        offset += len(local) + len(name) + len(data)
    index = b"".join(directory)
    end = END.pack(END_MAGIC, 0, 0, len(members), len(members), len(index), offset, 0)
    return b"".join((*body, index, end))


def pack(
    members: Mapping[str, bytes],
    *,
    role: Literal["plugin", "project", "main"],
    name: str,
    roots: Iterable[str],
    libraries: Mapping[str, str],
    extensions: Iterable[str] = (),
    distribution: str | None = None,
    distribution_version: str | None = None,
) -> Captured:
    """Return members as an archive and what is said about it.

    Raises:
        ResourceLimitError: Over 16 MiB or 2,000 files.
        NotSerializableError: A member or a root has a name that no reader accepts.
    """
    ordered = tuple(sorted(set(roots)))
    check_limits(name, len(members), sum(map(len, members.values())))
    for problem in (*members_problems(members), *filter(None, map(root_problem, ordered))):
        raise NotSerializableError(
            f"the code of {name!r} cannot be archived: {problem}",
            hint="nothing was registered; rename it",
            plugin=name,
        )
    data = write_archive(members)
    check_limits(name, len(members), len(data))
    archive = CodeArchive(
        role=role,
        name=name,
        digest=sha256(data),
        roots=ordered,
        files=tuple(
            FileRecord(path=path, size_bytes=len(members[path]), digest=sha256(members[path]))
            for path in sorted(members)
        ),
        extensions=tuple(sorted(set(extensions))),
        distribution=distribution,
        distribution_version=distribution_version,
    )
    return Captured(archive, data, dict(sorted(libraries.items())))


def check_limits(name: str, files: int, size_bytes: int) -> None:
    """Look that code is small enough to be pinned.

    Raises:
        ResourceLimitError: It is over 16 MiB or 2,000 files.
    """
    if files > MAX_FILES:
        raise ResourceLimitError(
            f"the code of {name!r} has {files} files, allowed are {MAX_FILES}",
            hint="nothing was registered or executed; keep data out of the package of a plugin",
            files=files,
        )
    if size_bytes > MAX_BYTES:
        raise ResourceLimitError(
            f"the code of {name!r} has {size_bytes} bytes, allowed are {MAX_BYTES}",
            hint="nothing was registered or executed; keep data out of the package of a plugin",
            size_bytes=size_bytes,
        )


def members_problems(paths: Iterable[str]) -> list[str]:
    """Return what is wrong with the names of members, each for itself and together."""
    problems: list[str] = []
    folded: dict[str, str] = {}
    known = set(paths)
    for path in sorted(known):
        problem = path_problem(path)
        if problem:
            problems.append(f"member {path!r} {problem}")
            continue
        other = folded.setdefault(path.casefold(), path)
        if other != path:
            problems.append(f"members {other!r} and {path!r} differ only in case")
        above = next((str(p) for p in PurePosixPath(path).parents if str(p) in known), None)
        if above:
            problems.append(f"member {above!r} is a file and the folder of {path!r}")
    return problems


def path_problem(path: str) -> str | None:
    """Return why a path is not one of a member, or None."""
    if not path or path.endswith("/"):
        return "is a folder"
    if path.startswith("/"):
        return "is an absolute path"
    if "\\" in path:
        return "has a backslash"
    if ":" in path:
        return "has a colon, as a drive or a stream has"
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs") for letter in path):
        return "has a character that is not shown"
    if not {"", ".", ".."}.isdisjoint(path.split("/")):
        return "leaves its folder or names none"
    if unicodedata.normalize("NFC", path) != path:
        return "is not in Unicode normal form C"
    if len(path.encode()) > _PATH_MAX:
        return f"is longer than {_PATH_MAX} bytes"
    return None


def root_problem(root: str) -> str | None:
    """Return why an archive may not answer for an import name, or None.

    An archive that answered for `json` or for artifact_plugins itself would put
    its own module in the place of one that its code shares with everybody else.
    """
    if root == MAIN:
        return None
    if not is_module_name(root):
        return f"root {root!r} is not the name of a module"
    top = root.partition(".")[0]
    if top in sys.stdlib_module_names:
        return f"root {root!r} has the name of a module of Python"
    if top == _OURS or root in ("artifact_materializers", "artifact_integrations"):
        return f"root {root!r} has the name of a package of artifact_plugins"
    return None


def is_module_name(name: str) -> bool:
    """Tell whether a text can name a module: what `importlib.import_module` takes."""
    return "/" not in name and all(part and not path_problem(part) for part in name.split("."))


def outside(path: str, archive: CodeArchive) -> bool:
    """Tell whether a member has nothing to do with the roots of its archive.

    Source code belongs below a root, or is the `__init__` of a package that a
    root lies in. Data files of a project may lie beside its top-level modules.
    """
    if archive.role == "main":
        return path != MAIN_MEMBER
    if archive.role == "project" and not path.endswith(".py"):
        return False
    for root in archive.roots:
        place = root.replace(".", "/")
        if path == f"{place}.py" or path.startswith(f"{place}/"):
            return False
        folder, _, name = path.rpartition("/")
        if name == "__init__.py" and place.startswith(f"{folder}/"):
            return False
    return True
