"""A record becomes a value again: choose the reader, verify, parse, check the type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import GeneratorType
from typing import Any, cast

from artifact_plugins.content import ContentStore
from artifact_plugins.content.urls import local_path
from artifact_plugins.contracts.abilities import LoadsSafely, PartialIO
from artifact_plugins.contracts.files import FileReader
from artifact_plugins.contracts.refs import ARCHIVED, find_type, type_path
from artifact_plugins.errors import (
    ArtifactMissingError,
    ArtifactPluginsError,
    EnvironmentMismatchError,
    LoadFailedError,
    NoMaterializerError,
    PayloadClassNotFoundError,
    TrustError,
    UnsafeFormatError,
    describe,
)
from artifact_plugins.ledger.deleted import deleted_error
from artifact_plugins.plugins import PluginRegistry
from artifact_plugins.plugins.index import loaded_object
from artifact_plugins.records import ArtifactVersion, LoadDecision, SaveType
from artifact_plugins.session.deciding import Deciding
from artifact_plugins.session.equipped import Equipped
from artifact_plugins.session.materializers import Materializers
from artifact_plugins.session.reading import Reading
from artifact_plugins.session.streams import begun, switching
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
        self,
        store: ContentStore,
        registry: PluginRegistry,
        materializers: Materializers,
        *,
        deciding: Deciding,
    ) -> None:
        self._store = store
        self._registry = registry
        self._materializers = materializers
        self._deciding = deciding

    def load(
        self,
        version: ArtifactVersion,
        annotation: Any = Any,
        selection: Selection = _EVERYTHING,
        *,
        allow_unsafe: bool = False,
    ) -> Any:
        """Load a version as `annotation` wants it.

        The stored type is given when it fits the annotation; otherwise the
        materializer of the wanted type is used if it reads the stored format.
        The installed code is used when it wrote the version or reads its
        format, else the archived code that the version is pinned to.

        Args:
            allow_unsafe: Execute what the version brings for this one load,
                whoever wrote it.

        Raises:
            ArtifactMissingError: The record says that it is deleted, or files are gone.
            NoMaterializerError: Nothing turns the stored format into the wanted type.
            StoreIntegrityError: The bytes are not what was saved; nothing was parsed.
            LoadFailedError: The bytes are intact but could not be parsed, or
                gave another type than wanted.
            TrustError: Code would have to run that nobody trusted vouches for.
            EnvironmentMismatchError: The archived code needs other libraries.
        """
        if version.deleted_at is not None:
            raise deleted_error(version)
        if version.save_type is SaveType.PREEXISTING:
            value, key = self._preexisting(version, selection), "python.path"
            decision = LoadDecision(code="installed", reason="a path is a path", materializer=key)
        else:
            value, decision = self._decided(version, annotation, selection, allow_unsafe)
        if decision.code != "isolated" and not accepts(annotation, type(value)):
            raise LoadFailedError(
                f"{version} holds a {type_path(type(value))}, not a {annotation_name(annotation)}",
                hint=_where_to(type(value), annotation) + "; the stored version is untouched",
                version_id=version.id,
            )
        if self._registry.listens("after_artifact_loaded"):
            self._registry.call(
                "after_artifact_loaded",
                version=version,
                materializer=decision.materializer,
                value=value,
                decision=decision,
            )
        return value

    def _decided(
        self, version: ArtifactVersion, annotation: Any, selection: Selection, allow_unsafe: bool
    ) -> tuple[Any, LoadDecision]:
        deciding = self._deciding

        def read(archive_first: bool | None) -> Reading:
            return deciding.reading(version, allow_unsafe=allow_unsafe, archive_first=archive_first)

        def here(reading: Reading) -> tuple[Any, LoadDecision]:
            with reading.active():
                equipped, data_type = self._reader(reading, annotation)
                value = self._stored(reading, equipped, data_type, selection)
            return value, deciding.installed(reading, equipped.key, equipped.plugin)

        def archived(reading: Reading, reason: str) -> tuple[Any, LoadDecision]:
            return self._archived(reading, selection, reason)

        def there(reading: Reading, start: int = 0) -> Any:
            data_type = _other_type(version, annotation)
            return deciding.load_there(reading, selection, data_type=data_type, start=start)

        def rest(start: int, mismatch: EnvironmentMismatchError) -> Iterator[Any]:
            if not deciding.isolates:
                raise mismatch
            return cast("Iterator[Any]", there(read(None), start))

        value, decision = deciding.decide(read, here, archived, there)
        if decision.code != "isolated" and isinstance(value, GeneratorType):
            value = switching(value, rest)
        return value, decision

    def _archived(
        self, reading: Reading, selection: Selection, reason: str
    ) -> tuple[Any, LoadDecision]:
        version = reading.version
        with reading.active():
            equipped = self._deciding.archived_writer(reading, reading.code())
            if not equipped.reads(version.format):
                # A pin vouches for the code, not for its being this version's.
                raise LoadFailedError(
                    f"the archived {equipped.key!r} does not read {version.format!r}, "
                    f"in which {version} is stored",
                    hint="the record names the code of another version; nothing was parsed",
                    version_id=version.id,
                )
            value = self._stored(reading, equipped, _needed_type(version, equipped), selection)
        return value, self._deciding.archived(reading, equipped.key, equipped.plugin, reason)

    def _stored(
        self, reading: Reading, equipped: Equipped, data_type: type, selection: Selection
    ) -> Any:
        version, materializer = reading.version, equipped.instance
        executes = materializer.executes_on_load
        safely = executes and isinstance(materializer, LoadsSafely) and not reading.is_vouched_for()
        if executes and not safely:
            reading.allow_executing()
        chosen = selection.keywords()
        if chosen:
            able = cast(PartialIO, materializer).selections if equipped.is_partial else frozenset()
            _check_selection(version, equipped.key, chosen, able)
        reader = self._store.reader(version)
        if executes:
            reader.detach()
        try:
            if safely:
                return self._load_safely(
                    reading, cast(LoadsSafely, materializer), reader, data_type
                )
            if chosen:
                return cast(PartialIO, materializer).load_part(reader, data_type, **chosen)
            value = equipped.load(reader, data_type)
            if isinstance(value, GeneratorType):
                # What is loaded while it is consumed finds its classes as this load does.
                value = begun(reading.while_active(value))
            return value
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

    def _load_safely(
        self, reading: Reading, materializer: LoadsSafely, files: FileReader, data_type: type
    ) -> Any:
        """Load plain values of a format that could execute code, when nobody vouches for it."""
        try:
            return materializer.load_safely(files, data_type)
        except UnsafeFormatError as unsafe:
            try:
                reading.vouch()
            except TrustError as error:
                raise error from unsafe
            raise

    def _reader(self, reading: Reading, annotation: Any) -> tuple[Equipped, type]:
        version = reading.version
        classes = wanted_classes(annotation)
        if not classes or _is_as_stored(annotation, version):
            equipped = self._deciding.installed_reader(reading)
            return equipped, _needed_type(version, equipped)
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
        stored = self._deciding.installed_reader(reading)
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


def _where_to(found: type, annotation: Any) -> str:
    """Return what to do about a value of another class than the wanted one."""
    wanted = wanted_classes(annotation)
    if found.__module__.startswith(ARCHIVED) and len(wanted) == 1:
        return (
            "this is the archived class; when it was only moved or renamed, say so in "
            f'[tool.artifact_plugins.renames]: "{type_path(found)}" = "{type_path(wanted[0])}"'
        )
    return "change the annotation of the input"


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


def _needed_type(version: ArtifactVersion, equipped: Equipped) -> type:
    """Return the class of the value; any, for a materializer that finds it in the files."""
    if equipped.is_direct:
        return _stored_type(version) or object
    return find_type(version.data_type)


def _other_type(version: ArtifactVersion, annotation: Any) -> str | None:
    """Return the path of the class that a stream is wanted as, when it is not to be iterated."""
    classes = wanted_classes(annotation)
    if version.item_count is None or not classes or _is_as_stored(annotation, version):
        return None
    return type_path(classes[0])


def _is_as_stored(annotation: Any, version: ArtifactVersion) -> bool:
    stored = _stored_type(version)
    return stored is not None and accepts(annotation, stored)


def _stored_type(version: ArtifactVersion) -> type | None:
    if version.data_type.startswith("__main__:"):
        # The files bring it; that of an archive would have to be trusted for nothing.
        found = loaded_object(version.data_type)
        return found if isinstance(found, type) else None
    try:
        return find_type(version.data_type)
    except PayloadClassNotFoundError:
        return None
