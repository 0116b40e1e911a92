"""Links of conditions: rows 23-29, 31, 36-39 and 69 of the table of link types."""

from __future__ import annotations

import pytest
from link_table import (
    assert_complete,
    flag,
    is_even,
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

WRAPPER = "condition-branches-1"
FLAG = "pipelinechannel--flag-Output"
MADE = "pipelinechannel--make-o"


@ap.pipeline
def choice():
    """Two branches over one artifact; `big` is taken."""
    one = make()
    left = ap.one_of(
        flag(),
        small=use.partial(i=one, factor=0),
        big=lambda: sink(use(i=one)),
    )
    return sink(left)


def test_artifact_into_a_condition():
    """Row 23a: the wrapper of the branches reads it from the sibling that made it."""
    run = choice()

    assert tasks_of(run)[WRAPPER].type == "DAG"
    assert links_of(run)[WRAPPER].given[1:] == [f"TASK_OUTPUT_INPUT o@1 make {MADE} [0]"]


def test_selector_of_a_condition():
    """Row 23b: the value that selects the branch is an input of the wrapper, too."""
    assert links_of(choice())[WRAPPER].given[:1] == [
        f"TASK_OUTPUT_INPUT flag@1 flag {FLAG} [0]",
    ]


def test_inputs_of_the_branches():
    """Row 24a: what a branch uses is handed down to it, whether it is taken or not."""
    run = choice()
    links, states = links_of(run), states_of(run)

    assert states[f"{WRAPPER}/condition-1"] == "SKIPPED"
    assert states[f"{WRAPPER}/condition-2"] == "SUCCEEDED"
    for number in (1, 2):
        path = f"{WRAPPER}/condition-{number}"
        assert tasks_of(run)[path].type == "CONDITION_BRANCH"
        assert links[path].given[1:] == [f"COMPONENT_INPUT o@1 make {MADE} [0]"]


def test_selector_of_the_branches():
    """Row 24b: every branch reads the value that selects, from the task that made it."""
    links = links_of(choice())

    for number in (1, 2):
        assert links[f"{WRAPPER}/condition-{number}"].given[:1] == [
            f"COMPONENT_INPUT flag@1 flag {FLAG} [0]"
        ]


def test_callable_that_is_not_taken():
    """Row 24c: what a function that never ran would have used is unknown: only the selector."""

    @ap.pipeline
    def functions():
        one = make()
        ap.one_of(flag(), small=lambda: use(one), big=lambda: use(one))

    links = links_of(functions())

    assert links[f"{WRAPPER}/condition-1"] == ([f"COMPONENT_INPUT flag@1 flag {FLAG} [0]"], [])
    assert links[f"{WRAPPER}/condition-2"].given == [
        f"COMPONENT_INPUT flag@1 flag {FLAG} [0]",
        f"COMPONENT_INPUT o@1 make {MADE} [0]",
    ]


@pytest.mark.parametrize("number", [4, 5])
def test_single_if(number):
    """Row 25: one branch alone has no wrapper and reads from its siblings."""

    @ap.pipeline
    def only_even(number):
        one = make(number)
        ap.one_of(is_even(one), true=use.partial(i=one))

    run = only_even(number)

    assert tasks_of(run)["condition-1"].type == "CONDITION_BRANCH"
    assert states_of(run)["condition-1"] == ("SUCCEEDED" if number == 4 else "SKIPPED")
    assert links_of(run)["condition-1"].given == [
        "TASK_OUTPUT_INPUT is_even@1 is_even pipelinechannel--is_even-Output [0]",
        f"TASK_OUTPUT_INPUT o@1 make {MADE} [0]",
    ]


def test_leaf_in_the_branch_that_is_taken():
    """Row 26: its output is a plain one."""
    assert links_of(choice())[f"{WRAPPER}/condition-2/sink"].made == ["OUTPUT o@3 sink o [0]"]


def test_output_leaves_the_branch():
    """Row 27: on the branch it is the output of a choice, made by the step inside."""
    assert links_of(choice())[f"{WRAPPER}/condition-2"].made == [
        "ONE_OF_OUTPUT o@3 sink pipelinechannel--sink-o [0]"
    ]


def test_output_leaves_the_wrapper():
    """Row 28: on the wrapper, made by the branch that was taken."""
    assert links_of(choice())[WRAPPER].made == [
        f"ONE_OF_OUTPUT o@3 condition-2 pipelinechannel--{WRAPPER}-oneof-1 [0]"
    ]


def test_consumer_of_a_choice():
    """Row 29: it names the branch that was taken."""
    run = choice()

    assert links_of(run)["sink"].given == ["TASK_OUTPUT_INPUT o@3 condition-2 i [0]"]
    assert run.value() == 6


def test_branch_that_is_not_taken():
    """Row 31: it is SKIPPED with its inputs; it has no tasks and no outputs."""
    run = choice()
    skipped = f"{WRAPPER}/condition-1"

    assert links_of(run)[skipped] == (
        [f"COMPONENT_INPUT flag@1 flag {FLAG} [0]", f"COMPONENT_INPUT o@1 make {MADE} [0]"],
        [],
    )
    assert [path for path in tasks_of(run) if path.startswith(f"{skipped}/")] == []
    assert tasks_of(run)[skipped].ended_at is not None


@ap.pipeline
def choices():
    """In each iteration another branch is taken, and its output consumed."""

    def body(n):
        one = make(n)
        left = ap.one_of(is_even(one), true=lambda: use(one), false=lambda: sink(one))
        return sink(left)

    return ap.for_each(body, n=[1, 2])


def test_choice_in_a_loop():
    """Row 36: branch and wrapper keep the index of the iteration that made the output."""
    run = choices()
    links, tasks = links_of(run), tasks_of(run)
    wrapper = f"for-loop-1/{WRAPPER}#1"

    assert tasks[wrapper].iteration_index == 1
    assert tasks[f"{wrapper}/condition-1"].iteration_index == 1
    assert links[f"{wrapper}/condition-1"].made == [
        "ONE_OF_OUTPUT o@5 use#1 pipelinechannel--use-o [0]"
    ]
    assert links[wrapper].made == [
        f"ONE_OF_OUTPUT o@5 condition-1#1 pipelinechannel--{WRAPPER}-oneof-1 [0]"
    ]
    assert links[f"for-loop-1/{WRAPPER}#0"].made == [
        f"ONE_OF_OUTPUT o@2 condition-2#0 pipelinechannel--{WRAPPER}-oneof-1 [0]"
    ]


def test_consumer_of_a_choice_in_a_loop():
    """Row 37: it names the branch of its own iteration."""
    run = choices()
    links = links_of(run)

    assert links["for-loop-1/sink#0"].given == ["TASK_OUTPUT_INPUT o@2 condition-2#0 i [0]"]
    assert links["for-loop-1/sink#1"].given == ["TASK_OUTPUT_INPUT o@5 condition-1#1 i [0]"]
    assert run.value() == [1, -4]


@ap.pipeline
def only_even(numbers):
    """A fan-out over the iterations in which the branch was taken."""

    def body(n):
        return ap.one_of(is_even(n), true=lambda: use(n))

    return uselist(ap.for_each(body, n=numbers))


def test_if_in_a_loop():
    """Row 38: the branch leaves a choice, made by the step of that iteration."""
    links = links_of(only_even([1, 2, 4]))

    assert links["for-loop-1/condition-1#1"].made == [
        "ONE_OF_OUTPUT o@1 use#1 pipelinechannel--use-o [0]"
    ]
    assert links["for-loop-1/condition-1#0"].made == []


def test_loop_over_an_if():
    """Row 39: iterations that were skipped are absent from the loop's outputs."""
    assert links_of(only_even([1, 2, 4]))["for-loop-1"].made == [
        "ITERATOR_OUTPUT o@1 condition-1#1 pipelinechannel--use-o [0]",
        "ITERATOR_OUTPUT o@2 condition-1#2 pipelinechannel--use-o [1]",
    ]


def test_fan_out_made_in_a_branch():
    """Row 69: it stays a fan-out on the branch, on the pipeline around it and for consumers."""

    @ap.pipeline
    def e(size):
        return ap.one_of(size, big=lambda: make.map(x=[1, 2]))

    @ap.pipeline
    def whole():
        return uselist(e(flag()))

    run = whole()
    links = links_of(run)

    assert links["e/condition-1"].made == [
        f"ITERATOR_OUTPUT o@1 for-loop-1#0 {MADE} [0]",
        f"ITERATOR_OUTPUT o@2 for-loop-1#1 {MADE} [1]",
    ]
    assert links["e"].made == [
        "ITERATOR_OUTPUT o@1 condition-1#0 Output [0]",
        "ITERATOR_OUTPUT o@2 condition-1#1 Output [1]",
    ]
    assert links["uselist"].given == [
        "COLLECTED_INPUTS o@1 e i [0]",
        "COLLECTED_INPUTS o@2 e i [1]",
    ]
    assert run.value() == 3


def test_several_outputs_of_a_branch():
    """Each output of a choice has a port of its own on the wrapper."""

    @ap.pipeline
    def whole():
        one = make()
        low, high = ap.one_of(
            flag(), big=lambda: (use(one), sink(one)), small=lambda: (sink(one), use(one))
        )
        return uselist([low, high])

    run = whole()
    links = links_of(run)

    assert links[WRAPPER].made == [
        f"ONE_OF_OUTPUT o@2 condition-1 pipelinechannel--{WRAPPER}-oneof-1 [0]",
        f"ONE_OF_OUTPUT o@3 condition-1 pipelinechannel--{WRAPPER}-oneof-2 [0]",
    ]
    assert run.value() == 3


def test_name_of_no_branch_is_refused():
    """A value that names no branch fails the run before any branch is recorded."""

    @ap.pipeline
    def whole():
        ap.one_of(flag("huge"), big=lambda: make(), small=lambda: make())

    with pytest.raises(ap.ArtifactPluginsError, match=r"'huge'.*\['big', 'small'\]"):
        whole()
    run = newest_run()
    assert states_of(run) == {"ROOT": "FAILED", "flag": "SUCCEEDED"}
    assert assert_complete(run).state == "FAILED"


def test_branch_that_fails():
    """The branch, its wrapper and the run are FAILED; the other branch is SKIPPED."""

    @ap.step
    def divide(i: int) -> int:
        return i // 0

    @ap.pipeline
    def whole():
        ap.one_of(flag(), small=lambda: make(), big=lambda: divide(1))

    with pytest.raises(ZeroDivisionError):
        whole()
    run = newest_run()
    assert states_of(run) == {
        "ROOT": "FAILED",
        "flag": "SUCCEEDED",
        WRAPPER: "FAILED",
        f"{WRAPPER}/condition-1": "SKIPPED",
        f"{WRAPPER}/condition-2": "FAILED",
        f"{WRAPPER}/condition-2/divide": "FAILED",
    }
    assert_complete(run)


def test_branch_with_a_pipeline():
    """A pipeline with bound parameters is a branch; its bound inputs are known when skipped."""

    @ap.pipeline
    def part(d):
        return use(d)

    @ap.pipeline
    def whole():
        one = make()
        return ap.one_of(flag(), small=part.partial(d=one), big=part.partial(d=one))

    links = links_of(whole())

    for number in (1, 2):
        assert links[f"{WRAPPER}/condition-{number}"].given == [
            f"COMPONENT_INPUT flag@1 flag {FLAG} [0]",
            f"COMPONENT_INPUT o@1 make {MADE} [0]",
        ]


def test_bound_fan_out_of_a_branch_that_is_not_taken():
    """A branch that would have collected a fan-out shows each element."""

    @ap.pipeline
    def whole():
        many = make.map(x=[1, 2])
        return ap.one_of(flag(), small=uselist.partial(i=many), big=lambda: make())

    assert links_of(whole())[f"{WRAPPER}/condition-1"].given == [
        f"COMPONENT_INPUT flag@1 flag {FLAG} [0]",
        f"COMPONENT_INPUT o@1 for-loop-1 {MADE} [0]",
        f"COMPONENT_INPUT o@2 for-loop-1 {MADE} [1]",
    ]
