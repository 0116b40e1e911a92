"""Links of retries, failures, values used by hand and data from outside: rows 74, 75, 77-84 and 87."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import pytest
from link_table import (
    assert_complete,
    breaks,
    links_of,
    make,
    newest_run,
    sink,
    states_of,
    tasks_of,
    use,
    uselist,
)

import artifact_plugins as ap

pytestmark = pytest.mark.usefixtures("session")


def test_retry():
    """Row 74: inputs are linked once; the output is that of the attempt that succeeded."""
    attempts = []

    @ap.step(retries=2)
    def flaky(i: int) -> Annotated[int, "o"]:
        attempts.append(i)
        if len(attempts) < 2:
            raise OSError("once")
        return i

    @ap.pipeline
    def whole():
        return flaky(make())

    run = whole()

    assert tasks_of(run)["flaky"].attempt == 2
    assert links_of(run)["flaky"] == (
        ["TASK_OUTPUT_INPUT o@1 make i [0]"],
        ["OUTPUT o@2 flaky o [0]"],
    )
    assert run.value() == 3


def test_failure():
    """Row 75: a task that fails keeps its inputs and has no output; the run is complete."""

    @ap.pipeline
    def whole():
        breaks(make())
        sink(1)

    with pytest.raises(ZeroDivisionError):
        whole()
    run = newest_run()
    assert states_of(run) == {
        "ROOT": "FAILED",
        "make": "SUCCEEDED",
        "breaks": "FAILED",
        "sink": "SUCCEEDED",
    }
    assert links_of(run)["breaks"] == (["TASK_OUTPUT_INPUT o@1 make i [0]"], [])
    assert assert_complete(run).state == "FAILED"


def test_failure_in_a_loop():
    """The other iterations run, with their links on the loop, which is FAILED."""

    @ap.step
    def invert(i: int) -> Annotated[float, "o"]:
        return 1 / i

    @ap.pipeline
    def whole():
        invert.map(i=[1, 0, 2])

    with pytest.raises(ZeroDivisionError):
        whole()
    run = newest_run()
    assert states_of(run) == {
        "ROOT": "FAILED",
        "for-loop-1": "FAILED",
        "for-loop-1/invert#0": "SUCCEEDED",
        "for-loop-1/invert#1": "FAILED",
        "for-loop-1/invert#2": "SUCCEEDED",
    }
    assert links_of(run)["for-loop-1"].made == [
        "ITERATOR_OUTPUT o@1 invert#0 pipelinechannel--invert-o [0]",
        "ITERATOR_OUTPUT o@2 invert#2 pipelinechannel--invert-o [2]",
    ]
    assert_complete(run)


@ap.step
def plots(i: int) -> Annotated[int, "o"]:
    ap.log_artifact("plot", [i])
    ap.log_artifact("plot", [i, i])
    return i


def test_logged_by_hand():
    """Row 77: an output under auto/, in the order of the calls, which nothing exposes."""

    @ap.pipeline
    def whole():
        plots(7)
        return plots.map(i=[1, 2])

    links = links_of(whole())

    assert links["plots"].made == [
        "OUTPUT plot@1 plots auto/plot [0]",
        "OUTPUT plot@2 plots auto/plot [1]",
        "OUTPUT o@1 plots o [0]",
    ]
    assert links["for-loop-1/plots-2#1"].made == [
        "ITERATOR_OUTPUT plot@5 plots-2#1 auto/plot [0]",
        "ITERATOR_OUTPUT plot@6 plots-2#1 auto/plot [1]",
        "ITERATOR_OUTPUT o@3 plots-2#1 o [0]",
    ]
    assert not [line for line in links["for-loop-1"].made + links["ROOT"].made if "auto/" in line]


def test_logged_by_a_task_that_fails():
    """Row 78: what was logged stays with its link, from each attempt."""

    @ap.step(retries=1)
    def half_done(i: int) -> Annotated[int, "o"]:
        ap.log_artifact("plot", i)
        raise OSError("too late")

    @ap.pipeline
    def whole():
        half_done(5)

    with pytest.raises(OSError, match="too late"):
        whole()
    run = newest_run()
    assert states_of(run)["half_done"] == "FAILED"
    assert links_of(run)["half_done"] == (
        ["RUNTIME_VALUE_INPUT 5 none i [0]"],
        ["OUTPUT plot@1 half_done auto/plot [0]", "OUTPUT plot@2 half_done auto/plot [1]"],
    )
    assert ap.load("plot") == 5


@ap.step
def reads(name: str, version: int | None = None) -> int:
    return ap.load_artifact(name, version=version)


def test_loaded_by_hand_from_the_same_run():
    """Row 79: it is an output of the task that made it, with its iteration."""

    @ap.pipeline
    def whole():
        make()
        reads("o")
        make.map(x=[7, 8])
        return reads("o", version=3)

    run = whole()
    links = links_of(run)

    assert links["reads"].given[-1] == "TASK_OUTPUT_INPUT o@1 make auto/o [0]"
    assert links["reads-2"].given[-1] == "TASK_OUTPUT_INPUT o@3 make-2#1 auto/o [0]"
    assert run.value() == 8


def test_loaded_by_hand_from_elsewhere():
    """Row 80: a version of another run, or saved by hand, has no producer here."""

    @ap.pipeline
    def first():
        make(7)

    @ap.pipeline
    def second():
        return reads("o"), reads("answer")

    first()
    ap.save(41, "answer")
    run = second()
    links = links_of(run)

    assert links["reads"].given[-1] == "RUNTIME_VALUE_INPUT o@1 none auto/o [0]"
    assert links["reads-2"].given[-1] == "RUNTIME_VALUE_INPUT answer@1 none auto/answer [0]"
    assert run.value() == (7, 41)


def test_existing_data_in_the_body(tmp_path):
    """Row 81: registered data enters through an importer; the version stays the same."""
    (tmp_path / "data.json").write_text("[1, 2]")
    there = ap.register(tmp_path / "data.json", "data")

    @ap.step
    def size(i: ap.ArtifactVersion) -> int:
        return i.size_bytes

    @ap.pipeline
    def whole():
        return size(i=there)

    run = whole()
    links = links_of(run)

    assert tasks_of(run)["importer"].state == "SUCCEEDED"
    assert links["importer"] == ([], ["OUTPUT data@1 importer artifact [0]"])
    assert links["size"].given == ["TASK_OUTPUT_INPUT data@1 importer i [0]"]
    assert there.id in {link.version_id for link in run.links()}
    assert run.value() == 6


def test_existing_versions_as_run_arguments():
    """Row 82: they are literals of ROOT and are handed down from there."""
    old, older = ap.save(41, "answer"), ap.save(40, "answer")

    @ap.pipeline
    def whole(d, many):
        return use(i=d), uselist(many)

    run = whole(old, [old, older])
    links = links_of(run)

    assert links["ROOT"].given == [
        "RUNTIME_VALUE_INPUT answer@1 none d [0]",
        "RUNTIME_VALUE_INPUT answer@1 none many [0]",
        "RUNTIME_VALUE_INPUT answer@2 none many [1]",
    ]
    assert links["use"].given[0] == "COMPONENT_INPUT answer@1 ROOT i [0]"
    assert links["uselist"].given == [
        "COMPONENT_INPUT answer@1 ROOT i [0]",
        "COMPONENT_INPUT answer@2 ROOT i [1]",
    ]
    assert run.value() == (82, 81)


def test_literal_that_is_no_parameter():
    """Row 83: what is not JSON, or large, is an `external` version with the type of a literal."""

    @ap.step
    def show(when: complex, text: str) -> int:
        return len(text) + int(when.real)

    @ap.pipeline
    def whole():
        return show(1 + 2j, "x" * 100_000)

    run = whole()

    assert links_of(run)["show"].given == [
        "RUNTIME_VALUE_INPUT show-when@1 none when [0]",
        "RUNTIME_VALUE_INPUT show-text@1 none text [0]",
    ]
    assert {run["show-when"].save_type, run["show-text"].save_type} == {"external"}
    assert run.value() == 100_001


def test_streamed_output():
    """Row 84: a generator makes one version and one link."""

    @ap.step
    def rows() -> Annotated[Iterator[int], "o"]:
        yield from range(100)

    @ap.pipeline
    def whole():
        rows()

    run = whole()

    assert links_of(run)["rows"].made == ["OUTPUT o@1 rows o [0]"]
    assert run["o"].item_count == 100


def test_step_outside_a_run(session):
    """Row 87: it is the plain function: no run, no task, no version."""
    from artifact_plugins.records import LinkQuery, RunQuery, TaskQuery, VersionQuery

    assert use(make(4)) == 8
    assert make.map(x=[1, 2]) == [1, 2]
    assert ap.one_of("big", big=lambda: make(), small=lambda: use(1)) == 3
    assert ap.for_each(lambda n: make(n), n=[1, 2]) == [1, 2]
    ledger = session.ledger
    assert list(ledger.runs(RunQuery())) == list(ledger.tasks(TaskQuery())) == []
    assert list(ledger.links(LinkQuery())) == list(ledger.versions(VersionQuery())) == []
