"""The archived code of versions: judged, checked against the environment, restored once."""

from __future__ import annotations

import threading
from types import FunctionType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from artifact_plugins.content import ContentStore
from artifact_plugins.errors import ArtifactMissingError, PayloadClassNotFoundError
from artifact_plugins.plugins import TASK_PREFIX
from artifact_plugins.records import ArtifactVersion, CodeArchive, PluginSnapshot
from artifact_plugins.trust import SNAPSHOT_TYPE, Subject, Trust, Verdict

if TYPE_CHECKING:
    from artifact_plugins.snapshots import RestoredArchive

T = TypeVar("T")
_FILES_SHOWN = 3


class Stated(NamedTuple):
    """A snapshot as the store states it, and who signed it.

    Attributes:
        snapshot: What the statement says; its digest was checked.
        subject: What is to be judged before its code runs.
    """

    snapshot: PluginSnapshot
    subject: Subject


class ArchivedCode:
    """The restored code of one snapshot."""

    def __init__(self, snapshot: PluginSnapshot, parts: tuple[RestoredArchive, ...]) -> None:
        self.snapshot = snapshot
        self._parts = parts

    def find(self, path: str) -> type | None:
        """Return the class at its original path; None when no archive answers for it."""
        return self._found(path, type, "a class")

    def function(self, path: str) -> FunctionType | None:
        """Return the function at its original path; None when no archive answers for it."""
        return self._found(path, FunctionType, "a function")

    def _found(self, path: str, kind: type[T], name: str) -> T | None:
        module = path.partition(":")[0]
        for part in self._parts:
            if part.answers_for(module):
                found = part.find(path)
                if not isinstance(found, kind):
                    raise PayloadClassNotFoundError(
                        f"{path!r} of the archive is not {name}", data_type=path
                    )
                return found
        return None

    def writes(self, key: str) -> bool:
        """Tell whether it is the code of the materializer or artifact task of this key."""
        path = key.removeprefix(TASK_PREFIX)
        return self.writer(key) is not None or path == self.snapshot.entry_object

    def writer(self, key: str) -> str | None:
        """Return the import path of the class that an archived plugin offered under a key."""
        for archive in self.snapshot.archives:
            if key in archive.offers:
                return archive.offers[key]
        return None


class Archives:
    """Opens the snapshots of one store. Threads share it."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        self._stated: dict[str, Stated] = {}
        self._opened: dict[str, ArchivedCode] = {}
        self._lock = threading.RLock()

    def stated(self, version: ArtifactVersion) -> Stated:
        """Return what a version is pinned to; nothing is executed.

        Raises:
            ArtifactMissingError: It is pinned to nothing, or the store has lost it.
            StoreIntegrityError: The statement is damaged.
        """
        snapshot_id = version.plugin_snapshot
        if snapshot_id is None:
            raise ArtifactMissingError(
                f"{version} is pinned to no snapshot", hint="it was saved by an older release"
            )
        found = self._stated.get(snapshot_id)
        if found is None:
            from artifact_plugins.snapshots import read_statement  # late: most loads need none

            data, signatures = self._store.get_statement(snapshot_id)
            snapshot = read_statement(data)
            subject = Subject(
                payload_type=SNAPSHOT_TYPE,
                payload=data,
                signatures=signatures,
                plugin=snapshot.plugin,
                what=f"the archived code{_files_of(snapshot)}",  # of every version pinned to it
                digests=(snapshot_id, *(archive.digest for archive in snapshot.archives)),
            )
            found = self._stated[snapshot_id] = Stated(snapshot, subject)
        return found

    def judge(self, version: ArtifactVersion, trust: Trust) -> Verdict:
        """Judge the archived code of a version; nothing is executed."""
        return trust.judge(self.stated(version).subject)

    def open(self, version: ArtifactVersion, trust: Trust) -> tuple[ArchivedCode, str]:
        """Return the restored code of a version, and who vouched for it.

        Raises:
            TrustError: Nobody whom the reader trusts vouches for it.
            EnvironmentMismatchError: Its libraries are not here.
            ArtifactMissingError, StoreIntegrityError: It is not as it was published.
        """
        snapshot = self.stated(version).snapshot
        by = self.judge(version, trust).require()
        with self._lock:
            found = self._opened.get(snapshot.id)
            if found is None:
                found = self._opened[snapshot.id] = self._restore(snapshot)
        return found, by

    def sources(self, snapshot: PluginSnapshot) -> list[tuple[CodeArchive, dict[str, bytes]]]:
        """Return the verified members of each archive.

        Raises:
            ArtifactMissingError, StoreIntegrityError: It is not as it was published.
        """
        from artifact_plugins.snapshots import open_archive  # late: most loads need none of it

        return [
            (archive, open_archive(self._store.get_archive(archive.digest), archive))
            for archive in snapshot.archives
        ]

    def _restore(self, snapshot: PluginSnapshot) -> ArchivedCode:
        from artifact_plugins.snapshots import check_environment, restore  # late, as above

        check_environment(snapshot)
        return ArchivedCode(snapshot, restore(self.sources(snapshot)))


def _files_of(snapshot: PluginSnapshot) -> str:
    """Return which files of code there are, as far as a message has room for them."""
    # Code of the project first: who wrote the value is mostly a plugin that is known.
    archives = sorted(snapshot.archives, key=lambda archive: archive.role == "plugin")
    paths = [file.path for archive in archives for file in archive.files]
    # A stranger chose the names: they are shown as Python would, however they are made.
    shown = ", ".join(ascii(path[:100])[1:-1] for path in paths[:_FILES_SHOWN])
    more = f" and {len(paths) - _FILES_SHOWN} more" if len(paths) > _FILES_SHOWN else ""
    return f" in {shown}{more}" if paths else ""
