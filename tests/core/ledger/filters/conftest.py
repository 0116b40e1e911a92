"""A small world of records to ask about, and the same questions asked of Python itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from query_oracle import POOL

from artifact_plugins.ledger import Ledger
from artifact_plugins.records import Batch, IOType, RunState, TaskState, TaskType, every

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("model", "data", "Modell", "ünïcode")


class World:
    """A ledger and what is in it, in the order of its commits."""

    def __init__(self, ledger: Ledger, make: Any) -> None:
        self.ledger = ledger
        self.run_ids: list[str] = []
        self._make = make
        for number in range(3):
            self._write_run(number)
        for number in range(30):
            self._write_version(number, None)
        self.versions = list(every(self.search("versions"), ""))
        self.links = list(every(self.search("links"), ""))
        self.tasks = list(every(self.search("tasks"), ""))
        self.runs = list(every(self.search("runs"), "", order_by="id"))
        self.versions.reverse()

    def search(self, kind: str, **options: Any) -> Any:
        """Return a listing of one kind, for `every`."""
        return lambda where, **more: self.ledger.search(kind, where, **options, **more)

    def ids(self, kind: str, where: Any = "", **options: Any) -> list[str]:
        """Return the ids of what a filter finds, on pages of a thousand and on pages of seven."""
        found = [record.id for record in every(self.search(kind, **options), where)]
        paged: list[str] = []
        token = None
        while True:
            page = self.ledger.search(kind, where, limit=7, page_token=token, **options)
            paged += [record.id for record in page]
            token = page.next_token
            if token is None:
                break
        assert paged == found
        return found

    def names(self, where: str, **options: Any) -> list[str]:
        """Return the versions that a filter finds as `artifact@number`."""
        found = {record.id: str(record) for record in self.versions}
        return [found[one] for one in self.ids("versions", where, **options)]

    def _write_run(self, number: int) -> None:
        make = self._make
        state = (RunState.SUCCEEDED, RunState.FAILED, RunState.RUNNING)[number]
        run = make.run(
            pipeline="train" if number else "load",
            name=f"run-{number}",
            state=state,
            parameters={"epochs": number, "note": "a%b"},
            project="default" if number < 2 else "other",
        )
        self.run_ids.append(run.id)
        first = make.task(run, "load", type=TaskType.IMPORTER, state=TaskState.SUCCEEDED)
        second = make.task(
            run, "mean", iteration_index=number, state=TaskState.FAILED, error="E: x"
        )
        drafts = [
            self._draft(3 * number + n, run_id=run.id, task_id=(first, second)[n % 2].id)
            for n in range(3)
        ]
        self.ledger.write(Batch(runs=(run,), tasks=(first, second), versions=tuple(drafts)))
        ids = [draft.version.id for draft in drafts]
        links = (
            make.link(first, IOType.OUTPUT, "out", version_id=ids[0], producer="load"),
            make.link(
                second, IOType.TASK_OUTPUT_INPUT, "frame", version_id=ids[0], producer="load"
            ),
            make.link(second, IOType.COMPONENT_INPUT, "rate", value=POOL[number]),
            make.link(second, IOType.RUNTIME_VALUE_INPUT, "old", version_id=ids[2]),
            make.link(second, IOType.OUTPUT, "out", version_id=ids[1], producer="mean", position=1),
        )
        self.ledger.write(Batch(links=links))

    def _write_version(self, number: int, run_id: str | None) -> None:
        self.ledger.write(Batch(versions=(self._draft(number + 9, run_id=run_id),)))

    def _draft(self, number: int, **fields: Any) -> Any:
        size = len(POOL)
        metadata = {
            "a": POOL[number % size],
            "b": POOL[(7 * number + 3) % size],
            'q"k': {"x\\y": [POOL[(5 * number + 1) % size]]},
            "ü k": {"": POOL[(11 * number) % size], "0": number},
        }
        if number % 4 == 3:
            metadata = {}
        return self._make.draft(
            NAMES[number % 4],
            project="other" if number % 5 == 4 else "default",
            artifact_type=("Model", "Dataset", "Metric")[number % 3],
            data_type=("builtins:int", "pandas:DataFrame")[number % 2],
            version_name=None if number % 3 else f"v{number % 7}",
            description=(None, "", "100% a_b*c?", "a[b]", "It's “so”")[number % 5],
            tags=("raw", "big one")[: number % 3],
            aliases=("prod",) if number % 11 == 0 else (),
            metadata=metadata,
            size_bytes=(0, 10, 2**40, 7)[number % 4],
            is_directory=number % 3 == 0,
            item_count=None if number % 2 else number,
            created_at=START + timedelta(hours=number),
            updated_at=None if number % 4 else START + timedelta(days=number),
            uri=f"s3://bucket/{NAMES[number % 4]}_{number}%.bin",
            **fields,
        )


@pytest.fixture
def world(ledger: Ledger, make: Any) -> World:
    return World(ledger, make)
