"""Everything of one run as one document, from which the ledger can be rebuilt."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel

from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    ArtifactVersion,
    Batch,
    LinkQuery,
    TaskQuery,
    VersionQuery,
    every,
)

FORMAT_VERSION = 1
_REMEMBERED = 100_000


class Story:
    """The records of a run as JSON, kept while they are written.

    Reading them back from the ledger at the end would cost more than the
    commits of a short run. A run of over 100,000 records is read back all the
    same, so that memory stays bounded.
    """

    def __init__(self, ledger: Ledger, run_id: str) -> None:
        self._ledger = ledger
        self._run_id = run_id
        self._runs: dict[str, bytes] = {}
        self._tasks: dict[str, bytes] = {}
        self._versions: dict[str, bytes] = {}
        self._links: dict[str, bytes] = {}
        self._is_complete = True

    def add(self, batch: Batch, committed: Iterable[ArtifactVersion]) -> None:
        """Remember what was committed; the newest state of a record counts."""
        self._runs.update(_lines(batch.runs))
        if not self._is_complete:
            return
        self._tasks.update(_lines(batch.tasks))
        self._versions.update(_lines(committed))
        self._links.update(_lines(batch.links))
        if len(self._tasks) + len(self._versions) + len(self._links) > _REMEMBERED:
            self._is_complete = False
            for lines in (self._tasks, self._versions, self._links):
                lines.clear()

    def document(self) -> bytes:
        """Return one JSON object: format_version, run, tasks, versions, links."""
        if not self._is_complete:
            self._read_back()
        (run,) = self._runs.values()
        parts = [b'{"format_version":%d,"run":%s' % (FORMAT_VERSION, run)]
        for name, lines in (
            (b"tasks", self._tasks),
            (b"versions", self._versions),
            (b"links", self._links),
        ):
            parts.append(b',"%s":[%s]' % (name, b",".join(lines.values())))
        return b"".join([*parts, b"}"])

    def _read_back(self) -> None:
        ledger, run_id = self._ledger, self._run_id
        tasks = list(every(ledger.tasks, TaskQuery(run_id=run_id)))
        query = VersionQuery(run_id=run_id, is_deleted=None)
        versions = every(ledger.versions, query, newest_first=False)
        links = list(every(ledger.links, LinkQuery(run_id=run_id)))
        self._tasks, self._versions, self._links = _lines(tasks), _lines(versions), _lines(links)


def _lines(records: Iterable[BaseModel]) -> dict[str, bytes]:
    return {
        record.id: record.__pydantic_serializer__.to_json(record, exclude_none=True)  # type: ignore[attr-defined]  # every record has an id
        for record in records
    }
