"""A session finds records by filters, and so do the functions of the front door."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import pytest

import artifact_plugins as ap
from artifact_plugins.errors import QueryError
from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion, Page, Run, Task, every


@ap.step
def load(count: int) -> Annotated[list[int], "numbers"]:
    return list(range(count))


@ap.step
def total(numbers: list[int]) -> Annotated[int, "total"]:
    return sum(numbers)


@ap.pipeline
def add(count: int = 3):
    return total(load(count))


def test_the_example_of_the_design_works(session):
    """A filter on name, metadata and tags, newest first, a page at a time."""
    for rmse in (0.1, 0.2, 0.5):
        session.save(1, "model", metadata={"rmse": rmse}, tags=["prod"])
    session.save(1, "model", metadata={"rmse": 0.1})
    where = 'name == "model" and metadata["rmse"] < 0.3 and "prod" in tags'

    page = session.versions(where, order_by="-created_at", limit=1)
    rest = session.versions(where, order_by="-created_at", limit=20, page_token=page.next_token)

    assert [str(version) for version in page] == ["model@2"]
    assert [str(version) for version in rest] == ["model@1"]
    assert rest.next_token is None
    assert [str(version) for version in every(session.versions, where)] == ["model@2", "model@1"]


def test_a_run_is_found_from_all_sides(session):
    """Runs, tasks, links and versions of a pipeline are found by filters inside the front door."""
    add(count=4)

    (run,) = ap.runs('pipeline == "add" and parameters["count"] == 4')
    tasks = ap.tasks("of_run(run) and name == step", values={"run": run.id, "step": "total"})
    (link,) = ap.links('of_task("total") and io_type == "TASK_OUTPUT_INPUT"')
    (found,) = ap.versions('used_by_task("total")')

    assert [task.name for task in tasks] == ["total"]
    assert link.version_id == found.id
    assert found.artifact == "numbers"
    assert ap.runs('state == "FAILED"').items == ()


def test_a_session_asks_in_its_own_project(session, places):
    """Another project is found only by a filter that names it."""
    session.save(1, "mine")
    with ap.open_session(ap.Settings(**places, project="other")) as other:
        other.save(2, "theirs")

        assert [str(version) for version in other.versions()] == ["theirs@1"]
        assert [str(one) for one in other.versions('project == "default"')] == ["mine@1"]
        assert len(other.versions('project in ["default", "other"]')) == 2


def test_several_filters_and_orders(session):
    """A list of filters must all hold; a list of keys orders."""
    for number in range(4):
        session.save(number, "ab"[number % 2], tags=["t"] if number else [])

    found = session.versions(
        ["version <= 1", "wanted in tags"], order_by=["-name"], values={"wanted": "t"}
    )

    assert [str(version) for version in found] == ["b@1"]
    assert [str(one) for one in session.versions(order_by=["name", "-version"])] == [
        "a@2",
        "a@1",
        "b@2",
        "b@1",
    ]


def test_a_wrong_filter_points_at_its_column(session):
    """The error of the front door has the expression and a caret."""
    with pytest.raises(QueryError) as caught:
        ap.versions('name == "a" and metadate["x"] == 1')

    assert str(caught.value).split("\n")[1:] == [
        '    name == "a" and metadate["x"] == 1',
        "                    ^^^^^^^^",
    ]
    assert caught.value.column == 17


def test_finding_is_typed():
    """Type checkers know what each finder returns."""
    versions: Page[ArtifactVersion] = ap.versions()
    links: Page[ArtifactTaskLink] = ap.links()
    tasks: Page[Task] = ap.tasks()
    runs: Page[Run] = ap.runs()

    assert [len(page) for page in (versions, links, tasks, runs)] == [0, 0, 0, 0]


def test_nothing_is_imported_before_it_is_asked():
    """A session that saves, loads and lists by name never imports SQLAlchemy; a filter does."""
    code = """
import sys, warnings
import artifact_plugins as ap
with ap.open_session(ap.Settings(store_url="memory://x", ledger_url="sqlite://")) as session:
    session.save(1, "a"); session.load("a")
    print("sqlalchemy" in sys.modules, "artifact_plugins.ledger.filters" in sys.modules)
    try: session.versions("nam == 1")
    except ap.ArtifactPluginsError: print("sqlalchemy" in sys.modules)
    session.versions("version == 1")
    print("sqlalchemy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "False", "False", "True"]
