"""Session: one object that joins settings, plugins, content store and ledger."""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from artifact_plugins.content import ContentStore
from artifact_plugins.contracts.runtime import Runtime
from artifact_plugins.errors import (
    ArtifactMissingError,
    InputError,
    LineageConflictError,
    MaterializerError,
    PluginError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.lineage_graph import Lineage
from artifact_plugins.plugins import PluginRegistry, Resolver, load_plugins
from artifact_plugins.records import (
    ArtifactVersion,
    Batch,
    Task,
    VersionQuery,
    check_label,
)
from artifact_plugins.records.names import as_reference, check_tags
from artifact_plugins.runtimes import make_runtime
from artifact_plugins.session.committing import commit
from artifact_plugins.session.exporting import export_files
from artifact_plugins.session.loading import Loader
from artifact_plugins.session.materializers import Materializers
from artifact_plugins.session.registering import Registrar
from artifact_plugins.session.saving import Saver, SaveRequest, Staged
from artifact_plugins.session.wanted import Selection, check_annotation
from artifact_plugins.settings import Settings

_NOTHING_ELSE = Batch()
_NUMBER_MAX = 2**63 - 1
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
        materializers = Materializers(self.resolver, verify_save=settings.verify_save)
        self.loader = Loader(self.store, self.plugins, materializers)
        self.saver = Saver(settings, self.store, self.plugins, materializers)
        with suppress(MaterializerError, PluginError):
            # Nearly every run stores a plain value: its materializer is imported
            # here and not on the time of the first step.
            materializers.for_value(None, None, None)

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
        (version,) = self.commit(_NOTHING_ELSE, (self.saver.stage(value, request),))
        return version

    def commit(
        self,
        batch: Batch,
        staged: Sequence[Staged],
        *,
        durable: bool | None = None,
        task: Task | None = None,
    ) -> tuple[ArtifactVersion, ...]:
        """Make staged values versions, in one transaction with other records.

        A lost answer is asked for once more. When the commit fails, the staged
        bytes are removed, unless it is unknown whether it failed.

        Args:
            batch: What else becomes visible with them; its `versions` stay empty.
            staged: Values whose bytes are durable.
            durable: Whether this commit is synced; None: as the ledger was opened.
            task: The task whose outputs they are, for the hooks.

        Returns:
            The versions, in the order of `staged`: the one of the first save
            where an idempotency key was committed before.

        Raises:
            LedgerError, StoreError: Nothing was registered. CommitUnknownError:
                it is unknown; the same call can be repeated.
        """
        return commit(self.ledger, self.plugins, batch, staged, durable=durable, task=task)

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
        `pathlib.Path` to where it lies. The hooks of a save are called.

        Raises:
            InputError: A name, text, tag or metadata value is not allowed, or
                the path is not Unicode text.
            ArtifactMissingError: There is nothing at `uri`.
            NotSerializableError: It holds symlinks, sockets or devices.
            StoreSchemeNotAllowedError: `uri` is not a local path or `file://` URL.
        """
        staged = Registrar(self.settings, self.store, self.plugins).stage(
            uri,
            name,
            artifact_type=artifact_type,
            tags=tags,
            metadata=metadata,
            description=description,
        )
        (version,) = self.commit(_NOTHING_ELSE, (staged,))
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
            version: Number of one of the versions of the name.
            alias: Alias of one of them.
            as_type: Type or annotation wanted; the saved type when not given.
            columns: Read only these columns of a table.
            rows: Read only these rows.

        Raises:
            InputError: `as_type` is no type, `columns` no list of names, ...
            ArtifactMissingError: There is no such version.
            MaterializerError, StoreIntegrityError: See `Loader.load`.
        """
        check_annotation(as_type)
        selection = Selection(columns, rows)
        record = (
            artifact
            if isinstance(artifact, ArtifactVersion)
            else self.find(artifact, version=version, alias=alias)
        )
        return self.loader.load(record, as_type, selection)

    def find(
        self, reference: str, *, version: int | None = None, alias: str | None = None
    ) -> ArtifactVersion:
        """Return the record that a reference names.

        Args:
            reference: `name` (its newest version), `name@3`, `name@alias`, a
                version id, or as much of the beginning of one as is unique.

        Raises:
            InputError: It is neither text nor a number, each in its place.
            ArtifactMissingError: Names what comes near.
        """
        reference = as_reference(reference, "a reference to a version")
        version = None if version is None else _number(version)
        alias = None if alias is None else as_reference(alias, "alias")
        name, at, suffix = reference.rpartition("@")
        if at and version is None and alias is None:
            reference = name
            if suffix.isascii() and suffix.isdigit():  # `²` is a digit, but no number
                version = _number(int(suffix[:20]))
            else:
                alias = suffix
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

    def export(
        self, version: str | ArtifactVersion, target: str | os.PathLike[str]
    ) -> tuple[Path, ...]:
        """Copy the verified payload files of a version into the folder `target`.

        Returns:
            The files written. Existing files are never replaced.

        Raises:
            InputError: A file of that name is already there, or `target` is no
                folder; nothing was copied.
            ManifestInvalidError: A recorded file name leads out of `target`.
            StoreError: A copy could not be read or written; none is left.
        """
        record = version if isinstance(version, ArtifactVersion) else self.find(version)
        reader = self.store.reader(record)
        try:
            return export_files(reader, target)
        finally:
            reader.close()

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
            record.id, tags_add=check_tags(add), tags_remove=check_tags(remove)
        )

    def set_alias(self, version: str | ArtifactVersion, alias: str) -> ArtifactVersion:
        """Point an alias of the artifact at a version, wherever it pointed before."""
        record = version if isinstance(version, ArtifactVersion) else self.find(version)
        alias = check_label(alias, "alias")
        if alias.isdigit() or "@" in alias:
            raise InputError(
                f"alias {alias!r} would read as a version number or a reference",
                hint="use letters in it and no '@'; nothing was changed",
            )
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


def _number(version: int) -> int:
    """Return a version number that a database takes; those beyond name nothing."""
    try:
        return min(operator.index(version), _NUMBER_MAX)
    except TypeError as error:
        raise InputError(
            f"a version number is an int, not {version!r:.200}", hint="nothing was loaded"
        ) from error
