"""What no value of an output could be saved with is refused before its step has worked for hours."""

from __future__ import annotations

import asyncio
import gc
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NewType

import pytest
from archived_projects import project  # noqa: F401  # a fixture
from store_attacks import Place

import artifact_plugins as ap
from artifact_plugins import errors
from artifact_plugins.records import TaskState
from artifact_plugins.session.pinning import Pinner

ORDERS = {
    "expected_orders.py": """
from dataclasses import dataclass
from expected_rates import RATE


@dataclass
class Order:
    size: int


@dataclass
class Batch:
    orders: list[Order]
""",
    "expected_rates.py": "RATE = 2\n",
}
SECRET = f'RATE = 2\nTOKEN = "{"ghp"}_{"a1B2" * 9}"\n'


@pytest.fixture
def place(tmp_path):
    """A store."""
    return Place(tmp_path)


@pytest.fixture
def ran():
    """Each call of the step under test."""
    return []


def declared(output: Any, made: Any, ran: list[str], *, is_async: bool = False) -> ap.Step:
    """Return a step that is declared to return `output` and returns `made`."""

    def work() -> Any:
        ran.append("work")
        return made

    async def work_later() -> Any:
        await asyncio.sleep(0)
        return work()

    function = work_later if is_async else work
    function.__annotations__["return"] = output
    return ap.step(function)


def refused(session, step, error):
    """Run a step that must fail; return what it raised and its task."""
    with pytest.raises(error) as raised, ap.start_run("run") as run:
        ap.value(step())
    (task,) = [task for task in run.tasks() if task.name.startswith("work")]
    return raised.value, task


NAMED = {
    "no such materializer": (ap.Output("n", materializer="no.such"), errors.NoMaterializerError),
    "no such class": (ap.Output("n", materializer="json:NoSuch"), errors.PluginError),
    "no such artifact task": (ap.Output("n", task="no-such"), errors.NoMaterializerError),
    "no such option": (
        ap.Output("n", materializer="python.document", options={"compress": 9}),
        errors.SettingsError,
    ),
}


@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
@pytest.mark.parametrize("name", NAMED)
def test_what_an_output_names_is_looked_up_before_the_step_runs(session, ran, name, is_async):
    """A slip in what is named fails the task at once; the error says which output."""
    output, error = NAMED[name]
    step = declared(Annotated[int, output], 1, ran, is_async=is_async)

    raised, task = refused(session, step, error)

    assert ran == []
    assert "in output 'n'" in raised.__notes__
    assert task.state is TaskState.FAILED
    assert not list(session.versions())


def test_it_is_refused_each_time(session, ran):
    """The second call is not let through because the first one was looked at."""
    step = declared(Annotated[int, ap.Output("n", materializer="no.such")], 1, ran)
    for _ in range(2):
        refused(session, step, errors.NoMaterializerError)
    assert ran == []


def test_a_pickle_that_is_not_allowed(tmp_path, ran):
    """`Settings.allow_pickle` is asked before the step, too."""
    settings = ap.Settings(store_url=str(tmp_path / "store"), allow_pickle=False)
    with ap.open_session(settings) as session:
        step = declared(Annotated[Any, ap.Output("n", materializer="pickle.object")], 1, ran)
        refused(session, step, errors.UnsafeFormatError)
    assert ran == []


@pytest.mark.parametrize("output", ["Order", "list[Order]", "Order | None", "dict[str, Order]"])
def test_a_secret_in_the_code_of_a_declared_class(place, project, ran, output):  # noqa: F811
    """The code is captured first, and a secret in it is told then."""
    project.write({**ORDERS, "expected_rates.py": SECRET})
    order = project.live("expected_orders:Order")
    with place.session("alice") as session:
        step = declared(eval(output, {"Order": order}), order(1), ran)
        raised, _ = refused(session, step, errors.SecretInSnapshotError)
        assert "expected_rates" in str(raised)
    assert ran == []


SAVED = {
    "a choice": ("int | Order", 1, None),
    "a choice of elements": ("list[int | Order]", [1], None),
    "a choice, named": ("int | Order", 1, "python.document"),
    "a note on a type": ("list[Annotated[int, Order]]", [1], None),
    "elements of a named materializer": ("list[Order]", [1], "python.document"),
}


@pytest.mark.parametrize("name", SAVED)
def test_a_secret_in_the_code_of_a_class_that_need_not_be_there(place, project, name):  # noqa: F811
    """Negative control: the value brings no code of the class, so it is saved."""
    project.write({**ORDERS, "expected_rates.py": SECRET})
    text, made, materializer = SAVED[name]
    output = eval(text, {"Order": project.live("expected_orders:Order"), "Annotated": Annotated})
    if materializer is not None:
        output = Annotated[output, ap.Output("n", materializer=materializer)]
    with place.session("alice") as session:
        with ap.start_run("run"):
            assert ap.value(declared(output, made, [])()) == made
        (version,) = session.versions()
        (snapshot,) = session.snapshots(f'id == "{version.plugin_snapshot}"')
    assert all(archive.role == "plugin" for archive in snapshot.archives)


@pytest.mark.parametrize("output", ["Order", "list[Order]", "Batch"])
def test_the_code_is_in_the_store_when_the_step_runs(place, project, output):  # noqa: F811
    """What is pinned ahead is what the version is pinned to, though it holds other classes too."""
    project.write(ORDERS)
    order, batch = (project.live(f"expected_orders:{name}") for name in ("Order", "Batch"))
    made = {"Order": order(1), "list[Order]": [order(1)], "Batch": batch([order(1)])}[output]
    published: list[set[Path]] = []

    def work() -> Any:
        published.append(published_files(place))
        return made

    work.__annotations__["return"] = eval(output, {"Order": order, "Batch": batch})
    with place.session("alice") as session:
        with ap.start_run("run"):
            ap.step(work)()
        (version,) = session.versions('artifact == "work"')
        (snapshot,) = session.snapshots(f'id == "{version.plugin_snapshot}"')
        archives = {place.archive(one.digest) for one in snapshot.archives}
    assert archives <= published[0]
    # A statement beside them, and nothing after it.
    assert published[0] == published_files(place)


def published_files(place: Place) -> set[Path]:
    """Return the archives and statements in a store."""
    archive = place.archive("sha256:" + "0" * 64)
    return {path for path in archive.parents[1].rglob("*") if path.is_file()}


@dataclass
class Shape:
    """Saved by nothing of its own."""

    name: str


class Open(Shape):
    """What a step returns that is declared to return a `Shape`."""

    def __init__(self) -> None:
        super().__init__("open")
        self.file = open(__file__)  # noqa: SIM115  # nothing saves it


def test_what_a_value_decides_is_left_to_the_value(session, ran):
    """Negative control: the step runs where only what it returns can be refused."""
    made = Open()
    try:
        refused(session, declared(Shape, made, ran), errors.NotSerializableError)
    finally:
        made.file.close()
    assert ran == ["work"]


def test_a_declared_class_that_nothing_saves(session, ran):
    """What is returned may be of a subclass that has a materializer; so the step runs."""

    class Socket:
        __slots__ = ()

        def __reduce__(self) -> Any:
            raise TypeError("not to be pickled")

    class Named(str, Socket):
        pass

    with ap.start_run("run"):
        for output, value in ((Any, 1), (object, 2), (int | str, 3), (None, None)):
            ap.value(declared(output, value, ran)())
    assert len(ran) == 4
    refused(session, declared(Socket, Socket(), ran), errors.MaterializerError)
    assert len(ran) == 5


class Touchy(type):
    """Its classes can be made, and nothing can be asked of them."""

    def __getattr__(cls, name: str) -> Any:
        raise RuntimeError(name)


class NoHash(type):
    """Two of its classes are compared in a way of their own."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(cls, other: object) -> bool:
        return cls is other


ODD = {
    "a class that cannot be looked at": (Touchy("Odd", (), {}) | None, None),
    "a class without a hash": (list[NewType("Odd", NoHash("Odd", (), {}))], []),
    "a class without a module": (list[type("Odd", (), {"__module__": None})], []),
}


@pytest.mark.parametrize("name", ODD)
def test_what_cannot_be_looked_at_ahead(session, ran, name):
    """It keeps no step from running that returns none of it."""
    output, made = ODD[name]
    with ap.start_run("run"):
        assert ap.value(declared(output, made, ran)()) == made


def test_options_without_a_text(session):
    """They are not looked at ahead; the save does."""

    class Options(dict[str, Any]):
        def __repr__(self) -> str:
            raise RuntimeError("not shown")

    session.expecting.expect(int, "python.document", Options(compress=9))
    with pytest.raises(errors.SettingsError):
        session.save(1, "n", materializer="python.document", options=Options(compress=9))


def test_declarations_that_come_and_go(session):
    """Those of classes made at run time are not kept for as long as the session lasts."""
    made = [type("Made", (), {}) for _ in range(2_100)]
    for cls in made:
        session.expecting.expect(list[int | cls])
    gone = [weakref.ref(cls) for cls in made]
    del made, cls
    gc.collect()
    assert None in [one() for one in gone]


def test_a_store_that_is_away_meanwhile(session, ran, monkeypatch):
    """It may be back when there is something to save, so it is not asked for nothing."""
    pin, away = Pinner.pin, [errors.StoreReadError("away", hint="wait")]

    def pinned(self, *arguments):
        if away:
            raise away.pop()
        return pin(self, *arguments)

    monkeypatch.setattr(Pinner, "pin", pinned)
    with ap.start_run("run"):
        assert ap.value(declared(int, 1, ran)()) == 1
    assert not away


def test_each_declaration_is_looked_at_once(session, monkeypatch):
    """A step of a thousand calls asks once."""
    asked = []
    chosen = session.materializers.for_class
    monkeypatch.setattr(
        session.materializers,
        "for_class",
        lambda cls, *rest, **named: asked.append(cls) or chosen(cls, *rest, **named),
    )

    @ap.step
    def plus(number: int) -> int:
        return number + 1

    session.save(0, "zero")
    asked.clear()
    with ap.start_run("run"):
        plus.map(number=list(range(20)))
    # The values themselves ask as well, once each: 20 and the list that is mapped over.
    expected = len(asked)
    with ap.start_run("run"):
        plus.map(number=list(range(20)))
    assert len(asked) - expected == expected - 1


def test_a_declaration_without_a_hash(session):
    """It is not looked at ahead; the save does."""
    session.expecting.expect(Annotated[int, []], "no.such")
    with pytest.raises(errors.NoMaterializerError):
        session.expecting.expect(Annotated[int, ()], "no.such")
