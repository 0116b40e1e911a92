"""A version whose libraries do not fit is loaded in its recorded environment, through a session."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import artifact_plugins as ap
from artifact_plugins.errors import EnvironmentMismatchError
from artifact_plugins.isolation import IsolatedValue
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
    """An element that executes is asked for its libraries as a whole value is."""
    with (
        ap.open_session(ap.Settings()) as session,
        pytest.raises(EnvironmentMismatchError, match="numpy: wanted .*, found 1.0.0"),
    ):
        list(session.load(elements[kind]))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_stream_comes_from_its_own_environment():
    """A stream that is loaded in its recorded environment is iterated there, item by item."""
    version = ap.save((np.full(2, number) for number in range(3)), "stream")
    with ap.open_session(ap.Settings(isolation="uv")) as session:
        reading = session.deciding.reading(version, allow_unsafe=False)
        value = session.deciding.load_there(reading, Selection())

        assert [array.tolist() for array in value] == [[0, 0], [1, 1], [2, 2]]
        value.close()
