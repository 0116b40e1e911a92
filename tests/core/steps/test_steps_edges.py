"""Legal but unusual declarations, arguments and containers: what a step gets, what is refused."""

from __future__ import annotations

import dataclasses
import threading
from typing import Annotated, Any, ClassVar, NamedTuple, Optional

import pandas as pd
import pytest
from edge_steps import kinds, make

import artifact_plugins as ap
from artifact_plugins.errors import HandleUsageError
from artifact_plugins.records import VersionQuery

pytestmark = pytest.mark.usefixtures("session")


@ap.step
def frame() -> Annotated[pd.DataFrame, "frame"]:
    return pd.DataFrame({"a": [1, 2], "b": [3, 4]})


def test_pipeline_argument_that_is_no_json_becomes_a_version(session):
    """A frame as a run argument, or as a default, is an external version linked to ROOT."""

    @ap.step
    def rows(f: pd.DataFrame) -> int:
        return len(f)

    table = pd.DataFrame({"a": [1, 2, 3]})

    @ap.pipeline
    def counted(f, g=table):
        return rows(f), rows(g)

    run = counted(table)

    assert run.value() == (3, 3)
    assert [v.artifact for v in run.versions()][:2] == ["counted-f", "counted-g"]
    assert kinds(run, "ROOT")[:2] == [
        ("RUNTIME_VALUE_INPUT", "f"),
        ("COMPONENT_DEFAULT_INPUT", "g"),
    ]


def test_list_of_versions_as_a_run_argument():
    """Each is linked to ROOT, and the step gets a list."""
    old = [ap.save(n, "n") for n in (4, 5)]

    @ap.step
    def total(xs: list[int]) -> int:
        return sum(xs)

    @ap.pipeline
    def summed(xs):
        return total(xs)

    run = summed(old)

    assert run.value() == 9
    assert kinds(run, "total")[:2] == [("COMPONENT_INPUT", "xs")] * 2


def test_map_over_versions_imports_them(shape):
    """The items are versions, not data; each comes in by an importer of its own."""
    old = [ap.save(n, "n") for n in (4, 5)]

    @ap.pipeline
    def mapped():
        return make.map(x=old)

    run = mapped()

    assert run.value() == [4, 5]
    assert [t.name for t in run.tasks() if t.type == "IMPORTER"] == ["importer", "importer-2"]


@pytest.mark.parametrize("given", [True, False])
def test_optional_inputs(given):
    """A missing optional input is None; a given one is what it is annotated as."""

    @ap.step
    def look(
        record: ap.ArtifactVersion | None = None,
        lazy: ap.Lazy[pd.DataFrame] | None = None,
        part: Optional[Annotated[pd.DataFrame, ap.Input(columns=["a"])]] = None,  # noqa: UP045
    ) -> list:
        if record is None:
            return [lazy, part]
        return [record.artifact, len(lazy.load()), list(part.columns)]

    with ap.start_run("script") as run:
        made = frame()
        handle = look(made, made, made) if given else look()

    assert ap.value(handle) == (["frame", 2, ["a"]] if given else [None, None])
    assert len([k for k in kinds(run, "look") if "INPUT" in k[0]]) == (3 if given else 0)


def test_optional_output_keeps_its_name():
    """The name inside an Optional is the name."""

    @ap.step
    def maybe() -> Annotated[int, "nm"] | None:
        return None

    with ap.start_run("script") as run:
        maybe()

    assert [v.artifact for v in run.versions()] == ["nm"]


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        (list[int], [1, 2]),
        (tuple[int, ...], (1, 2)),
        (set[int], {1, 2}),
        (Optional[list[int]], [1, 2]),  # noqa: UP045
        (Any, [1, 2]),
        (list, [1, 2]),
    ],
    ids=str,
)
def test_fan_in_comes_as_the_container_asked_for(annotation, wanted):
    """A list input is what its annotation says, or it is refused."""

    def take(xs):
        return repr(xs)

    take.__annotations__ = {"xs": annotation, "return": str}
    with ap.start_run("script"):
        handle = ap.step(take)(make.map(x=[1, 2]))

    assert ap.value(handle) == repr(wanted)


@pytest.mark.parametrize("annotation", [int, str, dict, ap.ArtifactVersion, ap.Lazy[list[int]]])
def test_fan_in_into_one_value_is_refused(annotation):
    """Nothing is called."""
    called = []

    def take(xs):
        called.append(xs)

    take.__annotations__ = {"xs": annotation, "return": None}
    with pytest.raises(HandleUsageError, match="one value"), ap.start_run("script"):
        ap.step(take)(make.map(x=[1, 2]))
    assert called == []


def test_list_of_records_and_list_of_lazies():
    """Each element is what the element type says."""

    @ap.step
    def look(a: list[ap.ArtifactVersion], b: list[ap.Lazy[int]]) -> list:
        return [[v.version for v in a], [lazy.load() for lazy in b]]

    with ap.start_run("script"):
        made = make.map(x=[7, 8])
        handle = look(made, made)

    assert ap.value(handle) == [[1, 2], [7, 8]]


def test_deep_literal_is_an_external_version():
    """What is nested deeper than metadata may be is no parameter value."""
    deep: Any = 1
    for _ in range(60):
        deep = [deep]

    @ap.step
    def show(x: list) -> str:
        return repr(x)

    with ap.start_run("script") as run:
        handle = show(deep)

    assert ap.value(handle) == repr(deep)
    assert run["show-x"].save_type == "external"


def test_literal_that_contains_itself_is_refused():
    """A cycle ends in a named error, at once."""
    loop: list[Any] = []
    loop.extend([loop, loop])

    @ap.step
    def show(x: list) -> str:
        return ""

    with pytest.raises(HandleUsageError, match="show-x"), ap.start_run("script"):
        show(loop)


def test_refused_call_leaves_no_version_of_its_other_arguments(session):
    """Literals become versions with the task that gets them, or not at all."""

    @ap.step
    def two(a: complex, b: object) -> int:
        return 1

    with pytest.raises(ap.ArtifactPluginsError), ap.start_run("script"):
        two(1j, threading.Lock())
    with pytest.raises(HandleUsageError), ap.start_run("script"):
        two.map(a=[1j, 2j], b=[1])
    assert len(session.ledger.versions(VersionQuery())) == 0
    assert list(session.store.version_ids()) == []


def test_two_elements_of_one_fan_out_have_ports_of_their_own(shape):
    """Each thing that a loop gets has a port; two lists are two ports."""

    @ap.step
    def add(a: int, b: int, c: int) -> int:
        return a + b + c

    with ap.start_run("script") as run:
        m = make.map(x=[1, 2])
        add.partial(a=m[0], b=m[1]).map(c=[5])

    lines = [line for line in shape(run) if line.startswith("for-loop-2 TASK")]
    assert [line.split()[4] for line in lines] == [
        "pipelinechannel--make-Output",
        "pipelinechannel--make-Output-2",
    ]


def test_literal_inside_a_broadcast_list_is_held_by_the_loop(shape):
    """R6: the producer of a literal is the task that holds it."""

    @ap.step
    def add(xs: list[int], c: int) -> int:
        return sum(xs) + c

    with ap.start_run("script") as run:
        add.partial(xs=[make(), 5]).map(c=[1])

    assert "add#0 COMPONENT_INPUT 5 for-loop-1 xs [1]" in shape(run)


def test_everything_a_body_returns_is_linked_to_root():
    """Lists of handles, NamedTuples and dicts have links and values."""

    class Both(NamedTuple):
        many: Any
        one: Any

    @ap.pipeline
    def body(kind: str):
        many, one = make.map(x=[1, 2]), make(3)
        return {"list": [many, one], "named": Both(many, one), "dict": {"k": one}}[kind_of()]

    values = []
    for kind in ("list", "named", "dict"):
        kind_of = lambda kind=kind: kind  # noqa: E731
        run = body(kind)
        values.append(run.value())
        assert kinds(run, "ROOT")[1:] != []
    assert values == [[[1, 2], 3], ([1, 2], 3), {"k": 3}]


def test_task_names_are_unique():
    """A step that is called like the second call of another one gets a number too."""
    one = ap.step(name="a")(lambda: 1)
    two = ap.step(name="a-2")(lambda: 2)
    root = ap.step(name="ROOT")(lambda: 3)

    with ap.start_run("script") as run:
        two(), one(), one(), root()

    names = [task.name for task in run.tasks()]
    assert len(set(names)) == len(names) == 5


def test_methods_static_methods_and_kept_steps():
    """Only a step defined in a class body has a self."""

    class Holder:
        kept = make.partial(x=9)

        @staticmethod
        @ap.step
        def alone(x: int) -> int:
            return x

        @ap.step
        def own(self, x: int) -> int:
            return x + 1

    with ap.start_run("script"):
        handles = [Holder().kept(), Holder().alone(2), Holder.alone(3), Holder().own(4)]

    assert ap.value(handles) == [9, 2, 3, 5]
    assert (Holder().kept(), Holder().alone(2), Holder().own(4)) == (9, 2, 5)


def test_dataclass_of_outputs_ignores_class_variables():
    """Only fields are outputs, and the class itself must be returned."""

    @dataclasses.dataclass
    class Two:
        a: Annotated[int, "a"]
        b: Annotated[int, "b"]
        K: ClassVar[int] = 1

    def make_two(good):
        return Two(1, 2) if good else (1, 2)

    make_two.__annotations__["return"] = Two
    two = ap.step(make_two)

    with ap.start_run("script") as run:
        two(True)
    assert sorted(v.artifact for v in run.versions()) == ["a", "b"]
    with pytest.raises(ap.ArtifactPluginsError, match="Two"), ap.start_run("script"):
        two(False)


def test_default_that_is_a_frame_is_one_version_per_run():
    """It does not become a version for every call."""
    table = pd.DataFrame({"a": [1]})

    @ap.step
    def rows(n: int, f: pd.DataFrame = table) -> int:
        return len(f) + n

    with ap.start_run("script") as run:
        rows.map(n=[1, 2, 3])
        rows(4)

    assert len(run.versions("rows-f")) == 1
