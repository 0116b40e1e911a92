"""With which code a version would be loaded, found out without running any of it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from artifact_plugins.content import ContentStore
from artifact_plugins.errors import (
    ArtifactMissingError,
    ArtifactPluginsError,
    EnvironmentMismatchError,
    NoMaterializerError,
    PayloadClassNotFoundError,
    TrustError,
)
from artifact_plugins.plugins.index import loaded_object
from artifact_plugins.records import ArtifactVersion, LoadDecision, PluginSnapshot, SaveType
from artifact_plugins.session.archived import ArchivedCode
from artifact_plugins.session.artifact_tasks import writer_key
from artifact_plugins.session.deciding import Deciding
from artifact_plugins.session.reading import Reading
from artifact_plugins.settings import Settings


@dataclass(frozen=True)
class LoadExplanation:
    """How a version would be loaded here.

    Attributes:
        version: Which.
        decision: With which code and why; None when it cannot be loaded.
        error: What a load would raise; None when it would not.
        facts: What the decision rests on, one sentence each.
    """

    version: ArtifactVersion
    decision: LoadDecision | None
    error: ArtifactPluginsError | None
    facts: tuple[str, ...]


class Explaining:
    """Explains the loads of one session. Nothing archived runs, nothing a store names is imported."""

    def __init__(self, settings: Settings, store: ContentStore, deciding: Deciding) -> None:
        self._settings = settings
        self._store = store
        self._deciding = deciding

    def explain(self, version: ArtifactVersion) -> LoadExplanation:
        """Return how a version would be loaded as the type it was saved from."""
        facts: list[str] = []
        try:
            decision = self._decide(version, facts)
        except ArtifactPluginsError as error:
            return LoadExplanation(version, None, error, tuple(facts))
        return LoadExplanation(version, decision, None, tuple(facts))

    def _decide(self, version: ArtifactVersion, facts: list[str]) -> LoadDecision:
        if not self._store.has(version):
            raise ArtifactMissingError(f"the files of {version} are gone", version_id=version.id)
        if version.save_type is SaveType.PREEXISTING:
            return LoadDecision(
                code="installed", reason="a path is a path", materializer="python.path"
            )
        snapshot = self._snapshot(version, facts)
        differences = self._deciding.differences(snapshot) if snapshot is not None else []
        facts.extend(f"drift: {difference}" for difference in differences)
        refusal: ArtifactPluginsError | None = None
        if differences and self._settings.snapshots == "exact":
            facts.append("Settings.snapshots is 'exact', so code that differs is not used")
        else:
            try:
                return self._installed(version, snapshot, differences, facts)
            except TrustError:
                raise
            except EnvironmentMismatchError as mismatch:
                return self._elsewhere(version, snapshot, mismatch, facts)
            except ArtifactPluginsError as error:
                facts.append(f"installed code: {error.message}")
                refusal = error
        if snapshot is None or not differences:
            raise refusal or NoMaterializerError(f"nothing loads {version}")
        reason = refusal.message if refusal is not None else "the code here differs"
        return self._archived(version, snapshot, reason, facts)

    def _elsewhere(
        self,
        version: ArtifactVersion,
        snapshot: PluginSnapshot | None,
        mismatch: EnvironmentMismatchError,
        facts: list[str],
    ) -> LoadDecision:
        """Return the decision for what would execute with libraries that do not fit."""
        if snapshot is None or self._settings.isolation == "none":
            raise mismatch
        facts.append(f"environment: {mismatch.message}")
        return LoadDecision(
            code="isolated",
            reason=mismatch.message,
            materializer=version.materializer or version.artifact_task or "",
            plugin=snapshot.plugin,
            snapshot_id=snapshot.id,
            data_type="archive",
            trusted_by=self._vouched_code(version, snapshot, facts),
        )

    def _snapshot(self, version: ArtifactVersion, facts: list[str]) -> PluginSnapshot | None:
        try:
            snapshot = self._deciding.archives.stated(version).snapshot
        except ArtifactMissingError as error:
            facts.append(f"pinned: {error.message}")
            return None
        code = ", ".join(f"{one.name} {one.digest[7:15]}" for one in snapshot.archives)
        facts.append(
            f"pinned: {snapshot.id} by {snapshot.plugin!r}, code {code or 'of libraries only'}, "
            f"Python {snapshot.python_version}"
        )
        return snapshot

    def _installed(
        self,
        version: ArtifactVersion,
        snapshot: PluginSnapshot | None,
        differences: list[str],
        facts: list[str],
    ) -> LoadDecision:
        reading = self._deciding.reading(version, allow_unsafe=False, archive_first=False)
        is_imported = not self._is_bare(version)
        key, plugin, executes = self._writer(reading, facts)
        trusted_by = None
        try:
            where = self._class(reading, executes=executes, facts=facts)
        except PayloadClassNotFoundError as missing:
            # A materializer that is still to be imported needs the class, as a rule.
            if snapshot is None or not (differences and is_imported and _holds(snapshot, version)):
                raise
            facts.append(f"class: {missing.message}; the archive has it")
            try:
                trusted_by = self._vouched_code(version, snapshot, facts)
                self._check_environment(snapshot, facts)
            except EnvironmentMismatchError as mismatch:
                raise missing from mismatch
            where = "archive"
        if snapshot is not None:
            self._elements(reading, snapshot, facts)
        return LoadDecision.model_validate(
            {
                "code": "compatible" if differences else "installed",
                "reason": "it reads the stored format; the archive is asked if a class has changed"
                if differences
                else "it is the code that wrote the version"
                if version.plugin_snapshot
                else "the version is pinned to nothing",
                "materializer": key,
                "plugin": plugin,
                "snapshot_id": version.plugin_snapshot,
                "data_type": where,
                "trusted_by": reading.trusted_by or trusted_by,
            }
        )

    def _is_bare(self, version: ArtifactVersion) -> bool:
        """Tell whether the writer is a class that no plugin offers and nobody has imported."""
        path = self._deciding.bare_path(version)
        return path is not None and not isinstance(loaded_object(path), type)

    def _elements(self, reading: Reading, snapshot: PluginSnapshot, facts: list[str]) -> None:
        """Tell of a container that its elements have classes of the writer's own code."""
        version = reading.version
        is_written_by_own = self._deciding.bare_path(version) is not None
        if is_written_by_own or _holds(snapshot, version):
            return  # that is what the code was archived for
        if any(archive.role != "plugin" for archive in snapshot.archives):
            self._vouch_for_import(reading, "the code of its elements")
            facts.append(
                f"elements: their classes are looked for when it is loaded, "
                f"{reading.trusted_by} vouches"
            )

    def _writer(self, reading: Reading, facts: list[str]) -> tuple[str, str | None, bool]:
        """Return key and plugin of the installed writer, and whether loading executes."""
        version, path = reading.version, self._deciding.bare_path(reading.version)
        if path is not None and self._is_bare(version):
            if not _is_defined(path):
                raise NoMaterializerError(f"the materializer {path!r} is not here")
            self._vouch_for_import(reading, path)
            facts.append(f"installed code: {path} is here, {reading.trusted_by} vouches")
            return version.materializer or path, None, False
        equipped = self._deciding.installed_writer(reading)
        if not equipped.reads(version.format):
            raise NoMaterializerError(
                f"the installed {equipped.key!r} does not read {version.format!r}"
            )
        facts.append(f"installed code: {equipped.key!r} reads {version.format!r}")
        return equipped.key, equipped.plugin, equipped.instance.executes_on_load

    def _class(self, reading: Reading, *, executes: bool, facts: list[str]) -> str:
        version, names = reading.version, self._deciding.names
        path = names.renames.get(version.data_type, version.data_type)
        where = "installed" if path == version.data_type else "renamed"
        if executes:
            reading.vouch()
            facts.append(
                f"trust: {version.format!r} executes on load, {reading.trusted_by} vouches"
            )
            self._deciding.check_executing(version)
            if path.startswith("__main__:") or "<locals>" in path:
                facts.append("class: the files bring it with them")
                return where
        if isinstance(loaded_object(path), type) or path in names.offered:
            facts.append(f"class: {path} is here")
            return where
        if not _is_defined(path):
            raise PayloadClassNotFoundError(f"class {path!r} is not here", data_type=path)
        self._vouch_for_import(reading, path)
        facts.append(f"class: {path} is here, {reading.trusted_by} vouches")
        return where

    def _vouch_for_import(self, reading: Reading, path: str) -> None:
        try:
            reading.vouch()
        except TrustError as error:
            # A pin vouches for archived code without a signature of the version.
            if reading.version.plugin_snapshot is None or (
                self._deciding.judge(reading.version).by != "pin"
            ):
                raise
            raise PayloadClassNotFoundError(
                f"{path!r} is not imported: {error.message}", data_type=path
            ) from error

    def _archived(
        self, version: ArtifactVersion, snapshot: PluginSnapshot, reason: str, facts: list[str]
    ) -> LoadDecision:
        code, by = "archive", self._vouched_code(version, snapshot, facts)
        try:
            self._check_environment(snapshot, facts)
        except EnvironmentMismatchError as error:
            if self._settings.isolation == "none":
                raise
            facts.append(f"environment: {error.message}")
            code = "isolated"
        is_offered = version.data_type in self._deciding.names.offered
        return LoadDecision.model_validate(
            {
                "code": code,
                "reason": reason,
                "materializer": version.materializer or version.artifact_task,
                "plugin": snapshot.plugin,
                "snapshot_id": snapshot.id,
                "data_type": "archive"
                if _holds(snapshot, version) and not is_offered
                else "installed",
                "trusted_by": by,
            }
        )

    def _vouched_code(
        self, version: ArtifactVersion, snapshot: PluginSnapshot, facts: list[str]
    ) -> str:
        """Return who vouches for the archived code, which is complete; it is not restored."""
        from artifact_plugins.snapshots import open_archive  # late: most sessions need none of it

        by = self._deciding.judge(version).require()
        if not ArchivedCode(snapshot, ()).writes(writer_key(version) or ""):
            reading = self._deciding.reading(version, allow_unsafe=False, archive_first=True)
            reading.vouch()
            by = reading.trusted_by or by
        facts.append(f"trust: {by} vouches for the archived code")
        for archive in snapshot.archives:
            open_archive(self._store.get_archive(archive.digest), archive)
        facts.append("archive: complete and as it was published")
        return by

    def _check_environment(self, snapshot: PluginSnapshot, facts: list[str]) -> None:
        from artifact_plugins.snapshots import check_environment  # late, as above

        check_environment(snapshot)
        facts.append("environment: the libraries here fit")


def _holds(snapshot: PluginSnapshot, version: ArtifactVersion) -> bool:
    """Tell whether an archive answers for the class of the value."""
    module = version.data_type.partition(":")[0]
    stem = module.replace(".", "/")
    names = {f"{stem}.py", f"{stem}/__init__.py"}
    return any(
        (archive.role == "main" and module == "__main__")
        or any(file.path in names for file in archive.files)
        for archive in snapshot.archives
    )


def _is_defined(path: str) -> bool:
    """Tell whether a class seems to be here; importing nothing, not even its packages."""
    module, _, name = path.partition(":")
    if module in sys.modules:
        return False  # a loaded module was asked for the class before
    places: Sequence[str] | None = None
    parts = module.split(".")
    spec = None
    for depth in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:depth]), places)
        if spec is None:
            return False
        places = list(spec.submodule_search_locations or ())
    source = Path(spec.origin) if spec is not None and spec.origin is not None else None
    if source is None or source.suffix != ".py":
        return True  # nobody can tell without importing it
    try:
        tree = ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    return name.partition(".")[0] in _names(tree)


def _names(tree: ast.Module) -> set[str]:
    """Return what may be a class: names that are defined or imported anywhere in a module."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found
