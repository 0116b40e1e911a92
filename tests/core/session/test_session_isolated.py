"""A version whose libraries do not fit is loaded in its recorded environment, through a session."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import artifact_plugins as ap
from artifact_plugins.errors import EnvironmentMismatchError
from artifact_plugins.isolation import IsolatedValue
from artifact_plugins.isolation import loading as isolation_loading
from artifact_plugins.isolation.process import ChildProcess
from artifact_plugins.session.wanted import Selection
from artifact_plugins.snapshots import environment

MODEL = """
import numpy as np


class Doubling:
    def __init__(self):
        self.weights = np.array([2.0, 2.0])

    def predict(self, values):
        return values * self.weights
"""


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ap.ArtifactVersion:
    """A pickled model of the user's own, saved with the installed numpy."""
    (tmp_path / "doubling.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))
    from doubling import Doubling

    version: ap.ArtifactVersion = ap.save(Doubling(), "model")
    sys.modules.pop("doubling")
    return version


@pytest.fixture
def other_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the installed numpy look like another major version."""
    real = environment._version_of

    def version_of(name: str) -> str | None:
        return "1.0.0" if name == "numpy" else real(name)

    version_of.cache_clear = real.cache_clear  # type: ignore[attr-defined]
    monkeypatch.setattr(environment, "_version_of", version_of)


def test_what_fits_loads_here(saved):
    """Negative control: with the libraries it was saved with, the value is loaded in this process."""
    with ap.open_session(ap.Settings(isolation="uv")) as session:
        assert session.explain_load(saved).decision.code == "installed"
        assert session.load(saved).predict(np.ones(2)).tolist() == [2.0, 2.0]


def test_a_pickle_with_other_libraries_is_refused(saved, other_numpy):
    """Without isolation loading and explaining name the library, wanted and found."""
    with ap.open_session(ap.Settings()) as session:
        explained = session.explain_load(saved)
        with pytest.raises(EnvironmentMismatchError, match="numpy: wanted .*, found 1.0.0"):
            session.load(saved)

    assert isinstance(explained.error, EnvironmentMismatchError)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_answers_from_its_own_environment(saved, other_numpy):
    """With uv the recorded environment is built, and the model predicts there."""
    with ap.open_session(ap.Settings(isolation="uv")) as session:
        assert session.explain_load(saved).decision.code == "isolated"

        model = session.load(saved)

        assert isinstance(model, IsolatedValue)
        assert model.predict(np.ones(2)).tolist() == [2.0, 2.0]
        model.close()


@pytest.fixture
def elements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, ap.ArtifactVersion]:
    """Pickled models inside of other values, and as chunks of a stream."""
    (tmp_path / "doubling.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))
    from doubling import Doubling

    found = {
        "list": ap.save([1, Doubling()], "list"),
        "stream": ap.save((Doubling() for _ in range(3)), "stream"),
    }
    sys.modules.pop("doubling")
    return found


@pytest.mark.parametrize("kind", ["list", "stream"])
def test_elements_that_fit_load_here(elements, kind):
    """Negative control: with the libraries they were saved with, elements are unpickled."""
    with ap.open_session(ap.Settings()) as session:
        last = list(session.load(elements[kind]))[-1]

    assert last.predict(np.ones(2)).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("kind", ["list", "stream"])
def test_a_pickled_element_with_other_libraries_is_refused(elements, other_numpy, kind):
    """An element that executes is asked for its libraries as a whole value is, and explained so."""
    with ap.open_session(ap.Settings()) as session:
        explained = session.explain_load(elements[kind])
        with pytest.raises(EnvironmentMismatchError, match="numpy: wanted .*, found 1.0.0"):
            session.load(elements[kind])

    assert isinstance(explained.error, EnvironmentMismatchError)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ChildProcess]]:
    """Let the interpreter of the tests stand for recorded environments; give what is started."""
    started: list[ChildProcess] = []

    class Noted(ChildProcess):
        def __init__(self, python: Path) -> None:
            super().__init__(python)
            started.append(self)

    python = Path(sys.executable)
    monkeypatch.setattr(isolation_loading, "environment_python", lambda *_, **__: python)
    monkeypatch.setattr(isolation_loading, "ChildProcess", Noted)
    yield started
    for process in started:
        process.close()


TICKET = """
import numpy as np


class Ticket:
    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        return dict, ([("number", self.number), ("seats", np.arange(self.number))],)
"""


@pytest.fixture
def ticket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give a class whose pickles hold what comes back as data."""
    (tmp_path / "tickets.py").write_text(TICKET)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("tickets").Ticket
    sys.modules.pop("tickets", None)


def saved_stream(items: Iterable[Any]) -> ap.ArtifactVersion:
    with ap.open_session(ap.Settings(verify_save="none")) as session:
        return session.save((item for item in items), "stream")


def test_a_stream_switches_where_an_item_asks_for_it(ticket, request, processes):
    """Pickles further on in a stream come from one process, which ends with the iterator."""
    version = saved_stream([1, 2, ticket(3), ticket(4)])
    request.getfixturevalue("other_numpy")

    with ap.open_session(ap.Settings(isolation="uv")) as session:
        one, two, three, four = session.load(version)

    assert (one, two, three["number"], four["number"]) == (1, 2, 3, 4)
    assert four["seats"].tolist() == [0, 1, 2, 3]
    assert [process.is_open for process in processes] == [False]


def test_a_stream_of_pickles_comes_from_its_own_environment(ticket, request, processes):
    """The first item tells at the load; who stops in the middle leaves no process behind."""
    version = saved_stream(map(ticket, range(5)))
    request.getfixturevalue("other_numpy")

    with ap.open_session(ap.Settings(isolation="uv")) as session:
        assert session.explain_load(version).decision.code == "isolated"
        items = session.load(version)
        assert [process.is_open for process in processes] == [True]
        assert [item["number"] for item in islice(items, 2)] == [0, 1]
        items.close()

    assert [process.is_open for process in processes] == [False]


@pytest.mark.slow
def test_a_stream_comes_as_a_list_from_its_own_environment(ticket, request, processes):
    """Who wants all items at once gets them as one list."""
    version = saved_stream(map(ticket, range(3)))
    request.getfixturevalue("other_numpy")

    with ap.open_session(ap.Settings(isolation="uv")) as session:
        found = session.load(version, as_type=list)

    assert [item["number"] for item in found] == [0, 1, 2]


def test_an_item_that_is_no_data_is_an_error_of_the_load(elements, other_numpy, processes):
    """A stream of models, which cannot travel, is refused when it is loaded; nothing runs on."""
    with (
        ap.open_session(ap.Settings(isolation="uv")) as session,
        pytest.raises(EnvironmentMismatchError, match="an item of .* cannot come back as data"),
    ):
        session.load(elements["stream"])

    assert [process.is_open for process in processes] == [False]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_stream_comes_from_its_own_environment():
    """A stream that is loaded in its recorded environment is iterated there, item by item."""
    version = ap.save((np.full(2, number) for number in range(3)), "stream")
    with ap.open_session(ap.Settings(isolation="uv")) as session:
        reading = session.deciding.reading(version, allow_unsafe=False)
        value = session.deciding.load_there(reading, Selection())

        assert [array.tolist() for array in value] == [[0, 0], [1, 1], [2, 2]]
