"""Links in either form are read as ours."""

from __future__ import annotations

import random

import pytest
from kfp_scenarios import Scenario, scenario
from kfp_table import SCENARIOS

from artifact_plugins.compat import KfpRun, KfpTask, KfpTaskType, read_kfp, render_kfp
from artifact_plugins.records import IOType, Producer


def lost(made: Scenario) -> set[str]:
    """Return our lines that KFP's form does not tell any more."""
    return {line.clean for line in made.lines if line.loses and line.clean}


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_kfp_wrote_is_read_as_ours(name):
    """Every line of the table comes back from KFP's form, but for those marked as lost."""
    made = scenario(name)
    written = render_kfp(made.tasks, made.links)

    clean = read_kfp(written.tasks, written.links)

    wanted = {line.clean for line in made.lines if line.clean} - lost(made)
    found = made.clean_lines(clean.links)
    assert wanted - set(found) == set()
    assert len(set(found) - wanted) <= len(lost(made))
    assert [(t.id, t.name, t.type, t.scope_path) for t in clean.tasks] == [
        (t.id, t.name, t.type, t.scope_path) for t in made.tasks
    ]


@pytest.mark.parametrize("name", SCENARIOS)
def test_our_own_form_is_read_unchanged(name):
    """Artifact links that are ours already come back as they are."""
    made = scenario(name)
    own = [link for link in made.links if link.version_id is not None]
    tasks = KfpRun(tuple(as_row(task) for task in made.tasks), ()).tasks

    clean = read_kfp(tasks, own)

    assert [(link.io_type, link.producer, link.position) for link in clean.links] == [
        (link.io_type, link.producer, link.position) for link in own
    ]


def as_row(task) -> KfpTask:
    """Return a task in KFP's shape with our own type, as our own facade would give it."""
    return KfpTask(
        id=task.id,
        run_id=task.run_id,
        parent_id=task.parent_id,
        name=task.name,
        scope_path=task.scope_path,
        type=KfpTaskType(task.type.value),
        iteration_index=task.iteration_index,
        iteration_count=task.iteration_count,
        state=task.state,
        started_at=task.started_at,
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_a_list_is_found_again(seed):
    """KFP lists links in any order; a fan-in comes back in the order of its iterations."""
    for name in ("a loop in a loop", "a nested pipeline that returns a fan-out, itself mapped"):
        made = scenario(name)
        written = render_kfp(made.tasks, made.links)
        shuffled = random.Random(seed).sample(written.links, len(written.links))

        clean = read_kfp(written.tasks, shuffled)

        assert made.clean_lines(clean.links) == made.clean_lines(
            [link for link in made.links if link.version_id is not None]
        )


def test_a_collected_sibling_of_the_own_iteration_is_its_output():
    """The link that names a leaf sibling with the reader's iteration is a TASK_OUTPUT_INPUT."""
    made = scenario("existing data brought in inside a loop")
    written = render_kfp(made.tasks, made.links)
    (by_kfp,) = [link for link in written.links if link.key == "i"]

    (read,) = [link for link in read_kfp(written.tasks, written.links).links if link.key == "i"]

    assert by_kfp.io_type is IOType.COLLECTED_INPUTS
    assert read.io_type is IOType.TASK_OUTPUT_INPUT
    assert read.producer == Producer(task_name="importer", iteration=0)


def test_reading_twice_gives_the_same_ids():
    """The links made of parameters have ids that depend only on what they say."""
    made = scenario("parameter outputs")
    written = render_kfp(made.tasks, made.links)

    first, second = (read_kfp(written.tasks, written.links) for _ in range(2))

    assert [link.id for link in first.links] == [link.id for link in second.links]
    assert len({link.id for link in first.links}) == len(first.links)


def test_links_of_unknown_tasks_stay_as_they_are():
    """A part of a run can be read: what refers to a missing task is not touched."""
    made = scenario("a loop in a loop")
    written = render_kfp(made.tasks, made.links)

    clean = read_kfp((), written.links)

    assert clean.links == written.links
    assert render_kfp((), made.links).links[0].producer == made.links[0].producer
