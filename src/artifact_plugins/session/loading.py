"""A record becomes a value again: choose the reader, verify, parse, check the type."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from artifact_plugins.content import ContentStore
from artifact_plugins.content.urls import local_path
from artifact_plugins.contracts.abilities import PartialIO
from artifact_plugins.contracts.refs import find_type, type_path
from artifact_plugins.errors import (
    ArtifactMissingError,
    ArtifactPluginsError,
    LoadFailedError,
    NoMaterializerError,
    PayloadClassNotFoundError,
    UnsafeFormatError,
    describe,
)
from artifact_plugins.ledger.deleted import deleted_error
from artifact_plugins.plugins import PluginRegistry
from artifact_plugins.records import ArtifactVersion, SaveType
from artifact_plugins.session.equipped import Equipped
from artifact_plugins.session.materializers import Materializers
from artifact_plugins.session.wanted import (
    Selection,
    accepts,
    annotation_name,
    wanted_classes,
)

_EVERYTHING = Selection()


class Loader:
    """Loads versions; never writes."""

    def __init__(
        self, store: ContentStore, registry: PluginRegistry, materializers: Materializers
    ) -> None:
        self._store = store
        self._registry = registry
        self._materializers = materializers

    def load(
        self, version: ArtifactVersion, annotation: Any = Any, selection: Selection = _EVERYTHING
    ) -> Any:
        """Load a version as `annotation` wants it.

        The stored type is given when it fits the annotation; otherwise the
        materializer of the wanted type is used if it reads the stored format.

        Raises:
            ArtifactMissingError: The record says that it is deleted, or files are gone.
            NoMaterializerError: Nothing turns the stored format into the wanted type.
            StoreIntegrityError: The bytes are not what was saved; nothing was parsed.
            LoadFailedError: The bytes are intact but could not be parsed, or
                gave another type than wanted.
        """
        if version.deleted_at is not None:
            raise deleted_error(version)
        if version.save_type is SaveType.PREEXISTING:
            value, key = self._preexisting(version, selection), "python.path"
        else:
            equipped, data_type = self._reader(version, annotation)
            value, key = self._stored(version, equipped, data_type, selection), equipped.key
        if not accepts(annotation, type(value)):
            raise LoadFailedError(
                f"{version} holds a {type_path(type(value))}, not a {annotation_name(annotation)}",
                hint="change the annotation of the input; the stored version is untouched",
                version_id=version.id,
            )
        if self._registry.listens("after_artifact_loaded"):
            self._registry.call(
                "after_artifact_loaded", version=version, materializer=key, value=value
            )
        return value

    def _stored(
        self, version: ArtifactVersion, equipped: Equipped, data_type: type, selection: Selection
    ) -> Any:
        materializer = equipped.instance
        if materializer.executes_on_load:
            raise UnsafeFormatError(
                f"{version} is stored as {version.format!r}, which executes code when loaded",
                hint="nothing was executed; save it with a materializer of a data format",
                version_id=version.id,
            )
        chosen = selection.keywords()
        if chosen:
            able = cast(PartialIO, materializer).selections if equipped.is_partial else frozenset()
            _check_selection(version, equipped.key, chosen, able)
        reader = self._store.reader(version)
        try:
            if chosen:
                return cast(PartialIO, materializer).load_part(reader, data_type, **chosen)
            return equipped.load(reader, data_type)
        except ArtifactPluginsError:
            raise
        except Exception as error:
            raise LoadFailedError(
                f"materializer {equipped.key!r} could not load {version} "
                f"({version.format}): {describe(error)}",
                hint="the stored bytes are intact",
                version_id=version.id,
            ) from error
        finally:
            reader.close()

    def _reader(self, version: ArtifactVersion, annotation: Any) -> tuple[Equipped, type]:
        if version.materializer is None:
            raise NoMaterializerError(f"{version} names no materializer", version_id=version.id)
        classes = wanted_classes(annotation)
        stored_type = _stored_type(version)
        if not classes or (stored_type is not None and accepts(annotation, stored_type)):
            equipped = self._materializers.by_key(version.materializer, version.parameters)
            if stored_type is None and not equipped.is_direct:
                find_type(version.data_type)  # raises: its materializer needs the class
            return equipped, stored_type or object
        refused: NoMaterializerError | None = None
        for wanted in classes:
            try:
                choice = self._materializers.resolver.reader_for(
                    wanted, stored_format=version.format, stored_key=version.materializer
                )
            except NoMaterializerError as error:
                refused = refused or error
            else:
                return self._materializers.equip(choice, None), wanted
        stored = self._materializers.by_key(version.materializer, version.parameters)
        if stored.counts_items:  # a stream also comes as a list, a tuple or one frame
            return stored, classes[0]
        raise refused or NoMaterializerError(f"nothing reads {version.format!r}")

    def _preexisting(self, version: ArtifactVersion, selection: Selection) -> Path:
        """Data that lies where its owner put it is verified there, not copied."""
        _check_selection(version, "python.path", selection.keywords(), frozenset())
        self._store.check(version)
        path = local_path(version.uri)
        if not path.exists():
            raise ArtifactMissingError(f"{version} was registered at {path!s}, which is gone")
        return path


def _check_selection(
    version: ArtifactVersion, key: str, chosen: Mapping[str, Any], able: frozenset[str]
) -> None:
    missing = sorted(set(chosen) - able)
    if missing:
        raise NoMaterializerError(
            f"materializer {key!r} cannot load a selection of {missing} of {version}",
            hint="load the whole value and select from it",
            version_id=version.id,
        )


def _stored_type(version: ArtifactVersion) -> type | None:
    try:
        return find_type(version.data_type)
    except PayloadClassNotFoundError:
        return None
