"""Data that already lies somewhere becomes a version without being copied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from artifact_plugins.content import ContentStore
from artifact_plugins.content.urls import local_path
from artifact_plugins.errors import InputError
from artifact_plugins.plugins import PluginRegistry
from artifact_plugins.records import (
    ArtifactVersion,
    SaveType,
    VersionDraft,
    check_metadata,
    check_name,
    new_id,
    now,
)
from artifact_plugins.records.names import check_lines, check_tags, check_text
from artifact_plugins.session.saving import Staged
from artifact_plugins.settings import Settings

PATH_KEY = "python.path"


@dataclass(frozen=True, slots=True)
class Registrar:
    """Makes the records of data that lies where its owner put it."""

    settings: Settings
    store: ContentStore
    plugins: PluginRegistry

    def stage(
        self,
        uri: str | PurePath,
        name: str,
        *,
        artifact_type: str,
        tags: Sequence[str],
        metadata: Mapping[str, Any] | None,
        description: str | None,
    ) -> Staged:
        """Digest what lies at `uri` and return its record; see `Session.register`."""
        artifact = check_name(name)
        artifact_type = check_text(artifact_type, "artifact type")
        checked_tags = check_tags(tags)
        checked_metadata = check_metadata(metadata) if metadata else {}
        if description is not None:
            description = check_lines(description, "description")
        path = _path(uri)
        if self.plugins.listens("before_artifact_saved"):
            self.plugins.call_veto(
                "before_artifact_saved",
                artifact=artifact,
                value=path,
                materializer=PATH_KEY,
                task=None,
            )
        files = self.store.describe_path(path)
        version = ArtifactVersion(
            id=new_id(),
            project=self.settings.project,
            artifact=artifact,
            artifact_type=artifact_type,
            data_type="pathlib:PosixPath" if "/" in str(path) else "pathlib:WindowsPath",
            materializer=PATH_KEY,
            format="directory/1",
            uri=path.as_uri(),
            files=files,
            size_bytes=sum(file.size_bytes for file in files),
            is_directory=path.is_dir(),
            content_hash=self.store.content_hash(files),
            save_type=SaveType.PREEXISTING,
            description=description,
            tags=checked_tags,
            metadata=checked_metadata,
            created_at=now(),
            created_by=self.settings.created_by,
        )
        return Staged(VersionDraft(version, version.id), None)


def _path(uri: object) -> Path:
    if not isinstance(uri, str | PurePath):
        raise InputError(
            f"a file or folder is named by text or a Path, not by a {type(uri).__qualname__}",
            hint="nothing was registered",
        )
    path = local_path(uri)
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"path {str(path)!a} is not Unicode text and fits into no record",
            hint="nothing was registered; rename the file or the folder above it",
        ) from error
    return path
