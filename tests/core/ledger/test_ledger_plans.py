"""On a ledger with enough rows to matter, every page of the common questions looks its rows up."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    Batch,
    IOType,
    Run,
    Task,
    VersionDraft,
    new_id,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RUNS, TASKS, VERSIONS = 20, 200, 1000
START = datetime(2026, 1, 1, tzinfo=UTC)
# With fewer rows than these have, reading all of them is right.
LARGE = ("version", "link", "task")
# Of SQLite's machine, for a row that is found by an index and compared.
_STEPS_OF_A_ROW = 20
QUESTIONS = {
    "all": ("versions", "", None),
    "name": ("versions", 'name == "metrics"', None),
    "name and metadata": ("versions", 'name == "metrics" and metadata["rmse"] < 0.1', None),
    "name by created_at": ("versions", 'name == "metrics"', "created_at"),
    "name by version": ("versions", 'name == "metrics"', "-version"),
    "name by metadata": ("versions", 'name == "model-3"', 'metadata["rmse"]'),
    "tag": ("versions", '"prod" in tags', None),
    "tag and type": ("versions", '"prod" in tags and artifact_type == "Model"', None),
    "project and type": ("versions", 'project == "other" and artifact_type == "Model"', None),
    "run": ("versions", 'run_id == "RUN"', None),
    "used by a run": ("versions", 'used_by_run("RUN")', None),
    "made by a run": ("versions", 'produced_by_run("RUN")', None),
    "unused": ("versions", "unused()", None),
    "links of a version": ("links", 'version_id == "VERSION"', None),
    "links of a task": ("links", 'task_id == "TASK"', None),
    "links of a run": ("links", 'run_id == "RUN"', None),
    "tasks by name": ("tasks", 'name == "train"', None),
    "tasks of a run": ("tasks", 'run_id == "RUN"', None),
    "runs of a pipeline": ("runs", 'pipeline == "delays"', None),
}


class Story:
    """A filled ledger and ids that occur in it.

    Attributes:
        ids: For the words in capitals in a question.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        before: list[str] = []
        for number in range(RUNS):
            batch = _batch(number, before)
            ledger.write(batch)
            before = [draft.version.id for draft in batch.versions]
            if number == RUNS // 2 + 1:
                self.ids = {
                    "RUN": batch.runs[0].id,
                    "TASK": batch.tasks[50].id,
                    "VERSION": before[50],
                }

    def asked(
        self, kind: Any, where: str, order: str | None, project: str | None = "default"
    ) -> list[tuple[str, Any]]:
        """Return the statements of the first, some further and the last page, and their values."""
        where = re.sub("[A-Z]{3,}", lambda word: self.ids[word[0]], where)
        options: dict[str, Any] = {"order_by": order, "project": project}
        statements: list[tuple[str, Any]] = []
        count, token = 0, None
        while True:
            with _spied(self.ledger, statements):
                page = self.ledger.search(kind, where, limit=20, page_token=token, **options)
            count += len(page)
            if page.next_token is None:
                break
            far = self.ledger.search(kind, where, limit=900, page_token=token, **options)
            token = far.next_token or page.next_token
        assert count > 0
        return statements


@contextmanager
def _spied(ledger: Ledger, statements: list[tuple[str, Any]]) -> Iterator[None]:
    """Note what is read."""
    database: Any = ledger._database
    read = database.read

    def spy(text: str, values: Any = ()) -> Any:
        statements.append((text, values))
        return read(text, values)

    database.read = spy
    try:
        yield
    finally:
        del database.read


def _batch(number: int, before: list[str]) -> Batch:
    at = START + timedelta(minutes=number)
    project = "other" if number % 10 == 9 else "default"
    run = Run(
        id=new_id(), project=project, pipeline="delays", name=f"delays-{number}", started_at=at
    )
    names = ("load", "train", "score", "rank")
    tasks = [
        Task(id=new_id(), run_id=run.id, name=names[n % 4], scope_path=f"ROOT/{n}", started_at=at)
        for n in range(TASKS)
    ]
    versions = [_version(run, tasks[n % TASKS], number * VERSIONS + n) for n in range(VERSIONS)]
    made = [
        _link(tasks[n % TASKS], IOType.OUTPUT, f"out_{n}", version.id)
        for n, version in enumerate(versions)
    ]
    # One in a hundred is read by nobody.
    read = [
        _link(tasks[n % TASKS], IOType.TASK_OUTPUT_INPUT, f"in_{n}", one)
        for n, one in enumerate(before)
        if n % 100
    ]
    drafts = tuple(VersionDraft(version, version.id) for version in versions)
    return Batch(runs=(run,), tasks=tuple(tasks), versions=drafts, links=(*made, *read))


def _version(run: Run, task: Task, number: int) -> ArtifactVersion:
    return ArtifactVersion(
        id=new_id(),
        project=run.project,
        artifact="metrics" if number % 10 == 0 else f"model-{number % 97}",
        artifact_type=("Dataset", "Model", "Metric")[number % 3],
        data_type=("builtins:dict", "pandas:DataFrame")[number % 2],
        format="json/1",
        uri="data:application/json;base64,eyJhY2N1cmFjeSI6MC41fQ==",
        content_hash=f"blake3:{number:064x}",
        tags=("prod",) if number % 50 == 3 else (),
        metadata={"rmse": number * 7919 % 1009 / 1009},
        run_id=run.id,
        task_id=task.id,
        created_at=run.started_at,
    )


def _link(task: Task, io_type: IOType, key: str, version_id: str) -> ArtifactTaskLink:
    return ArtifactTaskLink(
        id=new_id(),
        run_id=task.run_id,
        task_id=task.id,
        io_type=io_type,
        key=key,
        version_id=version_id,
    )


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)]
)
def story(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Story]:
    """A ledger of 20,000 versions on each database."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("plans")
        with Ledger.open(f"sqlite:///{folder}/ledger.sqlite", durable=False) as ledger:
            yield Story(ledger)
        return
    server = request.getfixturevalue("postgresql_server")
    name = server.new_database()
    with Ledger.open(server.url(name), durable=False) as ledger:
        found = Story(ledger)
        server.run("VACUUM ANALYZE", database=name)  # as the server does by itself, later
        yield found
    server.run(f"DROP DATABASE {name} WITH (FORCE)")


def whole_tables(ledger: Ledger, text: str, values: Any) -> list[str]:
    """Return which large tables a statement reads from end to end."""
    database = ledger._database
    if database.dialect_name == "sqlite":
        steps = [row[3] for row in database.read(f"EXPLAIN QUERY PLAN {text}", values)]
        scans = [re.fullmatch(rf"SCAN ({'|'.join(LARGE)})\b(.*)", step) for step in steps]
        return [scan[1] for scan in scans if scan]
    return [
        node["Relation Name"]
        for node in _nodes(_plan(ledger, "EXPLAIN (FORMAT JSON)", text, values))
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in LARGE
    ]


def rows_touched(ledger: Ledger, text: str, values: Any) -> int:
    """Return about how many rows a statement looks at."""
    if ledger._database.dialect_name == "sqlite":
        return _steps(ledger, text, values) // _STEPS_OF_A_ROW
    nodes = _nodes(_plan(ledger, "EXPLAIN (ANALYZE, FORMAT JSON)", text, values))
    removed = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    counts = [
        node["Actual Loops"] * (node["Actual Rows"] + sum(node.get(one, 0) for one in removed))
        for node in nodes
        if node["Node Type"].endswith("Scan")
    ]
    return int(sum(counts))


def _steps(ledger: Ledger, text: str, values: Any) -> int:
    """Count hundreds of instructions of SQLite's machine; they depend on nothing but the data."""
    database: Any = ledger._database
    connection, count = database.connection().raw, itertools.count()
    connection.set_progress_handler(lambda: next(count) * 0, 100)
    try:
        database.read(text, values)
    finally:
        connection.set_progress_handler(None, 0)
    return next(count) * 100


def _plan(ledger: Ledger, explain: str, text: str, values: Any) -> dict[str, Any]:
    (((found,),),) = ledger._database.read(f"{explain} {text}", values)
    plan: dict[str, Any] = found["Plan"]
    return plan


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_page_reads_a_whole_table(story: Story, name: str) -> None:
    """First, middle and last pages start from an index, whatever the planner knows of the rows."""
    for text, values in story.asked(*QUESTIONS[name]):
        assert whole_tables(story.ledger, text, values) == [], text


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_page_looks_at_few_rows(story: Story, name: str) -> None:
    """No page looks at as many rows as there are versions, the last one included."""
    touched = [rows_touched(story.ledger, *asked) for asked in story.asked(*QUESTIONS[name])]

    assert max(touched) < RUNS * VERSIONS


def test_a_page_that_reads_a_whole_table_is_noticed(story: Story) -> None:
    """The checks above see a question that does."""
    asked = story.asked("versions", "size_bytes >= 0", "size_bytes", None)

    assert all(whole_tables(story.ledger, *one) for one in asked)
    assert max(rows_touched(story.ledger, *one) for one in asked) >= RUNS * VERSIONS
