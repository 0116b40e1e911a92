"""Finds records by a filter: `session.versions('name == "model" and metadata["rmse"] < 0.3')`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from artifact_plugins.ledger import Ledger
from artifact_plugins.ledger.reading import KindName
from artifact_plugins.records import Page

if TYPE_CHECKING:
    from artifact_plugins.session.session import Session

T = TypeVar("T")


class Finding(Generic[T]):
    """The finder of one kind of record, as an attribute of a session."""

    __slots__ = ("_kind",)

    def __init__(self, kind: KindName) -> None:
        self._kind = kind

    def __get__(self, session: Session, owner: type[Session]) -> Finder[T]:
        return Finder(session.ledger, session.settings.project, self._kind)


class Finder(Generic[T]):
    """Finds the records of one kind; call it.

    Args:
        ledger: Where to look.
        project: Only there, unless a filter mentions `project`; plugin snapshots
            belong to no project.
        kind: Of which records.
    """

    __slots__ = ("_kind", "_ledger", "_project")

    def __init__(self, ledger: Ledger, project: str, kind: KindName) -> None:
        self._ledger = ledger
        self._project = project
        self._kind = kind

    def __call__(
        self,
        where: str | Sequence[str] = "",
        *,
        order_by: str | Sequence[str] | None = None,
        limit: int = 100,
        page_token: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> Page[T]:
        """Return a page of the records that the filter holds for.

        Args:
            where: A filter in the language of the page "Queries", or several
                that must all hold; every record of the project when it is
                empty. Deleted versions are found when it mentions `deleted_at`.
            order_by: Fields or metadata keys, `-` is descending; by time when
                not given: versions, runs and snapshots newest first, tasks and
                links oldest first.
            limit: Most records of the page, 1 to 1000.
            page_token: `next_token` of the page before, with the same filter,
                order and values.
            values: For names in the filter: what users typed belongs here and
                not into the text of a filter.

        Returns:
            The page; iterate over it. `records.every(session.versions, where)`
            iterates over all pages.

        Raises:
            QueryError: Points at the column where filter or order fail.
            InvalidKeyError: The token is from another search.
            InputError: The limit is not 1 to 1000.
            LedgerError, StoreError: The ledger cannot be read.
        """
        return self._ledger.search(
            self._kind,
            where,
            order_by=order_by,
            limit=limit,
            page_token=page_token,
            project=self._project,
            values=values,
        )
