"""The cache of steps: what hits, what misses, and what a hit leaves behind."""

from __future__ import annotations

import ast
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
import warm_processes

import artifact_plugins as ap
from artifact_plugins.records import IOType, TaskQuery, TaskState
from artifact_plugins.steps import PipelineRun


class calls:  # reads like the list that it stands for
    """What was called, in a file: a list would be data that the steps depend on."""

    @staticmethod
    def append(what: object) -> None:
        with Path("calls").open("a") as file:
            file.write(f"{what!r}\n")

    @staticmethod
    def seen() -> list[object]:
        path = Path("calls")
        return (
            [ast.literal_eval(line) for line in path.read_text().splitlines()]
            if path.exists()
            else []
        )


FACTOR = 2


def helper(x: int) -> int:
    return x * FACTOR


@ap.step(cache=True)
def double(x: int) -> Annotated[int, "doubled"]:
    calls.append(x)
    return helper(x)


@ap.step
def plain(x: int) -> int:
    calls.append(x)
    return x


@ap.step(cache=True)
def pair(text: str) -> tuple[Annotated[str, "a"], Annotated[bytes, "b"]]:
    calls.append(text)
    return text, text.encode() * 10_000


@ap.step(cache=True)
def total(numbers: list[int]) -> int:
    calls.append(numbers)
    return sum(numbers)


@ap.step(cache=True)
def breaks(x: int) -> int:
    calls.append(x)
    raise ValueError(x)


@pytest.fixture(autouse=True)
def _open(session):
    """Open the session of the test."""


def states(run: PipelineRun) -> dict[str, str]:
    return {
        task.name if task.iteration_index is None else f"{task.name}#{task.iteration_index}": (
            task.state.value
        )
        for task in run.tasks()
        if task.name != "ROOT"
    }


def test_second_call_is_served_with_the_old_version():
    """Row 49: state CACHED, input links as usual, output links with the old version id."""
    with ap.start_run("first") as first:
        double(3)
    with ap.start_run("second") as second:
        handle = double(3)

    assert calls.seen() == [3]
    assert states(second) == {"double": "CACHED"}
    assert handle.version.id == first["doubled"].id
    links = [(link.io_type, link.key, link.version_id, link.value) for link in second.links()]
    assert links == [
        (IOType.RUNTIME_VALUE_INPUT, "x", None, 3),
        (IOType.OUTPUT, "doubled", first["doubled"].id, None),
    ]
    assert str(second.links()[1].producer) == "double"


def test_another_input_misses():
    """A literal, a version's content and a list of them are parts of the key."""
    for value in (1, 2, 1):
        with ap.start_run("run"):
            total(double.map(x=[value, 5]))

    assert calls.seen() == [1, 5, [2, 10], 2, [4, 10]]


def test_cache_hits_inside_a_map():
    """Row 76: each iteration is CACHED, and the loop exposes the old versions."""
    for _ in range(2):
        with ap.start_run("run") as run:
            double.map(x=[1, 2])

    assert states(run) == {"for-loop-1": "SUCCEEDED", "double#0": "CACHED", "double#1": "CACHED"}
    outputs = [link for link in run.links() if link.io_type is IOType.ITERATOR_OUTPUT]
    assert [(link.key, str(link.producer)) for link in outputs] == [
        ("doubled", "double#0"),
        ("pipelinechannel--double-doubled", "double#0"),
        ("doubled", "double#1"),
        ("pipelinechannel--double-doubled", "double#1"),
    ]


def test_same_content_by_another_way_hits():
    """The key holds what a version contains, not which version it is."""
    with ap.start_run("first"):
        double(plain(4))
    with ap.start_run("second") as run:
        double(plain(4))

    assert states(run) == {"plain": "SUCCEEDED", "double": "CACHED"}


def test_several_outputs_are_served_together():
    """A hit gives every output of the step."""
    for _ in range(2):
        with ap.start_run("run"):
            a, b = pair("x")
            found = ap.value(a), ap.value(b)

    assert calls.seen() == ["x"]
    assert found == ("x", b"x" * 10_000)


def test_a_failed_task_is_no_hit():
    """Only results are kept; a step that raised is called again."""
    for _ in range(2):
        with pytest.raises(ValueError, match="7"), ap.start_run("run"):
            breaks(7)

    assert calls.seen() == [7, 7]


def test_data_that_is_gone_misses_and_is_made_again(session, tmp_path):
    """A hit checks that the bytes are there; the new task takes the place of the old one."""
    with ap.start_run("first") as first:
        pair("y")
    shutil.rmtree(next((tmp_path / "store").rglob(first["b"].id)))
    found = []
    for _ in range(2):
        with ap.start_run("again") as run:
            pair("y")
        found.append(states(run))

    assert found == [{"pair": "SUCCEEDED"}, {"pair": "CACHED"}]
    assert calls.seen() == ["y", "y"]


def test_a_changed_constant_misses(monkeypatch):
    """What a helper reads is part of the key, and comes back with the old value."""
    for factor in (2, 3, 2):
        monkeypatch.setitem(globals(), "FACTOR", factor)
        with ap.start_run("run"):
            double(1)

    assert calls.seen() == [1, 1]


def test_settings_turn_the_cache_on_for_all_steps(tmp_path):
    """`Settings.cache` holds for steps that do not say otherwise."""

    @ap.step(cache=False)
    def never(x: int) -> int:
        calls.append(-x)
        return x

    settings = ap.Settings(
        store_url=str(tmp_path / "s2"), ledger_url=f"sqlite:///{tmp_path / 'l2'}", cache=True
    )
    with ap.open_session(settings):
        for _ in range(2):
            with ap.start_run("run"):
                plain(1)
                never(1)

    assert calls.seen() == [1, -1, -1]


def test_hooks_after_a_step_are_not_called_for_a_hit(tmp_path):
    """Nothing ran and nothing was saved, so nobody is told."""
    settings = ap.Settings(
        store_url=str(tmp_path / "s3"),
        ledger_url=f"sqlite:///{tmp_path / 'l3'}",
        plugins=(__name__,),
    )
    told.clear()
    with ap.open_session(settings):
        for _ in range(2):
            with ap.start_run("run"):
                double(9)

    assert told == ["saved", "ran"]


told: list[str] = []


@ap.hookimpl
def after_step_run(task):
    told.append("ran")


@ap.hookimpl
def after_artifact_saved(version):
    told.append("saved")


RACE = """
import sys, time
import artifact_plugins as ap

@ap.step(cache=True)
def slow(x: int) -> list[int]:
    time.sleep(1.0)
    return [x, *range(2000)]

settings = ap.Settings(store_url=sys.argv[1], ledger_url=sys.argv[2], durability="process")
with ap.open_session(settings), ap.start_run("race"):
    print(slow(1).version.id)
"""


def test_two_processes_with_one_key_end_with_one_version(session, tmp_path):
    """Both compute, the first to commit wins, the other uses its version."""
    script = tmp_path / "race.py"
    script.write_text(textwrap.dedent(RACE))
    places = session.settings.store_url, session.settings.ledger_url
    children = [warm_processes.start(script, *places) for _ in range(3)]
    answers = [child.communicate(timeout=60) for child in children]

    ids = {out.strip() for out, _ in answers}
    assert len(ids) == 1, answers
    assert len(session.versions('artifact == "slow"')) == 1
    made = session.ledger.tasks(TaskQuery(name="slow"))
    ended = sorted(task.state for task in made)
    assert ended == [TaskState.CACHED, TaskState.CACHED, TaskState.SUCCEEDED]


MODULE = """
import artifact_plugins as ap

LIMIT = {limit}

def clean(x):
    {comment}
    return x + {addend}

@ap.step(cache=True)
def cleaned(x: int) -> int:
    {loud}
    return min(clean(x), LIMIT)
"""

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import artifact_plugins as ap
from cleaning import cleaned

with ap.start_run("clean"):
    cleaned(int(sys.argv[2]))
"""


@pytest.fixture
def variant(tmp_path: Path) -> Callable[..., str]:
    """Return a function: run the step of a module written anew, and explain its task."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "run.py").write_text(PROGRAM)

    def run(x=1, *, limit=100, comment="# first", addend=1, loud="pass") -> str:
        text = MODULE.format(limit=limit, comment=comment, addend=addend, loud=loud)
        (folder / "cleaning.py").write_text(text)
        done = warm_processes.run(folder / "run.py", folder, x, cwd=folder)
        assert done.returncode == 0, done.stderr
        command = Path(sys.executable).with_name("artifact-plugins")
        return warm_processes.run(command, "explain-cache", "cleaned", cwd=folder).stdout

    return run


def test_explain_cache_names_the_part_that_differs(variant):
    """A comment or print does not miss; a helper, a constant, an input do and are named."""
    assert "no earlier task" in variant()
    assert "nothing differs" in variant(comment="# second", loud="print(x)")
    assert "helper cleaning:clean changed" in variant(addend=2)
    assert "constant cleaning:LIMIT: 100 -> 50" in variant(addend=2, limit=50)
    assert 'input x: [{"value": 1}] -> [{"value": 2}]' in variant(2, addend=2, limit=50)
