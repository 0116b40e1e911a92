"""E10: nothing is imported or called because a stranger's version names it, whoever looks at it."""

from __future__ import annotations

import sys

import pytest
from store_attacks import Place, Trap

import artifact_plugins as ap
from artifact_plugins import errors
from artifact_plugins.cli.app import group
from artifact_plugins.cli.failures import run as run_command

TRAP = """
import enum
from dataclasses import dataclass
from typing import Any, NamedTuple

import pydantic

import artifact_plugins as ap

CANARY.write_text("imported")


def called():
    CANARY.write_text("called")


@dataclass
class Checked:
    size: int

    def __post_init__(self):
        called()


class Model(pydantic.BaseModel):
    size: int

    @pydantic.field_validator("size")
    @classmethod
    def _seen(cls, value):
        called()
        return value


class Colour(enum.Enum):
    RED = 1

    @classmethod
    def _missing_(cls, value):
        called()
        return cls.RED


class Point(NamedTuple):
    x: int


class Bag(dict):
    def __init__(self, *given):
        called()
        super().__init__(*given)


class Plain:
    def __init__(self):
        self.size = 1

    def __eq__(self, other):
        return type(other) is Plain and other.size == self.size

    def __setstate__(self, state):
        called()
        self.__dict__.update(state)


class Writer(ap.Materializer):
    format = "trap/1"

    def __init__(self, options=None):
        called()
        super().__init__(options)

    def save(self, value, folder):
        (folder / "value.txt").write_text(str(value))

    def load(self, folder, data_type):
        called()
        return int((folder / "value.txt").read_text())


def items():
    yield from [Checked(1), Checked(2)]
"""

VALUES = {
    "dataclass": lambda trap: trap.Checked(1),
    "pydantic model": lambda trap: trap.Model(size=1),
    "enum": lambda trap: trap.Colour.RED,
    "named tuple": lambda trap: trap.Point(1),
    "object pickled": lambda trap: trap.Plain(),
    "class pickled": lambda trap: trap.Plain,
    "factory of a defaultdict": lambda trap: __import__("collections").defaultdict(trap.Bag, {}),
    "element of a dict": lambda trap: {"a": [trap.Checked(1)]},
    "rows of a list": lambda trap: [trap.Checked(n) for n in range(50)],
    "pickled element": lambda trap: {"a": trap.Plain()},
    "large": lambda trap: {"a": trap.Checked(1), "b": ["x" * 100] * 100},
    "stream": lambda trap: trap.items(),
    "materializer": lambda trap: 7,
}


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """A store that mallory filled; alice's search path has the module that the versions name."""
    folder = tmp_path_factory.mktemp("market")
    code = folder / "code"
    code.mkdir()
    trap = Trap(code, "trap_of_imports", TRAP)
    place = Place(folder)
    sys.path.insert(0, str(code))
    try:
        module = trap.imported()
        with place.session("mallory") as session:
            for name, make in VALUES.items():
                writer = module.Writer if name == "materializer" else None
                session.save(make(module), name, materializer=writer)
        yield place, trap
    finally:
        sys.path.remove(str(code))
        sys.modules.pop(trap.name, None)


@pytest.fixture
def trap(market):
    """The trap, set."""
    market[1].set()
    yield market[1]
    market[1].set()


def consumed(session, name, **how):
    """Load a version and everything that it yields."""
    value = session.load(name, **how)
    return list(value) if hasattr(value, "__next__") else value


READERS = {
    "a foreign key": {},
    "installed": {"trust": "installed"},
    "pinned, nothing is": {"trust": "pinned"},
    "exact code": {"snapshots": "exact"},
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", VALUES)
def test_e10_loading_imports_nothing(market, trap, name, reader):
    """E10: a class, factory or materializer that a stranger names is refused before its import."""
    with market[0].session("alice", **READERS[reader]) as session, pytest.raises(errors.TrustError):
        consumed(session, name)
    assert not trap.fired
    assert trap.name not in sys.modules


@pytest.mark.parametrize("as_type", [list, dict, int, object, "list[int]"])
@pytest.mark.parametrize("name", VALUES)
def test_e10_wanted_types_import_nothing(market, trap, name, as_type):
    """E10: the same when the reader wants another type; all that may come instead is an error."""
    as_type = list[int] if as_type == "list[int]" else as_type
    with (
        market[0].session("alice") as session,
        pytest.raises((errors.TrustError, errors.MaterializerError)),
    ):
        consumed(session, name, as_type=as_type)
    assert not trap.fired


@pytest.mark.parametrize("how", [{"columns": ["a"]}, {"rows": slice(1)}], ids=["columns", "rows"])
@pytest.mark.parametrize("name", VALUES)
def test_e10_partial_loads_import_nothing(market, trap, name, how):
    """E10: nor does a selection."""
    with (
        market[0].session("alice") as session,
        pytest.raises((errors.TrustError, errors.MaterializerError)),
    ):
        consumed(session, name, **how)
    assert not trap.fired


@pytest.mark.parametrize("name", VALUES)
def test_e10_lazy_inputs_import_nothing(market, trap, name):
    """E10: nor does an input of a step that is loaded when the step asks."""

    @ap.step
    def read(value: ap.Lazy[object]) -> int:
        loaded = value.load()
        return len(list(loaded)) if hasattr(loaded, "__next__") else 1

    with (
        market[0].session("alice") as session,
        pytest.raises(errors.TrustError),
        ap.start_run("look"),
    ):
        read(value=session.find(name))
    assert not trap.fired


LOOKS = (
    "list", "show {}", "show {} --json", "explain-load {}", "explain-load {} --json", "doctor",
    "doctor --load-check", "export {} out", "lineage {}", "links {}", "tags", "runs",
)  # fmt: skip


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", ["dataclass", "object pickled", "materializer", "stream"])
def test_e10_looking_imports_nothing(market, trap, name, look, monkeypatch, capsys):
    """E10: lists, previews, explanations, checks and exports run nothing of a stranger's."""
    place = market[0]
    monkeypatch.setenv("ARTIFACT_PLUGINS_STORE_URL", str(place.store))
    monkeypatch.setenv("ARTIFACT_PLUGINS_LEDGER_URL", f"sqlite:///{place.folder}/ledger.sqlite")
    monkeypatch.setenv("ARTIFACT_PLUGINS_TRUST_HOME", str(place.home("alice")))
    arguments = [part.format(name) for part in look.split(" ")]

    run_command(group, arguments)

    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert "no such command" not in shown.err.lower()
    assert not trap.fired
    assert trap.name not in sys.modules


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("how", ["trust='unsafe'", "allow_unsafe=True"])
def test_e10_the_trap_works(market, trap, name, how):
    """Negative control: for a reader who wants it, the same loads import the module."""
    settings = {"trust": "unsafe"} if how.startswith("trust") else {}
    with market[0].session("alice", **settings) as session:
        consumed(session, name, allow_unsafe=not settings)
    assert trap.fired


@pytest.mark.parametrize("name", VALUES)
def test_e10_the_author_needs_no_permission(market, trap, name):
    """What mallory saved loads for mallory without a question."""
    with market[0].session("mallory") as session:
        consumed(session, name)
    assert trap.fired


@pytest.mark.parametrize("signed", ["by nobody", "by a stranger"])
@pytest.mark.parametrize("name", VALUES)
def test_e14_a_stripped_signature_is_as_good_as_a_wrong_one(market, trap, name, signed, tmp_path):
    """E14: in mode `signed` what alice saved is refused when its signature is missing or another's."""
    place = Place(tmp_path)  # alice's key must not vouch for the code in the market
    module = trap.imported()
    with place.session("alice") as session:
        writer = module.Writer if name == "materializer" else None
        version = session.save(VALUES[name](module), f"own {name}", materializer=writer)
    place.forge(version, signer="mallory" if signed == "by a stranger" else None)
    trap.set()
    expected = errors.UnsafeFormatError if signed == "by nobody" else errors.UntrustedKeyError

    with place.session("alice") as session, pytest.raises(expected):
        consumed(session, version.id)
    assert not trap.fired
