"""How steps, pipelines and handles behave for the people who write them."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import pytest

import artifact_plugins as ap
from artifact_plugins.errors import (
    HandleUsageError,
    NoMaterializerError,
    RunUsageError,
    StepDefinitionError,
    StepOutputError,
)
from artifact_plugins.records import RunState, TaskState

pytestmark = pytest.mark.usefixtures("session")


@ap.step
def double(x: int) -> int:
    """Double a number."""
    return 2 * x


def test_outside_a_run_a_step_is_the_plain_function():
    """Same arguments, same value, same name and docstring, nothing recorded."""
    assert double(4) == 8
    assert double(x=4) == 8
    assert double.partial(x=5)() == 10
    assert double.map(x=[1, 2]) == [2, 4]
    assert (double.__name__, double.__doc__) == ("double", "Double a number.")


def test_inside_a_step_another_step_is_the_plain_function():
    """There is one task per step call of the body and no hidden nesting."""

    @ap.step
    def outer(x: int) -> int:
        return double(x) + 1

    with ap.start_run("script") as run:
        handle = outer(3)

    assert ap.value(handle) == 7
    assert [task.name for task in run.tasks()] == ["ROOT", "outer"]


def test_run_gives_records_and_values():
    """A finished run lists its tasks and links and loads what it made."""

    @ap.pipeline
    def chain(x: int = 1):
        return double(double(x))

    run = chain(x=5)

    assert run.value() == 20
    assert run.record.state is RunState.SUCCEEDED
    assert run.record.parameters == {"x": 5}
    assert [v.version for v in run.versions("double")] == [1, 2]
    assert ap.load("double") == 20
    assert ap.load("double", version=1) == 10
    with pytest.raises(ap.ArtifactPluginsError, match="2 versions"):
        run["double"]


@pytest.mark.parametrize(
    "misuse",
    [
        bool,
        list,
        len,
        lambda h: h == 3,
        lambda h: h != 3,
        lambda h: h < 3,
        lambda h: h + 1,
        lambda h: 1 + h,
        lambda h: -h,
        lambda h: h[0],
        lambda h: 3 in h,
        lambda h: h(),
        int,
        lambda h: h.real,
        lambda h: [1, 2][h],
    ],
)
def test_handle_used_as_a_value_is_refused(misuse):
    """The error names ap.value; the task itself stays committed."""
    with ap.start_run("script") as run:
        handle = double(1)
        with pytest.raises(HandleUsageError, match=r"ap\.value"):
            misuse(handle)
    assert run.record.state is RunState.SUCCEEDED


def test_handle_outside_its_run_is_refused_as_an_argument():
    """A plain call does not get a handle by accident."""
    with ap.start_run("script"):
        handle = double(1)

    with pytest.raises(HandleUsageError, match=r"ap\.value"):
        double(handle)


def test_several_outputs_unpack_and_have_attributes():
    """A tuple of named members gives one artifact per member."""

    @ap.step
    def split(n: int) -> tuple[Annotated[int, "low"], Annotated[list[int], "rest"]]:
        return 0, list(range(1, n))

    with ap.start_run("script") as run:
        low, rest = split(3)
        again = split(2)

    assert (ap.value(low), ap.value(rest)) == (0, [1, 2])
    assert ap.value(again.rest) == [1]
    assert sorted({v.artifact for v in run.versions()}) == ["low", "rest"]


def test_named_tuples_and_dataclasses_of_outputs():
    """Field names are the keys, Output names the artifacts."""

    class Two(NamedTuple):
        a: Annotated[int, "alpha"]
        b: Annotated[str, ap.Output("beta", tags=["t"])]

    @dataclasses.dataclass
    class Pair:
        c: Annotated[int, "gamma"]
        d: Annotated[int, "delta"]

    two_step = ap.step(_annotated(lambda: Two(1, "x"), Two, "two_step"))
    pair_step = ap.step(_annotated(lambda: Pair(2, 3), Pair, "pair_step"))
    with ap.start_run("script") as run:
        two, pair = two_step(), pair_step()

    assert (ap.value(two.a), ap.value(two.b), ap.value(pair.d)) == (1, "x", 3)
    assert run["beta"].tags == ("t",)


def _annotated(function, returns, name):
    function.__annotations__["return"] = returns
    function.__name__ = function.__qualname__ = name
    return function


def test_output_options_reach_the_record():
    """Type, tags, metadata, description and version name of an Output are recorded."""

    @ap.step
    def made() -> Annotated[
        int,
        ap.Output(
            "score",
            artifact_type="Metric",
            tags=["a"],
            metadata={"unit": "minutes"},
            description="of the day",
            version_name="first",
        ),
    ]:
        ap.log_metadata({"seen": 2})
        return 5

    with ap.start_run("script") as run:
        made()

    score = run["score"]
    assert (score.artifact_type, score.tags, score.description) == ("Metric", ("a",), "of the day")
    assert score.metadata["unit"] == "minutes"
    assert score.metadata["seen"] == 2
    assert score.version_name == "first"


def test_generator_is_one_streamed_version():
    """A generator step writes one version chunk by chunk and counts its items."""

    @ap.step
    def rows(n: int) -> Iterator[dict]:
        for number in range(n):
            yield {"n": number}

    @ap.step
    def count(rows: list) -> int:
        return len(rows)

    with ap.start_run("script") as run:
        total = count(rows(5))

    assert ap.value(total) == 5
    assert run["rows"].item_count == 5
    assert list(ap.load("rows"))[-1] == {"n": 4}


def test_generator_that_raises_passes_its_exception_and_leaves_nothing():
    """The step's own exception comes out although the materializer was consuming it."""

    @ap.step
    def rows() -> Iterator[int]:
        yield 1
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"), ap.start_run("script") as run:
        rows()
    assert run.versions() == []


def test_async_steps_run():
    """An async function is awaited by the runtime."""

    @ap.step
    async def later(x: int) -> int:
        await asyncio.sleep(0)
        return x + 1

    with ap.start_run("script"):
        handle = later(1)

    assert ap.value(handle) == 2


class Model:
    """A class with a step as a method."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    @ap.step
    def scale(self, x: int) -> int:
        return self.factor * x


def test_steps_on_methods():
    """`self` is not an input; everything else is."""
    with ap.start_run("script") as run:
        handle = Model(3).scale(5)

    assert ap.value(handle) == 15
    assert [link.key for link in run.links()] == ["x", "Output"]
    assert Model(3).scale(2) == 6


def test_record_and_lazy_inputs_load_nothing_by_themselves():
    """ArtifactVersion gives the record, Lazy loads when asked."""

    @ap.step
    def look(x: ap.ArtifactVersion, y: ap.Lazy[int]) -> list:
        return [x.artifact, y.version.artifact, y.load()]

    with ap.start_run("script"):
        made = double(4)
        handle = look(made, made)

    assert ap.value(handle) == ["double", "double", 8]


def test_inputs_are_isolated():
    """A step that mutates its input changes nobody else's."""

    @ap.step
    def numbers() -> list[int]:
        return [1]

    @ap.step
    def spoil(xs: list[int], extra: list[int] = [0]) -> int:  # that is the point
        xs.append(2)
        extra.append(1)
        return len(xs) + len(extra)

    with ap.start_run("script"):
        made = numbers()
        first, second = spoil(made), spoil(made)

    assert (ap.value(first), ap.value(second), ap.value(made)) == (4, 4, [1])


def test_exception_of_a_step_passes_unchanged_with_a_note():
    """Type, arguments and identity stay; a note names run and task; the run is FAILED."""
    mine = ValueError("a", 1)

    @ap.step
    def breaks() -> int:
        raise mine

    with pytest.raises(ValueError, match="a") as caught, ap.start_run("script") as run:
        breaks()

    assert caught.value is mine
    assert any("breaks" in note and run.record.id in note for note in mine.__notes__)
    assert run.record.state is RunState.FAILED
    assert {t.name: t.state for t in run.tasks()}["breaks"] is TaskState.FAILED


def test_keyboard_interrupt_fails_the_task_and_the_run():
    """What finished before stays committed."""

    @ap.step
    def interrupted(x: int) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), ap.start_run("script") as run:
        interrupted(double(1))
    assert run.record.state is RunState.FAILED
    assert ap.load("double") == 2


def test_run_inside_a_step_is_refused():
    """Starting a run there is an error that says what to do."""

    @ap.pipeline
    def inner():
        double(1)

    @ap.step
    def starts() -> int:
        inner()
        return 1

    with pytest.raises(RunUsageError, match="inside a step"), ap.start_run("script"):
        starts()


def test_by_hand_functions_need_a_step():
    """Outside a step they say so."""
    for call in (
        lambda: ap.log_artifact("x", 1),
        lambda: ap.load_artifact("x"),
        lambda: ap.log_metadata({}),
        ap.current_task,
    ):
        with pytest.raises(RunUsageError, match="inside a step"):
            call()


def test_current_task_is_the_record():
    """Inside a step the running task is known."""

    @ap.step
    def who() -> str:
        return ap.current_task().scope_path

    with ap.start_run("script"):
        assert ap.value(who()) == "ROOT/who"


def _bad_declarations():
    def star(*xs: int) -> int: ...
    def keywords(**xs: int) -> int: ...
    def unknown(x: Missing) -> int: ...  # noqa: F821  # that is the point
    def half(x: int) -> tuple[Annotated[int, "a"], int]: ...
    def twice(x: int) -> tuple[Annotated[int, "a"], Annotated[int, "a"]]: ...
    def trick(x: int) -> Annotated[int, "../a"]: ...
    def both(x: int) -> Annotated[int, "a", "b"]: ...
    def output_as_input(x: Annotated[int, ap.Output("a")]) -> int: ...
    async def stream(x: int):
        yield x

    return [star, keywords, unknown, half, twice, trick, both, output_as_input, stream]


@pytest.mark.parametrize("function", _bad_declarations(), ids=lambda f: f.__name__)
def test_wrong_declarations_fail_where_they_are_written(function):
    """A declaration that cannot work is refused when the step is decorated."""
    with pytest.raises(StepDefinitionError):
        ap.step(function)


def test_lambda_and_class_are_no_steps():
    """Steps have names and are functions."""
    with pytest.raises(StepDefinitionError):
        ap.step(lambda x: x)
    with pytest.raises(StepDefinitionError):
        ap.step(int)
    with pytest.raises(StepDefinitionError):
        ap.step(retries=-1)(double.function)


@pytest.mark.parametrize(
    ("annotation", "returned", "problem"),
    [
        (int, "text", "declared int but is a str"),
        (None, 3, "return nothing"),
        (tuple[Annotated[int, "a"], Annotated[int, "b"]], (1,), "2 outputs"),
        (tuple[Annotated[int, "a"], Annotated[int, "b"]], 7, "one value"),
        (tuple[Annotated[int, "a"], Annotated[int, "b"]], (1, "x"), "declared int"),
    ],
)
def test_wrong_results_fail_the_task_and_save_nothing(annotation, returned, problem):
    """What a step returns has the declared number and types, or nothing is saved."""
    made = ap.step(_annotated(lambda: returned, annotation, "made"))

    with pytest.raises(StepOutputError, match=problem), ap.start_run("script") as run:
        made()
    assert run.versions() == []


def test_int_is_accepted_where_float_is_declared():
    """PEP 484's numeric tower holds, and the value stays an int."""
    made = ap.step(_annotated(lambda: 3, float, "made"))

    with ap.start_run("script"):
        handle = made()

    assert type(ap.value(handle)) is int


def test_argument_that_cannot_be_stored_is_refused_before_the_step_runs():
    """A literal that no materializer handles names the input and what to do."""
    called = []

    @ap.step
    def takes(x: object) -> int:
        called.append(x)
        return 1

    with (
        ap.open_session(ap.Settings(allow_pickle=False)),
        pytest.raises(NoMaterializerError, match="takes-x"),
        ap.start_run("script"),
    ):
        takes(object())
    assert called == []


def test_dict_of_handles_is_refused():
    """Handles are followed in lists, not in dicts."""

    @ap.step
    def takes(x: dict) -> int:
        return 1

    with pytest.raises(HandleUsageError, match="list of handles"), ap.start_run("script"):
        takes({"a": double(1)})


def test_wrong_call_fails_like_the_plain_function():
    """Unknown and missing arguments are TypeErrors."""
    with ap.start_run("script"):
        with pytest.raises(TypeError, match="unexpected keyword"):
            double(y=1)
        with pytest.raises(TypeError, match="missing"):
            double()


def test_run_record_in_the_store_holds_everything(session):
    """The ledger can be rebuilt from the document of each run."""
    import json

    with ap.start_run("script") as run:
        double(double(1))

    document = json.loads(session.store.get_run(run.id))
    assert len(document["tasks"]) == 3
    assert len(document["versions"]) == 2
    assert len(document["links"]) == len(run.links())


def test_registered_data_is_verified_where_it_lies(tmp_path: Path):
    """A registered file loads as a path, and not at all when it changed."""
    data = tmp_path / "data.csv"
    data.write_text("a\n1\n")
    version = ap.register(data, "raw")

    assert ap.load("raw").read_text() == "a\n1\n"
    data.write_text("a\n2\n")
    with pytest.raises(ap.ArtifactPluginsError, match="digest|size"):
        ap.load(version)
