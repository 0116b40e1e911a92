"""Records and ledgers for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ledger_urls
import pytest

from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    Batch,
    CodeArchive,
    FileRecord,
    IOType,
    PluginSnapshot,
    Producer,
    Run,
    Task,
    VersionDraft,
    new_id,
    now,
)

# Each test that asks for `url` runs on both databases.
url = ledger_urls.url


class Make:
    """Makes valid records; every field can be given."""

    def run(self, **fields: Any) -> Run:
        fields = {"project": "default", "pipeline": "delays", "name": f"delays-{new_id()[-8:]}"} | (
            fields
        )
        return Run(**{"id": new_id(), "started_at": now(), **fields})

    def task(self, run: Run, name: str = "mean", **fields: Any) -> Task:
        values = {"id": new_id(), "scope_path": f"root/{name}", "started_at": now(), **fields}
        return Task(run_id=run.id, name=name, **values)

    def version(self, artifact: str = "flights", content: str = "00", **fields: Any) -> Any:
        digest = f"blake3:{content * 32}"
        values = {
            "id": new_id(),
            "project": "default",
            "data_type": "builtins:int",
            "format": "json/1",
            "uri": "data:application/json;base64,NQ==",
            "files": (FileRecord(path="value.json", size_bytes=1, digest=digest),),
            "size_bytes": 1,
            "content_hash": digest,
            "created_at": now(),
            "created_by": "tester",
            **fields,
        }
        return ArtifactVersion(artifact=artifact, **values)

    def draft(
        self,
        artifact: str = "flights",
        key: str | None = None,
        snapshot: PluginSnapshot | None = None,
        **fields: Any,
    ) -> Any:
        if snapshot is not None:
            fields = {"plugin_snapshot": snapshot.id, **fields}
        version = self.version(artifact, **fields)
        return VersionDraft(version, key or version.id, snapshot)

    def snapshot(self, content: str = "ab", **fields: Any) -> PluginSnapshot:
        file = FileRecord(path="shop/orders.py", size_bytes=9, digest=f"sha256:{content * 32}")
        archive = CodeArchive(
            role="plugin",
            name="materializers.shop",
            digest=f"sha256:{content * 32}",
            roots=("shop",),
            files=(file,),
            extensions=("shop/fast.so",),
            distribution="shop-tools",
            distribution_version="1.2",
        )
        values = {
            "id": f"sha256:{content * 32}",
            "plugin": "materializers.shop",
            "entry_object": "shop.orders:OrderMaterializer",
            "archives": (archive,),
            "python_version": "3.11.7",
            "libraries": {"pandas": "3.0.0"},
            "created_at": now(),
            **fields,
        }
        return PluginSnapshot(**values)

    def link(self, task: Task, io_type: IOType, key: str, **fields: Any) -> ArtifactTaskLink:
        values: dict[str, Any] = {"id": new_id(), "run_id": task.run_id, "task_id": task.id}
        if "producer" in fields:
            fields["producer"] = Producer(task_name=fields["producer"])
        return ArtifactTaskLink(**values, io_type=io_type, key=key, **fields)

    def save(self, ledger: Ledger, artifact: str = "flights", **fields: Any) -> ArtifactVersion:
        (version,) = ledger.write(Batch(versions=(self.draft(artifact, **fields),)))
        return version


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger.open(url, durable=False, busy_timeout_seconds=10) as opened:
        yield opened
