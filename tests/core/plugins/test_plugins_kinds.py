import collections
import dataclasses
import enum
import io
import sqlite3
import subprocess
import sys
import typing

import attrs
import pydantic
import pytest
from pydantic.dataclasses import dataclass as pydantic_dataclass

from artifact_plugins.plugins.kinds import kind_of


@dataclasses.dataclass
class Order:
    number: int = 0


class Special(Order):
    pass


@pydantic_dataclass
class Checked:
    number: int = 0


class Model(pydantic.BaseModel):
    number: int = 0


class Box(pydantic.RootModel[list[int]]):
    pass


@attrs.define
class Point:
    x: int = 0


class Pair(typing.NamedTuple):
    left: int
    right: int


Old = collections.namedtuple("Old", "a b")  # the old spelling is under test


class Colour(enum.Enum):
    RED = 1


class Text(str, enum.Enum):  # the old spelling is under test
    A = "a"


class Number(enum.IntEnum):
    ONE = 1


class Flags(enum.Flag):
    A = 1


class Mixed(Order, enum.Enum):
    ONE = 1


@dataclasses.dataclass
class Cursor:
    at: int = 0

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration


class Counting:
    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration


class FakeFields(tuple):
    __slots__ = ()
    _fields = "ab"


KINDS = {
    Order: "dataclass",
    Special: "dataclass",
    Checked: "dataclass",
    Model: "pydantic",
    Box: "pydantic",
    Point: "attrs",
    Pair: "namedtuple",
    Old: "namedtuple",
    Colour: "enum",
    Text: "enum",
    Number: "enum",
    Flags: "enum",
    Mixed: "enum",
    Cursor: "dataclass",
    Counting: "iterator",
    type(iter([])): "iterator",
    type(map(str, [])): "iterator",
    type(x for x in ()): "iterator",
    collections.abc.Iterator: "iterator",
    sqlite3.Cursor: "iterator",
    int: None,
    str: None,
    tuple: None,
    dict: None,
    object: None,
    type(None): None,
    range: None,
    FakeFields: None,
    io.StringIO: None,
    io.TextIOWrapper: None,
    io.BufferedReader: None,
    type: None,
}


@pytest.mark.parametrize("cls", KINDS, ids=lambda cls: cls.__name__)
def test_a_class_has_one_kind(cls):
    """Each class belongs to the first family that holds, in a fixed order."""
    assert kind_of(cls) == KINDS[cls]


def test_kinds_import_nothing():
    """Telling the kind of a class imports neither pydantic nor attrs."""
    code = (
        "import sys, importlib.util\n"
        "sys.modules['artifact_plugins.contracts.offers'] = type(sys)('offers')\n"
        "sys.modules['artifact_plugins.contracts.offers'].Kind = str\n"
        "import artifact_plugins\n"
        "path = artifact_plugins.__path__[0] + '/plugins/kinds.py'\n"
        "spec = importlib.util.spec_from_file_location('kinds', path)\n"
        "kinds = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(kinds)\n"
        "assert kinds.kind_of(int) is None\n"
        "assert not {'pydantic', 'attrs', 'attr'} & set(sys.modules)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
