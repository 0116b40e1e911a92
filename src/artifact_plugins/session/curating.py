"""What a session may change of what is saved: labels, names, what stays and what goes."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial, wraps
from types import EllipsisType
from typing import Any, TypeVar, cast

from artifact_plugins.content import ContentStore
from artifact_plugins.errors import InputError, LineageConflictError, VersionHeldError
from artifact_plugins.ledger import HoldKind, Ledger, Retention
from artifact_plugins.ledger.deleted import deleted_error
from artifact_plugins.records import (
    ArtifactVersion,
    Page,
    VersionQuery,
    check_label,
    check_lines,
    check_name,
    every,
)
from artifact_plugins.records.names import as_reference, check_tags
from artifact_plugins.session.collecting import Collected, collect
from artifact_plugins.session.delivering import Delivering
from artifact_plugins.session.locating import locate_deleted
from artifact_plugins.session.pruning import PrunePlan, execute, plan_prune
from artifact_plugins.session.references import Reference
from artifact_plugins.settings import Settings

_log = logging.getLogger("artifact_plugins")
_MUTABLE = "description, tags, metadata (update), aliases (set_alias), the artifact's name (rename)"
_EVERYTHING: frozenset[HoldKind] = frozenset({"link", "tag", "alias", "retention"})
_ALIAS_ATTEMPTS = 10
Method = TypeVar("Method", bound=Callable[..., Any])


def _edit(method: Method) -> Method:
    """Decorate a method that changes records, which backends must hear of."""

    @wraps(method)
    def edit(self: Curating, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        finally:
            self.delivering.wake()

    return cast("Method", edit)


class Curating(ABC):
    """The part of `Session` that changes records; see there for the attributes."""

    settings: Settings
    store: ContentStore
    delivering: Delivering

    @property
    @abstractmethod
    def ledger(self) -> Ledger:
        """Where records lie."""

    @abstractmethod
    def find(
        self, reference: str, *, version: int | None = None, alias: str | None = None
    ) -> ArtifactVersion:
        """Return the record that a reference names."""

    @_edit
    def update(
        self,
        version: str | ArtifactVersion,
        *,
        description: str | EllipsisType | None = ...,
        tags: Sequence[str] | EllipsisType = ...,
        add_tags: Sequence[str] = (),
        remove_tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | EllipsisType = ...,
        expected: ArtifactVersion | None = None,
        **immutable: object,
    ) -> ArtifactVersion:
        """Change the description, tags or metadata of a version; `...` leaves them.

        Args:
            version: A record or a reference.
            description: The new one; None removes it.
            tags: All tags it has afterwards.
            add_tags: Tags that it gets besides.
            remove_tags: Tags that it loses.
            metadata: All of it; `{**version.metadata, "key": 1}` adds a key.
            expected: The record as it was read. When somebody changed one of
                these fields since, nothing is changed.
            immutable: Not allowed; they get an error that names what may change.

        Returns:
            The new record.

        Raises:
            ArtifactMissingError: There is no such version, or it is deleted.
            LineageConflictError: It is no longer as `expected`.
            InputError: The field cannot be changed, or a value cannot be kept.
        """
        if immutable:
            raise InputError(
                f"{', '.join(map(repr, immutable))} of a version cannot be changed",
                hint=f"these can: {_MUTABLE}; save a new version for everything else",
                fields=tuple(immutable),
            )
        if description is not None and not isinstance(description, EllipsisType):
            description = check_lines(description, "description")
        return self.ledger.update_version(
            self._record(version).id,
            description=description,
            tags=tags if isinstance(tags, EllipsisType) else check_tags(tags),
            tags_add=check_tags(add_tags),
            tags_remove=check_tags(remove_tags),
            metadata=metadata,
            expected=expected,
        )

    def tag(
        self, version: str | ArtifactVersion, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> ArtifactVersion:
        """Add and remove tags of one version; returns its new record."""
        return self.update(version, add_tags=add, remove_tags=remove)

    @_edit
    def rename(self, artifact: str, name: str) -> None:
        """Give an artifact another name; its versions, tags and aliases go with it.

        Raises:
            ArtifactMissingError: There is no such artifact.
            LineageConflictError: Another artifact has the name.
            InvalidNameError: The name is not allowed.
        """
        old = as_reference(artifact, "the name of an artifact")
        self.ledger.rename_artifact(self.settings.project, old, check_name(name))

    @_edit
    def set_alias(
        self,
        version: str | ArtifactVersion,
        alias: str,
        *,
        expected: str | ArtifactVersion | EllipsisType | None = ...,
    ) -> ArtifactVersion:
        """Point an alias of the artifact at a version.

        Args:
            version: Who gets it.
            alias: Unique inside the artifact.
            expected: Who must have it now, None for nobody; by default it
                leaves whoever has it.

        Returns:
            The new record.

        Raises:
            LineageConflictError: Another version has it than expected; nothing
                was changed.
        """
        record = self._record(version)
        alias = check_label(alias, "alias")
        if alias.isdigit() or "@" in alias:
            raise InputError(
                f"alias {alias!r} would read as a version number or a reference",
                hint="use letters in it and no '@'; nothing was changed",
            )
        if not isinstance(expected, EllipsisType):
            holder = None if expected is None else self._record(expected).id
            return self.ledger.set_alias(record.id, alias, expected_version_id=holder)
        query = VersionQuery(project=record.project, artifact=record.artifact, alias=alias)
        for _ in range(_ALIAS_ATTEMPTS):
            before = self.ledger.versions(query, limit=1)
            holder = before[0].id if len(before) else None
            try:
                return self.ledger.set_alias(record.id, alias, expected_version_id=holder)
            except LineageConflictError:
                continue  # somebody else moved it meanwhile
        raise LineageConflictError(f"alias {alias!r} keeps moving", hint="try again")

    @_edit
    def delete(self, version: str | ArtifactVersion, *, force: bool = False) -> ArtifactVersion:
        """Put a version into the trash: no listing shows it, its number is never given again.

        Its bytes stay for `Settings.trash_seconds` and until the next
        `collect`; `restore` brings it back until then. Its record stays for
        ever, so that links of other tasks still lead somewhere.

        Args:
            version: A record or a reference.
            force: Delete it although a link, tag, alias or retention rule
                holds it. Tags and aliases are taken from it.

        Returns:
            Its record, with `deleted_at`.

        Raises:
            VersionHeldError: Something holds it; `holds` says what.
            ArtifactMissingError: There is none, or it is deleted already.
        """
        record = self._record(version)
        found = self.ledger.delete_versions(
            [record.id], self._retention(), released=_EVERYTHING if force else ()
        )
        if found.gone:
            raise deleted_error(self.ledger.version(record.id))
        if found.held:
            holds = tuple(map(str, found.held[record.id]))
            raise VersionHeldError(
                f"{record} is held by {'; '.join(holds)}",
                hint="nothing was changed; take its tags and aliases away, or delete it with "
                "force=True: its record and its links stay",
                version_id=record.id,
                holds=holds,
            )
        return found.deleted[0]

    @_edit
    def restore(self, version: str | ArtifactVersion) -> ArtifactVersion:
        """Bring a deleted version back whole, with its tags.

        An alias that another version got meanwhile stays there, which is
        logged; the others return.

        Args:
            version: A record, `name@3`, an id or its beginning, or a name for
                its newest deleted version.

        Returns:
            Its record. A version that is not deleted is returned as it is.

        Raises:
            ArtifactMissingError: There is none, or its bytes were collected.
        """
        record = version if isinstance(version, ArtifactVersion) else self.find_deleted(version)
        restored, elsewhere = self.ledger.restore_version(record.id)
        for alias, holder in elsewhere.items():
            _log.warning("alias %r of %s stays on version id %s", alias, restored, holder)
        return restored

    def find_deleted(self, reference: str) -> ArtifactVersion:
        """Return the record of a deleted version, of the newest one for a bare name.

        When nothing deleted is called so, what `find` returns or raises.
        """
        found = locate_deleted(self.ledger, self.settings.project, Reference.parse(reference))
        return found or self.find(reference)

    def trash(self, *, limit: int = 100, page_token: str | None = None) -> Page[ArtifactVersion]:
        """Return a page of the project's deleted versions, those deleted last first."""
        return self.ledger.trash(self.settings.project, limit=limit, page_token=page_token)

    @_edit
    def prune(
        self,
        plan: PrunePlan | None = None,
        *,
        where: str | Sequence[str] | VersionQuery = "",
        keep_newest: int = 0,
        older_than: timedelta | None = None,
        with_links: bool = False,
        limit: int = 10_000,
        dry_run: bool = True,
    ) -> PrunePlan:
        """Say which versions nothing holds, or put them into the trash.

        A version stays that is held by a link, a tag, an alias or a retention
        rule: `Settings.keep_newest` and those given here.

        Args:
            plan: What an earlier call returned: those versions, as far as
                still nothing holds them. Goes with no other argument but `dry_run`.
            where: Which versions to look at, as for `session.versions`; all of
                the project by default.
            keep_newest: So many of the newest of every artifact stay.
            older_than: Versions younger than this stay.
            with_links: Links do not hold them: their records stay anyway.
            limit: Most versions in one plan.
            dry_run: Only say it. False deletes; what holds a version is looked
                at again in the transaction that deletes it.

        Raises:
            InputError: The arguments cannot be used, or do not go together.
        """
        if type(limit) is not int or limit < 1:
            raise InputError(
                f"a plan has at least 1 version, not {limit!r:.200}", hint="nothing was deleted"
            )
        if plan is None:
            retention = self._retention(keep_newest, older_than)
            plan = plan_prune(
                self.ledger,
                self._asked_for(where),
                retention,
                with_links=with_links,
                limit=limit,
            )
        elif where or keep_newest or older_than is not None or with_links:
            raise InputError(
                "a plan has its own conditions", hint="nothing was deleted; hand in only the plan"
            )
        elif plan.is_executed:
            raise InputError("the plan was executed already", hint="nothing was deleted; plan anew")
        return plan if dry_run else execute(self.ledger, plan)

    @_edit
    def collect(
        self,
        *,
        trash: timedelta | None = None,
        grace: timedelta | None = None,
        trust_ledger: bool = False,
        dry_run: bool = False,
    ) -> Collected:
        """Remove the bytes of what was deleted long enough ago, and of saves that never ended.

        Of every project of the ledger. Safe while others save, load, delete
        and collect: what is committed and not deleted keeps its bytes, and a
        save under way that is overtaken fails with `SaveAbortedError`, which
        `save` answers by doing it again.

        Args:
            trash: How long ago; `Settings.trash_seconds` by default.
            grace: How old an unfinished save must be; `Settings.grace_seconds`
                by default.
            trust_ledger: The store's files are garbage if this ledger does not
                know them, although another ledger used the store or the store
                knows newer runs.
            dry_run: Only say what would be removed.

        Returns:
            What was removed; `problems` holds what could not be.

        Raises:
            LineageConflictError: Another or a newer ledger has versions in
                this store; nothing was removed.
            InputError: A time span is none, or negative.
        """
        settings = self.settings
        return collect(
            self.ledger,
            self.store,
            trash=timedelta(seconds=settings.trash_seconds) if trash is None else trash,
            grace=timedelta(seconds=settings.grace_seconds) if grace is None else grace,
            trust_ledger=trust_ledger,
            dry_run=dry_run,
        )

    def _record(self, version: str | ArtifactVersion) -> ArtifactVersion:
        return version if isinstance(version, ArtifactVersion) else self.find(version)

    def _asked_for(self, where: str | Sequence[str] | VersionQuery) -> Iterator[ArtifactVersion]:
        """Yield the versions of a query that are not deleted, oldest first."""
        if not isinstance(where, VersionQuery):
            listing = self.ledger.search
            options = {"order_by": "created_at", "project": self.settings.project}
            found = every(partial(listing, "versions"), where, **options)
            return (version for version in found if version.deleted_at is None)
        query = replace(where, is_deleted=False)
        if query.project is None:
            query = replace(query, project=self.settings.project)
        return every(self.ledger.versions, query, newest_first=False)

    def _retention(self, keep_newest: int = 0, older_than: timedelta | None = None) -> Retention:
        asked = Retention(keep_newest=keep_newest, older_than=older_than)
        return replace(asked, keep_newest=max(keep_newest, self.settings.keep_newest))
