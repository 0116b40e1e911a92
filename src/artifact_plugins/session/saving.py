"""A value becomes durable bytes and a draft of its record (stage 5 of a step call)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from artifact_plugins.content import ContentStore, VersionWriter
from artifact_plugins.contracts.abilities import DirectIO
from artifact_plugins.contracts.materializer import Materializer
from artifact_plugins.contracts.refs import ARCHIVED, Noted, noting_types, type_path
from artifact_plugins.errors import (
    ArtifactMissingError,
    ArtifactPluginsError,
    NotSerializableError,
    SaveAbortedError,
    describe,
)
from artifact_plugins.plugins import PluginRegistry
from artifact_plugins.records import (
    ArtifactVersion,
    PluginSnapshot,
    Preview,
    SaveType,
    Task,
    VersionDraft,
    check_label,
    check_metadata,
    check_name,
    new_id,
    now,
)
from artifact_plugins.records.names import check_lines, check_tags, check_text
from artifact_plugins.session.deciding import Deciding
from artifact_plugins.session.equipped import Equipped
from artifact_plugins.session.materializers import Materializers
from artifact_plugins.session.pinning import Pinner
from artifact_plugins.session.roundtrip import REFUSALS, check_round_trip, is_checked
from artifact_plugins.session.scripts import pickled_instead, recorded_type
from artifact_plugins.settings import Settings

_log = logging.getLogger("artifact_plugins")
_PREVIEWS_MAX_BYTES = 256 * 1024
ITERATOR = "collections.abc:Iterator"


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveRequest:
    """How a value is to be saved; everything but the value itself.

    Attributes:
        artifact: Name of the artifact the version belongs to.
        materializer: Key, import path or class that overrides the resolution.
        artifact_task: Name, import path or class that overrides everything.
        idempotency_key: Empty for a save that nobody repeats.
        task: The task whose output it is.
    """

    artifact: str
    artifact_type: str | None = None
    materializer: str | type | None = None
    artifact_task: str | type | None = None
    options: Mapping[str, Any] | None = None
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] | None = None
    description: str | None = None
    version_name: str | None = None
    save_type: SaveType = SaveType.MANUAL
    idempotency_key: str = ""
    task: Task | None = None


@dataclass(frozen=True, slots=True)
class Staged:
    """A value whose bytes are durable, waiting for its commit.

    Attributes:
        draft: Its record, without a number.
        writer: Who wrote the bytes; None for data that lies where its owner put it.
    """

    draft: VersionDraft
    writer: VersionWriter | None

    def discard(self) -> None:
        """Remove the bytes, when it is certain that they were not committed."""
        if self.writer is not None:
            self.writer.abort()


class _Labels(NamedTuple):
    """What people call a version, checked and in form NFC."""

    artifact: str
    version_name: str | None
    tags: tuple[str, ...]
    metadata: dict[str, Any]
    description: str | None


class Saver:
    """Writes values; never touches the ledger."""

    def __init__(
        self,
        settings: Settings,
        store: ContentStore,
        registry: PluginRegistry,
        materializers: Materializers,
        *,
        pinner: Pinner,
        deciding: Deciding,
    ) -> None:
        self._settings = settings
        self._store = store
        self._registry = registry
        self._materializers = materializers
        self._pinner = pinner
        self._deciding = deciding

    def stage(self, value: Any, request: SaveRequest) -> Staged:
        """Make the bytes of `value` durable and return its record without a number.

        Raises:
            MaterializerError: Nothing handles the value, or storing would change it.
            StoreError: The bytes could not be written.
            InputError: A name, text, tag, option or metadata value is not allowed.
            UnsafeFormatError: It would be pickled, and `Settings.allow_pickle` is False.
            SecretInSnapshotError: The code to pin holds what looks like a secret.
        """
        labels = _labels(request)
        equipped = self._materializers.for_value(
            value, request.materializer, request.options, task=request.artifact_task
        )
        self._ask(value, request, labels, equipped)
        if equipped.instead is not None:
            with suppress(*REFUSALS):
                return self._stage(value, request, labels, equipped)
            equipped = equipped.instead
        try:
            return self._stage(value, request, labels, equipped)
        except NotSerializableError as error:
            equipped = pickled_instead(error, equipped, request, self._materializers)
        self._ask(value, request, labels, equipped)  # again: whoever listens may veto pickles
        return self._stage(value, request, labels, equipped)

    def _ask(self, value: Any, request: SaveRequest, labels: _Labels, equipped: Equipped) -> None:
        if self._registry.listens("before_artifact_saved"):
            self._registry.call_veto(
                "before_artifact_saved",
                artifact=labels.artifact,
                value=value,
                materializer=equipped.key,
                task=request.task,
            )

    def _stage(
        self, value: Any, request: SaveRequest, labels: _Labels, equipped: Equipped
    ) -> Staged:
        version_id = new_id()
        writer = self._store.writer(version_id)
        try:
            version = self._write(value, request, labels, equipped, writer, version_id)
        except BaseException:
            writer.abort()
            raise
        return Staged(VersionDraft(version, request.idempotency_key or version_id), writer)

    def _write(
        self,
        value: Any,
        request: SaveRequest,
        labels: _Labels,
        equipped: Equipped,
        writer: VersionWriter,
        version_id: str,
    ) -> ArtifactVersion:
        artifact, metadata = labels.artifact, labels.metadata
        materializer = equipped.instance
        artifact_type = check_text(
            request.artifact_type or materializer.artifact_type, "artifact type"
        )
        counted = _Counted(value) if equipped.counts_items else None
        with noting_types() as noted:
            data_type = ITERATOR if counted is not None else recorded_type(type(value), equipped)
            self._save(value if counted is None else counted, equipped, writer, artifact)
        _check_paths(noted)
        written = writer.finish()
        pin = self._pinner.pin(equipped.writer, noted)
        if counted is None:
            metadata = {**_described(materializer, value, artifact), **metadata}
        previews = () if counted is not None else _previews(materializer, value, artifact)
        task, created_at = request.task, now()
        # A value inside its record has no manifest.
        manifest: dict[str, Any] = (
            {}
            if written.inline is not None
            else {
                "artifact": artifact,
                "project": self._settings.project,
                "data_type": data_type,
                "materializer": equipped.materializer,
                "artifact_task": equipped.artifact_task,
                "parameters": equipped.parameters,
                "format": materializer.format,
                "plugin_snapshot": pin.id,
                "content_hash": written.content_hash,
                "run_id": task.run_id if task else None,
                "task_id": task.id if task else None,
                "created_at": created_at.isoformat(),
            }
        )
        published = writer.publish(manifest, materializer.media_type, sign=self._pinner.sign)
        version = ArtifactVersion(
            id=version_id,
            project=self._settings.project,
            artifact=artifact,
            version_name=labels.version_name,
            artifact_type=artifact_type,
            data_type=data_type,
            materializer=equipped.materializer,
            artifact_task=equipped.artifact_task,
            parameters=equipped.parameters,
            format=materializer.format,
            plugin_snapshot=pin.id,
            uri=published.uri,
            files=written.files,
            size_bytes=written.size_bytes,
            is_directory=len(written.files) != 1,
            content_hash=written.content_hash,
            manifest_digest=published.manifest_digest,
            save_type=request.save_type,
            description=labels.description,
            tags=labels.tags,
            metadata=metadata,
            previews=previews,
            run_id=task.run_id if task else None,
            task_id=task.id if task else None,
            item_count=counted.count if counted is not None else None,
            created_at=created_at,
            created_by=self._settings.created_by,
        )
        if written.inline is not None and (
            materializer.executes_on_load or self._needs_trust(equipped, noted, pin.snapshot)
        ):
            version = self._signed(version)
        if counted is None and not materializer.exact:
            try:
                self._verify(value, equipped, version, noted)
            except ArtifactMissingError as error:
                raise SaveAbortedError(
                    f"the files of artifact {artifact!r} were removed by a collector before the "
                    "commit",
                    hint="nothing was registered; saving it again makes a new version",
                    version_id=version_id,
                ) from error
        return version

    def _needs_trust(self, equipped: Equipped, noted: Noted, snapshot: PluginSnapshot) -> bool:
        """Tell whether loading the value imports or executes what the version names."""
        writers = [equipped.plugin, *(plugin for _, _, plugin in noted.writers)]
        if noted.executes or None in writers:
            return True
        roots = [root for archive in snapshot.archives for root in archive.roots]
        for path in map(type_path, noted.classes):
            # A plugin takes its own types with it when it is uninstalled.
            module = f"{path.partition(':')[0]}."
            if self._deciding.needs_trust(path) or any(module.startswith(f"{r}.") for r in roots):
                return True
        return False

    def _signed(self, version: ArtifactVersion) -> ArtifactVersion:
        """Sign the record of a value that has no manifest in the store."""
        signature = self._pinner.sign(self._store.signed_manifest(version)[0])
        if signature is None:
            return version
        return version.model_copy(update={"signature": signature.model_dump_json()})

    def _save(self, value: Any, equipped: Equipped, writer: VersionWriter, artifact: str) -> None:
        try:
            if equipped.is_direct:
                cast(DirectIO, equipped.instance).save_files(value, writer)
            else:
                folder = writer.scratch()
                equipped.instance.save(value, folder)
                writer.add_directory(folder)
        except ArtifactPluginsError:
            raise
        except Exception as error:
            if isinstance(value, _Counted) and value.failed is error:
                raise  # the step's own generator raised: its exception passes unchanged
            raise NotSerializableError(
                f"materializer {equipped.key!r} could not save artifact {artifact!r}: "
                f"{describe(error)}",
                hint="nothing was registered",
                artifact=artifact,
                materializer=equipped.key,
            ) from error

    def _verify(
        self, value: Any, equipped: Equipped, version: ArtifactVersion, noted: Noted
    ) -> None:
        """Read the version back before anybody can see it, and compare."""
        if not is_checked(self._settings.verify_save, version.size_bytes):
            return
        reader = self._store.reader(version, keeps_folders=False)
        try:
            check_round_trip(
                equipped,
                value,
                reader,
                f"artifact {version.artifact!r}",
                classes=noted.classes,
            )
        finally:
            reader.close()


def _check_paths(noted: Noted) -> None:
    """Refuse a value with two classes of one path: archived code and other code, mixed."""
    if not any(cls.__module__.startswith(ARCHIVED) for cls in noted.classes):
        return
    found: dict[str, type] = {}
    for cls in noted.classes:
        path = type_path(cls)
        if found.setdefault(path, cls) is not cls:
            raise NotSerializableError(
                f"the value has objects of two classes that are both {path!r}: of archived code, "
                "and of other code",
                hint="nothing was registered; save them as versions of their own, or convert "
                "the old ones first",
                data_type=path,
            )


def _labels(request: SaveRequest) -> _Labels:
    version_name, description = request.version_name, request.description
    if request.idempotency_key != "":
        check_lines(request.idempotency_key, "idempotency key")
    return _Labels(
        check_name(request.artifact),
        None if version_name is None else check_label(version_name, "version name"),
        check_tags(request.tags),
        check_metadata(request.metadata) if request.metadata else {},
        None if description is None else check_lines(description, "description"),
    )


class _Counted(Iterator[Any]):
    """Counts what a generator yields and remembers what it raised itself."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self.count = 0
        self.failed: BaseException | None = None

    def __next__(self) -> Any:
        try:
            item = next(self._items)
        except StopIteration:
            raise
        except BaseException as error:
            self.failed = error
            raise
        self.count += 1
        return item


def _described(materializer: Materializer[Any], value: Any, artifact: str) -> dict[str, Any]:
    try:
        described = materializer.describe(value)
        return check_metadata(described) if described else {}
    except Exception:  # noqa: BLE001  # a courtesy never costs anybody a result
        _log.warning("metadata of artifact %r could not be made", artifact, exc_info=True)
        return {}


def _previews(materializer: Materializer[Any], value: Any, artifact: str) -> tuple[Preview, ...]:
    try:
        offered = list(materializer.preview(value))
        previews = tuple(preview for preview in offered if isinstance(preview, Preview))
        if sum(len(preview.content) for preview in previews) > _PREVIEWS_MAX_BYTES:
            return ()
    except Exception:  # noqa: BLE001  # a courtesy never costs anybody a result
        _log.warning("preview of artifact %r could not be made", artifact, exc_info=True)
        return ()
    if len(previews) != len(offered):
        _log.warning("preview of artifact %r holds what is no Preview; left out", artifact)
    return previews
