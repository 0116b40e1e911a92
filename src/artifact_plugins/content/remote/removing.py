"""Remove the objects of a version, and the uploads in parts that nobody finished."""

from __future__ import annotations

import time
from concurrent import futures
from functools import partial

from artifact_plugins.content.failures import checkpoint
from artifact_plugins.content.names import version_prefix
from artifact_plugins.content.remote.bucket import Bucket
from artifact_plugins.content.remote.lanes import Lanes
from artifact_plugins.content.remote.retrying import retried

# A writer that sent nothing for so long is taken for dead. If it is not, its
# upload ends with a named error and nothing is lost.
GRACE_SECONDS = 24 * 60 * 60


def remove_version(bucket: Bucket, lanes: Lanes, version_id: str) -> int:
    """Remove the objects and uploads of a version, its manifest last; the bytes freed.

    Raises:
        Fault: Not all could be removed; repeating it is safe.
    """
    prefix = f"{version_prefix(version_id)}/"
    manifest = f"{prefix}manifest.json"
    freed = abort_uploads(bucket, prefix, before=float("inf"))
    under_way = []
    is_published = False
    for entry in bucket.entries(prefix):
        freed += entry.size_bytes
        if entry.key == manifest:
            is_published = True
        else:
            under_way.append(lanes.submit(0, retried, bucket, partial(bucket.delete, entry.key)))
    futures.wait(under_way)
    for future in under_way:
        future.result()
        checkpoint("collect.mid_delete")
    if is_published:
        retried(bucket, partial(bucket.delete, manifest))
    return freed


def abort_uploads(bucket: Bucket, prefix: str, *, before: float) -> int:
    """Throw uploads in parts away whose newest part is older than `before`; the bytes freed.

    Args:
        bucket: Where they are, if its provider can tell.
        prefix: Of their keys.
        before: Seconds since 1970, by the clock of the provider.

    Raises:
        Fault: Not all could be thrown away; repeating it is safe.
    """
    freed = 0
    for dangling in bucket.dangling(prefix):
        if dangling.modified_at <= before:
            retried(bucket, partial(bucket.abort, dangling))
            freed += dangling.size_bytes
    return freed


def long_ago() -> float:
    """Return the time before which a silent writer is taken for dead."""
    return time.time() - GRACE_SECONDS
