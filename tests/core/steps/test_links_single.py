"""Links of single values: rows 1-5, 47 and 51-58 of the table of link types."""

from __future__ import annotations

from typing import Annotated

import pytest
from link_table import items, links_of, make, tasks_of, use, uselist

import artifact_plugins as ap

pytestmark = pytest.mark.usefixtures("session")


def test_plain_output():
    """Row 1: a task writes its output under the name of the output."""

    @ap.pipeline
    def one():
        make()

    links = links_of(one())

    assert links["make"].made == ["OUTPUT o@1 make o [0]"]
    assert links["ROOT"].made == []


def test_output_of_a_sibling():
    """Row 2: the consumer names the task that made the value."""

    @ap.pipeline
    def chain():
        use(i=make())

    assert links_of(chain())["use"].given == [
        "TASK_OUTPUT_INPUT o@1 make i [0]",
        "COMPONENT_DEFAULT_INPUT 2 none factor [0]",
    ]


def test_output_of_the_run():
    """Row 3: what the pipeline returns is an output of ROOT, made by the child."""

    @ap.pipeline
    def chain():
        return use(make())

    run = chain()

    assert links_of(run)["ROOT"].made == ["OUTPUT o@2 use Output [0]"]
    assert run.value() == 6


def test_several_outputs_of_the_run():
    """A pipeline that returns several values has one output for each, by name."""

    @ap.step
    def halves(i: int) -> tuple[Annotated[int, "low"], Annotated[int, "high"]]:
        return i // 2, i - i // 2

    @ap.pipeline
    def named():
        low, high = halves(make())
        return {"small": low, "large": high}

    links = links_of(named())

    assert links["halves"].made == ["OUTPUT low@1 halves low [0]", "OUTPUT high@1 halves high [0]"]
    assert links["ROOT"].made == [
        "OUTPUT low@1 halves small [0]",
        "OUTPUT high@1 halves large [0]",
    ]


def test_importer():
    """Row 4: a version that was there before the run enters through an IMPORTER task."""
    old = ap.save(41, "answer")

    @ap.pipeline
    def again():
        use(old)

    run = again()

    assert tasks_of(run)["importer"].type == "IMPORTER"
    assert links_of(run)["importer"].given == []
    assert links_of(run)["importer"].made == ["OUTPUT answer@1 importer artifact [0]"]


def test_imported_version_is_consumed():
    """Row 5: the consumer of imported data names the importer."""
    old = ap.save(41, "answer")

    @ap.pipeline
    def again():
        return use(old)

    run = again()

    assert links_of(run)["use"].given[0] == "TASK_OUTPUT_INPUT answer@1 importer i [0]"
    assert run.value() == 82


def test_optional_input_that_is_not_given():
    """Row 47: an optional input without a value has no link."""

    @ap.step
    def blend(i: int, other: int | None = None) -> int:
        return i if other is None else i + other

    @ap.pipeline
    def both():
        one = make()
        blend(one)
        blend(one, one)

    links = links_of(both())

    assert links["blend"].given == ["TASK_OUTPUT_INPUT o@1 make i [0]"]
    assert links["blend-2"].given == [
        "TASK_OUTPUT_INPUT o@1 make i [0]",
        "TASK_OUTPUT_INPUT o@1 make other [0]",
    ]


def test_run_argument():
    """Row 51: a run argument is a literal of ROOT."""

    @ap.pipeline
    def chain(a):
        make(a)

    run = chain(4)

    assert links_of(run)["ROOT"].given == ["RUNTIME_VALUE_INPUT 4 none a [0]"]
    assert run.record.parameters == {"a": 4}


def test_pipeline_default():
    """Row 52: the default of a pipeline parameter says that it is one."""

    @ap.pipeline
    def chain(a=7):
        make(a)

    assert links_of(chain())["ROOT"].given == ["COMPONENT_DEFAULT_INPUT 7 none a [0]"]
    assert links_of(chain(7))["ROOT"].given == ["RUNTIME_VALUE_INPUT 7 none a [0]"]


def test_pipeline_parameter_in_a_step():
    """Row 53: a step gets a parameter from ROOT, whether it was given or is the default."""

    @ap.pipeline
    def chain(a, b=7):
        make(x=a)
        make(x=b)

    links = links_of(chain(4))

    assert links["make"].given == ["COMPONENT_INPUT 4 ROOT x [0]"]
    assert links["make-2"].given == ["COMPONENT_INPUT 7 ROOT x [0]"]


def test_pipeline_parameter_through_groups():
    """Row 54: a parameter passes every group on the way, carried by ROOT without iteration."""

    @ap.pipeline
    def inner(d):
        make(x=d)

    @ap.pipeline
    def outer(a):
        inner(d=a)
        ap.one_of("big", big=lambda: make(x=a), small=lambda: make())
        ap.for_each(lambda month: ap.one_of("true", true=lambda: use(month, factor=a)), month=[1])

    links = links_of(outer(4))

    assert links["inner"].given == ["COMPONENT_INPUT 4 ROOT d [0]"]
    assert links["inner/make"].given == ["COMPONENT_INPUT 4 ROOT x [0]"]
    assert "COMPONENT_INPUT 4 ROOT pipelinechannel--a [0]" in links["condition-branches-1"].given
    branch = "condition-branches-1/condition-1"
    assert "COMPONENT_INPUT 4 ROOT pipelinechannel--a [0]" in links[branch].given
    assert links[f"{branch}/make"].given == ["COMPONENT_INPUT 4 ROOT x [0]"]
    assert links["for-loop-1"].given == [
        "ITERATOR_INPUT_RAW 1 #0 pipelinechannel--loop-item-param-1 [0]",
        "COMPONENT_INPUT 4 ROOT pipelinechannel--a [0]",
    ]
    assert links["for-loop-1/condition-1#0"].given == [
        "RUNTIME_VALUE_INPUT 'true' none selected [0]",
        "COMPONENT_INPUT 1 for-loop-1#0 pipelinechannel--loop-item-param-1 [0]",
        "COMPONENT_INPUT 4 ROOT pipelinechannel--a [0]",
    ]
    assert links["for-loop-1/condition-1#0/use"].given == [
        "COMPONENT_INPUT 1 for-loop-1#0 i [0]",
        "COMPONENT_INPUT 4 ROOT factor [0]",
    ]


def test_constant_in_the_body():
    """Row 55: a value that is written down in the pipeline body has no producer."""

    @ap.pipeline
    def chain():
        use(5, factor=6)

    assert links_of(chain())["use"].given == [
        "RUNTIME_VALUE_INPUT 5 none i [0]",
        "RUNTIME_VALUE_INPUT 6 none factor [0]",
    ]


def test_constant_in_a_loop_or_bound():
    """Row 56: a constant inside a loop, or bound beforehand, is the same literal each time."""

    @ap.pipeline
    def fan():
        use.partial(factor=9).map(i=[1, 2])
        ap.for_each(lambda month: use(month, factor=8), month=[1])

    links = links_of(fan())

    for index in (0, 1):
        assert links[f"for-loop-1/use#{index}"].given == [
            f"COMPONENT_INPUT {index + 1} for-loop-1#{index} i [0]",
            "RUNTIME_VALUE_INPUT 9 none factor [0]",
        ]
    assert links["for-loop-2/use#0"].given[1] == "RUNTIME_VALUE_INPUT 8 none factor [0]"


def test_step_default():
    """Row 57: an input that was not given names the declared default."""

    @ap.pipeline
    def one():
        make()

    assert links_of(one())["make"].given == ["COMPONENT_DEFAULT_INPUT 3 none x [0]"]


def test_small_values_are_never_wrapped():
    """Row 58: text and numbers that steps make travel like any output, and arrive as they are."""

    @ap.step
    def name(x: str) -> Annotated[str, "name"]:
        return x

    @ap.step
    def repeat(i: str) -> Annotated[str, "twice"]:
        assert isinstance(i, str)
        return i * 2

    @ap.pipeline
    def words():
        return ap.for_each(lambda x: repeat(name(x)), x=["a"])

    run = words()
    links = links_of(run)

    assert links["for-loop-1/name#0"].made == ["ITERATOR_OUTPUT name@1 name#0 name [0]"]
    assert links["for-loop-1/repeat#0"].given == ["TASK_OUTPUT_INPUT name@1 name#0 i [0]"]
    assert links["for-loop-1"].made == [
        "ITERATOR_OUTPUT twice@1 repeat#0 pipelinechannel--repeat-twice [0]"
    ]
    assert links["ROOT"].made == ["ITERATOR_OUTPUT twice@1 for-loop-1#0 Output [0]"]
    assert run.value() == ["aa"]


def test_list_that_one_step_makes_is_one_value():
    """A list in one version is one link, not one per element."""

    @ap.pipeline
    def chain():
        return uselist(items())

    run = chain()

    assert links_of(run)["uselist"].given == ["TASK_OUTPUT_INPUT items@1 items i [0]"]
    assert run.value() == 30
