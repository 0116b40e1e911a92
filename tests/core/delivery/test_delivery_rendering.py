"""Tasks in the form of Kubeflow Pipelines: as the whole run would be, at the cost of the task."""

from __future__ import annotations

import pytest

import artifact_plugins as ap
from artifact_plugins.compat import render_kfp
from artifact_plugins.delivery.rendering import Renderings
from artifact_plugins.records import LinkQuery, TaskQuery, every


@ap.step
def double(x: int) -> int:
    return 2 * x


@ap.step
def total(numbers: list[int]) -> int:
    return sum(numbers)


@pytest.fixture
def plain(tmp_path):
    """A session that delivers to nobody."""
    settings = ap.Settings(
        store_url=str(tmp_path / "store"),
        ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}",
        durability="process",
    )
    with ap.open_session(settings) as session:
        yield session


def tasks_of(session, run):
    return list(every(session.ledger.tasks, TaskQuery(run_id=run.id)))


def test_a_task_is_rendered_as_its_whole_run_would_be(plain):
    """Each task has the links and parameters of `render_kfp`, also when the run grows in between."""
    renderings = Renderings(plain.ledger)
    with ap.start_run("grows") as run:
        doubled = double.map(x=[1, 2, 3])
        ap.value(total(doubled))
        for task in tasks_of(plain, run):
            renderings.task(task)
        total(double.map(x=doubled))

    whole = render_kfp(tasks_of(plain, run), every(plain.ledger.links, LinkQuery(run_id=run.id)))

    assert any(row.inputs for row in whole.tasks)
    for task, row in zip(tasks_of(plain, run), whole.tasks, strict=True):
        found = renderings.task(task)
        assert found.links == tuple(link for link in whole.links if link.task_id == task.id)
        values = [(one.key, one.value, one.io_type, one.producer) for one in found.inputs]
        assert found.type == row.type
        assert values == [
            (one.parameter_key, one.value, one.io_type, one.producer) for one in row.inputs
        ]


def test_a_rendered_task_costs_what_is_new_of_its_run(plain, monkeypatch):
    """Of a run that was read once, a task takes one listing, and one link of it; a run that ended is freed."""
    with ap.start_run("wide") as run:
        double.map(x=list(range(40)))
    renderings = Renderings(plain.ledger)
    tasks = tasks_of(plain, run)
    renderings.task(tasks[0])
    read: list[int] = []
    links = plain.ledger.links

    def counted(*query, **page):
        found = links(*query, **page)
        read.append(len(found))
        return found

    monkeypatch.setattr(plain.ledger, "links", counted)
    for task in tasks:
        renderings.task(task)

    assert read == [1] * len(tasks)
    renderings.let_go(run.id)
    renderings.task(tasks[0])
    assert sum(read) > 2 * len(tasks)
