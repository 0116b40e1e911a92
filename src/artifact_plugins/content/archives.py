"""Pinned code in a store: archives and statements by their digests, signatures beside them.

    snapshots/<2>/<digest of the archive>.zip
    snapshots/<2>/<snapshot id>.json                    the statement, byte for byte
    snapshots/<2>/<snapshot id>.<key id>.sig.json       one signature of one key

Every object is written if it is absent, never changed and never removed: a
version that was committed years ago may name it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from artifact_plugins.content.failures import checkpoint
from artifact_plugins.content.manifest import sha256
from artifact_plugins.content.place import BlobStore
from artifact_plugins.errors import (
    ArtifactMissingError,
    DigestMismatchError,
    InvalidKeyError,
    ResourceLimitError,
    SignatureInvalidError,
)
from artifact_plugins.records.signature import Signature

MAX_BYTES = 16 * 1024 * 1024
MAX_SIGNATURES = 100

FOLDER = "snapshots"
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_STATEMENT = re.compile(rf"{FOLDER}/[0-9a-f]{{2}}/([0-9a-f]{{64}})\.json")
_SIGNATURE_MAX_BYTES = 4096


def put_archive(blobs: BlobStore, digest: str, data: bytes) -> None:
    """Write an archive; see `ContentStore.put_archive`."""
    _put(blobs, _key(digest, ".zip"), data, digest)


def get_archive(blobs: BlobStore, digest: str) -> bytes:
    """Return an archive; see `ContentStore.get_archive`."""
    return _get(blobs, _key(digest, ".zip"), digest)


def put_statement(
    blobs: BlobStore, snapshot_id: str, data: bytes, signature: Signature | None
) -> None:
    """Write a statement, then its signature; see `ContentStore.put_statement`."""
    _put(blobs, _key(snapshot_id, ".json"), data, snapshot_id)
    if signature is not None:
        key = _key(snapshot_id, f".{signature.key_id}.sig.json")
        if not _is_put(blobs, key, signature.to_json().encode()):
            raise SignatureInvalidError(
                f"the store has another signature of key {signature.key_id} over plugin "
                f"snapshot {snapshot_id}",
                hint=f"nothing was registered; remove {key!r} from the store and repeat",
                snapshot_id=snapshot_id,
                key_id=signature.key_id,
            )
    checkpoint("save.after_snapshot")


def get_statement(blobs: BlobStore, snapshot_id: str) -> tuple[bytes, tuple[Signature, ...]]:
    """Return a statement and its signatures; see `ContentStore.get_statement`."""
    data = _get(blobs, _key(snapshot_id, ".json"), snapshot_id)
    return data, tuple(_signatures(blobs, snapshot_id))


def snapshot_ids(blobs: BlobStore) -> Iterator[str]:
    """Yield the ids of the snapshots that have a statement, sorted."""
    for key in blobs.list_prefix(FOLDER):
        found = _STATEMENT.fullmatch(key)
        if found:
            yield f"sha256:{found[1]}"


def _signatures(blobs: BlobStore, snapshot_id: str) -> Iterator[Signature]:
    start = _key(snapshot_id, ".")
    keys = [
        key
        for key in blobs.list_prefix(start.rpartition("/")[0])
        if key.startswith(start) and key.endswith(".sig.json")
    ]
    what = f"plugin snapshot {snapshot_id}"
    if len(keys) > MAX_SIGNATURES:
        raise ResourceLimitError(
            f"{what} has {len(keys)} signatures, allowed are {MAX_SIGNATURES}",
            hint="nothing was executed; somebody changed the store",
        )
    for key in keys:
        try:
            data = blobs.get(key, limit_bytes=_SIGNATURE_MAX_BYTES)
        except ResourceLimitError:
            data = b""
        signature = Signature.from_json(data, what)
        if key != f"{start}{signature.key_id}.sig.json":
            raise SignatureInvalidError(
                f"a signature of {what} lies under the name of another key",
                hint=f"nothing was executed; remove {key!r} from the store",
                snapshot_id=snapshot_id,
                key_id=signature.key_id,
            )
        yield signature


def _key(digest: str, end: str) -> str:
    found = _DIGEST.fullmatch(digest)
    if not found:
        raise InvalidKeyError(
            f"{digest[:80]!a} is not a sha256 digest, 'sha256:' and 64 hex characters",
            hint="nothing was touched",
        )
    return f"{FOLDER}/{found[1][:2]}/{found[1]}{end}"


def _put(blobs: BlobStore, key: str, data: bytes, digest: str) -> None:
    if len(data) > MAX_BYTES:
        raise ResourceLimitError(
            f"{key!r} would have {len(data)} bytes, allowed are {MAX_BYTES}",
            hint="nothing was registered; keep data out of the folder of the plugin",
            size_bytes=len(data),
        )
    found = sha256(data)
    if found != digest:
        raise DigestMismatchError(
            f"what was to be stored as {digest} has digest {found}",
            hint="nothing was registered",
            path=key,
        )
    if not _is_put(blobs, key, data):
        raise DigestMismatchError(
            f"store file {key!r} has other bytes than its name says",
            hint="nothing was registered; remove it from the store and repeat: it is written again",
            path=key,
        )


def _is_put(blobs: BlobStore, key: str, data: bytes) -> bool:
    """Write an object if it is absent; False when other bytes have its key."""
    found = _stored(blobs, key)
    if found is None:
        found = data if blobs.put_new(key, data) else _stored(blobs, key)
    if found != data:
        return False
    # Whoever wrote it may not have synced it yet, and may never do so.
    blobs.settle(key)
    return True


def _stored(blobs: BlobStore, key: str) -> bytes | None:
    try:
        return blobs.get(key, limit_bytes=MAX_BYTES)
    except ArtifactMissingError:
        return None
    except ResourceLimitError:
        return b"too long"  # nothing that is written here


def _get(blobs: BlobStore, key: str, digest: str) -> bytes:
    data = blobs.get(key, limit_bytes=MAX_BYTES)
    found = sha256(data)
    if found != digest:
        raise DigestMismatchError(
            f"store file {key!r} has digest {found}",
            hint="nothing was executed; restore it from a backup of the store",
            path=key,
        )
    return data
