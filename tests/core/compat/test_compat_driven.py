"""Runs of decorated steps, rendered and read: the forms agree on what the runtime writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import pytest

import artifact_plugins as ap
from artifact_plugins.compat import KfpRun, read_kfp, render_kfp
from artifact_plugins.records import ArtifactTaskLink, Task


@ap.step
def make(x: int) -> Annotated[int, "o"]:
    return x


@ap.step
def use(i: int, factor: int = 2) -> Annotated[int, "o"]:
    return i * factor


@ap.step
def uselist(i: list[int]) -> int:
    return sum(i)


@ap.step
def is_even(i: int) -> bool:
    return i % 2 == 0


@ap.step
def status(s: ap.FinalStatus) -> None:
    assert s.state == "SUCCEEDED"


@ap.pipeline
def inner(d: int):
    return use(use(i=d))


@ap.pipeline
def fan(numbers: list[int]):
    return use.map(i=numbers)


@ap.pipeline
def delays(xs: list[int], factor: int = 3):
    made = make.map(x=xs)
    used = use.partial(factor=factor).map(i=made)
    use.partial(i=make(7)).map(factor=[1, 2])
    return uselist(used)


@ap.pipeline
def nested_loops():
    one = make(1)

    def body(n: int) -> object:
        made = make(n)
        found = use.partial(i=made).map(factor=[5, 6])
        uselist(found)
        use.partial(i=n).map(factor=[7])
        use.partial(i=one).map(factor=[8, 9])
        return inner(use(made)), fan([n, n]), fan([3, 4])

    return ap.for_each(body, n=[1, 2])


@ap.pipeline
def branches():
    def body(n: int) -> object:
        one = make(n)
        return use(ap.one_of(is_even(one), true=lambda: use(one), false=lambda: make(9)))

    uselist(ap.for_each(body, n=[1, 2]))
    return uselist(ap.for_each(lambda n: ap.one_of(is_even(n), true=lambda: use(n)), n=[1, 2, 4]))


@ap.pipeline(on_exit=status)
def watched():
    one = make(1)
    with ap.exit_handler(status):
        use(use(i=one))
    return inner(one)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Task], list]]:
    """Tasks and links of one run."""
    folder = tmp_path_factory.mktemp("driven")
    settings = ap.Settings(
        store_url=str(folder / "store"),
        ledger_url=f"sqlite:///{folder / 'ledger.sqlite'}",
        durability="process",
    )
    with ap.open_session(settings):
        run = delays([1, 2])
        yield run.tasks(), run.links()


@pytest.mark.parametrize("pipeline", [nested_loops, branches, watched])
def test_nothing_is_lost_on_the_way_to_kfp_and_back(pipeline, tmp_path):
    """Loops in loops, nested pipelines, branches and exit steps come back link by link."""
    settings = ap.Settings(
        store_url=str(tmp_path / "store"), ledger_url="sqlite://", durability="process"
    )
    with ap.open_session(settings):
        run = pipeline()
        tasks, links = run.tasks(), run.links()

    rendered = render_kfp(tasks, links)
    clean = read_kfp(rendered.tasks, rendered.links)

    assert sorted(map(said, clean.links)) == sorted(map(said, links))
    assert sorted(map(said, rendered.links)) != sorted(map(said, links))
    assert [(t.name, t.type, t.scope_path) for t in clean.tasks] == [
        (t.name, t.type, t.scope_path) for t in tasks
    ]


def kfp_lines(run: KfpRun, name: str) -> list[str]:
    """Return `TYPE producer key` of the links of a task."""
    ids = {task.id for task in run.tasks if task.name == name}
    return [
        f"{link.io_type.value} {link.producer} {link.key}"
        for link in run.links
        if link.task_id in ids
    ]


def test_a_run_is_rendered_by_the_rules(records):
    """Rows 11, 12, 15, 16, 48, 54 and 59 of a real run come out as the table has them."""
    run = render_kfp(*records)

    assert kfp_lines(run, "uselist")[:2] == ["COLLECTED_INPUTS for-loop-2 i"] * 2
    assert kfp_lines(run, "for-loop-2")[-1] == "ITERATOR_OUTPUT use#1 pipelinechannel--use-o"
    assert "TASK_OUTPUT_INPUT make-2 pipelinechannel--make-2-o" in kfp_lines(run, "for-loop-3")
    assert "COMPONENT_INPUT make-2#1 i" in kfp_lines(run, "use-2")
    (loop,) = [task for task in run.tasks if task.name == "for-loop-3"]
    items = [(one.value, one.io_type.value, str(one.producer)) for one in loop.inputs]
    assert items == [
        (1, "ITERATOR_INPUT", "for-loop-3#0"),
        (2, "ITERATOR_INPUT", "for-loop-3#1"),
    ]
    factors = [
        str(one.producer)
        for task in run.tasks
        if task.name == "use"
        for one in task.inputs
        if one.parameter_key == "factor"
    ]
    assert factors == ["ROOT#0", "ROOT#1"]


def test_a_real_run_comes_back_from_kfps_form(records):
    """All links of a run are read back, but for the default that KFP merges into arguments."""
    tasks, links = records
    rendered = render_kfp(tasks, links)

    clean = read_kfp(rendered.tasks, rendered.links)

    assert [task.type for task in clean.tasks] == [task.type for task in tasks]
    differing = set(map(said, links)) ^ set(map(said, clean.links))
    assert {io_type for _, io_type, *_ in differing} == {
        "COMPONENT_DEFAULT_INPUT",
        "RUNTIME_VALUE_INPUT",
    }
    assert {key for _, _, key, *_ in differing} == {"factor"}


def said(link: ArtifactTaskLink) -> tuple[str, ...]:
    """Return what a link says besides its id."""
    value = link.version_id or repr(link.value)
    place = f"{link.producer} {link.position}"
    return link.task_id, link.io_type.value, link.key, value, place
