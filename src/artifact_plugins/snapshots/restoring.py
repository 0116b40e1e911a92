"""Archived code as modules of this process, beside the code that is installed now."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from hashlib import sha256

from artifact_plugins.records import CodeArchive
from artifact_plugins.snapshots import finder
from artifact_plugins.snapshots.members import Members
from artifact_plugins.snapshots.restored import RestoredArchive

_HEX = 16
_Identity = tuple[str, bool, tuple[str, ...], tuple[str, ...]]
_restored: dict[tuple[_Identity, frozenset[str]], RestoredArchive] = {}
_members: dict[_Identity, Members] = {}
_lock = threading.RLock()


def restore(
    parts: Sequence[tuple[CodeArchive, Mapping[str, bytes]]],
) -> tuple[RestoredArchive, ...]:
    """Make the archives of a snapshot importable in this process; nothing is executed yet.

    Each is linked with those that it imports from. An archive whose code imports
    from another one is restored once for each version of that other one, so that
    no snapshot sees the code of another.

    Args:
        parts: Each archive with its verified members.

    Returns:
        The restored archives, in the given order.
    """
    with _lock:
        members = [_members_of(archive, sources) for archive, sources in parts]
    reach = [
        {other for other, one in enumerate(members) if one is not mine and mine.mentions(one.roots)}
        for mine in members
    ]
    for _ in parts:
        for near in reach:
            near.update(*(reach[other] for other in list(near)))
    with _lock:
        found = []
        for index, (archive, _) in enumerate(parts):
            world = frozenset(parts[other][0].digest for other in reach[index] - {index})
            found.append(_one(archive, members[index], world=world))
        for index, part in enumerate(found):
            part.beside = part.beside or tuple(
                found[other] for other in sorted(reach[index] - {index})
            )
        return tuple(found)


def _one(archive: CodeArchive, members: Members, *, world: frozenset[str]) -> RestoredArchive:
    identity = _identity(archive)
    found = _restored.get((identity, world))
    if found is None:
        key = archive.digest.partition(":")[2][:_HEX]
        if finder.is_taken(key):
            others = "".join(sorted(world))
            key = f"{key}_{sha256(f'{identity}{others}'.encode()).hexdigest()[:_HEX]}"
        found = _restored[identity, world] = RestoredArchive(archive, members, key=key)
        finder.register(found)
    else:
        finder.install()
    return found


def _identity(archive: CodeArchive) -> _Identity:
    """Return what makes restored code the same: not its bytes alone, also what it answers for."""
    return archive.digest, archive.role == "main", archive.roots, archive.extensions


def _members_of(archive: CodeArchive, sources: Mapping[str, bytes]) -> Members:
    identity = _identity(archive)
    found = _members.get(identity)
    if found is None:
        found = _members[identity] = Members(archive, sources)
    return found


def archived_origin(found: type | str) -> tuple[str, str] | None:
    """Return where archived code came from, so that saving it again tells the truth.

    Args:
        found: A class, or the name of a module.

    Returns:
        The original import path (`shop.orders:Order`, of a module `shop.orders`)
        and the digest of the archive; None for code that was not restored.
    """
    name = found if isinstance(found, str) else found.__module__
    archive = finder.archive_of(name)
    if archive is None:
        return None
    module = archive.original(name)
    path = module if isinstance(found, str) else f"{module}:{found.__qualname__}"
    return path, archive.digest


def restored_archive(digest: str) -> RestoredArchive | None:
    """Return the first restored archive with a digest; None when there is none yet."""
    with _lock:
        return next((part for part in _restored.values() if part.digest == digest), None)
