"""Which file names are kept as they are, stored under a number, or refused."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_. \-]{0,119}[A-Za-z0-9_\-])?"
_SAFE = re.compile(rf"{_PART}(?:/{_PART}){{0,8}}")
# Windows: devices in every folder and with any suffix.
_DEVICE = re.compile(
    r"(?:^|/)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.[^/]*)?(?:/|$)", re.IGNORECASE
)
# Ours: the manifest, and the numbers that stand for other names.
_RESERVED = re.compile(r"(?:manifest\.json|_[0-9]+)(?:/|$)", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

PART_MAX_BYTES = 255
PATH_MAX_BYTES = 4096


@lru_cache(maxsize=4096)
def path_fault(path: str) -> str | None:
    """Say why a file of this relative path could not be restored; None when it can.

    Refused: the empty path, absolute paths, drive letters, backslashes, NUL,
    empty parts, `.` and `..`, text that is not Unicode, parts over 255 bytes.
    """
    if _SAFE.fullmatch(path) and ".." not in path:
        return None
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "it is not Unicode text"
    if not path or path.startswith("/") or _DRIVE.match(path):
        return "it is not a relative path"
    if "\0" in path or "\\" in path:
        return "it holds a NUL character or a backslash"
    if any(part in ("", ".", "..") for part in path.split("/")):
        return "it has an empty part, '.' or '..'"
    if len(encoded) > PATH_MAX_BYTES or any(
        len(part) > PART_MAX_BYTES for part in encoded.split(b"/")
    ):
        return "it is longer than filesystems allow"
    return None


@lru_cache(maxsize=4096)
def is_plain(path: str) -> bool:
    """Tell whether a file keeps its name in the store: safe on every filesystem."""
    return (
        _SAFE.fullmatch(path) is not None
        and ".." not in path
        and _DEVICE.search(path) is None
        and _RESERVED.match(path) is None
    )


def stored_names(paths: Sequence[str]) -> list[str]:
    """Return the names in the store for the sorted `paths` of a version.

    A plain path keeps its name; any other, and any that differs from another
    one in case or Unicode form only, is stored as `_n`, its index in `paths`.
    So the record of a version tells its stored names.
    """
    if len(paths) == 1:
        return [paths[0] if is_plain(paths[0]) else "_0"]
    clashing = set(collisions(paths))
    return [
        path if is_plain(path) and path not in clashing else f"_{index}"
        for index, path in enumerate(paths)
    ]


def collisions(paths: Sequence[str]) -> Iterator[str]:
    """Yield the paths that some filesystem would take for another path or its folder."""
    folded = [fold(path) for path in paths]
    count = Counter(folded)
    folders = {folder for path in folded if "/" in path for folder in parents(path)}
    for path, key in zip(paths, folded, strict=True):
        if count[key] > 1 or key in folders or any(parent in count for parent in parents(key)):
            yield path


def fold(path: str) -> str:
    """Return what a filesystem without case and Unicode forms makes of a path."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def parents(path: str) -> Iterator[str]:
    """Yield the folders above a relative path, nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def is_id(text: str) -> bool:
    """Tell whether `text` is a UUID in its canonical form: the only ids in keys."""
    return _UUID.fullmatch(text) is not None


def version_prefix(version_id: str) -> str:
    """Return the folder of a version inside the store.

    The last two digits spread the folders; the first ones are a clock.
    """
    return f"versions/{version_id[-2:]}/{version_id}"
