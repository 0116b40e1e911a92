"""With which code a version would be loaded: the rules of a load, followed without running any of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from artifact_plugins.content import ContentStore
from artifact_plugins.errors import (
    ArtifactMissingError,
    ArtifactPluginsError,
    PayloadClassNotFoundError,
    TrustError,
)
from artifact_plugins.plugins.index import loaded_object
from artifact_plugins.records import (
    ArtifactVersion,
    CodeArchive,
    LoadDecision,
    PluginSnapshot,
    SaveType,
)
from artifact_plugins.session.artifact_tasks import writer_key
from artifact_plugins.session.deciding import Deciding, Unreadable
from artifact_plugins.session.drift import BY_VALUE
from artifact_plugins.session.looking import holds, is_here, is_there
from artifact_plugins.session.reading import Reading


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

    def __init__(self, store: ContentStore, deciding: Deciding) -> None:
        self._store = store
        self._deciding = deciding

    def explain(self, version: ArtifactVersion) -> LoadExplanation:
        """Return how a version would be loaded as the type it was saved from."""
        facts: list[str] = []
        try:
            decision = self._decide(version, facts)
        except ArtifactPluginsError as error:
            return LoadExplanation(version, None, error, tuple(facts))
        if "archive" in (decision.code, decision.data_type):
            facts.extend(self._moved(version))
        return LoadExplanation(version, decision, None, tuple(facts))

    def _moved(self, version: ArtifactVersion) -> Iterator[str]:
        """Say where to name the new place of what is not where it was."""
        for path in (version.data_type, self._deciding.bare_path(version)):
            if path is not None and path.partition(":")[0] != "__main__" and not is_there(path):
                yield (
                    "moved: if it is only elsewhere now, say where in "
                    f'[tool.artifact_plugins.renames]: "{path}" = "new.module:Name"'
                )

    def _decide(self, version: ArtifactVersion, facts: list[str]) -> LoadDecision:
        if not self._store.has(version):
            raise ArtifactMissingError(f"the files of {version} are gone", version_id=version.id)
        if version.save_type is SaveType.PREEXISTING:
            return LoadDecision(
                code="installed", reason="a path is a path", materializer="python.path"
            )
        self._tell_snapshot(version, facts)
        return self._deciding.decide(
            lambda archive_first: self._deciding.reading(
                version, allow_unsafe=False, archive_first=archive_first, looks=True
            ),
            partial(self._here, facts=facts),
            partial(self._archived, facts=facts),
            partial(self._there, facts=facts),
        )[1]

    def _tell_snapshot(self, version: ArtifactVersion, facts: list[str]) -> None:
        try:
            snapshot = self._deciding.archives.stated(version).snapshot
        except ArtifactMissingError as error:
            facts.append(f"pinned: {error.message}")
            return
        code = ", ".join(f"{one.name} {one.digest[7:15]}" for one in snapshot.archives)
        facts.append(
            f"pinned: {snapshot.id} by {snapshot.plugin!r}, code {code or 'left out'}, "
            f"Python {snapshot.python_version}"
        )
        facts.extend(
            f"{'by value' if difference == BY_VALUE else 'drift'}: {difference}"
            for difference in self._deciding.differences(snapshot)
        )

    def _here(self, reading: Reading, *, facts: list[str]) -> tuple[None, LoadDecision]:
        """Look at the installed code as a load uses it."""
        version, deciding = reading.version, self._deciding
        key, plugin, executes = writer_key(version) or "", None, False
        find: Callable[[str], type] = reading.finder
        bare = deciding.bare_path(version)
        if bare is not None and not isinstance(loaded_object(bare), type):
            # It is still to be imported, and takes the class that it handles with it.
            find = reading.finder.here
            try:
                find(bare)
            except ArtifactPluginsError as error:
                facts.append(f"installed code: {error.message}")
                raise Unreadable(error) from error
            facts.append(f"installed code: {bare} is here")
        else:
            equipped = deciding.installed_reader(reading)
            key, plugin = equipped.key, equipped.plugin
            executes = equipped.instance.executes_on_load
            facts.append(f"installed code: {key!r} reads {version.format!r}")
        is_brought = "<locals>" in version.data_type or version.data_type[:9] == "__main__:"
        if not (executes and is_brought):
            find(version.data_type)
        if executes:
            reading.allow_executing()
        unseen = self._look_inside(reading, facts, executes=executes)
        decision = deciding.installed(reading, key, plugin, is_told=True)
        decision = decision.model_copy(update={"reason": f"{decision.reason}{unseen}"})
        if executes and is_brought:
            facts.append(f"class: {version.data_type} lies inside the version, with its code")
        else:
            facts.append(f"class: {version.data_type} is {decision.data_type}")
        return None, _told(decision, facts)

    def _look_inside(self, reading: Reading, facts: list[str], *, executes: bool) -> str:
        """Look at what else than the class of the value is pinned.

        Returns:
            What to say of the decision, because it cannot be seen without a load.
        """
        version, deciding = reading.version, self._deciding
        try:
            snapshot = deciding.archives.stated(version).snapshot
        except ArtifactMissingError:
            return ""
        own = _own(snapshot)
        if self._is_container(version, snapshot):
            self._look_at_elements(reading, snapshot, facts, has_writers=not executes)
            for archive in own:
                if not any(is_here(root) or self._is_renamed(root) for root in archive.roots):
                    reading.finder(f"{archive.roots[0]}:")  # all its classes are archived
            if own:
                names = ", ".join(archive.name for archive in own)
                facts.append(f"elements: may be of {names}; only a load reads their classes")
        if deciding.differences(snapshot.model_copy(update={"archives": own})):
            facts.append(f"fit: for a class that no longer fits, {self._instead(reading)}")
            return "; only a load shows whether its classes still fit"
        return ""

    def _is_container(self, version: ArtifactVersion, snapshot: PluginSnapshot) -> bool:
        """Tell whether what was archived beside the code of the writer is that of elements."""
        is_bare = self._deciding.bare_path(version) is not None
        return not (is_bare or holds(snapshot, version.data_type))

    def _is_renamed(self, root: str) -> bool:
        renames = self._deciding.names.renames
        return any(old.startswith((f"{root}:", f"{root}.")) for old in renames)

    def _look_at_elements(
        self, reading: Reading, snapshot: PluginSnapshot, facts: list[str], *, has_writers: bool
    ) -> None:
        """Ask for a container whether its elements may be loaded.

        Args:
            has_writers: Whether elements may have been written by others, as not in a pickle.
        """
        version, deciding = reading.version, self._deciding
        for archive in snapshot.archives:
            if archive.role == "plugin" and archive.name != snapshot.plugin:
                facts.append(f"elements: may be of plugin {archive.name!r}")
                if has_writers and deciding.executes(archive):
                    reading.allow_executing()
        if all(archive.role == "plugin" for archive in snapshot.archives):
            return
        try:
            reading.vouch()
        except TrustError as error:
            # A pin vouches for archived code without a signature of the version.
            if deciding.judge(version).by != "pin":
                raise
            raise PayloadClassNotFoundError(
                f"the code of its elements is not imported: {error.message}",
                data_type=version.data_type,
            ) from error

    def _instead(self, reading: Reading) -> str:
        try:
            reading.code()
        except ArtifactPluginsError as error:
            return f"there is nothing else: {error.message}"
        return "the archived code is used"

    def _archived(
        self, reading: Reading, reason: str, *, facts: list[str]
    ) -> tuple[None, LoadDecision]:
        """Look at the archived code as a load uses it."""
        version = reading.version
        snapshot = reading.code().snapshot
        facts.append("archive: complete and as it was published; the libraries here fit")
        paths = [version.data_type]
        if self._is_container(version, snapshot):
            # The types that an installed plugin handles are those that are here.
            gone = [one for one in snapshot.archives if not is_here(one.roots[0])]
            paths += [f"{archive.roots[0]}:" for archive in (*_own(snapshot), *gone)]
        for path in paths:
            with suppress(PayloadClassNotFoundError):
                reading.finder(path)
        key = writer_key(version) or ""
        decision = self._deciding.archived(reading, key, snapshot.plugin, reason)
        facts.append(f"class: {version.data_type} is {decision.data_type}")
        return None, _told(decision, facts)

    def _there(self, reading: Reading, *, facts: list[str]) -> None:
        """Look at what would be loaded in its own environment."""
        self._deciding.look_there(reading)
        facts.append("environment: the recorded one is built")


def _own(snapshot: PluginSnapshot) -> tuple[CodeArchive, ...]:
    return tuple(archive for archive in snapshot.archives if archive.role == "project")


def _told(decision: LoadDecision, facts: list[str]) -> LoadDecision:
    if decision.trusted_by is not None:
        facts.append(f"trust: {decision.trusted_by} vouches")
    return decision
