"""Links do not depend on where steps run, nor on what had ended when they were called."""

from __future__ import annotations

import time
from typing import Annotated

import pytest
from link_table import assert_complete, links_of, newest_run, states_of

import artifact_plugins as ap

EVERYWHERE = ["inline", "threads:1", "threads:3", "processes:2"]


@ap.step
def slow(x: int = 3) -> Annotated[int, "o"]:
    time.sleep(0.02)
    return x


@ap.step
def use(i: int, factor: int = 2) -> Annotated[int, "o"]:
    return i * factor


@ap.step
def total(i: list[int]) -> Annotated[int, "o"]:
    return sum(i)


@ap.step
def flag(i: int) -> str:
    return "big" if i > 1 else "small"


@ap.step
def status(s: ap.FinalStatus) -> str:
    return s.state


@ap.step
def breaks(x: int) -> Annotated[int, "o"]:
    time.sleep(0.02)
    raise ZeroDivisionError(f"at {x}")


@ap.pipeline
def part(d):
    return use.partial(i=d).map(factor=[5, 6])


@ap.pipeline
def everything(a):
    one = slow(a)
    again = ap.for_each(lambda n: one, n=[1, 2])
    nested = ap.for_each(
        lambda n: use.partial(i=one).map(factor=[n, slow(40)]), n=slow.map(x=[1, 2])
    )
    left = ap.one_of(
        flag(slow(1)), big=total.partial(i=nested), small=lambda: use(one, factor=slow(50))
    )
    ap.one_of("big", small=use.partial(i=slow(60)), big=lambda: slow(a))
    with ap.exit_handler(status):
        use(slow(70), factor=one)
    return {"again": again, "all": total(part(one)), "left": left, "mapped": part.map(d=nested[0])}


def told(run):
    """Everything that a run recorded, apart from ids, times and the order of commits."""
    return {
        path: (states_of(run)[path], sorted(_plain(given)), sorted(_plain(made)))
        for path, (given, made) in links_of(run, by_value=True).items()
    }


def _plain(lines):
    """Leave out the record of a status, which names the run."""
    return [line for line in lines if "FINAL_STATUS" not in line]


@pytest.mark.parametrize("runtime", EVERYWHERE[1:])
def test_links_are_the_same_everywhere(opened, runtime):
    """Groups that open before their inputs exist are linked to them all the same."""
    with opened("inline"):
        here = everything(7)
        expected = told(here)
        values = here.value()
    with opened(runtime):
        run = everything(7)

        assert told(run) == expected
        assert run.value() == values
        assert_complete(run)


@pytest.mark.parametrize("runtime", EVERYWHERE)
def test_inputs_that_are_never_made_have_no_links(opened, runtime):
    """What a task failed to make is linked nowhere; groups of nothing else are SKIPPED (R13)."""

    @ap.pipeline
    def whole():
        bad = breaks(1)
        use.partial(i=bad).map(factor=[5])
        ap.one_of("small", small=lambda: slow(), big=use.partial(i=bad))
        ap.for_each(lambda n: bad, n=[1])
        part(bad)

    with opened(runtime):
        with pytest.raises(ZeroDivisionError, match="at 1"):
            whole()
        run = newest_run()

        assert_complete(run)
        assert states_of(run) == {
            "ROOT": "FAILED",
            "breaks": "FAILED",
            "for-loop-1": "SKIPPED",
            "for-loop-1/use#0": "SKIPPED",
            "condition-branches-1": "SUCCEEDED",
            "condition-branches-1/condition-1": "SUCCEEDED",
            "condition-branches-1/condition-1/slow": "SUCCEEDED",
            "condition-branches-1/condition-2": "SKIPPED",
            "for-loop-2": "SUCCEEDED",
            "part": "SKIPPED",
            "part/for-loop-1": "SKIPPED",
            "part/for-loop-1/use#0": "SKIPPED",
            "part/for-loop-1/use#1": "SKIPPED",
        }
        links = run.links()
        assert [link for link in links if link.version_id is None and link.value is None] == []
        assert not [link for link in links if link.producer.task_name == "breaks"]
