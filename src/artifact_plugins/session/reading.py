"""One load of one version: what may be executed for it, and which code it uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias, TypeVar

from artifact_plugins.content import ContentStore
from artifact_plugins.contracts.refs import finding_types
from artifact_plugins.errors import ArtifactMissingError, TrustError
from artifact_plugins.records import ArtifactVersion, PluginSnapshot
from artifact_plugins.session.archived import ArchivedCode, Archives
from artifact_plugins.session.artifact_tasks import writer_key
from artifact_plugins.session.classes import ClassFinder
from artifact_plugins.session.equipped import Equipped
from artifact_plugins.trust import MANIFEST_TYPE, Subject, Trust, Verdict

T = TypeVar("T")
Equip: TypeAlias = "Callable[[str, str, Mapping[str, Any], ArchivedCode], Equipped]"
_current: ContextVar[Reading | None] = ContextVar("artifact_plugins_reading", default=None)


class Names(NamedTuple):
    """What a session knows about import paths.

    Attributes:
        offered: Types that installed plugins offer to handle.
        renames: Old import path to where the class is now.
    """

    offered: frozenset[str]
    renames: Mapping[str, str]


class Reading:
    """What a load may do. Nothing is judged, fetched or restored before it is needed.

    Attributes:
        version: What is loaded.
        finder: Finds its classes.
    """

    def __init__(
        self,
        version: ArtifactVersion,
        *,
        store: ContentStore,
        trust: Trust,
        archives: Archives,
        names: Names,
        equip: Equip,
        check: Callable[[ArtifactVersion], None],
        archive_first: bool,
        seek: Callable[[str], type],
    ) -> None:
        self.version = version
        self._check: Callable[[ArtifactVersion], None] | None = check
        self._vouched_by: str | None = None
        self._code_by: str | None = None
        self._store = store
        self._trust = trust
        self._archives = archives
        self._equip = equip
        self.uses_archive = archive_first
        self.finder = ClassFinder(
            offered=names.offered,
            renames=names.renames,
            vouch=self.vouch,
            archive=self._code_or_none,
            archive_first=archive_first,
            seek=seek,
            judge_code=self._judge_code,
        )

    @property
    def trusted_by(self) -> str | None:
        """Who vouched for what had to be trusted so far."""
        return self._vouched_by or self._code_by

    @contextmanager
    def active(self) -> Iterator[None]:
        """Find classes and writers for this version inside the block."""
        token = _current.set(self)
        try:
            with finding_types(self.finder):
                yield
        finally:
            _current.reset(token)

    def while_active(self, items: Iterator[T]) -> Iterator[T]:
        """Yield what is loaded item by item, long after the load itself returned."""
        while True:
            with self.active():
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item
            del item  # one chunk at a time stays in memory

    def vouch(self) -> None:
        """Check that somebody trusted signed or pinned the version.

        Raises:
            TrustError: Nobody did; nothing was executed.
        """
        if self._vouched_by is None:
            self._vouched_by = self._trust.judge(self._manifest()).require()

    def _manifest(self) -> Subject:
        payload, signatures = self._store.signed_manifest(self.version)
        version = self.version
        return Subject(
            payload_type=MANIFEST_TYPE,
            payload=payload,
            signatures=signatures,
            plugin=self._plugin(),
            what=f"artifact {version.artifact!r} version {version.version}",
            digests=(version.manifest_digest or f"sha256:{sha256(payload).hexdigest()}",),
        )

    def allow_executing(self) -> None:
        """Check that a format that executes may be parsed, of the whole value or of an element.

        Raises:
            TrustError: Nobody vouches for the version; nothing was executed.
            EnvironmentMismatchError: It was written with other libraries.
        """
        self.vouch()
        if self._check is not None:
            self._check(self.version)
            self._check = None  # once: a stream has many elements

    def is_vouched_for(self) -> bool:
        """Tell whether `vouch` passes."""
        try:
            self.vouch()
        except TrustError:
            return False
        return True

    def code(self) -> ArchivedCode:
        """Return the archived code of the version.

        Whoever signed the code says nothing about this version, so the version
        is asked for its own signature, too. A value inside its record that only
        plugins wrote has none: there the code must say that it writes the like,
        as it must for a pin, which vouches for the code alone.

        Raises:
            TrustError, EnvironmentMismatchError, StoreError: See `Archives.open`.
        """
        found, by = self._archives.open(self.version, self._trust)
        is_alone = by == "pin" or self._is_unsigned_by_design(found.snapshot)
        if by == "unsafe" or (is_alone and found.writes(writer_key(self.version) or "")):
            self._trust.refuse_revoked(self._manifest())
            self._code_by = by
        else:
            self.vouch()
        return found

    def _is_unsigned_by_design(self, snapshot: PluginSnapshot) -> bool:
        version = self.version
        is_inside = version.manifest_digest is None and version.signature is None
        return is_inside and all(archive.role == "plugin" for archive in snapshot.archives)

    def vouch_for_code(self) -> None:
        """Check that both the archived code and the version are vouched for; restore nothing.

        Raises:
            TrustError: One is not; nothing was executed.
        """
        self._archives.judge(self.version, self._trust).require()
        self.vouch()

    def archived_writer(self, key: str, parameters: Mapping[str, Any]) -> Equipped | None:
        """Return the archived class that wrote an element under a key; None when there is none."""
        if not self.uses_archive:
            return None
        code = self.code()
        path = code.writer(key)
        return None if path is None else self._equip(key, path, parameters, code)

    def _code_or_none(self) -> ArchivedCode | None:
        try:
            return self.code()
        except ArtifactMissingError:
            return None

    def _judge_code(self) -> Verdict | None:
        try:
            return self._archives.judge(self.version, self._trust)
        except ArtifactMissingError:
            return None

    def _plugin(self) -> str:
        try:
            return self._archives.stated(self.version).snapshot.plugin
        except ArtifactMissingError:
            return self.version.materializer or self.version.artifact_task or ""


def current_reading() -> Reading | None:
    """Return the load that is under way in this context."""
    return _current.get()
