"""Records are sent again, some or all; what backends call them is kept."""

from __future__ import annotations

from typing import Any

import outbox_rows
import pytest
from ledger_urls import ONLY_SQLITE
from outbox_rows import MLTE, ZENML, entries, whole_batch

from artifact_plugins.errors import (
    MetadataValueError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    Batch,
)

backend = outbox_rows.backend


@pytest.fixture
def filled(ledger: Ledger, make: Any) -> dict[str, Any]:
    """A ledger from before there were backends: two runs, a version by hand, a deleted one."""
    batches = [whole_batch(make), whole_batch(make)]
    for batch in batches:
        ledger.write(batch)
    by_hand = make.save(ledger, "notes")
    gone = make.save(ledger, "notes")
    ledger.delete_versions([gone.id])
    return {"batches": batches, "by_hand": by_hand, "gone": gone}


def test_everything_is_enqueued_oldest_first(ledger, filled):
    """Runs, tasks and versions without a task, each run before its tasks."""
    backend = ledger.register_backend(ZENML)

    count = ledger.outbox.enqueue_all(backend)

    first, second = filled["batches"]
    assert count == 5
    assert entries(ledger) == [
        *((one.runs[0].id, "run", one.runs[0].id) for one in (first, second)),
        *((one.runs[0].id, "task", one.tasks[0].id) for one in (first, second)),
        ("artifact:default/notes", "version", filled["by_hand"].id),
    ]
    streams = ledger.outbox.claim(backend, owner="me", lease_seconds=9, limit=2)
    assert streams == (first.runs[0].id, second.runs[0].id)
    assert not any(row.is_first for row in ledger.outbox.page(None, state=None))


def test_what_is_known_or_waits_is_not_enqueued(ledger, filled):
    """A second call adds nothing; a note or a waiting row is enough, one of another backend not."""
    backend, other = ledger.register_backend(ZENML), ledger.register_backend(MLTE)
    run = filled["batches"][0].runs[0]
    ledger.outbox.note(backend, "run", run.id, {"id": "x"})

    assert ledger.outbox.enqueue_all(backend) == 4
    assert ledger.outbox.enqueue_all(backend) == 0
    assert ledger.outbox.enqueue_all(other) == 5


def test_really_everything_is_enqueued(ledger, filled):
    """Without `only_unknown` what is known and what was deleted is sent again too."""
    backend = ledger.register_backend(ZENML)
    ledger.outbox.note(backend, "run", filled["batches"][0].runs[0].id, {"id": "x"})

    assert ledger.outbox.enqueue_all(backend, only_unknown=False) == 6

    assert entries(ledger)[-1][2] == filled["gone"].id


@ONLY_SQLITE
def test_more_than_one_transaction_is_enqueued(ledger, make):
    """1,100 runs, tasks and versions are all there, once, in their order."""
    runs = tuple(make.run() for _ in range(1100))
    ledger.write(
        Batch(
            runs,
            tuple(make.task(run) for run in runs),
            tuple(make.draft(f"a{n}") for n in range(1100)),
        )
    )
    backend = ledger.register_backend(ZENML)

    assert ledger.outbox.enqueue_all(backend) == 3300

    assert ledger.outbox.counts()[0].pending == 3300
    assert ledger.outbox.enqueue_all(backend) == 0


# external ids


def test_what_a_backend_calls_a_record_is_kept(ledger, backend):
    """A note replaces the one before; each backend, kind and key has its own."""
    other = ledger.register_backend(MLTE)
    outbox = ledger.outbox

    outbox.note(backend, "version", "v", {"id": 1})
    outbox.note(backend, "version", "v", {"id": "größe", "more": [1, {"x": None}]})
    outbox.note(other, "version", "v", {"id": 2})

    assert outbox.external(backend, "version", "v") == {"id": "größe", "more": [1, {"x": None}]}
    assert outbox.external(backend, "run", "v") is None
    assert outbox.externals("version", "v") == {
        ZENML: {"id": "größe", "more": [1, {"x": None}]},
        MLTE: {"id": 2},
    }


def test_notes_have_pages_and_are_forgotten(ledger, backend):
    """Pages of notes go by key; what is forgotten is counted and gone."""
    for key in ("a", "b", "c"):
        ledger.outbox.note(backend, "run", key, {"key": key})

    first = ledger.outbox.external_page(backend, "run", limit=2)
    rest = ledger.outbox.external_page(backend, "run", after=first[-1][0], limit=2)
    count = ledger.outbox.forget(backend, "run", ["a", "c", "never"])

    assert [key for key, _ in (*first, *rest)] == ["a", "b", "c"]
    assert count == 2
    assert ledger.outbox.external_page(backend, "run") == (("b", {"key": "b"}),)
    assert ledger.outbox.forget(backend, "run", []) == 0


def test_a_note_that_is_no_json_is_refused(ledger, backend):
    """NaN and objects are MetadataValueError; what was noted stays."""
    ledger.outbox.note(backend, "run", "r", {"id": 1})

    for value in (float("nan"), object()):
        with pytest.raises(MetadataValueError, match="run 'r'"):
            ledger.outbox.note(backend, "run", "r", {"id": value})

    assert ledger.outbox.external(backend, "run", "r") == {"id": 1}


def test_a_damaged_note_counts_as_none(ledger, backend):
    """A note that cannot be read is asked for again rather than a crash (C15)."""
    ledger.outbox.note(backend, "run", "r", {"id": 1})
    with ledger._database.transaction() as cursor:
        cursor.execute("UPDATE external SET value = '{\"id\": '")

    assert ledger.outbox.external(backend, "run", "r") is None
    assert ledger.outbox.externals("run", "r") == {}
    assert ledger.outbox.external_page(backend, "run") == (("r", {}),)
