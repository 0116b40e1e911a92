"""Pages of long listings: however much there is, the rows that are shown are read and few more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from artifact_plugins.faces.kfp import Access, Face, artifacts, links, runs, task_listing, tasks
from artifact_plugins.faces.kfp.access import Caller
from artifact_plugins.faces.kfp.face import Call
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import IOType, LinkQuery, TaskQuery, VersionQuery, every

MANY, TASKS = 4_000, 1_100
SIZE = 50
Service = Callable[[Face, Call], dict[str, Any]]


class Filled(NamedTuple):
    """A face whose run has 4,000 artifacts of one task, 1,100 tasks besides and a child of the first."""

    face: Face
    run_id: str
    task_id: str
    child_id: str


def called(body: Any = None, query: Any = None, **path: str) -> Call:
    return Call(Caller(), path, query or {}, body or {}, body is not None)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    url = f"sqlite:///{tmp_path_factory.mktemp('keyset') / 'ledger.sqlite'}"
    with Ledger.open(url, durable=False) as ledger:
        face = Face(ledger, Access())
        run_id = runs.create(face, called({"display_name": "long"}))["run_id"]
        task = {"name": "make", "type": "RUNTIME", "state": "RUNNING"}
        task_id = tasks.create(face, called(task, run_id=run_id))["task_id"]
        for start in range(0, MANY, 1000):
            requests = [
                {
                    "artifact": {"name": f"a{number % 7}", "type": "Model", "namespace": "n"},
                    "run_id": run_id,
                    "task_id": task_id,
                    "producer_key": f"k{number}",
                }
                for number in range(start, start + 1000)
            ]
            artifacts.batch_create(face, called({"artifacts": requests}))
        for number in range(TASKS):
            tasks.create(face, called({**task, "name": f"t{number}"}, run_id=run_id))
        child = {**task, "name": "child", "parent_task_id": task_id}
        child_id = tasks.create(face, called(child, run_id=run_id))["task_id"]
        yield Filled(face, run_id, task_id, child_id)


@pytest.fixture
def read(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each statement of the test read."""
    counts: list[int] = []
    database = filled.face.ledger._database
    read_rows = database.read

    def counted(text: str, values: Any = None) -> Any:
        rows = read_rows(text, values) if values is not None else read_rows(text)
        counts.append(len(rows))
        return rows

    monkeypatch.setattr(database, "read", counted)
    return counts


def listings(filled: Filled) -> dict[str, tuple[Service, dict[str, Any], dict[str, str], int]]:
    """Return each listing with its query, its path and how many there are."""
    return {
        "artifacts": (artifacts.listing, {}, {}, MANY),
        "artifact_tasks": (links.listing, {"run_ids": [filled.run_id]}, {}, MANY),
        "tasks": (task_listing.listing, {}, {"run_id": filled.run_id}, TASKS + 3),
    }


@pytest.mark.parametrize("direction", ["", "desc"])
@pytest.mark.parametrize("name", ["artifacts", "artifact_tasks", "tasks"])
def test_a_page_reads_what_it_shows(
    filled: Filled, read: list[int], name: str, direction: str
) -> None:
    """The first page, a later one and the total cost few rows more than are shown."""
    service, query, path, total = listings(filled)[name]
    column = {"artifacts": "created_at", "artifact_tasks": "id", "tasks": "create_time"}[name]
    order = {"sort_by": f"{column} {direction}", "order_by": f"{column} {direction}"}
    asked = {**query, "page_size": SIZE, **(order if direction else {})}
    first = service(filled.face, called(query=asked, **path))
    read.clear()

    second = service(
        filled.face, called(query={**asked, "page_token": first["next_page_token"]}, **path)
    )

    assert (len(first[name]), len(second[name]), second["total_size"]) == (SIZE, SIZE, total)
    assert sum(read) < 8 * SIZE


def test_an_update_that_repeats_the_parent_reads_no_other_task(
    filled: Filled, read: list[int]
) -> None:
    """A client that sends a task whole does not make the server read the whole run."""
    same = {"state": "SUCCEEDED", "parent_task_id": filled.task_id}

    tasks.update(filled.face, called(same, run_id=filled.run_id, task_id=filled.child_id))
    found = tasks.get(filled.face, called(run_id=filled.run_id, task_id=filled.child_id))

    assert found["parent_task_id"] == filled.task_id
    assert sum(read) < SIZE


def test_any_other_order_reads_all(filled: Filled, read: list[int]) -> None:
    """Negative control: what the ledger has no order for is read whole."""
    artifacts.listing(filled.face, called(query={"page_size": SIZE, "sort_by": "name"}))

    assert sum(read) > MANY


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("name", ["artifacts", "artifact_tasks", "tasks"])
def test_all_pages_together_are_everything_once(filled: Filled, name: str, direction: str) -> None:
    """Page after page brings every record once, in the order asked for."""
    service, query, path, total = listings(filled)[name]
    column = {"artifacts": "created_at", "artifact_tasks": "id", "tasks": "create_time"}[name]
    key = {"artifacts": "artifact_id", "artifact_tasks": "id", "tasks": "task_id"}[name]
    found: list[str] = []
    token = ""
    while token or not found:
        order = {"sort_by": f"{column} {direction}", "order_by": f"{column} {direction}"}
        asked = {**query, **order, "page_size": 200, "page_token": token}
        answer = service(filled.face, called(query=asked, **path))
        found += [one[key] for one in answer[name]]
        token = answer.get("next_page_token", "")

    assert len(found) == len(set(found)) == total
    assert found == sorted(found, reverse=direction == "desc")


@pytest.mark.parametrize(
    "query",
    [
        VersionQuery(),
        VersionQuery(project="default", artifact="a3"),
        VersionQuery(project="default", artifact_type="Model"),
        VersionQuery(artifact_type="Dataset"),
        VersionQuery(is_deleted=True),
        VersionQuery(is_deleted=None),
        VersionQuery(id_prefix="0"),
        VersionQuery(ids=()),
        VersionQuery(ids=("x", "y", "z")),
        VersionQuery(tag="t"),
        VersionQuery(alias="latest", artifact="a3"),
        TaskQuery(),
        TaskQuery(name="t7"),
        TaskQuery(ids=("x",)),
        LinkQuery(),
        LinkQuery(task_ids=("x", "y", "z")),
        LinkQuery(io_types=(IOType.OUTPUT, IOType.ITERATOR_OUTPUT)),
        LinkQuery(version_ids=()),
    ],
    ids=repr,
)
def test_a_count_is_the_length_of_the_listing(
    filled: Filled, query: VersionQuery | TaskQuery | LinkQuery
) -> None:
    """What the ledger counts is what all pages of the same query hold."""
    ledger = filled.face.ledger
    listing: Any = {VersionQuery: ledger.versions, TaskQuery: ledger.tasks, LinkQuery: ledger.links}

    assert ledger.count(query) == sum(1 for _ in every(listing[type(query)], query))
