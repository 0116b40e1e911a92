"""A small pipeline whose run is delivered; a module, so that its code is pinned by reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pandas as pd

import artifact_plugins as ap


@dataclass
class Delay:
    """A class of the user's own code, which no worker has installed."""

    carrier: str
    minutes: list[float]


@ap.step
def load_flights(month: int) -> Annotated[pd.DataFrame, "flights"]:
    """Return the flights of a month."""
    return pd.DataFrame({"month": [month] * 100, "delay": [month + 0.5] * 100})


@ap.step
def mean_delay(flights: pd.DataFrame, carrier: str = "UA") -> float:
    """Return the mean delay."""
    return float(flights["delay"].mean())


@ap.step
def rank(
    delays: list[float],
) -> Annotated[dict[str, list[float]], ap.Output("ranking", tags=["report", "prod_1"])]:
    """Return the delays in order."""
    return {"delays": sorted(delays)}


@ap.pipeline
def delays(months: list[int] = [1, 2], carrier: str = "UA") -> dict[str, list[float]]:
    """Rank the mean delays of some months."""
    flights = load_flights.map(month=months)
    return rank(mean_delay.partial(carrier=carrier).map(flights=flights))
