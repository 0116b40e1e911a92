"""Values and materializers that could never be loaded again are refused when they are saved."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import artifact_plugins as ap
from artifact_plugins import errors
from artifact_plugins.contracts.refs import find_type, lasting_path, type_path
from artifact_plugins.records import VersionQuery


class Crate:
    def __init__(self, n: int) -> None:
        self.n = n

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Crate) and self.n == other.n

    __hash__ = None


class CrateMaterializer(ap.Materializer[Any]):
    format = "crate/1"

    def save(self, value: Any, directory: Path) -> None:
        (directory / "n.txt").write_text(str(value.n))

    def load(self, directory: Path, data_type: type[Any]) -> Any:
        return data_type(int((directory / "n.txt").read_text()))


class Executing(CrateMaterializer):
    executes_on_load = True


class FailsToStart(CrateMaterializer):
    def __init__(self, options: Any = None) -> None:
        raise KeyError("boom")


class TakesNothing(CrateMaterializer):
    def __init__(self) -> None:
        super().__init__()


class Unhashable(type):
    __hash__ = None


class Strange(Crate, metaclass=Unhashable):
    pass


def crate_overrides(materializer: type) -> dict[str, str]:
    return {type_path(Crate): type_path(materializer)}


def test_class_of_a_module_is_saved(session):
    """Negative control: a class that can be found again comes back."""
    session.save(Crate(3), "crate", materializer=CrateMaterializer)

    assert session.load("crate") == Crate(3)


def test_class_defined_in_a_function_is_refused(session):
    """The error names the class and says where to define it; nothing is written."""

    class Local(Crate):
        pass

    with pytest.raises(errors.NotSerializableError, match=r"Local.*top level of a module"):
        session.save(Local(3), "crate", materializer=CrateMaterializer)
    assert len(session.ledger.versions(VersionQuery())) == 0


def test_a_lock_inside_a_value_is_to_be_left_out(session):
    """Nobody can define the class of a compiled module elsewhere: the advice fits what it is."""
    with pytest.raises(errors.NotSerializableError, match=r"value\[1\].*leave its object out"):
        session.save([1, threading.Lock()], "lock")
    assert len(session.ledger.versions(VersionQuery())) == 0


def test_object_of_a_class_that_was_defined_again_is_refused(session, monkeypatch):
    """Loading would give an object of the new class: the old one is lost."""
    old = Crate(1)
    new = type("Crate", (), {"__module__": __name__, "__qualname__": "Crate"})
    monkeypatch.setitem(globals(), "Crate", new)

    with pytest.raises(errors.NotSerializableError, match=r"another class has that path.*anew"):
        session.save(old, "crate", materializer=CrateMaterializer)


def test_element_of_a_lost_class_is_refused(places):
    """An element of a container is looked at as well."""

    class Local:
        n = 3

    Local.__qualname__ = "Crate"
    overrides = crate_overrides(CrateMaterializer)
    with (
        ap.open_session(ap.Settings(**places, materializers=overrides)) as session,
        pytest.raises(errors.MaterializerError, match="path"),
    ):
        session.save([Crate(1), Local()], "crates")


def test_class_whose_metaclass_has_no_hash_has_a_path(session):
    """No cache is needed to find a class."""
    assert find_type(lasting_path(Strange)) is Strange


@pytest.mark.parametrize("value", [Crate(1), [Crate(1)]], ids=["whole", "element"])
def test_materializer_that_executes_on_load_needs_trust(places, value):
    """It is saved; loading it runs code, which a reader who trusts nobody does not do."""
    settings = {**places, "materializers": crate_overrides(Executing)}
    with ap.open_session(ap.Settings(**settings)) as session:
        version = session.save(value, "crate")
        own = session.load(version)
    with (
        ap.open_session(ap.Settings(**settings, trust="installed")) as session,
        pytest.raises(errors.TrustError),
    ):
        session.load(version)

    assert own == value


def test_executing_materializer_of_a_plugin_does_not_need_pickle_allowed(places):
    """`allow_pickle=False` is about what nothing handles, not about a format that was chosen."""
    settings = {**places, "materializers": crate_overrides(Executing), "allow_pickle": False}
    with ap.open_session(ap.Settings(**settings)) as session:
        assert session.load(session.save(Crate(1), "crate")) == Crate(1)


@pytest.mark.parametrize("materializer", [FailsToStart, TakesNothing])
def test_materializer_that_cannot_be_made_is_named(session, materializer):
    """Its key and what it raised are in the error."""
    with pytest.raises(errors.PluginError, match=materializer.__name__):
        session.save(Crate(1), "crate", materializer=materializer)


@pytest.mark.parametrize("options", [["a"], {1: 2}, {"a": 1, 2: 3}, "zstd", 5], ids=repr)
def test_options_that_are_no_keywords_are_refused(session, options):
    """Options are a mapping with text as keys."""
    with pytest.raises(errors.InputError, match="options"):
        session.save(1, "x", options=options)


def test_option_that_does_not_exist_is_named(session):
    """A mapping with another name in it names the option."""
    with pytest.raises(errors.SettingsError, match="bogus"):
        session.save(1, "x", options={"bogus": 1})


@pytest.mark.parametrize(
    ("number", "code", "why"),
    [
        (1, "raise RuntimeError('at import')", "RuntimeError: at import"),
        (2, "not python !!", "SyntaxError"),
        (3, "1 / 0", "ZeroDivisionError"),
        (4, "x = 1", "AttributeError"),
    ],
)
def test_module_that_fails_at_import_is_a_missing_class(tmp_path, monkeypatch, number, code, why):
    """Whatever the module of a data type does, the class is what is missing."""
    name = f"ap_broken_module_{number}"
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(errors.PayloadClassNotFoundError, match=f"{name}:Order.*{why}"):
        find_type(f"{name}:Order")
