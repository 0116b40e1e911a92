"""With which code a version is loaded, and why: one set of rules for loading and explaining."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeVar

from artifact_plugins.content import ContentStore
from artifact_plugins.contracts.materializer import Materializer
from artifact_plugins.contracts.refs import import_type
from artifact_plugins.errors import (
    ArtifactMissingError,
    ArtifactPluginsError,
    EnvironmentMismatchError,
    LoadFailedError,
    NoMaterializerError,
    PayloadClassNotFoundError,
    StoreError,
)
from artifact_plugins.plugins import TASK_PREFIX, Choice, PluginRegistry
from artifact_plugins.records import ArtifactVersion, CodeArchive, LoadDecision, PluginSnapshot
from artifact_plugins.session.archived import ArchivedCode, Archives
from artifact_plugins.session.artifact_tasks import writer_key
from artifact_plugins.session.drift import BY_VALUE, differences
from artifact_plugins.session.equipped import Equipped
from artifact_plugins.session.isolating import load_there
from artifact_plugins.session.looking import LookedArchives, seen_type
from artifact_plugins.session.materializers import Materializers
from artifact_plugins.session.reading import Names, Reading
from artifact_plugins.session.wanted import Selection
from artifact_plugins.settings import Settings
from artifact_plugins.trust import Trust, Verdict

T = TypeVar("T")
# What installed code raises when it is not the code that wrote a version.
_DRIFT = (PayloadClassNotFoundError, LoadFailedError)


class Unreadable(Exception):
    """The installed code cannot load a version; the archived code may."""

    def __init__(self, refusal: ArtifactPluginsError) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class Deciding:
    """Decides for one session. Threads share it."""

    def __init__(
        self,
        settings: Settings,
        store: ContentStore,
        registry: PluginRegistry,
        materializers: Materializers,
        trust: Trust,
        *,
        renames: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._store = store
        self._registry = registry
        self._materializers = materializers
        self._trust = trust
        self._renames = renames
        self.archives = Archives(store)
        self._plugins = {plugin.name: plugin for plugin in registry.plugins}

    @cached_property
    def names(self) -> Names:
        """What installed plugins offer to handle, and where classes went."""
        offered = {path for offer, _ in self._registry.offers for path in offer.types}
        for plugin in self._registry.plugins:
            offered.update(path for task in plugin.artifact_tasks for path in task.types)
        return Names(frozenset(offered), self._renames)

    @property
    def isolates(self) -> bool:
        """Whether a recorded environment may be built."""
        return self._settings.isolation != "none"

    def needs_trust(self, path: str) -> bool:
        """Tell whether loading a class by its path imports what no plugin offers to handle."""
        return path not in self.names.offered

    def decide(
        self,
        read: Callable[[bool | None], Reading],
        here: Callable[[Reading], tuple[T, LoadDecision]],
        archived: Callable[[Reading, str], tuple[T, LoadDecision]],
        there: Callable[[Reading], T],
    ) -> tuple[T, LoadDecision]:
        """Go through the rules; what is done at each turn loads, or only looks.

        Args:
            read: Returns what may be done, with archived code first or not;
                None follows the settings.
            here: Uses the installed code; raises `Unreadable` when it cannot.
            archived: Uses the archived code, for a reason.
            there: Uses the recorded environment.

        Raises:
            ArtifactPluginsError: What keeps the version from being loaded.
        """
        reading = read(None)
        reason = "Settings.snapshots is 'exact'"
        drift: ArtifactPluginsError | None = None
        try:
            if not reading.uses_archive:
                try:
                    return here(reading)
                except Unreadable as error:
                    drift = error.refusal
                except _DRIFT as error:
                    drift = error
                if not self.may_differ(reading.version):
                    raise drift
                reading, reason = read(True), drift.message
            return archived(reading, reason)
        except EnvironmentMismatchError as mismatch:
            if not self.isolates:
                raise mismatch from drift
            return there(reading), self._isolated(reading, mismatch.message)
        except ArtifactPluginsError as error:
            if error is drift or drift is None:
                raise
            raise error from drift

    def reading(
        self,
        version: ArtifactVersion,
        *,
        allow_unsafe: bool,
        archive_first: bool | None = None,
        looks: bool = False,
    ) -> Reading:
        """Return what a load of this version may do.

        Args:
            looks: Nothing is imported or restored: classes are only looked for.
        """
        if archive_first is None:
            archive_first = self._settings.snapshots == "exact" and self.may_differ(version)
        return Reading(
            version,
            store=self._store,
            trust=self._trust.unsafe() if allow_unsafe else self._trust,
            archives=self._looked if looks else self.archives,
            names=self.names,
            equip=self._equip_archived,
            check=self.check_executing,
            archive_first=archive_first,
            seek=seen_type if looks else import_type,
        )

    @cached_property
    def _looked(self) -> Archives:
        return LookedArchives(self._store)

    def may_differ(self, version: ArtifactVersion) -> bool:
        """Tell whether the code here is not the very code that wrote the version.

        False for a version that is pinned to nothing.
        """
        try:
            snapshot = self.archives.stated(version).snapshot
        except ArtifactMissingError:
            return False
        return bool(self.differences(snapshot))

    def differences(self, snapshot: PluginSnapshot) -> list[str]:
        """Return what of the pinned code is not the same here, in words."""
        return differences(snapshot, self._plugins, self._materializers)

    def executes(self, archive: CodeArchive) -> bool:
        """Tell whether all that the installed plugin of an archive wrote executes on load.

        Raises:
            LoadFailedError: None of what it offered is here.
        """
        found = []
        for key in archive.offers:
            with suppress(NoMaterializerError):
                found.append(self._materializers.by_key(key, {}).instance.executes_on_load)
        if not found:
            raise LoadFailedError(
                f"elements cannot be loaded: no plugin offers {', '.join(archive.offers)}",
                hint="the stored bytes are intact",
            )
        return all(found)

    def installed_writer(self, reading: Reading) -> Equipped:
        """Return the installed materializer or artifact task that the record names.

        A class that no plugin offers is imported when somebody trusted signed
        the version.

        Raises:
            NoMaterializerError: There is none.
            TrustError: Its module would have to be imported, and nobody vouches
                for the version.
        """
        version = reading.version
        key = writer_key(version)
        if key is None:
            raise NoMaterializerError(f"{version} names no materializer", version_id=version.id)
        try:
            return self._materializers.by_key(key, version.parameters)
        except NoMaterializerError:
            path = self.bare_path(version)
            if path is None:
                raise
            return self._equip_class(reading.finder.here(path), key, version.parameters)

    def installed_reader(self, reading: Reading) -> Equipped:
        """Return the installed writer, if it reads the format of the version.

        Raises:
            Unreadable: There is none, or it does not.
        """
        version = reading.version
        try:
            equipped = self.installed_writer(reading)
        except ArtifactPluginsError as error:
            raise Unreadable(error) from error
        if not equipped.reads(version.format):
            raise Unreadable(
                NoMaterializerError(
                    f"the installed materializer {equipped.key!r} does not read "
                    f"{version.format!r}, in which {version} is stored",
                    hint="the stored bytes are untouched; install the release that wrote it",
                    version_id=version.id,
                )
            )
        return equipped

    def bare_path(self, version: ArtifactVersion) -> str | None:
        """Return the import path of a writer that no plugin offers, where it is now."""
        path = (writer_key(version) or "").removeprefix(TASK_PREFIX)
        return self.names.renames.get(path, path) if ":" in path else None

    def judge(self, version: ArtifactVersion) -> Verdict:
        """Judge the archived code of a version; nothing is executed."""
        return self.archives.judge(version, self._trust)

    def archived_writer(self, reading: Reading, code: ArchivedCode) -> Equipped:
        """Equip the archived class that wrote the version.

        Raises:
            NoMaterializerError: What is archived there is none, or does not
                read the stored format.
        """
        version = reading.version
        path = code.snapshot.entry_object
        return self._equip_archived(writer_key(version) or "", path, version.parameters, code)

    def _equip_archived(
        self, key: str, path: str, parameters: Mapping[str, Any], code: ArchivedCode
    ) -> Equipped:
        found = code.find(path)
        if found is None:
            # A class of an installed library, or of a plugin that was not archived.
            return self._materializers.by_key(key, parameters)
        return self._equip_class(found, key, parameters, plugin=code.snapshot.plugin)

    def _equip_class(
        self, found: type, key: str, parameters: Mapping[str, Any], *, plugin: str | None = None
    ) -> Equipped:
        if key.startswith(TASK_PREFIX):
            name = key.removeprefix(TASK_PREFIX)
            return self._materializers.tasks.of_class(found, name, parameters)
        if not issubclass(found, Materializer):
            raise NoMaterializerError(
                f"{found.__module__}:{found.__qualname__} is no materializer",
                hint="nothing was loaded",
            )
        return self._materializers.equip(Choice.of_stored(found, key, plugin), parameters)

    # What a load ended with.

    def installed(
        self, reading: Reading, key: str, plugin: str | None, *, is_told: bool = False
    ) -> LoadDecision:
        """Return the decision of a load by installed code.

        Args:
            is_told: Whether somebody hears of it whom no hook tells.
        """
        version = reading.version
        try:
            is_told = is_told or self._registry.listens("after_artifact_loaded")
            snapshot = self.archives.stated(version).snapshot if is_told else None
            differences = self.differences(snapshot) if snapshot is not None else []
        except StoreError as error:
            differences = [error.message]
        changed = [difference for difference in differences if difference != BY_VALUE]
        reason = (
            f"it reads {version.format!r}, though {'; '.join(changed)}"
            if changed
            else "the installed code is the code that wrote it"
            if version.plugin_snapshot
            else "the version is pinned to no snapshot"
        )
        return LoadDecision(
            code="compatible" if changed else "installed",
            reason=f"{reason}; {BY_VALUE}" if BY_VALUE in differences else reason,
            materializer=key,
            plugin=plugin,
            snapshot_id=version.plugin_snapshot,
            data_type=_where(reading),
            trusted_by=reading.trusted_by,
        )

    def archived(self, reading: Reading, key: str, plugin: str | None, reason: str) -> LoadDecision:
        """Return the decision of a load by archived code."""
        return LoadDecision(
            code="archive",
            reason=reason,
            materializer=key,
            plugin=plugin,
            snapshot_id=reading.version.plugin_snapshot,
            data_type=_where(reading),
            trusted_by=reading.trusted_by,
        )

    def _isolated(self, reading: Reading, reason: str) -> LoadDecision:
        snapshot = self.archives.stated(reading.version).snapshot
        return LoadDecision(
            code="isolated",
            reason=reason,
            materializer=writer_key(reading.version) or "",
            plugin=snapshot.plugin,
            snapshot_id=snapshot.id,
            data_type="archive",
            trusted_by=reading.trusted_by,
        )

    def check_executing(self, version: ArtifactVersion) -> None:
        """Refuse to execute a version whose libraries do not fit those that are here.

        Where a recorded environment can be built, another minor version is
        reason enough: pickles name the innards of libraries.

        Raises:
            EnvironmentMismatchError: They do not.
        """
        try:
            snapshot = self.archives.stated(version).snapshot
        except ArtifactMissingError:
            return
        from artifact_plugins.snapshots import check_environment  # late: most loads need none

        check_environment(snapshot, same_minor=self._settings.isolation == "uv")

    def look_there(self, reading: Reading) -> None:
        """Check what `load_there` checks before it builds an environment; errors as there."""
        reading.vouch_for_code()
        self.archives.sources(self.archives.stated(reading.version).snapshot)

    def load_there(
        self,
        reading: Reading,
        selection: Selection,
        *,
        data_type: str | None = None,
        start: int = 0,
    ) -> Any:
        """Load a version in its recorded environment.

        Args:
            data_type: Path of another class than the stored one to load it as.
            start: Number of items of a stream to pass over.

        Raises:
            TrustError: Nobody vouches for the version; nothing was executed.
            EnvironmentMismatchError: The environment cannot be built.
        """
        exchange = [offer for offer, _ in self._registry.offers]
        return load_there(
            reading,
            selection,
            store=self._store,
            archives=self.archives,
            exchange=exchange,
            data_type=data_type or reading.version.data_type,
            start=start,
        )


def _where(reading: Reading) -> Any:
    finder = reading.finder
    if finder.used_archive:
        return "archive"
    return "renamed" if finder.used_rename else "installed"
