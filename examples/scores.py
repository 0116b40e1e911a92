"""A class in a module of its own: that is where its stored values find it again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """What an evaluation found."""

    mean: float
    worst: float
