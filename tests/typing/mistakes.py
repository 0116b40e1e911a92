"""Mistakes that type checkers find; each line with an arrow has one."""

from __future__ import annotations

from typing import Annotated

import artifact_plugins as ap


@ap.step
def load(month: int) -> Annotated[list[float], "flights"]:
    return [float(month)]


@ap.step(retries=2)
def mean(flights: list[float], carrier: str = "UA") -> float:
    return sum(flights) / len(carrier)


@ap.pipeline
def nightly(month: int) -> float:
    return mean(load(month))


load("one")  # <- text for a number
load()  # <- no month
load(mouth=1)  # <- no such input
mean(load(1), carrier=3)  # <- a number for text
mean(3)  # <- a number for a list
ap.value(load(1)).upper()  # <- a list has no such method
number: int = mean(load(1))  # <- a float is no int
nightly("one")  # <- text for a number
nightly(1).tusks()  # <- a run has no such method
ap.step(retries="2")  # <- text for a number
ap.pipeline(on_exit=print)  # <- no step
ap.exit_handler(print)  # <- no step
