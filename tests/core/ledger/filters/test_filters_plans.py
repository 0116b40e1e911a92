"""The common pages start from an index: no query plan scans a table of records."""

from __future__ import annotations

import re

import pytest
from ledger_urls import ONLY_SQLITE

from artifact_plugins.ledger.filters import page_sql, prepare
from artifact_plugins.ledger.filters.tree import Linked, conjuncts

# Tables whose rows grow with what is recorded; of kinds there are a few.
GROWING = ("version", "link", "task", "run", "artifact", "version_tag", "version_alias", "inside")
COMMON = [
    ("versions", 'name == "model"', None),
    ("versions", 'name == "model"', "-version"),
    ("versions", 'name == "model"', 'metadata["rmse"]'),
    ("versions", 'name == "model" and metadata["rmse"] < 0.3', None),
    ("versions", 'name in ["model", "data"]', None),
    ("versions", '"prod" in tags', None),
    ("versions", '"prod" in tags and name == "model"', None),
    ("versions", '"prod" in tags and artifact_type == "Model"', None),
    ("versions", '"prod" in tags and metadata["rmse"] < 0.3', "created_at"),
    ("versions", 'artifact_type == "Model"', None),
    ("versions", 'artifact_type == "Model" and data_type == "a:B"', "created_at"),
    ("versions", "", None),
    ("versions", 'metadata["rmse"] < 0.3', None),
    ("versions", 'run_id == "r"', None),
    ("versions", 'task_id == "t"', None),
    ("versions", 'id in ["a", "b"]', None),
    ("versions", '"best" in aliases and name == "model"', None),
    ("versions", 'used_by_run("r")', None),
    ("versions", 'used_by_task("t")', None),
    ("versions", 'used_by_pipeline("p")', None),
    ("versions", 'produced_by_run("r")', None),
    ("versions", 'produced_by_task("t")', None),
    ("versions", 'produced_by_pipeline("p")', None),
    ("versions", "unused()", None),
    ("links", 'version_id == "v"', None),
    ("links", 'task_id in ["t", "u"]', None),
    ("links", 'run_id == "r" and io_type == "OUTPUT"', None),
    ("links", 'of_run("r")', None),
    ("links", 'of_task("t")', None),
    ("tasks", 'run_id == "r"', None),
    ("tasks", 'run_id == "r" and state == "FAILED"', None),
    ("tasks", 'name == "fit"', "-id"),
    ("tasks", 'of_run("r")', None),
    ("runs", "", None),
    ("runs", 'pipeline == "train"', None),
    ("runs", 'state == "FAILED"', None),
    ("runs", 'pipeline == "train" and state == "FAILED"', None),
    ("runs", 'name == "train-1"', None),
]


def plan(ledger, kind, where, order, *, is_next, project="default"):
    """Return the steps of the query plan of one page."""
    search = prepare(kind, where, order, project=project, values=None)
    parts = [part for part in conjuncts(search.predicate) if isinstance(part, Linked)]
    seeks = frozenset(part for part in parts if part.arguments)

    def statement(is_none):
        return page_sql.page_statement(
            kind,
            search.predicate,
            search.order,
            dialect_name="sqlite",
            seeks=seeks,
            is_none=is_none,
        )

    found = statement(None)
    if is_next:
        found = statement((False,) * len(found.keys))
    assert re.search(r"OFFSET (?!0\b)", found.text) is None
    values = {**found.values, "limit": 21} | {f"after_{n}": 0 for n in range(len(found.keys))}
    rows = ledger._database.read(f"EXPLAIN QUERY PLAN {found.text}", values)
    return [row[3] for row in rows]


def scanned(steps):
    return [step for step in steps if re.fullmatch(rf"SCAN ({'|'.join(GROWING)})\b.*", step)]


@ONLY_SQLITE
@pytest.mark.parametrize("is_next", [False, True], ids=["first", "next"])
@pytest.mark.parametrize(("kind", "where", "order"), COMMON)
def test_no_page_scans_a_table(ledger, kind, where, order, is_next):
    """The first page and the next ones of a common question look their rows up."""
    assert scanned(plan(ledger, kind, where, order, is_next=is_next)) == []


@ONLY_SQLITE
@pytest.mark.parametrize(
    ("kind", "where", "index"),
    [
        ("versions", 'name == "model"', "sqlite_autoindex_version_1 (artifact_id=? AND version<?)"),
        ("versions", '"prod" in tags', "version_tag USING PRIMARY KEY (tag=? AND version_seq<?)"),
        ("versions", 'artifact_type == "Model"', "ix_version_kind (kind_id=? AND seq<?)"),
        ("versions", 'run_id == "r"', "ix_version_run (run_id=? AND rowid<?)"),
        ("links", 'version_id == "v"', "ix_link_version (version_id=? AND rowid>?)"),
        ("links", 'run_id == "r"', "ix_link_run_id (run_id=? AND rowid>?)"),
        ("tasks", 'run_id == "r"', "ix_task_run (run_id=? AND id>?)"),
        ("tasks", 'name == "fit"', "ix_task_name (name=? AND id>?)"),
        ("runs", 'pipeline == "train"', "ix_run_pipeline (pipeline=? AND id<?)"),
        ("runs", 'state == "FAILED"', "ix_run_project (project=? AND id<?)"),
    ],
)
def test_the_next_page_starts_where_the_last_one_ended(ledger, kind, where, index):
    """The index finds the first row of the next page; rows before it are not touched."""
    steps = plan(ledger, kind, where, None, is_next=True)

    assert any(index in step for step in steps), steps


@ONLY_SQLITE
def test_a_scan_is_noticed(ledger):
    """The check above sees a page that does read a whole table."""
    steps = plan(ledger, "versions", "size_bytes > 3", "size_bytes", is_next=False, project=None)

    assert len(scanned(steps)) == 1
