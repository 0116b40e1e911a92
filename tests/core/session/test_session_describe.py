"""Errors that cannot be described, at every place that describes them."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

import artifact_plugins as ap
from artifact_plugins import errors
from artifact_plugins.errors import describe


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Odd:
    def __init__(self, n: int = 1) -> None:
        self.n = n


class _Text(ap.Materializer[Odd]):
    format = "odd/1"

    def save(self, value: Odd, directory: Path) -> None:
        (directory / "n.txt").write_text(str(value.n))

    def load(self, directory: Path, data_type: type[Odd]) -> Odd:
        return data_type(int((directory / "n.txt").read_text()))


class FailsToSave(_Text):
    def save(self, value: Odd, directory: Path) -> None:
        raise Unspeakable


class FailsToLoad(_Text):
    def load(self, directory: Path, data_type: type[Odd]) -> Odd:
        raise Unspeakable


class FailsToLoadLater(FailsToLoad):
    exact = True


def test_type_and_message_are_named():
    """An error is its type and its message; its type alone without one."""
    assert describe(ValueError("3 of 4")) == "ValueError: 3 of 4"
    assert describe(KeyError()) == "KeyError"


def test_error_whose_str_raises_is_named_by_type():
    """A broken `__str__` does not replace the error by another one."""
    assert describe(Unspeakable()) == "Unspeakable (its message cannot be shown)"


def test_description_is_bounded_and_storable():
    """At most 2,000 characters, and none that a database refuses."""
    described = describe(ValueError("\ud800" + "x" * 10_000))

    assert len(described) == 2_000
    assert described.startswith("ValueError: ?x")
    described.encode()


def test_materializer_that_fails_to_save_is_named(session):
    """The save fails with our error, the author's is its cause."""
    with pytest.raises(errors.NotSerializableError, match="Unspeakable") as caught:
        session.save(Odd(), "odd", materializer=FailsToSave)
    assert isinstance(caught.value.__cause__, Unspeakable)


def test_materializer_that_fails_to_load_back_is_named(session):
    """The round trip of a save describes what cannot describe itself."""
    with pytest.raises(errors.RoundTripError, match="Unspeakable"):
        session.save(Odd(), "odd", materializer=FailsToLoad)


def test_materializer_that_fails_to_load_is_named(session):
    """So does a later load."""
    version = session.save(Odd(), "odd", materializer=FailsToLoadLater)

    with pytest.raises(errors.LoadFailedError, match="Unspeakable"):
        session.load(version)


def test_round_trip_error_pickles(session):
    """An error that names its materializer survives the way out of a worker."""
    with pytest.raises(errors.RoundTripError) as caught:
        session.save(Odd(), "odd", materializer=FailsToLoad)

    again = pickle.loads(pickle.dumps(caught.value))

    assert (str(again), again.materializer) == (str(caught.value), caught.value.materializer)
