"""Classes to find materializers for: an order with heirs, a dataclass, an enum, an int's heir."""

from __future__ import annotations

import dataclasses
import enum


class Order:
    pass


class Express(Order):
    pass


class Fragile(Express):
    pass


class Animal:
    pass


class Duck(Animal, Order):
    pass


@dataclasses.dataclass
class Point:
    x: int = 0


class Colour(enum.StrEnum):
    RED = "red"


class Whole(int):
    pass


def here(cls: type) -> str:
    """Return the import path of a class."""
    return f"{cls.__module__}:{cls.__qualname__}"
