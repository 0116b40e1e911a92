"""With which code a version would be loaded: the rules of a load, followed without running any of it."""

from __future__ import annotations

from collections.abc import Callable
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
from artifact_plugins.records import ArtifactVersion, LoadDecision, SaveType
from artifact_plugins.session.artifact_tasks import writer_key
from artifact_plugins.session.deciding import Deciding, Unreadable
from artifact_plugins.session.looking import holds
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
        return LoadExplanation(version, decision, None, tuple(facts))

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
        facts.extend(f"drift: {difference}" for difference in self._deciding.differences(snapshot))

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
        if executes and ("<locals>" in version.data_type or version.data_type[:9] == "__main__:"):
            facts.append("class: the files bring it with them")
        else:
            find(version.data_type)
        if executes:
            reading.allow_executing()
        self._look_at_elements(reading)
        decision = deciding.installed(reading, key, plugin, is_told=True)
        return None, _told(reading, decision, facts)

    def _look_at_elements(self, reading: Reading) -> None:
        """Ask for a container whether the own classes of its elements may be imported."""
        version, deciding = reading.version, self._deciding
        try:
            snapshot = deciding.archives.stated(version).snapshot
        except ArtifactMissingError:
            return
        is_plain = deciding.bare_path(version) is None and not holds(snapshot, version.data_type)
        if not is_plain or all(archive.role == "plugin" for archive in snapshot.archives):
            return  # what else was archived is the code of the value itself
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

    def _archived(
        self, reading: Reading, reason: str, *, facts: list[str]
    ) -> tuple[None, LoadDecision]:
        """Look at the archived code as a load uses it."""
        version = reading.version
        snapshot = reading.code().snapshot
        facts.append("archive: complete and as it was published; the libraries here fit")
        with suppress(PayloadClassNotFoundError):
            reading.finder(version.data_type)
        key = writer_key(version) or ""
        return None, _told(
            reading, self._deciding.archived(reading, key, snapshot.plugin, reason), facts
        )

    def _there(self, reading: Reading, *, facts: list[str]) -> None:
        """Look at what would be loaded in its own environment."""
        self._deciding.look_there(reading)
        facts.append("environment: the recorded one is built")


def _told(reading: Reading, decision: LoadDecision, facts: list[str]) -> LoadDecision:
    facts.append(f"class: {reading.version.data_type} is {decision.data_type}")
    if decision.trusted_by is not None:
        facts.append(f"trust: {decision.trusted_by} vouches")
    return decision
