"""Batches into a ledger, and beside it the same rows by the bare driver.

The bare driver gets finished rows for tables with the same indexes and the
same promises, one `executemany` per table and one transaction per batch.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from population import LINKS, TASKS, VERSIONS, Population

from artifact_plugins.ledger import Ledger, rows
from artifact_plugins.records import ArtifactVersion, Batch, VersionDraft

ROWS = 1 + TASKS + VERSIONS + LINKS


@dataclass
class Rates:
    """How long each batch took, in seconds.

    Attributes:
        ours: Of every batch.
        raw: Of the first ones, by the bare driver.
    """

    ours: list[float] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Median of ours by raw over the batches that both wrote, one right after the other."""
        pairs = zip(self.ours, self.raw, strict=False)
        return statistics.median([our / raw for our, raw in pairs])


def best(seconds: list[float]) -> float:
    """Return the mean of the best tenth: what the machine can when it is left alone."""
    return statistics.fmean(sorted(seconds)[: max(1, len(seconds) // 10)])


class RawRows:
    """The tables of a ledger without a ledger; its numbers are counted here.

    Args:
        connection: Of `sqlite3` or `psycopg`, in autocommit, to an empty ledger.
        sql: The compiled statements of that database.
    """

    def __init__(self, connection: Any, sql: Any) -> None:
        self._cursor = connection.cursor()
        self._sql = sql
        self._artifacts: dict[tuple[str, str], list[int]] = {}
        self._kinds: dict[tuple[str, str, str], int] = {}

    def write(self, batch: Batch) -> float:
        """Write the rows of a batch; return the seconds that took."""
        runs = [rows.run_row(run) for run in batch.runs]
        tasks = [rows.task_row(task) for task in batch.tasks]
        links = [rows.link_row(link) for link in batch.links]
        versions = [
            (*self._place(draft.version), *rows.version_row(draft.version, draft.idempotency_key))
            for draft in batch.versions
        ]
        tags = [(tag, draft.version.id) for draft in batch.versions for tag in draft.version.tags]
        cursor, sql = self._cursor, self._sql
        started = time.perf_counter()
        cursor.execute("BEGIN")
        for text, values in (
            (sql.UPSERT_RUN, runs),
            (sql.UPSERT_TASK, tasks),
            (sql.INSERT_VERSION, versions),
            (sql.ADD_TAG, tags),
            (sql.INSERT_LINK, links),
        ):
            if values:
                cursor.executemany(text, values)
        cursor.execute("COMMIT")
        return time.perf_counter() - started

    def _place(self, version: ArtifactVersion) -> tuple[int, int, int]:
        """Return artifact, number and kind; their few rows are not part of the figure."""
        kind = (version.project, version.artifact_type, version.data_type)
        if kind not in self._kinds:
            self._kinds[kind] = self._cursor.execute(self._sql.KIND, kind).fetchone()[0]
        name = (version.project, version.artifact)
        if name not in self._artifacts:
            found = self._cursor.execute(self._sql.NEXT_NUMBERS, (*name, 2)).fetchone()
            self._artifacts[name] = [found[0], 0]
        place = self._artifacts[name]
        place[1] += 1
        return place[0], place[1], self._kinds[kind]


def fill(
    ledger: Ledger,
    raw: RawRows,
    population: Population,
    *,
    batches: int,
    compared: int,
    only_versions: bool = False,
    told: Callable[[int, float], None] = lambda done, seconds: None,
) -> Rates:
    """Write batches of 1,000 versions; the first ones by the bare driver too, in turns.

    Args:
        ledger: Empty.
        raw: Empty.
        population: Makes the batches; making them is not part of the figure.
        batches: How many.
        compared: How many of them the bare driver writes as well.
        only_versions: Leave out runs, tasks and links.
        told: Called after every batch with the versions so far and its seconds.
    """
    rates = Rates()
    for number in range(batches):
        batch = population.next_batch()
        if only_versions:
            batch = Batch(versions=tuple([_alone(draft) for draft in batch.versions]))
        if number < compared:
            rates.raw.append(raw.write(batch))
        started = time.perf_counter()
        ledger.write(batch)
        rates.ours.append(time.perf_counter() - started)
        told((number + 1) * VERSIONS, rates.ours[-1])
    return rates


def _alone(draft: VersionDraft) -> VersionDraft:
    version = draft.version.model_copy(update={"run_id": None, "task_id": None})
    return VersionDraft(version, draft.idempotency_key)
