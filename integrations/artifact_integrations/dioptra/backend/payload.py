"""The folder that an artifact is: the payload files of a version and a manifest that a worker checks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from artifact_plugins.contracts.backend import Delivery
from artifact_plugins.contracts.files import FileReader
from artifact_plugins.records import ArtifactVersion
from artifact_plugins.transport import digest_of

from .naming import file_name, stored_path

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Payload:
    """What is uploaded.

    Attributes:
        manifest: Bytes of `manifest.json`, the same whenever it is made again.
        stored: Path of a file to its path there.
        reader: Holds the verified bytes; those of a local store are mapped, not read.
    """

    manifest: bytes
    stored: dict[str, str]
    reader: FileReader

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)

    def files(self) -> Iterator[tuple[str, bytes | memoryview]]:
        """Yield path there and bytes, the manifest last: without it nothing is loaded."""
        for path, stored in self.stored.items():
            yield stored, self.reader.buffer(path)
        yield MANIFEST, self.manifest


def folder_of(version: ArtifactVersion) -> str:
    """Return the folder of a version in its MLflow run: unique, and told apart by people.

    What is saved by hand under a name shares one MLflow run, also when it is of
    several ledgers, which have the same numbers.
    """
    name = f"{version.artifact}.{version.version}"
    return file_name(name if version.run_id is not None else f"{name}-{version.id[-8:]}")


@contextmanager
def opened(
    version: ArtifactVersion, delivery: Delivery, *, task: str, code_digest: str
) -> Iterator[Payload]:
    """Open the payload of a version; a value inside its record becomes a file as any other.

    Args:
        task: Class name of the artifact task that it is pinned to.
        code_digest: `sha256:hex` of the code that is embedded beside that class.

    Raises:
        StoreError: The bytes are gone or not what was saved.
    """
    with delivery.files(version) as reader:
        entries, stored = [], {}
        for file in sorted(version.files, key=lambda file: file.path):
            name = stored_path(file.path)
            if name == MANIFEST:
                name = f"payload-{MANIFEST}"
            stored[file.path] = name
            entry = {
                "path": file.path,
                "size_bytes": file.size_bytes,
                # A worker has only the digests of the standard library.
                "digest": file.digest
                if file.digest.startswith("sha256:")
                else digest_of(reader.buffer(file.path)),
            }
            entries.append(entry | ({"stored": name} if name != file.path else {}))
        document = {
            "artifact_task": task,
            "content_hash": version.content_hash,
            "created_at": version.created_at.isoformat(),
            "data_type": version.data_type,
            "files": entries,
            "format": version.format,
            "materializer": version.materializer,
            "parameters": version.parameters,
            "plugin_snapshot": version.plugin_snapshot,
            "project": version.project,
            "run_id": version.run_id,
            "snapshot": code_digest,
            "task_id": version.task_id,
            "version_id": version.id,
            "written_by": version.artifact_task,
        }
        text = json.dumps(document, sort_keys=True, indent=1)
        yield Payload(text.encode(), stored, reader)
