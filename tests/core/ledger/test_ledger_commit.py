"""The one write transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ledger_urls import ONLY_SQLITE

from artifact_plugins import failpoints
from artifact_plugins.errors import (
    CommitUnknownError,
    IdempotencyConflictError,
    LineageConflictError,
    MetadataValueError,
    StoreFullError,
    StoreWriteError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    Batch,
    IOType,
    LinkQuery,
    Preview,
    RunState,
    SaveType,
    Signature,
    TaskQuery,
    TaskState,
    TaskType,
    VersionQuery,
    now,
)


@pytest.fixture
def failpoint() -> Any:
    yield failpoints.configure
    failpoints.configure("")


def test_a_version_comes_back_as_it_was_written(ledger, make):
    """Every field of a version survives the ledger exactly."""
    run = make.run()
    task = make.task(run)
    draft = make.draft(
        version_name="best",
        artifact_type="Dataset",
        data_type="pandas:DataFrame",
        materializer="pandas.frame",
        parameters={"a": [1, None, {"b": -0.5}]},
        plugin_snapshot="sha256:" + "1" * 64,
        is_directory=True,
        manifest_digest="sha256:" + "2" * 64,
        signature=Signature(key_id="3" * 32, sig="AA==").to_json(),
        save_type=SaveType.STEP_OUTPUT,
        description="two\nlines",
        tags=("raw", "größe"),
        aliases=("prod",),
        metadata={"rows": 2**63 - 1, "mean": 0.1, "ok": True, "text": '"\u2028\U0001f600\\'},
        previews=(Preview(kind="png", content="aGk=", title="x"),),
        run_id=run.id,
        task_id=task.id,
        item_count=12,
        updated_at=now() + timedelta(seconds=1),
    )

    (written,) = ledger.write(Batch(runs=(run,), tasks=(task,), versions=(draft,)))

    assert written == draft.version.model_copy(update={"version": 1})
    read = ledger.version(written.id)
    assert read.model_copy(update={"updated_at": written.updated_at}) == written
    assert read.model_dump_json() and type(read.metadata["ok"]) is bool


def test_runs_tasks_and_links_come_back_as_they_were_written(ledger, make):
    """Every field of runs, tasks and links survives the ledger exactly."""
    run = make.run(parameters={"month": [1, 2]}, external_ids={"kfp": "x"})
    root = make.task(run, "root", type=TaskType.ROOT)
    task = make.task(run, parent_id=root.id, iteration_index=0, iteration_count=3, cache_key="k")
    links = (
        make.link(task, IOType.RUNTIME_VALUE_INPUT, "carrier", value={"a": [1.5, None]}),
        make.link(task, IOType.RUNTIME_VALUE_INPUT, "nothing", value=None),
        make.link(task, IOType.COLLECTED_INPUTS, "items", producer="mean", position=7, value=1),
    )

    # The child stands before its parent.
    ledger.write(Batch(runs=(run,), tasks=(task, root), links=links))

    assert ledger.run(run.id) == run
    assert ledger.task(task.id) == task
    assert ledger.links(LinkQuery(task_ids=(task.id,))).items == links


def test_a_known_task_is_updated(ledger, make):
    """Writing a run and a task again by id changes their state and end."""
    run = make.run()
    task = make.task(run)
    ledger.write(Batch(runs=(run,), tasks=(task,)), durable=False)
    done = task.model_copy(update={"state": TaskState.SUCCEEDED, "ended_at": now(), "attempt": 2})
    ended = run.model_copy(update={"state": RunState.FAILED, "ended_at": now(), "error": "E: x"})

    ledger.write(Batch(runs=(ended,), tasks=(done,)), durable=True)

    assert ledger.task(task.id) == done
    assert ledger.run(run.id) == ended
    assert len(ledger.tasks(TaskQuery(run_id=run.id))) == 1


def test_numbers_are_dense_in_each_artifact_and_follow_the_drafts(ledger, make):
    """Numbers count 1, 2, ... inside a (project, artifact), in the order of the drafts."""
    first = ledger.write(Batch(versions=(make.draft("a"), make.draft("b"), make.draft("a"))))
    second = ledger.write(Batch(versions=(make.draft("a"), make.draft("a", project="other"))))

    assert [f"{v.project}/{v}" for v in (*first, *second)] == [
        "default/a@1",
        "default/b@1",
        "default/a@2",
        "default/a@3",
        "other/a@1",
    ]


@ONLY_SQLITE
def test_a_transaction_reads_nothing_first(ledger, make):
    """A commit reads one thing, after its insert: whether a collector was faster."""
    run = make.run()
    task = make.task(run)
    seen: list[str] = []
    ledger._database.connection().raw.set_trace_callback(seen.append)
    draft = make.draft(run_id=run.id, task_id=task.id)
    link = make.link(task, IOType.OUTPUT, "out", version_id=draft.version.id)

    ledger.write(Batch(runs=(run,), tasks=(task,), versions=(draft,), links=(link,)))

    inside = seen[seen.index("BEGIN IMMEDIATE") : seen.index("COMMIT")]
    assert len(inside) > 5
    reading = [text for text in inside if "SELECT" in text.upper().split()]
    assert len(reading) == 1
    assert "FROM aborted_version" in reading[0]
    inserted = [text.startswith("INSERT INTO version (") for text in inside].index(True)
    assert inside.index(reading[0]) > inserted


def test_the_same_key_with_the_same_content_is_the_same_version(ledger, make):
    """A repeated save returns the committed version and uses up no number."""
    first = make.save(ledger, key="k")

    again = make.save(ledger, key="k")

    assert again == first
    assert make.save(ledger).version == 2
    assert ledger.check() == []


def test_without_its_key_a_repeat_is_a_second_version(ledger, make):
    """Negative control: what makes the repeat harmless is the key."""
    first = make.save(ledger)

    again = make.save(ledger)

    assert (first.version, again.version) == (1, 2)


def test_links_of_a_repeat_lead_to_the_version_that_stands(ledger, make):
    """Links that name the draft of a repeat are written once, to the existing version."""
    run = make.run()
    task = make.task(run)
    fields = {"key": "k", "run_id": run.id, "task_id": task.id}
    batches = []
    for _ in range(2):
        draft, other = make.draft(**fields), make.draft("other")
        links = (
            make.link(task, IOType.OUTPUT, "out", version_id=draft.version.id),
            make.link(task, IOType.RUNTIME_VALUE_INPUT, "x", value=1),
        )
        batches.append(Batch(runs=(run,), tasks=(task,), versions=(other, draft), links=links))
    _, first = ledger.write(batches[0])

    other, again = ledger.write(batches[1])

    assert again == first
    assert other.version == 2
    links = ledger.links(LinkQuery(task_ids=(task.id,))).items
    assert [(link.key, link.version_id) for link in links] == [("out", first.id), ("x", None)]


def test_one_link_told_twice_is_one_row(ledger, make):
    """Row 86: who reports one value of one slot twice, in a batch or later, makes one link."""
    run = make.run()
    task = make.task(run)
    draft = make.draft()
    first, again, later = (
        make.link(task, IOType.OUTPUT, "out", version_id=draft.version.id) for _ in range(3)
    )
    other = make.link(task, IOType.OUTPUT, "out", version_id=draft.version.id, position=1)

    ledger.write(Batch(runs=(run,), tasks=(task,), versions=(draft,), links=(first, again, other)))
    ledger.write(Batch(tasks=(task,), links=(later,)))

    assert ledger.links(LinkQuery(task_ids=(task.id,))).items == (first, other)


def test_one_key_twice_in_a_batch_is_one_version(ledger, make):
    """Two drafts of a batch that share key and content become one version."""
    first, second = ledger.write(Batch(versions=(make.draft(key="k"), make.draft(key="k"))))

    assert first == second
    assert first.version == 1
    assert ledger.version(first.id) == first


def test_the_same_key_with_other_content_writes_nothing(ledger, make):
    """A key used for two contents is refused, and the rest of the batch with it."""
    first = make.save(ledger, key="k")
    batch = Batch(versions=(make.draft("other"), make.draft(key="k", content="11")))

    with pytest.raises(IdempotencyConflictError, match="'k'.*nothing was written"):
        ledger.write(batch)

    assert ledger.versions(VersionQuery()).items == (first,)


@pytest.mark.parametrize("missing", ["version", "task", "parent", "run"])
def test_a_link_to_something_unknown_writes_nothing(ledger, make, missing):
    """A record that names an unknown version, task or run is refused and named."""
    run = make.run()
    task = make.task(run)
    stranger = make.task(run, parent_id="00-none" if missing == "parent" else None)
    link = make.link(task, IOType.OUTPUT, "out", version_id="00-none")
    batch = {
        "version": Batch(runs=(run,), tasks=(task,), links=(link,)),
        "task": Batch(runs=(run,), links=(make.link(stranger, IOType.OUTPUT, "x", value=1),)),
        "parent": Batch(runs=(run,), tasks=(stranger,)),
        "run": Batch(tasks=(task,)),
    }[missing]

    with pytest.raises(LineageConflictError, match="ledger has no"):
        ledger.write(batch)

    assert ledger.links(LinkQuery()).items == ()
    assert ledger.tasks(TaskQuery()).items == ()


def test_one_unknown_version_among_many_links_writes_nothing(ledger, make):
    """Of links that are written all at once each is looked at."""
    run = make.run()
    task = make.task(run)
    saved = make.save(ledger)
    links = [
        make.link(task, IOType.RUNTIME_VALUE_INPUT, f"in{n}", version_id=saved.id)
        for n in range(20)
    ]
    links[13] = make.link(task, IOType.RUNTIME_VALUE_INPUT, "in13", version_id="00-none")

    with pytest.raises(LineageConflictError, match="ledger has no version '00-none'"):
        ledger.write(Batch(runs=(run,), tasks=(task,), links=tuple(links)))

    assert ledger.links(LinkQuery()).items == ()


def test_an_id_used_twice_is_refused(ledger, make):
    """A version id under another key is a conflict, not a second row."""
    first = make.save(ledger)

    with pytest.raises(LineageConflictError):
        make.save(ledger, id=first.id, key="other")

    assert len(ledger.versions(VersionQuery())) == 1


def test_sql_in_names_is_data(ledger, make):
    """SQL text in names, keys and values is stored verbatim (D10)."""
    evil = "'; DROP TABLE version; --"
    run = make.run(name=evil)
    task = make.task(run, evil)
    draft = make.draft(evil, key=evil, tags=(evil,), aliases=(evil,), description=evil)
    link = make.link(task, IOType.RUNTIME_VALUE_INPUT, evil, value=evil)

    ledger.write(Batch(runs=(run,), tasks=(task,), versions=(draft,), links=(link,)))

    found = ledger.latest("default", evil, tag=evil, alias=evil)
    assert (found.artifact, found.tags, found.description) == (evil, (evil,), evil)
    assert ledger.run(evil).id == run.id


def test_a_value_json_cannot_hold_is_refused_before_anything_is_locked(ledger, make):
    """NaN in a link value is a named error and nothing is written."""
    run = make.run()
    task = make.task(run)
    link = make.link(task, IOType.RUNTIME_VALUE_INPUT, "x", value=float("nan"))

    with pytest.raises(MetadataValueError, match="'x'"):
        ledger.write(Batch(runs=(run,), tasks=(task,), links=(link,)))

    assert ledger.tasks(TaskQuery()).items == ()


@pytest.mark.parametrize(("code", "error"), [("ENOSPC", StoreFullError), ("EIO", StoreWriteError)])
def test_an_error_inside_the_transaction_rolls_it_back(ledger, make, failpoint, code, error):
    """A system error before COMMIT is named and leaves nothing; the repeat works."""
    failpoint(f"commit.inside=error:{code}")

    with pytest.raises(error, match="nothing was written"):
        make.save(ledger, key="k")

    assert ledger.versions(VersionQuery()).items == ()
    assert make.save(ledger, key="k").version == 1


def test_a_lost_answer_is_unknown_and_the_repeat_finds_the_version(ledger, make, failpoint):
    """After COMMIT an error says that the outcome is unknown; the key finds the version."""
    failpoint("commit.after=error:EIO")

    with pytest.raises(CommitUnknownError, match="same idempotency keys"):
        make.save(ledger, key="k")

    assert make.save(ledger, key="k").version == 1


def test_an_interrupt_leaves_the_ledger_usable(ledger, make, failpoint):
    """Ctrl-C inside the transaction rolls back and gives the gate free."""
    failpoint("commit.inside=interrupt")

    with pytest.raises(KeyboardInterrupt):
        make.save(ledger)

    assert make.save(ledger).version == 1


@ONLY_SQLITE
def test_durability_is_chosen_for_each_commit(url, make):
    """`durable` of a write overrides the ledger's own, and only for that write."""
    with Ledger.open(url, durable=True) as ledger:
        connection = ledger._database.connection()

        modes = []
        for durable in (None, False, None, True):
            ledger.write(Batch(versions=(make.draft(),)), durable=durable)
            modes.append(connection.raw.execute("PRAGMA synchronous").fetchone()[0])

    assert modes == [2, 1, 2, 2]


@ONLY_SQLITE
def test_connections_are_set_up_for_safety(ledger):
    """WAL, foreign keys and untrusted schemas are on for every connection."""
    raw = ledger._database.connection().raw

    found = {
        name: raw.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "foreign_keys", "trusted_schema", "busy_timeout")
    }

    assert found == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "trusted_schema": 0,
        "busy_timeout": 10_000,
    }


def test_a_gap_in_the_numbers_is_reported(ledger, make):
    """`check` is silent about a good ledger and names an artifact with a gap."""
    make.save(ledger)
    make.save(ledger)
    assert ledger.check() == []
    with ledger._database.transaction() as cursor:
        cursor.execute("DELETE FROM version WHERE version = 1")

    problems = ledger.check()

    assert len(problems) == 1
    assert "'flights'" in problems[0]
