"""What other processes do in the tests of this room; run as a script or spawned."""

from __future__ import annotations

import sys
from typing import Any

from artifact_plugins.ledger import Ledger
from artifact_plugins.records import ArtifactVersion, Batch, VersionDraft, VersionQuery, new_id, now


def draft(key: str, artifact: str = "flights", content: str = "00") -> VersionDraft:
    values: dict[str, Any] = {"project": "default", "data_type": "builtins:int", "uri": "data:,"}
    version = ArtifactVersion(
        id=new_id(),
        artifact=artifact,
        format="json/1",
        content_hash=f"blake3:{content * 32}",
        created_at=now(),
        **values,
    )
    return VersionDraft(version, key)


def save_many(url: str, worker: int, count: int) -> None:
    with Ledger.open(url, durable=False) as ledger:
        for number in range(count):
            ledger.write(Batch(versions=(draft(f"{worker}/{number}"),)))


if __name__ == "__main__":
    task, url, *rest = sys.argv[1:]
    if task == "many":
        save_many(url, int(rest[0]), int(rest[1]))
    elif task == "open":
        with Ledger.open(url, durable=True) as opened:
            print(len(opened.versions(VersionQuery())))
    else:
        with Ledger.open(url, durable=True) as opened:
            (saved,) = opened.write(Batch(versions=(draft(rest[0]),)))
            print(saved.id, saved.version)
