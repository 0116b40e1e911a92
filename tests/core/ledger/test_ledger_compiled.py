"""The compiled SQL belongs to the schema, and a process that uses it needs no SQLAlchemy."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import bindparam, select

from artifact_plugins.errors import IdempotencyConflictError
from artifact_plugins.ledger import compile as compiling
from artifact_plugins.ledger import schema, selects, statements
from artifact_plugins.records import Batch, VersionDraft, VersionQuery, new_id

EACH_DATABASE = pytest.mark.parametrize("target", compiling.TARGETS, ids=lambda one: one.name)


@EACH_DATABASE
def test_compiled_sql_is_that_of_the_schema(target):
    """The modules of SQL of each database hold what `schema` and `statements` say now.

    When this fails: python -m artifact_plugins.ledger.compile
    """
    for path, text in target.modules().items():
        assert path.read_text(encoding="utf-8") == text


@EACH_DATABASE
@pytest.mark.parametrize("part", ["SELECTS", "CONDITIONS", "STATEMENTS"])
def test_a_changed_statement_is_noticed(monkeypatch, part, target):
    """Negative control: another SELECT, condition or statement gives another text."""
    changed = {
        "SELECTS": {"RUNS": select(schema.run.c.id)},
        "CONDITIONS": {"RUN_WHERE": {"id": schema.run.c.name == bindparam("id")}},
        "STATEMENTS": {"KIND": (schema.run.delete(), ())},
    }
    monkeypatch.setattr(statements, part, getattr(statements, part) | changed[part])

    path = next(iter(target.modules()))
    assert path.read_text(encoding="utf-8") != compiling.render(target)


def test_a_statement_with_another_order_of_values_is_not_written(monkeypatch):
    """A statement whose values are not taken in the order of its columns stops the compiler."""
    statement, names = statements.STATEMENTS["KIND"]
    turned = statements.STATEMENTS | {"KIND": (statement, names[::-1])}
    monkeypatch.setattr(statements, "STATEMENTS", turned)

    with pytest.raises(AssertionError, match="KIND takes"):
        compiling.render(compiling.TARGETS[0])


def test_a_value_inside_a_select_is_not_lost(monkeypatch):
    """A SELECT that brings a value of its own stops the compiler: a text cannot carry it."""
    statement = select(schema.run.c.id).where(schema.run.c.name == "fixed")
    monkeypatch.setattr(statements, "SELECTS", {"RUNS": statement})

    with pytest.raises(AssertionError, match="'fixed'"):
        compiling.render(compiling.TARGETS[0])


LIFE = """
import sys
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import *
from artifact_plugins.records import new_id, now

ledger = Ledger.open(sys.argv[1], durable=False)
run = Run(id=new_id(), project="p", pipeline="p", name="p-1", started_at=now())
task = Task(id=new_id(), run_id=run.id, name="t", scope_path="root/t", started_at=now())
version = ArtifactVersion(
    artifact="a", id=new_id(), project="p", data_type="builtins:int", format="json/1",
    uri="data:,", size_bytes=1, content_hash="blake3:" + "0" * 64, tags=("x",), aliases=("y",),
    run_id=run.id, task_id=task.id, created_at=now(), created_by="me",
)
link = ArtifactTaskLink(
    id=new_id(), run_id=run.id, task_id=task.id, io_type=IOType.OUTPUT, key="out",
    version_id=version.id,
)
ledger.write(Batch((run,), (task,), (VersionDraft(version, "key"),), (link,)))
ledger.latest("p", "a", alias="y"), ledger.run("p-1"), ledger.run(run.id[:20])
ledger.task(task.id), ledger.version(version.id)
for query in ({}, {"project": "p"}, {"tag": "x"}, {"ids": (version.id,)}, {"artifact": "a"}):
    assert len(ledger.versions(VersionQuery(**query))) == 1
assert len(ledger.runs(RunQuery())) == len(ledger.tasks(TaskQuery(run_id=run.id))) == 1
assert len(ledger.links(LinkQuery(version_ids=(version.id,)))) == len(ledger.artifacts("p")) == 1
ledger.update_version(version.id, tags_add=("z",))
assert ledger.check() == []
ledger.close()
"""
SAY = "\nprint('sqlalchemy' in sys.modules)"


def is_sqlalchemy_loaded(code: str, url: str) -> bool:
    done = subprocess.run(
        [sys.executable, "-c", code + SAY, url], capture_output=True, text=True, check=True
    )
    return {"True": True, "False": False}[done.stdout.strip()]


def test_a_ledger_is_used_without_sqlalchemy(url):
    """Opening, writing, looking up, listing and editing import no SQLAlchemy."""
    assert is_sqlalchemy_loaded(LIFE, url) is False


def test_an_import_of_sqlalchemy_would_be_seen(url):
    """Negative control: the check above sees a process that imports the schema."""
    code = "import sys\nfrom artifact_plugins.ledger import schema"

    assert is_sqlalchemy_loaded(code, url) is True


def test_every_shape_of_query_is_sql(ledger):
    """Any fields of a version query together, in both directions, give SQL the database takes."""
    database = ledger._database
    fields = VersionQuery.__slots__
    values: dict[str, Any] = dict.fromkeys((*fields, "id_end", "ids_0", "ids_1"), "x")
    values |= {"version": 1, "after": 1, "limit": 1}

    count = 0
    for size in range(len(fields) + 1):
        for some in itertools.combinations(fields, size):
            for newest_first, is_next in ((True, False), (False, True)):
                text, _ = selects.list_versions(
                    database.sql,
                    frozenset(some),
                    2 * ("ids" in some),
                    newest_first=newest_first,
                    is_next=is_next,
                )
                database.read(f"EXPLAIN {text}", values)
                count += 1

    assert count == 2 * 2 ** len(fields)


def test_a_key_that_is_the_id_tells_repeats(ledger, make):
    """A draft whose key is its own id is committed once, and other content is a conflict."""
    draft = make.draft()
    (first,) = ledger.write(Batch(versions=(draft,)))

    (again,) = ledger.write(Batch(versions=(draft,)))

    assert again == first
    assert len(ledger.versions(VersionQuery())) == 1
    other = make.version(content="ff", id=draft.version.id)
    with pytest.raises(IdempotencyConflictError, match="nothing was written"):
        ledger.write(Batch(versions=(VersionDraft(other, other.id),)))


def test_a_key_that_is_the_id_of_another_version_is_its_own(ledger, make):
    """The id of one version as the key of another gives a new version, and a repeat gives that."""
    first = make.save(ledger)
    (second,) = ledger.write(Batch(versions=(make.draft(key=first.id),)))

    (again,) = ledger.write(Batch(versions=(make.draft(key=first.id, id=new_id()),)))

    assert second.id != first.id
    assert again == second
