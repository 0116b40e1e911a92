"""A run rendered as Kubeflow Pipelines itself would have recorded it, row by row."""

from __future__ import annotations

import time

import pytest
from kfp_scenarios import Scenario, rows, scenario
from kfp_table import SCENARIOS

from artifact_plugins.compat import render_kfp
from artifact_plugins.records import ArtifactTaskLink, IOType, Producer, TaskType, new_id

ROWS = rows()
NUMBERED = [n for n in range(1, 87) if n != 85 and n != 86]  # those two are about frameworks


def test_the_table_has_every_row():
    """Every numbered situation inside a run is in the table."""
    assert list(ROWS) == NUMBERED


@pytest.mark.parametrize("number", ROWS)
def test_row(number):
    """The links of this row are rendered as the table says, and as nothing else."""
    for name in ROWS[number]:
        made = scenario(name)
        about = [line for line in made.lines if line.row == number]

        rendered = made.kfp_lines(render_kfp(made.tasks, made.links))

        wanted = {line.kfp for line in about if line.kfp}
        ports = {port(line) for line in wanted}
        elsewhere = {line.kfp for line in made.lines if line.row != number}
        assert {one for one in rendered if port(one) in ports} - elsewhere == wanted - elsewhere
        assert wanted <= set(rendered)


def port(line: str) -> tuple[str, str]:
    """Return task and key of a line."""
    parts = line.split(" ")
    return parts[0], parts[-1]


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_else_is_rendered(name):
    """A scenario is rendered as its lines, each once, and its task types are KFP's."""
    made = scenario(name)

    run = render_kfp(made.tasks, made.links)

    assert made.kfp_lines(run) == sorted({line.kfp for line in made.lines if line.kfp})
    assert {task.id: task.type.value for task in run.tasks} == made.kfp_types
    assert {link.position for link in run.links} <= {0}


def test_every_departure_is_rendered():
    """The rows in which KFP differs are those that the comparison of both forms lists."""
    changed = {
        line.row
        for name in SCENARIOS
        for line in scenario(name).lines
        if line.kfp is not None and line.row is not None
        if line.clean is not None and line.clean.rsplit(" ", 1)[0] != line.kfp
    }

    assert changed == {
        *(12, 14, 33, 34, 36, 38, 39, 40, 41, 43, 50),
        *(51, 52, 54, 55, 56, 57, 58, 59, 64, 65, 66, 67, 68),
        70,  # constants in a list of handles: a parameter, from the parent
    }


def test_what_is_left_as_it_is_would_be_noticed():
    """The comparison with the table fails for links that nobody rendered."""
    made = scenario("a loop in a loop")

    untouched = render_kfp((), made.links)

    assert made.kfp_lines(untouched) != sorted(line.kfp for line in made.lines if line.kfp)


def test_equal_links_are_merged():
    """KFP's unique key has no position: the same version twice in one list is one link."""
    made = scenario("lists, elements and duplicates that KFP has no form for")

    run = render_kfp(made.tasks, made.links)

    read = [link for link in run.links if made.name(link.task_id) == "uselist-2"]
    assert [link.version_id for link in read] == ["v3", "v4"]
    keys = {
        (one.version_id, one.task_id, one.io_type, one.producer.iteration, one.key)
        for one in run.links
    }
    assert len(keys) == len(run.links)


def test_a_pipeline_named_like_a_condition_gets_kfps_type():
    """KFP types a group by its name: `condition-...` is a CONDITION unless it is a branch."""
    made = scenario("steps one after the other")
    named = [
        made.tasks[1].model_copy(update={"name": name, "type": TaskType.DAG})
        for name in ("condition-of-roads", "condition-branches-1", "roads")
    ]

    run = render_kfp(named, ())

    assert [task.type.value for task in run.tasks] == ["CONDITION", "DAG", "DAG"]


def test_scope_paths_are_kfps():
    """KFP writes the names from the root down with dots and without iterations."""
    made = scenario("a nested pipeline inside a loop")

    run = render_kfp(made.tasks, made.links)

    assert [task.scope_path for task in run.tasks][:4] == [
        "root",
        "root.for-loop-2",
        "root.for-loop-2.inner",
        "root.for-loop-2.inner.use",
    ]


def test_a_map_over_many_items_is_rendered_in_proportion():
    """A fan-out of 5,000 cached equal versions is rendered without comparing each with each."""
    lines = ["ROOT ROOT", "  for-loop-1 LOOP x5000"]
    lines += [f"    use#{n} CACHED" for n in range(5000)]
    lines += ["  uselist"]
    made = Scenario("\n".join(lines))
    links = made.links
    loop, end = made.tasks[1], made.tasks[-1]
    for task in made.tasks[2:-1]:
        own = Producer(task_name="use", iteration=task.iteration_index)
        links.append(link_of(task, IOType.ITERATOR_OUTPUT, own))
        links.append(link_of(loop, IOType.ITERATOR_OUTPUT, own, task.iteration_index))
        source = Producer(task_name="for-loop-1")
        links.append(link_of(end, IOType.COLLECTED_INPUTS, source, task.iteration_index))
    started = time.process_time()

    run = render_kfp(made.tasks, links)

    assert time.process_time() - started < 10
    assert len(run.links) == 5000 + 5000 + 1


def link_of(task, io_type, producer, position=0) -> ArtifactTaskLink:
    """Return a link to the one version of this file."""
    return ArtifactTaskLink(
        id=new_id(),
        run_id=task.run_id,
        task_id=task.id,
        io_type=io_type,
        key="o",
        producer=producer,
        position=position,
        version_id="v1",
    )
