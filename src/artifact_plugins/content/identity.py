"""`store.json`: what makes a place one store, and where its promises were tried out."""

from __future__ import annotations

import errno
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from artifact_plugins.content import manifest as manifests
from artifact_plugins.content.names import is_id
from artifact_plugins.content.place import BlobStore
from artifact_plugins.errors import (
    ArtifactMissingError,
    ManifestInvalidError,
    StoreCapabilityError,
    StoreWriteError,
)

STORE_FORMAT = 1
_KEY = "store.json"
_MAX_BYTES = 64 * 1024
_PROBED_MAX = 50
_RACERS = 2


class _Known(NamedTuple):
    store_id: str
    probed: tuple[str, ...]
    document: dict[str, Any]


def store_id(blobs: BlobStore, probed_as: str | None = None) -> str:
    """Return the id of a store, which is created when there is none.

    A store is probed before anything is written to it: of two writers of one
    key exactly one may win. What passed is remembered in `store.json`, so a
    second opening asks for that object and nothing else.

    Args:
        blobs: Its small objects.
        probed_as: What the probe vouches for, host and bucket; a copy of the
            store elsewhere is probed again. None when a store cannot be
            anywhere else than where it was made.

    Raises:
        StoreCapabilityError: A newer release made the store, or it does not
            refuse to create what exists.
        ManifestInvalidError: `store.json` is damaged or was removed.
        StoreWriteError: There is no store, and none can be created.
    """
    try:
        data = blobs.get(_KEY, limit_bytes=_MAX_BYTES)
    except ArtifactMissingError:
        _create(blobs, probed_as)
        data = blobs.get(_KEY, limit_bytes=_MAX_BYTES)
    known = _read(data)
    if probed_as is not None and probed_as not in known.probed:
        _probe_again(blobs, known, probed_as)
    return known.store_id


def _create(blobs: BlobStore, probed_as: str | None) -> None:
    # Manifests in records are signed for a store id, as those in the store are.
    if any(next(blobs.list_prefix(folder), None) for folder in ("versions", "snapshots")):
        if blobs.head(_KEY) is not None:
            return  # another process created it meanwhile and wrote to it
        raise ManifestInvalidError(
            "the store has versions or plugin snapshots but no store.json",
            hint="nothing was changed; restore store.json from a backup",
        )
    _probe(blobs, race=probed_as is not None)
    document = {
        "format_version": STORE_FORMAT,
        "store_id": str(uuid.uuid4()),
        "capabilities": ["put_new"],
        "digests": ["blake3", "sha256"],
    }
    if probed_as is not None:
        document["probed"] = [probed_as]
    # Whoever comes second reads what the first one wrote.
    blobs.put_new(_KEY, manifests.canonical(document))


def _probe_again(blobs: BlobStore, known: _Known, probed_as: str) -> None:
    try:
        _probe(blobs, race=True)
        probed = [*known.probed, probed_as][-_PROBED_MAX:]
        blobs.replace(_KEY, manifests.canonical({**known.document, "probed": probed}))
    except StoreWriteError as error:
        # Who may not write needs no promise about writing, and can read.
        if not _is_denied(error):
            raise


def _probe(blobs: BlobStore, *, race: bool) -> None:
    key = f"staging/probe-{uuid.uuid4()}"
    try:
        honest = (
            (_races_fairly(blobs, key) if race else blobs.put_new(key, b"first"))
            and not blobs.put_new(key, b"second")
            and blobs.get(key, limit_bytes=16) == b"first"
        )
    finally:
        _remove_probe(blobs, key)
    if not honest:
        raise StoreCapabilityError(
            "the store does not refuse to create a file that exists",
            hint="nothing was written; two writers would overwrite each other, use another store",
        )


def _remove_probe(blobs: BlobStore, key: str) -> None:
    try:
        blobs.delete(key)
    except StoreWriteError as error:
        if not _is_denied(error):
            raise  # a store that may only grow is a store


def _is_denied(error: StoreWriteError) -> bool:
    return error.context.get("errno") in (errno.EACCES, errno.EPERM, errno.EROFS)


def _races_fairly(blobs: BlobStore, key: str) -> bool:
    # A store that looks first and writes then is only found out by a race.
    with ThreadPoolExecutor(_RACERS) as pool:
        won = list(pool.map(blobs.put_new, [key] * _RACERS, [b"first"] * _RACERS))
    return won.count(True) == 1


def _read(data: bytes) -> _Known:
    try:
        document: Any = json.loads(data)
        store_format, found = document["format_version"], document["store_id"]
        probed = document.get("probed", [])
        if not (
            isinstance(store_format, int)
            and isinstance(found, str)
            and is_id(found)
            and isinstance(probed, list)
            and all(isinstance(item, str) for item in probed)
        ):
            raise ValueError("fields of another type")
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ManifestInvalidError(
            "store.json cannot be read", hint="nothing was changed; restore it from a backup"
        ) from error
    if store_format > STORE_FORMAT:
        raise StoreCapabilityError(
            f"the store has format {store_format}, this release knows {STORE_FORMAT}",
            hint="nothing was written; upgrade artifact-plugins",
            format_version=store_format,
        )
    return _Known(found, tuple(probed), document)
