"""Commits and edits leave rows in the outbox, in their own transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import outbox_rows
import pytest
from ledger_urls import ONLY_SQLITE
from outbox_rows import MLTE, ZENML, entries, executed, only_row, whole_batch

from artifact_plugins.errors import (
    IdempotencyConflictError,
    InputError,
    LineageConflictError,
    SettingsError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    Batch,
    IOType,
    OutboxState,
    RunState,
    TaskState,
    now,
)

backend = outbox_rows.backend

# backends


def test_a_backend_is_registered_once(ledger):
    """The same URL has the same id in every life of the ledger, another URL another id."""
    first = ledger.register_backend(ZENML)

    second = ledger.register_backend(MLTE)

    assert ledger.register_backend(ZENML) == first != second
    found = ledger.registered_backends()
    assert [(one.id, one.url) for one in found] == [(first, ZENML), (second, MLTE)]
    assert found[0].registered_at <= now()


def test_a_password_is_not_kept(ledger):
    """A URL with a password is refused without saying it, and nothing is registered."""
    with pytest.raises(SettingsError, match="environment") as caught:
        ledger.register_backend("zenml+http://me:hunter2@there")

    assert "hunter2" not in str(caught.value)
    assert ledger.registered_backends() == ()


def test_rows_are_left_for_known_backends_only(ledger, backend):
    """An id that nobody registered is refused, and what was chosen before stays."""
    with pytest.raises(InputError, match="no backend with id 99"):
        ledger.deliver_to([backend, 99])

    assert ledger._database.backends == (backend,)


# what a commit leaves


def test_a_task_stands_for_its_versions_and_links(ledger, make, backend):
    """A commit of a run, a task, its version and link leaves a row for the run and one for the task."""
    batch = whole_batch(make)
    (run,), (task,) = batch.runs, batch.tasks

    ledger.write(batch)

    assert entries(ledger) == [(run.id, "run", run.id), (run.id, "task", task.id)]
    row = ledger.outbox.row(backend, "task", task.id)
    assert (row.generation, row.tries, row.state) == (1, 0, OutboxState.PENDING)
    assert (row.next_at, row.error, row.is_first) == (None, None, True)


def test_a_version_without_its_task_stands_for_itself(ledger, make, backend):
    """Versions saved by hand, in a run, or logged in a step whose task came before have rows."""
    run = make.run()
    task = make.task(run)
    ledger.write(Batch((run,), (task,)))
    ledger.outbox.drop(backend, seqs=None, state=None)

    by_hand = make.save(ledger, "flights")
    in_run = make.save(ledger, "flights", run_id=run.id)
    logged = make.save(ledger, "flights", run_id=run.id, task_id=task.id)

    assert entries(ledger) == [
        ("artifact:default/flights", "version", by_hand.id),
        (run.id, "version", in_run.id),
        (run.id, "version", logged.id),
    ]


def test_a_late_link_stands_for_its_task(ledger, make, backend):
    """A link whose task is not in the batch has its task sent again, which is no first time."""
    batch = whole_batch(make)
    (run,), (task,) = batch.runs, batch.tasks
    ledger.write(batch)
    ledger.outbox.drop(backend, seqs=None, state=None)

    ledger.write(Batch(links=(make.link(task, IOType.RUNTIME_VALUE_INPUT, "x", value=1),)))

    assert entries(ledger) == [(run.id, "task", task.id)]
    assert only_row(ledger).is_first is False


def test_a_record_has_one_row_for_each_backend(ledger, make, backend):
    """What changes while it waits gets a generation more, once for each change."""
    other = ledger.register_backend(MLTE)
    ledger.deliver_to([other, backend])
    run = make.run()

    ledger.write(Batch((run,)))
    ledger.write(Batch((run.model_copy(update={"state": RunState.SUCCEEDED}),)))

    found = ledger.outbox.page(None, state=None)
    assert [(row.backend_id, row.generation) for row in found] == [(backend, 2), (other, 2)]


def test_two_states_of_a_task_in_a_batch_are_one_row(ledger, make, backend):
    """A task that stands twice in a batch is one change."""
    run = make.run()
    task = make.task(run)
    ended = task.model_copy(update={"state": TaskState.SUCCEEDED})

    ledger.write(Batch((run,), (task, ended)))

    assert entries(ledger) == [(run.id, "run", run.id), (run.id, "task", task.id)]
    assert ledger.outbox.row(backend, "task", task.id).generation == 1


def test_a_repeat_of_a_save_leaves_no_second_row(ledger, make, backend):
    """A draft whose key is known changes nothing, so nothing more is sent."""
    draft = make.draft(key="k")
    ledger.write(Batch(versions=(draft,)))

    ledger.write(Batch(versions=(make.draft(key="k"),)))

    row = only_row(ledger)
    assert (row.record_id, row.generation) == (draft.version.id, 1)


def test_a_batch_that_fails_leaves_nothing(ledger, make, backend):
    """A commit that is refused leaves no row and no claim."""
    run = make.run()
    stranger = make.task(make.run())

    with pytest.raises(LineageConflictError):
        ledger.write(Batch((run,), (stranger,)))
    make.save(ledger, key="k")
    ledger.outbox.drop(backend, seqs=None, state=None)
    with pytest.raises(IdempotencyConflictError):
        make.save(ledger, key="k", content="ff")

    assert entries(ledger) == []
    assert ledger.outbox.next_due(backend) is None


def test_large_batches_are_what_small_ones_are(ledger, make, backend):
    """Rows that a server gets column by column are those that it gets one by one."""
    ledger.deliver_to([backend, ledger.register_backend(MLTE)])
    run = make.run()
    tasks = tuple(make.task(run, f"t{n}") for n in range(50))

    ledger.write(Batch((run,), tasks))
    ledger.write(Batch((), tasks))

    assert entries(ledger, backend) == [
        (run.id, "run", run.id),
        *((run.id, "task", task.id) for task in tasks),
    ]
    found = ledger.outbox.rows(backend, run.id, limit=1000)
    assert [row.generation for row in found] == [1] + [2] * 50
    assert {row.is_first for row in found} == {True}


@ONLY_SQLITE
def test_without_backends_a_commit_runs_no_statement_more(ledger, make):
    """Nobody to deliver to: no statement of a commit or an edit names the outbox."""
    with executed(ledger) as texts:
        (version,) = ledger.write(whole_batch(make))
        ledger.update_version(version.id, tags_add=("x",))
        ledger.delete_versions([version.id], released=("tag", "alias", "link"))

    assert len(texts) > 10
    assert [text for text in texts if "outbox" in text] == []


@ONLY_SQLITE
def test_a_statement_about_the_outbox_would_be_seen(ledger, make, backend):
    """Negative control: with a backend, the look above sees two statements of each commit."""
    with executed(ledger) as texts:
        ledger.write(whole_batch(make))

    assert len([text for text in texts if "INTO outbox" in text]) == 2 + 1


# what an edit leaves


def edits(make: Any) -> dict[str, Callable[[Ledger, Any], object]]:
    return {
        "tags": lambda ledger, one: ledger.update_version(one.id, tags_add=("x",)),
        "description": lambda ledger, one: ledger.update_version(one.id, description="x"),
        "metadata": lambda ledger, one: ledger.update_version(one.id, metadata={"x": 1}),
        "alias": lambda ledger, one: ledger.set_alias(one.id, "best"),
        "delete": lambda ledger, one: ledger.delete_versions([one.id]),
        "rename": lambda ledger, one: ledger.rename_artifact("default", "flights", "flug"),
    }


@pytest.mark.parametrize("how", edits(None))
def test_an_edit_leaves_a_row_for_the_version(ledger, make, backend, how):
    """Every edit has the version sent again; somebody may have sent it before."""
    version = make.save(ledger)
    ledger.outbox.drop(backend, seqs=None, state=None)

    edits(make)[how](ledger, version)

    name = "flug" if how == "rename" else "flights"
    assert entries(ledger) == [(f"artifact:default/{name}", "version", version.id)]
    assert only_row(ledger).is_first is False


def test_what_ends_a_deletion_leaves_a_row_too(ledger, make, backend):
    """Restoring and collecting a version have it sent again."""
    version = make.save(ledger)
    ledger.delete_versions([version.id])
    ledger.outbox.drop(backend, seqs=None, state=None)

    ledger.restore_version(version.id)
    restored = only_row(ledger)
    ledger.delete_versions([version.id])
    collected = list(ledger.collect_deleted(now()))

    assert [one for one, _ in collected] == [version.id]
    assert (restored.record_id, restored.generation) == (version.id, 1)
    assert only_row(ledger).generation == 3


def test_who_loses_an_alias_is_sent_too(ledger, make, backend):
    """An alias that moves, by an edit or a commit, changes two versions; both have rows."""
    first, second = make.save(ledger, aliases=("prod",)), make.save(ledger)
    ledger.outbox.drop(backend, seqs=None, state=None)

    ledger.set_alias(second.id, "prod")
    by_edit = {record for _, _, record in entries(ledger)}
    ledger.outbox.drop(backend, seqs=None, state=None)
    third = make.save(ledger, aliases=("prod",))
    by_commit = {record for _, _, record in entries(ledger)}
    ledger.outbox.drop(backend, seqs=None, state=None)
    ledger.delete_alias(third.id, "prod")

    assert by_edit == {first.id, second.id}
    assert by_commit == {second.id, third.id}
    assert only_row(ledger).record_id == third.id


def test_an_edit_of_a_version_of_a_run_is_in_the_stream_of_the_run(ledger, make, backend):
    """What is edited later comes after its task, in the same order of delivery."""
    batch = whole_batch(make)
    (version,) = ledger.write(batch)

    ledger.update_version(version.id, tags_add=("x",))

    assert [one[:2] for one in entries(ledger)] == [
        (version.run_id, kind) for kind in ("run", "task", "version")
    ]


def test_an_edit_that_changes_nothing_leaves_nothing(ledger, make, backend):
    """An alias where it is and a version that is not deleted need no delivery."""
    version = make.save(ledger, aliases=("prod",))
    ledger.outbox.drop(backend, seqs=None, state=None)

    ledger.set_alias(version.id, "prod")
    ledger.restore_version(version.id)
    with pytest.raises(LineageConflictError):
        ledger.delete_alias(version.id, "other")

    assert entries(ledger) == []


def test_a_renamed_artifact_waits_in_its_new_stream(ledger, make, backend):
    """A version that waits when its artifact is renamed waits under the new name, and only there."""
    version = make.save(ledger)

    ledger.rename_artifact("default", "flights", "flug")

    taken = ledger.outbox.claim(backend, owner="me", lease_seconds=60, limit=10)
    assert taken == ("artifact:default/flug",)
    (row,) = ledger.outbox.rows(backend, taken[0])
    assert row.record_id == version.id
