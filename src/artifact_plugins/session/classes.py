"""Which class a stored import path means: renamed, here, or archived; and who may import it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Protocol, TypeVar

from artifact_plugins.contracts.refs import import_function, import_type
from artifact_plugins.errors import (
    ArtifactPluginsError,
    PayloadClassNotFoundError,
    SettingsError,
    TrustError,
)
from artifact_plugins.plugins.index import loaded_object
from artifact_plugins.session.looking import seen_type
from artifact_plugins.trust import Verdict

Found = TypeVar("Found")


class ArchivedCode(Protocol):
    """Restored code of the version being loaded."""

    def find(self, path: str) -> type | None:
        """Return the class at its original path; None when no archive answers for it."""
        ...

    def function(self, path: str) -> FunctionType | None:
        """Return the function at its original path; None when no archive answers for it."""
        ...


class ClassFinder:
    """Finds the classes of one version while it is loaded.

    Attributes:
        used_archive: Whether a class was taken from the archive.
        used_rename: Whether a class was found under another name.

    Args:
        offered: Import paths that installed plugins offer to handle: they may
            be imported whoever names them.
        renames: Old import path to where the class is now.
        vouch: Raises a TrustError when nobody vouches for the version; asked
            before a module is imported because the version names it.
        archive: Returns the restored code of the version, or None; raises
            what keeps it from being restored.
        archive_first: Whether archived classes win over those that are here.
        seek: Imports a class; one that only looks gives anything for a class that is there.
        judge_code: Judges the archived code, None when there is none: what the
            reader pinned needs no signature of the version.
    """

    def __init__(
        self,
        *,
        offered: frozenset[str],
        renames: Mapping[str, str],
        vouch: Callable[[], None],
        archive: Callable[[], ArchivedCode | None],
        archive_first: bool,
        seek: Callable[[str], type] = import_type,
        judge_code: Callable[[], Verdict | None] = lambda: None,
    ) -> None:
        self._offered = offered
        self._renames = renames
        self._vouch = vouch
        self._archive = archive
        self._archive_first = archive_first
        self._seek = seek
        self._judge_code = judge_code
        self.used_archive = False
        self.used_rename = False

    def __call__(self, path: str) -> type:
        """Return the class that a version names.

        Raises:
            PayloadClassNotFoundError: It is neither here nor in the archive.
            TrustError: Its module would have to be imported or restored, and
                nobody vouches for the version; nothing was executed.
        """
        if self._archive_first and path not in self._offered:
            found = self._archived(path)
            if found is not None:
                return found
        try:
            return self.here(path)
        except TrustError as refusal:
            verdict = self._judge_code()
            found = self._archived(path) if verdict is not None and verdict.by == "pin" else None
            if found is not None:
                return found
            if verdict is not None and verdict.error is not None and self._is_gone(path):
                raise verdict.error from refusal  # to trust the version alone would not help
            raise
        except PayloadClassNotFoundError as missing:
            if self._archive_first:
                raise
            return self._instead(missing, self._archived, path)

    def function(self, path: str) -> FunctionType:
        """Return the function that a version names, to be called: it always needs trust.

        Raises:
            PayloadClassNotFoundError: It is neither here nor in the archive.
            TrustError: Nobody vouches for the version; nothing was executed.
        """
        self._vouch()
        found = self._archived_function(path) if self._archive_first else None
        if found is not None:
            return found
        try:
            return import_function(self._renames.get(path, path))
        except PayloadClassNotFoundError as missing:
            if self._archive_first:
                raise
            return self._instead(missing, self._archived_function, path)

    def here(self, path: str) -> type:
        """Return the class that is here under a path or its new name; imports it when vouched for.

        Raises:
            PayloadClassNotFoundError: There is none.
            TrustError: Its module would have to be imported, and nobody vouches.
        """
        renamed = self._renames.get(path, path)
        loaded = loaded_object(renamed)
        if isinstance(loaded, type):
            found = loaded
        else:
            if renamed not in self._offered:
                self._vouch()
            found = self._seek(renamed)
        self.used_rename = self.used_rename or renamed != path
        return found

    def _is_gone(self, path: str) -> bool:
        try:
            seen_type(self._renames.get(path, path))
        except PayloadClassNotFoundError:
            return True
        return False

    @staticmethod
    def _instead(
        missing: PayloadClassNotFoundError, archived: Callable[[str], Found | None], path: str
    ) -> Found:
        """Return what the archive has in place of what is not here."""
        try:
            found = archived(path)
        except TrustError:
            raise
        except ArtifactPluginsError as error:
            raise missing from error
        if found is None:
            raise missing
        return found

    def _archived_function(self, path: str) -> FunctionType | None:
        code = self._archive()
        found = code.function(path) if code is not None else None
        self.used_archive = self.used_archive or found is not None
        return found

    def _archived(self, path: str) -> type | None:
        code = self._archive()
        found = code.find(path) if code is not None else None
        self.used_archive = self.used_archive or found is not None
        return found


def followed(renames: Mapping[str, str]) -> dict[str, str]:
    """Return where each class is at the end of all its moves.

    Raises:
        SettingsError: The renames of a class go round in a circle.
    """
    ends = {old: _end(old, renames) for old in renames}
    return {old: end for old, end in ends.items() if end != old}


def _end(old: str, renames: Mapping[str, str]) -> str:
    passed = [old]
    while (now := renames.get(passed[-1], passed[-1])) != passed[-1]:
        if now in passed:
            raise SettingsError(
                f"the renames of class {old!r} go round in a circle: {' -> '.join([*passed, now])}",
                hint="correct Settings.renames, which win over those of plugins; nothing was loaded",
                name="renames",
            )
        passed.append(now)
    return passed[-1]
