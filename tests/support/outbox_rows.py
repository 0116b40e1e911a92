"""What the tests of the outbox share: a backend, a batch, and what was left for whom."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from artifact_plugins.ledger import Ledger
from artifact_plugins.records import Batch, IOType, OutboxRow

ZENML, MLTE = "zenml+http://there:8080", "mlte+http://there:8081"
Entry = tuple[str, str, str]


@pytest.fixture
def backend(ledger: Ledger) -> int:
    """A backend that everything is delivered to."""
    number = ledger.register_backend(ZENML)
    ledger.deliver_to([number])
    return number


def entries(ledger: Ledger, backend_id: int | None = None) -> list[Entry]:
    """Return stream, kind and record of everything in the outbox, in its order."""
    found = ledger.outbox.page(backend_id, state=None, limit=1000)
    return [(row.stream, row.kind, row.record_id) for row in found]


def only_row(ledger: Ledger) -> OutboxRow:
    (row,) = ledger.outbox.page(None, state=None)
    return row


@contextmanager
def executed(ledger: Ledger) -> Iterator[list[str]]:
    """Collect the statements that SQLite runs."""
    texts: list[str] = []
    raw: Any = ledger._database
    raw = raw.connection().raw
    raw.set_trace_callback(texts.append)
    try:
        yield texts
    finally:
        raw.set_trace_callback(None)


def whole_batch(make: Any) -> Batch:
    run = make.run()
    task = make.task(run)
    draft = make.draft(run_id=run.id, task_id=task.id, tags=("raw",), aliases=("prod",))
    link = make.link(task, IOType.OUTPUT, "out", version_id=draft.version.id)
    return Batch((run,), (task,), (draft,), (link,))
