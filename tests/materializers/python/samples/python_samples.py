"""Classes of users, as the tests of the python materializers store them."""

from __future__ import annotations

import enum
from collections import namedtuple
from dataclasses import InitVar, dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Generic, NamedTuple, TypedDict, TypeVar

import attrs
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, RootModel

T = TypeVar("T")


class Color(enum.Enum):
    RED = 1
    CRIMSON = 1
    BLUE = "blue"


class Mode(str, enum.Enum):
    FAST = "fast"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Right(enum.Flag):
    READ = 1
    WRITE = 2
    EXECUTE = 4


class Bits(enum.IntFlag, boundary=enum.KEEP):
    ONE = 1
    TWO = 2


class Pair(NamedTuple):
    left: Any
    right: Any = None


Classic = namedtuple("Classic", ["a", "b"])  # the old way is under test


class Open(namedtuple("Open", ["a"])):  # has a __dict__ on purpose
    pass


class Movie(TypedDict):
    title: str
    year: int


@dataclass
class Record:
    ident: int
    name: str
    score: float
    tags: list = field(default_factory=list)
    extra: dict = field(default_factory=dict)


@dataclass
class Node:
    value: Any = None
    other: Any = None
    kind: ClassVar[str] = "node"


@dataclass(slots=True)
class Slotted:
    a: Any
    b: Any = 2


@dataclass(frozen=True)
class Frozen:
    a: Any
    b: Any = ()


@dataclass(frozen=True, slots=True)
class Single:
    only: Any


@dataclass
class Empty:
    pass


@dataclass
class Base:
    a: int = 1


@dataclass
class Derived(Base):
    b: int = 2


class Undecorated(Derived):
    pass


@dataclass
class Generic1(Generic[T]):
    item: T


@dataclass
class Computed:
    """Its `__post_init__` would change what was set afterwards."""

    given: int
    scale: InitVar[int] = 2
    total: int = field(init=False)
    label: str = field(init=False, default="none")
    calls: ClassVar[list[int]] = []

    def __post_init__(self, scale: int) -> None:
        self.calls.append(scale)
        self.total = self.given * scale

    @cached_property
    def slow(self) -> int:
        return self.total * 100


@dataclass
class Guarded:
    """No object of it can be made or changed the usual way."""

    secret: int

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(name)


@dataclass
class ListLike(list):
    a: int = 1


@attrs.define
class Point:
    x: Any
    _hidden: Any = 0

    @cached_property
    def norm(self) -> Any:
        return self.x * 2


@attrs.frozen
class Still:
    x: Any
    y: Any = 1


@attrs.frozen(cache_hash=True)
class Hashed:
    x: Any


@attrs.define(slots=False, unsafe_hash=True, cache_hash=True)
class HashedDict:
    x: Any
    y: Any = 1


class Order(BaseModel):
    number: int
    items: list[Any] = []
    note: str | None = None


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    a: Any
    _seen: Any = PrivateAttr(default=0)
    _unset: int


class Numbers(RootModel[list[int]]):
    pass


class Nested(BaseModel):
    order: Order
    pair: Pair
    color: Color


class MyInt(int):
    pass


class MyList(list):
    pass


class Foreign:
    """A type that only `FakeParts` can store."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Foreign) and other.payload == self.payload

    def __hash__(self) -> int:
        return hash(self.payload)

    def __repr__(self) -> str:
        raise AssertionError("nobody may call the repr of an unknown object")


class Frame(Foreign):
    """A type that `FakeParts` can also stream."""


def factory() -> list[int]:
    return []


class Guessed(enum.Enum):
    """Makes a member of any value it is asked for."""

    KNOWN = 1

    @classmethod
    def _missing_(cls, value: object) -> Any:
        made = object.__new__(cls)
        made._name_, made._value_ = f"UNKNOWN_{value}", value
        return made


class Elsewhere:
    """A descriptor that keeps values of objects in a table of its own."""

    def __init__(self) -> None:
        self.kept: dict[int, Any] = {}

    def __get__(self, owner: Any, cls: Any = None) -> Any:
        return 100 if owner is None else self.kept.get(id(owner), 100)

    def __set__(self, owner: Any, value: Any) -> None:
        self.kept[id(owner)] = value


@dataclass
class Described:
    amount: int = Elsewhere()  # the documented way to give a field a descriptor
    unit: str = "kg"


class Cached(BaseModel):
    a: int
    b: int = 2

    @cached_property
    def total(self) -> int:
        return self.a + self.b


@dataclass
class Login:
    user: str
    password: str = field(repr=False)


@attrs.define
class Token:
    owner: str
    secret: str = attrs.field(repr=False)


class Account(BaseModel):
    name: str
    pin: str = Field(repr=False)
