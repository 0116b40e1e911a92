"""Remove the files of versions that the ledger gave up; safe beside writers and other collectors.

The ledger decides first, so that no save of the id can be committed any more;
who calls this has its word. Then a record below `decisions/` says so in the
store, the payload goes, the manifest last, and the record with it. Whoever
finds such a record, after a kill or beside another collector, does the same
again: every step may be repeated. A ledger that is made anew from manifests
leaves out what `decisions/` names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from artifact_plugins.content.failures import checkpoint
from artifact_plugins.content.manifest import canonical
from artifact_plugins.content.names import is_id, version_prefix
from artifact_plugins.content.place import BlobStore, Place

Decision: TypeAlias = Literal["aborted", "collected"]

_DECISIONS = "decisions"
_LEDGERS = "ledgers"


def remove_version(place: Place, version_id: str, decision: Decision) -> int:
    """Remove the files of a version; returns the bytes freed, 0 when there are none.

    Raises:
        StoreWriteError: They could not all be removed; repeating it is safe.
    """
    record = f"{_DECISIONS}/{version_id[-2:]}/{version_id}.json"
    # When the record is there already, another collector was killed or is at it.
    place.blobs.put_new(record, canonical({"version_id": version_id, "decision": decision}))
    checkpoint("collect.after_record")
    freed = place.remove_version(version_id)
    checkpoint("collect.after_delete")
    place.blobs.delete(record)
    return freed


def remove_objects(blobs: BlobStore, version_id: str) -> int:
    """Remove the objects of a version one by one, its manifest last; returns the bytes freed."""
    prefix = version_prefix(version_id)
    manifest = f"{prefix}/manifest.json"
    keys = [key for key in blobs.list_prefix(prefix) if key != manifest]
    freed = 0
    for key in (*keys, manifest):
        freed += blobs.head(key) or 0
        blobs.delete(key)
        checkpoint("collect.mid_delete")
    return freed


def stored_bytes(blobs: BlobStore, version_id: str) -> int:
    """Return how many bytes the objects of a version take."""
    return sum(blobs.head(key) or 0 for key in blobs.list_prefix(version_prefix(version_id)))


def decided_ids(blobs: BlobStore) -> Iterator[str]:
    """Yield the ids of the versions whose removal was begun, sorted by their last digits."""
    for key in blobs.list_prefix(_DECISIONS):
        version_id = key.rpartition("/")[2].removesuffix(".json")
        if is_id(version_id):
            yield version_id


def register_ledger(blobs: BlobStore, ledger_id: str) -> None:
    """Note that a ledger has versions in this store; nothing happens the second time."""
    key = f"{_LEDGERS}/{ledger_id}.json"
    if blobs.head(key) is None:
        blobs.put_new(key, canonical({"ledger_id": ledger_id}))


def ledger_ids(blobs: BlobStore) -> Iterator[str]:
    """Yield the ids of the ledgers that have versions in this store, sorted."""
    for key in blobs.list_prefix(_LEDGERS):
        ledger_id = key.removeprefix(f"{_LEDGERS}/").removesuffix(".json")
        if is_id(ledger_id):
            yield ledger_id


def forget_ledger(blobs: BlobStore, ledger_id: str) -> None:
    """Take back `register_ledger` for a ledger that is gone for good."""
    blobs.delete(f"{_LEDGERS}/{ledger_id}.json")
