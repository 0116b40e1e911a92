"""Session: one object that joins settings, plugins, content store and ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from artifact_plugins.content import ContentStore
from artifact_plugins.content.urls import local_path
from artifact_plugins.contracts.runtime import Runtime
from artifact_plugins.errors import ArtifactMissingError, InputError, LineageConflictError
from artifact_plugins.ledger import Ledger
from artifact_plugins.lineage_graph import Lineage
from artifact_plugins.plugins import PluginRegistry, Resolver, load_plugins
from artifact_plugins.records import (
    ArtifactVersion,
    Batch,
    SaveType,
    VersionDraft,
    VersionQuery,
    check_label,
    check_metadata,
    check_name,
    new_id,
    now,
)
from artifact_plugins.runtimes import make_runtime
from artifact_plugins.session.loading import Loader
from artifact_plugins.session.materializers import Materializers
from artifact_plugins.session.saving import Saver, SaveRequest
from artifact_plugins.session.wanted import Selection
from artifact_plugins.settings import Settings

_ID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{1,4}){0,6}[0-9a-f]*")


class Session:
    """Saves, loads, finds and registers; steps use it too.

    Attributes:
        settings: What it was opened with.
        plugins: The loaded plugins and their hooks.
        resolver: Chooses materializers, and explains how.
        store: Where bytes lie.
        ledger: Where records lie.
        runtime: What executes step calls.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.plugins: PluginRegistry = load_plugins(
            modules=settings.plugins, disabled=settings.disabled_plugins
        )
        self.resolver = Resolver(self.plugins, overrides=settings.materializers)
        self.store: ContentStore = ContentStore.open(
            settings.store_url,
            durable=settings.is_durable,
            digest=settings.digest,
            inline_max_bytes=settings.inline_max_bytes,
            verify=settings.verify,
            load_max_bytes=settings.load_max_bytes,
        )
        self.ledger: Ledger = Ledger.open(
            settings.ledger_url,
            durable=settings.is_durable,
            busy_timeout_seconds=settings.busy_timeout_seconds,
        )
        materializers = Materializers(self.resolver, self.plugins)
        self.loader = Loader(self.store, self.plugins, materializers)
        self.saver = Saver(settings, self.store, self.plugins, materializers, self.loader)

    @cached_property
    def runtime(self) -> Runtime:
        """Return the runtime that the settings name."""
        return make_runtime(self.settings.runtime)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger and remove this process's private folders."""
        self.ledger.close()
        self.store.close()

    def save(
        self,
        value: Any,
        name: str,
        *,
        materializer: str | type | None = None,
        options: Mapping[str, Any] | None = None,
        artifact_type: str | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        description: str | None = None,
        version_name: str | None = None,
        idempotency_key: str = "",
    ) -> ArtifactVersion:
        """Save a value by hand as the next version of the artifact `name`.

        Args:
            idempotency_key: A repeat with the same key and an equal value
                returns the version of the first save.

        Raises:
            InputError, MaterializerError, StoreError, LedgerError: Nothing was
                registered; the same call can be repeated.
        """
        request = SaveRequest(
            artifact=name,
            artifact_type=artifact_type,
            materializer=materializer,
            options=options,
            tags=tags,
            metadata=metadata,
            description=description,
            version_name=version_name,
            idempotency_key=idempotency_key,
        )
        staged = self.saver.stage(value, request)
        version = self._commit(staged.draft)
        if version.id != staged.draft.version.id:
            staged.discard()  # the key was committed before: the new bytes are nobody's
        return version

    def register(
        self,
        uri: str | Path,
        name: str,
        *,
        artifact_type: str = "Artifact",
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        description: str | None = None,
    ) -> ArtifactVersion:
        """Register a file or folder that already lies somewhere, without copying it.

        Its files are digested now and verified whenever it is loaded, as a
        `pathlib.Path` to where it lies.

        Raises:
            ArtifactMissingError: There is nothing at `uri`.
            NotSerializableError: It holds symlinks, sockets or devices.
            StoreSchemeNotAllowedError: `uri` is not a local path or `file://` URL.
        """
        path = local_path(str(uri))
        files = self.store.describe_path(path)
        version = ArtifactVersion(
            id=new_id(),
            project=self.settings.project,
            artifact=check_name(name),
            artifact_type=artifact_type,
            data_type="pathlib:PosixPath" if "/" in str(path) else "pathlib:WindowsPath",
            materializer="python.path",
            format="directory/1",
            uri=path.as_uri(),
            files=files,
            size_bytes=sum(file.size_bytes for file in files),
            is_directory=path.is_dir(),
            content_hash=self.store.content_hash(files),
            save_type=SaveType.PREEXISTING,
            description=description,
            tags=tuple(check_label(tag) for tag in tags),
            metadata=check_metadata(metadata) if metadata else {},
            created_at=now(),
            created_by=self.settings.created_by,
        )
        return self._commit(VersionDraft(version, version.id))

    def _commit(self, draft: VersionDraft) -> ArtifactVersion:
        (version,) = self.ledger.write(Batch(versions=(draft,)))
        is_new = version.id == draft.version.id
        if is_new and self.plugins.listens("after_artifact_saved"):
            self.plugins.call("after_artifact_saved", version=version, task=None)
        return version

    def load(
        self,
        artifact: str | ArtifactVersion,
        *,
        version: int | None = None,
        alias: str | None = None,
        as_type: Any = Any,
        columns: Sequence[str] | None = None,
        rows: slice | None = None,
    ) -> Any:
        """Load a version: the newest of a name, a numbered or aliased one, or a record's.

        Args:
            artifact: Name, `name@3`, `name@alias`, a version id, or a record.
            as_type: Type or annotation wanted; the saved type when not given.
            columns: Read only these columns of a table.
            rows: Read only these rows.

        Raises:
            ArtifactMissingError: There is no such version.
            MaterializerError, StoreIntegrityError: See `Loader.load`.
        """
        record = (
            artifact
            if isinstance(artifact, ArtifactVersion)
            else self.find(artifact, version=version, alias=alias)
        )
        return self.loader.load(record, as_type, Selection(columns, rows))

    def find(
        self, reference: str, *, version: int | None = None, alias: str | None = None
    ) -> ArtifactVersion:
        """Return the record that a reference names.

        Args:
            reference: `name` (its newest version), `name@3`, `name@alias`, a
                version id, or at least eight first characters of one.

        Raises:
            ArtifactMissingError: Names what comes near.
        """
        name, at, suffix = reference.rpartition("@")
        if at and version is None and alias is None:
            reference = name
            version, alias = (int(suffix), None) if suffix.isdigit() else (None, suffix)
        try:
            return self.ledger.latest(
                self.settings.project, reference, version=version, alias=alias
            )
        except ArtifactMissingError:
            if version is None and alias is None and _ID.fullmatch(reference):
                return self._find_id(reference)
            raise

    def _find_id(self, prefix: str) -> ArtifactVersion:
        page = self.ledger.versions(VersionQuery(id_prefix=prefix), limit=2)
        if len(page) == 1:
            return page[0]
        many = "several versions" if len(page) else "no version"
        raise ArtifactMissingError(
            f"{many} with an id starting with {prefix!r}", hint="give more characters or the name"
        )

    def export(self, version: str | ArtifactVersion, target: Path) -> tuple[Path, ...]:
        """Copy the verified payload files of a version into the folder `target`.

        Returns:
            The files written. Existing files are never replaced.

        Raises:
            InputError: A file of that name is already there; nothing was copied.
        """
        record = version if isinstance(version, ArtifactVersion) else self.find(version)
        reader = self.store.reader(record)
        try:
            wanted = [(name, target / name) for name in reader.names()]
            for _, path in wanted:
                if path.exists():
                    raise InputError(f"{path!s} exists", hint="nothing was copied; move it away")
            for name, path in wanted:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(reader.buffer(name))
        finally:
            reader.close()
        return tuple(path for _, path in wanted)

    def lineage(self, version: str | ArtifactVersion) -> Lineage:
        """Return the questions that can be asked about where a version comes from."""
        record = version if isinstance(version, ArtifactVersion) else self.find(version)
        return Lineage(self.ledger, record)

    def tag(
        self, version: str | ArtifactVersion, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> ArtifactVersion:
        """Add and remove tags of one version; returns its new record."""
        record = version if isinstance(version, ArtifactVersion) else self.find(version)
        return self.ledger.update_version(
            record.id,
            tags_add=tuple(check_label(tag) for tag in add),
            tags_remove=tuple(remove),
        )

    def set_alias(self, version: str | ArtifactVersion, alias: str) -> ArtifactVersion:
        """Point an alias of the artifact at a version, wherever it pointed before."""
        record = version if isinstance(version, ArtifactVersion) else self.find(version)
        check_label(alias, "alias")
        if alias.isdigit():
            raise InputError(f"alias {alias!r} would read as a version number")
        for _ in range(10):
            before = self.ledger.versions(
                VersionQuery(project=record.project, artifact=record.artifact, alias=alias), limit=1
            )
            expected = before[0].id if len(before) else None
            try:
                return self.ledger.set_alias(record.id, alias, expected_version_id=expected)
            except LineageConflictError:
                continue  # somebody else moved it meanwhile
        raise LineageConflictError(f"alias {alias!r} keeps moving", hint="try again")
