"""What a walk asks the ledger: many ids at once, and never more than it can use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypeAlias

from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    IOType,
    LinkQuery,
    Task,
    TaskQuery,
    TaskType,
    VersionQuery,
)

Kinds: TypeAlias = tuple[IOType, ...]
Field: TypeAlias = Literal["task_ids", "version_ids"]
OUTPUTS: Kinds = tuple(kind for kind in IOType if kind.is_output)
INPUTS: Kinds = tuple(kind for kind in IOType if not kind.is_output)
LEAVES = frozenset({TaskType.RUNTIME, TaskType.IMPORTER})
_CHUNK = 500  # ids in one query
_PAGE = 1000


class Reader:
    """Reads links, tasks and versions by id.

    Attributes:
        overflowed: Whether a listing was cut because it held more links than
            the walk has room for.
    """

    def __init__(self, ledger: Ledger, max_links: int) -> None:
        self.overflowed = False
        self._ledger = ledger
        self._max_links = max_links

    def links(
        self, field: Field, ids: Iterable[str], kinds: Kinds | None = None, **also: Any
    ) -> list[ArtifactTaskLink]:
        """Return the links of tasks or versions, in the order in which they were written."""
        return [link for page in self.pages_of(field, ids, kinds, **also) for link in page]

    def pages_of(
        self, field: Field, ids: Iterable[str], kinds: Kinds | None = None, **also: Any
    ) -> Iterator[tuple[ArtifactTaskLink, ...]]:
        """Yield the same links in pages, until there are more than the walk has room for."""
        count = 0
        for chunk in chunks(ids):
            chosen: dict[str, Any] = {field: chunk, **also}
            for page in self.pages(LinkQuery(**chosen, io_types=kinds)):
                yield page
                count += len(page)
                if count > self._max_links:
                    self.overflowed = True
                    return

    def pages(self, query: LinkQuery) -> Iterator[tuple[ArtifactTaskLink, ...]]:
        """Yield the pages of a listing of links."""
        token: str | None = None
        while True:
            page = self._ledger.links(query, limit=_PAGE, page_token=token)
            yield page.items
            token = page.next_token
            if token is None:
                return

    def leaves(self, ids: Iterable[str]) -> dict[str, Task]:
        """Return the tasks with these ids that are steps or importers, no groups."""
        pages = (
            self._ledger.tasks(TaskQuery(ids=chunk), limit=_PAGE)
            for chunk in chunks(dict.fromkeys(ids))
        )
        return {task.id: task for page in pages for task in page if task.type in LEAVES}

    def versions(self, ids: Iterable[str]) -> Iterator[ArtifactVersion]:
        """Yield the versions with these ids; those wanted first come in the first chunks."""
        for chunk in chunks(dict.fromkeys(ids)):
            yield from self._ledger.versions(
                VersionQuery(ids=chunk, is_deleted=None), limit=_PAGE, newest_first=False
            )

    def handed_on(self, links: Iterable[ArtifactTaskLink]) -> set[tuple[str, str]]:
        """Return which of these output links hold a version that their task read.

        Returns:
            Pairs of task id and version id.
        """
        found: set[tuple[str, str]] = set()
        wanted = [(one.task_id, one.version_id) for one in links if one.version_id is not None]
        for start in range(0, len(wanted), _CHUNK):
            some = wanted[start : start + _CHUNK]
            versions = tuple(dict.fromkeys(version for _, version in some))
            tasks = dict.fromkeys(task for task, _ in some)
            for link in self.links("task_ids", tasks, INPUTS, version_ids=versions):
                found.add((link.task_id, link.version_id or ""))
        return found


def chunks(ids: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Yield ids in groups that fit into one query."""
    every = tuple(ids)
    for start in range(0, len(every), _CHUNK):
        yield every[start : start + _CHUNK]
