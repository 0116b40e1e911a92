"""An artifact version: one immutable value, its bytes and its record."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class SaveType(StrEnum):
    """How a version came to be."""

    STEP_OUTPUT = "step_output"
    MANUAL = "manual"
    PREEXISTING = "preexisting"
    EXTERNAL = "external"


class FileRecord(BaseModel):
    """One payload file of a version.

    Attributes:
        path: Relative POSIX path inside the version.
        size_bytes: Size of the file.
        digest: `algorithm:hex`, as in `blake3:9a2f...`.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    size_bytes: int
    digest: str


class Preview(BaseModel):
    """A small picture of a value, made when it was saved.

    Attributes:
        kind: What `content` is. PNG content is base64 text, the others are text.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["text", "markdown", "html", "png"]
    content: str
    title: str = ""


class ArtifactVersion(BaseModel):
    """The record of one version of an artifact.

    Attributes:
        id: UUIDv7, made by the writer.
        version: 1, 2, ... without gaps inside the artifact; 0 before the commit.
        data_type: Public import path of the value's type, `pandas:DataFrame`.
        format: What the files are, with a version: `arrow/1`.
        uri: Where the payload lies. A small value lies in the record itself,
            as an RFC 2397 `data:` URI.
        files: The payload files; one entry for a value inside the record too.
        content_hash: `algorithm:hex` over the payload. Of one file: its digest.
            Of several: over the sorted lines `digest size path`.
        manifest_digest: `sha256:hex` of the manifest in the content store;
            None for a value inside the record.
        plugin_snapshot: `PluginSnapshot.id` of the code that wrote it.
        signature: DSSE signature over the manifest as JSON, for a value inside
            the record; the manifest in the store carries its own.
        item_count: Number of chunks or elements of a streamed or mapped value.
        deleted_at: When it was deleted; it can be restored until its bytes
            are collected. The record stays, so that links still lead somewhere.
        collected_at: When its bytes were given up for good.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    project: str
    artifact: str
    version: int = 0
    version_name: str | None = None
    artifact_type: str = "Artifact"
    data_type: str
    materializer: str | None = None
    artifact_task: str | None = None
    parameters: dict[str, Any] = {}
    format: str
    plugin_snapshot: str | None = None
    uri: str
    files: tuple[FileRecord, ...] = ()
    size_bytes: int = 0
    is_directory: bool = False
    content_hash: str = ""
    manifest_digest: str | None = None
    signature: str | None = None
    save_type: SaveType = SaveType.MANUAL
    description: str | None = None
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    previews: tuple[Preview, ...] = ()
    run_id: str | None = None
    task_id: str | None = None
    item_count: int | None = None
    created_at: datetime
    updated_at: datetime | None = None
    created_by: str = ""
    deleted_at: datetime | None = None
    collected_at: datetime | None = None

    def __str__(self) -> str:
        return f"{self.artifact}@{self.version}"
